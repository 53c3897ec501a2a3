"""Work in forked children: each starts with the libraries loaded and nothing of the product.

A child judges one mutant, or measures one file of tests. Limits count a child's own CPU time and
not the clock, so that a busy machine changes no verdict. Only what would never end otherwise, such
as a page that streams for ever, is ended by the clock, far behind them.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import psutil

IDLE_SECONDS = 25.0
"""How long a child may do nothing at all before it counts as hung."""

JUDGING_SECONDS = 600.0
"""How long a mutant may be judged, whatever it does meanwhile."""

MEMORY_BYTES = 8 << 30


@dataclass
class Child:
    """A child at work."""

    job: Any
    pid: int
    folder: Path
    cpu: float = 0.0
    started: float = field(default_factory=time.monotonic)
    busy: float = field(default_factory=time.monotonic)

    @property
    def answer(self) -> Any:
        """What it left behind; None if it died before."""
        path = self.folder / "answer.json"
        return json.loads(path.read_text()) if path.exists() else None

    @property
    def output(self) -> str:
        """What it printed."""
        return (self.folder / "output").read_text(errors="replace")


def load(libraries: Iterable[str]) -> None:
    """Load libraries before the first fork; a process that has threads cannot be forked."""
    for name in libraries:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    threads = psutil.Process().num_threads()
    if threads > 1:
        raise SystemExit(f"{threads} threads run after the libraries are loaded: no fork is safe")
    gc.freeze()  # a child's collections leave alone what it shares


def run(
    jobs: Iterable[Any],
    work: Callable[[Any, Path], Any],
    slots: int,
    seconds: float = float("inf"),
) -> Iterator[tuple[Child, int]]:
    """Do every job in a child of its own, some side by side; yield each with its wait status.

    A child that takes more seconds than that is ended, and so is one that hangs.
    """
    waiting = iter(jobs)
    at_work: list[Child] = []
    more = True
    try:
        while more or at_work:
            while more and len(at_work) < slots:
                job = next(waiting, None)
                if job is None:
                    more = False
                else:
                    at_work.append(_start(job, work))
            for child in list(at_work):
                pid, status = os.waitpid(child.pid, os.WNOHANG)
                if pid:
                    at_work.remove(child)
                    _end_group(child)
                    yield child, status
                    shutil.rmtree(child.folder, ignore_errors=True)
                elif _hangs(child) or time.monotonic() - child.started > seconds:
                    _end_group(child)
            time.sleep(0.01)
    finally:
        for child in at_work:
            _end_group(child)
            os.waitpid(child.pid, 0)
            shutil.rmtree(child.folder, ignore_errors=True)


def _start(job: Any, work: Callable[[Any, Path], Any]) -> Child:
    folder = Path(tempfile.mkdtemp(prefix="mutant-"))
    pid = os.fork()
    if pid:
        return Child(job, pid, folder)
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        output = os.open(folder / "output", os.O_WRONLY | os.O_CREAT)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        tempfile.tempdir = os.environ["TMPDIR"] = str(folder / "tmp")
        (folder / "tmp").mkdir()
        leave(folder, work(job, folder))
    except BaseException:  # noqa: BLE001 - whatever it is, this process ends here
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(1)


def leave(folder: Path, answer: Any) -> NoReturn:
    """End this child with its answer, at once."""
    (folder / "answer.part").write_text(json.dumps(answer))
    (folder / "answer.part").rename(folder / "answer.json")
    sys.stdout.flush()
    os._exit(0)


def _end_group(child: Child) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def _hangs(child: Child) -> bool:
    try:
        spent = sum(psutil.Process(child.pid).cpu_times()[:4])
    except psutil.Error:
        return False
    if spent > child.cpu + 0.02:
        child.cpu, child.busy = spent, time.monotonic()
    return time.monotonic() - child.busy > IDLE_SECONDS
