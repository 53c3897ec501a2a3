"""Kinds of PNG, GIF, AVIF and BMP that decoders show otherwise than browsers do."""

from __future__ import annotations

import re
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from darkroom.contract.errors import CorruptImage, ImageTooLarge, UnsupportedImage
from darkroom.contract.limits import Limits
from darkroom.image.colour import profile_of
from darkroom.image.input.openers import open_image
from darkroom.image.input.png import MAX_PROFILE
from darkroom.image.input.sniff import sniff
from darkroom.image.mezzanine import unpack
from darkroom.image.vips import vips
from numpy.typing import NDArray
from PIL import AvifImagePlugin, Image

from tests.support.images import encoded, picture
from tests.support.imaging import array, chunk, develop
from tests.support.profiles import DISPLAY_P3, SRGB, SRGB_CURVE, rgb_profile

P3 = rgb_profile(DISPLAY_P3, SRGB_CURVE)
SAME = rgb_profile(SRGB, SRGB_CURVE)


def shown(data: bytes) -> NDArray[np.int64]:
    contents = unpack(develop(data).mezzanine)
    page = contents.header.pages[0]
    raw = np.frombuffer(contents.parts[page.part], np.uint8)
    return raw.reshape(page.size[1], page.size[0], page.bands).astype(np.int64)


# ------------------------------------------------------------------------------ PNG

PLAIN = encoded(Image.new("RGB", (8, 8), (200, 100, 50)), "PNG")


def with_profile(body: bytes, *before: bytes) -> bytes:
    return PLAIN[:33] + b"".join(before) + chunk(b"iCCP", body) + PLAIN[33:]


LONGER = struct.pack(">I", len(P3) + 4) + P3[4:]


@pytest.mark.parametrize(
    "data",
    [
        with_profile(b"x\0\0" + zlib.compress(P3)),
        with_profile(b"x\0\0" + zlib.compress(LONGER)),
        with_profile(b"\0\0" + zlib.compress(P3)),
        with_profile(b"x\0\0" + zlib.compress(LONGER), chunk(b"tEXt", b"a\0b")),
        with_profile(b"x\0\0" + zlib.compress(LONGER)[:-4]),
    ],
    ids=["sound", "length off by four", "without a name", "behind another", "no checksum"],
)
def test_a_profile_that_libpng_drops_is_followed(data: bytes) -> None:
    assert np.abs(shown(data) - [215, 93, 31]).max() <= 1
    assert not open_image(data, "png", Limits()).plain


def numbered(*numbers: int, before: bytes = b"") -> bytes:
    return PLAIN[:33] + before + chunk(b"cICP", bytes(numbers)) + PLAIN[33:]


def test_colours_that_a_png_tells_by_number_are_followed() -> None:
    """Browsers show Display P3's as such, whatever a profile says (PNG 3, 4.3)."""
    profile = chunk(b"iCCP", b"x\0\0" + zlib.compress(SAME))
    for data in (numbered(12, 13, 0, 1), numbered(12, 13, 0, 1, before=profile)):
        assert np.abs(shown(data) - [215, 93, 31]).max() <= 1
        assert not open_image(data, "png", Limits()).plain


WIDE = chunk(b"iCCP", b"x\0\0" + zlib.compress(P3))


def test_srgb_by_number_goes_before_a_profile() -> None:
    data = numbered(1, 13, 0, 1, before=WIDE)
    assert (shown(data) == [200, 100, 50]).all()
    assert open_image(data, "png", Limits()).plain


@pytest.mark.parametrize(
    "numbers",
    [(2, 2, 0, 1), (9, 2, 0, 1), (2, 16, 0, 1), (9, 19, 0, 1), (9, 16, 9, 1), (9, 16, 0)],
    ids=["unspecified", "no curve", "no primaries", "reserved", "of films", "cut off"],
)
def test_numbers_that_tell_nothing_of_a_png_leave_it_to_others(numbers: tuple[int, ...]) -> None:
    assert (shown(numbered(*numbers)) == [200, 100, 50]).all()
    assert np.abs(shown(numbered(*numbers, before=WIDE)) - [215, 93, 31]).max() <= 1


