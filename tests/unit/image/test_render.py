"""Renditions: pixels, backgrounds, metadata, bytes."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import numpy as np
import pytest
from darkroom.contract.presets import PdfOptions, Preset
from darkroom.contract.results import ImageInfo
from darkroom.image import quality
from darkroom.image.input import scans
from darkroom.image.pixels import Pixels
from darkroom.image.plan import plan
from darkroom.image.render import render
from darkroom.image.strip import jpeg_quality
from darkroom.image.vips import vips
from PIL import Image, ImageFilter

from tests.support import profiles
from tests.support.images import encoded, opened, picture
from tests.support.imaging import array, develop, files, half_clear, rendition, renditions
from tests.unit.image.test_pdf import NOTE, SCAN, by_hand

FILES = files()
GPS, MAKER_NOTE, COPYRIGHT, ARTIST = 0x8825, 0x927C, 0x8298, 0x013B


def preset(**fields: Any) -> Preset:
    return msgspec.convert({"name": "p", "width": 80, "height": 80, **fields}, Preset)


def photo(**options: Any) -> bytes:
    """Return a JPEG with everything that must not reach an output, and the two fields that may."""
    exif = Image.Exif()
    exif[COPYRIGHT], exif[ARTIST] = "(c) 2026 A. Photographer", "A. Photographer"
    exif[0x0110] = "Secret Camera"
    exif.get_ifd(GPS).update({1: "N", 2: (52.0, 31.0, 12.0)})
    exif.get_ifd(0x8769)[MAKER_NOTE] = b"serial number 4711"
    return encoded(picture(640, 480), exif=exif, comment=b"a secret comment", **options)


@pytest.mark.parametrize("image_format", ["jpeg", "png", "webp", "avif"])
def test_formats_round_trip(image_format: str) -> None:
    ((_, made),) = renditions(FILES["png"], preset(format=image_format, quality=95))
    image = opened(made.data)
    assert made.content_type == f"image/{image_format}"
    assert Image.MIME[str(image.format)] == made.content_type
    wanted = array(picture(160, 120).resize((80, 60), Image.Resampling.LANCZOS))
    assert np.abs(array(image) - wanted).mean() < 3


@pytest.mark.parametrize("image_format", ["png", "webp", "avif"])
def test_transparency_is_kept(image_format: str) -> None:
    made = rendition(FILES["png-alpha"], preset(format=image_format))
    alpha = np.asarray(made.convert("RGBA"))[:, :, 3]
    assert alpha[:, :38].min() >= 250
    assert alpha[:, 42:].max() <= 5


def test_transparency_is_flattened_on_the_background() -> None:
    made = array(rendition(FILES["png-alpha"], preset(format="jpeg", background="#00ff00")))
    assert np.abs(made[:, 50:] - (0, 255, 0)).max() <= 4


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_contain_fills_up_with_the_background(mode: str) -> None:
    data = encoded(picture(160, 120, mode), "PNG")
    made = array(rendition(data, preset(fit="contain", format="png", background="#102030")))
    assert (made[:10] == (16, 32, 48)).all()
    assert (made[70:] == (16, 32, 48)).all()
    inner = array(picture(160, 120, mode).resize((80, 60), Image.Resampling.LANCZOS))
    assert np.abs(made[10:70] - inner).mean() <= 0.5


def test_cover_shows_the_middle() -> None:
    made = array(rendition(FILES["png"], preset(width=60, height=60, fit="cover", format="png")))
    whole = array(picture(160, 120).resize((80, 60), Image.Resampling.LANCZOS))
    assert np.abs(made - whole[:, 10:70]).mean() <= 0.5


@pytest.mark.parametrize("image_format", ["jpeg", "png", "webp", "avif"])
def test_only_credit_is_kept_of_the_metadata(image_format: str) -> None:
    ((_, made),) = renditions(photo(), preset(format=image_format))
    exif = opened(made.data).getexif()
    assert exif[COPYRIGHT] == "(c) 2026 A. Photographer"
    assert exif[ARTIST] == "A. Photographer"
    assert not exif.get_ifd(GPS)
    for secret in (b"Secret Camera", b"serial number", b"secret comment", b"GPS"):
        assert secret not in made.data


@pytest.mark.parametrize("image_format", ["jpeg", "png", "webp", "avif"])
def test_not_even_credit_where_the_policy_is_none(image_format: str) -> None:
    ((_, made),) = renditions(photo(), preset(format=image_format, metadata="none"))
    assert not opened(made.data).getexif()
    assert b"Photographer" not in made.data


def test_webp_with_credit_keeps_transparency() -> None:
    exif = Image.Exif()
    exif[COPYRIGHT] = "mine"
    ((_, made),) = renditions(encoded(half_clear(), "PNG", exif=exif), preset(format="webp"))
    image = opened(made.data)
    assert image.getexif()[COPYRIGHT] == "mine"
    assert np.asarray(image)[30, 70, 3] == 0


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("metadata", ["credit", "none"])
def test_a_rendition_never_outgrows_its_source(image_format: str, metadata: str) -> None:
    exif = Image.Exif()
    exif[COPYRIGHT], exif[0x0110] = "mine", "Secret Camera"
    options = {} if image_format == "PNG" else {"quality": 20}
    image = speckled(160, 120).convert("P" if image_format == "PNG" else "RGB")
    data = encoded(image, image_format, exif=exif, **options)
    same = preset(width=160, height=120, format="original", metadata=metadata)
    ((_, made),) = renditions(data, same)
    assert len(made.data) <= len(data)
    assert b"Secret Camera" not in made.data
    assert (COPYRIGHT in opened(made.data).getexif()) is (metadata == "credit")
    assert (array(opened(made.data)) == array(opened(data))).all(), "the source's own pixels"


def test_the_pdfs_jpeg_is_the_rendition_that_would_have_been_made() -> None:
    large = preset(width=1200, height=1200)
    shared = develop(photo_like(), large)
    apart = develop(photo_like(), large, pdf=PdfOptions(quality=33))
    assert len(shared.mezzanine) > len(apart.mezzanine)
    (planned,) = plan("k", shared.image, (large,))
    assert render(shared.mezzanine, planned) == render(apart.mezzanine, planned)


@pytest.mark.parametrize("name", ["jpeg", "jpeg-grey", "png-alpha", "gif", "tiff-pages", "svg"])
def test_the_same_bytes_always(name: str) -> None:
    """Of every kind of pixels; that each file always becomes the same ones, the decoder's show."""
    wanted = tuple(
        preset(name=each, format=each, fit="cover", width=40, height=40)
        for each in ("jpeg", "png", "webp", "avif")
    )
    digests = [
        [hashlib.sha256(made.data).hexdigest() for _, made in renditions(FILES[name], *wanted)]
        for _ in range(2)
    ]
    assert digests[0] == digests[1]


