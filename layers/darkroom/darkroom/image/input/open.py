"""From bytes to lazy pixels, format by format. Headers first, pixels only when they are drawn."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from darkroom.contract import limits as limit
from darkroom.contract.errors import CorruptImage, UnsupportedImage
from darkroom.contract.limits import Limits
from darkroom.image.colour import has_other_profile
from darkroom.image.formats import NAMES, SourceFormat, sniff
from darkroom.image.geometry import Size
from darkroom.image.pixels import from_bytes
from darkroom.image.vips import vips

Data = bytes | memoryview

SEQUENTIAL = {"access": "sequential", "fail_on": "error"}
"""Rows are read once from top to bottom; damage is an error and not a grey area."""

WEBP_MEMORY = 260 * limit.MIB
"""What decoding a WebP may take, in bytes: enough for 34 megapixels at full size."""

SIDEWAYS = frozenset({5, 6, 7, 8})
"""EXIF orientations that swap width and height."""


class Page(Struct, frozen=True):
    """One page, not yet decoded.

    Attributes
    ----------
    size
        Width and height as stored, before `orientation` is applied, in pixels.
    orientation
        The EXIF orientation, 1 to 8.
    draw
        Returns lazy pixels at `size` or, where the format allows it for free, smaller: at least
        the size it is given.
    """

    size: Size
    orientation: int
    draw: Callable[[Size], Any]

    @property
    def upright(self) -> Size:
        """Width and height as a viewer shows the page."""
        width, height = self.size
        return (height, width) if self.orientation in SIDEWAYS else (width, height)


class Opened(Struct, frozen=True):
    """An image whose header is read and within the limits.

    Attributes
    ----------
    format
        What the file is.
    pages
        At least one; several only for a TIFF.
    frames
        Frames of an animation, of which the first is the page.
    exif
        The bytes that credit is read from; empty where there are none.
    vector
        True for SVG, which has no pixels of its own.
    graphic
        The image is drawn and not photographed, as its format tells: SVG, GIF or a palette.
    plain
        Its pixels are shown as they are stored: no orientation, no profile but sRGB, RGB or grey.
    """

    format: SourceFormat
    pages: tuple[Page, ...]
    frames: int = 1
    exif: Data = b""
    vector: bool = False
    graphic: bool = False
    plain: bool = False


def open_image(data: Data, found: SourceFormat, limits: Limits) -> Opened:
    """Read an image's header and hold it against the limits.

    Parameters
    ----------
    data
        The file.
    found
        Its format.
    limits
        What is allowed.

    Returns
    -------
    Opened
        Its pages, ready to be drawn.

    Raises
    ------
    ImageTooLarge, CorruptImage, UnsupportedImage
        Before any pixel is decoded.
    """
    return _OPENERS[found](data, limits)


def _source(data: Data) -> Any:
    """Return a source that reads the caller's bytes where they lie; the caller keeps them."""
    return vips().Source.new_from_memory(data)


def _size(image: Any) -> Size:
    return image.width, image.height


def _orientation(image: Any) -> int:
    return int(image.get("orientation")) if image.get_typeof("orientation") else 1


def _exif(image: Any) -> bytes:
    return bytes(image.get("exif-data")) if image.get_typeof("exif-data") else b""


def _frames(image: Any) -> int:
    return int(image.get("n-pages")) if image.get_typeof("n-pages") else 1


def _is_plain(image: Any) -> bool:
    usual = _orientation(image) == 1 and image.interpretation in {"srgb", "b-w"}
    return usual and not has_other_profile(image)


def _jpeg(data: Data, limits: Limits) -> Opened:
    image = vips().Image.jpegload_source(_source(data), **SEQUENTIAL)
    limit.check_sizes([_size(image)], limits)

    def draw(wanted: Size) -> Any:
        shrink = _jpeg_shrink(_size(image), wanted)
        return vips().Image.jpegload_source(_source(data), shrink=shrink, **SEQUENTIAL)

    page = Page(_size(image), _orientation(image), draw)
    return Opened("jpeg", (page,), exif=_exif(image), plain=_is_plain(image))


