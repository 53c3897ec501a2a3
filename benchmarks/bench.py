"""Speed and quality beside sharp, libvips and the Pillow of the demos, on the same photos.

Run by ``make bench``. For each photo each peer makes three JPEGs, inside 300, 600 and 1200 pixels,
quality 80; this pipeline makes a PDF besides. Every peer runs in a process of its own, on one
thread, with the file already in memory, once unmeasured and then REPEATS times; rounds of the
peers alternate, and medians are reported, because machines are noisy. CPU counts every process
that takes part. Quality is measured on the pixels before they are encoded; what the settings of
JPEG save, and how it looks then, comes after (:mod:`look`). Where sharp cannot be installed, the
others are measured, and nothing is said of the goals, which are relative to it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import look
import photos
import quality
import output
import stages
from PIL import Image

HERE = Path(__file__).resolve().parent
PEERS = HERE / "peers"

YARDSTICK = "sharp"
NAMES = ("pipeline", YARDSTICK, "floor", "libvips", "pillow")
SIZES = ("300", "600", "1200")
ORDINARY = 6_000_000
GOALS = {"ordinary": 0.70, "large": 0.40}
"""Of CPU beside sharp's, in geometric mean: photos of up to so many pixels, and larger ones."""
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".avif", ".gif", ".tif", ".tiff"}

Measured = dict[str, Any]


def main() -> None:
    options = _arguments()
    names = [name for name in NAMES if name != YARDSTICK or _has_sharp()]
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as scratch:
        images = _images(options.images, Path(scratch))
        measured = {}
        for image in images:
            print(f"{image.name} ({image.stat().st_size / 1e6:.1f} MB) …", file=sys.stderr)
            measured[image.name] = _measure(image, names, options, Path(scratch))
    _print_table(measured)
    spent = _measure_stages(images)
    looks = _measure_looks(images)
    found = {each.name: {"pixels": _pixels(each), "peers": measured[each.name]} for each in images}
    summary: dict[str, Any] = {"photos": found, "stages": spent, "looks": looks}
    if YARDSTICK in names:
        _print_plot(measured)
        _compare(summary)
        _print_goals(summary)
    output.write(summary, options.output)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n\n")[0])
    parser.add_argument(
        "--images", type=Path, help="a photo, or a folder of them; synthesised by default"
    )
    parser.add_argument("--repeats", type=int, default=3, help="measured runs a round (3)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of all peers (3)")
    parser.add_argument(
        "--output", type=Path, default=output.RESULTS / "bench.json", help="where the JSON goes"
    )
    return parser.parse_args()


