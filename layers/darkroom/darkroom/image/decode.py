"""The decoding itself: from a file's bytes to the parts of a mezzanine, in this process."""

from __future__ import annotations

import msgspec

from darkroom.contract.errors import DarkroomError, ImageTooLarge, InvalidRequest, UnsupportedImage
from darkroom.contract.formats import OUTPUT_FORMATS
from darkroom.contract.limits import Limits, check_bytes
from darkroom.contract.presets import Preset
from darkroom.contract.results import ImageInfo
from darkroom.image import focus
from darkroom.image.colour import has_other_profile, to_srgb
from darkroom.image.encode import jpeg
from darkroom.image.geometry import Size, fit_inside, longest_side, place, scaled
from darkroom.image.input import reasons
from darkroom.image.input.openers import cannot_decode, open_image
from darkroom.image.input.page import Data, Opened, Page, unsupported
from darkroom.image.input.sniff import CONTENT_TYPES, SourceFormat, mismatch, sniff
from darkroom.image.metadata import read_credit
from darkroom.image.mezzanine import Builder, StoredJpeg
from darkroom.image.pixels import Pixels, finish, reduce, upright
from darkroom.image.plan import output_formats
from darkroom.image.quality import settle
from darkroom.image.spec import DecodeSpec
from darkroom.image.strip import jpeg_quality, strip
from darkroom.image.vips import forget_errors, said, vips
from darkroom.image.watermark import image_name

DOCUMENT_SIDE = 1200
"""The least that a document's page is kept at: longer side, in pixels."""

TEXT_PAGE_SIDE = 2000
"""The same for a document of several pages, mostly scans: A4 at 170 pixels an inch is legible."""


KEPT_WHOLE = 1.5
"""An image whose sides are up to this many times those needed is kept at its own size: reducing it
once instead of twice then buys 1.5 dB and more for a few bytes more."""

SAME_QUALITY = 3
"""A JPEG of up to this much more than the quality asked for is as good as encoded anew."""

_NO_MEMORY = "out of memory --"
"""So libvips begins to say how much it did not get."""


def decode(data: Data, spec: DecodeSpec) -> tuple[ImageInfo, list[bytes]]:
    """Decode an upload in this process; return the mezzanine in pieces, to be written in order."""
    check_bytes(len(data), spec.limits)
    source_format = sniff(data)
    forget_errors()
    try:
        return _decode(data, source_format, spec)
    except DarkroomError:
        raise
    except vips().Error as error:
        raise _explain(source_format, str(error.detail or error.message)) from None
    except MemoryError:
        raise _too_much_memory() from None
    except Exception as error:  # every failure of a decoder is the file's, whatever its type
        raise _explain(source_format, f"{type(error).__name__}: {error}") from error


def _too_much_memory() -> ImageTooLarge:
    return ImageTooLarge(
        "Decoding this image needs more memory than a decoder may have (max_memory). Make it "
        "smaller, or have the limit raised."
    )


def _explain(source_format: SourceFormat, reason: str) -> DarkroomError:
    if _NO_MEMORY in reason:
        return _too_much_memory()
    if reasons.is_kind(reason):
        return unsupported(source_format, reasons.kind(reason))
    return cannot_decode(source_format, reasons.fault(reason))


def _decode(
    data: Data, source_format: SourceFormat, spec: DecodeSpec
) -> tuple[ImageInfo, list[bytes]]:
    opened = open_image(data, source_format, spec.limits)
    sizes = [_upright_size(page, opened, spec) for page in opened.pages]
    builder = Builder()
    transparent = _add_pages(builder, data, opened, sizes, spec)
    image = ImageInfo(
        format=source_format,
        content_type=CONTENT_TYPES[source_format],
        width=sizes[0][0],
        height=sizes[0][1],
        bytes=len(data),
        pages=len(sizes),
        frames=opened.frames,
        transparent=transparent,
        mismatch=mismatch(source_format, spec.name, spec.content_type),
    )
    _add_original(builder, data, opened, image, spec.presets)
    _add_marks(builder, image, spec)
    credit = read_credit(opened.exif)
    return image, builder.finish(source_format, len(data), credit, graphic=opened.graphic)


