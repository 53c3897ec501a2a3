"""Reducing, turning and flattening, held against plain arithmetic in floats."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from darkroom.image import pixels
from darkroom.image.vips import vips
from numpy.typing import NDArray
from PIL import Image, ImageOps

from benchmarks.quality import psnr, reference
from tests.support.images import picture, scene

Floats = NDArray[np.float64]


def photo() -> Image.Image:
    return scene(600, 400, seed=1)


def image_of(picture: Image.Image) -> Any:
    return pixels.from_bytes(picture.tobytes(), picture.size, len(picture.getbands()))


def values(image: Any) -> Floats:
    kind = {"uchar": np.uint8, "ushort": np.uint16}[image.format]
    raw = np.frombuffer(image.write_to_memory(), kind)
    return raw.reshape(image.height, image.width, image.bands).astype(np.float64)


@pytest.mark.parametrize("width", [300, 180, 150, 120, 75, 50])
def test_reducing_comes_near_an_unhurried_filter(width: int) -> None:
    """Any other kernel, or averaged blocks from a factor of 4 on, would be at most 50 dB."""
    size = (width, round(width * 2 / 3))
    made = values(pixels.reduce_in_steps(image_of(photo()), size))
    assert psnr(made, reference(photo(), size)) > 51


@pytest.mark.parametrize("width", [180, 150, 120, 75, 50])
def test_reducing_in_one_go_comes_near_enough(width: int) -> None:
    """As pages and sources are, whose rows stream by: a gap of 1.5 would have 44 dB or less."""
    size = (width, round(width * 2 / 3))
    assert psnr(values(pixels.reduce(image_of(photo()), size)), reference(photo(), size)) > 45.5


@pytest.mark.parametrize(("factor", "blocks"), [(2, 1), (4, 2), (5, 2), (8, 4), (10, 5)])
def test_reducing_in_one_go_leaves_the_filter_a_factor_of_two(factor: int, blocks: int) -> None:
    """What is more than that is averaged in blocks, which costs a fraction of the filter."""
    width, height = 600 // factor, 400 // factor
    averaged = image_of(photo()).shrink(blocks, blocks)
    scale = {"vscale": height / averaged.height, "kernel": "lanczos3"}
    filtered = averaged.resize(width / averaged.width, **scale)
    made = pixels.reduce(image_of(photo()), (width, height))
    assert psnr(values(made), values(filtered)) > 51, "rounding apart, the same"


@pytest.mark.parametrize("size", [(172, 115), (100, 200), (300, 80), (600, 400), (599, 400)])
def test_up_to_three_and_a_half_times_takes_one_step(size: tuple[int, int]) -> None:
    one = pixels.reduce(image_of(photo()), size)
    assert (values(pixels.reduce_in_steps(image_of(photo()), size)) == values(one)).all()


@pytest.mark.parametrize("size", [(171, 114), (100, 67), (40, 27)])
def test_from_three_and_a_half_times_it_is_halved_on_the_way(size: tuple[int, int]) -> None:
    double = (2 * size[0], 2 * size[1])
    halved = values(pixels.reduce(pixels.reduce_in_steps(image_of(photo()), double), size))
    made = values(pixels.reduce_in_steps(image_of(photo()), size))
    assert psnr(made, halved) > 53.5, "rounding apart, the same"
    assert psnr(values(pixels.reduce(image_of(photo()), size)), halved) < 53.5


def test_exactly_three_and_a_half_times_is_halved_too() -> None:
    image = image_of(photo().crop((0, 0, 350, 210)))
    halved = values(pixels.reduce(pixels.reduce(image, (200, 120)), (100, 60)))
    assert psnr(values(pixels.reduce_in_steps(image, (100, 60))), halved) > 54
    assert psnr(values(pixels.reduce(image, (100, 60))), halved) < 54


REDUCED = """
from pathlib import Path
from darkroom.image import pixels
image = pixels.from_bytes(bytes(4 * 3000 * 3000), (3000, 3000), 4)
pixels.reduce_in_steps(image, (43, 43)).write_to_memory()
status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
print(status["VmHWM"].split()[0])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is Linux's to tell")
def test_a_far_smaller_size_takes_little_memory() -> None:
    """Each halving asked the one before for more rows at once, of floats: 800 MiB in the end."""
    done = subprocess.run(
        [sys.executable, "-c", REDUCED], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) < 350 * 1024


def test_what_has_its_size_already_is_left_alone() -> None:
    """Weighed in and out again, faint colours would come back rounded."""
    faint = bytes([200, 100, 50, 3, 9, 8, 7, 1])
    assert pixels.reduce(pixels.from_bytes(faint, (2, 1), 4), (2, 1)).write_to_memory() == faint


