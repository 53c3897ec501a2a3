"""Three JPEGs by Pillow as the resize-on-upload demos do it: open, thumbnail, save, each time."""

from __future__ import annotations

import io

from measure import SIZES, Pixels, main
from PIL import Image, ImageOps


def resized(data: bytes, side: int) -> Image.Image:
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    scale = min(1.0, side / max(image.size))
    size = (round(image.width * scale), round(image.height * scale))
    return image.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def work(data: bytes) -> int:
    total = 0
    for side in SIZES:
        buffer = io.BytesIO()
        resized(data, side).save(buffer, "JPEG", quality=80)
        total += buffer.tell()
    return total


def pixels(data: bytes) -> Pixels:
    images = {side: resized(data, side) for side in SIZES}
    return {side: (image.tobytes(), *image.size, 3) for side, image in images.items()}


if __name__ == "__main__":
    main("pillow", work, pixels)