def _jpeg_shrink(size: Size, wanted: Size) -> int:
    """Return the scale, in the DCT domain, at which a JPEG is decoded: 1, 2, 4 or 8.

    What remains is still twice the size wanted, which keeps the result above 50 dB of a full
    decode, and the scale divides both sides, as libjpeg rounds the size up otherwise and the image
    would shift by part of a pixel.
    """
    for shrink in (8, 4, 2):
        enough = all(side >= 2 * shrink * want for side, want in zip(size, wanted, strict=True))
        if enough and all(side % shrink == 0 for side in size):
            return shrink
    return 1


def _png(data: Data, limits: Limits) -> Opened:
    image = vips().Image.pngload_source(_source(data), **SEQUENTIAL)
    frames = _apng_frames(data)
    limit.check_count(frames, "frames", limits)
    limit.check_sizes([_size(image)] * frames, limits)
    page = Page(_size(image), _orientation(image), lambda _: image)
    return Opened(
        "png",
        (page,),
        frames=frames,
        exif=_exif(image),
        graphic=_has_palette(data),
        plain=_is_plain(image),
    )


def _has_palette(data: Data) -> bool:
    """Tell whether a PNG's colour type is 3, indexed (PNG 3, 11.2.1)."""
    return bytes(data[25:26]) == b"\3"


def _apng_frames(data: Data) -> int:
    """Return the number of frames that an acTL chunk promises (PNG 3, 11.3.4.1)."""
    at = 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"acTL":
            return max(1, int.from_bytes(data[at + 8 : at + 12], "big"))
        if kind in {b"IDAT", b"IEND"}:
            break
        at += 12 + int(length)
    return 1


def _webp(data: Data, limits: Limits) -> Opened:
    image = vips().Image.webpload_source(_source(data), **SEQUENTIAL)
    frames = _frames(image)
    limit.check_count(frames, "frames", limits)
    limit.check_sizes([_size(image)] * frames, limits)

    def draw(wanted: Size) -> Any:
        scale = _webp_scale(_size(image), wanted, lossless=_is_lossless(data))
        return vips().Image.webpload_source(_source(data), scale=scale, **SEQUENTIAL)

    page = Page(_size(image), _orientation(image), draw)
    return Opened("webp", (page,), frames=frames, exif=_exif(image), plain=_is_plain(image))


def _webp_scale(size: Size, wanted: Size, *, lossless: bool) -> float:
    """Return the scale, at most 1, at which a WebP is decoded so that it fits its memory.

    libvips holds two copies of the decoded picture, and libwebp one more of a lossless one, all
    of 4 bytes a pixel. What remains is at least twice the size wanted, as with a JPEG.
    """
    pixels = size[0] * size[1]
    room = WEBP_MEMORY - 4 * pixels * lossless
    fitting = (max(0, room) / (8 * pixels)) ** 0.5
    enough = max(2 * want / side for side, want in zip(size, wanted, strict=True))
    return float(min(1.0, max(fitting, enough)))


def _is_lossless(data: Data) -> bool:
    """Tell whether a WebP has no VP8 chunk but VP8L, which decodes in memory of its own."""
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        if kind == b"VP8 ":
            return False
        at += 8 + length + length % 2
    return True


def _gif(data: Data, limits: Limits) -> Opened:
    if len(data) >= 10:  # noqa: PLR2004 - the screen size, before libvips scans the frames
        limit.check_sizes([struct.unpack_from("<HH", data, 6)], limits)
    image = vips().Image.gifload_source(_source(data), **SEQUENTIAL)
    frames = _frames(image)
    limit.check_count(frames, "frames", limits)
    limit.check_sizes([_size(image)] * frames, limits)
    page = Page(_size(image), 1, lambda _: image)
    return Opened("gif", (page,), frames=frames, graphic=True)


def _tiff(data: Data, limits: Limits) -> Opened:
    first = vips().Image.tiffload_source(_source(data), **SEQUENTIAL)
    count = _frames(first)
    limit.check_count(count, "pages", limits)
    pages = [_tiff_page(data, index) for index in range(count)]
    limit.check_sizes([page.size for page in pages], limits)
    return Opened("tiff", tuple(pages), exif=data)  # a TIFF file is built as an EXIF block is


