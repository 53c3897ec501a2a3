"""What a mezzanine holds: sizes, pixels, and which bytes may be used again."""

from __future__ import annotations

import struct
from typing import Any

import msgspec
import numpy as np
import pytest
from darkroom.contract.errors import CorruptImage, ImageTooLarge, UnsupportedImage
from darkroom.contract.limits import Limits
from darkroom.contract.presets import PdfOptions, Preset
from darkroom.image import quality
from darkroom.image.colour import to_srgb
from darkroom.image.encode import jpeg
from darkroom.image.geometry import Size
from darkroom.image.mezzanine import Mezzanine, StoredJpeg, unpack
from darkroom.image.pixels import Pixels, from_bytes, reduce
from darkroom.image.strip import jpeg_quality, strip
from darkroom.image.vips import said, vips
from PIL import Image

from benchmarks.quality import psnr, reference
from tests.support import profiles
from tests.support.images import encoded, opened, picture, scene
from tests.support.imaging import array, develop, files, half_clear, rendition, renditions

FILES = files()
P3 = profiles.matrix_profile(profiles.DISPLAY_P3, 2.2)


def preset(**fields: Any) -> Preset:
    return msgspec.convert({"name": "p", "width": 160, "height": 120, **fields}, Preset)


def mezzanine(data: bytes, *presets: Preset, **spec: Any) -> Mezzanine:
    return unpack(develop(data, *presets, **spec).mezzanine)


def turned(orientation: int, **options: Any) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(picture(160, 120), exif=exif, **options)


# ------------------------------------------------------------------------------ sizes


@pytest.mark.parametrize(
    ("source", "wanted", "kept", "document"),
    [
        ((1810, 1200), [(1206, 1206)], (1206, 800), (1206, 800)),  # 1.501 times
        ((1800, 1200), [(1200, 1200)], (1800, 1200), (1200, 800)),  # 1.5 times: whole
        ((1400, 40), [(1300, 100)], (1400, 40), (1300, 37)),
        ((2600, 10), [(1300, 100)], (1300, 5), (1300, 5)),  # one side is enough to reduce
        ((2400, 30), [(100, 10)], (1200, 15), (1200, 15)),  # a legible document at least
        ((2400, 30), [(1199, 100)], (1200, 15), (1200, 15)),
        ((2400, 30), [(1201, 100)], (1201, 15), (1201, 15)),
        ((2400, 30), [(100, 10), (1400, 100)], (1400, 18), (1400, 18)),
        ((900, 30), [(100, 10)], (900, 30), (900, 30)),  # never larger than it was
        ((30, 2400), [(10, 100)], (15, 1200), (15, 1200)),
        ((30, 2600), [(100, 1300)], (15, 1300), (15, 1300)),
    ],
)
def test_a_picture_is_kept_as_large_as_its_largest_use(
    source: Size, wanted: list[Size], kept: Size, document: Size
) -> None:
    data = encoded(Image.new("L", source, 90), "PNG")
    presets = [Preset(name=f"p{w}", width=w, height=h) for w, h in wanted]
    (page,) = mezzanine(data, *presets).header.pages
    assert (page.source, page.size, page.document) == (source, kept, document)


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [((100, 10), (2000, 25)), ((2000, 25), (2000, 25)), ((2200, 99), (2200, 28))],
)
def test_the_pages_of_a_document_are_kept_legible(wanted: Size, kept: Size) -> None:
    """2,000 pixels on the longer side; the first is kept larger only for its renditions."""
    pages = [Image.new("L", (4000, 50), 90), Image.new("L", (4000, 50), 20), Image.new("L", (9, 9))]
    data = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    first, second, third = mezzanine(data, preset(width=wanted[0], height=wanted[1])).header.pages
    assert (first.size, first.document) == (kept, (2000, 25))
    assert (second.source, second.size, second.document) == ((4000, 50), (2000, 25), (2000, 25))
    assert (third.source, third.size, third.document) == ((9, 9), (9, 9), (9, 9))


@pytest.mark.parametrize(
    ("others", "document"), [([], (1300, 975)), ([Preset(name="p", width=1600)], (1600, 1200))]
)
def test_a_document_keeps_its_shape_beside_a_preset_that_stretches_it(
    others: list[Preset], document: Size
) -> None:
    data = encoded(Image.new("L", (2000, 1500), 90), "PNG")
    stretched = preset(width=1300, height=1400, fit="fill")
    (page,) = mezzanine(data, stretched, *others).header.pages
    assert page.document == document


