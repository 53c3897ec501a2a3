"""How fast the local engine runs the workflow, and how much of that is its own share.

Run by ``make bench-engine``. Writes ``benchmarks/results/engine.json``:

- ``wall_s``: median seconds from the start of the upload of a 2-megapixel photo to the end of its
  execution, on the warm engine.
- ``engine_share_s``: median of the same less the handlers' time on the critical path: Prepare, the
  slowest Resize, and the slower of MakePdf and BackupOriginal, each as the engine reports a
  function's duration.
- ``batch_s``: seconds from the first of BATCH uploads at once to the end of the last execution.
- ``engine_cpu_s_per_image``: CPU seconds of the engine's own process during these. Neither its
  functions' processes nor the uploading one are it, nor what this benchmark asks meanwhile.
- ``functions_cpu_s_per_image``: CPU seconds of the functions' processes and their decoders during
  these: all of the handlers' own work, with what boto3 takes there.
- ``throughput_of_pool``: images a second of these, as a share of what a plain pool of as many
  processes as there are CPUs would reach with the handlers' own work: with nothing else to do, it
  takes those CPU seconds divided by the CPUs.
- ``throughput_of_imaging``: the same, as a share of what such a pool reaches, measured, with the
  imaging alone, without AWS.
- ``first_image_s``: seconds from an upload to the end of its execution, on a ``darkroom up`` that
  has only just said that it is there.
- ``samples_s``: the same of the demo's samples, uploaded at once, to the end of the last of them.
- ``memory_mib``: the resident memory of the engine's own process after so many executions, with
  small pictures.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import output
import psutil
from darkroom.contract.presets import PdfOptions, Preset, parse_presets
from darkroom.image.pdf import document
from darkroom.image.plan import plan
from darkroom.image.render import render
from darkroom.image.sandbox import parent
from darkroom.image.spec import DecodeSpec
from PIL import Image
from rich.console import Console
from rich.table import Table

from darkroom_ops import allocator, presets
from darkroom_ops.cli import demonstration
from darkroom_ops.deployment import Deployment
from darkroom_ops.engine.engine import Engine
from darkroom_ops.engine.lambda_.functions import Invocation
from darkroom_ops.executions.model import Execution
from darkroom_ops.executions.watch import Watcher

PROJECT = Path(__file__).parent.parent

WARM_UPS = 3
PIXELS = (1920, 1080)
IDLE_SECONDS = 120.0

SMALL_PIXELS = (96, 64)
FIRST_COUNT = BATCH = 100
"""Executions after which the memory is looked at for the first time, and those started at once."""

WALL_GOAL_S = 1.5
SHARE_GOAL_S = 0.5
CPU_GOAL_S = 0.08
POOL_GOAL = 0.7
FIRST_GOAL_S = 1.5
SAMPLES_GOAL_S = 3.0

# Functions whose invocations run side by side; the slowest of each group is on the critical path.
# Notify is none of them: it tells of what has ended.
STAGES = {
    "darkroom-prepare": "prepare",
    "darkroom-resize": "resize",
    "darkroom-make-pdf": "archive",
    "darkroom-backup-original": "archive",
}


@dataclass(frozen=True)
class Run:
    """One image's way through the workflow, in seconds."""

    wall: float
    stages: dict[str, float]

    @property
    def handlers(self) -> float:
        """The handlers' time on the critical path."""
        return sum(self.stages.values())

    @property
    def share(self) -> float:
        """What the engine itself took."""
        return self.wall - self.handlers


class Durations:
    """The durations of all invocations, by execution and stage, as the engine reports them."""

    def __init__(self, engine: Engine) -> None:
        self._slowest: dict[str, dict[str, float]] = defaultdict(dict)
        self._functions = engine.functions
        self._invoke = engine.functions.invoke

    def __enter__(self) -> Self:
        self._functions.invoke = self._recorded  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        self._functions.invoke = self._invoke  # type: ignore[method-assign]

    def of(self, execution: Execution) -> dict[str, float]:
        """Return the slowest invocation of each stage of an execution."""
        return self._slowest[execution.arn]

    def _recorded(self, name: str, event: Any) -> Invocation:
        done = self._invoke(name, event)
        if name in STAGES:
            stages = self._slowest[event["execution"]]
            stages[STAGES[name]] = max(stages.get(STAGES[name], 0.0), done.seconds)
        return done


