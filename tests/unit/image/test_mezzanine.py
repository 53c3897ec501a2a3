"""The container between the steps."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from darkroom.image.metadata import Credit
from darkroom.image.mezzanine import MAGIC, Builder, StoredJpeg, unpack
from darkroom.image.pixels import Pixels

RGB = Pixels(bytes(range(18)), (3, 2), 3)
MADE = StoredJpeg("auto", "high", 70)
GREY = Pixels(b"\1\2\3\4", (2, 2), 1)


def built() -> bytes:
    builder = Builder()
    builder.add_page(GREY, (20, 20), (1, 1))
    builder.add_page(RGB, (30, 20), (3, 2))
    builder.add_jpeg(b"a jpeg", MADE)
    builder.add_original(b"the original")
    builder.add_mark("logos/a.png", GREY)
    return b"".join(builder.finish("png", 4711, Credit("me", "mine"), graphic=True))


def test_what_is_put_in_comes_out() -> None:
    contents = unpack(built())
    header = contents.header
    first, second = header.pages
    assert (first.source, first.size, first.document, first.bands) == ((20, 20), (2, 2), (1, 1), 1)
    assert first.jpeg is None
    assert (second.source, second.size, second.document) == ((30, 20), (3, 2), (3, 2))
    assert second.jpeg is not None
    assert header.original is not None
    assert bytes(contents.parts[first.part]) == GREY.data
    assert bytes(contents.parts[second.part]) == RGB.data
    assert second.jpeg == msgspec.structs.replace(MADE, part=second.jpeg.part)
    assert bytes(contents.parts[second.jpeg.part]) == b"a jpeg"
    assert bytes(contents.parts[header.original]) == b"the original"
    mark = header.marks["logos/a.png"]
    assert (mark.source, mark.size, mark.document) == ((2, 2), (2, 2), (2, 2))
    assert (header.format, header.bytes, header.graphic) == ("png", 4711, True)
    assert header.credit == Credit("me", "mine")
    image = contents.image(second)
    assert (image.width, image.height, image.bands, image.interpretation) == (3, 2, 3, "srgb")
    assert (np.frombuffer(image.write_to_memory(), np.uint8) == range(18)).all()


@pytest.mark.parametrize("before", range(3))
def test_a_jpeg_is_the_last_pages(before: int) -> None:
    builder = Builder()
    for _ in range(before + 1):
        builder.add_page(GREY, (2, 2), (2, 2))
    builder.add_jpeg(b"a jpeg", MADE)
    *others, last = unpack(b"".join(builder.finish("png", 1, Credit(), graphic=False))).header.pages
    assert [page.jpeg for page in others] == [None] * before
    assert last.jpeg == msgspec.structs.replace(MADE, part=before + 1)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "a mezzanine of this version"),
        (b"x" * 40, "but received b'" + "x" * 32 + r"'\. Run the execution anew"),
        (b"darkroom mezzanine 0\n" + built()[len(MAGIC) :], "written by another version"),
        (built()[:-1], rf"a mezzanine of {len(built())} bytes, but received {len(built()) - 1}"),
        (built() + b"x", f"but received {len(built()) + 1}"),
    ],
)
def test_another_version_and_a_part_of_one_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        unpack(data)
