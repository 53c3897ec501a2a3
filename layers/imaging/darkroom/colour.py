"""Any pixels to sRGB, 8 bits a channel, so that colours look right on every screen."""

from __future__ import annotations

from typing import Any

from darkroom.vips import vips

RELATIVE = "relative"
"""Rendering intent. With black point compensation it is what browsers and print tools default to;
the perceptual intent would shift colours that sRGB can show as they are."""


def to_srgb(image: Any) -> Any:
    """Return an image as 8-bit sRGB or grey, its transparency kept.

    An embedded ICC profile is followed, CMYK without one is read as libvips's built-in press
    profile, 16-bit values are rounded, and values without a fixed range (float, signed) are
    stretched from black to white.

    Parameters
    ----------
    image
        A pyvips image.

    Returns
    -------
    pyvips.Image
        1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA) bands of uchar.
    """
    image = _usual_bands(image)
    alpha, colour = None, image
    if image.hasalpha():
        colour = image.extract_band(0, n=image.bands - 1)
        alpha = _full_scale(image.extract_band(image.bands - 1))
    colour = _convert(colour)
    return colour if alpha is None else colour.bandjoin(alpha)


def is_srgb(profile: bytes) -> bool:
    """Tell whether an ICC profile names itself sRGB, as cameras, phones and editors do."""
    return b"sRGB" in profile or "sRGB".encode("utf-16-be") in profile


def has_other_profile(image: Any) -> bool:
    """Tell whether an image carries a profile that is not sRGB."""
    profile = profile_of(image)
    return profile is not None and not is_srgb(profile)


def profile_of(image: Any) -> bytes | None:
    """Return the embedded ICC profile, if the image has one."""
    return bytes(image.get("icc-profile-data")) if image.get_typeof("icc-profile-data") else None


def _usual_bands(image: Any) -> Any:
    """Drop bands beyond colour and alpha, as some scientific TIFFs have."""
    wanted = {"cmyk": 5}.get(image.interpretation, 4)
    return image.extract_band(0, n=wanted) if image.bands > wanted else image


def _convert(image: Any) -> Any:
    grey = image.bands == 1
    image = _known_range(image)
    if has_other_profile(image):
        image = _by_profile(image)
    elif image.interpretation == "cmyk":
        image = image.icc_transform("srgb", input_profile="cmyk", intent=RELATIVE, depth=8)
    elif image.interpretation in {"lab", "labs", "lch", "xyz", "scrgb", "yxy", "labq"}:
        image = image.colourspace("srgb")
    image = _full_scale(image)
    if grey:
        return image.extract_band(0).copy(interpretation="b-w") if image.bands > 1 else image
    return image.extract_band(0, n=3) if image.bands > 3 else image  # noqa: PLR2004


def _by_profile(image: Any) -> Any:
    """Follow the embedded profile; where it does not suit the pixels, fall back as viewers do."""
    fallback = "cmyk" if image.interpretation == "cmyk" else "srgb"
    settings = {
        "input_profile": fallback,
        "intent": RELATIVE,
        "black_point_compensation": True,
        "depth": 8,
    }
    # Whether a profile suits shows only when pixels are computed: one is enough to see it.
    probe = vips().Image.black(1, 1, bands=image.bands).cast(image.format)
    probe = probe.copy(interpretation=image.interpretation)
    probe.set_type(vips().GValue.blob_type, "icc-profile-data", profile_of(image))
    try:
        probe.icc_transform("srgb", embedded=True, **settings).avg()
        converted = image.icc_transform("srgb", embedded=True, **settings)
    except vips().Error:
        converted = image.icc_transform("srgb", embedded=False, **settings)
    converted = converted.copy()
    converted.remove("icc-profile-data")
    return converted


def _known_range(image: Any) -> Any:
    """Return float, signed and 32-bit values as 8 bits; unsigned 8 and 16 bits are left alone."""
    if image.format in {"uchar", "ushort"}:
        return image
    if image.interpretation in {"lab", "labs", "lch", "xyz", "scrgb", "yxy", "cmyk"}:
        return image
    low, high = image.min(), image.max()
    if image.format in {"float", "double"} and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    scale = 255 / (high - low) if high > low else 0.0
    stretched = image.linear(scale, 0.5 - low * scale).cast("uchar")
    return stretched.copy(interpretation="b-w" if image.bands == 1 else "srgb")


def _full_scale(image: Any) -> Any:
    """Return 8 bits: 16-bit values divided by 257 and rounded, others clipped."""
    if image.format == "uchar":
        return image
    if image.format == "ushort":
        interpretation = "b-w" if image.bands == 1 else "srgb"
        return image.linear(1 / 257, 0.5).cast("uchar").copy(interpretation=interpretation)
    return image.linear(1, 0.5).cast("uchar")