def _tiff_page(data: Data, index: int) -> Page:
    image = vips().Image.tiffload_source(_source(data), page=index, **SEQUENTIAL)
    return Page(_size(image), _orientation(image), lambda _: image)


def _avif(data: Data, limits: Limits) -> Opened:
    image = vips().Image.heifload_source(_source(data), **SEQUENTIAL)
    limit.check_sizes([_size(image)], limits)
    # The container turns the image itself (irot, imir); EXIF orientation is only a note in it.
    page = Page(_size(image), 1, lambda _: image)
    return Opened("avif", (page,), exif=_exif(image))


def _heic(data: Data, limits: Limits) -> Opened:
    """HEVC is left out of libvips's build for its patents; libheif with a decoder has it."""
    import pi_heif

    container = pi_heif.open_heif(bytes(data), convert_hdr_to_8bit=False)
    picture = container[container.primary_index]
    limit.check_sizes([picture.size], limits)

    def draw(_: Size) -> Any:
        bands, deep = len(picture.mode.partition(";")[0]), ";" in picture.mode
        kind, interpretation, width = ("ushort", "rgb16", 2) if deep else ("uchar", "srgb", 1)
        if picture.stride != picture.size[0] * bands * width:
            raise CorruptImage("HEIC rows are padded in a way that was not expected.")
        image = vips().Image.new_from_memory(picture.data, *picture.size, bands, kind)
        image = image.copy(interpretation=interpretation)
        if "a" in picture.mode:
            image = image.unpremultiply().linear(1, 0.5).cast(kind)
        if picture.info.get("icc_profile"):
            image.set_type(vips().GValue.blob_type, "icc-profile-data", picture.info["icc_profile"])
        return image

    exif = picture.info.get("exif") or b""
    return Opened("heic", (Page(picture.size, 1, draw),), exif=exif)


def _bmp(data: Data, limits: Limits) -> Opened:
    """Windows bitmaps, which libvips's build leaves to ImageMagick, are Pillow's."""
    from PIL import BmpImagePlugin

    picture = BmpImagePlugin.BmpImageFile(io.BytesIO(data))
    limit.check_sizes([picture.size], limits)

    def draw(_: Size) -> Any:
        mode = {"1": "L", "L": "L", "RGBA": "RGBA"}.get(picture.mode, "RGB")
        return from_bytes(picture.convert(mode).tobytes(), picture.size, len(mode))

    return Opened("bmp", (Page(picture.size, 1, draw),))


def _svg(data: Data, limits: Limits) -> Opened:
    from darkroom.image.input import svg

    drawing = svg.read(bytes(data))
    limit.check_sizes([drawing.size], limits)
    limit.check_sizes([size for file in drawing.embedded for size in _sizes(file, limits)], limits)

    def draw(wanted: Size) -> Any:
        limit.check_sizes([wanted], limits)
        return vips().Image.pngload_buffer(drawing.rasterise(wanted))

    page = Page(drawing.size, 1, draw)
    return Opened("svg", (page,), vector=True, graphic=True)


def _sizes(embedded: bytes, limits: Limits) -> list[Size]:
    """Return the sizes of a picture within a drawing; none where it is no picture."""
    try:
        return [page.size for page in open_image(embedded, sniff(embedded), limits).pages]
    except (UnsupportedImage, CorruptImage, vips().Error):
        return []


_OPENERS: dict[SourceFormat, Callable[[Data, Limits], Opened]] = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
    "gif": _gif,
    "tiff": _tiff,
    "avif": _avif,
    "heic": _heic,
    "bmp": _bmp,
    "svg": _svg,
}


def cannot_decode(found: SourceFormat, reason: str) -> CorruptImage:
    """Return the error for a file that begins well and then fails."""
    detail = " ".join(reason.split())[:200]
    return CorruptImage(
        f"This begins as a {NAMES[found]} image but cannot be decoded: {detail or 'no reason'}. "
        "Expected a complete, undamaged file. If it shows on your computer, save it anew and "
        "upload that; otherwise upload the original again."
    )
