"""The PDF: pages, sizes, text, and what other readers make of it."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from darkroom.contract.presets import PdfOptions, Preset
from darkroom.image import quality
from darkroom.image.encode import Encoded
from darkroom.image.metadata import Credit
from darkroom.image.mezzanine import Builder, StoredJpeg
from darkroom.image.pdf import document
from darkroom.image.pixels import Pixels
from darkroom.image.strip import jpeg_quality
from PIL import Image

from tests.support.images import encoded, opened, picture
from tests.support.imaging import array, develop, files

FILES = files()
KINDS = ("jpeg", "jpeg-progressive", "jpeg-grey", "png", "png-palette", "png-alpha", "png-16",
         "png-1", "heic", "tiff-pages")  # fmt: skip
"""Of these, a document differs in what is embedded: bytes of the source or not, colours, pages."""


def made(data: bytes, options: PdfOptions | None = None, title: str = "photo.jpg") -> Encoded:
    chosen = options or PdfOptions()
    preset = Preset(name="p", width=1200, height=1200)
    return document(develop(data, preset, pdf=chosen).mezzanine, title, chosen)


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        shutil.which(program) is None, reason=f"{program} is not installed: apt-get install it"
    )


def run(program: str, *arguments: str, folder: Path) -> str:
    """Run a program on files of a folder; return what it says."""
    path = shutil.which(program)
    assert path is not None
    done = subprocess.run(
        [path, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def drawn(pdf: bytes, folder: Path) -> list[Image.Image]:
    """Return the pages as poppler draws them, at the resolution of the pixels."""
    (folder / "a.pdf").write_bytes(pdf)
    run("pdftoppm", "-r", "96", "a.pdf", "page", folder=folder)
    return [Image.open(io.BytesIO(path.read_bytes())) for path in sorted(folder.glob("page*.ppm"))]


@needs("qpdf")
@pytest.mark.parametrize("name", KINDS)
def test_qpdf_finds_no_fault(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(made(FILES[name], title="Größe (1) \\ <x> 日本.jpg").data)
    assert "WARNING" not in run("qpdf", "--check", "a.pdf", folder=tmp_path)


@needs("pdftoppm")
@pytest.mark.parametrize("name", ["jpeg", "jpeg-grey", "png", "png-alpha", "jpeg-cmyk", "svg"])
def test_poppler_draws_the_picture(name: str, tmp_path: Path) -> None:
    (page,) = drawn(made(FILES[name]).data, tmp_path)
    if name == "svg":
        assert page.size == (1200, 900)
        return
    expected = array(picture(160, 120, "L" if name == "jpeg-grey" else "RGB"))
    if name == "png-alpha":
        expected[:, 80:] = 255
    assert page.size == (160, 120)
    assert np.abs(array(page) - expected).mean() < (60 if "cmyk" in name else 4)


@needs("pdftoppm")
def test_one_page_for_each_page_of_the_source(tmp_path: Path) -> None:
    pdf = made(FILES["tiff-pages"])
    assert pdf.pages == 3
    first, second, third = drawn(pdf.data, tmp_path)
    assert np.abs(array(first) - array(picture(160, 120))).mean() < 4
    assert np.abs(array(second) - (0, 0, 255)).max() <= 4
    assert np.abs(array(third) - array(picture(160, 120, "L"))).mean() < 4


@pytest.mark.parametrize(
    ("options", "size"),
    [
        (PdfOptions(), (120, 90)),
        (PdfOptions(margin=36), (192, 162)),
        (PdfOptions(page_size="A4"), (842, 595)),
        (PdfOptions(page_size="Letter", margin=50), (792, 612)),
    ],
)
def test_page_sizes_are_in_points(options: PdfOptions, size: tuple[int, int]) -> None:
    pdf = made(FILES["jpeg"], options)
    assert (pdf.width, pdf.height) == size
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf.data)
    assert box is not None
    assert (round(float(box[1])), round(float(box[2]))) == size


def test_paper_turns_with_the_picture() -> None:
    upright = made(encoded(picture(120, 160)), PdfOptions(page_size="A4"))
    assert (upright.width, upright.height) == (595, 842)


@needs("pdftoppm")
def test_margins_stay_white(tmp_path: Path) -> None:
    data = encoded(Image.new("RGB", (160, 120), "red"))
    (page,) = drawn(made(data, PdfOptions(page_size="A4", margin=72)).data, tmp_path)
    pixels = array(page)
    assert (pixels[:95] == 255).all()
    assert (pixels[:, :95] == 255).all()
    assert np.abs(pixels[page.height // 2, page.width // 2] - (255, 0, 0)).max() <= 3


@needs("pdfinfo")
def test_title_and_credit_are_readable(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x013B] = "A. Photographer"
    data = encoded(picture(160, 120), exif=exif)
    (tmp_path / "a.pdf").write_bytes(made(data, title="Größe (1) 日本.jpg").data)
    told = run("pdfinfo", "a.pdf", folder=tmp_path)
    assert "Größe (1) 日本.jpg" in told
    assert "A. Photographer" in told
    without = made(data, PdfOptions(metadata="none")).data
    assert "A. Photographer".encode("utf-16-be").hex().upper().encode() not in without


@pytest.mark.parametrize("name", KINDS)
def test_the_same_bytes_always(name: str) -> None:
    assert made(FILES[name]).data == made(FILES[name]).data


def test_a_large_photo_is_embedded_at_the_largest_renditions_size() -> None:
    pdf = made(encoded(picture(3000, 200)))
    start = pdf.data.index(b"\xff\xd8\xff")
    assert Image.open(io.BytesIO(pdf.data[start:])).size == (1200, 80)
    assert b"/Width 1200 /Height 80" in pdf.data


def test_tiny_presets_leave_the_document_legible() -> None:
    decoded = develop(encoded(picture(3000, 200)), Preset(name="p", width=50, height=50))
    assert b"/Width 1200 /Height 80" in document(decoded.mezzanine, "t", PdfOptions()).data


# ------------------------------------------------------------------------------ by hand


SCAN = encoded(picture(80, 60), quality=60)
NOTE = encoded(picture(80, 60), quality=20)


def by_hand(
    *,
    image_format: str = "jpeg",
    jpeg: bytes | None = None,
    quality: int = 80,
    original: bytes | None = None,
    document: tuple[int, int] = (80, 60),
    mode: str = "RGB",
    size: tuple[int, int] = (80, 60),
    length: int = 1,
    graphic: bool = False,
) -> bytes:
    """Return a mezzanine of two pages, each with all pixels of its source."""
    image = picture(*size, mode)
    pixels = Pixels(image.tobytes(), size, len(image.getbands()))
    builder = Builder()
    builder.add_page(pixels, size, document)
    if jpeg is not None:
        builder.add_jpeg(jpeg, StoredJpeg(quality, quality=quality))
    if original is not None:
        builder.add_original(original)
    builder.add_page(pixels, size, (40, 30))
    return b"".join(builder.finish(image_format, length, Credit(), graphic=graphic))


def embedded(pdf: bytes) -> list[bytes]:
    """Return the JPEGs of a PDF."""
    found = re.finditer(rb"/DCTDecode /Length (\d+) >>\nstream\n", pdf)
    return [pdf[each.end() : each.end() + int(each[1])] for each in found]


@pytest.mark.parametrize(
    ("parts", "used"),
    [
        ({"jpeg": SCAN}, SCAN),
        ({"jpeg": SCAN, "quality": 79}, None),
        ({"original": NOTE}, NOTE),
        ({"original": SCAN + b" " * 9000}, None),
        ({"jpeg": SCAN, "original": NOTE}, NOTE),
        ({"jpeg": NOTE, "original": SCAN}, NOTE),
        ({"jpeg": SCAN, "original": bytes(len(SCAN))}, bytes(len(SCAN))),  # of no lower quality
        ({"original": NOTE, "image_format": "png"}, None),
        ({"original": b"tiny", "document": (40, 30)}, None),
    ],
)
def test_the_smallest_jpeg_of_the_very_page_is_embedded(
    parts: dict[str, Any], used: bytes | None
) -> None:
    pdf = document(by_hand(**parts), "t", PdfOptions())
    first, second = embedded(pdf.data)
    if used is not None:
        assert first == used
    else:
        anew = document(by_hand(document=parts.get("document", (80, 60))), "t", PdfOptions())
        assert first == embedded(anew.data)[0]
    assert opened(second).size == (40, 30)
    assert pdf.pages == 2


@pytest.mark.parametrize(
    ("mode", "space"), [("L", "Gray"), ("LA", "RGB"), ("RGB", "RGB"), ("RGBA", "RGB")]
)
def test_only_opaque_grey_stays_grey(mode: str, space: str) -> None:
    pdf = document(by_hand(mode=mode), "t", PdfOptions()).data
    assert set(re.findall(rb"/ColorSpace /Device(\w+)", pdf)) == {space.encode()}
    assert all(opened(each).mode == ("L" if space == "Gray" else "RGB") for each in embedded(pdf))


def test_a_transparent_page_is_on_white_paper() -> None:
    pdf = made(FILES["png-alpha"], PdfOptions(quality=95))
    (page,) = embedded(pdf.data)
    assert np.abs(array(opened(page))[:, 90:] - 255).max() <= 3


@pytest.mark.parametrize("quality", [30, 80, 95])
def test_the_pages_have_the_quality_asked_for(quality: int) -> None:
    for page in embedded(document(by_hand(), "t", PdfOptions(quality=quality)).data):
        assert jpeg_quality(page) == quality


def test_the_pages_have_the_quality_told_from_each() -> None:
    """The smaller page needs less; the first one's is told."""
    pdf = document(by_hand(), "t", PdfOptions(quality="auto"))
    first, second = (jpeg_quality(page) for page in embedded(pdf.data))
    assert pdf.quality == first
    assert 60 <= second < first <= 85


