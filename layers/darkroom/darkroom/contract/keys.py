"""Where everything lies. Keys follow from the source alone, so a re-run overwrites its own work.

The whole source key, extension included, is the folder of its outputs: ``a.png`` and ``a.jpg``
never collide, and one prefix lists all that was made of an image.
"""

from __future__ import annotations

import hashlib

from darkroom.contract.errors import InvalidRequest
from darkroom.contract.formats import OUTPUT_FORMATS
from darkroom.contract.objects import Source

DOCUMENT = "document"
"""Name of the PDF among the outputs."""

MAX_KEY_BYTES = 1024
"""S3 user guide, "Naming Amazon S3 objects": a key is at most 1,024 bytes of UTF-8."""


def rendition_file(preset: str, image_format: str) -> str:
    """Return the name of a rendition's file, as ``small.jpg``.

    Presets have names without a dot, each its own, and formats have extensions of their own: no two
    files of an image are called the same.
    """
    return f"{preset}.{OUTPUT_FORMATS[image_format].extension}"


def rendition_key(source_key: str, preset: str, image_format: str) -> str:
    """Return the key of a rendition in the output bucket, as ``photo.png/small.jpg``."""
    return _inside(source_key, rendition_file(preset, image_format))


def document_key(source_key: str) -> str:
    """Return the key of the PDF in the output bucket, as ``photo.png/document.pdf``."""
    return _inside(source_key, f"{DOCUMENT}.pdf")


def mezzanine_key(source: Source, execution: str) -> str:
    """Return the key of an execution's mezzanine in the work bucket.

    Two executions on the same image must never read each other's mezzanine, so the execution's
    name is part of it. The source is hashed: a 1,024-byte key leaves no room for a suffix.
    """
    return f"mezzanines/{_hashed(source)}/{execution}"


def original_key(source: Source, execution: str) -> str:
    """Return the key of an execution's copy of the original in the work bucket."""
    return f"originals/{_hashed(source)}/{execution}"


def record_key(bucket: str, key: str) -> str:
    """Return the key of an image's record in the table, as ``bucket/photo.jpg``.

    The state ClaimImage composes the same in JSONata; a test compares the two.
    """
    return f"{bucket}/{key}"


def _hashed(source: Source) -> str:
    return hashlib.sha256(f"{source.bucket}/{source.key}".encode()).hexdigest()[:32]


def _inside(source_key: str, name: str) -> str:
    key = f"{source_key}/{name}"
    if len(key.encode()) > MAX_KEY_BYTES:
        raise InvalidRequest(
            f"Expected a source key that leaves room for '/{name}' within S3's {MAX_KEY_BYTES} "
            f"bytes, but it is {len(source_key.encode())} bytes long. Upload the image under a "
            "shorter key."
        )
    return key
