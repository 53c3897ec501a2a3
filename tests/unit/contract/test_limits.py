"""Every limit: what lies on it passes, one more is refused, and the documents name it."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path

import msgspec
import pytest
from darkroom.contract.errors import ImageTooLarge
from darkroom.contract.limits import MIB, Limits, check_bytes, check_memory, check_sizes
from darkroom.image.input.openers import open_image
from darkroom.image.input.sniff import sniff

from tests.support.imaging import chunk, develop, files, png

FILES = files()
DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "imaging.md"
AREA = 160 * 120
DEFAULT = Limits()


def header(data: bytes, limits: Limits = DEFAULT) -> None:
    open_image(data, sniff(data), limits)


def test_the_document_has_every_default() -> None:
    rows = re.findall(r"^\| `MAX_(\w+)` \| ([\d,]+) \|", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    told = {f"max_{name.lower()}": float(value.replace(",", "")) for name, value in rows}
    assert told == {name: float(value) for name, value in msgspec.structs.asdict(DEFAULT).items()}


@pytest.mark.parametrize(
    ("field", "taken", "refused"),
    [
        ("max_bytes", 1, 0),
        ("max_pixels", 1, 0),
        ("max_side", 1, 0),
        ("max_side", 65_500, 65_501),
        ("max_frames", 1, 0),
        ("max_pages", 1, 0),
        ("max_decode_seconds", 0.001, 0),
        ("max_drawing_seconds", 0.001, 0),
        ("max_memory", 64 * 1024 * 1024, 64 * 1024 * 1024 - 1),
    ],
)
def test_a_limit_is_a_number_that_makes_sense(field: str, taken: float, refused: float) -> None:
    assert getattr(msgspec.convert({field: taken}, Limits), field) == taken
    with pytest.raises(msgspec.ValidationError, match=field):
        msgspec.convert({field: refused}, Limits)


@pytest.mark.parametrize(
    ("field", "most", "names"),
    [
        ("max_pixels", AREA, ["jpeg", "png", "webp", "gif", "tiff", "avif", "heic", "bmp", "svg"]),
        ("max_pixels", AREA * 2, ["gif-animated", "webp-animated", "apng"]),
        ("max_pixels", AREA * 3, ["tiff-pages"]),
        ("max_side", 160, ["jpeg", "png", "webp", "gif", "tiff", "avif", "heic", "bmp", "svg"]),
        ("max_frames", 2, ["gif-animated", "webp-animated", "apng"]),
        ("max_pages", 3, ["tiff-pages"]),
    ],
)
def test_a_header_on_the_limit_passes_and_one_beyond_it_does_not(
    field: str, most: int, names: list[str]
) -> None:
    for name in names:
        header(FILES[name], Limits(**{field: most}))
        with pytest.raises(ImageTooLarge, match=field):
            header(FILES[name], Limits(**{field: most - 1}))


def test_a_file_on_the_limit_of_bytes_passes_and_one_beyond_it_does_not() -> None:
    data = FILES["png-1"]
    develop(data, limits=Limits(max_bytes=len(data)))
    with pytest.raises(ImageTooLarge, match=f"has {len(data):,} bytes, but the limit is "):
        develop(data, limits=Limits(max_bytes=len(data) - 1))


def test_the_default_of_bytes() -> None:
    check_bytes(104_857_600, DEFAULT)
    with pytest.raises(ImageTooLarge, match="max_bytes"):
        check_bytes(104_857_601, DEFAULT)


@pytest.mark.parametrize(
    ("passes", "refused", "words"),
    [
        ((10_000, 10_000), (10_000, 10_001), "max_pixels"),
        ((30_000, 1), (30_001, 1), r"30,001 by 1 pixels.* 30,000 \(max_side\)"),
        ((1, 30_000), (1, 30_001), "max_side"),
    ],
)
def test_the_defaults_of_sizes(
    passes: tuple[int, int], refused: tuple[int, int], words: str
) -> None:
    header(png(*passes, zlib.compress(b"\0")))
    with pytest.raises(ImageTooLarge, match=words):
        header(png(*refused, zlib.compress(b"\0")))


def test_pixels_are_summed_and_every_page_is_looked_at() -> None:
    limits = Limits(max_pixels=100, max_side=20)
    check_sizes([(5, 10), (5, 10)], limits)
    with pytest.raises(ImageTooLarge, match=r"101 pixels \(2 frames or pages, the first 5 by 10\)"):
        check_sizes([(5, 10), (3, 17)], limits)
    with pytest.raises(ImageTooLarge, match=r"105 pixels \(7 by 15\)"):
        check_sizes([(7, 15)], limits)
    with pytest.raises(ImageTooLarge, match="1 by 21 pixels"):
        check_sizes([(5, 10), (1, 21)], limits)


def frames(count: int) -> bytes:
    """Return a PNG of one pixel that promises a number of frames."""
    still = png(1, 1, zlib.compress(b"\0\0"))
    return still[:33] + chunk(b"acTL", struct.pack(">II", count, 0)) + still[33:]


def test_the_default_of_frames() -> None:
    header(frames(1000))
    with pytest.raises(ImageTooLarge, match=r"1,001 frames, .* 1,000 \(max_frames\)"):
        header(frames(1001))


def test_the_default_of_pages() -> None:
    header(pages(100))
    with pytest.raises(ImageTooLarge, match=r"101 pages, .* 100 \(max_pages\)"):
        header(pages(101))


def test_a_decoder_without_memory_has_room_for_no_pixel() -> None:
    """Where its process alone takes more than there is."""
    with pytest.raises(ImageTooLarge, match="memory for 0 of such an AVIF: 32 MiB"):
        check_memory((1, 1), 3, "such an AVIF", Limits(max_memory=32 * MIB))


def pages(count: int) -> bytes:
    """Return a TIFF of pages of one white pixel each, all of one strip."""
    tags = {256: 1, 257: 1, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1, 279: 1}
    size = 2 + 12 * len(tags) + 4
    data = b"II*\0" + struct.pack("<I", 10) + b"\xff\0"
    for number in range(count):
        following = 10 + size * (number + 1) if number + 1 < count else 0
        data += struct.pack("<H", len(tags))
        data += b"".join(struct.pack("<HHIHxx", tag, 3, 1, value) for tag, value in tags.items())
        data += struct.pack("<I", following)
    return data
