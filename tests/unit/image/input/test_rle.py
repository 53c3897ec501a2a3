"""Bitmaps in runs: what each code draws, and what no code draws is transparent."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from darkroom.contract.errors import CorruptImage, ImageTooLarge, UnsupportedImage

from tests.support.imaging import develop
from tests.unit.image.input.test_kinds import bmp, shown

PALETTE = b"".join(bytes([3 * i, 2 * i, i, 99]) for i in range(16))
"""Blue, green, red and a byte that means nothing; of colour i they are 3i, 2i and i."""

NEXT_ROW, END = b"\0\0", b"\0\1"


def move(right: int, up: int) -> bytes:
    return bytes([0, 2, right, up])


def rle8(runs: bytes, *, size: tuple[int, int] = (4, 2), header: int = 40) -> bytes:
    return bmp(runs, bits=8, compression=1, size=size, palette=PALETTE, header=header)


def rle4(runs: bytes, *, size: tuple[int, int] = (4, 2)) -> bytes:
    return bmp(runs, bits=4, compression=2, size=size, palette=PALETTE)


def rle24(runs: bytes, *, header: int = 64) -> bytes:
    return bmp(runs, bits=24, compression=4, size=(4, 1), header=header)


def rows(data: bytes) -> list[list[int | None]]:
    """Return the numbers of colours, top row first; None where it is transparent."""
    made = shown(data)
    assert (made[..., 1] == 2 * made[..., 0]).all()
    assert (made[..., 2] == 3 * made[..., 0]).all()
    alpha = made[..., 3] if made.shape[2] == 4 else np.full(made.shape[:2], 255)
    assert set(alpha.ravel().tolist()) <= {0, 255}
    return [
        [int(colour) if clear else None for colour, clear in zip(*row, strict=True)]
        for row in zip(made[..., 0], alpha, strict=True)
    ]


_ = None


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (rle8(b"\4\1" + NEXT_ROW + b"\4\2" + END), [[2, 2, 2, 2], [1, 1, 1, 1]]),
        (rle8(b"\4\1" + NEXT_ROW + b"\4\2"), [[2, 2, 2, 2], [1, 1, 1, 1]]),
        (rle8(b"\4\1" + NEXT_ROW + b"\4\2", size=(4, -2)), [[1, 1, 1, 1], [2, 2, 2, 2]]),
        (rle8(b"\4\1" + NEXT_ROW + b"\4\2", header=64), [[2, 2, 2, 2], [1, 1, 1, 1]]),
        (rle8(b"\1\1\3\2" + NEXT_ROW + b"\0\3\3\4\5\0\1\6"), [[3, 4, 5, 6], [1, 2, 2, 2]]),
        (rle8(b"\0\4\3\4\5\6" + NEXT_ROW + b"\4\2"), [[2, 2, 2, 2], [3, 4, 5, 6]]),
        (rle8(b"\2\1" + NEXT_ROW + b"\4\2" + END), [[2, 2, 2, 2], [1, 1, _, _]]),
        (rle8(NEXT_ROW + b"\4\2" + END), [[2, 2, 2, 2], [_, _, _, _]]),
        (rle8(b"\4\1" + NEXT_ROW + NEXT_ROW), [[_, _, _, _], [1, 1, 1, 1]]),
        (rle8(b"\4\1" + END), [[_, _, _, _], [1, 1, 1, 1]]),
        (rle8(END), [[_, _, _, _], [_, _, _, _]]),
        (rle8(b"\1\1" + move(1, 1) + b"\2\2" + END), [[_, _, 2, 2], [1, _, _, _]]),
        (rle8(move(3, 0) + b"\1\1" + NEXT_ROW + b"\4\2"), [[2, 2, 2, 2], [_, _, _, 1]]),
        (rle8(move(0, 1) + b"\0\3\1\2\3\0" + END), [[1, 2, 3, _], [_, _, _, _]]),
        (rle8(b"\3\1" + move(1, 0) + NEXT_ROW + b"\4\2"), [[2, 2, 2, 2], [1, 1, 1, _]]),
        (rle8(b"\x09\1" + NEXT_ROW + b"\4\2"), [[2, 2, 2, 2], [1, 1, 1, 1]]),
        (rle8(b"\4\1" + b"\3\7" + NEXT_ROW + b"\4\2"), [[2, 2, 2, 2], [1, 1, 1, 1]]),
        (rle8(b"\4\x10" + NEXT_ROW + b"\4\xff"), [[0, 0, 0, 0], [0, 0, 0, 0]]),
        (rle4(b"\4\x12" + NEXT_ROW + b"\3\x34\1\x50"), [[3, 4, 3, 5], [1, 2, 1, 2]]),
        (rle4(b"\x09\x12", size=(9, 1)), [[1, 2, 1, 2, 1, 2, 1, 2, 1]]),
        (rle4(b"\0\3\x12\x30\1\x40" + NEXT_ROW + b"\0\4\x56\x78"), [[5, 6, 7, 8], [1, 2, 3, 4]]),
        (rle4(b"\0\5\x12\x34\x50\0", size=(5, 1)), [[1, 2, 3, 4, 5]]),
        (rle4(b"\x09\xab" + NEXT_ROW + move(1, 0) + b"\2\x12" + END),
         [[_, 1, 2, _], [10, 11, 10, 11]]),
        (rle24(b"\2\3\2\1\1\6\4\2\1\x09\6\3"), [[1, 1, 2, 3]]),
        (rle24(b"\0\3\3\2\1\6\4\2\x09\6\3\0" + END), [[1, 2, 3, _]]),
        (rle24(b"\0\4\3\2\1\6\4\2\x09\6\3\x0c\x08\4"), [[1, 2, 3, 4]]),
    ],
)  # fmt: skip
def test_what_runs_draw(data: bytes, wanted: list[list[int | None]]) -> None:
    assert rows(data) == wanted


@pytest.mark.parametrize(
    "data",
    [
        rle8(b"\4\1" + NEXT_ROW + b"\3\2"),
        rle8(b"\4\1" + NEXT_ROW),
        rle8(b"\4\1"),
        rle8(b"\4\1" + NEXT_ROW + b"\0\4\1\2\3"),
        rle4(b"\4\1" + NEXT_ROW + b"\0\4\1"),
        rle8(b"\1\1\0\4\1\2\3\4" + NEXT_ROW + b"\4\2"),
        rle4(b"\1\1\0\4\x12\x34" + NEXT_ROW + b"\4\2"),
        rle8(b"\1\1" + move(4, 0) + END),
        rle8(b"\1\1" + move(0, 2) + END),
        rle8(b"\1\1\0\2\1"),
        rle8(b"\4\1" + NEXT_ROW + b"\0\5\1\2\3\4"),
        rle24(b"\4\1\2"),
        rle8(b"", size=(0, 2)),
        rle8(END, size=(4, 0)),
    ],
)
def test_runs_that_end_early_or_do_not_fit_are_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptImage):
        develop(data)


def test_runs_are_weighed_before_they_are_decoded() -> None:
    with pytest.raises(ImageTooLarge, match="60,000 by 2 pixels"):
        develop(rle8(END, size=(60_000, 2)))


def test_true_colours_in_runs_are_only_of_os2() -> None:
    with pytest.raises(UnsupportedImage):
        develop(rle24(END, header=40))


def test_a_palette_may_be_shorter() -> None:
    """Than the bits could count: how many colours there are is in the header."""
    data = bytearray(rle8(b"\4\1" + NEXT_ROW + b"\4\2" + END))
    struct.pack_into("<I", data, 46, 2)
    assert rows(bytes(data)) == [[0, 0, 0, 0], [1, 1, 1, 1]]