@pytest.mark.parametrize(
    ("numbers", "wanted"),
    [
        ((9, 13, 0, 1), [241, 76, 29]),
        ((9, 14, 0, 1), [241, 76, 29]),
        ((9, 8, 0, 1), [255, 159, 113]),
        ((9, 16, 0, 1), [255, 0, 0]),
        ((1, 16, 0, 1), [255, 48, 8]),
        ((1, 18, 0, 1), [230, 100, 50]),
        ((1, 13, 0, 0), [214, 98, 40]),
    ],
    ids=["BT.2020", "its curve", "linear", "PQ", "PQ in sRGB", "HLG", "narrow"],
)
def test_other_spaces_that_a_png_tells_by_number(
    numbers: tuple[int, ...], wanted: list[int]
) -> None:
    """All but those of high dynamic range as Chromium shows them, and the last by BT.2100."""
    assert np.abs(shown(numbered(*numbers)) - wanted).max() <= 1
    assert not open_image(numbered(*numbers), "png", Limits()).plain


def test_the_first_of_two_chunks_counts() -> None:
    assert np.abs(shown(numbered(9, 13, 0, 1, before=chunk(b"cICP", bytes([12, 13, 0, 1])))) - [
        215, 93, 31]).max() <= 1  # fmt: skip


def test_how_bright_a_png_is_counts() -> None:
    """Of 203 candelas at most, nothing is darkened; grey 148 of PQ has as many."""
    grey = encoded(Image.new("L", (8, 8), 148), "PNG")
    for told, wanted in (((), 229), ((203,), 255), ((1000,), 229), ((4000,), 208)):
        light = b"".join(chunk(b"cLLI", struct.pack(">II", each * 10_000, 0)) for each in told)
        data = grey[:33] + chunk(b"cICP", bytes([9, 16, 0, 1])) + light + grey[33:]
        assert (shown(data) == wanted).all()


def test_depth_is_kept_through_the_curve() -> None:
    """In darkness one level of 8 bits is several of 16."""
    levels = np.arange(7000, 9000, 100, dtype=np.uint16)
    image = vips().Image.new_from_memory(levels.tobytes(), len(levels), 1, 1, "ushort")
    png = bytes(image.copy(interpretation="grey16").pngsave_buffer())
    made = shown(png[:33] + chunk(b"cICP", bytes([9, 8, 0, 1])) + png[33:])
    wanted = np.rint([255 * (1.055 * (level / 65535) ** (1 / 2.4) - 0.055) for level in levels])
    assert (made[0, :, 0] == wanted).all()


def test_white_of_an_avif_of_ten_bits_is_white() -> None:
    """It is not quite as much as sixteen bits can say."""
    levels = np.arange(1024, dtype=np.uint16).repeat(3)
    image = vips().Image.new_from_memory((levels << 6).tobytes(), 32, 32, 3, "ushort")
    stored = image.copy(interpretation="rgb16")
    data = bytes(stored.heifsave_buffer(compression="av1", bitdepth=10, lossless=True))
    at = data.index(b"nclx") + 4
    made = shown(data[:at] + struct.pack(">HH", 1, 8) + data[at + 4 :])
    light = np.arange(1024) / 1023
    wanted = np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, 12.92 * light)
    assert np.abs(made[..., 0].ravel() - 255 * wanted).max() < 0.51


def with_power(value: int, *besides: bytes, mode: str = "RGB") -> bytes:
    """A picture of one colour, (200, 100, 50) or grey 100, with a gAMA chunk."""
    colour = (200, 100, 50) if mode == "RGB" else 100
    data = encoded(Image.new(mode, (8, 8), colour), "PNG")  # type: ignore[arg-type]
    return data[:33] + chunk(b"gAMA", struct.pack(">I", value)) + b"".join(besides) + data[33:]


def by_power(values: list[int], value: int) -> NDArray[np.float64]:
    """Textbook arithmetic: light by the power, and sRGB's curve (IEC 61966-2-1)."""
    light = (np.array(values) / 255) ** (100_000 / value)
    return 255 * np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, 12.92 * light)


