"""The PDF: pages, sizes, text, and what other readers make of it."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from darkroom.contracts import PdfOptions, Preset
from darkroom.document import document
from darkroom.encode import Encoded
from PIL import Image

from tests.support.images import encoded, picture
from tests.support.imaging import array, develop, files

FILES = files()
ALL = tuple(sorted(FILES))


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
@pytest.mark.parametrize("name", ALL)
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


@pytest.mark.parametrize("name", ALL)
def test_the_same_bytes_always(name: str) -> None:
    assert made(FILES[name]).data == made(FILES[name]).data


def test_a_large_photo_is_embedded_at_the_largest_renditions_size() -> None:
    pdf = made(encoded(picture(3000, 2000)))
    start = pdf.data.index(b"\xff\xd8\xff")
    assert Image.open(io.BytesIO(pdf.data[start:])).size == (1200, 800)
    assert b"/Width 1200 /Height 800" in pdf.data


def test_tiny_presets_leave_the_document_legible() -> None:
    decoded = develop(encoded(picture(3000, 2000)), Preset(name="p", width=50, height=50))
    assert b"/Width 1200 /Height 800" in document(decoded.mezzanine, "t", PdfOptions()).data
