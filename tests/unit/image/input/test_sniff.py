"""Formats told from the first bytes, and contradictions of name and type."""

from __future__ import annotations

import struct

import pytest
from darkroom.contract.errors import CorruptImage, UnsupportedImage
from darkroom.image.input.sniff import SourceFormat, mismatch, sniff


def box(brand: bytes, *others: bytes, size: int | None = None) -> bytes:
    body = b"ftyp" + brand + b"\0\0\0\0" + b"".join(others)
    return struct.pack(">I", 4 + len(body) if size is None else size) + body


def bitmap(header: int, reserved: bytes = b"\0\0\0\0") -> bytes:
    """Return the beginning of a bitmap, with a header of so many bytes."""
    return b"BM\1\2\3\4" + reserved + b"\1\1\1\1" + header.to_bytes(4, "little")


SVG = b'<svg xmlns="http://www.w3.org/2000/svg">'


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"\xff\xd8\xff\xe0", "jpeg"),
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"GIF87a", "gif"),
        (b"GIF89a", "gif"),
        (b"II*\0", "tiff"),
        (b"MM\0*", "tiff"),
        (b"II+\0", "tiff"),
        (b"MM\0+", "tiff"),
        (b"RIFF\1\2\3\4WEBP", "webp"),
        *((bitmap(header), "bmp") for header in (12, 16, 40, 52, 56, 64, 108, 124)),
        (bitmap(40, b"\0\0\1\0"), "bmp"),
        (box(b"avif"), "avif"),
        (box(b"avis"), "avif"),
        (box(b"mif1", b"miaf", b"avif"), "avif"),
        (box(b"mif1", b"heic"), "heic"),
        *((box(brand), "heic") for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx",
                                            b"hevm", b"hevs", b"mif1", b"msf1")),
        (box(b"isom", b"heic"), "heic"),
        (box(b"heic", size=1 << 31), "heic"),
        (SVG, "svg"),
        (b"<svg>", "svg"),
        (b"\xef\xbb\xbf" + SVG, "svg"),
        (SVG.decode().encode("utf-16"), "svg"),
        (b"\xfe\xff" + SVG.decode().encode("utf-16-be"), "svg"),
        (b" \n<?xml version='1.0'?>\n<!-- a > b -->\n" + SVG, "svg"),
        (b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://x/y.dtd">' + SVG, "svg"),
        (b"<!DOCTYPE svg [<!ENTITY a 'b'>] >" + SVG, "svg"),
        (SVG.decode().encode("utf-16") + b"\0", "svg"),
        (b" " * (65536 - len(b"<svg ")) + SVG, "svg"),
        (b"<!--" + b"a licence " * 6000 + b"-->" + SVG, "svg"),
        (b'<svg:svg xmlns:svg="http://www.w3.org/2000/svg">', "svg"),
        (b"<my-ns.1:svg>", "svg"),
        (b"<svg/>", "svg"),
        (b'<!DOCTYPE svg SYSTEM "a>b">' + SVG, "svg"),
        (b"<!DOCTYPE svg SYSTEM 'a>\"b' [<!ENTITY a 'b]'>] >" + SVG, "svg"),
        (b"<?xml version='1.0'?><?pi a > b?>" + SVG, "svg"),
        (b"<!---->" * 2000 + SVG, "svg"),
    ],
)  # fmt: skip
def test_a_format_is_told_from_the_beginning(data: bytes, found: str) -> None:
    assert sniff(data) == found
    assert sniff(memoryview(data + b"whatever follows")) == found


