"""The PDF: one page for each page of the source, from the mezzanine, the same bytes always."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from msgspec import Struct

from darkroom.contract.formats import PDF_TYPE
from darkroom.contract.presets import PdfOptions
from darkroom.image.encode import Encoded, jpeg
from darkroom.image.geometry import Size
from darkroom.image.metadata import Credit
from darkroom.image.mezzanine import Mezzanine, StoredPage, unpack
from darkroom.image.quality import settle

PAGE_SIZES = {"A4": (595.28, 841.89), "Letter": (612.0, 792.0)}
"""Width and height in points, upright."""

BACKGROUND = "#ffffff"
"""What shows through a transparent page: paper."""

PIXELS_PER_INCH = 96
"""Resolution of a page of size ``fit``: CSS's pixel, 1/96 inch."""

POINTS_PER_INCH = 72


def document(mezzanine: bytes, title: str, options: PdfOptions) -> Encoded:
    """Make the PDF from a mezzanine. Readers show the title in the window."""
    contents = unpack(mezzanine)
    writer = _Writer()
    root, pages, info = writer.reserve(), writer.reserve(), writer.reserve()
    kids, sizes, qualities = [], [], []
    for picture in _pictures(contents, options):
        qualities.append(picture.quality)
        sizes.append(_page_size(picture.size, options))
        kids.append(_add_page(writer, pages, picture, sizes[-1], options))
    writer.put(
        root,
        f"<< /Type /Catalog /Pages {pages} 0 R /ViewerPreferences << /DisplayDocTitle true >> >>",
    )
    listed = " ".join(f"{kid} 0 R" for kid in kids)
    writer.put(pages, f"<< /Type /Pages /Count {len(kids)} /Kids [{listed}] >>")
    credit = contents.header.credit if options.metadata == "credit" else Credit()
    writer.put(info, _info(title, credit))
    width, height = sizes[0]
    data = writer.finish(root, info)
    return Encoded(data, PDF_TYPE, round(width), round(height), len(kids), qualities[0])


class _Picture(Struct, frozen=True):
    """A page's JPEG; `space` is the PDF's name of its colours."""

    data: bytes
    size: Size
    space: str
    quality: int | None


def _pictures(contents: Mezzanine, options: PdfOptions) -> Iterator[_Picture]:
    """Yield the pages as JPEGs, the smallest that there is of each."""
    for page in contents.header.pages:
        data, quality = _jpeg(contents, page, options)
        original = _original(contents, page)
        if original is not None and len(original) <= len(data):
            data, quality = original, None
        # Only opaque grey stays grey: a transparent page is flattened to RGB.
        space = "/DeviceGray" if page.bands == 1 else "/DeviceRGB"
        yield _Picture(data, page.document, space, quality)


def _jpeg(contents: Mezzanine, page: StoredPage, options: PdfOptions) -> tuple[bytes, int | None]:
    """Return a page's JPEG, the one that Prepare made or one encoded now, and its quality."""
    if page.jpeg is not None and page.jpeg.asked == options.quality:
        return bytes(contents.parts[page.jpeg.part]), page.jpeg.quality
    from darkroom.image.pixels import flatten, reduce_in_steps

    image = flatten(reduce_in_steps(contents.image(page), page.document), BACKGROUND)
    graphic = contents.header.graphic
    image, quality = settle(image, options.quality, "jpeg", graphic=graphic, effort="normal")
    return jpeg(image, quality, graphic=graphic), quality


def _original(contents: Mezzanine, page: StoredPage) -> bytes | None:
    """Return the source's own bytes, if they are a JPEG of the very size."""
    header = contents.header
    if header.original is None or header.format != "jpeg" or page.document != page.source:
        return None
    return bytes(contents.parts[header.original])


def _info(title: str, credit: Credit) -> str:
    """Return the information dictionary (ISO 32000-1, 14.3.3). PDF has no field for copyright."""
    fields = {"Title": title, "Author": credit.artist, "Subject": credit.copyright}
    filled = " ".join(f"/{name} {_text(text)}" for name, text in fields.items() if text)
    return f"<< {filled} /Producer (Darkroom) >>"


