"""Colour quality as a figure: differences (CIEDE2000) to littlecms, which Pillow carries.

Every profile in a PNG, two of them in turn in each other format, with bands and depths of all
kinds: how a file is read and how its colours are converted do not know of each other. The largest
difference over 729 colours counts, and so does the mean. Where the two do not round alike there is
one level of 255, which is 0.6 at most; what lossy formats add is seen where the profile is sRGB.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from darkroom.image.mezzanine import unpack
from darkroom.image.vips import vips
from numpy.typing import NDArray
from PIL import Image, ImageCms

from tests.support import profiles
from tests.support.differences import ciede2000, lab
from tests.support.images import encoded
from tests.support.imaging import develop
from tests.support.tiffs import tiff

Bytes = NDArray[np.uint8]

RAMP = np.linspace(0, 1, 1024)
LEVELS = (0, 32, 64, 96, 128, 160, 192, 224, 255)
CUBE = np.array(list(itertools.product(LEVELS, repeat=3)), np.uint8).reshape(27, 27, 3)
GREYS = np.arange(256, dtype=np.uint8).reshape(16, 16)
INKS = np.array(list(itertools.product((0, 85, 170, 255), repeat=4)), np.uint8).reshape(16, 16, 4)
PRESS = bytes(vips().Operation.call("profile_load", "cmyk"))

PROFILES = {
    "sRGB": profiles.rgb_profile(profiles.SRGB, profiles.SRGB_CURVE),
    "sRGB's primaries, gamma 1.8": profiles.matrix_profile(profiles.SRGB, 1.8),
    "Display P3": profiles.rgb_profile(profiles.DISPLAY_P3, profiles.SRGB_CURVE),
    "Display P3, gamma 2.6": profiles.matrix_profile(profiles.DISPLAY_P3, 2.6),
    "Display P3, a table": profiles.rgb_profile(
        profiles.DISPLAY_P3, profiles.table_curve(RAMP**2.2)
    ),
    "Adobe RGB": profiles.matrix_profile(profiles.ADOBE_RGB, 563 / 256),
}
GREY_PROFILES = {
    "gamma 1.8": profiles.grey_profile(profiles.gamma_curve(1.8)),
    "gamma 2.2": profiles.grey_profile(profiles.gamma_curve(2.2)),
    "sRGB's curve": profiles.grey_profile(profiles.SRGB_CURVE),
    "of colours": profiles.matrix_profile(profiles.DISPLAY_P3, 2.6),
}

WIDE = 8
"""Lossy formats get every colour as a block of so many pixels."""


def blocks(pixels: Bytes) -> Image.Image:
    return Image.fromarray(pixels.repeat(WIDE, axis=0).repeat(WIDE, axis=1))


def with_alpha(pixels: Bytes, alpha: int) -> Bytes:
    return np.dstack([pixels, np.full(pixels.shape[:2], alpha, np.uint8)])


def deep(pixels: Bytes, profile: bytes, interpretation: str) -> Any:
    height, width = pixels.shape[:2]
    bands = pixels.size // (height * width)
    data = (pixels.astype(np.uint16) * 257).tobytes()
    image = vips().Image.new_from_memory(data, width, height, bands, "ushort")
    image = image.copy(interpretation=interpretation)
    image.set_type(vips().GValue.blob_type, "icc-profile-data", profile)
    return image


FILES: dict[str, Callable[[Bytes, bytes], bytes]] = {
    "PNG": lambda pixels, icc: encoded(Image.fromarray(pixels), "PNG", icc_profile=icc),
    "PNG, opaque alpha": lambda pixels, icc: encoded(
        Image.fromarray(with_alpha(pixels, 255)), "PNG", icc_profile=icc
    ),
    "PNG, alpha": lambda pixels, icc: encoded(
        Image.fromarray(with_alpha(pixels, 200)), "PNG", icc_profile=icc
    ),
    "PNG, 16 bits": lambda pixels, icc: bytes(deep(pixels, icc, "rgb16").pngsave_buffer()),
    "PNG, 16 bits, alpha": lambda pixels, icc: bytes(
        deep(with_alpha(pixels, 200), icc, "rgb16").pngsave_buffer()
    ),
    "TIFF": lambda pixels, icc: encoded(Image.fromarray(pixels), "TIFF", icc_profile=icc),
    "TIFF, alpha": lambda pixels, icc: encoded(
        Image.fromarray(with_alpha(pixels, 200)), "TIFF", icc_profile=icc
    ),
    "TIFF, 16 bits": lambda pixels, icc: bytes(deep(pixels, icc, "rgb16").tiffsave_buffer()),
    "WebP": lambda pixels, icc: encoded(
        Image.fromarray(pixels), "WEBP", lossless=True, icc_profile=icc
    ),
    "WebP, alpha": lambda pixels, icc: encoded(
        Image.fromarray(with_alpha(pixels, 200)), "WEBP", lossless=True, exact=True, icc_profile=icc
    ),
    "JPEG": lambda pixels, icc: encoded(
        blocks(pixels), quality=100, subsampling=0, icc_profile=icc
    ),
    "AVIF": lambda pixels, icc: encoded(
        blocks(pixels), "AVIF", quality=100, subsampling="4:4:4", speed=10, icc_profile=icc
    ),
    "AVIF, alpha": lambda pixels, icc: encoded(
        blocks(with_alpha(pixels, 200)),
        "AVIF",
        quality=100,
        subsampling="4:4:4",
        speed=10,
        icc_profile=icc,
    ),
}
LOSSY = {"JPEG": (1.6, 0.2), "AVIF": (2.2, 0.35), "AVIF, alpha": (2.2, 0.35)}
LOSSLESS = (0.6, 0.03)


def shown(data: bytes) -> Bytes:
    """Return what becomes of a file's colours, one pixel of each block."""
    contents = unpack(develop(data).mezzanine)
    page = contents.header.pages[0]
    raw = np.frombuffer(contents.parts[page.part], np.uint8)
    pixels = raw.reshape(page.size[1], page.size[0], page.bands)
    if page.size[0] > len(CUBE):
        pixels = pixels[WIDE // 2 :: WIDE, WIDE // 2 :: WIDE]
    colours = pixels[..., : 1 if page.bands < 3 else 3]
    return colours.repeat(3 // colours.shape[-1], axis=-1)


def by_littlecms(stored: Image.Image, profile: Any) -> Bytes:
    transform = ImageCms.buildTransform(
        profile,
        ImageCms.createProfile("sRGB"),
        stored.mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    made = ImageCms.applyTransform(stored, transform)
    assert made is not None
    return np.asarray(made)


def of(profile: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(profile))


def differences(made: Bytes, wanted: Bytes) -> tuple[float, float]:
    found = ciede2000(lab(made), lab(wanted))
    return float(found.max()), float(found.mean())


@cache
def wanted_colours(name: str) -> Bytes:
    return by_littlecms(Image.fromarray(CUBE), of(PROFILES[name]))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for (number, name), (at, kind) in itertools.product(enumerate(PROFILES), enumerate(FILES))
        if kind == "PNG" or (number + at) % 3 == 0
    ],
)
def test_colours(name: str, kind: str) -> None:
    worst, mean = differences(shown(FILES[kind](CUBE, PROFILES[name])), wanted_colours(name))
    most, most_mean = LOSSY.get(kind, LOSSLESS)
    assert worst <= most
    assert mean <= most_mean


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *itertools.product(GREY_PROFILES, ["PNG", "PNG, alpha", "TIFF", "JPEG"]),
        # libvips writes no profile of colours into these.
        *itertools.product(list(GREY_PROFILES)[:3], ["PNG, 16 bits", "TIFF, 16 bits"]),
    ],
)
def test_greys(name: str, kind: str) -> None:
    profile = GREY_PROFILES[name]
    stored = Image.fromarray(GREYS)
    if name == "of colours":
        stored = stored.convert("RGB")
    wanted = by_littlecms(stored, of(profile))
    made = {
        "PNG, 16 bits": lambda: bytes(deep(GREYS, profile, "grey16").pngsave_buffer()),
        "TIFF, 16 bits": lambda: bytes(deep(GREYS, profile, "grey16").tiffsave_buffer()),
    }.get(kind, lambda: FILES[kind](GREYS, profile))()
    assert differences(shown(made), wanted)[0] <= 0.35