@pytest.mark.parametrize(
    ("data", "looks"),
    [
        (b"\xff\xd8\0", "unknown data beginning with ff d8 00"),
        (b"RIFF\1\2\3\4WAVE", "unknown data"),
        (b"RIFX\1\2\3\4WEBP", "unknown data"),
        (b"BA" + bitmap(60)[2:], "unknown data"),
        *((bitmap(header), "unknown data beginning with 42 4d") for header in (0, 13, 15, 65, 125)),
        (bitmap(40)[:14], "unknown data"),
        (box(b"isom", b"mp42"), r"a video, .* \(its brand is .isom.\)"),
        (box(b"qt  "), r"a video, .* \(its brand is .qt.\)"),
        (box(b"isom")[:12] + b"heic", "a video, or another file"),
        (box(b"\xff\xff\xff\xff"), "unknown data"),
        (box(b"isom", size=16) + b"heic", "a video, or another file"),
        (box(b"isom", size=19) + b"heic", "a video, or another file"),
        (b"\0\0\0\x14junkavif" + b"\0" * 8, "unknown data"),
        (b"%PDF-1.7", "a PDF document"),
        (b"PK\x03\x04", "a ZIP archive or an office document"),
        (b"\x1f\x8b\x08", r"a gzip archive, perhaps a compressed SVG \(\.svgz\)"),
        (b"8BPS", "a Photoshop document"),
        (b"\0\0\1\0\1\0", r"an icon \(\.ico\)"),
        (b"\xff\x0a\1", "a JPEG XL image"),
        (b"\0\0\0\x0cJXL \r\n", "a JPEG XL image"),
        (b"\0\0\0\x0cjP  \r\n", "a JPEG 2000 image"),
        (b"\n <!doctype HTML><html>", "a web page"),
        (b"<HTML>", "a web page"),
        (b"<svgfoo>", "text"),
        (b"some\ttext\r\n\f\xc3\xa9", "text"),
        (b"\x1bescape", "unknown data beginning with 1b 65 73 63 61 70 65"),
        (b"\x1b23456789", r"unknown data beginning with 1b 32 33 34 35 36 37 38\."),
        *((b"a" + bytes([byte]), "unknown data") for byte in (0, 8, 11, 14, 31, 127)),
        (bytes(range(32, 127)) + b"\t\n\f\r\xff", "text"),
        (b" " * (65536 - len(b"<svg")) + SVG, "text"),
        (b"<a:b:svg>", "text"),
        (b"<!-- <svg>", "text"),
        (b"<!DOCTYPE svg <svg>", "text"),
        (b"<!---->" * 500 + b"no root", "text"),  # quickly: it once took twice as long for each
        (b"<?a?>" * 500 + b"no root", "text"),
        (b"<!DOCTYPE a []>" * 500 + b"no root", "text"),
        (b"<!DOCTYPE" + b"['\"" * 5000, "text"),
    ],
)
def test_something_else_is_named(data: bytes, looks: str) -> None:
    with pytest.raises(UnsupportedImage, match=f"it looks like {looks}") as caught:
        sniff(data)
    assert "Expected JPEG, PNG, WebP, AVIF, GIF, TIFF, BMP, HEIC or SVG." in str(caught.value)


def test_nothing_is_not_an_image() -> None:
    with pytest.raises(CorruptImage, match="empty"):
        sniff(b"")


@pytest.mark.parametrize(
    ("found", "names"),
    [
        ("jpeg", "a.jpg a.jpeg a.jpe a.jfif a.mpo A.JPG b.png/a.jpg"),
        ("png", "a.png a.apng"),
        ("webp", "a.webp"),
        ("avif", "a.avif"),
        ("gif", "a.gif"),
        ("tiff", "a.tif a.tiff"),
        ("bmp", "a.bmp a.dib"),
        ("heic", "a.heic a.heif a.hif"),
        ("svg", "a.svg"),
    ],
)
def test_names_that_fit_say_nothing(found: SourceFormat, names: str) -> None:
    other: SourceFormat = "gif" if found != "gif" else "svg"
    for name in names.split():
        assert mismatch(found, name, "") is None
        extension = name.rpartition(".")[2]
        assert mismatch(other, name, "") == (
            f"The content is {other.upper()}, but its name ends in .{extension}."
        )


@pytest.mark.parametrize("name", ["photo", "png", "a.png/photo", "png/photo", "a.xyz", "a.", ""])
def test_a_name_without_a_known_extension_claims_nothing(name: str) -> None:
    assert mismatch("jpeg", name, "") is None


@pytest.mark.parametrize(
    ("found", "declared"),
    [
        ("jpeg", "image/jpeg image/jpg image/pjpeg IMAGE/JPEG image/jpeg;q=1 application/x-thing"),
        ("png", "image/png image/apng image/x-png binary/octet-stream"),
        ("heic", "image/heic image/heif"),
        ("bmp", "image/bmp image/x-ms-bmp image/x-bmp"),
        ("svg", "image/svg+xml"),
        ("webp", "image/webp"),
        ("avif", "image/avif"),
        ("gif", "image/gif"),
        ("tiff", "image/tiff"),
    ],
)
def test_types_that_fit_say_nothing(found: SourceFormat, declared: str) -> None:
    for each in declared.split():
        assert mismatch(found, "", each) is None
    other = "image/gif" if found != "gif" else "image/png"
    for wrong in (other, "image/unheard-of", "text/plain", "video/mp4", "audio/mpeg"):
        assert mismatch(found, "", wrong) is not None


def test_both_contradictions_are_told() -> None:
    assert mismatch("webp", "a/b.c.JPG", " image/png ; x=y") == (
        "The content is WebP, but its name ends in .JPG and it was declared as image/png."
    )