def photo(pixels: tuple[int, int] = PIXELS) -> bytes:
    """Return a photo, of two megapixels unless it is told otherwise."""
    with Image.open(PROJECT / "samples" / "dandelions.jpg") as original:
        reduced = original.resize(pixels, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    reduced.save(buffer, "jpeg", quality=90)
    return buffer.getvalue()


def one_by_one(engine: Engine, body: bytes, count: int) -> list[Run]:
    """Upload a photo, wait for its end, and again."""
    watcher = Watcher(engine.deployment.stepfunctions, engine.deployment.state_machine_arn)
    runs = []
    with Durations(engine) as durations:
        for index in range(WARM_UPS + count):
            began = upload(engine.deployment, f"one-{index}.jpg", body)
            assert engine.wait_idle(IDLE_SECONDS)
            (execution,) = (each for each in watcher.poll() if each.ended)
            assert execution.outcome == "COMPLETE", execution.cause
            assert execution.stopped is not None
            runs.append(Run(execution.stopped.timestamp() - began, durations.of(execution)))
    return runs[WARM_UPS:]


@dataclass(frozen=True)
class Batch:
    """Many uploads at once, in seconds: to the last one's end, and of CPU."""

    seconds: float
    engine_cpu: float
    functions_cpu: float
    ended: list[Execution]


def at_once(
    engine: Engine, uploads: Executor, body: bytes, count: int, name: str = "many"
) -> Batch:
    """Upload many photos at once, in a process of its own, and wait for their end."""
    watcher = Watcher(engine.deployment.stepfunctions, engine.deployment.state_machine_arn)
    watcher.poll()
    spent, functions = own_cpu(), functions_cpu()
    names = [f"{name}-{index}.jpg" for index in range(count)]
    keys = engine.endpoint, engine.keys.secret
    began: float = uploads.submit(upload_all, *keys, names, body).result()
    assert engine.wait_idle(IDLE_SECONDS), "some executions never ended"
    spent, functions = own_cpu() - spent, functions_cpu() - functions
    ended = [execution for execution in watcher.poll() if execution.ended]
    last = max(e.stopped.timestamp() for e in ended if e.stopped is not None)
    return Batch(last - began, spent, functions, ended)


def own_cpu() -> float:
    """Return the CPU seconds of the engine's process, without this thread, which only measures."""
    return time.process_time() - time.thread_time()


def functions_cpu() -> float:
    """Return the CPU seconds of the functions' processes, and of all that they started so far."""
    others = {each.pid for each in multiprocessing.active_children()}
    started = [each for each in psutil.Process().children() if each.pid not in others]
    spent = 0.0
    for each in [
        *started,
        *(below for child in started for below in child.children(recursive=True)),
    ]:
        with contextlib.suppress(psutil.NoSuchProcess):  # then its parent has its time
            spent += sum(each.cpu_times()[:4])
    return spent


@functools.cache
def _deployed(endpoint: str, secret_key: str) -> Deployment:
    return Deployment(endpoint=endpoint, secret_key=secret_key)


def upload_all(endpoint: str, secret_key: str, names: list[str], body: bytes) -> float:
    """Upload photos, eight at once, and return when that began."""
    deployment = _deployed(endpoint, secret_key)
    deployment.s3.head_bucket(Bucket=deployment.source_bucket_name)  # making the client is not it
    with ThreadPoolExecutor(8) as pool:
        return min(pool.map(lambda name: upload(deployment, name, body), names))


def imaging_seconds(body: bytes, presets: tuple[Preset, ...], count: int) -> float:
    """Return how long processes take for as many photos, which do nothing but the imaging."""
    processes = os.cpu_count() or 1
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, fresh) as pool:
        warm = [pool.submit(imaging, body, presets) for _ in range(4 * processes)]
        for each in warm:
            each.result()
        began = time.perf_counter()
        list(pool.map(imaging, [body] * count, [presets] * count))
        return time.perf_counter() - began


