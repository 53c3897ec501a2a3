"""Any pixels to sRGB, 8 bits a channel, so that colours look right on every screen."""

from __future__ import annotations

import contextlib
from typing import Any

from darkroom.image import spaces
from darkroom.image.icc import is_srgb, told
from darkroom.image.spaces import DEEP, Space
from darkroom.image.vips import vips

_MEASURED = frozenset({"lab", "labs", "lch", "xyz", "scrgb", "yxy"})
"""Spaces whose numbers mean colours by themselves, whatever their format."""

_FINISHED = frozenset({("uchar", 1, "b-w"), ("uchar", 3, "srgb")})
"""Format, bands and space of most uploads, which need nothing but what a profile says: to have
libvips do nothing takes half a millisecond."""

_BY_D50 = frozenset({"lab", "labs"})
"""Those that files have by the white of profiles; libvips itself takes that of daylight."""


def to_srgb(image: Any) -> Any:
    """Return an image as 8-bit sRGB or grey, its transparency kept: 1 to 4 bands of uchar.

    An embedded ICC profile is followed, CMYK without one is read as libvips's built-in press
    profile, 16-bit values are rounded, and values without a fixed range (float, signed) are
    stretched from black to white.
    """
    if _kind(image) in _FINISHED and not has_other_profile(image):
        return image
    image = _usual_bands(image)
    if image.hasalpha():
        made = _convert(image.extract_band(0, n=image.bands - 1))
        made = made.bandjoin(_eight_bits(image.extract_band(image.bands - 1), opaque(image)))
    else:
        made = _convert(image)
    made.remove("icc-profile-data")  # or it would be followed once more, by whoever comes next
    return made


def has_other_profile(image: Any) -> bool:
    """Return whether an image carries a profile that is not sRGB."""
    profile = profile_of(image)
    return profile is not None and not is_srgb(profile)


def profile_of(image: Any) -> bytes | None:
    """Return the embedded ICC profile, if the image has one."""
    return bytes(image.get("icc-profile-data")) if image.get_typeof("icc-profile-data") else None


def with_profile(image: Any, profile: bytes) -> Any:
    """Return an image that carries an ICC profile."""
    image = image.copy()
    image.set_type(vips().GValue.blob_type, "icc-profile-data", profile)
    return image


def with_colours(image: Any, profile: bytes | None, space: Space, bits: int = 16) -> Any:
    """Return an image whose colours are those of a profile, or if it has none, of a space.

    Of 16 bits only the upper ones may be used.
    """
    if profile:
        return with_profile(image, profile)
    return image if space.usual else spaces.to_srgb(image, space, bits)


def _kind(image: Any) -> tuple[str, int, str]:
    return image.format, image.bands, image.interpretation


def _usual_bands(image: Any) -> Any:
    """Drop bands beyond colour and alpha, as some scientific TIFFs have."""
    wanted = 5 if image.interpretation == "cmyk" else 4
    return image.extract_band(0, n=min(image.bands, wanted))


def opaque(image: Any) -> float:
    """Return the value of alpha that hides everything."""
    if image.interpretation == "scrgb":
        return 1
    return DEEP if image.format == "ushort" else 255


def _convert(image: Any) -> Any:
    grey = image.bands == 1
    image = _known_range(image)
    profile = profile_of(image)
    measured = image.interpretation in _MEASURED
    if profile is not None and not measured and not is_srgb(profile):
        image = _by_profile(image, profile)
    if image.interpretation == "cmyk":
        image = _followed(image)
    elif image.interpretation in _BY_D50:
        image = image.icc_export(output_profile="srgb")
    elif image.interpretation in _MEASURED:
        image = image.colourspace("srgb")
    if image.format == "ushort":
        image = _eight_bits(image, DEEP)
    if grey:
        return image.extract_band(0).copy(interpretation="b-w")
    return image.extract_band(0, n=min(image.bands, 3)).copy(interpretation="srgb")


def _by_profile(image: Any, profile: bytes) -> Any:
    """Follow the embedded profile; one that does not suit the pixels is as good as none.

    libvips's intent, relative colorimetric, is with black point compensation what browsers and
    print tools default to; the perceptual one would shift colours that sRGB can show as they are.
    """
    space = told(profile)
    if space and image.interpretation != "cmyk":
        return spaces.to_srgb(image, space)
    if image.bands == 1 and profile[16:20] == b"RGB ":  # its curves hold for grey, too
        image = image.bandjoin([image, image]).copy(interpretation="srgb")
    with contextlib.suppress(vips().Error):  # raised before any pixel is computed
        return _followed(image)
    image = image.copy()
    image.remove("icc-profile-data")
    return image


def _followed(image: Any) -> Any:
    return image.icc_transform("srgb", black_point_compensation=True)


def _known_range(image: Any) -> Any:
    """Return float, signed and 32-bit values as 8 bits; unsigned 8 and 16 bits are left alone."""
    if image.format in {"uchar", "ushort"} or image.interpretation in {*_MEASURED, "cmyk"}:
        return image
    low, high = image.min(), image.max()
    if image.format in {"float", "double"} and low >= 0 and high <= 1:
        return _eight_bits(image, 1)
    return _eight_bits(image - low, max(high - low, 1e-9))


def _eight_bits(image: Any, white: float) -> Any:
    """Return values from 0 to white as 8 bits, rounded, others clipped."""
    return image.linear(255 / white, 0.5, uchar=True)
