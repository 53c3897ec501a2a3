"""The encoders: settings that were measured, seen in bytes and pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from darkroom.contract.formats import OUTPUT_FORMATS
from darkroom.image.encode import encode
from darkroom.image.metadata import Credit, read_credit
from darkroom.image.pixels import from_bytes
from darkroom.image.vips import vips
from PIL import Image

from benchmarks.quality import psnr
from tests.support.images import opened, picture, scene
from tests.support.imaging import array, half_clear

SCENE = scene(240, 160, seed=1)
DETAIL = SCENE.convert("L").crop((40, 30, 136, 94))
FORMATS = tuple(OUTPUT_FORMATS)
CREDIT = Credit("A. Photographer", "mine")


def image_of(picture: Image.Image) -> Any:
    return from_bytes(picture.tobytes(), picture.size, len(picture.getbands()))


def subsampling(data: bytes) -> tuple[int, int]:
    _, across, down, _ = opened(data).layer[0]  # type: ignore[attr-defined]
    return across, down


@pytest.mark.parametrize(
    ("quality", "graphic", "expected"),
    [(1, False, (2, 2)), (89, False, (2, 2)), (90, False, (1, 1)), (100, False, (1, 1)),
     (80, True, (1, 1)), (1, True, (1, 1))],
)  # fmt: skip
def test_jpeg_keeps_colour_whole_from_quality_90_and_for_drawings(
    quality: int, graphic: bool, expected: tuple[int, int]
) -> None:
    assert subsampling(encode(image_of(SCENE), "jpeg", quality, graphic=graphic)) == expected


@pytest.mark.parametrize(
    ("width", "height", "progressive"), [(2000, 1000, True), (1207, 1657, False), (16, 16, False)]
)
def test_jpeg_is_progressive_from_two_megapixels(
    width: int, height: int, progressive: bool
) -> None:
    data = encode(image_of(Image.new("L", (width, height), 90)), "jpeg", 80)
    assert bool(opened(data).info.get("progressive")) is progressive


def test_jpeg_has_huffman_tables_of_its_own() -> None:
    plain = image_of(SCENE).jpegsave_buffer(Q=80, subsample_mode="on", keep="none")
    assert len(encode(image_of(SCENE), "jpeg", 80)) < 0.995 * len(plain)


def test_jpeg_has_the_tables_that_need_fewer_bytes_for_the_same_look() -> None:
    """Annex K's take 4 % more for the same picture, and up to 7 for the same score."""
    usual = {"Q": 80, "subsample_mode": "on", "keep": "none", "optimize_coding": True}
    annex_k = image_of(SCENE).jpegsave_buffer(**usual)
    assert len(encode(image_of(SCENE), "jpeg", 80)) < 0.975 * len(annex_k)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("quality", [1, 25, 49, 50, 51, 60, 75, 80, 89])
def test_a_small_jpeg_has_the_pixels_that_libvips_gives_it(quality: int, mode: str) -> None:
    """In fewer bytes: one table for luma and chroma, not the same twice."""
    image = image_of(SCENE.convert(mode))
    usual = {"Q": quality, "quant_table": 3, "optimize_coding": True, "keep": "none"}
    theirs = opened(image.jpegsave_buffer(**usual, subsample_mode="on"))
    ours = opened(encode(image, "jpeg", quality))
    assert ours.quantization[0] == theirs.quantization[0]  # type: ignore[attr-defined]
    assert len(ours.quantization) == 1  # type: ignore[attr-defined]
    assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("quality", [89, 90])
def test_a_jpeg_of_noise_has_room(quality: int) -> None:
    """With full chroma it takes more than the 2 bytes a pixel that Pillow has for it."""
    noise = np.random.default_rng(1).integers(0, 2, (200, 200, 3), np.uint8) * 255
    data = encode(image_of(Image.fromarray(noise)), "jpeg", quality)
    assert opened(data).size == (200, 200)
    assert (len(data) > 2 * 200 * 200) is (quality == 90)


def test_a_small_grey_jpeg_is_sampled_as_it_is() -> None:
    """One component of 2 by 2 samples is legal, but some readers take it for colour."""
    assert subsampling(encode(image_of(DETAIL), "jpeg", 80)) == (1, 1)


