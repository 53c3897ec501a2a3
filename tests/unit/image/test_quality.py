"""The quality that is told from the picture."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
import pytest
from darkroom.contract.fields import Effort
from darkroom.image import quality
from darkroom.image.encode import jpeg
from darkroom.image.pixels import Pixels, from_bytes
from PIL import Image, ImageFilter

from tests.support.images import opened, picture, scene

SAMPLES = "samples"


@cache
def detailed() -> Image.Image:
    return scene(960, 640, seed=1).resize((240, 160), Image.Resampling.LANCZOS)


@cache
def soft() -> Image.Image:
    return detailed().filter(ImageFilter.GaussianBlur(2))


def pixels(image: Image.Image) -> Pixels:
    return Pixels(image.tobytes(), image.size, len(image.getbands()))


def best(image: Image.Image, *, graphic: bool = False, effort: Effort = "normal") -> int:
    return quality.of(pixels(image), graphic=graphic, effort=effort)


def look(image: Image.Image, data: bytes) -> float:
    """Return the score of a JPEG; SSIMULACRA2 needs 256 pixels a side for all of its scales."""
    from ssimulacra2 import compute_ssimulacra2  # imports SciPy

    shown = io.BytesIO()
    image.save(shown, "PNG", compress_level=0)
    return float(compute_ssimulacra2(shown, io.BytesIO(data)))


def sample(name: str, left: int, top: int) -> Image.Image:
    with Image.open(f"{SAMPLES}/{name}") as opened_file:
        return opened_file.convert("RGB").crop((left, top, left + 256, top + 256))


@pytest.mark.parametrize(
    ("name", "left", "top", "most"), [("coffee.png", 150, 60, 4), ("rocket.jpg", 250, 160, 6)]
)
def test_the_score_is_told_before_the_picture_is_encoded(
    name: str, left: int, top: int, most: float
) -> None:
    image = sample(name, left, top)
    trial = jpeg(pixels(image).image, quality.TRIAL, graphic=False)
    assert abs(quality.score(pixels(image), graphic=False) - look(image, trial)) < most


@pytest.mark.parametrize(
    ("mode", "graphic", "score"), [("RGB", False, 66.62), ("RGB", True, 70.2), ("L", False, 74.98)]
)
def test_the_score_that_was_fitted_is_the_one_that_is_told(
    mode: str, graphic: bool, score: float
) -> None:
    """Tables, colours, scales: whatever of them changes, the fit holds no longer."""
    told = quality.score(pixels(detailed().convert(mode)), graphic=graphic)
    assert told == pytest.approx(score, abs=0.02)


def test_a_soft_picture_needs_less_than_one_full_of_detail() -> None:
    assert quality.LEAST == best(soft()) < 70 < best(detailed()) < best(scene(240, 160, seed=1))


def test_the_quality_has_bounds() -> None:
    assert best(Image.new("RGB", (64, 48), "red")) == quality.LEAST == 60
    assert best(Image.effect_noise((96, 96), 90).convert("RGB")) == quality.MOST == 85


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (47, 1), (1, 300), (49, 47)])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_picture_of_any_size_has_one(size: tuple[int, int], mode: str) -> None:
    assert quality.LEAST <= best(picture(*size, mode)) <= quality.MOST


def test_a_drawing_is_tried_with_whole_colours() -> None:
    """Which loses less of its edges, so that less quality will do."""
    drawn = picture(240, 160)
    assert best(drawn, graphic=True) < best(drawn) - 2


def test_a_grey_picture_needs_less_as_it_has_no_colours_to_lose() -> None:
    grey = detailed().convert("L")
    assert 4 <= best(grey.convert("RGB")) - best(grey) <= 12


def test_a_high_effort_takes_of_the_look_and_so_more_quality() -> None:
    assert best(detailed(), effort="high") == best(detailed()) + quality.TRELLIS


@pytest.mark.parametrize(
    ("score", "normal", "high"),
    [(40, 81, 84), (60, 85, 85), (66, 80, 83), (72, 72, 75), (76, 65, 68), (80, 60, 60)],
)
def test_a_score_above_the_aim_needs_less_quality_and_one_below_it_more(
    score: float, normal: int, high: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality, "score", lambda *_, **__: score)
    assert (best(soft()), best(soft(), effort="high")) == (normal, high)
    assert quality.of(pixels(soft()), graphic=False) == normal


def test_of_a_large_picture_parts_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven of 48 rows from top to bottom, to and fro between left and right."""
    rows = np.arange(640, dtype=np.uint16)[:, None] * 1000 + np.arange(320)[None, :]
    for shift in (0, 8):  # a byte of where each pixel lies at a time
        large = Pixels((rows >> shift).astype(np.uint8).tobytes(), (320, 640), 1)
        monkeypatch.setattr(quality, "SAMPLE", 7 * 48 * 81 + 335)
        seen = np.asarray(quality._parts(large))
        assert seen.shape == (7 * 48, 81)
        for at, left in enumerate((0, 119, 239, 79, 199, 39, 159)):
            top = (640 - 48) * at // 6
            part = rows[top : top + 48, left : left + 81] >> shift
            assert (seen[at * 48 : (at + 1) * 48] == part.astype(np.uint8)).all()


