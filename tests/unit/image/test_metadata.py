"""Credit in and out: byte by byte where a reader depends on the order."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from darkroom.image.metadata import Credit, add_exif, exif, read_credit

from tests.support.images import encoded, opened, picture
from tests.support.imaging import chunk, half_clear
from tests.unit.image.test_strip import chunks_of, segment

ARTIST, COPYRIGHT = 0x013B, 0x8298
CREDIT = Credit("A. Photographer", "(c) 2026 A. Photographer")


def directory(order: str, *entries: tuple[int, int, bytes], offset: int = 8) -> bytes:
    """Return a TIFF structure with text entries: tag, type, value."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    head = mark + struct.pack(f"{order}I", offset)
    head += b"\xee" * (offset - 8) + struct.pack(f"{order}H", len(entries))
    values_at = len(head) + 12 * len(entries) + 4
    values = b""
    for tag, kind, value in entries:
        head += struct.pack(f"{order}HHI", tag, kind, len(value))
        if len(value) <= 4:
            head += value.ljust(4, b"\0")
        else:
            head += struct.pack(f"{order}I", values_at + len(values))
            values += value
    return head + b"\0\0\0\0" + values


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
@pytest.mark.parametrize("offset", [8, 21])
def test_credit_is_read_in_either_byte_order(order: str, prefix: bytes, offset: int) -> None:
    entries = [
        (0x010E, 2, b"a description\0"),
        (ARTIST, 2, b"A. Photographer\0"),
        (0x0110, 2, b"Secret Camera\0"),
        (COPYRIGHT, 2, b"(c) 2026 A. Photographer\0"),
    ]
    assert read_credit(prefix + directory(order, *entries, offset=offset)) == CREDIT


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"abc\0", "abc"),
        (b"abcd", "abcd"),
        (b"abcd\0", "abcd"),
        (b"one\0two\0", "one"),
        (b"  spaced  \0", "spaced"),
        ("Größe 日本\0".encode(), "Größe 日本"),
        ("Müller\0".encode("latin-1"), "M\ufffdller"),
        (b"\xe9\0", ""),
        ("é\0".encode(), "é"),
        (b"\0\0\0\0\0\0", ""),
        (b"x" * 1000, "x" * 1000),
        (b"x" * 1001, "x" * 1000),
        (b"x" + "é".encode() * 500, "x" + "é" * 499),  # no half of a character
        (b"\xe9" * 1000, "\ufffd" * 333),
        (b"\x1b" * 1000 + b"x" * 1001, "x" * 1000),
        (b"x" * 999 + b" y", "x" * 999),
        (b"\x1b[2Jtwo\r\nlines\x7f\x9b\0", "[2Jtwo lines \ufffd"),
        ("a\x85b\u2028c\u2029d\u3000e\0".encode(), "a b c d e"),
        ("\u202egpj\u202c\u200b\ufeff\u00ad.A\0".encode(), "gpj.A"),
        (
            "\u0645\u06cc\u200c\u0634 \U0001f468\u200d\U0001f373".encode(),
            "\u0645\u06cc\u200c\u0634 \U0001f468\u200d\U0001f373",
        ),
    ],
)
def test_texts_of_every_length(value: bytes, text: str) -> None:
    assert read_credit(directory("<", (ARTIST, 2, value))) == Credit(artist=text)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Exif\0\0",
        b"II*\0\x08",
        b"XX*\0\x08\0\0\0" + b"\0" * 20,
        directory("<", (ARTIST, 7, b"no text\0")),
        directory("<", (ARTIST, 2, b"A. Photographer\0"))[:20],
        directory("<", (ARTIST, 2, b"A. Photographer\0"))[:17] + b"\xff\xff\xff\xff",
    ],
)
def test_damage_is_no_credit_and_no_error(data: bytes) -> None:
    assert not read_credit(data)


def test_a_directory_of_any_length_is_read_to_a_thousand_entries() -> None:
    filler = [(0x0110, 2, b"x\0")] * 999
    last = (ARTIST, 2, b"me\0")
    assert read_credit(directory("<", *filler, last)).artist == "me"
    assert not read_credit(directory("<", *filler, filler[0], last))


