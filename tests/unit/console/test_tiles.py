"""Large pictures in parts: every pixel is the picture's own."""

from __future__ import annotations

import io
import os
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import msgspec
import numpy as np
import pytest
from darkroom.contract.errors import CorruptImage
from darkroom.contract.presets import Preset
from darkroom.image.geometry import Size, place
from darkroom.image.sandbox.parent import search_path
from darkroom.image.spec import DecodeSpec
from PIL import Image

from darkroom_ops.console import tiles
from darkroom_ops.console.pictures import in_full
from darkroom_ops.console.tiles import Large, Tiles, Undecodable, unfolded
from tests.support.images import encoded

SIZE = (50, 30)
PIXELS = np.random.default_rng(7).integers(0, 256, (30, 50, 4), np.uint8)
PICTURE = encoded(Image.fromarray(PIXELS), "PNG")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "SIDE", 16)


@pytest.fixture(scope="module")
def whole() -> Any:
    asked = Preset("a", width=9, height=9, fit="cover", position="attention")
    return unfolded(PICTURE, Large(SIZE, in_full(SIZE, asked)))


def pieced(pixels: Any, preset: Preset) -> Any:
    """Return all tiles of what a preset shows, laid together."""
    width, height = place(SIZE, preset).canvas
    found = np.zeros((height, width, 4), np.uint8)
    for top in range(0, height, 16):
        for left in range(0, width, 16):
            data = tiles.tile(pixels, preset, (left, top))
            part = np.asarray(Image.open(io.BytesIO(data or b"")).convert("RGBA"))
            found[top : top + part.shape[0], left : left + part.shape[1]] = part
    return found


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (Preset("a", width=9), PIXELS),
        (Preset("a", width=9, height=9, fit="cover", position="left"), PIXELS[:, :30]),
        (Preset("a", width=9, height=9, fit="cover", position="right"), PIXELS[:, 20:]),
        (Preset("a", width=10, height=2, fit="cover", position="top"), PIXELS[:10]),
    ],
)
def test_tiles_have_every_pixel_of_what_a_rendition_shows(
    whole: Any, asked: Preset, shown: Any
) -> None:
    assert np.array_equal(pieced(whole, in_full(SIZE, asked)), shown)


def test_a_focal_point_that_is_looked_for_is_found(whole: Any) -> None:
    asked = Preset("a", width=9, height=9, fit="cover", position="attention")
    found = pieced(whole, in_full(SIZE, asked))
    assert any(np.array_equal(found, PIXELS[:, left : left + 30]) for left in range(21))


@pytest.mark.parametrize(
    ("corner", "size"),
    [
        ((0, 0), (16, 16)),
        ((48, 16), (2, 14)),
        ((49, 29), (1, 1)),
        ((50, 0), None),
        ((0, 30), None),
        ((-1, 0), None),
        ((0, -1), None),
    ],
)
def test_what_lies_outside_has_no_tile(
    whole: Any, corner: tuple[int, int], size: Size | None
) -> None:
    data = tiles.tile(whole, in_full(SIZE, Preset("a", width=9)), corner)
    assert (Image.open(io.BytesIO(data)).size if data else None) == size


def test_a_picture_is_read_and_decoded_once_while_it_is_kept(
    whole: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    monkeypatch.setattr(tiles, "unfolded", lambda data, _: read.append(data) or whole)
    cutter, large = Tiles(), Large(SIZE, in_full(SIZE, Preset("a", width=9)))
    for name in "aabbacab":  # the source and the rendition of a page, then another's
        assert cutter.cut(name, lambda name=name: name, large, (0, 0))  # type: ignore[misc]
    assert read == ["a", "b", "c", "b"]


def test_why_a_picture_has_no_tiles_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    large = Large(SIZE, Preset("a", width=9))
    with pytest.raises(Undecodable, match="PNG"):
        unfolded(PICTURE[:200], large)
    monkeypatch.setattr(tiles, "__name__", "darkroom_ops.none")
    with pytest.raises(Undecodable, match="No module named"):
        unfolded(PICTURE, large)


class Decoder:
    """What is asked of the process that decodes, and its answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answer: Any = SimpleNamespace(returncode=0, stderr=b"")
        self.asked: list[Any] = []
        self.env: dict[str, str] = {}
        monkeypatch.setattr(tiles, "subprocess", SimpleNamespace(run=self._run, PIPE=None))

    def _run(self, command: list[str], **given: Any) -> Any:
        self.env = given["env"]
        asked = msgspec.json.decode(command[-1], type=Preset)
        self.asked = [asked.width, asked.height, asked.format, asked.position]
        given["stdout"].write(given["input"])
        return self.answer


@pytest.mark.parametrize(
    ("size", "sides"),
    [
        ((50, 30), [50, None]),
        ((16_383, 20), [16_383, None]),
        ((16_384, 20), [None, 20]),
        ((20, 16_384), [20, None]),
    ],
)
def test_every_pixel_is_asked_for_by_a_side_that_a_preset_may_have(
    monkeypatch: pytest.MonkeyPatch, size: Size, sides: list[int | None]
) -> None:
    decoder = Decoder(monkeypatch)
    shown = Preset("a", width=9, height=9, fit="cover", position="left")
    pixels = unfolded(b"pixels", Large(size, shown))
    assert decoder.asked == [*sides, "png", "left"]
    assert decoder.env.items() >= {"PYTHONPATH": search_path(), "PATH": os.environ["PATH"]}.items()
    assert bytes(pixels) == b"pixels"
    with pytest.raises(TypeError, match="read"):
        pixels[0] = 1


@pytest.mark.parametrize(
    ("stderr", "said"),
    [(b" No.\n", "No."), (b"", "Its decoder ended with code -9."), (b"\xff", "\ufffd")],
)
def test_what_its_decoder_said_is_said(
    monkeypatch: pytest.MonkeyPatch, stderr: bytes, said: str
) -> None:
    Decoder(monkeypatch).answer = SimpleNamespace(returncode=-9, stderr=stderr)
    with pytest.raises(Undecodable) as why:
        unfolded(b"", Large(SIZE, Preset("a", width=9)))
    assert str(why.value) == said


@pytest.mark.parametrize("error", [None, CorruptImage("It is cut off.")])
def test_the_decoder_writes_the_pixels_or_why_there_are_none(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    whole = Preset("whole", width=9)
    out, err = io.BytesIO(), io.StringIO()
    decoded = Mock(return_value=SimpleNamespace(mezzanine=b"pixels"), side_effect=error)
    monkeypatch.setattr(tiles, "decode", decoded)
    fake = SimpleNamespace(
        argv=["tiles", msgspec.json.encode(whole).decode()], stderr=err,
        stdin=SimpleNamespace(buffer=io.BytesIO(b"file")), stdout=SimpleNamespace(buffer=out),
    )  # fmt: skip
    monkeypatch.setattr(tiles, "sys", fake)

    code = tiles.main()

    decoded.assert_called_once_with(b"file", DecodeSpec(presets=(whole,)))
    found = (code, out.getvalue(), err.getvalue())
    assert found == ((1, b"", "It is cut off.\n") if error else (0, b"pixels", ""))


def test_the_longer_side_may_be_longer_than_a_preset_asks_for() -> None:
    line = encoded(Image.new("RGB", (16_400, 2), "#123456"), "PNG")
    large = Large((16_400, 2), in_full((16_400, 2), Preset("a", width=9)))
    data = tiles.tile(unfolded(line, large), large.shown, (16_399, 0))
    assert Image.open(io.BytesIO(data or b"")).getpixel((0, 1)) == (0x12, 0x34, 0x56)