def speckled(width: int = 640, height: int = 480) -> Image.Image:
    """Return a picture that no encoder finds easy."""
    noise = np.random.default_rng(7).integers(0, 256, (height // 4, width // 4, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def photo_like() -> bytes:
    return encoded(speckled(2400, 180))


# ------------------------------------------------------------------------------ bytes used again


NOISY = Image.fromarray(
    np.random.default_rng(7).integers(0, 256, (48, 64, 3), dtype=np.uint8)
).resize((128, 96), Image.Resampling.BICUBIC)
WIDE = {"width": 1300, "height": 1300}


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((128, 96), {"quality": 60}),
        ((128, 96), {"watermark": {"text": "mine"}}),
        ((128, 96), {"fit": "cover", "width": 90}),
        ((128, 96), {"fit": "contain", "width": 150}),
        ((2400, 30), {"fit": "contain", "width": 1300, "height": 16}),  # as large as the document
        ((128, 96), {"width": 100}),
        ((128, 96), {"format": "webp"}),
        ((128, 96), {"background": "#00ff00", "metadata": "none"}),
    ],
)
def test_the_pdfs_jpeg_is_no_other_rendition(size: tuple[int, int], wanted: dict[str, Any]) -> None:
    """Whether Prepare made a JPEG or not, every rendition is what it would have been."""
    data = encoded(NOISY.resize(size), "PNG")
    other, same = preset(**{"width": 128, "height": 96, **wanted}), preset(name="s", **WIDE)
    shared = develop(data, other, same)
    apart = develop(data, other, same, pdf=PdfOptions(quality=33))
    assert len(shared.mezzanine) > len(apart.mezzanine)
    planned, _ = plan("k", shared.image, (other, same))
    assert render(shared.mezzanine, planned) == render(apart.mezzanine, planned)


