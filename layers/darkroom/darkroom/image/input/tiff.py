"""TIFF, the one format with several pages."""

from __future__ import annotations

import io
from functools import partial
from typing import Any

from msgspec.structs import replace

from darkroom.contract.limits import Limits, check_count, check_sizes
from darkroom.image.colour import opaque
from darkroom.image.input.ifd import (
    BITS,
    COMPRESSION,
    EXTRA_SAMPLES,
    PHOTOMETRIC,
    SAMPLE_FORMAT,
    SAMPLES,
    Directory,
    changed,
    directories,
)
from darkroom.image.input.page import (
    Data,
    Opened,
    Page,
    frames_of,
    orientation,
    refuse,
    size_of,
    source,
    unsupported,
)
from darkroom.image.pixels import from_bytes
from darkroom.image.spaces import DEEP
from darkroom.image.vips import said, vips

_WHITE_IS_0, _BLACK_IS_0, _RGB, _INKS, _YCBCR, _LAB, _ICC_LAB = 0, 1, 2, 5, 6, 8, 9
_COLOURS = {_WHITE_IS_0: 1, _BLACK_IS_0: 1, _RGB: 3, _INKS: 4, _LAB: 3, _ICC_LAB: 3}
"""How many samples each kind of colours has (TIFF 6.0, PhotometricInterpretation)."""

_PALETTE, _MASK = 3, 4
_KINDS = frozenset({*_COLOURS, _PALETTE, _MASK, _YCBCR})

_WEIGHED, _PLAIN = 1, 2
"""Extra samples that are transparency: with colours that are multiplied by it, and that are not."""

_JPEG = 7
_COMPRESSIONS = frozenset({1, 2, 3, 4, 5, _JPEG, 8, 32766, 32771, 32773, 32809, 32946, 50001})
"""None, fax, LZW, JPEG, deflate, NeXT, packbits, ThunderScan and WebP, as libvips is built."""

_FEW_BITS = frozenset({1, 2, 4})
_FLOAT = 3
_HALF = 128
"""Neither green nor red, in 8 bits."""

_LENIENT = {"access": "sequential"}
"""Damage is told instead of raised: strips fail for a mere odd tag otherwise, and tiles never. Of
lines of a fax that the medium lost, nothing is told."""


def read(data: Data, limits: Limits) -> Opened:
    """Read the header; see :func:`darkroom.image.input.openers.open_image`."""
    found = directories(data, limits.max_pages)
    _check_kind(found[0])
    packed = [number for number, directory in enumerate(found) if _is_packed_lab(directory)]
    if packed:  # which libvips cannot unpack: it is read as samples of some kind
        data = changed(data, packed, PHOTOMETRIC, _ICC_LAB)
    first = vips().Image.tiffload_source(source(data), **_LENIENT)
    count = frames_of(first)
    check_count(count, "pages", limits)
    pages = [_page(data, index, directory) for index, directory in enumerate(found[:count])]
    check_sizes([page.size for page in pages], limits)
    return Opened("tiff", tuple(pages), exif=data)  # a TIFF file is built as an EXIF block is


def _page(data: Data, index: int, directory: Directory) -> Page:
    _check_kind(directory)
    image = vips().Image.tiffload_source(source(data), page=index, **_LENIENT)
    size, turn, kind = size_of(image), orientation(image), _kind(directory)
    known = frozenset(said().splitlines())
    page = Page(size, lambda _: _usual(image, kind, directory), turn, partial(_judge, known))
    if kind == _YCBCR and _number(directory, COMPRESSION) != _JPEG:
        return replace(
            page, size=page.upright, orientation=1, draw=lambda _: _ycbcr(data, index, known)
        )
    return page


def _is_packed_lab(directory: Directory) -> bool:
    """Return whether colours are CIELab of 8 bits, without other samples."""
    depth = _number(directory, BITS), _number(directory, SAMPLES)
    return _kind(directory) == _LAB and depth == (8, _COLOURS[_LAB])


def _kind(directory: Directory) -> int:
    return _number(directory, PHOTOMETRIC, _MASK)


