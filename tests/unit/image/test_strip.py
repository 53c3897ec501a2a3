"""Files without their metadata: what is kept, in which order, and what is not understood."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from darkroom.image.encode import jpeg
from darkroom.image.pixels import from_bytes
from darkroom.image.strip import JFIF, jpeg_quality, strip
from PIL import Image

from tests.support.images import encoded, opened, picture
from tests.support.imaging import array, chunk, half_clear
from tests.support.profiles import DISPLAY_P3, matrix_profile

PROFILE = matrix_profile(DISPLAY_P3, 2.2)
START, END = b"\xff\xd8", b"\xff\xd9"


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP"
    for kind, content in chunks:
        body += kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def chunks_of(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the chunks of a WebP file whose lengths must be right."""
    assert data[:4] + data[8:12] == b"RIFFWEBP"
    assert struct.unpack_from("<I", data, 4)[0] == len(data) - 8
    at = 12
    while at < len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        yield kind, data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    assert at == len(data)


TABLE, FRAME, CODES = segment(0xDB, b"table"), segment(0xC0, b"frame"), segment(0xC4, b"codes")
SCAN = segment(0xDA, b"scan") + b"\x01\xff\x00\x02\xff\xd0\x03\xff\xd7\x04"
SECOND = segment(0xDA, b"next") + b"\x05\xff\xff\x00\x06"
ADOBE = segment(0xEE, b"Adobe\0\x64\0\0\0\0\2")
DAC, INTERVAL = segment(0xCC, b"arithmetic"), segment(0xDD, b"interval")
HEADER = segment(0xE0, b"JFIF\0\1\2\1\1\x2c\1\x2c\1\1abc")


@pytest.mark.parametrize(
    ("parts", "kept"),
    [
        ([HEADER, TABLE, FRAME, CODES, SCAN], [JFIF, TABLE, FRAME, CODES, SCAN]),
        ([segment(0xE0, b"JFXX\0\x10thumbnail"), TABLE, SCAN], [TABLE, SCAN]),
        ([ADOBE, TABLE, SCAN], [ADOBE, TABLE, SCAN]),
        ([HEADER, ADOBE, TABLE, SCAN], [JFIF, ADOBE, TABLE, SCAN]),
        ([segment(0xE1, b"Exif\0\0secret"), TABLE, SCAN], [TABLE, SCAN]),
        ([segment(0xEF, b"last of them"), segment(0xFE, b"a comment"), SCAN], [SCAN]),
        ([segment(0xEE, b"Adobe\0\x65secr\2more secrets"), SCAN], [ADOBE, SCAN]),
        ([segment(0xEE, b"Adobe\0\x64\0\0\0\0"), SCAN], [SCAN]),
        ([segment(0xEE, b"adobe\0\x64\0\0\0\0\2"), SCAN], [SCAN]),
        ([segment(0xED, b"Adobe\0\x64\0\0\0\0\2"), SCAN], [SCAN]),
        *(
            ([segment(marker, b"secret"), SCAN, segment(marker, b"secret")], [SCAN])
            for marker in (0x02, 0xBF, 0xC8, 0xDC, 0xDE, 0xDF, 0xEE, 0xF0, 0xF7, 0xFD)
        ),
        ([DAC, INTERVAL, SCAN], [DAC, INTERVAL, SCAN]),
        ([TABLE, SCAN, CODES, SECOND], [TABLE, SCAN, CODES, SECOND]),
        ([SCAN, b"\xff" + CODES, SECOND], [SCAN, b"\xff" + CODES, SECOND]),
        ([TABLE, SCAN, segment(0xFE, b"between scans"), SECOND], [TABLE, SCAN, SECOND]),
        ([b"\xff\x01", b"\xff\xd8", TABLE, SCAN], [TABLE, SCAN]),
        ([b"\xff\xff\xff" + TABLE, b"\xff" + SCAN], [TABLE, SCAN]),
        ([b"stray", TABLE, SCAN], [TABLE, SCAN]),
        ([b"\xff\xd0", b"\xff\xd7", SCAN], [SCAN]),
        ([segment(0xCF, b"frame"), SCAN], [segment(0xCF, b"frame"), SCAN]),
        ([segment(0xE1, b"JFIF\0 no"), SCAN], [SCAN]),
        ([segment(0xDA, b"scan") + b"\x01\xff\x00"], [segment(0xDA, b"scan") + b"\x01\xff\x00"]),
        ([], []),
    ],
)
def test_a_jpeg_keeps_what_its_picture_needs_in_its_order(
    parts: list[bytes], kept: list[bytes]
) -> None:
    data = b"".join([START, *parts, END, b"appended", END])
    assert strip(data, "jpeg") == b"".join([START, *kept, END])