@pytest.mark.parametrize("value", [4546, 35000, 43182, 47728, 55556, 100_000, 454_550])
def test_a_power_that_a_png_tells_is_followed(value: int) -> None:
    """As browsers do: light in linear numbers would be far too dark."""
    assert np.abs(shown(with_power(value)) - by_power([200, 100, 50], value)).max() <= 1
    assert not open_image(with_power(value), "png", Limits()).plain


def test_a_power_of_a_grey_png_is_followed() -> None:
    made = shown(with_power(100_000, mode="L"))
    assert made.shape[2] == 1
    assert np.abs(made - by_power([100], 100_000)).max() <= 1


@pytest.mark.parametrize("value", [0, 1, 4545, 43183, 45455, 47727, 454_551, 0xFFFFFFFF])
def test_a_power_that_is_near_srgbs_or_no_pictures_changes_nothing(value: int) -> None:
    assert (shown(with_power(value)) == [200, 100, 50]).all()


def test_what_says_more_goes_before_a_power() -> None:
    assert (shown(with_power(100_000, chunk(b"sRGB", b"\0"))) == [200, 100, 50]).all()
    profile = chunk(b"iCCP", b"x\0\0" + zlib.compress(P3))
    assert np.abs(shown(with_power(100_000, profile)) - [215, 93, 31]).max() <= 1


P3_CHRM = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
SRGB_CHRM = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)


def coordinates(*values: float) -> bytes:
    return chunk(b"cHRM", struct.pack(f">{len(values)}I", *(round(v * 100_000) for v in values)))


def test_coordinates_that_a_png_tells_are_followed() -> None:
    """As Chromium shows them: beside a power, and in a picture of colours."""
    wide = coordinates(*P3_CHRM)
    assert np.abs(shown(with_power(45455, wide)) - [216, 93, 24]).max() <= 1
    assert np.abs(shown(with_power(100_000, wide)) - [240, 165, 114]).max() <= 1
    assert not open_image(with_power(45455, wide), "png", Limits()).plain
    near = coordinates(0.3127, 0.329, 0.64, 0.33, 0.3006, 0.6, 0.15, 0.06)
    assert not open_image(with_power(45455, near), "png", Limits()).plain
    first = coordinates(*SRGB_CHRM)
    assert np.abs(shown(with_power(45455, wide, first)) - [216, 93, 24]).max() <= 1
    assert (shown(with_power(45455, first, wide)) == [200, 100, 50]).all()


@pytest.mark.parametrize(
    "chunks",
    [
        (coordinates(*SRGB_CHRM),),
        (coordinates(0.3131, 0.3294, 0.6404, 0.33, 0.3, 0.5996, 0.15, 0.06),),
        (coordinates(*P3_CHRM[:7]),),
        (coordinates(0.3127, 0.329, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3),),
        (coordinates(0, 0, *SRGB_CHRM[2:]),),
        (coordinates(*P3_CHRM), chunk(b"sRGB", b"\0")),
    ],
    ids=["sRGB's", "nearly", "too few", "a point", "no white", "sRGB said"],
)
def test_coordinates_that_change_nothing(chunks: tuple[bytes, ...]) -> None:
    data = with_power(45455, *chunks)
    assert (shown(data) == [200, 100, 50]).all()
    assert open_image(data, "png", Limits()).plain


def test_coordinates_without_a_power_are_not_followed() -> None:
    data = PLAIN[:33] + coordinates(*P3_CHRM) + PLAIN[33:]
    assert (shown(data) == [200, 100, 50]).all()


def test_a_profile_goes_before_coordinates() -> None:
    wide = coordinates(0.3127, 0.329, 0.7, 0.3, 0.2, 0.7, 0.15, 0.06)
    nameless = chunk(b"iCCP", b"\0\0" + zlib.compress(P3))
    for profile in (WIDE, nameless):
        assert np.abs(shown(with_power(100_000, wide, profile)) - [215, 93, 31]).max() <= 1


