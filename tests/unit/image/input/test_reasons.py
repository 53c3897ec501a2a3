"""What libraries say, as they said it of damaged files, and what people read."""

from __future__ import annotations

import logging

import pytest
from darkroom.contract.errors import DarkroomError
from darkroom.image.input import reasons

from tests.support.imaging import develop, files

FILES = files()
NO_WORDS = ("vips", "pngload", "libpng", "heif: ", "tiff2", "error:", "scanline", "0x", "__",
            "token", "expat", "resvg", "{http", "unpack", "invalid")  # fmt: skip


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("VipsJpeg: Corrupt JPEG data: premature end of data segment", "a part of its pixels is m"),
        ("VipsJpeg: premature end of JPEG image", "it ends too early"),
        (("VipsJpeg: Corrupt JPEG data: 7 extraneous bytes before marker 0xc4\n"
         "VipsJpeg: Bogus Huffman table definition"), "a table that its pixels are decoded with"),
        ("VipsJpeg: Quantization table 0x01 was not defined", "a table that its pixels are"),
        ("tiff2vips: Bogus marker length\ntiff2vips: Bogus JPEGTables field", "a table that"),
        ("VipsJpeg: Bogus marker length", "its parts are damaged or out of order"),
        ("VipsJpeg: Invalid JPEG file structure: two SOF markers", "its parts are damaged or"),
        ("VipsJpeg: Inconsistent progression sequence for component 1 coefficient 2",
         "a part of its pixels is damaged"),
        ("unable to call pngload_source", "its header is damaged"),
        ("vipspng: libpng read error", "a part of its pixels is missing or damaged"),
        ("unable to write to memory", "a part of its pixels is missing or damaged"),
        ("webp: unable to parse image", "its header is damaged"),
        ("webp2vips: unable to read pixels", "a part of its pixels is damaged"),
        ("webp: bad image dimensions", "the size in its header is impossible"),
        ("gifload_source: Unexpected end of GIF source data", "it ends too early"),
        ("gifload_source: Invalid frame data", "a part of its pixels is damaged"),
        ("gifload_source: no frames in GIF", "it has no picture in it"),
        ("tiff2vips: Using code not yet in table", "a part of its pixels is damaged"),
        ("tiff2vips: Bad code word at line 3 of strip 0 (x 4)\n" * 90, "a part of its pixels is"),
        ("tiff2vips: Read error at scanline 3; got 4 bytes, expected 5\nsource: bad seek to 9",
         "it ends too early"),
        (('tiff2vips: Incorrect count for "ImageWidth"\nvips__tiff_openin_source: unable to open '
         "source for input"), "a field that describes it is damaged or missing"),
        ('tiff2vips: TIFF directory is missing required "StripOffsets" field', "a field that des"),
        (("tiff2vips: Sanity check on directory count failed, this is probably not a valid IFD "
         "offset\ntiff2vips: Failed to read directory at offset 9"), "the list of its pages is"),
        ("tiff2vips: Invalid strip byte count 0, strip 0", "the list of its pixels' parts is dam"),
        ("tiff2vips: Cannot handle zero scanline size", "the size in its header is impossible"),
        (("ValueError: Invalid input: Unexpected end of file: Extent in iloc box references data "
         "outside of file bounds (points to file position 9)"), "it ends too early"),
        ("ValueError: Invalid input: No 'meta' box: Cannot read full meta box", "the list of its"),
        ("SyntaxError: Failed to decode image: BMFF parsing failed", "the list of its parts is"),
        ("heif: Memory allocation error: Security limit exceeded: iloc box contains 9 items",
         "it promises more parts than a sound file has"),
        ("RuntimeError: Failed to decode frame 0: Decoding of alpha plane failed", "a part of its"),
        ("OSError: image file is truncated (9 bytes not processed)", "it ends too early"),
        ("ValueError: invalid palette size", "its palette is damaged"),
        ("icc: unable to load color profile", "its colour profile is damaged"),
        ("ZeroDivisionError: division by zero", "the size in its header is impossible"),
        ("SVG has an invalid size", "the size in its header is impossible"),
        ("error: unpack_from requires a buffer of at least 34 bytes", "it ends too early"),
        ("IndexError: invalid image index: 0", "it has no picture in it"),
        ("heif: Invalid input: Unspecified: Bitstream not supported by this decoder",
         "a part of its pixels is damaged"),
        (("ValueError: Invalid input: Type of auxiliary image unspecified: No auxC property for "
         "image 2"), "the list of its parts is damaged"),
        ("heif: Invalid input: Unspecified: Input with empty data extent.", "the list of its par"),
        ("", "its data are damaged or incomplete"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_damaged_file(said: str, meant: str) -> None:
    assert reasons.fault(said).startswith(meant)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("VipsJpeg: Unsupported marker type 0xdf", "its pixels are coded in a way that few"),
        ("VipsJpeg: Unsupported JPEG process: SOF type 0xc3", "its pixels are coded in a way"),
        ("VipsJpeg: Unsupported JPEG data precision 12", "its samples have an unusual number"),
        ("tiff2vips: samples out of range", "its samples have an unusual number of bits"),
        ("SyntaxError: Unsupported feature: Unsupported data version: meta box data version 9",
         "it needs a newer version of its format"),
        ("OSError: Unsupported BMP compression (9)", "its pixels are compressed in a way that"),
        ("VipsJpeg: Empty JPEG image (DNL not supported)", "its height is told only behind its"),
        ("Sampling factors too large for interleaved scan", "its colours have one sample for"),
        ("Unsupported ink", "it is of a kind that is not read"),
    ],
)  # fmt: skip
def test_what_is_unusual_about_a_sound_file(said: str, meant: str) -> None:
    assert reasons.kind(said).startswith(meant)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("no element found: line 1, column 0", "it ends before the drawing does"),
        ("not well-formed (invalid token)", "it has a character where none may be"),
        ("syntax error", "it has a character where none may be"),
        ("unclosed token", "a tag or a section does not end"),
        ("mismatched tag", "its elements do not lie within each other"),
        ("duplicate attribute", "an element has an attribute twice"),
        ("junk after document element", "something follows the drawing"),
        ("undefined entity &a;", "it names an entity that it does not define"),
        ("recursive entity reference", "its entities grow without end"),
        ("limit on input amplification factor breached", "its entities grow without end"),
        ("out of memory", "its entities grow without end"),
        ("unknown encoding", "it has another encoding than it says, or an unknown one."),
        ("multi-byte encodings are not supported", "it has another encoding than it says"),
        ("unbound prefix", "it uses a prefix that it does not define"),
        ("XML declaration not well-formed", "its declaration is damaged"),
        ("something else", "its markup is damaged"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_drawing(said: str, meant: str) -> None:
    assert (reasons.xml(said) + ".").startswith(meant)


@pytest.mark.parametrize(
    ("said", "sound"),
    [
        ("VipsJpeg: Unsupported JPEG process: SOF type 0xc3", True),
        *((f"VipsJpeg: Unsupported marker type 0x{kind}", True) for kind in ("de", "df", "f7")),
        *((f"VipsJpeg: Unsupported marker type 0x{kind}", False) for kind in ("02", "f0", "dc")),
        ("tiff2vips: this feature has not been built in", True),
        ("Corrupt JPEG data\nUnsupported marker type 0xdf", False),
        ("tiff2vips: samples out of range", True),
        ("tiff2vips: Uncompressed data (not supported) at line 33 of strip 0 (x 59)", True),
        ("Bad code word at line 4\nUncompressed data (not supported) at line 33", False),
        ("it is NOT SUPPORTED", True),
        ("Invalid input: 'pitm' box references an unsupported or non-existing image", False),
        ("premature end of file", False),
    ],
)
def test_whether_a_file_is_sound_and_of_another_kind(said: str, sound: bool) -> None:
    assert reasons.is_kind(said) is sound


def test_the_log_has_what_was_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        reasons.fault("tiff2vips: odd\x1b\nend " + "x" * 2000 + " last")
    (line,) = caplog.messages
    assert line.startswith("The decoder said: tiff2vips: odd\\x1b\\nend xxx")
    assert line.endswith("x last")
    assert len(line) == len("The decoder said: ") + 1000


@pytest.mark.parametrize("name", sorted(FILES))
def test_no_reason_is_in_a_library_s_words(name: str) -> None:
    data, told = FILES[name], []
    for tenths in (1, 3, 5, 9):  # between them no file has another fault
        try:
            develop(data[: len(data) * tenths // 10])
        except DarkroomError as error:
            told.append(str(error))
    assert told
    assert not [(said, word) for said in told for word in NO_WORDS if word in said.lower()]
