"""Where the CPU time of a photo goes: what has to be done once, and what comes on top of it.

In this process, without the decoder's: what that one adds is the difference to the whole.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from darkroom.contract.limits import Limits
from darkroom.contract.presets import PdfOptions, Preset
from darkroom.image.decode import decode
from darkroom.image.encode import jpeg
from darkroom.image.geometry import place
from darkroom.image.input.openers import open_image
from darkroom.image.input.sniff import sniff
from darkroom.image.mezzanine import unpack
from darkroom.image.pdf import document
from darkroom.image.pixels import flatten, reduce
from darkroom.image.plan import plan
from darkroom.image.render import compose, render
from darkroom.image.spec import DecodeSpec

PRESETS = tuple(Preset(name=str(side), width=side, height=side) for side in (1200, 600, 300))
REPEATS = 7


def measure(photo: Path) -> dict[str, float]:
    """Return milliseconds by stage; together they are the whole."""
    data, spec = photo.read_bytes(), DecodeSpec(presets=PRESETS)
    info, parts = decode(data, spec)
    mezzanine = b"".join(parts)
    contents = unpack(mezzanine)
    large, *others = plan("photo", info, PRESETS)
    need = (large.width, large.height)

    def opened() -> Any:  # anew each time, as rows are read but once
        return open_image(data, sniff(data), Limits()).pages[0].draw(need)

    found = {"decode": _ms(lambda: opened().copy_memory())}
    both = _ms(lambda: reduce(opened(), need).copy_memory())
    found["reduce"] = max(0.0, both - found["decode"])
    image = _drawn(contents, large)
    found["encode"] = _ms(lambda: jpeg(image, 80, graphic=False))
    prepare = _ms(lambda: decode(data, spec))
    found["rest of Prepare"] = max(0.0, prepare - sum(found.values()))
    for each in others:
        whole = _ms(lambda each=each: render(mezzanine, each))  # type: ignore[misc]
        small = _drawn(contents, each)
        encode = _ms(lambda small=small: jpeg(small, 80, graphic=False))  # type: ignore[misc]
        found[f"reduce to {each.name}"] = max(0.0, whole - encode)
        found[f"encode {each.name}"] = encode
    found["PDF"] = _ms(lambda: document(mezzanine, "photo", PdfOptions()))
    return {name: round(value, 1) for name, value in found.items()}


def _drawn(contents: Any, rendition: Any) -> Any:
    placement = place(contents.header.pages[0].source, rendition.preset)
    return flatten(compose(contents, placement, rendition), "#ffffff").copy_memory()


def _ms(work: Callable[[], Any]) -> float:
    work()
    taken = []
    for _ in range(REPEATS):
        before = time.process_time()
        work()
        taken.append(time.process_time() - before)
    return 1e3 * statistics.median(taken)
