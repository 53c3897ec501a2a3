"""Drawings: their size, what they may refer to, and how they are drawn."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from darkroom.contract.errors import CorruptImage, ImageTooLarge, UnsupportedImage
from darkroom.image.input import drawing
from PIL import Image

from tests.support.images import encoded, opened

DOT = encoded(Image.new("RGB", (4, 4), "red"), "PNG")
DATA = base64.b64encode(DOT).decode()


def svg(attributes: str, inner: str = "") -> bytes:
    return f'<svg xmlns="{drawing.SVG}" {attributes}>{inner}</svg>'.encode()


def rasterised(data: bytes, size: tuple[int, int]) -> Image.Image:
    return Image.open(io.BytesIO(drawing.read(data).rasterise(size))).convert("RGBA")


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ("", (300, 150)),
        ('width="40"', (40, 150)),
        ('height="40"', (300, 40)),
        ('width="40" height="30"', (40, 30)),
        ('viewBox="0 0 160 120"', (160, 120)),
        ('viewBox="5,6,160,120"', (160, 120)),
        ('viewBox="0 0 160 120" width="80"', (80, 60)),
        ('viewBox="0 0 160 120" height="60"', (80, 60)),
        ('viewBox="0 0 160 120" width="50%" height="60"', (80, 60)),
        ('viewBox="0 0 160 120" width="10" height="70"', (10, 70)),
        ('viewBox="0 0 0 120"', (300, 150)),
        ('viewBox="0 0 160 -120"', (300, 150)),
        ('viewBox="0 0 160"', (300, 150)),
        ('viewBox="0 0 160 nan"', (300, 150)),
        ('viewBox="0 0 a b"', (300, 150)),
        ('viewBox="0 0 1e9 5"', (300, 150)),
        ('viewBox="0 0 999999999.5 5"', (1_000_000, 5)),
        ('viewBox="0 0 1 1"', (1, 1)),
        ('viewBox="0 0 160 0"', (300, 150)),
        ('viewBox="0 0 160 -0.5"', (300, 150)),
        ('viewBox="0 0 -0.5 120"', (300, 150)),
        ('width="999999999.5" height="9"', (1_000_000, 9)),
        ('width="0" height="-5"', (300, 150)),
        ('width="1e9" height="9"', (300, 9)),
        ('width="999999" height="2000000"', (999_999, 1_000_000)),
        ('width="0.4" height="10.5"', (1, 11)),
        ('width=" +12.4px " height=".6e1"', (12, 6)),
        ('width="1in" height="72pt"', (96, 96)),
        ('width="2.54cm" height="25.4mm"', (96, 96)),
        ('width="6pc" height="6em"', (96, 96)),
        ('width="12ex" height="6rem"', (96, 96)),
        ('width="101.6Q" height="1IN"', (96, 96)),
        ('width="12vw" height="1 2"', (300, 150)),
    ],
)
def test_a_drawing_is_as_large_as_a_browser_shows_it(
    attributes: str, size: tuple[int, int]
) -> None:
    assert drawing.read(svg(attributes)).size == size


@pytest.mark.parametrize(
    ("attributes", "across", "down"),
    [
        ('viewBox="0 0 10.4 5"', 10.4, 5),
        ('viewBox="0 0 10.4 5" preserveAspectRatio="xMinYMin"', 10.4, 5),
        ('viewBox="0 0 100.4 50.7"', 100.4, 50.7),
        ('viewBox="0 0 1000 333" width="100"', 1000, 333),
        ('viewBox="0 0 1000 1" width="100"', 1000, 1),
        ('viewBox="0 0 101 50" width="100" height="50"', 101, 50),
        ('viewBox="0 0 297.64 841.89" width="105mm" height="297mm"', 297.64, 841.89),
        ('width="100.4" height="50.3"', 100.4, 50.3),
        ('width="100.4" height="50.3" viewBox="nothing"', 100.4, 50.3),
        ("", 300, 150),
    ],
)
@pytest.mark.parametrize("scale", [0.5, 1, 3])
def test_a_drawing_that_fills_its_size_fills_whole_pixels(
    attributes: str, across: float, down: float, scale: float
) -> None:
    rect = f'<rect width="{across}" height="{down}"/><rect width="{across / 2}" height="{down}"/>'
    data = svg(attributes, rect)
    width, height = (max(1, round(side * scale)) for side in drawing.read(data).size)
    alpha = np.asarray(rasterised(data, (width, height)))[..., 3]
    assert alpha.min() == 255


@pytest.mark.parametrize(
    ("attributes", "inside"),
    [
        ('viewBox="0 0 100 100" width="200" height="100"', (50, 0, 150, 100)),
        ('viewBox="0 0 100 100" width="100" height="102"', (0, 1, 100, 101)),
        ('viewBox="0 0 100 100" width="104" height="100" preserveAspectRatio="xMinYMin"',
         (0, 0, 100, 100)),
    ],
)  # fmt: skip
def test_a_drawing_of_another_shape_than_its_size_keeps_its_shape(
    attributes: str, inside: tuple[int, int, int, int]
) -> None:
    data = svg(attributes, '<rect width="100" height="100"/>')
    assert rasterised(data, drawing.read(data).size).getbbox() == inside


@pytest.mark.parametrize(
    ("reference", "picture", "embedded"),
    [
        ("file:///etc/hostname", False, None),
        ("picture.png", False, None),
        ("https://example.com/a.png", False, None),
        ("data:text/html;base64,AAAA", True, b"\0\0\0"),  # the bytes decide, not their name
        (f"data:image/png;base64,{DATA}", True, DOT),
        (f"  DATA:IMAGE/PNG;BASE64,{DATA}", True, DOT),
        (f"data:image/jpeg;x=y;base64,{DATA[:20]} \n {DATA[20:]}", True, DOT),
        (f"data:;base64,{DATA}", True, DOT),
        (f"data:image/png; \tBase64 ,{DATA.rstrip('=')}", True, DOT),
        (f"data:image/png;base64,{DATA.replace('/', '%2f').replace('=', '%3D')}#part", True, DOT),
        ("data:image/jpg,abc%20d", True, b"abc d"),
        (f"data:image/png;base64;x=y,{DATA}", True, DATA.encode()),
        ("data:image/png;charset=base64,%89PNG", True, b"\x89PNG"),
        ("data:image/gif;base64,AAAAA", False, None),
        ("data:image/gif;base64,AA*AA", False, None),
        ("data:image/gif;base64,=AAA", False, None),
        ("data:image/gif;base64,AAA", True, b"\0\0"),
        ("data:image/webp,x", True, b"x"),
        ("data:image/webp;x", False, None),
        ("a data:image/webp,x", False, None),
    ],
)
@pytest.mark.parametrize("attribute", ["href", "{http://www.w3.org/1999/xlink}href"])
def test_a_reference_is_cut_off_unless_its_picture_is_embedded_again(
    attribute: str, reference: str, picture: bool, embedded: bytes | None
) -> None:
    root = ET.Element(f"{{{drawing.SVG}}}svg")
    ET.SubElement(
        ET.SubElement(root, f"{{{drawing.SVG}}}g"),
        f"{{{drawing.SVG}}}image",
        {attribute: reference},
    )
    found = drawing.read(ET.tostring(root))
    (image,) = found.root.iter(f"{{{drawing.SVG}}}image")
    assert attribute not in image.attrib
    assert [each.data for each in found.pictures] == ([embedded] if picture else [])
    for each in found.pictures:
        each.embed("image/x")
        assert embedded is not None
        written = base64.b64encode(embedded).decode()
        assert image.attrib == {attribute: f"data:image/x;base64,{written}"}


@pytest.mark.parametrize("reference", ["#shape", " #shape"])
def test_a_reference_within_the_drawing_stays(reference: str) -> None:
    found = drawing.read(svg("", f'<g><use href="{reference}"/></g>'))
    assert [use.get("href") for use in found.root.iter(f"{{{drawing.SVG}}}use")] == [reference]
    assert found.pictures == ()


@pytest.mark.parametrize(
    ("attributes", "size", "corner"),
    [
        ('width="20" height="10"', (20, 10), (9, 4)),
        ('width="20" height="10"', (200, 100), (99, 49)),
        ('width="20" height="10" viewBox="0 0 20 10"', (40, 20), (19, 9)),
        ('viewBox="0 0 40 20"', (40, 20), (9, 4)),
        ('width="20" height="10" viewBox="-5 -2 20 10"', (20, 10), (14, 6)),
    ],
)
def test_a_drawing_fills_the_size_it_is_drawn_at(
    attributes: str, size: tuple[int, int], corner: tuple[int, int]
) -> None:
    made = rasterised(svg(attributes, '<rect width="10" height="5" fill="red"/>'), size)
    assert made.size == size
    assert made.getpixel(corner) == (255, 0, 0, 255)
    assert made.getpixel((corner[0] + 1, corner[1])) == (0, 0, 0, 0)
    assert made.getpixel((corner[0], corner[1] + 1)) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "family",
    [
        *("serif", "sans-serif", "monospace", "cursive", "fantasy", "Never Heard Of", ""),
        *("DejaVu Serif", "Liberation Serif"),  # which a machine may have, and Lambda has not
    ],
)
def test_text_of_every_family_is_in_the_bundled_font(family: str) -> None:
    text = '<text x="2" y="30" font-size="30" font-family="{}">Äg1</text>'
    wanted, made = (
        np.asarray(rasterised(svg('width="90" height="40"', text.format(each)), (90, 40)))
        for each in ("DejaVu Sans", family)
    )
    assert wanted[:, :, 3].max() == 255
    assert (made == wanted).all()


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"<svg", CorruptImage, "XML: a tag or a section does not end (line 1). Open"),
        (b"<svg>\n<g>", CorruptImage, "it ends before the drawing does (line 2). Open"),
        (b"<svg>\n\n<g></svg>", CorruptImage, "its elements do not lie within each other (line 3)"),
        (b"<svg>\1", CorruptImage, "it has a character where none may be (line 1)"),
        (b"<svg>&#0;", CorruptImage, "it has a character where none may be (line 1)"),
        (b"<svg a='' a=''/>", CorruptImage, "an element has an attribute twice (line 1)"),
        (b"<svg/><svg/>", CorruptImage, "something follows the drawing (line 1)"),
        (b"<svg><![CDATA[", CorruptImage, "a tag or a section does not end (line 1)"),
        (b"<svg>&nothing;</svg>", CorruptImage, "it names an entity that it does not define (l"),
        (b"<!DOCTYPE svg [<!ENTITY a '&a;'>]><svg>&a;</svg>", CorruptImage, "grow without end"),
        (b"<a:svg/>", CorruptImage, "it uses a prefix that it does not define (line 1)"),
        (b"<?xml version=1?><svg/>", CorruptImage, "its declaration is damaged (line 1)"),
        (b"<?xml version='1.0' encoding='no-such'?><svg/>", CorruptImage, "another encoding than"),
        (b"<?xml version='1.0' encoding='shift_jis'?><svg/>", CorruptImage, "one. Open it"),
        (b"<!DOCTYPE svg [<!ELEMENT svg #]><svg/>", CorruptImage, "a character where none may"),
        (b"<svg/>", UnsupportedImage, "begins with <svg>. Export"),
        (b'<svg xmlns="http://example.com/"/>', UnsupportedImage,
         'begins with <svg xmlns="http://example.com/">. Export'),
        (b'<html xmlns="http://www.w3.org/1999/xhtml"/>', UnsupportedImage, "begins with <html x"),
        ('<svg xmlns="\u202e"/>'.encode(), UnsupportedImage, r'begins with <svg xmlns="\u202e">.'),
        (b"<" + b"x" * 5000 + b"/>", UnsupportedImage, "x...x"),
    ],
)  # fmt: skip
def test_what_is_no_drawing_is_refused(data: bytes, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        drawing.read(data)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 500


def test_utf_16_is_read() -> None:
    data = svg('width="9" height="7"', "<title>日本</title>").decode().encode("utf-16")
    assert drawing.read(data).size == (9, 7)


def test_a_picture_is_drawn_once_it_is_embedded_again() -> None:
    inner = f'<image href="data:image/png;base64,{DATA}" width="10" height="10"/>'
    found = drawing.read(svg('width="10" height="10"', inner))
    assert opened(found.rasterise((10, 10))).getextrema()[3] == (0, 0)
    found.pictures[0].embed("image/png")
    assert opened(found.rasterise((10, 10))).getpixel((5, 5)) == (255, 0, 0, 255)


@pytest.mark.parametrize(
    ("made", "most", "words"),
    [
        (
            lambda size: svg("").ljust(size),
            10_485_760,
            "has 10,485,761 bytes, but the limit is 10,485,760",
        ),
        (
            lambda elements: svg("", "<g/>" * (elements - 1)),
            200_000,
            "nests more than 128 levels deep or has more than 200,000 elements",
        ),
        (
            lambda levels: svg("", "<g>" * (levels - 1) + "</g>" * (levels - 1)),
            128,
            "nests more than 128 levels deep or has more than 200,000 elements",
        ),
    ],
    ids=["bytes", "elements", "levels"],
)
def test_a_drawing_has_bounds(made: Callable[[int], bytes], most: int, words: str) -> None:
    assert drawing.read(made(most)).size == (300, 150)
    with pytest.raises(ImageTooLarge) as caught:
        drawing.read(made(most + 1))
    assert str(caught.value) == (
        f"The SVG {words}. Simplify the drawing, or export it as PNG and upload that."
    )


def test_a_drawing_that_cannot_be_drawn_is_damaged() -> None:
    with pytest.raises(CorruptImage, match="This SVG cannot be drawn: the size in its header"):
        drawing.read(svg("")).rasterise((0, 0))