def _number(directory: Directory, tag: int, usual: int = 1) -> int:
    """Return the number of a tag, of several the first; the usual one where it is missing."""
    return next(iter(directory.get(tag, ())), usual)


def _check_kind(directory: Directory) -> None:
    """Refuse what libvips does not read, or reads as something else."""
    kind, compression = _kind(directory), _number(directory, COMPRESSION)
    bits, samples = _number(directory, BITS), _number(directory, SAMPLES)
    if kind not in _KINDS:
        raise unsupported("tiff", f"its colours are of kind {kind} (photometric interpretation)")
    if bits % 8 and directory.get(PHOTOMETRIC) == (_MASK,):
        raise unsupported("tiff", "it is a mask for another picture")
    if compression not in _COMPRESSIONS:
        raise unsupported("tiff", f"its data are compressed by method {compression}")
    if bits % 8 and (samples > 1 or bits not in _FEW_BITS):
        raise unsupported("tiff", f"its samples have {bits} bits")


def _judge(known: frozenset[str], complaint: str) -> None:
    """Refuse damaged data: where they cannot be read, libvips says so and leaves them empty."""
    lines = [line for line in complaint.splitlines() if line not in known]
    if lines:
        refuse("\n".join(lines))


def _ycbcr(data: Data, index: int, known: frozenset[str]) -> Any:
    """Return YCbCr pixels, which libvips takes for RGB unless they are in JPEG, by Pillow: upright.

    Libvips reads them all the same, for Pillow says nothing of damaged strips.
    """
    from PIL import TiffImagePlugin

    vips().Image.tiffload_source(source(data), page=index, **_LENIENT).avg()
    _judge(known, said())
    TiffImagePlugin.READ_LIBTIFF = True  # its own decoder knows no subsampled colours
    try:
        picture = TiffImagePlugin.TiffImageFile(io.BytesIO(bytes(data)))
        picture.seek(index)
    except SyntaxError:
        raise unsupported("tiff", "its YCbCr has another depth than 8 bits") from None
    shown = picture.convert("RGB")
    return from_bytes(shown.tobytes(), shown.size, 3)


def _usual(image: Any, kind: int, directory: Directory) -> Any:
    """Return colours and transparency, as libvips knows them, of whatever a directory describes."""
    samples = _number(directory, SAMPLES)
    extra = samples - _COLOURS.get(kind, samples)
    kinds = directory.get(EXTRA_SAMPLES, ())[:extra]
    if not kinds and kind == _RGB and extra == 1:
        kinds = (_PLAIN,)  # so do those who leave the tag out mean it
    clear = next((kinds.index(each) for each in (_WEIGHED, _PLAIN) if each in kinds), None)
    colours = image.extract_band(0, n=samples - extra) if extra > 0 else image
    if clear is not None:
        alpha = image.extract_band(samples - extra + clear)
        white = _white(directory)
        if kinds[clear] == _WEIGHED and white != opaque(image):
            colours = colours * (white / opaque(image))
    if _is_packed_lab(directory):
        colours = colours ^ [0, _HALF, _HALF]  # a and b are signed
    if kind == _ICC_LAB or _is_packed_lab(directory):
        colours = _lab(colours)
    if clear is None:
        return colours
    if image.interpretation == "labs":
        alpha, white = alpha.cast("int") & DEEP, DEEP  # it is read as signed, too
    if white != opaque(colours):
        alpha = (alpha * (opaque(colours) / white)).rint()
    return colours.bandjoin(alpha.cast(colours.format))


def _white(directory: Directory) -> float:
    """Return the value that a sample has at most."""
    if _number(directory, SAMPLE_FORMAT) == _FLOAT:
        return 1
    return float((1 << _number(directory, BITS)) - 1)


def _lab(colours: Any) -> Any:
    """Return 8 or 16 bits of ICCLab, whose a and b are not signed, as CIELab."""
    scale = 1 if colours.format == "uchar" else 256
    lab = colours.linear([100 / 255 / scale, 1 / scale, 1 / scale], [0, -_HALF, -_HALF])
    return lab.copy(interpretation="lab")