def test_a_picture_is_kept_no_larger_than_it_is_whatever_it_is_stretched_to() -> None:
    data = encoded(Image.new("LA", (2000, 1500), (90, 7)), "PNG")
    stretched = preset(width=3000, height=200, fit="fill", enlarge=True)
    (page,) = mezzanine(data, stretched).header.pages
    assert (page.size, page.document) == ((2000, 900), (1200, 900))


def test_a_drawing_is_drawn_at_the_size_of_its_largest_use() -> None:
    data = b'<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"/>'
    small, large = preset(width=60, height=60), preset(width=150, height=150)
    assert mezzanine(data, small, large).header.pages[0].size == (150, 100)
    assert mezzanine(data, preset(width=6, height=6)).header.pages[0].size == (30, 20)
    (page,) = mezzanine(data, preset(width=130, height=200, fit="cover")).header.pages
    assert page.size == (300, 200)
    long = b'<svg xmlns="http://www.w3.org/2000/svg" width="1500" height="30"/>'
    (page,) = mezzanine(long, preset(width=1250)).header.pages
    assert (page.source, page.size) == ((1500, 30), (1250, 25))


# ------------------------------------------------------------------------------ quality


@pytest.mark.parametrize("width", [480, 240, 150, 120, 60])
def test_a_photo_decoded_small_comes_near_a_full_decode(width: int) -> None:
    """Decoded at half the scale, so that less than twice the size remains, it has 40 to 46 dB."""
    data = encoded(scene(960, 640, seed=1), quality=90, subsampling=0)
    size = (width, width * 2 // 3)
    made = array(rendition(data, preset(width=width, height=size[1], format="png")))
    assert psnr(made, reference(opened(data), size)) > 51


@pytest.mark.parametrize("width", [900, 600])
def test_a_picture_up_to_half_larger_is_reduced_once(width: int) -> None:
    """Reduced twice, it has 49 dB at 900 pixels and 53 at 600; a document needs 1,200."""
    whole = scene(1600, 160, seed=1)
    data = encoded(whole, "PNG", compress_level=1)
    with_large = [preset(name="l", width=1210, height=1210),
                  preset(name="s", width=width, height=width, format="png")]  # fmt: skip
    (_, (_, small)) = renditions(data, *with_large)
    made = opened(small.data)
    assert psnr(array(made), reference(whole, made.size)) > 55


@pytest.mark.parametrize("width", [240, 120])
def test_colours_are_converted_before_they_are_reduced(width: int) -> None:
    """Afterwards, they come out 12 dB worse: what sRGB cannot show is cut off after averaging."""
    data = encoded(scene(480, 320, seed=2), "PNG", icc_profile=P3)
    size = (width, width * 2 // 3)
    shown = [_reduced(plane, size) for plane in np.moveaxis(_in_srgb(data), -1, 0)]
    wanted = np.clip(np.stack(shown, axis=-1), 0, 255)
    made = array(rendition(data, preset(width=width, height=size[1], format="png")))
    assert psnr(made, wanted) > 49


def _in_srgb(data: bytes) -> Any:
    pixels = np.asarray(opened(data), dtype=np.float64)
    linear = (pixels / 255) ** 2.2 @ np.linalg.solve(profiles.SRGB, profiles.DISPLAY_P3).T
    found = np.clip(linear, 0, 1)
    return 255 * np.where(found <= 0.0031308, found * 12.92, 1.055 * found ** (1 / 2.4) - 0.055)


def _reduced(plane: Any, size: Size) -> Any:
    image = Image.fromarray(plane.astype(np.float32))
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS), dtype=np.float64)


def test_the_mezzanine_is_plain_pixels() -> None:
    """A byte for each channel of each pixel, none of them lost, and little besides."""
    contents = mezzanine(FILES["png"], preset(width=80, format="png"))
    (page,) = contents.header.pages
    assert bytes(contents.parts[page.part]) == picture(160, 120).tobytes()
    size = sum(len(part) for part in contents.parts)
    assert size == 160 * 120 * 3
    assert len(develop(FILES["png"], preset(width=80, format="png")).mezzanine) < size + 200


# ------------------------------------------------------------------------------ the PDF's JPEG


