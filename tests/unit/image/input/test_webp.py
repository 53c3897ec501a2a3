"""WebP files that hold more than their picture."""

from __future__ import annotations

import struct

import pytest
from darkroom.contract.presets import Preset
from darkroom.image.mezzanine import unpack

from benchmarks.photos import scene
from tests.support.images import encoded
from tests.support.imaging import develop
from tests.unit.image.test_strip import chunks_of, riff

PHOTO = scene(160, 120, seed=1)
CLEAR = PHOTO.copy()
CLEAR.putalpha(PHOTO.convert("L"))
FILES = {
    "lossy": encoded(PHOTO, "WEBP", quality=80),
    "lossless": encoded(PHOTO, "WEBP", lossless=True),
    "clear": encoded(CLEAR, "WEBP", quality=80),
    "tiny": encoded(PHOTO.resize((1, 1)), "WEBP", quality=80),
    "odd": encoded(PHOTO.resize((33, 7)), "WEBP", quality=20, xmp=b"x" * 9),
}
SECRET = b"Taken by Ann Onymous, 12 Hidden Lane"


def passes_on(data: bytes) -> bool:
    preset = Preset(name="p", width=160, height=120, format="webp", quality=90)
    return unpack(develop(data, preset).mezzanine).header.original is not None


def with_chunk(data: bytes, changed: bytes, kind: bytes) -> bytes:
    return riff(*((each, changed if each == kind else body) for each, body in chunks_of(data)))


@pytest.mark.parametrize("name", FILES)
def test_a_sound_picture_may_be_passed_on(name: str) -> None:
    assert passes_on(FILES[name])


@pytest.mark.parametrize(
    ("name", "kind"),
    [("lossy", b"VP8 "), ("lossless", b"VP8L"), ("clear", b"VP8 "), ("clear", b"ALPH"),
     ("tiny", b"VP8 "), ("odd", b"VP8 ")],
)  # fmt: skip
@pytest.mark.parametrize("more", [SECRET, SECRET[:-1], SECRET[:17]])
def test_what_was_put_behind_a_part_of_a_picture_is_never_passed_on(
    name: str, kind: bytes, more: bytes
) -> None:
    body = dict(chunks_of(FILES[name]))[kind]
    assert not passes_on(with_chunk(FILES[name], body + more, kind))


@pytest.mark.parametrize("name", ["lossy", "clear", "tiny"])
def test_what_was_put_behind_the_first_part_of_a_lossy_picture_is_never_passed_on(
    name: str,
) -> None:
    """Its length is in the first three bytes (RFC 6386, 9.1)."""
    body = dict(chunks_of(FILES[name]))[b"VP8 "]
    (tag,) = struct.unpack("<I", body[:3] + b"\0")
    end = 10 + (tag >> 5)
    longer = (tag + (len(SECRET) << 5)).to_bytes(3, "little")
    changed = longer + body[3:end] + SECRET + body[end:]
    assert not passes_on(with_chunk(FILES[name], changed, b"VP8 "))