def test_floats_are_not_rounded() -> None:
    stored = np.tile(np.array([0.25, 0.5, 0.75, 0.5], np.float32), 64)
    image = vips().Image.new_from_memory(stored.tobytes(), 8, 8, 4, "float")
    made = pixels.reduce(image.copy(interpretation="scrgb"), (4, 4))
    assert made.format == "float"
    found = np.frombuffer(made.write_to_memory(), np.float32).reshape(16, 4)
    assert np.abs(found - stored[:4]).max() < 0.001


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize(
    ("reduce", "size"), [(pixels.reduce, (300, 200)), (pixels.reduce_in_steps, (150, 100))]
)
def test_transparency_is_weighed_in_without_losing_light(
    reduce: Callable[[Any, tuple[int, int]], Any], size: tuple[int, int], deep: bool
) -> None:
    alpha = np.asarray(Image.linear_gradient("L").resize(photo().size), dtype=np.float64)
    colour = np.asarray(photo(), dtype=np.float64)
    stored = np.dstack([colour, alpha]).astype(np.uint8)
    image = image_of(Image.fromarray(stored))
    if deep:
        image = (image.cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16")
    made = values(reduce(image, size)) / (257 if deep else 1)

    weighed = [_reduced(colour[..., band] * alpha / 255, size) for band in range(3)]
    clear = _reduced(alpha, size)
    wanted = np.clip(np.dstack(weighed) * 255 / np.maximum(clear, 1)[..., None], 0, 255)
    shows = clear > 64
    assert psnr(made[..., :3][shows], wanted[shows]) > 49
    assert abs((made[..., 3] - clear).mean()) < 0.4
    assert abs((made[..., :3][shows] - wanted[shows]).mean()) < 0.2


@pytest.mark.parametrize("reduce", [pixels.reduce, pixels.reduce_in_steps])
def test_invisible_colours_do_not_bleed(reduce: Callable[[Any, tuple[int, int]], Any]) -> None:
    half = Image.new("RGBA", (40, 40), (200, 0, 0, 255))
    half.paste((0, 200, 0, 0), (20, 0, 40, 40))
    made = values(reduce(image_of(half), (9, 9)))
    assert (made[..., 3].min(), made[..., 1].max()) == (0, 0)


def _reduced(plane: Floats, size: tuple[int, int]) -> Floats:
    image = Image.fromarray(plane.astype(np.float32))
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS), dtype=np.float64)


@pytest.mark.parametrize("orientation", range(10))
def test_every_orientation_becomes_upright(orientation: int) -> None:
    stored = picture(9, 6)
    exif = stored.getexif()
    exif[0x0112] = orientation
    wanted = np.asarray(ImageOps.exif_transpose(stored), dtype=np.float64)
    assert (values(pixels.upright(image_of(picture(9, 6)), orientation)) == wanted).all()


@pytest.mark.parametrize(
    ("bands", "kept", "transparent"), [("L", 1, False), ("RGB", 3, False), ("LA", 1, False),
                                       ("RGBA", 3, False)],
)  # fmt: skip
def test_alpha_that_hides_nothing_is_dropped(bands: str, kept: int, transparent: bool) -> None:
    image = picture(9, 6, bands)
    found = pixels.finish(image_of(image))
    assert (found.bands, found.transparent, found.size) == (kept, transparent, (9, 6))
    assert found.data == picture(9, 6, bands.removesuffix("A")).tobytes()


@pytest.mark.parametrize("bands", ["LA", "RGBA"])
def test_alpha_that_hides_something_is_kept(bands: str) -> None:
    image = picture(9, 6, bands)
    image.putpixel((8, 5), (*image.getpixel((8, 5))[:-1], 254))  # type: ignore[index, misc]
    found = pixels.finish(image_of(image))
    assert (found.bands, found.transparent) == (len(bands), True)
    assert found.data == found.image.write_to_memory() == image.tobytes()


def test_what_is_made_of_bytes_keeps_them() -> None:
    """An image in memory is its own copy in memory, to libvips, whoever lets go of it."""
    kept = pixels.from_bytes(bytes(200 * 200 * 3), (200, 200), 3).copy_memory()
    others = [b"\xff" * 200 * 200 * 3 for _ in range(9)]  # where they would have lain
    assert len(others) == 9
    assert kept.max() == 0


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_flattening_lays_the_image_on_its_background(mode: str) -> None:
    image = picture(9, 6, mode)
    if mode.endswith("A"):
        image.putalpha(Image.linear_gradient("L").resize((9, 6)))
    made = values(pixels.flatten(image_of(image), "#ff8000"))
    canvas = Image.new("RGBA", (9, 6), "#ff8000")
    canvas.alpha_composite(image.convert("RGBA"))
    wanted = np.asarray(canvas.convert("L" if mode == "L" else "RGB"), dtype=np.float64)
    assert np.abs(made - wanted.reshape(made.shape)).max() <= 1


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_grey_becomes_coloured(mode: str) -> None:
    image = picture(9, 6, mode)
    if mode.endswith("A"):
        image.putalpha(Image.linear_gradient("L").resize((9, 6)))
    made = pixels.coloured(image_of(image))
    assert made.interpretation == "srgb"
    wanted = np.asarray(image.convert("RGBA" if mode.endswith("A") else "RGB"))
    assert (values(made) == wanted).all()


@pytest.mark.parametrize(
    ("bands", "interpretation"), [(1, "b-w"), (2, "b-w"), (3, "srgb"), (4, "srgb")]
)
@pytest.mark.parametrize("function", [pixels.from_bytes, pixels.view])
def test_bytes_become_an_image_whose_alpha_is_known(
    function: Callable[[bytes, tuple[int, int], int], Any], bands: int, interpretation: str
) -> None:
    image = function(bytes(range(6 * bands)), (3, 2), bands)
    assert (image.width, image.height, image.bands) == (3, 2, bands)
    assert image.interpretation == interpretation
    assert image.hasalpha() == (bands in {2, 4})
    assert image.write_to_memory() == bytes(range(6 * bands))


def test_libvips_is_set_up_for_one_image_at_a_time() -> None:
    """Without the loaders that libvips calls unfit for untrusted files, and without a cache."""
    library = vips()
    library.concurrency_set(2)
    library.cache_set_max(9)
    library.block_untrusted_set(False)
    assert vips.__wrapped__() is library
    assert library.concurrency_get() == 1
    assert library.cache_get_max() == 0
    with pytest.raises(library.Error, match="blocked"):
        library.Image.csvload_source(library.Source.new_from_memory(b"1,2\n"))