def _add_pages(
    builder: Builder, data: Data, opened: Opened, sizes: list[Size], spec: DecodeSpec
) -> bool:
    """Decode every page; return whether the first is transparent."""
    first, *others = zip(opened.pages, sizes, strict=True)
    transparent = _add_first(builder, *first, data, opened, spec, alone=not others)
    for page, size in others:
        shown = fit_inside(size, TEXT_PAGE_SIDE)
        builder.add_page(_draw(page, shown), size, shown)
    return transparent


def _add_first(
    builder: Builder,
    page: Page,
    size: Size,
    data: Data,
    opened: Opened,
    spec: DecodeSpec,
    *,
    alone: bool,
) -> bool:
    """Decode the page that renditions are made of; return whether it is transparent."""
    need = _need(size, spec.presets)
    shown = _need(size, _unstretched(spec.presets)) if alone else fit_inside(size, TEXT_PAGE_SIDE)
    if max(shown) < DOCUMENT_SIDE:
        shown = fit_inside(size, DOCUMENT_SIDE)
    need = (max(need[0], shown[0]), max(need[1], shown[1]))
    whole = not opened.vector and all(
        side <= KEPT_WHOLE * least for side, least in zip(size, need, strict=True)
    )
    pixels = _draw(page, size if whole else need)
    builder.add_page(pixels, size, shown)
    for position in focus.wanted(spec.presets):
        builder.add_focus(position, focus.find(pixels.image, position))
    shared = None if pixels.transparent else _shared_jpeg(shown, size, opened.format, spec)
    if shared is not None:
        builder.add_jpeg(*_jpeg(data, pixels, shown, opened, shared))
    return pixels.transparent


def _jpeg(
    data: Data, pixels: Pixels, shown: Size, opened: Opened, preset: Preset
) -> tuple[bytes, StoredJpeg]:
    """Return a page as a JPEG: the source's own, if encoding it anew could only lose."""
    graphic, effort = opened.graphic, preset.effort
    image = reduce(pixels.image, shown)
    image, quality = settle(image, preset.quality, "jpeg", graphic=graphic, effort=effort)
    made = StoredJpeg(preset.quality, preset.effort, quality)
    if opened.format == "jpeg" and opened.pages[0].size == shown:
        original = _own_bytes(data, opened)
        if original is not None and jpeg_quality(original) <= quality + SAME_QUALITY:
            return original, msgspec.structs.replace(made, quality=None)
    return jpeg(image, quality, graphic=graphic, effort=effort), made


def _shared_jpeg(shown: Size, source: Size, source_format: str, spec: DecodeSpec) -> Preset | None:
    """Return the preset whose rendition of an opaque page is the very JPEG that the PDF embeds."""
    for preset in spec.presets:
        placement = place(source, preset)
        plain = preset.watermark is None and preset.quality == spec.pdf.quality
        as_jpeg = "jpeg" in output_formats(preset, source_format, transparent=False)
        if plain and as_jpeg and placement.canvas == placement.whole == shown:
            return preset
    return None


def _add_original(
    builder: Builder, data: Data, opened: Opened, image: ImageInfo, presets: tuple[Preset, ...]
) -> None:
    """Keep the source's own bytes where a rendition could otherwise outgrow them."""
    size = (image.width, image.height)
    rivals = any(
        place(size, preset).canvas == size
        and image.format in output_formats(preset, image.format, transparent=image.transparent)
        for preset in presets
    )
    if rivals and image.frames == 1:
        original = _own_bytes(data, opened)
        if original is not None:
            builder.add_original(original)


def _own_bytes(data: Data, opened: Opened) -> bytes | None:
    """Return the file without metadata, if it shows what was decoded and is sound."""
    return strip(bytes(data), opened.format) if opened.plain and opened.sound() else None


def _add_marks(builder: Builder, image: ImageInfo, spec: DecodeSpec) -> None:
    """Decode the pictures that watermarks name, as large as their largest use."""
    wanted: dict[str, int] = {}
    for preset in spec.presets:
        mark = preset.watermark
        if mark is not None and mark.image is not None:
            name = image_name(mark.image)
            width = place((image.width, image.height), preset).canvas[0]
            wanted[name] = max(wanted.get(name, 1), round(mark.scale * width))
    for name, width in sorted(wanted.items()):
        builder.add_mark(name, _mark(name, spec.watermark_images[name], width, spec))


