"""What each function's memory size costs, and how long it takes: Lambda grants CPU by memory.

Run as ``python benchmarks/memory.py``. Each step runs in a process of its own, as on Lambda, with
its real boto3 client answered in memory, so that signing, checksums and parsing are measured and
the network is not. Measured, for each photo: CPU seconds of a warm call (its child process
included), CPU seconds of the cold start with its first call, and the peak memory. Then modelled,
for each size:

- A function has memory / 1,769 MB of a vCPU (Lambda developer guide, "Memory"); our steps use one
  thread at a time, so more than one vCPU helps nothing.
- Each S3 call adds the network's time below, which does not depend on memory. These two times are
  assumptions, in the middle of what S3 documents for small objects (100-200 ms at most).

Writes ``benchmarks/results/memory.json``, which docs/cost.md and ``benchmarks/capacity.py`` use.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import os
import statistics
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "memory.json"
PHOTOS = ("rocket.jpg", "phone-portrait.jpg", "dandelions.jpg", "deep-field.jpg", "coffee.png")

FULL_VCPU_MB = 1769
READ_SECONDS = 0.030
WRITE_SECONDS = 0.050
STEPS = {
    "prepare": (3, 2),  # reads and writes of S3 in one call, in sequence
    "resize": (2, 1),
    "pdf": (2, 1),
    "backup": (2, 1),
}
SIZES = (256, 512, 768, 1024, 1536, 1769, 2048)
CALLS = 9
WATCH_SECONDS = 0.005


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n\n")[0])
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--photo", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        print(json.dumps(_measure(options.step, ROOT / "samples" / options.photo)))
        return
    found = {step: [_in_process(step, photo) for photo in PHOTOS] for step in STEPS}
    table = {step: _modelled(step, measured) for step, measured in found.items()}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"measured": found, "modelled": table}, indent=1) + "\n")
    _print(found, table)


def _in_process(step: str, photo: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--step", step, "--photo", photo],
        stdout=subprocess.PIPE,
        check=True,
        env={**os.environ, **_environment()},
    )
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _environment() -> dict[str, str]:
    sys.path.insert(0, str(ROOT))
    from benchmarks.coldstart import _settings

    return {
        **_settings(),
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "POWERTOOLS_LOG_LEVEL": "ERROR",
    }


# ---------------------------------------------------------------------------- one step, measured


def _measure(step: str, photo: Path) -> dict[str, float]:
    bare = _cpu()
    sys.path[:0] = [str(ROOT / "layers" / "imaging"), str(ROOT / "functions" / step)]
    import app  # the handler's module, as Lambda imports it

    memory = _AnsweredInMemory({("source", f"uploads/{photo.name}"): photo.read_bytes()})
    memory.answer(app.STORAGE._s3)  # noqa: SLF001 - the very client that the handler uses
    call = _call(step, app, memory, f"uploads/{photo.name}")
    call()
    cold = _cpu() - bare - memory.prepared
    before = _cpu()
    for _ in range(CALLS):
        call()
    warm = (_cpu() - before) / CALLS
    with _Peak() as peak:
        for _ in range(CALLS):
            call()
    return {"warm_cpu_s": warm, "cold_cpu_s": cold, "peak_mb": peak.mb}


def _call(step: str, app: Any, memory: _AnsweredInMemory, key: str) -> Any:
    """Return a call of the step; what the steps before it make is made first."""
    from darkroom import settings, steps
    from darkroom.contracts import BackupTask, PdfTask, ResizeTask
    from darkroom.limits import Limits

    class Presets:
        def read(self, _: str) -> str:
            names = {"small": 300, "medium": 600, "large": 1200}
            return json.dumps([{"name": n, "width": w, "height": w} for n, w in names.items()])

    def prepare() -> Any:
        return steps.prepare(
            {"source": {"bucket": "source", "key": key}},
            "run",
            app.STORAGE,
            Presets(),  # type: ignore[arg-type]
            settings.PrepareSettings(work_bucket="work", presets_parameter="presets"),
            Limits(),
        )

    if step == "prepare":
        return prepare
    before = _cpu()
    plan = prepare()
    memory.prepared = _cpu() - before
    if step == "backup":
        backup = BackupTask(source=plan.source, original=plan.original, image=plan.image)
        return lambda: steps.back_up(backup, app.STORAGE, app.SETTINGS)
    if step == "pdf":
        pdf = PdfTask(source=plan.source, claim=1, mezzanine=plan.mezzanine,
                      document_key=plan.document_key, pdf=plan.pdf)  # fmt: skip
        return lambda: steps.make_pdf(pdf, app.STORAGE, app.SETTINGS)
    tasks = [
        ResizeTask(source=plan.source, claim=1, mezzanine=plan.mezzanine, rendition=rendition)
        for rendition in plan.renditions
    ]
    at = iter(range(10**6))
    return lambda: steps.resize(tasks[next(at) % len(tasks)], app.STORAGE, app.SETTINGS)


class _AnsweredInMemory:
    """S3, as far as the steps use it, inside the process: no network, no other thread."""

    def __init__(self, objects: dict[tuple[str, str], bytes]) -> None:
        self.objects = objects
        self.prepared = 0.0

    def answer(self, client: Any) -> None:
        client.meta.events.register("before-send.s3", self._respond)

    def _respond(self, request: Any, **_: object) -> Any:
        import hashlib
        from urllib.parse import unquote, urlsplit

        from botocore.awsrequest import AWSResponse

        address = urlsplit(request.url)
        bucket, key = address.netloc.partition(".")[0], unquote(address.path.lstrip("/"))
        copied = request.headers.get("x-amz-copy-source")
        headers: dict[str, str] = {}
        body, status = b"", 200
        if request.method == "PUT" and copied:
            text = copied.decode() if isinstance(copied, bytes) else copied
            name = unquote(text).partition("?")[0].strip("/").partition("/")
            self.objects[bucket, key] = data = self.objects[name[0], name[2]]
            digest = hashlib.md5(data).hexdigest()  # noqa: S324 - S3's etag
            body = f"<CopyObjectResult><ETag>{digest}</ETag></CopyObjectResult>".encode()
        elif request.method == "PUT":
            sent = request.body
            self.objects[bucket, key] = sent if isinstance(sent, bytes) else sent.read()
        elif (bucket, key) in self.objects:
            data = self.objects[bucket, key]
            headers = {
                "content-length": str(len(data)),
                "etag": f'"{hashlib.md5(data).hexdigest()}"',  # noqa: S324
            }
            body = b"" if request.method == "HEAD" else data
        else:
            status = 404
        return AWSResponse(request.url, status, headers, _Raw(body))


class _Raw(io.BytesIO):
    def stream(self, **_: object) -> Any:
        yield self.read()


def _tree() -> list[psutil.Process]:
    """Return this process and its children: Prepare decodes in a process of its own."""
    this = psutil.Process()
    return [this, *this.children(recursive=True)]


def _cpu() -> float:
    """Return the CPU seconds that the tree has used so far."""
    return math.fsum(sum(each.cpu_times()[:2]) for each in _tree())


class _Peak:
    """Watches the memory of the tree, in MB, until it is closed."""

    def __init__(self) -> None:
        self.mb = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(WATCH_SECONDS):
            used = 0.0
            for each in _tree():
                with contextlib.suppress(psutil.Error):
                    used += each.memory_info().rss
            self.mb = max(self.mb, used / 1e6)


# ---------------------------------------------------------------------------- the model


def _modelled(step: str, measured: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    from ops.cost import PRICES

    cpu = statistics.mean(each["warm_cpu_s"] for each in measured)
    reads, writes = STEPS[step]
    network = reads * READ_SECONDS + writes * WRITE_SECONDS
    table = {}
    for size in SIZES:
        seconds = cpu / min(1.0, size / FULL_VCPU_MB) + network
        usd = size / 1024 * seconds * PRICES.lambda_gb_second
        table[str(size)] = {"seconds": round(seconds, 3), "usd_per_1000": round(usd * 1000, 5)}
    return table


def _print(found: dict[str, Any], table: dict[str, dict[str, dict[str, float]]]) -> None:
    for step, measured in found.items():
        cpu = statistics.mean(each["warm_cpu_s"] for each in measured)
        cold = statistics.median(each["cold_cpu_s"] for each in measured)
        peak = max(each["peak_mb"] for each in measured)
        print(
            f"{step}: {cpu * 1000:.0f} ms of CPU a call, {cold * 1000:.0f} ms cold, {peak:.0f} MB"
        )
        for size, each in table[step].items():
            print(
                f"  {size:>5} MB  {each['seconds']:7.3f} s  ${each['usd_per_1000']:.5f} per 1,000"
            )


if __name__ == "__main__":
    main()