def avif_by_number(colour: tuple[int, ...], *numbers: int) -> bytes:
    """An AVIF of one colour, its primaries, curve and matrix by number."""
    stored = Image.new("RGBA" if len(colour) > 3 else "RGB", (16, 16), colour)
    data = encoded(stored, "AVIF", quality=100, subsampling="4:4:4")
    at = data.index(b"nclx") + 4
    return data[:at] + struct.pack(f">{len(numbers)}H", *numbers) + data[at + 2 * len(numbers) :]


@pytest.mark.parametrize("alpha", [(), (200,)])
@pytest.mark.parametrize(
    ("numbers", "wanted"),
    [
        ((9, 13), [241, 76, 29]),
        ((9, 1), [241, 76, 29]),
        ((9, 2), [241, 76, 29]),
        ((2, 13), [200, 100, 50]),
        ((1, 16), [255, 48, 8]),
        ((1, 18), [230, 100, 50]),
    ],
    ids=["BT.2020", "its curve", "no curve", "no primaries", "PQ", "HLG"],
)
def test_other_spaces_that_an_avif_tells_by_number(
    numbers: tuple[int, int], wanted: list[int], alpha: tuple[int, ...]
) -> None:
    made = shown(avif_by_number((200, 100, 50, *alpha), *numbers))[8, 8, :3]
    assert np.abs(made - wanted).max() <= 4


@pytest.mark.parametrize(
    ("matrix", "reason"),
    [
        (10, "constant luminance (matrix 10)"),
        (11, "Y'D'zD'x (matrix 11)"),
        (13, "constant luminance (matrix 13)"),
        (14, "ICtCp (matrix 14)"),
        (15, "IPT-PQ-C2 (matrix 15)"),
        (16, "YCgCo-Re (matrix 16)"),
        (17, "YCgCo-Ro (matrix 17)"),
    ],
)
def test_colours_that_no_decoder_undoes_are_unsupported(matrix: int, reason: str) -> None:
    told = re.escape(f"This variety of AVIF is not supported: its colours are coded as {reason}. ")
    with pytest.raises(UnsupportedImage, match=told):
        develop(avif_by_number((200, 100, 50), 9, 16, matrix))


@pytest.mark.parametrize("colour", [(200, 100, 50), (200, 100, 50, 128)])
def test_colours_that_an_avif_tells_by_number_are_followed(colour: tuple[int, ...]) -> None:
    """As phones write it: without a profile, which comes first where there is one."""
    stored = Image.new("RGBA" if len(colour) > 3 else "RGB", (16, 16), colour)
    wide = {name: encoded(stored, "AVIF", quality=100, icc_profile=name) for name in (b"", SAME)}
    for profile, data in wide.items():
        at = data.index(b"nclx") + 4
        made = shown(data[:at] + struct.pack(">HH", 12, 13) + data[at + 4 :])[8, 8, :3]
        wanted = [200, 100, 50] if profile else [215, 93, 31]
        assert np.abs(made - wanted).max() <= 3


@pytest.mark.parametrize(
    "data",
    [
        PLAIN,
        with_profile(b"x\0\0" + b"rubbish"),
        with_profile(b"x\0\0" + zlib.compress(b"rubbish")),
        with_profile(b""),
        PLAIN[:-12] + chunk(b"iCCP", b"\0\0" + zlib.compress(P3)) + PLAIN[-12:],
    ],
    ids=["none", "not packed", "rubbish", "empty", "behind the pixels"],
)
def test_no_profile_is_no_profile(data: bytes) -> None:
    assert (shown(data) == [200, 100, 50]).all()


def test_a_profile_is_unpacked_only_so_far() -> None:
    data = with_profile(b"\0\0" + zlib.compress(bytes(MAX_PROFILE + 1000)))
    profile = profile_of(open_image(data, "png", Limits()).pages[0].draw((8, 8)))
    assert profile is not None
    assert len(profile) == MAX_PROFILE


# ------------------------------------------------------------------------------ GIF


