"""What JPEGs of several settings cost in bytes and CPU, and what they look like by SSIMULACRA2.

Each photo is made at 600 and 1200 pixels as the pipeline makes it, and then encoded: with the
tables of ITU-T T.81 at quality 80, as most do; with the pipeline's at 80; at quality ``auto``; and
that at high effort. CPU is that of choosing the quality and of encoding. Where the shorter side has
less than 256 pixels, SSIMULACRA2 lacks a scale that its weights count on: the size is left out.
"""

from __future__ import annotations

import io
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from darkroom.contract.presets import Preset
from darkroom.image.encode import jpeg
from darkroom.image.geometry import place
from darkroom.image.mezzanine import unpack
from darkroom.image.pixels import Pixels, flatten
from darkroom.image.plan import plan
from darkroom.image.quality import settle
from darkroom.image.render import compose
from darkroom.image.sandbox import parent
from darkroom.image.spec import DecodeSpec
from PIL import Image
from ssimulacra2 import compute_ssimulacra2

PRESETS = tuple(Preset(name=f"to-{side}", width=side, height=side) for side in (600, 1200))
LEAST_SIDE = 256

REPEATS = 5


class Made(NamedTuple):
    """A JPEG: its size in bytes, the score of its look, the CPU that it took in seconds."""

    bytes: int
    score: float
    cpu: float


def measure(photo: Path) -> dict[str, dict[str, Made]]:
    """Return what becomes of a photo, by size and setting."""
    decoded = parent.decode(photo.read_bytes(), DecodeSpec(presets=PRESETS))
    contents = unpack(decoded.mezzanine)
    graphic = contents.header.graphic
    found = {}
    for rendition in plan("photo", decoded.image, PRESETS):
        if min(rendition.width, rendition.height) < LEAST_SIDE:
            continue
        placement = place(contents.header.pages[0].source, rendition.preset)
        image = flatten(compose(contents, placement, rendition), "#ffffff")
        pixels = Pixels(image.write_to_memory(), (image.width, image.height), image.bands)
        found[rendition.name] = {
            name: _made(pixels, encode) for name, encode in _settings(graphic).items()
        }
    return found


def summary(measured: dict[str, dict[str, dict[str, Made]]]) -> dict[str, dict[str, float]]:
    """Return by setting: bytes and CPU beside the first, and the lowest, mean and highest score."""
    rows = [row for sizes in measured.values() for row in sizes.values()]
    first = next(iter(rows[0]))
    return {
        name: {
            "bytes": round(_geomean([row[name].bytes / row[first].bytes for row in rows]), 3),
            "cpu": round(sum(r[name].cpu for r in rows) / sum(r[first].cpu for r in rows), 2),
            "lowest": round(min(row[name].score for row in rows), 1),
            "mean": round(statistics.fmean(row[name].score for row in rows), 1),
            "highest": round(max(row[name].score for row in rows), 1),
        }
        for name in rows[0]
    }


def _settings(graphic: bool) -> dict[str, Callable[[Any], bytes]]:  # noqa: FBT001
    def usual(image: Any) -> bytes:
        subsampling = "off" if graphic else "on"
        return bytes(
            image.jpegsave_buffer(
                Q=80, optimize_coding=True, subsample_mode=subsampling, keep="none"
            )
        )

    def fixed(image: Any) -> bytes:
        return jpeg(image, 80, graphic=graphic)

    def auto(image: Any) -> bytes:
        chosen, quality = settle(image, "auto", "jpeg", graphic=graphic, effort="normal")
        return jpeg(chosen, quality, graphic=graphic)

    def high(image: Any) -> bytes:
        chosen, quality = settle(image, "auto", "jpeg", graphic=graphic, effort="high")
        return jpeg(chosen, quality, graphic=graphic, effort="high")

    return {"T.81, 80": usual, "80": fixed, "auto": auto, "auto, high": high}


def _made(pixels: Pixels, encode: Callable[[Any], bytes]) -> Made:
    data, cpu = encode(pixels.image), []
    for _ in range(REPEATS):
        before = time.process_time()
        encode(pixels.image)
        cpu.append(time.process_time() - before)
    mode = "L" if pixels.bands == 1 else "RGB"
    shown = io.BytesIO()
    Image.frombytes(mode, pixels.size, bytes(pixels.data)).save(shown, "PNG", compress_level=1)
    score = float(compute_ssimulacra2(shown, io.BytesIO(data)))
    return Made(len(data), score, statistics.median(cpu))


def _geomean(ratios: list[float]) -> float:
    return math.exp(statistics.fmean(math.log(ratio) for ratio in ratios))