def imaging(body: bytes, presets: tuple[Preset, ...]) -> None:
    """Do what the functions do with a photo, but for what they ask of AWS."""
    decoded = parent.decode(body, DecodeSpec(presets=presets, pdf=PdfOptions()))
    for each in plan("photo.jpg", decoded.image, presets):
        render(decoded.mezzanine, each)
    document(decoded.mezzanine, "photo.jpg", PdfOptions())


def first(objects: Mapping[str, bytes]) -> float:
    """Return how long objects take on a ``darkroom up`` that has only just started.

    That is from the first upload, of all at once, to the end of the last execution.
    """
    command = [sys.executable, "-m", "darkroom_ops.cli.entry", "up", "--json"]
    with (
        tempfile.TemporaryDirectory() as home,
        subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**os.environ, "DARKROOM_HOME": home},
            stdout=subprocess.PIPE,
            text=True,
        ) as up,
    ):
        try:
            assert up.stdout is not None
            said = json.loads(next(up.stdout))
            key = said["exports"]["AWS_SECRET_ACCESS_KEY"]
            at = Deployment(endpoint=said["endpoint"], secret_key=key)
            at.s3.head_bucket(Bucket=at.source_bucket_name)  # making the client is not the engine's
            with ThreadPoolExecutor(len(objects)) as pool:
                began = min(pool.map(lambda name: upload(at, name, objects[name]), objects))
            watcher = Watcher(at.stepfunctions, at.state_machine_arn)
            ended: list[Execution] = []
            while len(ended) < len(objects):
                time.sleep(0.02)
                ended += [each for each in watcher.poll() if each.ended]
        finally:
            up.terminate()
    for each in ended:
        assert each.outcome == "COMPLETE" or "corrupt" in str(each.source), each.cause
    return max(each.stopped.timestamp() for each in ended if each.stopped is not None) - began


def samples() -> dict[str, bytes]:
    """Return as much as ``darkroom demo`` processes: its files, the last in place of an event."""
    return {
        f"{index}-{each.name}": demonstration.content(each)
        for index, each in enumerate(demonstration.samples())
    }


def memory(engine: Engine, uploads: Executor, counts: list[int]) -> dict[str, float]:
    """Return the memory in MiB after so many executions of small pictures each.

    Nobody reads the list of executions meanwhile: in this process, that would be measured, too.
    """
    body, done = photo(SMALL_PIXELS), 0
    found = {}
    for count in counts:
        while done < count:
            names = [f"small-{number}.jpg" for number in range(done, min(done + BATCH, count))]
            uploads.submit(upload_all, engine.endpoint, engine.keys.secret, names, body).result()
            assert engine.wait_idle(IDLE_SECONDS), "some executions never ended"
            done += len(names)
        found[str(count)] = round(psutil.Process().memory_info().rss / 2**20, 1)
    return found


def upload(deployment: Deployment, name: str, body: bytes) -> float:
    """Upload a photo and return when that began."""
    began = time.time()
    deployment.s3.put_object(
        Bucket=deployment.source_bucket_name, Key=deployment.source_prefix + name, Body=body
    )
    return began


