"""SVG: checked, cut off from the outside world, drawn by resvg at the size that is needed.

resvg runs no scripts and knows no network. It would, however, read files that an ``image`` names,
and decode pictures of any size: every reference out of the drawing is removed here, and only
pictures whose bytes were checked are written back (:meth:`Picture.embed`).
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import urllib.parse
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from msgspec import Struct

from darkroom.contract.errors import CorruptImage, ImageTooLarge, UnsupportedImage
from darkroom.contract.text import plain, shortened
from darkroom.image import fonts
from darkroom.image.geometry import Size
from darkroom.image.input import reasons

MAX_BYTES = 10 * 1024 * 1024
MAX_ELEMENTS = 200_000
MAX_DEPTH = 128
"""Deeper nesting overflows the stack of the drawing code."""

MAX_ROOT = 200
"""Of a root's name that is quoted, in characters."""

SVG = "http://www.w3.org/2000/svg"
HREFS = ("href", "{http://www.w3.org/1999/xlink}href")

DEFAULT_SIZE = (300.0, 150.0)
"""What browsers use for a drawing without any size (CSS 2.2, 10.3.2)."""

_PIXELS = {"": 1.0, "px": 1.0, "in": 96.0, "cm": 96 / 2.54, "mm": 9.6 / 2.54, "pt": 96 / 72}
_PIXELS |= {"pc": 16.0, "em": 16.0, "ex": 8.0, "rem": 16.0, "q": 2.4 / 2.54}
_LENGTH = re.compile(r"\s*\+?(\d*\.?\d+(?:[eE][-+]?\d+)?)\s*([a-zA-Z]*)\s*\Z")
_DATA = re.compile(r"data:([^,]*),([^#]*)", re.IGNORECASE)
_BASE64 = re.compile(r";\s*base64\s*\Z", re.IGNORECASE)


class Picture(Struct, frozen=True):
    """A picture within a drawing, as a file. Until it is embedded again, it is not drawn."""

    data: bytes
    element: ET.Element
    attribute: str

    def embed(self, content_type: str, data: bytes = b"") -> None:
        """Write the picture back into its drawing: the very bytes that were checked, or others."""
        body = base64.b64encode(data or self.data).decode("ascii")
        self.element.set(self.attribute, f"data:{content_type};base64,{body}")


class Drawing(Struct, frozen=True):
    """A checked drawing, without references to anything outside it.

    Its size is in pixels, as a browser shows it.
    """

    root: ET.Element
    size: Size
    pictures: tuple[Picture, ...]

    def rasterise(self, size: Size) -> bytes:
        """Return the drawing as a PNG of a size in pixels, with transparency; or CorruptImage."""
        import resvg_py

        root = self.root
        root.set("width", str(size[0]))
        root.set("height", str(size[1]))
        try:
            return bytes(
                resvg_py.svg_to_bytes(
                    svg_string=ET.tostring(root, encoding="unicode"),
                    skip_system_fonts=True,
                    font_files=[str(fonts.SANS)],
                    serif_family=fonts.SANS_FAMILY,  # where every other family ends too
                )
            )
        except ValueError as error:
            raise CorruptImage(
                f"This SVG cannot be drawn: {reasons.fault(str(error))}. Open it in a browser to "
                "see whether it is complete, save it anew and upload that."
            ) from None