def test_credit_is_put_into_the_pdfs_jpeg_where_it_is_a_rendition() -> None:
    exif = Image.Exif()
    exif[COPYRIGHT] = "mine"
    data = encoded(NOISY, "PNG", exif=exif)
    (_, kept), (_, none) = renditions(
        data, preset(**WIDE), preset(name="n", metadata="none", **WIDE)
    )
    assert opened(kept.data).getexif()[COPYRIGHT] == "mine"
    assert not opened(none.data).getexif()
    assert (array(opened(kept.data)) == array(opened(none.data))).all()


@pytest.mark.parametrize(
    ("quality", "wanted"), [(30, 80), (60, 80), (95, 40)], ids=["low", "fair", "high"]
)
@pytest.mark.parametrize("image_format", ["JPEG", "WEBP"])
def test_of_the_source_and_an_encoding_the_smaller_one_is_kept(
    image_format: str, quality: int, wanted: int
) -> None:
    data = encoded(NOISY, image_format, quality=quality)
    fields = {"format": "original", "quality": wanted, "width": 128, "height": 96}
    ((_, made),) = renditions(data, preset(**fields), pdf=PdfOptions(quality=1))
    own = bool((array(opened(made.data)) == array(opened(data))).all())
    assert own is (quality < wanted)
    assert len(made.data) <= len(data)


def test_another_format_does_not_compete_with_the_source() -> None:
    data = encoded(NOISY, "WEBP", quality=1)
    ((_, made), _) = renditions(
        data,
        preset(width=128, height=96, format="png"),
        preset(name="w", width=128, height=96, format="webp"),
    )
    assert len(made.data) > len(data)
    assert (array(opened(made.data)) == array(opened(data))).all()


def test_another_size_does_not_compete_with_the_source() -> None:
    data = encoded(NOISY, quality=5)
    (_, (_, made)) = renditions(
        data, preset(name="s", width=128, height=96), preset(width=120, height=90, quality=100)
    )
    assert opened(made.data).size == (120, 90)
    assert len(made.data) > len(data)
    assert jpeg_quality(made.data) >= 99