@pytest.mark.parametrize(
    ("credit", "entries"),
    [
        (Credit("abc", ""), [(ARTIST, b"abc\0")]),
        (Credit("abcd", ""), [(ARTIST, b"abcd\0")]),
        (Credit("", "ab"), [(COPYRIGHT, b"ab\0")]),
        (Credit("a", "b"), [(ARTIST, b"a\0"), (COPYRIGHT, b"b\0")]),
        (Credit("Größe", "b"), [(ARTIST, "Größe\0".encode()), (COPYRIGHT, b"b\0")]),
        (Credit("same here", "and there"), [(ARTIST, b"same here\0"), (COPYRIGHT, b"and there\0")]),
    ],
)  # fmt: skip
def test_a_block_has_the_credit_and_nothing_else(
    credit: Credit, entries: list[tuple[int, bytes]]
) -> None:
    """In ascending order of tags, as EXIF demands, values of up to four bytes in their entry."""
    assert exif(credit) == directory(">", *((tag, 2, value) for tag, value in entries))
    assert read_credit(exif(credit)) == credit


@pytest.mark.parametrize(
    ("credit", "there"),
    [(Credit(), False), (Credit("me"), True), (Credit("", "mine"), True), (CREDIT, True)],
)
def test_credit_is_true_where_there_is_any(credit: Credit, there: bool) -> None:
    assert bool(credit) is there


JFIF = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
TABLE = segment(0xDB, b"table")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (JFIF, TABLE),
        (segment(0xE0, b"JFIF with a thumbnail".ljust(300)), TABLE),
        (b"", TABLE),
        (b"", segment(0xEE, b"Adobe")),
    ],
)
def test_in_a_jpeg_exif_comes_first_but_for_jfif(before: bytes, after: bytes) -> None:
    data = b"\xff\xd8" + before + after + b"\xff\xd9"
    block = exif(CREDIT)
    put_in = segment(0xE1, b"Exif\0\0" + block)
    assert add_exif(data, "jpeg", block) == b"\xff\xd8" + before + put_in + after + b"\xff\xd9"


def test_in_a_png_exif_follows_the_header() -> None:
    data = encoded(picture(16, 16, "P"), "PNG")
    head, rest = data[:33], data[33:]
    block = exif(CREDIT)
    assert head[12:16] == b"IHDR"
    assert add_exif(data, "png", block) == head + chunk(b"eXIf", block) + rest


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize(
    "options", [{"quality": 60}, {"lossless": True}], ids=["lossy", "lossless"]
)
@pytest.mark.parametrize(
    ("size", "credit"),
    [
        ((1, 1), Credit("abcd")),
        ((300, 2), Credit("abcde")),
        ((2, 9000), CREDIT),
        ((160, 120), Credit("abcde")),
    ],
)
def test_in_a_webp_exif_comes_last_and_the_header_says_so(
    transparent: bool, options: dict[str, object], size: tuple[int, int], credit: Credit
) -> None:
    image = (half_clear() if transparent else picture(160, 120)).resize(size)
    if transparent:
        image.putpixel((0, 0), (1, 2, 3, 4))
    data = encoded(image, "WEBP", **options)
    plain, made = dict(chunks_of(data)), add_exif(data, "webp", exif(credit))
    (first, header), *between, last = chunks_of(made)
    width, height = size[0] - 1, size[1] - 1
    assert first == b"VP8X"
    assert header[0] == (0x18 if transparent else 0x08)
    assert header[1:] == b"\0\0\0" + width.to_bytes(3, "little") + height.to_bytes(3, "little")
    assert dict(between) == {kind: body for kind, body in plain.items() if kind != b"VP8X"}
    assert last == (b"EXIF", exif(credit))
    assert read_credit(opened(made).info["exif"]) == credit
    assert (np.asarray(opened(made)) == np.asarray(opened(data))).all()


def test_a_webp_may_say_by_how_much_it_should_be_enlarged() -> None:
    """By two bits before its width and its height, which no decoder looks at (RFC 6386, 9.1)."""
    data = bytearray(encoded(picture(160, 120), "WEBP"))
    data[27], data[29] = data[27] | 0x40, data[29] | 0x80
    (_, header), *_ = chunks_of(add_exif(bytes(data), "webp", exif(CREDIT)))
    assert header[4:] == bytes([159, 0, 0, 119, 0, 0])