def _mark(name: str, data: bytes, width: int, spec: DecodeSpec) -> Pixels:
    try:
        if sniff(data) != "png":
            raise UnsupportedImage("it is not a PNG")
        page = open_image(data, "png", spec.limits).pages[0]
        scale = min(1.0, width / page.size[0])
        return _draw(
            page, (max(1, round(page.size[0] * scale)), max(1, round(page.size[1] * scale)))
        )
    except (DarkroomError, vips().Error) as error:
        found = str(error) if isinstance(error, DarkroomError) else reasons.fault(str(error))
        raise InvalidRequest(
            f"The watermark picture {name!r} cannot be used. Expected a sound PNG within the "
            f"limits for images. Replace it. What was found: {found}"
        ) from None


def _upright_size(page: Page, opened: Opened, spec: DecodeSpec) -> Size:
    """Return a page's size as a viewer shows it.

    A drawing has no pixels of its own: it counts as large as its largest use within the limits,
    and so it is rasterised at exactly the size needed, and no rendition of it is an enlargement.
    """
    if not opened.vector:
        return page.upright
    uses = [_largest_use(page.upright, preset, spec.limits) for preset in spec.presets]
    return scaled(page.upright, max(1.0, *uses))


def _largest_use(drawing: Size, preset: Preset, limits: Limits) -> float:
    """Return how many times its size a drawing is for a preset, within its formats' limits."""
    used = place(drawing, msgspec.structs.replace(preset, enlarge=True)).whole
    outputs = [OUTPUT_FORMATS[each] for each in output_formats(preset, "svg", transparent=True)]
    longest = longest_side(
        drawing,
        min(limits.max_side, *(output.max_side for output in outputs)),
        min(limits.max_pixels, *(output.max_pixels for output in outputs)),
    )
    wanted = max(side / own for side, own in zip(used, drawing, strict=True))
    return min(wanted, longest / max(drawing))


def _need(source: Size, presets: tuple[Preset, ...]) -> Size:
    """Return the smallest size that serves every rendition without loss."""
    sizes = [place(source, preset).whole for preset in presets]
    return (
        min(source[0], max(width for width, _ in sizes)),
        min(source[1], max(height for _, height in sizes)),
    )


def _unstretched(presets: tuple[Preset, ...]) -> tuple[Preset, ...]:
    """Return presets that leave an image its shape, as a document shows it."""
    return tuple(
        msgspec.structs.replace(each, fit="inside") if each.fit == "fill" else each
        for each in presets
    )


def _draw(page: Page, need: Size) -> Pixels:
    """Decode a page, and have what was said of it judged."""
    forget_errors()
    failure = None
    try:
        pixels, complaint = _develop(page, need)
    except vips().Error as error:
        failure, complaint = error, str(error.detail)
    other = page.judge(complaint) if complaint and page.judge is not None else None
    if other is not None:
        return _draw(other, need)
    if failure is not None:
        raise failure
    return pixels


def _develop(page: Page, need: Size) -> tuple[Pixels, str]:
    """Decode a page, reduced to the size needed, upright, in 8-bit sRGB; return what was said.

    Colours of 8 bits are converted before the image is reduced: rounded again only after that,
    they come out up to 12 dB better. 16 bits lose nothing, and are converted at the smaller size.
    """
    turned = page.upright != page.size
    wanted = (need[1], need[0]) if turned else need
    image = page.draw(wanted)
    if image.format == "uchar" and has_other_profile(image):
        image = to_srgb(image)
    image = reduce(image, wanted)
    complaint = ""
    # Rows stream from the file through every operation, unless one needs more than the next row.
    if image.format != "uchar" or image.hasalpha() or page.orientation != 1:
        image = image.copy_memory()
        complaint = said()  # before operations that are put together after this forget it
    pixels = finish(upright(to_srgb(image), page.orientation))
    return pixels, complaint + said()
