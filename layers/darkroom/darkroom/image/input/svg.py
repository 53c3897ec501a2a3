"""SVG: drawings, and the pictures within them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from darkroom.contract.errors import ImageTooLarge
from darkroom.contract.limits import Limits, check_sizes
from darkroom.image.colour import to_srgb
from darkroom.image.geometry import Size
from darkroom.image.input.page import Data, Opened, Page
from darkroom.image.input.sniff import CONTENT_TYPES, SourceFormat, sniff
from darkroom.image.pixels import upright
from darkroom.image.vips import vips

if TYPE_CHECKING:
    from darkroom.image.input.drawing import Picture

Opener = Callable[[Data, SourceFormat, Limits], Opened]

_DRAWN = frozenset({"png", "jpeg", "gif", "webp", "avif", "bmp"})
"""Pictures that are drawn within a drawing, as browsers do; the last two resvg does not know. It
would draw an SVG too, which nobody checked."""


def read(data: Data, limits: Limits, opener: Opener) -> Opened:
    """Read the header; see :func:`darkroom.image.input.openers.open_image`, which is the opener.

    Pictures within the drawing are held against the same limits as uploads. What cannot be read is
    left out, as browsers do.
    """
    from darkroom.image.input import drawing

    svg = drawing.read(bytes(data))
    check_sizes([svg.size], limits)
    sizes: list[Size] = []
    otherwise: list[tuple[Picture, Opened]] = []
    for picture in svg.pictures:
        opened = _open(picture.data, limits, opener)
        if opened is not None:
            sizes += [page.size for page in opened.pages]
            picture.embed(CONTENT_TYPES[opened.format])
            if not opened.plain and opened.format != "gif":
                otherwise.append((picture, opened))
    check_sizes(sizes, limits)

    def draw(wanted: Size) -> Any:
        check_sizes([wanted], limits)
        for picture, opened in otherwise:
            try:
                picture.embed(*_as_shown(opened))
            except (ImageTooLarge, MemoryError):
                raise
            except Exception:  # noqa: BLE001, S110 - damaged: resvg draws what it can
                pass
        return vips().Image.pngload_buffer(svg.rasterise(wanted))

    page = Page(svg.size, draw)
    return Opened("svg", (page,), vector=True, graphic=True)


def _as_shown(opened: Opened) -> tuple[str, bytes]:
    """Return the type and the bytes of a file that holds what browsers show of a picture.

    resvg follows no profile, turns nothing upright, and leaves out what has inks, AVIF and BMP.
    """
    page = opened.pages[0]
    image = to_srgb(page.draw(page.size))
    if page.orientation != 1:
        image = upright(image.copy_memory(), page.orientation)
    if opened.format == "jpeg":  # a PNG of 100 megapixels would be too large to draw
        return CONTENT_TYPES["jpeg"], bytes(image.jpegsave_buffer(Q=95, subsample_mode="off"))
    return CONTENT_TYPES["png"], bytes(image.pngsave_buffer(compression=1))


def _open(data: bytes, limits: Limits, opener: Opener) -> Opened | None:
    try:
        kind = sniff(data)
        return opener(data, kind, limits) if kind in _DRAWN else None
    except ImageTooLarge:
        raise
    except Exception:  # noqa: BLE001 - what could not be checked, for whatever reason, is not drawn
        return None