def test_a_drawing_is_tried_and_written_with_whole_colours() -> None:
    pdf = document(by_hand(graphic=True), "t", PdfOptions(quality="auto"))
    drawn = Pixels(picture(80, 60).tobytes(), (80, 60), 3)
    assert pdf.quality == quality.of(drawn, graphic=True) < quality.of(drawn, graphic=False)
    assert {opened(page).layer[0][1:3] for page in embedded(pdf.data)} == {(1, 1)}  # type: ignore[attr-defined]


def test_a_jpeg_made_before_tells_its_quality_and_the_sources_own_has_none() -> None:
    assert document(by_hand(jpeg=SCAN), "t", PdfOptions()).quality == 80
    assert document(by_hand(original=NOTE), "t", PdfOptions()).quality is None


@pytest.mark.parametrize(
    ("options", "box", "drawn_at"),
    [
        (PdfOptions(), "60 45", "60 0 0 45 0 0"),
        (PdfOptions(margin=10.5), "81 66", "60 0 0 45 10.5 10.5"),
        (PdfOptions(page_size="A4"), "841.89 595.28", "793.707 0 0 595.28 24.092 0"),
        (PdfOptions(page_size="A4", margin=50), "841.89 595.28", "660.373 0 0 495.28 90.758 50"),
        (PdfOptions(page_size="Letter", margin=200), "792 612", "282.667 0 0 212 254.667 200"),
    ],
)
def test_the_picture_lies_in_the_middle_of_its_page(
    options: PdfOptions, box: str, drawn_at: str
) -> None:
    pdf = document(by_hand(), "t", options).data
    assert f"/MediaBox [0 0 {box}]".encode() in pdf
    assert f"q {drawn_at} cm /Image Do Q".encode() in pdf


