"""Headers and lazy pixels: what is told without decoding, and how much is decoded."""

from __future__ import annotations

import contextlib
import struct
import zlib
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock
from urllib.parse import quote

import numpy as np
import pytest
from darkroom.contract.errors import CorruptImage, ImageTooLarge
from darkroom.contract.limits import MIB, Limits
from darkroom.contract.presets import Preset
from darkroom.image.colour import profile_of
from darkroom.image.input import jpeg, openers, webp
from darkroom.image.input import svg as drawings
from darkroom.image.input.openers import open_image
from darkroom.image.input.page import Opened
from darkroom.image.input.png import _apng_frames, _chunks
from darkroom.image.input.sniff import sniff
from darkroom.image.metadata import read_credit
from darkroom.image.strip import jpeg_quality
from darkroom.image.vips import vips
from numpy.typing import NDArray
from PIL import Image

from tests.support import profiles
from tests.support.images import encoded, opened, picture
from tests.support.imaging import DATA, array, chunk, files, half_clear, png, rendition
from tests.unit.image.input.test_boxes import HEVC, container, nclx
from tests.unit.image.input.test_drawing import svg

FILES = files()
P3 = profiles.matrix_profile(profiles.DISPLAY_P3, 2.2)


def header(data: bytes) -> Opened:
    return open_image(data, sniff(data), Limits())


def turned(orientation: int, image_format: str = "JPEG") -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(picture(32, 24), image_format, exif=exif)


def drawn(data: bytes, wanted: tuple[int, int]) -> tuple[int, int]:
    """Return the size at which a file is decoded where a size is wanted."""
    image = header(data).pages[0].draw(wanted)
    return image.width, image.height


@pytest.mark.parametrize(
    ("size", "wanted", "decoded"),
    [
        ((160, 120), (41, 31), (160, 120)),
        ((160, 120), (41, 30), (160, 120)),
        ((160, 120), (40, 31), (160, 120)),
        ((160, 120), (40, 30), (80, 60)),  # twice what is wanted remains
        ((160, 120), (21, 15), (80, 60)),
        ((160, 120), (20, 15), (40, 30)),
        ((160, 120), (11, 7), (40, 30)),
        ((160, 120), (10, 7), (20, 15)),
        ((160, 120), (1, 1), (20, 15)),
        ((164, 120), (1, 1), (41, 30)),  # 8 does not divide 164
        ((160, 122), (1, 1), (80, 61)),
        ((161, 120), (1, 1), (161, 120)),
    ],
)
def test_a_jpeg_is_decoded_smaller_where_that_loses_nothing(
    size: tuple[int, int], wanted: tuple[int, int], decoded: tuple[int, int]
) -> None:
    assert drawn(encoded(picture(*size)), wanted) == decoded


@pytest.mark.parametrize("name", ["png", "gif", "tiff", "avif", "heic", "bmp"])
def test_other_formats_are_decoded_whole(name: str) -> None:
    assert drawn(FILES[name], (10, 7)) == (160, 120)


@pytest.mark.parametrize(
    ("side", "lossless", "whole"),
    [(5837, False, True), (5838, False, False), (4766, True, True), (4767, True, False)],
)
def test_a_webp_is_whole_up_to_34_megapixels_and_lossless_up_to_23(
    side: int, lossless: bool, whole: bool
) -> None:
    scale = webp._webp_scale((side, side), (300, 300), lossless=lossless)
    assert (scale == 1) is whole
    assert scale > 0.99