def read(data: bytes) -> Drawing:
    """Parse a drawing, UTF-8 or UTF-16, and cut it off from everything outside it.

    ImageTooLarge says that it has more bytes, elements or levels than can be drawn safely,
    CorruptImage that it is no well-formed XML, UnsupportedImage that its root is no SVG.
    """
    if len(data) > MAX_BYTES:
        raise ImageTooLarge(
            f"The SVG has {len(data):,} bytes, but the limit is {MAX_BYTES:,}. Simplify the "
            "drawing, or export it as PNG and upload that."
        )
    try:
        root = ET.fromstring(data)  # noqa: S314 - expat bounds entities and fetches nothing
    except (ET.ParseError, ValueError, LookupError) as error:
        line = f" (line {error.position[0]})" if isinstance(error, ET.ParseError) else ""
        raise CorruptImage(
            f"This SVG is not well-formed XML: {reasons.xml(str(error))}{line}. Open it in a "
            "browser to see where it is broken, save it anew and upload that."
        ) from None
    namespace, _, name = root.tag.rpartition("}")
    if (namespace[1:], name) != (SVG, "svg"):
        found = plain(f'<{name} xmlns="{namespace[1:]}">' if namespace else f"<{name}>")
        raise UnsupportedImage(
            f'Expected an SVG drawing, <svg xmlns="{SVG}">, but the document begins with '
            f"{shortened(found, MAX_ROOT)}. Export it as SVG or PNG and upload that."
        )
    _check_shape(root)
    pictures = tuple(_cut_off(root))
    return Drawing(root, _fitted(root), pictures)


def _check_shape(root: ET.Element) -> None:
    level, depth, count = [root], 0, 0
    while level:
        depth, count = depth + 1, count + len(level)
        if depth > MAX_DEPTH or count > MAX_ELEMENTS:
            raise ImageTooLarge(
                f"The SVG nests more than {MAX_DEPTH} levels deep or has more than "
                f"{MAX_ELEMENTS:,} elements. Simplify the drawing, or export it as PNG and upload "
                "that."
            )
        level = [child for element in level for child in element]


def _cut_off(root: ET.Element) -> Iterator[Picture]:
    """Remove every reference but those within the drawing; yield the pictures that they held."""
    for element in root.iter():
        for name in HREFS:
            reference = element.get(name)
            if reference is None or reference.strip().startswith("#"):
                continue
            del element.attrib[name]
            data = _embedded(reference.strip())
            if data is not None:
                yield Picture(data, element, name)


def _embedded(reference: str) -> bytes | None:
    """Return what a ``data:`` address holds, as browsers read it (Fetch, "data: URL processor")."""
    match = _DATA.match(reference)
    if match is None:
        return None
    body = urllib.parse.unquote_to_bytes(match[2])
    if not _BASE64.search(match[1]):
        return body
    try:
        digits = b"".join(body.split())
        return base64.b64decode(digits + b"=" * (-len(digits) % 4), validate=True)
    except binascii.Error:
        return None


def _fitted(root: ET.Element) -> Size:
    """Return a drawing's size, and have what fills it fill the whole pixels that it becomes.

    Otherwise up to a pixel at its edges would be half clear: few drawings, A4 to begin with, have
    sides of whole pixels.
    """
    box = _view_box(root.get("viewBox", ""))
    width, height = _size(root, box)
    across, down = box or (width, height)
    if box is None:
        root.set("viewBox", f"0 0 {width} {height}")
    scale = min(width / across, height / down)
    if max(width - across * scale, height - down * scale) < 1:
        root.set("preserveAspectRatio", "none")
    return _whole(width), _whole(height)


def _size(root: ET.Element, box: tuple[float, float] | None) -> tuple[float, float]:
    width, height = _pixels(root.get("width")), _pixels(root.get("height"))
    basis, scale = box or DEFAULT_SIZE, 1.0
    if box and width:
        scale = width / box[0]
    elif box and height:
        scale = height / box[1]
    return width or basis[0] * scale, height or basis[1] * scale


def _whole(length: float) -> int:
    return max(1, min(int(length + 0.5), 1_000_000))


def _view_box(text: str) -> tuple[float, float] | None:
    try:
        numbers = [float(number) for number in text.replace(",", " ").split()]
    except ValueError:
        return None
    finite = len(numbers) == 4 and all(abs(n) < 1e9 for n in numbers)  # noqa: PLR2004
    return (numbers[2], numbers[3]) if finite and numbers[2] > 0 and numbers[3] > 0 else None


def _pixels(text: str | None) -> float | None:
    """Return a length in pixels; percentages and the absurd count as not given."""
    match = _LENGTH.match(text) if text else None
    if match is None:
        return None
    length = float(match[1]) * _PIXELS.get(match[2].lower(), math.inf)
    return length if length < 1e9 else None  # noqa: PLR2004