@pytest.mark.parametrize(
    ("name", "wanted", "shared"),
    [
        ("png", {}, True),
        ("png", {"width": 500, "height": 500}, True),
        ("png", {"format": "jpeg", "fit": "cover"}, True),
        ("png", {"format": "png"}, False),
        ("png", {"format": "original"}, False),
        ("png", {"quality": 79}, False),
        ("png", {"quality": 81}, False),
        ("png", {"watermark": {"text": "mine"}}, False),
        ("png", {"width": 159}, False),
        ("png", {"fit": "cover", "width": 120}, False),
        ("png", {"fit": "contain", "width": 200}, False),
        ("png-alpha", {}, False),
        ("png-alpha", {"format": "jpeg"}, False),
        ("jpeg", {"format": "original"}, True),
        ("png", {"format": ["webp", "jpeg"]}, True),
        ("png", {"format": ["webp", "png"]}, False),
        ("gif", {"format": "jpeg"}, True),
        ("tiff-pages", {}, True),
    ],
)
def test_the_pdfs_jpeg_is_made_once_where_a_rendition_is_the_very_same(
    name: str, wanted: dict[str, Any], shared: bool
) -> None:
    other = preset(name="other", width=20, height=20, format="avif")
    page, *others = mezzanine(FILES[name], other, preset(**wanted)).header.pages
    assert page.jpeg == (StoredJpeg(80, quality=80, part=1) if shared else None)
    assert all(each.jpeg is None for each in others)


def test_the_pdfs_jpeg_is_as_the_pdf_wants_it() -> None:
    contents = mezzanine(FILES["png"], preset(quality=55), pdf=PdfOptions(quality=55))
    (page,) = contents.header.pages
    assert page.jpeg is not None
    assert (page.jpeg.asked, page.jpeg.quality) == (55, 55)
    assert jpeg_quality(bytes(contents.parts[page.jpeg.part])) == 55


@pytest.mark.parametrize(("name", "full"), [("png", False), ("gif", True), ("png-palette", True)])
def test_the_pdfs_jpeg_of_a_drawing_keeps_its_colours(name: str, full: bool) -> None:
    contents = mezzanine(FILES[name], preset(format="jpeg"))
    (page,) = contents.header.pages
    assert page.jpeg is not None
    same = jpeg(contents.image(page), 80, graphic=full)
    assert (
        bytes(contents.parts[page.jpeg.part])
        == same
        != jpeg(contents.image(page), 80, graphic=not full)
    )


@pytest.mark.parametrize(
    ("data", "passed_on"),
    [
        (encoded(picture(160, 120), quality=30), True),
        (encoded(picture(160, 120), quality=80), True),
        (encoded(picture(160, 120), quality=83), True),
        (encoded(picture(160, 120), quality=84), False),
        (encoded(picture(160, 120), quality=95), False),
        (encoded(picture(160, 120, "L"), quality=80), True),
        (turned(1, quality=80), True),
        (turned(3, quality=80), False),
        (encoded(picture(160, 120), quality=80, icc_profile=P3), False),
        (encoded(picture(160, 120, "CMYK"), quality=80), False),
        (encoded(picture(1400, 40), quality=80), False),
    ],
)
def test_a_jpeg_no_better_than_asked_for_is_passed_on_as_it_is(
    data: bytes, passed_on: bool
) -> None:
    contents = mezzanine(data, preset(width=1300, height=1300))
    (page,) = contents.header.pages
    assert page.jpeg is not None
    assert page.jpeg.quality == (None if passed_on else 80)
    made = bytes(contents.parts[page.jpeg.part])
    whole = from_bytes(contents.parts[page.part], page.size, page.bands)
    anew = jpeg(reduce(whole, page.document), 80, graphic=False)
    assert made == (strip(data, "jpeg") if passed_on else anew)
    assert made != (anew if passed_on else strip(data, "jpeg"))


@pytest.mark.parametrize(("name", "graphic"), [("png", False), ("gif", True)])
def test_the_pdfs_jpeg_is_made_as_the_rendition_is(name: str, graphic: bool) -> None:
    """Of the quality told from its pixels where both ask for that, and with the same effort."""
    wanted = preset(quality="auto", effort="high", format="jpeg")
    contents = mezzanine(FILES[name], wanted, pdf=PdfOptions(quality="auto"))
    (page,) = contents.header.pages
    assert page.jpeg is not None
    assert (page.jpeg.asked, page.jpeg.effort) == ("auto", "high")
    chosen = quality.of(
        Pixels(bytes(contents.parts[0]), page.size, 3), graphic=graphic, effort="high"
    )
    assert page.jpeg.quality == chosen
    assert bytes(contents.parts[page.jpeg.part]) == jpeg(
        contents.image(page), chosen, graphic=graphic, effort="high"
    )


# ------------------------------------------------------------------------------ the source's own


