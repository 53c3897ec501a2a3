"""Photo-like images made by code, for when no photos are at hand.

Nature's amplitude spectrum falls as 1/f; over such a field lie hard edges, fine texture, flat sky
and sensor noise, so that no part of a resizer or an encoder gets away easily.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Pixels = NDArray[np.float32]


def photos() -> Iterator[tuple[str, bytes]]:
    """Yield file names and files: different sizes, formats and settings, the same every time."""
    yield "meadow-6mp.jpg", _file(scene(3000, 2000, seed=1), "JPEG", quality=85)
    yield (
        "harbour-12mp-progressive.jpg",
        _file(scene(4032, 3024, seed=2), "JPEG", quality=92, progressive=True, subsampling=0),
    )
    yield "street-2mp.jpg", _file(scene(1600, 1200, seed=3), "JPEG", quality=85)
    yield "rock-8mp.png", _file(scene(3456, 2304, seed=4), "PNG", compress_level=6)
    yield "coast-8mp.webp", _file(scene(3456, 2304, seed=5), "WEBP", quality=85, method=4)


def scene(width: int, height: int, *, seed: int) -> Image.Image:
    """Return one such image."""
    random = np.random.default_rng(seed)
    luma = _nature(random, width, height)
    planes = [luma + 0.25 * _nature(random, width, height) for _ in range(3)]
    field = np.stack(planes, axis=-1)
    field -= field.min()
    field /= field.max()
    ramp = np.linspace(1.1, 0.7, height, dtype=np.float32)[:, None, None]
    image = Image.fromarray((np.clip(field * ramp, 0, 1) * 255).astype(np.uint8))
    _draw_edges(image, random)
    noise = random.normal(0, 3, (height, width, 1)).astype(np.float32)
    noisy = np.asarray(image, dtype=np.float32) + noise
    return Image.fromarray(np.clip(noisy + 0.5, 0, 255).astype(np.uint8))


def _nature(random: np.random.Generator, width: int, height: int) -> Pixels:
    """Return a field whose amplitude falls with the frequency, of mean 0 and deviation 1."""
    white = np.fft.rfft2(random.standard_normal((height, width), dtype=np.float32))
    y = np.fft.fftfreq(height)[:, None]
    x = np.fft.rfftfreq(width)[None, :]
    white /= np.maximum(np.hypot(x, y), 1 / max(width, height)) ** 1.1
    field = np.fft.irfft2(white, s=(height, width)).astype(np.float32)
    return np.asarray((field - field.mean()) / field.std(), dtype=np.float32)


def _draw_edges(image: Image.Image, random: np.random.Generator) -> None:
    """Draw roofs, wires and windows: what a resizer blurs or makes ring."""
    draw = ImageDraw.Draw(image)
    width, height = image.size
    for _ in range(60):
        x, y = random.integers(0, width), random.integers(0, height)
        side = int(random.integers(10, width // 8))
        colour = tuple(int(channel) for channel in random.integers(0, 256, 3))
        shape = [(int(x), int(y)), (int(x) + side, int(y) + side // 3), (int(x), int(y) + side)]
        draw.polygon(shape, fill=colour)
        draw.line([(int(x), int(y)), (int(x) + 3 * side, int(y) + side)], fill=colour, width=2)


def _file(image: Image.Image, file_format: str, **settings: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **settings)
    return buffer.getvalue()