def gif(
    left: int, top: int, *, clear: int | None = None, comment: bytes = b"", local: bool = False
) -> bytes:
    """Return a GIF with a red frame of 8 by 6 pixels on a screen of 16 by 12, below extensions.

    Its colours are the screen's, or only the frame's.
    """
    data = encoded(Image.new("P", (8, 6), 0), "GIF")
    palette = data[10] & 7
    at = 13 + (3 << (palette + 1))
    start = data.index(b"\x2c\0\0\0\0\x08\0\x06\0", at)
    table = b"\xff\0\0" + data[16:at]
    before = b"" if clear is None else b"\x21\xf9\x04\x01\0\0" + bytes([clear]) + b"\0"
    before += b"\x21\xfe" + bytes([len(comment)]) + comment + b"\0" if comment else b""
    screen = struct.pack("<HH", 16, 12) + data[10:13]
    place = b"\x2c" + struct.pack("<HHHH", left, top, 8, 6)
    if local:
        screen = screen[:4] + b"\x70\0\0"
        place += bytes([0x80 | palette]) + table
        return data[:6] + screen + before + place + data[start + 10 :]
    return data[:6] + screen + table + before + place + data[start + 9 :]


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("comment", [b"", b"some words, which hold a comma: \x2c"])
@pytest.mark.parametrize(("left", "top"), [(0, 0), (4, 3), (8, 6), (0, 6), (8, 0)])
def test_a_screen_outside_of_its_first_frame_is_transparent(
    left: int, top: int, comment: bytes, local: bool
) -> None:
    wanted = np.zeros((12, 16, 4), np.int64)
    wanted[top : top + 6, left : left + 8] = (255, 0, 0, 255)
    assert (shown(gif(left, top, comment=comment, local=local)) == wanted).all()


def test_a_transparent_frame_on_a_larger_screen() -> None:
    assert (shown(gif(4, 3, clear=0))[..., 3] == 0).all()
    assert (shown(gif(4, 3, clear=1))[3:9, 4:12] == (255, 0, 0, 255)).all()
    assert open_image(gif(4, 3, clear=1), "gif", Limits()).pages[0].draw((16, 12)).bands == 4


def test_a_frame_that_fills_its_screen_is_opaque() -> None:
    data = encoded(picture(16, 12), "GIF")
    assert shown(data).shape == (12, 16, 3)
    assert open_image(data, "gif", Limits()).pages[0].draw((16, 12)).bands == 3


def test_a_frame_larger_than_its_screen_enlarges_it() -> None:
    assert shown(gif(12, 9)).shape == (15, 20, 4)


# ------------------------------------------------------------------------------ AVIF

RAMP = Image.linear_gradient("L").resize((64, 64))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("numbers", ["full", "limited"])
def test_avif_of_either_range_has_its_contrast(mode: str, numbers: str) -> None:
    stored = Image.merge("RGBA", (RAMP,) * 4).convert(mode)
    options = {"subsampling": "4:0:0"} if "L" in mode else {}
    data = encoded(stored, "AVIF", quality=100, range=numbers, **options)
    made = shown(data)
    assert np.abs(made - array(RAMP, "L")[..., None]).max() <= 2


def test_a_grey_avif_is_decoded_in_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """As all else is: a function has about one processor."""
    monkeypatch.setattr(AvifImagePlugin, "DEFAULT_MAX_THREADS", 0)  # Pillow's own: all
    shown(encoded(picture(16, 12, "L"), "AVIF", subsampling="4:0:0"))
    assert AvifImagePlugin.DEFAULT_MAX_THREADS == 1


def test_transparency_of_limited_range_has_its_contrast() -> None:
    """Which no encoder writes: the bit of the range is set back in the plane's sequence header."""
    data = bytearray(encoded(Image.merge("RGBA", (RAMP,) * 4), "AVIF", quality=100))
    header = data.index(b"\x12\0\x0a\x06", data.index(b"mdat"))
    data[header + 8] ^= 1
    alpha = shown(bytes(data))[..., 3]
    wanted = np.clip((array(RAMP, "L") - 16) * 255 / 219, 0, 255)
    assert np.abs(alpha - wanted).max() <= 2


