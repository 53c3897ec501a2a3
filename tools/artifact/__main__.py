"""Run what is deployed, as Lambda runs it, and compare what it makes: ``make test-artifact``.

`make build` builds layer and functions. The engine runs the state machine twice, with the sources
under this Python, and with what was built under Arm's Python 3.13, emulated in a sandbox. Photos, a
corrupt file and a hostile one must come to the same end, with the same bytes. Where the emulation
cannot be had, that is said, and no failure.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import shutil
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from darkroom_ops.deployment import Deployment
from darkroom_ops.engine import Engine
from darkroom_ops.engine.engine import SUBSCRIBERS
from darkroom_ops.engine.lambda_.environments import Start, start_process
from tools.artifact import arm

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
TEMPLATE = ROOT / "template.yaml"
SAM_BUILD = ROOT / ".aws-sam" / "build"

REFUSED = {"corrupt.jpg": "CorruptImage", "hostile.png": "ImageTooLarge"}
"""The error of each upload that is no sound image."""

SLOWER = 20
"""How many times as long as the template allows a function may take, emulated."""

PATIENCE = 600.0
"""Seconds for the build, and for all executions of a run."""

OPTIONS = SUBSCRIBERS | {"BufferConcurrency": "2"}
"""Each upload passes through the buffer, so that all functions of the template run."""

NO_NETWORK = re.compile("Failed to fetch|error sending request")

PROBE = """
import json, os, pathlib, platform, sys
def writes(folder):
    try:
        pathlib.Path(folder, "probe").write_text("")
    except OSError:
        return False
    return True
print(json.dumps({
    "machine": platform.machine(),
    "python": platform.python_version().rpartition(".")[0],
    "executable": sys.executable,
    "writable": [each for each in ("/", "/usr", "/opt", "/var/task", "/tmp") if writes(each)],
    "shared memory": os.path.exists("/dev/shm"),
}))
"""

EXPECTED = {
    "machine": "aarch64",
    "python": "3.13",
    "executable": arm.PYTHON,
    "writable": ["/tmp"],  # noqa: S108 - the sandbox's own
    "shared memory": False,
}
"""What a function finds on Lambda."""

Result = Mapping[str, str]
"""Of an upload: how it ended, and the SHA-256 of each of its outputs by name."""


def inputs(samples: Path) -> dict[str, bytes]:
    """Return the uploads by name: the samples, one of them cut off, and a decompression bomb."""
    names = [each for each in sorted(samples.iterdir()) if each.suffix in {".jpg", ".png"}]
    found = {path.name: path.read_bytes() for path in names}
    whole = found["rocket.jpg"]
    return found | {"corrupt.jpg": whole[: len(whole) // 3], "hostile.png": bomb()}


def bomb(side: int = 60_000) -> bytes:
    """Return a PNG of a few hundred bytes that says it has billions of pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(bytes(100_000))), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def differences(native: Mapping[str, Result], built: Mapping[str, Result]) -> Iterator[str]:
    """Yield, in words, where two runs differ."""
    for upload in sorted(native.keys() | built.keys()):
        ours, theirs = native.get(upload, {}), built.get(upload, {})
        for name in sorted(ours.keys() | theirs.keys()):
            if ours.get(name) != theirs.get(name):
                yield (
                    f"{upload}: {name}: expected {ours.get(name, 'nothing')} as from the sources, "
                    f"but received {theirs.get(name, 'nothing')}."
                )


def unexpected(results: Mapping[str, Result]) -> Iterator[str]:
    """Yield, in words, which uploads ended otherwise than they should."""
    for upload, found in results.items():
        status, error = ("FAILED", REFUSED[upload]) if upload in REFUSED else ("SUCCEEDED", None)
        if (found["status"], found.get("error")) != (status, error):
            yield f"{upload}: expected {status} {error or ''}, but received {dict(found)}."


