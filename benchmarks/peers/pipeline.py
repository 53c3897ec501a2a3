"""Darkroom itself: Prepare, three Resize and MakePdf, bytes passing as between the Lambdas."""

from __future__ import annotations

import time

from measure import SIZES, Pixels, main, peak_mib

from darkroom.image.sandbox import parent
from darkroom.contract.presets import PdfOptions, Preset
from darkroom.image.spec import Decoded, DecodeSpec
from darkroom.image.pdf import document
from darkroom.image.geometry import place
from darkroom.image.mezzanine import unpack
from darkroom.image.pixels import flatten
from darkroom.image.plan import plan
from darkroom.image.render import compose, render

PRESETS = tuple(Preset(name=f"to-{side}", width=side, height=side) for side in SIZES)


def prepared(data: bytes) -> Decoded:
    return parent.decode(data, DecodeSpec(presets=PRESETS))


def work(data: bytes) -> int:
    decoded = prepared(data)
    renditions = [render(decoded.mezzanine, each) for each in plan("photo", decoded.image, PRESETS)]
    document(decoded.mezzanine, "photo", PdfOptions())
    return sum(len(rendition.data) for rendition in renditions)


def pixels(data: bytes) -> Pixels:
    decoded = prepared(data)
    contents = unpack(decoded.mezzanine)
    raw: Pixels = {}
    for side, rendition in zip(SIZES, plan("photo", decoded.image, PRESETS), strict=True):
        placement = place(contents.header.pages[0].source, rendition.preset)
        image = flatten(compose(contents, placement, rendition), "#ffffff")
        raw[side] = (bytes(image.write_to_memory()), image.width, image.height, image.bands)
    return raw


def decoder_cpu() -> float:
    """Return the CPU seconds of the decoder's process: Linux numbers its clock by the process."""
    return time.clock_gettime((~parent.start().pid << 3) | 2)


def decoder_peak() -> float:
    return peak_mib(str(parent.start().pid))


if __name__ == "__main__":
    main("pipeline", work, pixels, other_cpu=decoder_cpu, other_peak=decoder_peak)