@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
def test_an_avif_of_one_plane_is_turned_as_its_container_says(orientation: int) -> None:
    def stored(mode: str, **options: Any) -> bytes:
        exif = Image.Exif()
        exif[0x0112] = orientation
        return encoded(picture(64, 48, mode), "AVIF", quality=100, exif=exif, **options)

    grey = stored("L", subsampling="4:0:0")
    assert (b"irot" in grey) is (orientation != 1)
    made, wanted = shown(grey), shown(stored("RGB"))
    assert made.shape == (*wanted.shape[:2], 1)
    light = wanted @ [0.299, 0.587, 0.114]
    assert np.abs(made[..., 0] - light).mean() < 2


def test_a_profile_of_an_avif_with_transparency_is_followed() -> None:
    stored = Image.new("RGBA", (16, 16), (200, 100, 50, 128))
    made = shown(encoded(stored, "AVIF", quality=100, icc_profile=P3))
    assert np.abs(made[8, 8] - [215, 93, 31, 128]).max() <= 3


def test_how_a_container_cuts_a_picture_is_left_to_libheif(monkeypatch: Any) -> None:
    data = encoded(picture(64, 48, "L"), "AVIF", subsampling="4:0:0")
    monkeypatch.setattr("PIL.AvifImagePlugin.AvifImageFile.size", (64, 50), raising=False)
    assert open_image(data, sniff(data), Limits()).pages[0].size == (64, 48)


# ------------------------------------------------------------------------------ BMP


@pytest.mark.parametrize(("mode", "graphic"), [("P", True), ("RGB", False), ("L", False)])
def test_a_bitmap_with_a_palette_is_a_drawing(mode: str, graphic: bool) -> None:
    data = encoded(picture(16, 12).convert(mode), "BMP")
    assert open_image(data, "bmp", Limits()).graphic is graphic


def bmp(
    pixels: bytes,
    *,
    header: int = 40,
    bits: int = 32,
    masks: tuple[int, ...] = (),
    size: tuple[int, int] = (2, 1),
    palette: bytes = b"",
    compression: int | None = None,
) -> bytes:
    """Return a bitmap; masks follow a header of 40 bytes, and are the end of longer ones."""
    kind = (3 if masks else 0) if compression is None else compression
    fields = struct.pack("<iiHHI20x", *size, 1, bits, kind)[: header - 4]
    given = struct.pack(f"<{len(masks)}I", *masks)
    info = struct.pack("<I", header) + (fields + given).ljust(header - 4, b"\0") + palette
    return b"BM" + struct.pack("<I4sI", 0, b"odd!", 14 + len(info)) + info + pixels


