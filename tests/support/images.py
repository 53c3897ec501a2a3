"""Images made by code, for tests that need one of a certain kind."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

from PIL import Image, ImageDraw

from benchmarks import photos


def picture(width: int = 640, height: int = 480, mode: str = "RGB") -> Image.Image:
    """Return a picture with gradients, edges and a corner that tells which way is up."""
    return _picture(width, height, mode).copy()


@cache
def _picture(width: int, height: int, mode: str) -> Image.Image:
    horizontal = Image.linear_gradient("L").rotate(90).resize((width, height))
    vertical = Image.linear_gradient("L").resize((width, height))
    image = Image.merge("RGB", (horizontal, vertical, Image.new("L", (width, height), 96)))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width // 8, height // 8), fill=(255, 0, 0))
    draw.ellipse(
        (width // 3, height // 3, width * 2 // 3, height * 2 // 3), outline="white", width=5
    )
    return image.convert(mode)


def scene(width: int, height: int, *, seed: int) -> Image.Image:
    """Return a photo-like image, which takes longer to make than what is tested with it."""
    return _scene(width, height, seed).copy()


@cache
def _scene(width: int, height: int, seed: int) -> Image.Image:
    return photos.scene(width, height, seed=seed)


def encoded(image: Image.Image, image_format: str = "JPEG", **options: Any) -> bytes:
    """Return a picture's file."""
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def photo(width: int = 640, height: int = 480) -> bytes:
    """Return a JPEG."""
    return encoded(picture(width, height), quality=85)


def transparent(width: int = 640, height: int = 480) -> bytes:
    """Return a PNG whose right half is see-through."""
    image = picture(width, height, "RGBA")
    image.paste((0, 0, 0, 0), (width // 2, 0, width, height))
    return encoded(image, "PNG")


def truncated() -> bytes:
    """Return a JPEG that ends in the middle."""
    data = photo()
    return data[: len(data) // 2]


def opened(data: bytes) -> Image.Image:
    """Decode an image wholly."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image
