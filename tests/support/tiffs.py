"""TIFF files of every kind of samples, which no library writes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Blocks = list[bytes]
Tags = Mapping[int, list[int]]


def tiff(
    samples: NDArray[Any],
    photometric: int,
    extra: list[int] | None = None,
    *,
    tile: int = 0,
    deflate: bool = False,
    damage: Callable[[Blocks], Blocks] = list,
    tags: Tags | None = None,
    order: str = "<",
    big: bool = False,
) -> bytes:
    """Return a TIFF of samples, rows by columns by samples, in strips of 16 rows or in tiles."""
    height, width, count = samples.shape
    side = tile or 16
    columns = range(0, width, tile) if tile else [0]
    blocks = [
        _filled(samples[top : top + side, left : left + (tile or width)], tile)
        .astype(samples.dtype.newbyteorder("<" if order == "<" else ">"))
        .tobytes()
        for top in range(0, height, side)
        for left in columns
    ]
    own = {
        256: [width],
        257: [height],
        258: [8 * samples.dtype.itemsize] * count,
        262: [photometric],
        277: [count],
        339: [{"u": 1, "i": 2, "f": 3}[samples.dtype.kind]] * count,
    }
    own |= {322: [tile], 323: [tile]} if tile else {278: [16]}
    own |= {} if extra is None else {338: extra}
    own |= tags or {}
    return written(own, blocks, damage, tile=bool(tile), deflate=deflate, order=order, big=big)


def written(
    tags: Tags,
    blocks: Blocks,
    damage: Callable[[Blocks], Blocks] = list,
    *,
    tile: bool = False,
    deflate: bool = False,
    order: str = "<",
    big: bool = False,
) -> bytes:
    """Return a TIFF file of tags and of blocks of data, damaged after they were compressed."""
    blocks = damage([zlib.compress(block) for block in blocks] if deflate else blocks)
    head = 16 if big else 8
    offsets = [head + sum(len(block) for block in blocks[:index]) for index in range(len(blocks))]
    places, counts = (324, 325) if tile else (273, 279)
    lengths = [len(block) for block in blocks]
    all_tags = {**tags, 259: [8 if deflate else 1], places: offsets, counts: lengths}
    body = b"".join(blocks)
    at = head + len(body)
    number, pointer, size = ("Q", "Q", 20) if big else ("H", "I", 12)
    room = struct.calcsize("=" + pointer)
    after = at + struct.calcsize("=" + number) + size * len(all_tags) + room
    entries, rest = b"", b""
    for tag, values in sorted(all_tags.items()):
        raw = struct.pack(f"{order}{len(values)}I", *values)
        entries += struct.pack(order + "HH" + pointer, tag, 4, len(values))
        if len(raw) > room:
            entries += struct.pack(order + pointer, after + len(rest))
            rest += raw
        else:
            entries += raw.ljust(room, b"\0")
    magic = struct.pack(order + ("HHHQ" if big else "HI"), *((43, 8, 0, at) if big else (42, at)))
    directory = struct.pack(order + number, len(all_tags)) + entries + bytes(room)
    return (b"II" if order == "<" else b"MM") + magic + body + directory + rest


def ycbcr(
    picture: Image.Image, across: int, down: int, *, deflate: bool = False, **options: Any
) -> bytes:
    """Return a TIFF of a picture in YCbCr, of which colours are subsampled (TIFF 6.0, 21)."""
    planes = np.asarray(picture.convert("YCbCr"), dtype=np.float64)
    height, width, _ = planes.shape
    planes = np.pad(planes, ((0, -height % 16), (0, -width % across), (0, 0)), mode="edge")
    rows, columns = planes.shape[0] // down, planes.shape[1] // across
    units = planes.reshape(rows, down, columns, across, 3).transpose(0, 2, 1, 3, 4)
    light = units[..., 0].reshape(rows, columns, down * across)
    packed = np.concatenate([light, units[..., 1:].mean(axis=(2, 3))], axis=2)
    data = packed.round().astype(np.uint8)
    blocks = [data[top : top + 16 // down].tobytes() for top in range(0, rows, 16 // down)]
    tags = {256: [width], 257: [height], 258: [8, 8, 8], 262: [6], 277: [3], 278: [16]}
    own = {**tags, 530: [across, down], **options.pop("tags", {})}
    return written(own, blocks, deflate=deflate, **options)


def _filled(block: NDArray[Any], tile: int) -> NDArray[Any]:
    if not tile:
        return block
    full = np.zeros((tile, tile, block.shape[2]), block.dtype)
    full[: block.shape[0], : block.shape[1]] = block
    return full