def core(pixels: bytes, size: tuple[int, int]) -> bytes:
    """Return a bitmap of 24 bits with the header of OS/2 1: shorter than where others tell more."""
    return b"BM" + struct.pack("<I4sIIHHHH", 0, b"odd!", 26, 12, *size, 1, 24) + pixels


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (core(b"\1\2\10\0\1\0\0\0\3\0\0\0", (3, 1)), [[8, 2, 1], [0, 1, 0], [3, 0, 0]]),
        (core(b"\1\2\40\0\3\0\0\0\3\0\0\0", (3, 1)), [[32, 2, 1], [0, 3, 0], [3, 0, 0]]),
        (bmp(struct.pack("<II", 7, 0xF0), header=52, masks=(0xF0, 0, 7)),
         [[0, 0, 255], [255, 0, 0]]),
        (bmp(struct.pack("<II", 0xF07, 0x10F0), header=56, masks=(0xF0, 0, 7, 0xFF00)),
         [[0, 0, 255, 15], [255, 0, 0, 16]]),
        (bmp(struct.pack("<II", 1 << 30, 1), masks=(1 << 30, 1, 1)), [[255, 0, 0], [0, 255, 255]]),
        (bmp(struct.pack("<HH", 0x7C00, 0x03E0), bits=16, masks=(0x7C00, 0x03E0, 0x1F)),
         [[255, 0, 0], [0, 255, 0]]),
        (bmp(struct.pack("<HH", 0xF800, 0x0410), bits=16, masks=(0xF800, 0x07E0, 0x1F)),
         [[255, 0, 0], [0, 130, 132]]),
        (bmp(struct.pack("<HH", 0x0F08, 0x00F0), bits=16, masks=(0xF00, 0xF0, 0xF)),
         [[255, 0, 136], [0, 255, 0]]),
        (bmp(struct.pack("<II", 1023 << 20, 512 << 10), masks=(1023 << 20, 1023 << 10, 1023)),
         [[255, 0, 0], [0, 128, 0]]),
        (bmp(struct.pack("<II", 0xFF000080, 0x00FF00FF), masks=(0xFF000000, 0xFF0000, 0xFF)),
         [[255, 0, 128], [0, 255, 255]]),
        (bmp(struct.pack("<II", 0x80FF8040, 0xFF010203), header=56,
             masks=(0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
         [[255, 128, 64, 128], [1, 2, 3, 255]]),
        (bmp(struct.pack("<II", 0x80FF8040, 0xFF010203), header=56, masks=(0xFF0000, 0xFF00, 0xFF)),
         [[255, 128, 64], [1, 2, 3]]),
        (bmp(struct.pack("<II", 0x80FF8040, 0xFF010203), header=52, masks=(0xFF0000, 0xFF00, 0xFF)),
         [[255, 128, 64], [1, 2, 3]]),
        (bmp(struct.pack("<II", 7, 0xF0), masks=(0xF0, 0, 7)), [[0, 0, 255], [255, 0, 0]]),
        (bmp(struct.pack("<II", 0x808040, 0x010203), masks=(0, 0, 0)), [[128, 128, 64], [1, 2, 3]]),
        (bmp(b"\1\2\3\4\5\6\0\0", bits=24, masks=(0xFF0000, 0xFF00, 0xFF)),
         [[3, 2, 1], [6, 5, 4]]),
        (bmp(b"\1\2\3\4\5\6\0\0", header=16, bits=24), [[3, 2, 1], [6, 5, 4]]),
        (bmp(b"\1\2\3\4\5\6\0\0", header=42, bits=24), [[3, 2, 1], [6, 5, 4]]),
        (bmp(b"\1\0\0\0", header=16, bits=8, palette=bytes(range(256)) * 4),
         [[6, 5, 4], [2, 1, 0]]),
    ],
)  # fmt: skip
def test_bitmaps_that_browsers_show(data: bytes, wanted: list[list[int]]) -> None:
    """Reserved bytes that are none, colours in bits of any choice, headers that OS/2 cut short."""
    assert shown(data)[0].tolist() == wanted


@pytest.mark.parametrize(("bits", "kind"), [(16, "H"), (32, "I")])
@pytest.mark.parametrize("upwards", [True, False])
def test_rows_of_a_bitmap_in_bits(bits: int, kind: str, upwards: bool) -> None:
    """Each is as long as a multiple of four bytes; the last comes first, or height is negative."""
    across = 4 if bits == 16 else 3
    rows = [[1, 2, 4], [8, 16, 31]]
    stored = struct.pack(f"<{2 * across}{kind}", *rows[0], *([9] * (across - 3)), *rows[1],
                         *([9] * (across - 3)))  # fmt: skip
    size = (3, 2 if upwards else -2)
    made = shown(bmp(stored, bits=bits, masks=(0x1F, 0x1F, 0x1F), size=size))
    wanted = [[round(value * 255 / 31) for value in row] for row in rows]
    assert made[..., 0].tolist() == (wanted[::-1] if upwards else wanted)


@pytest.mark.parametrize("size", [(0, 1), (-1, 1), (1, 0)])
def test_a_bitmap_of_no_size_is_corrupt(size: tuple[int, int]) -> None:
    with pytest.raises(CorruptImage):
        develop(bmp(bytes(8), masks=(1, 2, 4), size=size))


def test_a_bitmap_in_bits_is_weighed_and_held_to_its_length() -> None:
    with pytest.raises(ImageTooLarge, match="60,000 by 3 pixels"):
        develop(bmp(bytes(8), masks=(1, 2, 4), size=(60_000, 3)))
    with pytest.raises(CorruptImage):
        develop(bmp(bytes(7), masks=(1, 2, 4)))