@pytest.mark.parametrize(
    ("size", "seen"),
    [
        ((96, 96), (96, 96)),
        ((97, 96), (96, 96)),  # two parts, one above the other
        ((9216, 1), (9216, 1)),
        ((9217, 1), (9216, 1)),
        ((30, 400), (27, 7 * 48)),
        ((5000, 30), (307, 30)),
        ((3, 5000), (3, 7 * 48)),
    ],
)
def test_of_a_picture_of_any_shape_no_more_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], seen: tuple[int, int]
) -> None:
    monkeypatch.setattr(quality, "SAMPLE", 96 * 96)
    assert quality._parts(pixels(picture(*size))).size == seen


def test_of_a_large_picture_150_000_pixels_in_seven_parts_are_looked_at() -> None:
    wide, high = quality._parts(pixels(Image.new("L", (2000, 400)))).size
    assert (high, 150_000 - high < wide * high <= 150_000) == (7 * 48, True)


def test_a_small_picture_is_looked_at_whole() -> None:
    low = picture(640, 40)
    assert quality._parts(pixels(low)).tobytes() == low.tobytes()


def test_parts_tell_what_the_whole_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    large = pixels(scene(480, 480, seed=3).filter(ImageFilter.GaussianBlur(1)))
    monkeypatch.setattr(quality, "SAMPLE", 480 * 480)
    whole = quality.score(large, graphic=False)
    monkeypatch.setattr(quality, "SAMPLE", 480 * 480 // 2)
    assert 0 < abs(quality.score(large, graphic=False) - whole) < 3


def test_the_trial_has_the_encoders_own_table() -> None:
    made = opened(jpeg(pixels(picture(8, 8, "L")).image, 72, graphic=False))
    shown = quality._parts(pixels(picture(8, 8, "L")))
    assert quality._tried(shown, graphic=False).quantization == made.quantization  # type: ignore[attr-defined]


@pytest.mark.parametrize("image_format", ["jpeg", "png", "webp", "avif"])
def test_a_quality_that_is_asked_for_is_taken(image_format: str) -> None:
    image = object()  # which is not looked at
    how = (image, 55, image_format)
    assert quality.settle(*how, graphic=False, effort="high") == (image, 55)


@pytest.mark.parametrize("image_format", ["png", "webp", "avif"])
def test_auto_is_the_usual_quality_of_formats_but_jpeg(image_format: str) -> None:
    image = object()
    found = quality.settle(image, "auto", image_format, graphic=False, effort="normal")
    assert found == (image, 80)


def test_auto_is_told_from_the_pixels_that_are_encoded() -> None:
    found = pixels(detailed())
    image, chosen = quality.settle(
        from_bytes(found.data, found.size, 3), "auto", "jpeg", graphic=False, effort="high"
    )
    assert chosen == best(detailed(), effort="high")
    assert image.write_to_memory()[:] == found.data
