"""The suite of ``make test``, again and again, in conditions that find what depends on luck.

``make soak N=20``; with ``ARGS=--all``, the tests that repeat others too. Every run has an order of
its own; every second one has twice as many busy loops as cores beside it; two workers and as many
as cores take turns; the last run is a background job, as a shell without job control or ``nohup``
starts it: SIGINT and SIGHUP ignored, no terminal.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.conftest import ROOT
from tests.support.workers import processors

LIMIT_SECONDS = 3600.0
"""A run that takes longer hangs."""

LATENCY_MILLISECONDS = 300
"""Of each answer to the browser in the busy runs, which finds what is read before it is there."""

SHOWN_LINES = 60
"""Of the output of a red run."""

BUSY = "import os, time\nwhile os.getppid() == {parent}:\n    for _ in range(10**6): pass\n"
"""A loop that ends with the process that started it."""


@dataclass(frozen=True)
class Conditions:
    """What a run has to live with.

    Parameters
    ----------
    seed
        Of the random order.
    loaded
        Whether busy loops run beside it.
    workers
        What pytest-xdist's ``-n`` gets.
    background
        Whether it runs as a background job.
    """

    seed: int
    loaded: bool
    workers: str
    background: bool


@dataclass(frozen=True)
class Outcome:
    """What became of a run.

    Parameters
    ----------
    seconds
        Its duration.
    tests
        How many ran.
    failed
        The tests that failed, and what else was wrong.
    """

    seconds: float
    tests: int
    failed: tuple[str, ...]


def plan(runs: int, seed: int) -> list[Conditions]:
    """Return the conditions of each run; four in a row have every pair of load and workers."""
    return [
        Conditions(
            seed=seed + number,
            loaded=number % 2 == 1,
            workers="auto" if number // 2 % 2 else "2",
            background=number == runs - 1,
        )
        for number in range(runs)
    ]


def run(conditions: Conditions, given: list[str], folder: Path) -> Outcome:
    """Run the suite once.

    Parameters
    ----------
    conditions
        What it has to live with.
    given
        Further arguments for pytest.
    folder
        Where its report and its output go.

    Returns
    -------
    Outcome
        What the report says; a run without a report failed as a whole.
    """
    report, output = folder / f"{conditions.seed}.xml", folder / f"{conditions.seed}.txt"
    command = [
        *(sys.executable, "-m", "pytest", "-n", conditions.workers, "--dist", "worksteal"),
        *("-p", "randomly", f"--randomly-seed={conditions.seed}"),
        *("--latency", str(LATENCY_MILLISECONDS if conditions.loaded else 0)),
        *("--junitxml", str(report), *given),
    ]
    started = time.monotonic()
    with _load(conditions.loaded), output.open("wb") as written:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            preexec_fn=_in_background if conditions.background else None,  # noqa: PLW1509 - no threads
            start_new_session=True,
        )
        try:
            code = process.wait(LIMIT_SECONDS)
            hung = False
        except subprocess.TimeoutExpired:
            code, hung = -1, True
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    seconds = time.monotonic() - started
    tests, failed = _reported(report)
    if hung:
        failed.append(f"(the run did not end within {LIMIT_SECONDS:.0f} s)")
    elif code and not failed:
        failed.append(f"(the run ended with exit code {code})")
    return Outcome(seconds, tests, tuple(failed))


def _in_background() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


@contextlib.contextmanager
def _load(wanted: bool) -> Iterator[None]:
    loops = 2 * processors() if wanted else 0
    source = BUSY.format(parent=os.getpid())
    busy = [subprocess.Popen([sys.executable, "-S", "-c", source]) for _ in range(loops)]
    try:
        yield
    finally:
        for each in busy:
            each.kill()
        for each in busy:
            each.wait()


def _reported(report: Path) -> tuple[int, list[str]]:
    """Return how many tests a report has, and those that failed."""
    if not report.exists():
        return 0, []
    cases = ET.parse(report).getroot().findall(".//testcase")  # noqa: S314 - our own file
    failed = [
        f"{case.get('classname')}::{case.get('name')}"
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]
    return len(cases), failed


def main() -> int:
    """Run the suite so many times, and print what failed and how often."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("runs", type=int, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="of the first run's order")
    options, given = parser.parse_known_args()
    if options.runs < 1:
        parser.error(f"Expected at least 1 for N but received {options.runs}.")
    screen = Console(soft_wrap=True)
    folder = Path(tempfile.mkdtemp(prefix="darkroom-soak-"))
    often: Counter[str] = Counter()
    table = Table("run", "order", "workers", "load", "job", "tests", "seconds", "failed")
    green = 0
    for number, conditions in enumerate(plan(options.runs, options.seed), 1):
        outcome = run(conditions, given, folder)
        often.update(outcome.failed)
        green += not outcome.failed
        row = (
            str(number),
            str(conditions.seed),
            conditions.workers,
            "busy" if conditions.loaded else "quiet",
            "background" if conditions.background else "foreground",
            str(outcome.tests),
            f"{outcome.seconds:.0f}",
            str(len(outcome.failed)),
        )
        table.add_row(*row)
        screen.print("  ".join(row), *outcome.failed, sep="\n    ", markup=False)
        if outcome.failed:
            lines = (folder / f"{conditions.seed}.txt").read_text(errors="replace").splitlines()
            screen.print("\n".join(lines[-SHOWN_LINES:]), markup=False)
    screen.print(table)
    for test, times in often.most_common():
        screen.print(f"{times} of {options.runs}  {test}", markup=False)
    screen.print(f"{green} of {options.runs} runs are green. Their output is in {folder}.")
    return 0 if green == options.runs else 1


if __name__ == "__main__":
    sys.exit(main())