def _has_sharp() -> bool:
    """Install the pinned sharp, once, and return whether it is there."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        print("sharp is left out: it needs Node.js 20 or newer, and npm.", file=sys.stderr)
        return False
    if (PEERS / "node_modules" / "sharp").is_dir():
        return True
    install = [npm, "ci", "--silent", "--no-audit", "--no-fund"]
    if subprocess.run(install, cwd=PEERS, check=False).returncode:
        print("sharp is left out: npm could not install it.", file=sys.stderr)
        return False
    return True


def _images(given: Path | None, scratch: Path) -> list[Path]:
    if given is not None:
        inside = given.iterdir() if given.is_dir() else [given]
        images = sorted(path for path in inside if path.suffix.lower() in SUFFIXES)
        if not images:
            sys.exit(f"Expected photos at {given}, but found none of {', '.join(SUFFIXES)}.")
        return [path.resolve() for path in images]
    print("Making photo-like images …", file=sys.stderr)
    made = []
    for name, data in photos.photos():
        path = scratch / name
        path.write_bytes(data)
        made.append(path)
    return made


def _pixels(image: Path) -> int:
    with Image.open(image) as opened:
        return opened.width * opened.height


def _measure(
    image: Path, names: list[str], options: argparse.Namespace, scratch: Path
) -> dict[str, Measured]:
    runs: dict[str, list[Measured]] = {name: [] for name in names}
    for _ in range(options.rounds):
        for name in names:
            runs[name].append(_run(name, image, options.repeats, scratch))
    full = quality.full_decode(image)
    wanted: dict[tuple[int, int], quality.Pixels] = {}
    peers = {}
    for name, measured in runs.items():
        last = measured[-1]
        psnr, ssim = {}, {}
        for side, kept in last["pixels"].items():
            size = (kept["width"], kept["height"])
            if size not in wanted:
                wanted[size] = quality.reference(full, size)
            pixels = quality.load(kept)
            psnr[side] = round(quality.psnr(pixels, wanted[size]), 2)
            ssim[side] = round(quality.ssim(pixels, wanted[size]), 5)
        peers[name] = {
            "cpu_s": statistics.median(value for run in measured for value in run["cpu"]),
            "wall_s": statistics.median(value for run in measured for value in run["wall"]),
            "peak_mib": round(max(run["peak_mib"] for run in measured), 1),
            "bytes": last["bytes"],
            "psnr": psnr,
            "ssim": ssim,
        }
    return peers


def _run(name: str, image: Path, repeats: int, scratch: Path) -> Measured:
    node = shutil.which("node") or "node"
    program = [node, "sharp.mjs"] if name == YARDSTICK else [sys.executable, f"{name}.py"]
    done = subprocess.run(
        [*program, str(repeats), str(image), str(scratch)],
        cwd=PEERS,
        env={**os.environ, "VIPS_CONCURRENCY": "1", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        check=True,
    )
    measured: Measured = json.loads(done.stdout.splitlines()[-1])
    return measured


def _compare(summary: dict[str, Any]) -> None:
    """Add to the summary how the pipeline stands beside sharp."""
    ratios: dict[str, list[float]] = {kind: [] for kind in GOALS}
    for photo in summary["photos"].values():
        ours, sharp = photo["peers"]["pipeline"], photo["peers"][YARDSTICK]
        ratio = ours["cpu_s"] / sharp["cpu_s"]
        ratios["ordinary" if photo["pixels"] <= ORDINARY else "large"].append(ratio)
        photo |= {
            "cpu_ratio_to_sharp": round(ratio, 3),
            "wall_ratio_to_sharp": round(ours["wall_s"] / sharp["wall_s"], 3),
            "bytes_ratio_to_sharp": round(ours["bytes"] / sharp["bytes"], 3),
            "peak_mib": ours["peak_mib"],
            "psnr": {
                side: {"ours": ours["psnr"][side], "sharp": sharp["psnr"][side]} for side in SIZES
            },
        }
    summary["geomean_cpu_ratio_to_sharp"] = {
        kind: round(statistics.geometric_mean(each), 3) for kind, each in ratios.items() if each
    }


def _print_table(measured: dict[str, dict[str, Measured]]) -> None:
    print(
        f"\n{'':10} {'CPU ms':>8} {'wall ms':>8} {'MiB':>6} {'JPEG kB':>8}"
        f"   {'PSNR dB at 300/600/1200':24} SSIM"
    )
    for photo, peers in measured.items():
        print(photo)
        for name, row in peers.items():
            psnr = " ".join(f"{row['psnr'][side]:6.2f}" for side in SIZES)
            ssim = " ".join(f"{row['ssim'][side]:.4f}" for side in SIZES)
            print(
                f"  {name:8} {row['cpu_s'] * 1e3:8.0f} {row['wall_s'] * 1e3:8.0f} "
                f"{row['peak_mib']:6.0f} {row['bytes'] / 1e3:8.0f}   {psnr:24} {ssim}"
            )


def _measure_stages(images: list[Path]) -> dict[str, dict[str, float]]:
    """Measure and print where the pipeline's CPU time goes."""
    spent = {image.name: stages.measure(image) for image in images}
    print("\nWhere it goes, in CPU ms")
    for name, parts in spent.items():
        print(f"{name}\n  " + ", ".join(f"{part} {taken:.1f}" for part, taken in parts.items()))
    return spent


def _measure_looks(images: list[Path]) -> dict[str, Any]:
    """Measure and print what the settings of JPEG make of the photos."""
    measured = {}
    for image in images:
        print(f"{image.name}, how it looks …", file=sys.stderr)
        measured[image.name] = look.measure(image)
    settings = look.summary(measured) if any(measured.values()) else {}
    if settings:
        print("\nJPEGs of 600 and 1200 pixels   bytes    CPU   SSIMULACRA2 lowest / mean / highest")
    for name, row in settings.items():
        scores = " / ".join(f"{row[each]:5.1f}" for each in ("lowest", "mean", "highest"))
        print(f"  quality {name:20} {row['bytes']:6.3f} {row['cpu']:6.2f}   {scores}")
    return {"settings": settings, "photos": measured}


def _print_plot(measured: dict[str, dict[str, Measured]]) -> None:
    """Draw CPU time in bars of characters, sharp being 100 %."""
    print("\nCPU, sharp = 100 % (pipeline includes the PDF)")
    width = 40
    for photo, peers in measured.items():
        print(photo)
        for name, row in peers.items():
            share = row["cpu_s"] / peers[YARDSTICK]["cpu_s"]
            bar = "█" * max(1, round(min(share, 2.0) * width / 2))
            print(f"  {name:8} {bar:{width}} {share:5.0%}")


def _print_goals(summary: dict[str, Any]) -> None:
    photos_of = summary["photos"].values()
    sizes = [pair for photo in photos_of for pair in photo["psnr"].values()]
    least = min(pair["ours"] for pair in sizes)
    better = sum(pair["ours"] >= pair["sharp"] for pair in sizes)
    worst = max(photo["cpu_ratio_to_sharp"] for photo in photos_of)
    most = max(photo["bytes_ratio_to_sharp"] for photo in photos_of)
    print("\nBeside sharp")
    for kind, mean in summary["geomean_cpu_ratio_to_sharp"].items():
        print(f"CPU: {mean:.2f} geometric mean of the {kind} photos (goal ≤ {GOALS[kind]:.2f})")
    print(f"CPU: {worst:.2f} worst (≤ 1.20)")
    print(f"Bytes of the three JPEGs: {most:.2f} worst (≤ 1.02)")
    print(f"PSNR: {least:.1f} dB at least (≥ 45), at or above sharp in {better} of {len(sizes)}")


if __name__ == "__main__":
    main()
