"""Operations on pixels that several steps share. All take and return pyvips images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from darkroom.image.colour import opaque
from darkroom.image.geometry import Size
from darkroom.image.vips import vips

OPAQUE = 255

STEP = 3.5
"""From this factor on, an image is halved on the way. At 4 libvips would average blocks of two."""

_TURNS: dict[int, tuple[str, ...]] = {
    2: ("horizontal",),
    3: ("d180",),
    4: ("vertical",),
    5: ("d90", "horizontal"),
    6: ("d90",),
    7: ("d270", "horizontal"),
    8: ("d270",),
}
"""What makes each EXIF orientation upright (EXIF 3.0, tag 0112)."""


class Pixels(Struct, frozen=True):
    """Finished pixels: 8-bit sRGB or grey, row by row.

    Bands are 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
    """

    data: bytes
    size: Size
    bands: int

    @property
    def transparent(self) -> bool:
        """Whether there is an alpha band; none is kept that hides nothing."""
        return self.bands in {2, 4}

    @property
    def image(self) -> Any:
        """The pixels as a pyvips image, which reads them where they lie: keep them as long."""
        return view(self.data, self.size, self.bands)


def finish(image: Any) -> Pixels:
    """Compute an image, and drop an alpha band that hides nothing."""
    pixels = Pixels(image.write_to_memory(), (image.width, image.height), image.bands)
    if pixels.transparent:
        alpha = pixels.image.extract_band(pixels.bands - 1)
        if alpha.min() == OPAQUE:
            colour = pixels.image.extract_band(0, n=pixels.bands - 1)
            return Pixels(colour.write_to_memory(), pixels.size, pixels.bands - 1)
    return pixels


def reduce(image: Any, size: Size) -> Any:
    """Scale an image of any format to exactly a size, with a Lanczos filter.

    Transparency is weighed in, so that invisible colours do not bleed.
    """
    return _weighed(image, size, _resize)


def reduce_in_steps(image: Any, size: Size) -> Any:
    """Scale an image that lies in memory to a size, halving it first where it is far larger.

    The same as :func:`reduce`, but for large factors a chain of Lanczos filters takes the place of
    averaged blocks: up to 7 dB better, for one millisecond on a megapixel.
    """
    return _weighed(image, size, _resize_in_steps)


def upright(image: Any, orientation: int) -> Any:
    """Turn and mirror an image as its EXIF orientation says."""
    for turn in _TURNS.get(orientation, ()):
        image = image.rot(turn) if turn.startswith("d") else image.flip(turn)
    return image


def from_bytes(data: bytes | memoryview, size: Size, bands: int) -> Any:
    """Return 8-bit sRGB or grey pixels as an image that reads them where they lie."""
    image = vips().Image.new_from_memory(data, *size, bands, "uchar")
    # A copy is what keeps the bytes for all that is made of it: to `copy_memory`, which is not
    # told of them, an image in memory is its own copy.
    return image.copy(interpretation=_interpretation(bands))


def view(data: bytes | memoryview, size: Size, bands: int) -> Any:
    """Return the same without a copy, which takes a tenth of a millisecond; the caller keeps them.

    libvips itself takes one or three bands for what they are.
    """
    image = vips().Image.new_from_memory(data, *size, bands, "uchar")
    return (
        image if image.interpretation == _interpretation(bands) else from_bytes(data, size, bands)
    )


def flatten(image: Any, background: str) -> Any:
    """Lay a transparent image on a background such as ``#ffffff``."""
    if not image.hasalpha():
        return image
    return coloured(image).flatten(background=rgb(background))


def coloured(image: Any) -> Any:
    """Return a grey image as RGB, its transparency kept."""
    if image.bands > 2:  # noqa: PLR2004
        return image
    grey = image.extract_band(0)
    joined = grey.bandjoin([grey, grey] + ([image.extract_band(1)] if image.bands > 1 else []))
    return joined.copy(interpretation="srgb")


def rgb(colour: str) -> list[int]:
    """Return the three channels of a colour such as ``#ff8000``."""
    return list(bytes.fromhex(colour.removeprefix("#")))


def _interpretation(bands: int) -> str:
    return "srgb" if bands > 2 else "b-w"  # noqa: PLR2004


def _weighed(image: Any, size: Size, resize: Callable[[Any, Size], Any]) -> Any:
    """Scale an image, its colours weighed with what shows of them."""
    if (image.width, image.height) == size:
        return image
    if not image.hasalpha():
        return resize(image, size)
    number = image.format
    whole = number in {"uchar", "ushort"}
    full = {"max_alpha": opaque(image)}
    scaled = resize(_rounded(image.premultiply(**full), number, whole), size)
    return _rounded(scaled.unpremultiply(**full), number, whole)


def _resize(image: Any, size: Size) -> Any:
    """Scale both axes on their own, so that whole image meets whole image to the pixel.

    libvips's kernel is Lanczos, of three lobes. For large factors it averages whole blocks first
    and leaves a factor of two or more to the filter, its ``gap``: 45 dB and more of an unhurried
    Lanczos filter in every measurement.
    """
    x, y = size[0] / image.width, size[1] / image.height
    return image.resize(x, vscale=y)


def _resize_in_steps(image: Any, size: Size) -> Any:
    steps = [size]
    while all(
        side >= STEP * wanted
        for side, wanted in zip((image.width, image.height), steps[-1], strict=True)
    ):
        steps.append((2 * steps[-1][0], 2 * steps[-1][1]))
    if len(steps) == 1:
        return _resize(image, size)
    # Columns last, when there are few rows. What was halved is kept, as libvips computes a picture
    # in bands of rows, and each step asks the one before it for a larger part of its rows at once.
    for _, height in reversed(steps[1:]):
        image = image.reducev(image.height / height).copy_memory()
    image = image.reducev(image.height / size[1])
    for width, _ in reversed(steps):
        image = image.reduceh(image.width / width)
    return image


def _rounded(image: Any, number: str, whole: bool) -> Any:  # noqa: FBT001
    """Return float pixels in a format again; libvips truncates."""
    return image.linear(1, 0.5).cast(number) if whole else image