def main() -> int:
    """Measure, print a table and write the results; 1 when an image is not complete."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n\n")[0])
    parser.add_argument("--runs", type=int, default=15, help="photos one by one (15)")
    parser.add_argument("--batch", type=int, default=40, help="photos at once (40)")
    parser.add_argument("--executions", type=int, default=2000, help="small pictures (2000)")
    options = parser.parse_args()
    allocator.restart()  # as `darkroom up` does
    body = photo()
    first_image_s, samples_s = first({"first.jpg": body}), first(samples())
    fresh = multiprocessing.get_context("spawn")
    with Engine(PROJECT / "template.yaml") as engine, ProcessPoolExecutor(1, fresh) as uploads:
        engine.warm()
        engine.functions.warm()
        imaging_s = imaging_seconds(
            body, parse_presets(presets.get(engine.deployment).text), options.batch
        )
        runs = one_by_one(engine, body, options.runs)
        cpus = os.cpu_count() or 1
        at_once(engine, uploads, body, 2 * cpus, name="warm")  # as many of each function as run
        batch = at_once(engine, uploads, body, options.batch)
        counts = sorted({min(FIRST_COUNT, options.executions), options.executions})
        memory_mib = memory(engine, uploads, counts)
    right = sum(execution.outcome == "COMPLETE" for execution in batch.ended)
    distinct = len({e.source.key for e in batch.ended if e.source is not None})
    figures: dict[str, Any] = {
        "wall_s": median([run.wall for run in runs]),
        "engine_share_s": median([run.share for run in runs]),
        "handlers_s": median([run.handlers for run in runs]),
        "prepare_s": median([run.stages["prepare"] for run in runs]),
        "resize_s": median([run.stages["resize"] for run in runs]),
        "archive_s": median([run.stages["archive"] for run in runs]),
        "wall_max_s": round(max(run.wall for run in runs), 4),
        "runs": options.runs,
        "batch_images": options.batch,
        "batch_s": round(batch.seconds, 3),
        "batch_executions": len(batch.ended),
        "batch_complete": right,
        "engine_cpu_s_per_image": round(batch.engine_cpu / options.batch, 4),
        "functions_cpu_s_per_image": round(batch.functions_cpu / options.batch, 4),
        "pool_s": round(batch.functions_cpu / cpus, 3),
        "throughput_of_pool": round(batch.functions_cpu / cpus / batch.seconds, 3),
        "imaging_pool_s": round(imaging_s, 3),
        "throughput_of_imaging": round(imaging_s / batch.seconds, 3),
        "first_image_s": round(first_image_s, 3),
        "samples_s": round(samples_s, 3),
        "memory_mib": memory_mib,
        "photo": {"width": PIXELS[0], "height": PIXELS[1], "bytes": len(body)},
        "cpus": cpus,
    }
    report(figures)
    output.write(figures, output.RESULTS / "engine.json")
    return 0 if right == distinct == len(batch.ended) == options.batch else 1


def median(values: list[float]) -> float:
    """Return the median, to a tenth of a millisecond."""
    return round(statistics.median(values), 4)


def report(figures: dict[str, Any]) -> None:
    """Print the results."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(f"One 2-megapixel photo, warm, median of {figures['runs']}")
    table.add_column("seconds", justify="right")
    table.add_column("goal", justify="right")
    table.add_row("upload to end of execution", f"{figures['wall_s']:.3f}", f"{WALL_GOAL_S}")
    table.add_row("  handlers on the critical path", f"{figures['handlers_s']:.3f}", "")
    table.add_row("    Prepare", f"{figures['prepare_s']:.3f}", "")
    table.add_row("    Resize, the slowest", f"{figures['resize_s']:.3f}", "")
    table.add_row("    MakePdf or BackupOriginal", f"{figures['archive_s']:.3f}", "")
    table.add_row("  the engine's own share", f"{figures['engine_share_s']:.3f}", f"{SHARE_GOAL_S}")
    table.add_row("", "", "")
    table.add_row(
        "CPU of the engine's own process, each of many at once",
        f"{figures['engine_cpu_s_per_image']:.3f}",
        f"{CPU_GOAL_S}",
    )
    table.add_row(
        "the first after `darkroom up`", f"{figures['first_image_s']:.3f}", f"{FIRST_GOAL_S}"
    )
    table.add_row(
        "the demo's seven at once after it", f"{figures['samples_s']:.3f}", f"{SAMPLES_GOAL_S}"
    )
    screen = Console(highlight=False)
    screen.print(table)
    screen.print(
        f"\n{figures['batch_images']} uploads at once: {figures['batch_complete']} of "
        f"{figures['batch_executions']} executions complete, in {figures['batch_s']:.1f} s: "
        f"{figures['throughput_of_pool']:.0%} of what a plain pool would reach with the handlers' "
        f"own work (goal {POOL_GOAL:.0%}), {figures['throughput_of_imaging']:.0%} of what one "
        "reaches with the imaging alone."
    )
    for count, mib in figures["memory_mib"].items():
        screen.print(f"Memory after {count} executions: {mib:.1f} MiB.")


if __name__ == "__main__":
    sys.exit(main())