@pytest.mark.parametrize(
    "data",
    [
        bmp(bytes(99), compression=5),
        bmp(bytes(99), bits=7),
        bmp(bytes(9), compression=11),
        bmp(bytes(8), header=64, masks=(1, 2, 4)),
    ],
)
def test_bitmaps_of_other_kinds_are_unsupported(data: bytes) -> None:
    with pytest.raises(UnsupportedImage, match="This variety of BMP is not supported"):
        develop(data)


def with_embedded(data: bytes, kind: bytes = b"DEBM") -> bytes:
    """Return a bitmap whose header is of version 5 with a profile at its end."""
    made = bytearray(data + P3 + b"behind it")
    made[70:74] = kind
    struct.pack_into("<II", made, 126, len(data) - 14, len(P3))
    return bytes(made)


@pytest.mark.parametrize("kind", ["usual", "masks", "runs"])
def test_a_profile_within_a_bitmap_is_followed(kind: str) -> None:
    """As Chromium does; linked profiles and calibrated colours are not."""
    stored = bytes([50, 100, 200, 0])
    data = {
        "usual": bmp(stored[:3] * 2 + b"\0\0", header=124, bits=24),
        "masks": bmp(stored * 2, header=124, masks=(0xFF0000, 0xFF00, 0xFF)),
        "runs": bmp(b"\2\1\0\1", header=124, bits=8, compression=1, palette=stored * 256),
    }[kind]
    for other in (data, with_embedded(data, b"KNIL"), with_embedded(data, bytes(4))):
        assert (shown(other)[..., :3] == [200, 100, 50]).all()
    made = with_embedded(data)
    assert np.abs(shown(made)[..., :3] - [215, 93, 31]).max() <= 1
    assert profile_of(open_image(made, "bmp", Limits()).pages[0].draw((2, 1))) == P3


def test_a_bitmap_of_version_4_has_no_profile() -> None:
    """Where one would be told, its pixels lie."""
    data = bmp(bytes([50, 100, 200]) + bytes(20), header=108, bits=24, size=(1, 1))
    assert (shown(with_embedded(data)) == [200, 100, 50]).all()


RUNS = bmp(b"\2\1\0\1", bits=8, compression=1, palette=bytes(range(256)) * 4)
MASKED = bmp(bytes(8), masks=(1, 2, 4))
ORDINARY = encoded(picture(2, 1), "BMP")


@pytest.mark.parametrize(
    ("data", "graphic"),
    [(RUNS, True), (MASKED, False), (ORDINARY, False)],
    ids=["runs", "bits", ""],
)
def test_what_is_told_of_a_bitmap_before_it_is_decoded(data: bytes, graphic: bool) -> None:
    opened = open_image(data, "bmp", Limits(max_pixels=2))
    assert (opened.format, opened.graphic) == ("bmp", graphic)
    assert [(page.size, page.orientation) for page in opened.pages] == [((2, 1), 1)]
    with pytest.raises(ImageTooLarge, match="2 by 1"):
        open_image(data, "bmp", Limits(max_pixels=1))


@pytest.mark.parametrize("data", [RUNS, MASKED], ids=["runs", "bits"])
@pytest.mark.parametrize("size", [(0, 0), (0, 1), (-1, 1), (1, 0)])
def test_a_bitmap_of_no_size_is_refused_by_its_header(data: bytes, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="its width or height is none"):
        open_image(data[:18] + struct.pack("<ii", *size) + data[26:], "bmp", Limits())
    open_image(data[:18] + struct.pack("<ii", 1, -1) + data[26:], "bmp", Limits())


@pytest.mark.parametrize(("mode", "bands"), [("1", 1), ("L", 1), ("P", 3), ("RGB", 3)])
def test_bitmaps_of_usual_kinds_keep_their_channels(mode: str, bands: int) -> None:
    stored = picture(16, 12).convert(mode)
    made = shown(encoded(stored, "BMP"))
    assert made.shape == (12, 16, bands)
    wanted = np.asarray(stored.convert("L" if bands == 1 else "RGB")).reshape(made.shape)
    assert (made == wanted).all()