def turned(quality: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(NOISY, exif=exif, quality=quality, optimize=True)


@pytest.mark.parametrize(
    ("source", "wanted", "made"),
    [
        (85, 80, 80),
        (85, 95, 85),
        (70, 90, 70),
        (45, 90, 50),
        (33, 75, 35),
        (25, 40, 30),
        (15, 80, 30),
        (15, 31, 30),  # as low as it goes, though it is larger than the source
        (15, 20, 20),
    ],
)
def test_a_turned_picture_is_lowered_in_steps_of_ten_to_thirty_at_least(
    source: int, wanted: int, made: int
) -> None:
    data = turned(source)
    ((_, found),) = renditions(data, preset(width=200, height=200, quality=wanted))
    assert opened(found.data).size == (96, 128)
    assert jpeg_quality(found.data) == made


def test_what_is_exactly_as_large_as_its_source_is_not_lowered() -> None:
    (wanted,) = plan("source", develop(SCAN, preset()).image, (preset(quality=80),))
    length = len(render(by_hand(length=1_000_000), wanted).data)
    found = [render(by_hand(length=length - less), wanted).quality for less in (0, 1)]
    assert found == [80, 70]


def test_of_two_files_as_large_the_sources_own_is_kept() -> None:
    (wanted,) = plan("source", develop(SCAN, preset()).image, (preset(quality=80),))
    made = render(by_hand(jpeg=SCAN, original=bytes(len(SCAN))), wanted)
    assert (made.data, made.quality) == (bytes(len(SCAN)), None)


def test_what_is_lowered_begins_at_the_quality_that_was_told() -> None:
    ((_, found),) = renditions(turned(45), preset(width=200, height=200, quality="auto"))
    assert 30 < jpeg_quality(found.data) == found.quality < quality.LEAST


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"quality": 66}, 66),
        ({"quality": 66, "format": "webp"}, 66),
        ({"quality": 66, "format": "avif"}, 66),
        ({"quality": "auto", "format": "webp"}, 80),
        ({"quality": 66, "format": "png"}, None),
        ({"quality": "auto", "format": "png"}, None),
    ],
)
def test_a_rendition_tells_its_quality(wanted: dict[str, Any], told: int | None) -> None:
    ((_, made),) = renditions(encoded(NOISY, "PNG"), preset(width=100, height=100, **wanted))
    assert made.quality == told


@pytest.mark.parametrize("width", [128, 100])
@pytest.mark.parametrize("effort", ["normal", "high"])
def test_a_quality_is_told_from_the_rendition_itself(width: int, effort: str) -> None:
    """Whether Prepare made it, for the PDF too, or not."""
    wanted = preset(width=width, height=width, quality="auto", effort=effort, format="jpeg")
    soft = NOISY.filter(ImageFilter.GaussianBlur(0.7))
    pdf = PdfOptions(quality="auto")
    ((_, made),) = renditions(encoded(soft, "PNG"), wanted, pdf=pdf)
    assert made.quality == jpeg_quality(made.data)
    assert quality.LEAST < made.quality < quality.MOST
    assert ("progressive" in opened(made.data).info) is (effort == "high")


def test_a_drawings_quality_is_told_with_whole_colours() -> None:
    (wanted,) = plan("source", develop(SCAN, preset()).image, (preset(quality="auto"),))
    photo, drawing = (
        render(by_hand(length=1_000_000, graphic=each), wanted).quality for each in (False, True)
    )
    pixels = Pixels(picture(80, 60).tobytes(), (80, 60), 3)
    assert (photo, drawing) == (
        quality.of(pixels, graphic=False),
        quality.of(pixels, graphic=True),
    )
    assert photo != drawing


def test_the_sources_own_bytes_have_no_quality_that_was_chosen() -> None:
    data = encoded(NOISY, quality=40)
    ((_, made),) = renditions(data, preset(width=128, height=96), pdf=PdfOptions(quality=1))
    assert made.quality is None
    assert (array(opened(made.data)) == array(opened(data))).all()


def test_a_jpeg_of_another_effort_is_not_the_pdfs() -> None:
    data = encoded(NOISY, "PNG")
    first, second = preset(name="a", **WIDE), preset(name="b", effort="high", **WIDE)
    (_, normal), (_, high) = renditions(data, first, second)
    assert "progressive" in opened(high.data).info
    assert "progressive" not in opened(normal.data).info


def test_a_marked_picture_does_not_outgrow_its_source_either() -> None:
    data = encoded(NOISY, quality=60)
    marked = preset(width=128, height=96, quality=95, watermark={"text": "M", "opacity": 1.0})
    ((_, made),) = renditions(data, marked)
    assert len(made.data) <= len(data)
    assert (array(opened(made.data)) != array(opened(data))).any()


def test_a_png_cannot_be_lowered_and_may_grow() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    data = encoded(NOISY.quantize(8), "PNG", exif=exif, optimize=True)
    ((_, made),) = renditions(data, preset(width=128, height=96, format="png"))
    assert len(made.data) > len(data)
    wanted = array(opened(data))[::-1, ::-1]
    assert (array(opened(made.data)) == wanted).all()