def test_a_wide_picture_reaches_from_margin_to_margin() -> None:
    options = PdfOptions(page_size="A4", margin=50)
    pdf = document(by_hand(size=(90, 30), document=(90, 30)), "t", options).data
    assert b"q 741.89 0 0 247.297 50 173.992 cm /Image Do Q" in pdf


def test_every_page_is_as_large_as_its_picture() -> None:
    pdf = document(by_hand(), "t", PdfOptions())
    assert re.findall(rb"/MediaBox \[0 0 ([\d. ]+)\]", pdf.data) == [b"60 45", b"30 22.5"]
    assert (pdf.width, pdf.height, pdf.content_type) == (60, 45, "application/pdf")


def test_a_square_picture_is_on_upright_paper() -> None:
    pdf = made(encoded(picture(90, 90)), PdfOptions(page_size="Letter"))
    assert (pdf.width, pdf.height) == (612, 792)


def test_every_object_is_where_the_table_says() -> None:
    """The table, the trailer and its identifier (ISO 32000-1, 7.5), with no program's help."""
    pdf = document(by_hand(), "Größe", PdfOptions()).data
    assert pdf.startswith(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    start = int(re.findall(rb"startxref\n(\d+)\n%%EOF\n\Z", pdf)[0])
    head, count = re.match(rb"xref\n0 (\d+)\n", pdf[start:]), 10
    assert head is not None
    assert int(head[1]) == count
    entries = pdf[start + head.end() :].splitlines(keepends=True)[:count]
    assert entries[0] == b"0000000000 65535 f \n"
    for number, entry in enumerate(entries[1:], start=1):
        assert len(entry) == 20
        assert entry.endswith(b" 00000 n \n")
        assert pdf[int(entry[:10]) :].startswith(b"%d 0 obj\n" % number)
    assert b"/Size 10 /Root 1 0 R /Info 3 0 R" in pdf[start:]
    digest = hashlib.sha256(pdf[:start]).hexdigest()[:32].upper().encode()
    assert b"/ID [<%b> <%b>]" % (digest, digest) in pdf
    assert b"/Type /Catalog /Pages 2 0 R /ViewerPreferences << /DisplayDocTitle true >>" in pdf
    assert re.search(rb"/Type /Pages /Count 2 /Kids \[6 0 R 9 0 R\]", pdf)
    assert pdf.count(b"/Type /Page /Parent 2 0 R") == 2


def test_a_changed_pixel_changes_the_identifier() -> None:
    one, other = (document(by_hand(jpeg=each), "t", PdfOptions()).data for each in (SCAN, NOTE))
    assert re.findall(rb"/ID \[<(\w+)>", one) != re.findall(rb"/ID \[<(\w+)>", other)


@pytest.mark.parametrize(
    ("metadata", "fields"),
    [("credit", "Title Author Subject"), ("none", "Title")],
)
def test_the_information_has_title_and_credit(metadata: str, fields: str) -> None:
    exif = Image.Exif()
    exif[0x013B], exif[0x8298] = "A. Photographer", "(c) mine"
    options = msgspec.convert({"metadata": metadata}, PdfOptions)
    pdf = made(encoded(picture(80, 60), exif=exif), options, title="a (1).jpg").data
    told = {"Title": "a (1).jpg", "Author": "A. Photographer", "Subject": "(c) mine"}
    wanted = " ".join(
        f"/{name} <FEFF{told[name].encode('utf-16-be').hex().upper()}>" for name in fields.split()
    )
    assert f"<< {wanted} /Producer (Darkroom) >>".encode() in pdf