@pytest.mark.parametrize(
    "data",
    [
        START + TABLE + SCAN,  # no end
        START + TABLE + b"\xff",
        START + TABLE + b"\xff\xdb\x00",
        START,
        b"",
    ],
)
def test_a_jpeg_that_is_cut_off_is_not_understood(data: bytes) -> None:
    assert strip(data, "jpeg") is None


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_a_real_jpeg_shows_the_very_same(options: dict[str, object]) -> None:
    exif = Image.Exif()
    exif[0x0110] = "Secret Camera"
    data = encoded(picture(64, 48), exif=exif, icc_profile=PROFILE, comment=b"x", **options)
    stripped = strip(data, "jpeg")
    assert stripped is not None
    assert len(stripped) < len(data) - len(PROFILE)
    image = opened(stripped)
    assert (array(image) == array(opened(data))).all()
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "progressive",
                               "progression"}  # fmt: skip
    assert image.info["jfif_density"] == (1, 1)
    assert strip(stripped, "jpeg") == stripped


PIXELS = zlib.compress(b"\0pixels" * 400_000)  # more than is looked at in one go
HALF = (chunk(b"IDAT", PIXELS[:20]), chunk(b"IDAT", PIXELS[20:]))
NO_MORE = chunk(b"IEND", b"")


def png_of(colour: int, *chunks: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", 1, 1, 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks)


@pytest.mark.parametrize(
    ("colour", "before", "kept"),
    [
        (0, {b"PLTE": 6, b"tRNS": 2}, [b"tRNS"]),
        (0, {b"tRNS": 3}, []),
        (2, {b"PLTE": 6, b"tRNS": 6}, [b"tRNS"]),
        (2, {b"tRNS": 7}, []),
        (3, {b"PLTE": 768, b"tRNS": 256}, [b"PLTE", b"tRNS"]),
        (3, {b"PLTE": 769, b"tRNS": 257}, []),
        (4, {b"PLTE": 6, b"tRNS": 2}, []),
        (6, {b"tRNS": 6, b"iCCP": 0, b"sRGB": 1}, []),
        (6, {b"eXIf": 9, b"tEXt": 9, b"tIME": 7, b"acTL": 8, b"fdAT": 9, b"prVt": 1}, []),
    ],
)
def test_a_png_keeps_what_its_picture_needs(
    colour: int, before: dict[bytes, int], kept: list[bytes]
) -> None:
    chunks = {kind: chunk(kind, bytes(length)) for kind, length in before.items()}
    odd = chunk(b"tEXt", b"secret")
    data = png_of(colour, *chunks.values(), *HALF, odd, *chunks.values(), NO_MORE)
    wanted = png_of(colour, *(chunks[kind] for kind in kept), *HALF, NO_MORE)
    assert strip(data + b"appended", "png") == wanted
    twice = png_of(colour, *chunks.values(), *chunks.values(), *HALF, chunk(b"IEND", b"secret"))
    assert strip(twice, "png") == wanted
    late = png_of(colour, *HALF, *chunks.values(), NO_MORE)
    assert strip(late, "png") == png_of(colour, *HALF, NO_MORE)
    assert strip(data[:-8], "png") is None


@pytest.mark.parametrize(
    "chunks",
    [
        (*HALF, chunk(b"IDAT", b"secret")),
        (chunk(b"IDAT", PIXELS + b"secret"),),
        (chunk(b"IDAT", zlib.compress(b"\0pixel") + b"secret"),),
        (HALF[0],),
        (chunk(b"IDAT", b"not compressed"),),
        (),
    ],
)
def test_a_png_whose_pixels_end_elsewhere_is_not_understood(chunks: tuple[bytes, ...]) -> None:
    assert strip(png_of(0, *chunks, NO_MORE), "png") is None


CANVAS = b"canvas"


@pytest.mark.parametrize(
    ("chunks", "kept"),
    [
        ([(b"VP8X", b"\xff\1\2\3" + CANVAS), (b"ICCP", b"x"), (b"ALPH", b"alpha"),
          (b"VP8 ", b"picture"), (b"EXIF", b"secret"), (b"XMP ", b"secret"), (b"ALPH", b"")],
         [(b"VP8X", b"\x10\0\0\0" + CANVAS), (b"ALPH", b"alpha"), (b"VP8 ", b"picture")]),
        ([(b"VP8X", b"\xef\0\0\0" + CANVAS + b"secret"), (b"ALPH", b"secret"), (b"VP8L", b"l")],
         [(b"VP8X", b"\0\0\0\0" + CANVAS), (b"VP8L", b"l")]),
        ([(b"ALPH", b"secret"), (b"VP8 ", b"picture"), (b"VP8 ", b"secret")],
         [(b"VP8 ", b"picture")]),
        ([(b"VP8L", b"lossless"), (b"VP8 ", b"secret")], [(b"VP8L", b"lossless")]),
    ],
)  # fmt: skip
def test_a_webp_keeps_what_its_picture_needs(
    chunks: list[tuple[bytes, bytes]], kept: list[tuple[bytes, bytes]]
) -> None:
    data = riff(*chunks)
    assert strip(data, "webp") == riff(*kept)
    assert strip(data + b"7 bytes", "webp") == riff(*kept)


def test_a_webp_says_nothing_between_its_chunks() -> None:
    odd = riff((b"VP8 ", b"odd"))
    assert strip(odd[:-1] + b"x", "webp") == odd
    assert strip(odd[:-1], "webp") == odd


@pytest.mark.parametrize(
    "data",
    [
        riff((b"VP8X", b"\0\0\0\0" + CANVAS)),
        riff((b"VP8X", b"\0\0\0\0" + CANVAS), (b"ANMF", b"frame")),
        riff((b"VP8 ", b"picture"))[:-2],
        riff((b"VP8X", b""), (b"VP8 ", b"picture")),
        riff(),
    ],
)
def test_a_webp_without_a_whole_picture_is_not_understood(data: bytes) -> None:
    assert strip(data, "webp") is None


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 60}])
def test_a_real_webp_shows_the_very_same(options: dict[str, object]) -> None:
    data = encoded(half_clear(), "WEBP", icc_profile=PROFILE, xmp=b"secret", **options)
    stripped = strip(data, "webp")
    assert stripped is not None
    assert b"secret" not in stripped
    assert "icc_profile" not in opened(stripped).info
    assert (np.asarray(opened(stripped)) == np.asarray(opened(data))).all()