def test_a_high_effort_makes_a_jpeg_smaller_and_progressive() -> None:
    """Without any one of trellis, deringing and a choice of scans it would be larger."""
    white = SCENE.point(lambda value: min(255, 2 * value))  # whose edges would ring
    image, settings = image_of(white), {"optimize_coding": True, "interlace": True}
    options = {"trellis_quant": True, "overshoot_deringing": True, "optimize_scans": True}
    made = encode(image, "jpeg", 80, effort="high")
    assert opened(made).info["progressive"]
    assert len(made) < 0.95 * len(encode(image, "jpeg", 80))
    same = {"Q": 80, "quant_table": 3, "subsample_mode": "on", "keep": "none"} | settings | options
    assert made == image.jpegsave_buffer(**same)


def test_a_high_effort_makes_a_webp_smaller() -> None:
    made = encode(image_of(SCENE), "webp", 80, effort="high")
    assert made == image_of(SCENE).webpsave_buffer(Q=80, effort=6, keep="none")
    assert len(made) < 0.98 * len(encode(image_of(SCENE), "webp", 80))


@pytest.mark.parametrize("image_format", ["png", "avif"])
def test_a_high_effort_is_no_other_where_it_does_not_pay(image_format: str) -> None:
    high, normal = (
        encode(image_of(DETAIL), image_format, 80, effort=effort)  # type: ignore[arg-type]
        for effort in ("high", "normal")
    )
    assert high == normal


