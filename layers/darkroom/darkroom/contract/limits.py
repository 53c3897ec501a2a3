"""The limits on what an upload may be, as named settings with safe defaults.

Exceeding one ends in ``ImageTooLarge`` with a message that names the limit, before the pixels are
decoded wherever the header says so. Peers, for comparison: imgproxy refuses over 50 megapixels with
frames summed, thumbor over 75, sharp over 268.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from darkroom.contract.errors import ImageTooLarge

MIB = 1024 * 1024

_BEFORE = 40 * MIB
"""What the decoder's process takes before it decodes."""


class Limits(Struct, frozen=True):
    """What Prepare accepts.

    Each field is set on a deployment by the environment variable ``LIMIT_`` and its name in upper
    case, as ``LIMIT_MAX_PIXELS``. Keep ``max_memory`` 256 MiB or more below the function's memory,
    which also holds the file and the mezzanine.
    """

    max_bytes: Annotated[int, Meta(ge=1)] = 100 * MIB  # of the file
    max_pixels: Annotated[int, Meta(ge=1)] = (
        100_000_000  # width times height, summed over all frames or pages
    )
    # The longer one, in pixels; no more than the JPEGs have that PDFs are made of.
    max_side: Annotated[int, Meta(ge=1, le=65_500)] = 30_000
    max_frames: Annotated[int, Meta(ge=1)] = 1_000  # of which only the first becomes renditions
    max_pages: Annotated[int, Meta(ge=1)] = 100  # of a TIFF; each becomes a page of the PDF
    max_decode_seconds: Annotated[float, Meta(gt=0)] = 30.0
    # The same for an SVG: a few hundred bytes can ask for any amount of work.
    max_drawing_seconds: Annotated[float, Meta(gt=0)] = 10.0
    max_memory: Annotated[int, Meta(ge=64 * MIB)] = (
        1_280 * MIB
    )  # of the decoder's process, in bytes


def check_bytes(size: int, limits: Limits) -> None:
    """Refuse a file of more than ``max_bytes`` (ImageTooLarge)."""
    if size > limits.max_bytes:
        raise ImageTooLarge(
            f"The file has {size:,} bytes, but the limit is {limits.max_bytes:,} (max_bytes). "
            "Upload a smaller file, or have the limit raised."
        )


def check_count(count: int, what: str, limits: Limits) -> None:
    """Refuse more ``frames`` or ``pages`` than are allowed (ImageTooLarge)."""
    limit = limits.max_frames if what == "frames" else limits.max_pages
    if count > limit:
        raise ImageTooLarge(
            f"The image has {count:,} {what}, but the limit is {limit:,} (max_{what}). Upload "
            f"fewer {what} at a time, or have the limit raised."
        )


def check_sizes(sizes: list[tuple[int, int]], limits: Limits) -> None:
    """Refuse sides over ``max_side``, and more than ``max_pixels`` in all (ImageTooLarge).

    The sizes are those of every page or frame that the header promises.
    """
    for width, height in sizes:
        if max(width, height) > limits.max_side:
            raise ImageTooLarge(
                f"The image is {width:,} by {height:,} pixels, but no side may be longer than "
                f"{limits.max_side:,} (max_side). Make it smaller, or have the limit raised."
            )
    total = sum(width * height for width, height in sizes)
    if total > limits.max_pixels:
        width, height = sizes[0]
        each = f"{width:,} by {height:,}"
        of = each if len(sizes) == 1 else f"{len(sizes):,} frames or pages, the first {each}"
        raise ImageTooLarge(
            f"The image has {total:,} pixels ({of}), but the limit is {limits.max_pixels:,} "
            "(max_pixels). Make it smaller, or have the limit raised."
        )


def check_memory(size: tuple[int, int], each: int, kind: str, limits: Limits) -> None:
    """Refuse an image whose pixels, of so many bytes each, ``max_memory`` has no room for."""
    width, height = size
    most = (limits.max_memory - _BEFORE) // each
    if width * height > most:
        raise ImageTooLarge(
            f"The image has {width * height:,} pixels ({width:,} by {height:,}), but a decoder has "
            f"memory for {max(0, most):,} of {kind}: {limits.max_memory // MIB:,} MiB "
            "(max_memory). Make it smaller, save it as a JPEG, or have the limit raised."
        )
