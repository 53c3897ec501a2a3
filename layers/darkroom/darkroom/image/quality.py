"""The quality that ``auto`` stands for: the lowest at which a JPEG still looks right.

At one and the same quality, one picture has an SSIMULACRA2 score of 62 and another of 84. So a part
of the picture is encoded once on trial, and compared with what that score weighs most: the share of
error in the contrast within small windows, in full size and in smaller ones. What the score would
be follows from that, and from this the quality of the score aimed at. Pillow does it, as its calls
cost microseconds where libvips's cost a tenth of a millisecond each.
"""

from __future__ import annotations

import io
from typing import Any

from darkroom.contract.fields import Effort, FormatName, Quality
from darkroom.contract.presets import USUAL_QUALITY
from darkroom.image.encode import quant_table
from darkroom.image.pixels import Pixels

AIM = 72
"""The score aimed at, of 100. SSIMULACRA2's authors call 70 high quality and 50 medium."""

LEAST, MOST = 60, 85
"""Bounds: below, what is wrong is more than a score tells; above, bytes buy little."""

TRIAL = 72
"""The quality of the trial: in the middle, so that what follows is never far from it."""

SAMPLE = 150_000
"""Of larger pictures so many pixels are looked at: the trial is to cost less than the encoding.
With all of a picture the score is told little better."""

ROWS = 48
"""Of a part: whole blocks of a JPEG, and whole windows at all scales but the last."""

PARTS = 7
STRIDE = 3
"""So many parts, each so many further to the right than the one above it."""

_WINDOW = 6
"""In pixels a side: nearly the weight of SSIMULACRA2's, and out of step with a JPEG's blocks."""

_SCALES = (1, 4, 2)
"""By how much the picture is reduced, each time from the one before."""

_WEIGHTS = (64.9, 22.2, 379.0, 1870.0)
"""What counts how much: the mean and the fourth-power mean in full size, the means in a quarter and
an eighth. Fitted without negative ones to 204 renditions of 105 pictures."""

_ALWAYS = 1.43
"""What is added: the same, with colours and with what the windows do not show."""

_CURVE = (-0.042, -1.613, -0.02)
"""From points above the aim to quality above the trial's, fitted to the same renditions."""

_GREY = 0.76
"""What of it is left where there are no colours: of 16 photos made grey, 0.7 to 0.8."""

TRELLIS = 3
"""What a high effort takes of the score, in quality: it saves more bytes than these cost."""

_LIGHT = (0.265, 0.657, 0.078)
"""Linear red, green and blue in the luma of XYB, SSIMULACRA2's colours."""

_STABLE = 0.0009
"""SSIMULACRA2's constant against small denominators, in squares of the cube root of light."""

_WHITE = 255.0**2

_SLOPE = (18 * _STABLE * _WHITE**2) ** (3 / 4)


def settle(
    image: Any, asked: Quality, image_format: FormatName, *, graphic: bool, effort: Effort
) -> tuple[Any, int]:
    """Return the quality to encode at, and what to encode: computed, where it was looked at.

    Only a JPEG's is told from the picture: of 17 photos, WebPs and AVIFs of the quality that a
    JPEG needs have scores as far apart as those of one and the same quality.
    """
    if asked != "auto":
        return image, asked
    if image_format != "jpeg":
        return image, USUAL_QUALITY
    pixels = Pixels(image.write_to_memory(), (image.width, image.height), image.bands)
    return pixels.image, of(pixels, graphic=graphic, effort=effort)


def of(pixels: Pixels, *, graphic: bool, effort: Effort = "normal") -> int:
    """Return the quality that opaque pixels should have as a JPEG: 60 to 85.

    A graphic is tried with its colours at full resolution, as it is encoded.
    """
    above = score(pixels, graphic=graphic) - AIM
    wanted = TRIAL + (_CURVE[0] * above + _CURVE[1]) * above + _CURVE[2]
    wanted += TRELLIS if effort == "high" else 0
    return round(min(MOST, max(LEAST, wanted)))