def _page_size(image: Size, options: PdfOptions) -> tuple[float, float]:
    """Return a page's width and height in points; A4 and Letter turn with the image."""
    if options.page_size == "fit":
        points = POINTS_PER_INCH / PIXELS_PER_INCH
        return image[0] * points + 2 * options.margin, image[1] * points + 2 * options.margin
    short, long = PAGE_SIZES[options.page_size]
    return (long, short) if image[0] > image[1] else (short, long)


def _add_page(
    writer: _Writer,
    parent: int,
    picture: _Picture,
    page: tuple[float, float],
    options: PdfOptions,
) -> int:
    """Write a picture, its drawing and its page; return the page's number."""
    room = page[0] - 2 * options.margin, page[1] - 2 * options.margin
    scale = min(room[0] / picture.size[0], room[1] / picture.size[1])
    width, height = picture.size[0] * scale, picture.size[1] * scale
    left, bottom = (page[0] - width) / 2, (page[1] - height) / 2
    drawn = writer.stream(
        f"/Type /XObject /Subtype /Image /Width {picture.size[0]} /Height {picture.size[1]} "
        f"/ColorSpace {picture.space} /BitsPerComponent 8 /Filter /DCTDecode",
        picture.data,
    )
    content = writer.stream(
        "",
        f"q {_number(width)} 0 0 {_number(height)} {_number(left)} {_number(bottom)} cm "
        "/Image Do Q".encode(),
    )
    return writer.add(
        f"<< /Type /Page /Parent {parent} 0 R "
        f"/MediaBox [0 0 {_number(page[0])} {_number(page[1])}] "
        f"/Resources << /XObject << /Image {drawn} 0 R >> >> /Contents {content} 0 R >>"
    )


class _Writer:
    """Numbered objects of a PDF 1.7 file (ISO 32000-1, 7.5), in memory.

    Each is kept in parts, and put together once: pictures may have hundreds of megabytes.
    """

    def __init__(self) -> None:
        self._objects: list[list[bytes]] = []

    def reserve(self) -> int:
        self._objects.append([])
        return len(self._objects)

    def put(self, number: int, body: str) -> None:
        self._objects[number - 1] = [body.encode("ascii")]

    def add(self, body: str) -> int:
        number = self.reserve()
        self.put(number, body)
        return number

    def stream(self, entries: str, data: bytes) -> int:
        number = self.reserve()
        head = f"<< {entries} /Length {len(data)} >>\nstream\n".encode("ascii")
        self._objects[number - 1] = [head, data, b"\nendstream"]
        return number

    def finish(self, root: int, info: int) -> bytes:
        """Return the file. Its identifier is the digest of its objects: no clock, no chance."""
        head = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
        parts, offsets, at = [head], [], len(head)
        for number, body in enumerate(self._objects, start=1):
            offsets.append(at)
            parts += [b"%d 0 obj\n" % number, *body, b"\nendobj\n"]
            at += sum(map(len, parts[-len(body) - 2 :]))
        digest = hashlib.sha256()
        for part in parts:
            digest.update(part)
        identifier = digest.hexdigest()[:32].upper()
        count = len(self._objects) + 1
        table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
        tail = (
            f"xref\n0 {count}\n0000000000 65535 f \n{table}"
            f"trailer\n<< /Size {count} /Root {root} 0 R /Info {info} 0 R "
            f"/ID [<{identifier}> <{identifier}>] >>\nstartxref\n{at}\n%%EOF\n"
        )
        return b"".join([*parts, tail.encode("ascii")])


def _number(value: float) -> str:
    """Return a PDF number: at most three decimals, no exponent."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _text(text: str) -> str:
    """Return a PDF text string: UTF-16 with a byte order mark, in hexadecimal."""
    return f"<{(chr(0xFEFF) + text).encode('utf-16-be').hex().upper()}>"