@pytest.mark.parametrize(
    ("name", "wanted", "kept"),
    [
        ("jpeg", {}, True),
        ("jpeg", {"width": 500, "height": 500}, True),
        ("jpeg", {"format": "webp"}, False),
        ("jpeg", {"width": 159}, False),
        ("jpeg", {"fit": "cover", "width": 100}, False),
        ("jpeg", {"fit": "contain", "width": 200}, False),
        ("png", {"format": "png"}, True),
        ("png", {}, False),
        ("png-alpha", {"format": "png"}, True),
        ("webp", {"format": "webp"}, True),
        ("webp-alpha", {}, True),
        ("webp-animated", {"format": "webp"}, False),
        ("apng", {"format": "png"}, False),
        ("avif", {"format": "avif"}, False),
        ("png", {"format": ["webp", "png"]}, True),
        ("png", {"format": ["webp", "jpeg"]}, False),
        ("jpeg-cmyk", {}, False),
    ],
)
def test_the_sources_own_bytes_are_kept_where_a_rendition_competes_with_them(
    name: str, wanted: dict[str, Any], kept: bool
) -> None:
    other = preset(name="other", width=20, height=20)
    contents = mezzanine(FILES[name], other, preset(**wanted))
    original = contents.header.original
    assert (original is not None) is kept
    if original is not None:
        assert bytes(contents.parts[original]) == strip(FILES[name], name.partition("-")[0])


@pytest.mark.parametrize(
    "data", [turned(2), encoded(picture(160, 120), icc_profile=P3)], ids=["turned", "a profile"]
)
def test_bytes_that_show_another_picture_are_not_kept(data: bytes) -> None:
    assert mezzanine(data, preset()).header.original is None


# ------------------------------------------------------------------------------ watermarks


@pytest.mark.parametrize(
    ("scale", "width", "size"),
    [(0.25, 160, (40, 20)), (0.5, 160, (80, 40)), (1.0, 160, (100, 50)), (0.01, 20, (1, 1))],
)
def test_a_marks_picture_is_kept_as_large_as_its_largest_use(
    scale: float, width: int, size: Size
) -> None:
    logo = {"bucket": "logos", "key": "a.png"}
    mark = {"image": logo, "scale": scale}
    wanted = (
        preset(name="s", width=10, height=10, watermark=mark),
        preset(name="p", width=width, watermark=mark),
        preset(name="u", width=10, height=10, watermark={"image": {**logo, "key": "b.png"}}),
        preset(name="v", width=10, height=10, watermark=mark),
        preset(name="t", width=10, height=10, watermark={"text": "no picture", "scale": 1.0}),
    )
    picture = encoded(Image.new("RGB", (100, 50), "blue"), "PNG")
    images = {"logos/a.png": picture, "logos/b.png": picture}
    marks = mezzanine(FILES["png"], *wanted, watermark_images=images).header.marks
    assert {name: mark.size for name, mark in marks.items()} == {
        "logos/a.png": size,
        "logos/b.png": (2, 1),
    }


# ------------------------------------------------------------------------------ what was found


def test_what_was_found_is_told() -> None:
    image = develop(turned(6), preset(), name="a.png", content_type="image/png").image
    assert (image.format, image.content_type) == ("jpeg", "image/jpeg")
    assert (image.width, image.height, image.pages, image.frames) == (120, 160, 1, 1)
    assert image.bytes == len(turned(6))
    assert image.mismatch == (
        "The content is JPEG, but its name ends in .png and it was declared as image/png."
    )


def test_the_first_page_is_the_image() -> None:
    pages = {"save_all": True, "append_images": [picture(90, 50)]}
    image = develop(encoded(picture(160, 120), "TIFF", **pages)).image
    assert (image.width, image.height, image.pages) == (160, 120, 2)


def test_more_bytes_than_allowed_are_not_looked_at() -> None:
    with pytest.raises(ImageTooLarge, match="max_bytes"):
        develop(FILES["jpeg"], limits=Limits(max_bytes=len(FILES["jpeg"]) - 1))


@pytest.mark.parametrize("deep", [False, True])
def test_colours_of_eight_bits_are_converted_before_they_are_reduced(deep: bool) -> None:
    """And of sixteen after it, at the smaller size, as they lose nothing."""
    noise = np.random.default_rng(7).integers(0, 65536, (30, 2400, 3)).astype(np.uint16)
    stored = noise if deep else (noise >> 8).astype(np.uint8)
    image = (
        vips()
        .Image.new_from_memory(stored.tobytes(), 2400, 30, 3, "ushort" if deep else "uchar")
        .copy(interpretation="rgb16" if deep else "srgb")
    )
    image.set_type(vips().GValue.blob_type, "icc-profile-data", P3)
    page = bytes(mezzanine(bytes(image.pngsave_buffer())).parts[0])
    size = (1200, 15)
    before, after = reduce(to_srgb(image), size), to_srgb(reduce(image, size))
    wanted, other = (after, before) if deep else (before, after)
    assert page == wanted.write_to_memory()
    assert page != other.write_to_memory()


