"""How near pixels come to a resize without compromise: full decode, float Lanczos."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

Pixels = NDArray[np.float64]

PEAK = 255.0

SAME = 99.0
"""What equal pixels count as, in dB: JSON knows no infinity."""

_STABLE_1, _STABLE_2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
_RADIUS, _SIGMA = 5, 1.5


def full_decode(photo: Path) -> Image.Image:
    """Return the whole image, upright, in sRGB."""
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(photo) as opened:
        profile = opened.info.get("icc_profile")
        image = ImageOps.exif_transpose(opened)
    if profile and b"sRGB" not in profile and "sRGB".encode("utf-16-be") not in profile:
        converted = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            "RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        assert converted is not None
        return converted
    if image.has_transparency_data:
        canvas = Image.new("RGBA", image.size, "white")
        canvas.alpha_composite(image.convert("RGBA"))
        return canvas.convert("RGB")
    return image.convert("RGB")


def reference(image: Image.Image, size: tuple[int, int]) -> Pixels:
    """Return the image at a size in pixels, never rounded on the way."""
    planes = [
        np.asarray(plane.convert("F").resize(size, Image.Resampling.LANCZOS))
        for plane in image.split()
    ]
    return np.clip(np.stack(planes, axis=-1).astype(np.float64), 0, PEAK)


def load(kept: dict[str, object]) -> Pixels:
    """Return the raw pixels that a peer kept, as RGB."""
    width, height, bands = (int(str(kept[name])) for name in ("width", "height", "bands"))
    raw = np.fromfile(str(kept["file"]), dtype=np.uint8).reshape(height, width, bands)
    colour = np.repeat(raw, 3, axis=-1) if bands == 1 else raw[:, :, :3]
    return colour.astype(np.float64)


def psnr(pixels: Pixels, wanted: Pixels) -> float:
    """Return the peak signal-to-noise ratio in dB, at most SAME."""
    error = float(np.mean((pixels - wanted) ** 2))
    return min(SAME, 10 * float(np.log10(PEAK**2 / error))) if error else SAME


def ssim(pixels: Pixels, wanted: Pixels) -> float:
    """Return the structural similarity of luma (Wang et al. 2004: Gaussian window, sigma 1.5)."""
    weights = np.array([0.299, 0.587, 0.114])
    a, b = pixels @ weights, wanted @ weights
    mean_a, mean_b = _blur(a), _blur(b)
    var_a = _blur(a * a) - mean_a**2
    var_b = _blur(b * b) - mean_b**2
    both = _blur(a * b) - mean_a * mean_b
    luma = (2 * mean_a * mean_b + _STABLE_1) / (mean_a**2 + mean_b**2 + _STABLE_1)
    structure = (2 * both + _STABLE_2) / (var_a + var_b + _STABLE_2)
    return float(np.mean(luma * structure))


def _blur(plane: Pixels) -> Pixels:
    offsets = np.arange(-_RADIUS, _RADIUS + 1)
    kernel = np.exp(-(offsets**2) / (2 * _SIGMA**2))
    kernel /= kernel.sum()
    for axis in (0, 1):
        length = plane.shape[axis] - 2 * _RADIUS
        plane = sum(
            (
                weight * plane.take(range(start, start + length), axis)
                for start, weight in enumerate(kernel)
            ),
            np.zeros(1),
        )
    return plane