class _Recorded:
    """An image of a size, of which only how it is saved is of interest."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.options: dict[str, Any] = {}

    def jpegsave_buffer(self, **options: Any) -> bytes:
        self.options = options
        return b""

    def heifsave_buffer(self, **options: Any) -> bytes:
        self.options = options
        return b""


@pytest.mark.parametrize(("height", "thorough"), [(2000, False), (1999, True)])
def test_from_ten_megapixels_a_high_effort_is_no_other(height: int, thorough: bool) -> None:
    image = _Recorded(5000, height)
    encode(image, "jpeg", 80, effort="high")
    high = image.options
    encode(image, "jpeg", 80)
    assert (high != image.options) is high["trellis_quant"] is thorough


@pytest.mark.parametrize(("height", "streamed"), [(5000, True), (4999, False)])
def test_a_jpeg_of_25_megapixels_is_written_row_by_row(height: int, streamed: bool) -> None:
    """Whatever looks at all pixels first has to hold them."""
    image = _Recorded(5000, height)
    for effort in ("normal", "high"):
        encode(image, "jpeg", 80, effort=effort)  # type: ignore[arg-type]
        assert image.options["optimize_coding"] is image.options["interlace"] is not streamed
        assert not image.options["trellis_quant"]
        assert not image.options["optimize_scans"]


def test_a_jpeg_that_is_written_row_by_row_has_the_standard_tables() -> None:
    data = encode(vips().Image.black(5000, 5000).copy(interpretation="b-w"), "jpeg", 80)
    assert (b"\xff\xc0" in data[:1000], b"\xff\xc2" in data[:1000]) == (True, False)
    assert len(data) > 200_000


@pytest.mark.parametrize(
    ("width", "effort"),
    [(1, 4), (2_000_000, 4), (2_000_001, 3), (8_000_000, 3), (8_000_001, 1), (12_500_000, 1)],
)
def test_a_larger_avif_takes_less_effort_for_each_pixel(width: int, effort: int) -> None:
    """At effort 4, one of 12.5 megapixels would take minutes."""
    image = _Recorded(width, 1)
    encode(image, "avif", 80)
    assert image.options["effort"] == effort


def test_webp_takes_little_effort_for_few_bytes_more() -> None:
    """At 4, the usual, it takes more than twice as long."""
    made = len(encode(image_of(SCENE), "webp", 80))
    efforts = {
        e: len(image_of(SCENE).webpsave_buffer(Q=80, effort=e, keep="none")) for e in (1, 3, 4)
    }
    assert 1.005 * max(efforts[3], efforts[4]) < made < 1.06 * efforts[4]
    assert made < 0.99 * efforts[1]


def test_webp_keeps_the_coloured_edges_of_drawings_sharper() -> None:
    red = Image.new("RGB", (64, 48), "red")
    red.paste("blue", (13, 11, 40, 30))
    sharp, blurred = (
        psnr(array(opened(encode(image_of(red), "webp", 80, graphic=graphic))), array(red))
        for graphic in (True, False)
    )
    assert sharp > blurred + 0.1


def test_png_is_as_small_as_adaptive_filters_make_it() -> None:
    made = encode(image_of(SCENE), "png", 80)
    assert (array(opened(made)) == array(SCENE)).all()
    options: dict[str, Any] = {"filter": "all", "keep": "none"}
    level = {e: image_of(SCENE).pngsave_buffer(compression=e, **options) for e in (6, 9)}
    unfiltered = image_of(SCENE).pngsave_buffer(compression=6, filter="none")
    assert made == level[6] != level[9]  # which takes several times as long
    assert len(made) < 1.005 * len(level[9])
    assert len(made) < 0.95 * len(unfiltered)


@pytest.mark.parametrize("quality", [70, 80, 90])
def test_avif_looks_as_a_jpeg_of_the_same_number_in_fewer_bytes(quality: int) -> None:
    """Three quarters of the number: 0.68 would have up to 3 dB less, 0.82 up to 4 dB more."""
    avif, jpeg = (encode(image_of(DETAIL), each, quality) for each in ("avif", "jpeg"))
    seen, expected = (psnr(array(opened(data)), array(DETAIL)) for data in (avif, jpeg))
    assert expected + 1.3 < seen < expected + 2.8
    assert len(avif) < 0.9 * len(jpeg)


@pytest.mark.parametrize(("quality", "theirs"), [(1, 1), (79, 59), (80, 60), (90, 68), (100, 75)])
def test_avif_has_three_quarters_of_the_quality_rounded(quality: int, theirs: int) -> None:
    image = _Recorded(1, 1)
    encode(image, "avif", quality)
    assert image.options["Q"] == theirs


def test_avif_takes_the_usual_effort() -> None:
    made = encode(image_of(DETAIL), "avif", 80)
    settings = {"Q": 60, "compression": "av1", "bitdepth": 8, "keep": "none"}
    assert made == image_of(DETAIL).heifsave_buffer(effort=4, **settings)
    assert made != image_of(DETAIL).heifsave_buffer(effort=3, **settings)


def test_avif_of_the_least_quality_is_an_image() -> None:
    assert opened(encode(image_of(picture(16, 16)), "avif", 1)).size == (16, 16)


@pytest.mark.parametrize("image_format", FORMATS)
def test_a_higher_quality_is_nearer_to_the_picture(image_format: str) -> None:
    low, high = (encode(image_of(DETAIL), image_format, each) for each in (40, 85))
    if image_format == "png":
        assert low == high
    else:
        far, near = (psnr(array(opened(each)), array(DETAIL)) for each in (low, high))
        assert near > far + 2
        assert len(high) > 1.5 * len(low)


@pytest.mark.parametrize("image_format", FORMATS)
def test_credit_is_the_only_metadata(image_format: str) -> None:
    image = image_of(picture(64, 48)).copy()
    image.set_type(_blob(), "exif-data", b"Exif\0\0MM\0*\0\0\0\x08secret")
    image.set_type(_blob(), "xmp-data", b"secret")
    image.set_type(_blob(), "icc-profile-data", b"secret" * 30)
    with_credit = encode(image, image_format, 80, credit=CREDIT)
    without = encode(image, image_format, 80)
    assert bytes(image.get("exif-data")).endswith(b"secret")
    assert without == encode(image_of(picture(64, 48)), image_format, 80)
    assert with_credit == encode(image_of(picture(64, 48)), image_format, 80, credit=CREDIT)
    found = opened(with_credit).info
    block = found["exif"]
    assert read_credit(block) == CREDIT
    assert "exif" not in opened(without).info
    assert "icc_profile" not in found
    assert (np.asarray(opened(with_credit)) == np.asarray(opened(without))).all()


def _blob() -> Any:
    from darkroom.image.vips import vips

    return vips().GValue.blob_type


@pytest.mark.parametrize("image_format", ["png", "webp", "avif"])
def test_transparency_is_written(image_format: str) -> None:
    made = opened(encode(image_of(half_clear()), image_format, 90))
    assert (
        np.abs(np.asarray(made)[:, :, 3] - np.asarray(half_clear())[:, :, 3].astype(int)).max() < 9
    )