def test_a_turned_picture_is_reduced_as_it_lies() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(picture(2400, 30), "PNG", exif=exif)
    upright = opened(data).transpose(Image.Transpose.ROTATE_270)
    (page,) = mezzanine(data).header.pages
    assert (page.source, page.size) == ((30, 2400), (15, 1200))
    lying, alone = mezzanine(data), mezzanine(encoded(upright, "PNG"))
    made, wanted = (np.frombuffer(each.parts[0], np.uint8).astype(int) for each in (lying, alone))
    assert np.abs(made - wanted).mean() < 0.1


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize("image_format", ["JPEG", "PNG"])
def test_a_long_picture_is_turned(orientation: int, image_format: str) -> None:
    """Longer than what libvips keeps of a file that it reads row by row."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    contents = mezzanine(encoded(picture(60, 1200), image_format, exif=exif))
    turn = {1: 0, 3: 180, 6: 270}[orientation]
    wanted = picture(60, 1200).rotate(turn, expand=True)
    made = np.frombuffer(contents.parts[0], np.uint8).reshape(wanted.height, wanted.width, 3)
    assert np.abs(made - array(wanted)).mean() < 3


@pytest.mark.parametrize("mode", ["F", "RGBA"])
def test_a_long_picture_of_another_kind(mode: str) -> None:
    ramp = np.linspace(0, 1, 60 * 1200, dtype=np.float32).reshape(1200, 60)
    stored = Image.fromarray(ramp) if mode == "F" else half_clear().resize((60, 1200))
    contents = mezzanine(encoded(stored, "TIFF"))
    made = np.frombuffer(contents.parts[0], np.uint8).astype(float)
    wanted = ramp * 255 if mode == "F" else np.asarray(stored, dtype=np.float64)
    assert np.abs(made - wanted.ravel()).max() <= 1


def test_the_first_page_tells_whether_a_document_is_transparent() -> None:
    data = encoded(half_clear(), "TIFF", save_all=True, append_images=[picture(160, 120)])
    assert develop(data).image.transparent
    data = encoded(picture(160, 120), "TIFF", save_all=True, append_images=[half_clear()])
    assert not develop(data).image.transparent


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (MemoryError(), ImageTooLarge, "more memory than a decoder may have (max_memory)"),
        (ValueError("odd\n value"), CorruptImage, "decoded: its data are damaged or incomplete."),
        (UnsupportedImage("as it is"), UnsupportedImage, "as it is"),
        (vips().Error("pngload broke", ""), CorruptImage, "decoded: its header is damaged. Exp"),
        (vips().Error("m", "odd palette"), CorruptImage, "decoded: its palette is damaged. Exp"),
        (
            vips().Error("m", "Unsupported ink"),
            UnsupportedImage,
            "it is of a kind that is not read",
        ),
        (vips().Error("m", "out of memory -- size == 9MB"), ImageTooLarge, "(max_memory)"),
        (vips().Error("m", "SOF type not supported"), UnsupportedImage, "that few programs read."),
    ],
)
def test_every_failure_of_a_decoder_has_its_name(
    fault: Exception, error: type[Exception], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr("darkroom.image.decode.open_image", fail)
    with pytest.raises(error) as caught:
        develop(FILES["jpeg"])
    assert words in str(caught.value)


def of_doubles() -> bytes:
    """Return a TIFF of one pixel in 64 bits."""
    tags = {256: 1, 257: 1, 258: 64, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1, 279: 8, 339: 3}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + b"\0" * 4


def test_a_variety_that_is_not_read_is_unsupported_and_names_of_libvips_are_left_out() -> None:
    with pytest.raises(UnsupportedImage) as caught:
        develop(of_doubles())
    assert str(caught.value) == (
        "This variety of TIFF is not supported: its samples have an unusual number of bits. "
        "Expected an ordinary one. Open it in an image editor, export it as JPEG, PNG or TIFF, "
        "and upload that."
    )
    with pytest.raises(CorruptImage, match="begins as JPEG but") as caught:  # type: ignore[assignment]
        develop(FILES["jpeg"][:900])
    assert "vips" not in str(caught.value).lower()


def test_what_libvips_said_of_one_file_is_not_told_of_the_next() -> None:
    """libvips gathers its messages until somebody reads them."""
    cut = FILES["jpeg"][:-300]
    vips().Image.new_from_buffer(cut, "", access="sequential").avg()
    assert "premature end" in said()
    with pytest.raises(CorruptImage, match="its header is damaged"):
        develop(FILES["png"][:40])