def score(pixels: Pixels, *, graphic: bool) -> float:
    """Estimate the SSIMULACRA2 score that opaque pixels have as a JPEG of the trial's quality."""
    shown = _parts(pixels)
    before, after = _light(shown), _light(_tried(shown, graphic=graphic))
    found = []
    for scale in _SCALES:
        before, after = before.reduce(scale), after.reduce(scale)
        lost = _lost(before, after)
        found.append(_mean(lost))
        if scale == 1:
            found.append(_mean(_square(_square(lost))) ** 0.25)
    error = _ALWAYS + sum(weight * each for weight, each in zip(_WEIGHTS, found, strict=True))
    error *= _GREY if pixels.bands == 1 else 1
    return float(100 - 10 * error**0.6276336467831387)  # as SSIMULACRA2 ends


def _parts(pixels: Pixels) -> Any:
    """Return a picture, or parts of it one below the other, as Pillow's."""
    from PIL import Image

    (width, height), rows = pixels.size, memoryview(pixels.data)
    if width * height > SAMPLE:
        high = min(height, ROWS)
        count = min(PARTS, height // high)
        wide = min(width, SAMPLE // (high * count))
        rows = memoryview(
            b"".join(
                rows[(top * width + left) * pixels.bands :][: wide * pixels.bands]
                for left, first in _corners(width - wide, height - high, count)
                for top in range(first, first + high)
            )
        )
        width, height = wide, high * count
    mode = "L" if pixels.bands == 1 else "RGB"
    data: Any = rows
    return Image.frombuffer(mode, (width, height), data, "raw", mode, 0, 1)


def _corners(width: int, height: int, count: int) -> list[tuple[int, int]]:
    """Return where parts begin: evenly from top to bottom, to and fro between left and right."""
    last = max(1, count - 1)
    return [(width * (at * STRIDE % count) // last, height * at // last) for at in range(count)]


def _tried(picture: Any, *, graphic: bool) -> Any:
    """Return a picture as it comes out of a JPEG with the encoder's tables."""
    from PIL import Image

    file = io.BytesIO()
    subsampling = "4:4:4" if graphic else "4:2:0"
    table = quant_table(TRIAL)
    picture.save(file, "JPEG", qtables=[table], subsampling=subsampling)  # for colours, too
    return Image.open(file)


def _light(picture: Any) -> Any:
    """Return a picture's light, 0 to 255 squared: squares are near enough to sRGB's curve."""
    if picture.mode == "L":
        return _square(picture.convert("F"))
    red, green, blue = (
        _square(band.convert("F").point(lambda value, root=weight**0.5: value * root + 0))
        for band, weight in zip(picture.split(), _LIGHT, strict=True)
    )
    return _math(lambda of: of["r"] + of["g"] + of["b"], r=red, g=green, b=blue)


def _lost(before: Any, after: Any) -> Any:
    """Return of each window half the share of error in its contrast: of 1 less SSIM's structure."""
    both = _math(lambda of: of["a"] + of["b"], a=before, b=after)
    error = _math(lambda of: of["a"] - of["b"], a=before, b=after)
    means = {"both": both, "error": error, "both2": _square(both), "error2": _square(error)}
    found = {name: each.reduce(_WINDOW) for name, each in means.items()}
    # The slope of the cube root at this light makes the constant one in squares of light.
    light = found["both"].point(lambda value: value * (_SLOPE / (2 * _WHITE)) + _SLOPE * 0.0038)
    return _math(_share, light=light, **found)


def _share(of: Any) -> Any:
    error = of["error2"] - of["error"] * of["error"]
    both = of["both2"] - of["both"] * of["both"]
    return error / (error + both + of["light"] ** (4 / 3))


def _square(image: Any) -> Any:
    return _math(lambda of: of["i"] * of["i"], i=image)


def _mean(image: Any) -> float:
    return float(image.reduce(image.size).getpixel((0, 0)))


def _math(function: Any, **images: Any) -> Any:
    from PIL import ImageMath

    return ImageMath.lambda_eval(function, **images)
