"""What the Python peers share: timing, peak memory, and the line of JSON that bench.py reads."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

SIZES = (300, 600, 1200)

Pixels = dict[int, tuple[bytes, int, int, int]]
"""By size: raw 8-bit pixels, width, height, bands."""


def main(
    name: str,
    work: Callable[[bytes], int],
    pixels: Callable[[bytes], Pixels],
    *,
    other_cpu: Callable[[], float] = lambda: 0.0,
    other_peak: Callable[[], float] = lambda: 0.0,
) -> None:
    """Measure ``PEER REPEATS PHOTO FOLDER``.

    Parameters
    ----------
    name
        The peer's.
    work
        Does the whole work on a file's bytes and returns the bytes of all outputs.
    pixels
        Returns the pixels of the three sizes, before they are encoded.
    other_cpu, other_peak
        CPU seconds and peak MiB of another process that takes part.
    """
    repeats, photo, folder = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    data = photo.read_bytes()
    size = work(data)  # once unmeasured, as for every peer
    cpu, wall = [], []
    for _ in range(repeats):
        before, start = time.process_time() + other_cpu(), time.perf_counter()
        size = work(data)
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() + other_cpu() - before)
    peak = peak_mib("self") + other_peak()
    kept = {}
    for side, (raw, width, height, bands) in pixels(data).items():
        file = folder / f"{name}-{side}.raw"
        file.write_bytes(raw)
        kept[str(side)] = {"file": str(file), "width": width, "height": height, "bands": bands}
    print(
        json.dumps({"cpu": cpu, "wall": wall, "peak_mib": peak, "bytes": size, "pixels": kept}),
        flush=True,
    )


def peak_mib(process: str) -> float:
    """Return a process's peak resident memory in MiB, by ``/proc``."""
    for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0
