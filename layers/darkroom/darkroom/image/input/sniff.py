"""Which format bytes are in, by the bytes alone. Names and declared types only mislead."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from darkroom.contract.errors import CorruptImage, UnsupportedImage
from darkroom.contract.formats import NAMES

SourceFormat = Literal["jpeg", "png", "webp", "avif", "gif", "tiff", "bmp", "heic", "svg"]


class _Known(NamedTuple):
    """A format: its media type, its extensions and other types it goes by."""

    content_type: str
    extensions: str
    aliases: str = ""


_KNOWN: dict[SourceFormat, _Known] = {
    "jpeg": _Known("image/jpeg", "jpg jpeg jpe jfif mpo", "image/jpg image/pjpeg"),
    "png": _Known("image/png", "png apng", "image/apng image/x-png"),
    "webp": _Known("image/webp", "webp"),
    "avif": _Known("image/avif", "avif"),
    "gif": _Known("image/gif", "gif"),
    "tiff": _Known("image/tiff", "tif tiff"),
    "bmp": _Known("image/bmp", "bmp dib", "image/x-ms-bmp image/x-bmp"),
    "heic": _Known("image/heic", "heic heif hif", "image/heif"),
    "svg": _Known("image/svg+xml", "svg"),
}
CONTENT_TYPES = {key: known.content_type for key, known in _KNOWN.items()}
_EXTENSIONS = {each: key for key, known in _KNOWN.items() for each in known.extensions.split()}
_DECLARED = {
    each: key
    for key, known in _KNOWN.items()
    for each in (known.content_type, *known.aliases.split())
}

_SIGNATURES: tuple[tuple[bytes, SourceFormat], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
)

_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)

_BITMAP_HEADERS = frozenset({12, *range(16, 65), 108, 124})
"""Lengths that a bitmap's header may have: OS/2's ends after any field but the first four."""

_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a gzip archive, perhaps a compressed SVG (.svgz)"),
    (b"8BPS", "a Photoshop document"),
    (b"\0\0\1\0", "an icon (.ico)"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    (b"<!DOCTYPE html", "a web page"),
    (b"<html", "a web page"),
)

_SVG = re.compile(
    rb"""\A\s*+
    (?>(?:<\?.*?\?> | <!--.*?-->
        | <!DOCTYPE(?:[^>\["'] | "[^"]*" | '[^']*')*+ (?: > | \[.*?\]\s*>)
    )\s*)*+
    <(?:[\w.-]+:)?+svg[\s>/]""",
    re.DOTALL | re.VERBOSE,
)
"""The root, behind declarations and comments (XML 1.0, 2.8). Each of these is taken once: to try
every way to share them out takes twice as long for each more."""

_BINARY = re.compile(rb"[\0-\x08\x0b\x0e-\x1f\x7f]")
"""Control characters that text does not have."""

_HEAD = 4096
"""How far into a file its beginning is looked for, in bytes."""

_PROLOG = 65536
"""The same for the root of an SVG, before which a licence may stand."""


def sniff(data: bytes | memoryview) -> SourceFormat:
    """Return the format of an image, by its first bytes.

    CorruptImage says that the file is empty, UnsupportedImage what it looks like, and what was
    expected.
    """
    head = bytes(data[:_HEAD])
    if not head:
        raise CorruptImage(
            "The file is empty (0 bytes). Expected an image. Upload it again: an interrupted "
            "upload or export often leaves an empty file."
        )
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BITMAP_HEADERS:
        return "bmp"
    return _iso_media(head) or _svg(bytes(data[:_PROLOG])) or _refuse(head)


def mismatch(actual: SourceFormat, name: str, content_type: str) -> str | None:
    """Say how a file's name or declared type contradicts its content, for the record; or None.

    A name without an extension claims nothing, and so does an empty or generic type.
    """
    claims = []
    _, dot, extension = name.rpartition(".")
    if dot and _EXTENSIONS.get(extension.lower(), actual) != actual:
        claims.append(f"its name ends in .{extension}")
    declared = content_type.partition(";")[0].strip().lower()
    wrong_type = declared.startswith(("image/", "text/", "video/", "audio/"))
    if wrong_type and _DECLARED.get(declared) != actual:
        claims.append(f"it was declared as {declared}")
    if not claims:
        return None
    return f"The content is {NAMES[actual]}, but {' and '.join(claims)}."


def _iso_media(head: bytes) -> SourceFormat | None:
    """Return avif or heic by the brands of the file type box (ISO/IEC 14496-12, 4.3)."""
    if head[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}
    if brands & _AVIF_BRANDS:
        return "avif"
    return "heic" if brands & _HEIC_BRANDS else None


def _svg(head: bytes) -> SourceFormat | None:
    text = head.removeprefix(b"\xef\xbb\xbf")
    if text[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        text = head.decode("utf-16", errors="ignore").encode()
    return "svg" if _SVG.match(text) else None


def _refuse(head: bytes) -> SourceFormat:
    looks = next(
        (what for start, what in _OTHERS if head.lstrip().lower().startswith(start.lower())),
        f"unknown data beginning with {head[:8].hex(' ')}" if _BINARY.search(head) else "text",
    )
    brand = head[8:12].rstrip(b" ")
    if head[4:8] == b"ftyp" and brand.isalnum():
        looks = f"a video, or another file of MP4's kind (its brand is {brand.decode()!r})"
    *most, last = NAMES.values()
    raise UnsupportedImage(
        f"This is not a supported image: it looks like {looks}. Expected {', '.join(most)} or "
        f"{last}. Export it as one of these and upload that; renaming a file does not convert it."
    )
