"""Renditions: pixels, backgrounds, metadata, bytes."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import numpy as np
import pytest
from darkroom.contracts import PdfOptions, Preset
from darkroom.plan import plan
from darkroom.render import render
from PIL import Image

from tests.support.images import encoded, opened, picture
from tests.support.imaging import array, develop, files, half_clear, rendition, renditions

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


def test_contain_fills_up_with_the_background() -> None:
    made = array(rendition(FILES["png"], preset(fit="contain", format="png", background="#102030")))
    assert (made[:10] == (16, 32, 48)).all()
    assert (made[70:] == (16, 32, 48)).all()
    inner = array(picture(160, 120).resize((80, 60), Image.Resampling.LANCZOS))
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
    image = speckled().convert("P") if image_format == "PNG" else speckled()
    data = encoded(image, image_format, exif=exif, **options)
    same = preset(width=640, height=480, format="original", metadata=metadata)
    ((_, made),) = renditions(data, same)
    assert len(made.data) <= len(data)
    assert b"Secret Camera" not in made.data
    assert (array(opened(made.data)) == array(opened(data))).all(), "the source's own pixels"


@pytest.mark.parametrize("image_format", ["JPEG", "WEBP", "AVIF"])
def test_a_turned_rendition_never_outgrows_its_source_either(image_format: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(picture(320, 240), image_format, exif=exif, quality=35)
    ((_, made),) = renditions(data, preset(width=640, height=640, format="original"))
    assert len(made.data) <= len(data)


def test_large_jpegs_are_progressive_and_small_ones_are_not() -> None:
    presets = (preset(name="a", width=2000, height=2000, enlarge=True), preset(name="b"))
    large, small = (opened(made.data) for _, made in renditions(photo_like(), *presets))
    assert large.info.get("progressive")
    assert not small.info.get("progressive")


def test_drawings_keep_colour_at_full_resolution() -> None:
    drawn = opened(renditions(FILES["svg"], preset(format="jpeg"))[0][1].data)
    seen = opened(renditions(FILES["png"], preset(format="jpeg"))[0][1].data)
    assert _subsampling(drawn) == (1, 1)
    assert _subsampling(seen) == (2, 2)


def test_the_pdfs_jpeg_is_the_rendition_that_would_have_been_made() -> None:
    large = preset(width=1200, height=1200)
    shared = develop(photo_like(), large)
    apart = develop(photo_like(), large, pdf=PdfOptions(quality=33))
    assert len(shared.mezzanine) > len(apart.mezzanine)
    (planned,) = plan("k", shared.image, (large,))
    assert render(shared.mezzanine, planned) == render(apart.mezzanine, planned)


@pytest.mark.parametrize("name", FILES)
def test_the_same_bytes_always(name: str) -> None:
    wanted = tuple(
        preset(name=each, format=each, fit="cover") for each in ("jpeg", "png", "webp", "avif")
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
    return encoded(speckled(2400, 1800))


def _subsampling(image: Image.Image) -> tuple[int, int]:
    assert image.format == "JPEG"
    _, horizontal, vertical, _ = image.layer[0]  # type: ignore[attr-defined]
    return horizontal, vertical


def test_a_jpeg_is_not_encoded_anew_where_that_could_only_lose() -> None:
    data = encoded(speckled(), quality=80)
    ((_, made),) = renditions(data, preset(width=640, height=480))
    assert (array(opened(made.data)) == array(opened(data))).all()