def build() -> tuple[Path, dict[str, Path]]:
    """Build, and return the folders as `built` does."""
    done = subprocess.run(
        ["make", "--no-print-directory", "build"],  # noqa: S607 - any make
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    if done.returncode and NO_NETWORK.search(done.stdout + done.stderr):
        raise arm.Absent("the layer's packages cannot be downloaded")
    if done.returncode:
        raise RuntimeError(f"`make build` failed:\n{done.stdout}{done.stderr}")
    print(done.stdout.strip(), flush=True)
    return built(by_sam=shutil.which("sam") is not None)


def built(*, by_sam: bool) -> tuple[Path, dict[str, Path]]:
    """Return the layer's folder and the functions', by the names of these in the stack.

    Functions have no dependencies of their own: what the SAM CLI makes of them is a copy, in a
    folder with the name that the template has for it.
    """
    sources = [path.parent for path in (ROOT / "functions").glob("*/app.py")]
    functions = {
        f"darkroom-{path.name.replace('_', '-')}": (
            SAM_BUILD / f"{path.name.title().replace('_', '')}Function" if by_sam else path
        )
        for path in sources
    }
    return SAM_BUILD / "ImagingLayer" if by_sam else BUILD / "layer", functions


def run(
    uploads: Mapping[str, bytes], start: Start, slower: int = 1
) -> tuple[dict[str, Result], str]:
    """Upload all, wait for their ends, and return these, and what Lambda reported, in words."""
    with Engine(TEMPLATE, parameters=OPTIONS, skip_waits=True, start=start) as engine:
        for spec in engine.functions.specs():
            engine.functions.register(dataclasses.replace(spec, timeout=spec.timeout * slower))
        # One after the other: each has the processor. That the event is refused is no matter.
        names = [spec.name for spec in engine.functions.specs()]
        cold = {name: report(engine.functions.invoke(name, {}).log) for name in names}
        at = engine.deployment
        for name, data in uploads.items():
            key = f"{at.source_prefix}{name}"
            at.s3.put_object(Bucket=at.source_bucket_name, Key=key, Body=data)
        if not engine.wait_idle(PATIENCE):
            raise RuntimeError(f"The executions did not end within {PATIENCE:.0f} s.")
        arns = by_upload(engine.executions())
        ended = {
            name: at.stepfunctions.describe_execution(executionArn=arns[name]) for name in uploads
        }
        results = {name: result(at, name, ended[name]) for name in uploads}
        return results, "\n".join(table(at, cold))


def by_upload(executions: Mapping[str, Any]) -> dict[str, str]:
    """Return the ARNs of executions by their upload's name; summaries of alerts have none."""
    return {
        given["detail"]["object"]["key"].rpartition("/")[2]: arn
        for arn, given in executions.items()
        if "detail" in given
    }


def result(at: Deployment, name: str, ended: Mapping[str, Any]) -> Result:
    """Return how an upload's execution ended, and what it made."""
    said = {key: ended[key] for key in ("status", "error", "cause") if ended.get(key)}
    prefix = f"{at.source_prefix}{name}/"
    listed = at.s3.list_objects_v2(Bucket=at.output_bucket_name, Prefix=prefix).get("Contents", [])
    for each in listed:
        body = at.s3.get_object(Bucket=at.output_bucket_name, Key=each["Key"])["Body"].read()
        said[each["Key"].removeprefix(prefix)] = hashlib.sha256(body).hexdigest()
    return said


REPORT = re.compile(r"Max Memory Used: (\d+) MB(?:\tInit Duration: ([\d.]+) ms)?")


def report(log: str) -> tuple[float, int]:
    """Return the seconds of a cold start, 0 for none, and the most memory in MiB, of a log."""
    (found,) = REPORT.findall(log)
    return float(found[1] or 0) / 1000, int(found[0])


def table(at: Deployment, cold: Mapping[str, tuple[float, int]]) -> Iterator[str]:
    """Yield a line for each function: its cold start, and the most memory of all invocations."""
    for name, (seconds, _) in cold.items():
        pages = at.logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{name}", filterPattern="REPORT"
        )
        lines = [each["message"] for page in pages for each in page["events"]]
        memory = [report(line)[1] for line in lines if line.startswith("REPORT")]
        yield f"  {name:28}{seconds:6.1f} s{max(memory):6} MiB"


def probe(sandbox: arm.Sandbox, function: str) -> dict[str, Any]:
    """Return what a function finds around it; Absent if the sandbox does not start."""
    done = subprocess.run(
        sandbox.command(function, {}, "-c", PROBE), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise arm.Absent(f"its sandbox does not start here: {done.stderr.strip()[-500:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> int:
    """Build, run both ways and compare; 1 when something differs."""
    began = time.monotonic()
    try:
        root = arm.install(BUILD / "arm")
        layer, functions = build()
        bytecode = BUILD / "arm" / "bytecode"
        shutil.rmtree(bytecode, ignore_errors=True)
        sandbox = arm.Sandbox(root, layer, functions, bytecode)
        found = probe(sandbox, "darkroom-prepare")
    except arm.Absent as absent:
        print(f"The run on Arm is left out: {absent}.")
        return 0
    if found != EXPECTED:
        print(f"Expected a sandbox like Lambda's, {EXPECTED}, but found {found}.")
        return 1
    uploads = inputs(ROOT / "samples")
    native, reported = run(uploads, start_process)
    print(f"From the sources, cold start and memory at most:\n{reported}", flush=True)
    built, reported = run(uploads, sandbox.start, SLOWER)
    print(f"As built, on emulated Arm (times and memory include the emulator's):\n{reported}")
    differs = [*unexpected(built), *differences(native, built)]
    for each in differs:
        print(each)
    outputs = sum(len(each) for each in built.values())
    print(
        f"{len(uploads)} uploads, {outputs} results compared, {len(differs)} differ "
        f"({time.monotonic() - began:.0f} s)."
    )
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main())