@pytest.mark.parametrize(
    ("name", "wanted", "decoded"),
    [
        ("webp", (10, 7), (80, 60)),
        ("webp", (50, 37), (100, 75)),
        ("webp", (50, 40), (107, 80)),
        ("webp", (79, 10), (158, 119)),
        ("webp", (80, 60), (160, 120)),
        ("webp", (160, 120), (160, 120)),
        ("webp-lossless", (10, 7), (57, 42)),
        ("webp-lossless", (50, 37), (100, 75)),
    ],
)
def test_a_larger_webp_is_decoded_as_it_fits_its_memory(
    name: str, wanted: tuple[int, int], decoded: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two copies of 4 bytes a pixel, one more of a lossless one; twice what is wanted remains."""
    monkeypatch.setattr(
        webp, "WEBP_MEMORY", 8 * 80 * 60 if name == "webp" else 8 * 57 * 43 + 4 * 160 * 120
    )
    assert drawn(FILES[name], wanted) == pytest.approx(decoded, abs=1)


@pytest.mark.parametrize(
    ("data", "lossless"),
    [
        (FILES["webp"], False),
        (FILES["webp-lossless"], True),
        (FILES["webp-alpha"], False),
        (encoded(half_clear(), "WEBP", lossless=True, exact=True, icc_profile=P3), True),
        (encoded(picture(16, 16), "WEBP", icc_profile=P3 + b"x"), False),
        (b"RIFF\0\0\0\0WEBP", True),
        (b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0", False),
        (b"RIFF\0\0\0\0WEBPVP8 \0\0\0", True),
    ],
)
def test_whether_a_webp_is_lossless_is_told_from_its_chunks(data: bytes, lossless: bool) -> None:
    assert webp._is_lossless(data) is lossless


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_turned_page_is_as_wide_as_it_is_shown(orientation: int, image_format: str) -> None:
    (page,) = header(turned(orientation, image_format)).pages
    assert page.size == (32, 24)
    assert page.upright == ((24, 32) if orientation in {5, 6, 7, 8} else (32, 24))
    assert page.orientation == (orientation if orientation in range(1, 9) else 1)


@pytest.mark.parametrize(
    ("data", "plain"),
    [
        (FILES["jpeg"], True),
        (FILES["jpeg-grey"], True),
        (FILES["jpeg-cmyk"], False),
        (FILES["png"], True),
        (FILES["png-16"], False),
        (FILES["webp"], True),
        (turned(1), True),
        (turned(2), False),
        (turned(8, "PNG"), False),
        (turned(3, "WEBP"), False),
        (encoded(picture(16, 16), icc_profile=P3), False),
        (encoded(picture(16, 16), "PNG", icc_profile=P3), False),
        (encoded(picture(16, 16), "WEBP", icc_profile=P3), False),
        (FILES["tiff"], False),
        (FILES["gif"], False),
    ],
)
def test_what_is_shown_as_it_is_stored_is_plain(data: bytes, plain: bool) -> None:
    assert header(data).plain is plain


@pytest.mark.parametrize("name", FILES)
def test_drawings_are_told_from_photos(name: str) -> None:
    opened = header(FILES[name])
    assert opened.graphic is name.startswith(("gif", "svg", "png-palette", "bmp-palette"))
    assert opened.vector is (name == "svg")


def animated(*before: tuple[bytes, bytes], after: bytes = b"") -> bytes:
    still = png(1, 1, zlib.compress(b"\0\0"))
    return still[:33] + b"".join(chunk(*each) for each in before) + after + still[33:]


@pytest.mark.parametrize(
    ("data", "frames"),
    [
        (animated(), 1),
        (animated((b"acTL", struct.pack(">II", 7, 0))), 7),
        (animated((b"acTL", struct.pack(">II", 0, 0))), 1),
        (animated((b"tEXt", b"some words"), (b"acTL", struct.pack(">II", 7, 0))), 7),
        (animated((b"IDAT", b""), (b"acTL", struct.pack(">II", 7, 0))), 1),
        (animated((b"IEND", b""), (b"acTL", struct.pack(">II", 7, 0))), 1),
        (animated()[:33] + b"\0\0\0\4acTL\0\0\0\5", 5),
        (animated()[:33] + b"\0\0\0\4acTL\0\0\5", 1),
        (animated()[:33] + b"\0\0\0\4acTL\1\0\0\5", (1 << 24) + 5),
        (animated()[:33], 1),
    ],
)
def test_the_frames_of_a_png_are_those_that_it_promises(data: bytes, frames: int) -> None:
    assert _apng_frames(_chunks(data)) == frames


def test_a_drawings_pixels_are_limited_too() -> None:
    data = b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>'
    page: Any = open_image(data, "svg", Limits(max_side=50)).pages[0]
    assert page.draw((50, 50)).width == 50
    with pytest.raises(ImageTooLarge, match="max_side"):
        page.draw((51, 50))


def test_the_reason_of_a_failure_is_a_sentence() -> None:
    error = openers.cannot_decode("avif", "it ends too early")
    assert isinstance(error, CorruptImage)
    assert str(error).startswith(
        "This begins as AVIF but cannot be decoded: it ends too early. Expected a complete, "
    )


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_credit_is_found_where_each_format_keeps_it(image_format: str) -> None:
    exif = Image.Exif()
    exif[0x8298] = "mine"
    data = encoded(picture(16, 16), image_format, exif=exif)
    assert read_credit(header(data).exif).copyright == "mine"


def collage(*references: str, **limits: Any) -> Any:
    """Return the pixels of a drawing of 160 by 120 that shows pictures, one upon the other."""
    images = "".join(f'<image href="{each}" width="160" height="120"/>' for each in references)
    data = svg('width="160" height="120"', images)
    return open_image(data, "svg", Limits(**limits)).pages[0].draw((160, 120))


def address(data: bytes, before: str = "data:image/png;base64,") -> str:
    return before + b64encode(data).decode()


@pytest.mark.parametrize(
    "data",
    [b"no picture", b"", FILES["jpeg"][:100], FILES["png"][:30], FILES["svg"], FILES["tiff"],
     FILES["avif"][:100], FILES["bmp"][:40]],
)  # fmt: skip
def test_what_is_no_picture_that_was_checked_is_left_out_of_a_drawing(data: bytes) -> None:
    assert collage(address(data)).max() == 0
    assert collage(address(data, "data:image/svg+xml;base64,")).max() == 0


@pytest.mark.parametrize("name", ["png", "jpeg", "gif", "webp"])
def test_a_picture_within_a_drawing_is_drawn_whatever_it_is_called(name: str) -> None:
    for before in ("data:;base64,", "data:image/gif;x=y; base64,", "DATA:text/html;BASE64,"):
        assert collage(address(FILES[name], before)).avg() > 100


@pytest.mark.parametrize(
    ("error", "is_raised"), [(ImageTooLarge("x"), True), (MemoryError(), True), (OSError(), False)]
)
def test_a_drawing_fails_by_a_picture_that_is_too_large_and_leaves_out_what_is_damaged(
    monkeypatch: pytest.MonkeyPatch, error: Exception, is_raised: bool
) -> None:
    data = address(stored("orientation")[0])
    assert collage(data).avg() > 100
    monkeypatch.setattr(drawings, "_as_shown", MagicMock(side_effect=error))
    with pytest.raises(type(error)) if is_raised else contextlib.nullcontext():
        assert collage(data).avg() > 100  # as it is stored


def stored(name: str) -> tuple[bytes, NDArray[np.float64]]:
    """Return a picture that is not shown as it is stored, and what is shown of it."""
    whole = picture(160, 120)
    pixels = array(whole)
    if name == "inks":
        data = encoded(whole.convert("CMYK"), quality=100, subsampling=0)
        return data, array(rendition(data, Preset(name="p", width=160, height=120, format="png")))
    if name in {"AVIF", "BMP"}:
        return encoded(whole, name, **({"quality": 100} if name == "AVIF" else {})), pixels
    if name == "orientation":
        exif = Image.Exif()
        exif[0x0112] = 3
        return encoded(whole, "PNG", exif=exif), pixels[::-1, ::-1]
    flat = Image.new("RGB", (160, 120), (200, 100, 50))
    shown = np.full((120, 160, 3), (215.0, 93, 31))
    wide = profiles.rgb_profile(profiles.DISPLAY_P3, profiles.SRGB_CURVE)
    if name == "numbers":
        plain = encoded(flat, "PNG")
        return plain[:33] + chunk(b"cICP", bytes([12, 13, 0, 1])) + plain[33:], shown
    exact: dict[str, Any] = {"quality": 100, "subsampling": 0}
    if name != "JPEG":
        exact = {"lossless": True} if name == "WEBP" else {}
    return encoded(flat, name, icc_profile=wide, **exact), shown


@pytest.mark.parametrize(
    "name", ["PNG", "WEBP", "JPEG", "AVIF", "BMP", "numbers", "orientation", "inks"]
)
def test_a_picture_within_a_drawing_is_shown_as_an_upload_of_it_is(name: str) -> None:
    """resvg follows no profile, turns nothing upright and leaves out inks, AVIF and BMP."""
    data, wanted = stored(name)
    size = f'width="{wanted.shape[1]}" height="{wanted.shape[0]}"'
    image = f'<image {size} href="{address(data)}"/>'
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{image}</svg>'
    preset = Preset(name="p", width=160, height=120, format="png")
    made = array(rendition(drawing.encode(), preset))
    assert np.abs(made - wanted).mean() < 2


def test_a_jpeg_that_is_made_anew_for_a_drawing_loses_little() -> None:
    kind, data = openers.svg._as_shown(header(turned(6)))
    made: Any = opened(data)
    assert (kind, made.size, jpeg_quality(data)) == ("image/jpeg", (24, 32), 95)
    assert [tuple(each[1:3]) for each in made.layer] == [(1, 1)] * 3, "colours at full resolution"


@pytest.mark.parametrize("name", ["PNG", "BMP", "grey AVIF"])
def test_a_picture_that_fails_only_when_it_is_decoded_is_left_to_the_drawing(name: str) -> None:
    grey = encoded(picture(160, 120, "L"), "AVIF", subsampling="4:0:0")
    data = grey if "AVIF" in name else stored(name)[0]
    assert collage(address(data[:-60])).width == 160


@pytest.mark.parametrize(
    "spelt",
    [
        "data:image/png;charset=base64,{raw}",
        "data:image/png;base64;x=y,{raw}",
        "data:image/png;xbase64,{raw}",
        "data:image/png;x=base64,{raw}",
        "data:image/png; base64 ,{coded}",
        "data:image/png;x=y;base64,{coded}",
        "data:image/png;base64,{coded}#fragment",
        "data:;base64,{coded}",
        "data:,{raw}",
        "data:image/jpeg;base64,{coded}",
        "data:application/octet-stream;base64,{coded}",
    ],
)
def test_no_spelling_gets_a_large_picture_past_the_limit(spelt: str) -> None:
    """It is drawn where it is small enough, or it is left out: never unchecked."""
    data = FILES["png"]
    reference = spelt.format(raw=quote(data), coded=b64encode(data).decode())
    assert collage(reference, max_pixels=19_200).avg() > 100
    with pytest.raises(ImageTooLarge, match="19,200 pixels"):
        collage(reference, max_pixels=19_199)


def test_a_webp_that_leaves_no_memory_is_decoded_as_small_as_may_be() -> None:
    assert webp._webp_scale((20_000, 20_000), (300, 100), lossless=True) == 0.03


# ------------------------------------------------------------------------------ of every format


@pytest.mark.parametrize("name", FILES)
def test_what_a_header_tells(name: str) -> None:
    opened = header(FILES[name])
    assert opened.format == name.replace("apng", "png").partition("-")[0]
    assert opened.frames == (2 if name in {"apng", "webp-animated", "gif-animated"} else 1)
    assert len(opened.pages) == (3 if name == "tiff-pages" else 1)
    assert {page.orientation for page in opened.pages} == {1}
    assert bool(opened.exif) is name.startswith("tiff")


@pytest.mark.parametrize("name", FILES)
def test_limits_hold_before_a_pixel_is_decoded(name: str) -> None:
    data = FILES[name]
    with pytest.raises(ImageTooLarge, match="max_side"):
        open_image(data, sniff(data), Limits(max_side=159))
    assert open_image(data, sniff(data), Limits(max_side=160))


@pytest.mark.parametrize("name", ["apng", "webp-animated", "gif-animated", "tiff-pages"])
def test_all_frames_and_pages_count(name: str) -> None:
    data, what = FILES[name], "pages" if name == "tiff-pages" else "frames"
    count = 3 if what == "pages" else 2
    with pytest.raises(ImageTooLarge, match=rf"{count} {what}, .* \(max_{what}\)"):
        open_image(data, sniff(data), Limits(max_frames=1, max_pages=2))
    with pytest.raises(ImageTooLarge, match=f"{count} frames or pages, the first 160 by 120"):
        open_image(data, sniff(data), Limits(max_pixels=count * 160 * 120 - 1))
    assert open_image(data, sniff(data), Limits(max_pixels=count * 160 * 120))


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "gif", "tiff", "avif"])
def test_rows_are_read_once_from_top_to_bottom(name: str) -> None:
    """Or a large picture would be decoded whole, into memory, before its first row is used."""
    assert header(FILES[name]).pages[0].draw((160, 120)).get_typeof("vips-sequential")


def test_a_jpeg_is_decoded_whole_by_a_scale_of_one() -> None:
    assert jpeg._jpeg_shrink((160, 120), (100, 100)) == 1


def test_a_gifs_screen_is_weighed_before_its_frames_are_looked_at() -> None:
    with pytest.raises(ImageTooLarge, match="65,535 by 65,535"):
        header(b"GIF89a\xff\xff\xff\xff")
    with pytest.raises(vips().Error):
        header(b"GIF89a\xff\xff\xff")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_a_bitmap_of_every_kind(mode: str) -> None:
    stored = picture(16, 12).convert(mode)
    image = header(encoded(stored, "BMP")).pages[0].draw((16, 12))
    shown = {"1": "L", "P": "RGB"}.get(mode, mode)
    assert image.interpretation == ("b-w" if shown == "L" else "srgb")
    assert image.write_to_memory() == stored.convert(shown).tobytes()


def test_a_transparent_bitmap() -> None:
    masks = (0xFF, 0xFF00, 0xFF0000, 0xFF000000)
    info = struct.pack("<IiiHHI20x4I52x", 108, 2, -1, 1, 32, 3, *masks)
    data = b"BM" + struct.pack("<III", 130, 0, 122) + info + bytes(range(1, 9))
    image = header(data).pages[0].draw((2, 1))
    assert image.hasalpha()
    assert image.write_to_memory() == bytes(range(1, 9))


class Heif:
    """A HEIC's only picture, two by one pixels, as the decoder hands it over."""

    size: tuple[int, int] = (2, 1)
    primary_index = 0

    def __init__(self, mode: str, *, padding: int = 0, **info: Any) -> None:
        channels, _, deep = mode.partition(";")
        self.mode, self.info = mode, {"bit_depth": 16 if deep else 8, **info}
        self.stride = 2 * len(channels) * (2 if deep else 1)
        self.data = bytes(range(1, self.stride + 1))
        self.stride += padding

    def __getitem__(self, index: int) -> Heif:
        assert index == 0
        return self


@pytest.fixture
def heic(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Opened]:
    """Return what opens such a picture; no free encoder makes these varieties of it."""

    def opened(picture: Heif, data: bytes = b"") -> Opened:
        def open_heif(_: bytes, *, convert_hdr_to_8bit: bool = True) -> Heif:
            return Heif(picture.mode.partition(";")[0]) if convert_hdr_to_8bit else picture

        monkeypatch.setattr("pi_heif.open_heif", open_heif)
        return open_image(data, "heic", Limits(max_memory=64 * MIB))

    return opened


@pytest.mark.parametrize("depth", ["", ";16"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_heic_of_every_kind(mode: str, depth: str, heic: Callable[..., Opened]) -> None:
    stored = Heif(mode + depth)
    image = heic(stored).pages[0].draw((2, 1))
    assert (image.width, image.height, image.bands) == (2, 1, len(mode))
    assert image.format == ("ushort" if depth else "uchar")
    assert image.interpretation == ("rgb16" if depth else "srgb")
    assert image.write_to_memory() == stored.data
    assert profile_of(image) is None


def test_a_heics_profile_and_credit_are_found(heic: Callable[..., Opened]) -> None:
    opened = heic(Heif("RGB", icc_profile=P3, exif=b"its exif"))
    assert profile_of(opened.pages[0].draw((2, 1))) == P3
    assert opened.exif == b"its exif"


def test_a_heics_depth_counts(heic: Callable[..., Opened]) -> None:
    """Light of 1019 of 1023 is 254.6 in sRGB, and less of 65,535."""
    picture = Heif("RGB;16", bit_depth=10)
    picture.data = struct.pack("<H", 1019 << 6) * 6
    image = heic(picture, container(b"heic", [HEVC], [nclx(1, 8)])).pages[0].draw((2, 1))
    assert image.write_to_memory() == b"\xff" * 6


def test_a_heics_colours_are_freed_of_their_transparency(heic: Callable[..., Opened]) -> None:
    """Colours of 1 to 3 and 5 to 7 at alphas of 4 and 8, in files that keep the product of both."""
    image = heic(Heif("RGBa")).pages[0].draw((2, 1))
    assert image.write_to_memory() == bytes([64, 128, 191, 4, 159, 191, 223, 8])


def test_a_heic_with_padded_rows_is_not_guessed_at(heic: Callable[..., Opened]) -> None:
    with pytest.raises(CorruptImage, match="padded"):
        heic(Heif("RGB", padding=2)).pages[0].draw((2, 1))


@pytest.mark.parametrize(
    ("mode", "chroma", "each"),
    [
        *(("RGB", 420, 7), ("RGB", 422, 7), ("L", None, 7), ("RGBA", 420, 11), ("RGBa", 420, 11)),
        *(("RGB", 444, 11), ("RGBA", 444, 15), ("RGB;16", 420, 11), ("RGBA;16", 420, 19)),
        *(("RGB;16", 444, 20), ("RGBA;16", 444, 28)),
    ],
)
def test_a_heic_that_memory_has_no_room_for_is_refused_by_its_header(
    mode: str, chroma: int | None, each: int, heic: Callable[..., Opened]
) -> None:
    """Of 64 MiB, the process itself takes 40; so they are divided by what a pixel takes."""
    picture = Heif(mode, **({} if chroma is None else {"chroma": chroma}))
    picture.size = (24 * MIB // each // 200, 200)
    assert heic(picture).pages[0].size == picture.size
    picture.size = (picture.size[0] + 1, 200)
    with pytest.raises(ImageTooLarge, match=f"{24 * MIB // each:,} of such a HEIC: 64 MiB"):
        heic(picture)


@pytest.mark.parametrize(("name", "each"), [("opaque", 7), ("alpha", 11)])
def test_a_heic_that_says_to_be_huge(name: str, each: int) -> None:
    data = (DATA / f"{name}.heic").read_bytes()
    assert data.count(struct.pack(">II", 160, 120)) >= 1
    data = data.replace(struct.pack(">II", 160, 120), struct.pack(">II", 9000, 9000))
    room = (512 - 40) * MIB // each
    with pytest.raises(ImageTooLarge, match=f"for {room:,} of such a HEIC"):
        open_image(data, "heic", Limits(max_memory=512 * MIB))


def test_all_pictures_within_a_drawing_count() -> None:
    inner = f'<image href="data:image/png;base64,{b64encode(FILES["png"]).decode()}"/>'
    data = svg('width="9" height="9"', 2 * inner + '<image href="data:,not one"/>')
    with pytest.raises(ImageTooLarge, match="38,400 pixels"):
        open_image(data, "svg", Limits(max_pixels=38_399))
    assert open_image(data, "svg", Limits(max_pixels=38_400))
    with pytest.raises(ImageTooLarge, match="19,200 pixels"):  # one that is too large by itself
        open_image(data, "svg", Limits(max_pixels=19_199))