@cache
def inks() -> tuple[Image.Image, Bytes]:
    stored = Image.fromarray(INKS, "CMYK")
    return stored, by_littlecms(stored, of(PRESS))


@pytest.mark.parametrize("kind", ["TIFF", "TIFF, 16 bits", "JPEG"])
def test_inks(kind: str) -> None:
    stored, wanted = inks()
    big = stored.resize((16 * WIDE, 16 * WIDE), Image.Resampling.NEAREST)
    data = {
        "TIFF": lambda: encoded(stored, "TIFF", icc_profile=PRESS),
        "TIFF, 16 bits": lambda: bytes(deep(INKS, PRESS, "cmyk").tiffsave_buffer()),
        "JPEG": lambda: encoded(big, quality=100, subsampling=0, icc_profile=PRESS),
    }[kind]()
    worst, mean = differences(shown(data), wanted)
    assert worst <= (1.5 if kind == "JPEG" else 0.6)
    assert mean <= (0.2 if kind == "JPEG" else 0.01)


@pytest.mark.parametrize("kind", ["16 bits", "float", "8 bits", "8 bits, alpha"])
def test_cielab(kind: str) -> None:
    """Pillow's have 8 bits, and where sRGB ends the two do not cut off alike."""
    light, a, b = np.meshgrid((51, 128, 204), (-40, -20, 0, 20, 40), (-40, -20, 0, 20, 40))
    shape = (15, 5)
    planes = [each.reshape(shape).astype(np.float64) for each in (light, a, b)]
    whole = np.dstack(planes)
    eight = (whole % 256).astype(np.uint8)
    lab_space = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    wanted = by_littlecms(Image.fromarray(eight, "LAB"), lab_space)
    data = {
        "16 bits": tiff((whole * [257, 256, 256] % 65536).astype(np.uint16), 8),
        "float": tiff((whole * [100 / 255, 1, 1]).astype(np.float32), 8),
        "8 bits": encoded(Image.fromarray(eight, "LAB"), "TIFF"),
        "8 bits, alpha": tiff(with_alpha(eight, 200), 8, [2]),
    }[kind]
    worst, mean = differences(shown(data), wanted)
    assert worst <= 1.2
    assert mean <= 0.2


def test_the_measure_measures() -> None:
    """Pairs 1, 7, 16, 17 and 25 of the table in the paper, and what it is for equal colours."""
    first = np.array([[50, 2.6772, -79.7751], [50, 0, 0], [50, 2.5, 0], [50, 2.5, 0],
                      [60.2574, -34.0099, 36.2677], [50, 0, 0]])  # fmt: skip
    second = np.array([[50, 0, -82.7485], [50, -1, 2], [50, 0, -2.5], [73, 25, -18],
                       [60.4626, -34.1751, 39.4387], [50, 0, 0]])  # fmt: skip
    wanted = [2.0425, 2.3669, 4.3065, 27.1492, 1.2644, 0]
    assert ciede2000(first, second) == pytest.approx(wanted, abs=1e-4)
