"""Large pictures pixel for pixel: the parts of them that a page shows, cut when it asks.

A process of its own decodes a picture once, into a file without a name, and ends: the console's
memory never holds it. A tile reads its own rows of that file.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from mmap import ACCESS_READ, MADV_DONTNEED, mmap

import msgspec
from darkroom.contract.errors import DarkroomError
from darkroom.contract.fields import MAX_SIDE
from darkroom.contract.presets import Preset
from darkroom.contract.results import Rendition
from darkroom.image.geometry import Size, place
from darkroom.image.mezzanine import unpack
from darkroom.image.sandbox.parent import decode, search_path
from darkroom.image.spec import DecodeSpec

from darkroom_ops.cache import Recent

SIDE = 512
"""Of a tile, in pixels."""

KEPT = 2
"""Pictures whose pixels are kept: the source and the rendition of one page. Each takes up to 4
bytes a pixel where temporary files lie, 400 MB by the default limits."""


class Undecodable(Exception):
    """The picture cannot be decoded; the message says why."""


@dataclass(frozen=True)
class Large:
    """A picture of this upright size, and the preset that shows what is viewed of it, unreduced."""

    size: Size
    shown: Preset


class Tiles:
    """Cuts tiles. Threads may share it."""

    def __init__(self) -> None:
        self._kept: Recent[mmap] = Recent(KEPT)
        self._one_at_a_time = threading.Lock()

    def cut(
        self, key: Hashable, read: Callable[[], bytes], large: Large, corner: tuple[int, int]
    ) -> bytes | None:
        """Return the tile with this corner, as a PNG; None where the corner lies outside.

        The picture is read where its pixels are not kept under the key. Undecodable says why there
        are none.
        """
        with self._one_at_a_time:
            pixels = self._kept.get(key) or self._kept.put(key, unfolded(read(), large))
        return tile(pixels, large.shown, corner)


def unfolded(data: bytes, large: Large) -> mmap:
    """Return all pixels of a picture, as a file without a name that lasts as long as this."""
    width, height = large.size
    # Of the side that a preset may have: within the limits of pixels, one is short enough.
    sides = (width, None) if width <= MAX_SIDE else (None, height)
    position = large.shown.position
    whole = Preset("whole", width=sides[0], height=sides[1], format="png", position=position)
    with tempfile.TemporaryFile(buffering=0) as file:
        done = subprocess.run(
            [sys.executable, "-m", __name__, msgspec.json.encode(whole).decode()],
            input=data,
            stdout=file,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": search_path()},
            check=False,
        )
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise Undecodable(said or f"Its decoder ended with code {done.returncode}.")
        return mmap(file.fileno(), 0, access=ACCESS_READ)


def tile(pixels: mmap, preset: Preset, corner: tuple[int, int]) -> bytes | None:
    """Cut a tile of what a preset shows of a picture, given its pixels."""
    from darkroom.image.render import compose  # loads libvips, which the lists do without

    contents = unpack(pixels)
    placement = place(contents.header.pages[0].source, preset)
    width, height = placement.canvas
    left, top = corner
    if not (0 <= left < width and 0 <= top < height):
        return None
    # As a PNG, what is transparent stays so.
    asked = Rendition("tile", "", width, height, "png", preset)
    image = compose(contents, placement, asked)
    part = image.crop(left, top, min(SIDE, width - left), min(SIDE, height - top))
    data: bytes = part.pngsave_buffer(compression=1, keep="none")
    pixels.madvise(MADV_DONTNEED)  # what was read of the file is no more this process's memory
    return data


def main() -> int:
    """Write the pixels of the picture on standard input to standard output."""
    whole = msgspec.json.decode(sys.argv[1], type=Preset)
    try:
        decoded = decode(sys.stdin.buffer.read(), DecodeSpec(presets=(whole,)))
    except DarkroomError as error:
        print(error, file=sys.stderr)
        return 1
    sys.stdout.buffer.write(decoded.mezzanine)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
