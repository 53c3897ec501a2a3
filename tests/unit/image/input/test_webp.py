"""WebP files that hold more than their picture."""

from __future__ import annotations

import io
import struct

import pytest
from darkroom.contract.presets import Preset
from darkroom.image.input.webp import _partitions
from darkroom.image.mezzanine import unpack
from PIL import Image

from tests.support.images import encoded, scene
from tests.support.imaging import DATA, array, develop
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


IN_TWO = (DATA / "partitions.webp").read_bytes()
"""32 by 80 pixels, whose coefficients lie in two partitions: libwebp's option, which few use."""


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


def test_sixteen_bytes_behind_a_part_may_be_an_encoder_s_own() -> None:
    """Of all these parts, that of transparency is needed to its last byte."""
    body = dict(chunks_of(FILES["clear"]))[b"ALPH"]
    assert passes_on(with_chunk(FILES["clear"], body + SECRET[:16], b"ALPH"))
    assert not passes_on(with_chunk(FILES["clear"], body + SECRET[:17], b"ALPH"))


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


def test_a_picture_in_several_partitions_is_shown_and_never_passed_on() -> None:
    """Nothing tells what was put behind any but the last (RFC 6386, 9.5)."""
    body = dict(chunks_of(IN_TWO))[b"VP8 "]
    table = 10 + (int.from_bytes(body[:3], "little") >> 5)
    length = int.from_bytes(body[table : table + 3], "little")
    end = table + 3 + length
    longer = body[:table] + (length + len(SECRET)).to_bytes(3, "little") + body[table + 3 : end]
    hiding = with_chunk(IN_TWO, longer + SECRET + body[end:], b"VP8 ")
    shown = [array(Image.open(io.BytesIO(data))) for data in (IN_TWO, hiding)]
    assert (shown[0] == shown[1]).all()
    preset = Preset(name="p", width=32, height=80, format="webp", quality=90)
    for data in (IN_TWO, hiding):
        assert unpack(develop(data, preset).mezzanine).header.original is None


def coded(bits: str) -> bytes:
    """Return a frame whose header has these bits, each as likely 0 as 1 (RFC 6386, 7.3)."""
    low, size, unit = 0, 255, 1 << 400
    for bit in bits:
        split = 1 + ((size - 1) * 128 >> 8)
        low, size = (low + split * unit, size - split) if bit == "1" else (low, split)
        while size < 128:
            size, unit = size * 2, unit // 2
    return bytes(10) + low.to_bytes(51, "big")


FILTER = "1" + "101010" + "011"
QUANTIZERS = ("1" + "10110101") + "0" + ("1" + "01101011") + "0"
LEVELS = "0" + ("1" + "0110101") * 2 + "0"
MAP = ("1" + "10110111") + "0" + ("1" + "00001010")


@pytest.mark.parametrize("number", [1, 2, 4, 8])
@pytest.mark.parametrize(
    "before",
    [
        "00" + "0" + FILTER + "0",
        "11" + "0" + FILTER + "0",
        "00" + "100" + FILTER + "0",
        "00" + "110" + MAP + FILTER + "0",
        "00" + "110" + "000" + FILTER + "0",
        "00" + "101" + "1" + QUANTIZERS + LEVELS + FILTER + "0",
        "00" + "101" + "0" + "0" * 8 + FILTER + "0",
        "11" + "111" + "1" + QUANTIZERS + LEVELS + MAP + FILTER + "0",
        "00" + "0" + FILTER + "10",
        "00" + "0" + FILTER + "11" + "0" * 8,
        "00" + "0" + FILTER + "11" + ("1" + "1100101") * 8,
        "11" + "111" + "1" + "1" * (36 + 32 + 27) + FILTER + "11" + "1" * 64,
    ],
)
def test_how_many_partitions_a_picture_has(before: str, number: int) -> None:
    """Behind what the header has of segments and of the loop filter (RFC 6386, 19.2)."""
    assert _partitions(coded(before + f"{number.bit_length() - 1:02b}")) == number