@pytest.mark.parametrize("image_format", ["gif", "tiff", "avif", "heic", "bmp", "svg"])
def test_other_formats_are_not_stripped(image_format: str) -> None:
    assert strip(encoded(picture(16, 16), "GIF"), image_format) is None


@pytest.mark.parametrize("quality", [30, 49, 50, 51, 75, 80, 83, 84, 90, 97])
def test_the_quality_of_a_jpeg_is_told_from_its_tables(quality: int) -> None:
    assert jpeg_quality(encoded(picture(16, 16), quality=quality)) == quality


@pytest.mark.parametrize("quality", [30, 49, 50, 51, 75, 80, 83, 84, 90, 97])
def test_the_quality_of_a_jpeg_of_ones_own_is_told_too(quality: int) -> None:
    """Its table has larger numbers than annex K's, by which it would be 70 where it is 80."""
    pixels = picture(16, 16)
    image = from_bytes(pixels.tobytes(), pixels.size, 3)
    assert jpeg_quality(jpeg(image, quality, graphic=False)) == quality


@pytest.mark.parametrize(
    ("data", "quality"),
    [
        (b"", 100),
        (START + segment(0xDB, b"\0" + b"\1" * 63), 100),  # cut off
        (START + segment(0xDB, b"\x10" + b"\0\x10" * 64), 100),  # of 16 bits, which no one writes
        (START + segment(0xDB, b"\0" + b"\xff" * 64), 7),  # as its own are: none falls
        (START + segment(0xDB, b"\0" + b"\xff\xff\xfe" + b"\xff" * 61), 11),
        (START + segment(0xDB, b"\0" + b"\xff\xfe" + b"\xff" * 62), 11),
        (START + segment(0xDB, b"\0" + b"\xff" * 63 + b"\xfe"), 11),
        (START + segment(0xDB, b"\0\x34" + b"\x16" * 63), 81),  # 80.504
        (START + segment(0xDB, b"\0\xb0" + b"\x8c" * 63), 20),  # 20.498
        (START + segment(0xDB, b"\0" + b"\1" * 64), 99),
        (START + segment(0xDB, b"\0" + b"\0" * 64), 100),
        (START + segment(0xDB, b"\0\x11" + b"\x10" * 63) + segment(0xDB, b"\1" + b"\1" * 64), 86),
    ],
)
def test_the_quality_by_tables_of_ones_own(data: bytes, quality: int) -> None:
    assert jpeg_quality(data) == quality