# ------------------------------------------------------------------------------ composition


@pytest.mark.parametrize("other", [(160, 120), (60, 120)])
def test_renditions_show_the_first_page(other: tuple[int, int]) -> None:
    pages = {"save_all": True, "append_images": [picture(*other, "L")]}
    several = rendition(encoded(picture(160, 120), "TIFF", **pages), preset(format="png"))
    alone = rendition(FILES["tiff"], preset(format="png"))
    assert (several.mode, several.tobytes()) == (alone.mode, alone.tobytes())


def test_the_pdfs_jpeg_of_the_first_page_is_used() -> None:
    image = ImageInfo("png", "image/png", 80, 60, 1)
    (planned,) = plan("k", image, (preset(format="jpeg", quality=80),))
    assert render(by_hand(jpeg=NOTE, image_format="png"), planned).data == NOTE


@pytest.mark.parametrize(("name", "sampling"), [("png-palette", (1, 1)), ("png", (2, 2))])
def test_a_drawing_keeps_its_coloured_edges(name: str, sampling: tuple[int, int]) -> None:
    made = rendition(FILES[name], preset(format="jpeg"))
    assert made.layer[0][1:3] == sampling  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("fields", "left", "top", "size"),
    [
        ({"width": 31, "height": 30, "fit": "cover"}, 4, 0, (31, 30)),
        ({"width": 40, "height": 11, "fit": "cover"}, 0, 9, (40, 11)),
    ],
)
def test_cover_crops_both_sides_alike(
    fields: dict[str, Any], left: int, top: int, size: tuple[int, int]
) -> None:
    data = encoded(picture(160, 120), "PNG")
    made = array(rendition(data, preset(format="png", **fields)))
    whole = array(rendition(data, preset(format="png", width=40, height=30)))
    assert made.shape[1::-1] == size
    assert (made == whole[top : top + size[1], left : left + size[0]]).all()


@pytest.mark.parametrize(("mode", "srgb"), [("RGB", False), ("L", False), ("RGB", True)])
def test_an_ordinary_photo_takes_few_operations(
    mode: str, srgb: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each costs a sixth of a millisecond of the sixty that a photo takes, whatever its size."""
    called, operation = list[str](), vips().Operation
    call = operation.call

    def counted(name: str, *given: Any, **options: Any) -> Any:
        called.append(name)
        return call(name, *given, **options)

    profile = profiles.rgb_profile(profiles.SRGB, profiles.SRGB_CURVE) if srgb else None
    data = encoded(speckled().convert(mode), quality=95, icc_profile=profile)
    monkeypatch.setattr(scans, "SMALL", 0)
    monkeypatch.setattr(operation, "call", staticmethod(counted))
    sizes = [preset(name=str(side), width=side, height=side, quality=75) for side in (320, 160)]
    renditions(data, *sizes)
    assert called == [
        *("jpegload_source", "resize"),
        *("reducev", "reducev", "reduceh", "reduceh"),
    ]


def test_a_canvas_is_opaque_and_shows_the_image_in_its_middle() -> None:
    fields = {"fit": "contain", "width": 201, "height": 141, "background": "#102030"}
    made = rendition(FILES["png-alpha"], preset(format="png", **fields))
    assert made.mode == "RGB"
    wanted = np.full((141, 201, 3), (16.0, 32.0, 48.0))
    wanted[10:130, 20:100] = array(picture(160, 120))[:, :80]
    assert (array(made) == wanted).all()


def test_grey_stays_grey() -> None:
    for image_format in ("jpeg", "png"):
        assert rendition(FILES["png-interlaced"], preset(format=image_format)).mode == "L"


def test_a_jpeg_is_not_encoded_anew_where_that_could_only_lose() -> None:
    data = encoded(speckled(), quality=80)
    ((_, made),) = renditions(data, preset(width=640, height=480))
    assert (array(opened(made.data)) == array(opened(data))).all()
