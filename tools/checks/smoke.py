"""Run every target that the documents name, on its smallest input: what nothing runs is broken.

Run by ``make smoke``; ``ARGS="bench demo"`` runs some. Each is what a person would type, and writes
into a pipe. Prints a line for each command, with its time, and all that the failed ones said.
tests/template/test_documents.py compares the list with the documents.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from tools.checks.stack import ROOT

OUT = ROOT / "build" / "smoke"

COMMANDS = (
    "make help",
    "make format",
    "make schema",
    "make lock",
    "make quick ARGS='-k test_keys'",
    "make build",
    "make demo | cat",
    # The other way to give it an engine: one that runs.
    """
    .venv/bin/darkroom up > build/smoke/up.txt & trap "kill $!" EXIT
    until grep -qs "Darkroom is up" build/smoke/up.txt; do kill -0 $!; sleep 0.2; done
    endpoint=$(grep --max-count 1 --only-matching "http://[0-9.:]*" build/smoke/up.txt)
    make test-e2e ENDPOINT="$endpoint" ARGS='-k small_images_are_not_enlarged'
    """,
    "make chaos ARGS='--uploads 16'",
    "make fuzz ARGS='--examples 10'",
    (
        "make mutate ARGS='layers/darkroom/darkroom/contract/keys.py "
        "--tests tests/unit/contract/test_keys.py --sample 5'"
    ),
    "make soak N=1 ARGS=tests/unit/contract/test_keys.py",
    "make bench ARGS='--images samples/rocket.jpg --rounds 1 --repeats 1'",
    """
    make bench-engine ARGS='--runs 1 --batch 2 --executions 4'
    for field in wall_s engine_share_s engine_cpu_s_per_image throughput_of_pool first_image_s \\
        memory_mib; do grep --quiet "\\"$field\\"" build/smoke/results/engine.json; done
    """,
    "make bench-coldstart ARGS='--rounds 1'",
    "make bench-console ARGS='--executions 10 --rounds 1'",
    "make screenshots ARGS='--page inbox --folder build/smoke'",
)

ELSEWHERE = {
    "check": "run by .ci/run",
    "test": "run by .ci/run",
    "test-artifact": "run by .ci/run",
    "test-second-engine": "run by .ci/run",
    "smoke": "run by .ci/run",
    "clean": "run by tests/template/test_documents.py, in an empty folder",
    "deploy": "needs an account; tests/template/test_documents.py sees it ask for the SAM CLI",
}
"""Targets that are not run here, and why."""

SLOW = 60
"""Seconds. On a quiet machine each takes less."""

HANGS = 300
"""Seconds."""

LACKS = {
    "screenshots": re.compile("There is no Chromium"),
    "lock": re.compile("Failed to fetch|error sending request"),
    "build": re.compile("Failed to fetch|error sending request"),
}
"""What a target says that fails where there is no Chromium, or no network. No other may fail."""


def targets(command: str) -> set[str]:
    """Return the targets that a command runs."""
    return set(re.findall(r"\bmake ([a-z][a-z0-9-]*)", command))


def run(command: str) -> bool:
    """Run a command, print what came of it, and return whether it was as it should."""
    before, began = _tree(), time.monotonic()
    code, said = _output(command)
    seconds = time.monotonic() - began
    lacking = [LACKS[target] for target in targets(command) if target in LACKS]
    lacks = [line.strip() for line in said.splitlines() if any(of.search(line) for of in lacking)]
    changed = _tree() != before
    good = (code == 0 or bool(lacks)) and not changed
    outcome = "FAILED" if not good else "skipped" if code else "slow" if seconds > SLOW else "ok"
    name = next((each.strip() for each in command.splitlines() if "make " in each), command)
    print(f"{outcome:<8}{seconds:5.0f} s  {name}", flush=True)
    for line in lacks[:1] if code else ():
        print(f"{'':17}{line}")
    if changed:
        print(f"{'':17}It changed files of the repository; `git diff` shows which.")
    if not good:
        print(said)
    return good


def _output(command: str) -> tuple[int, str]:
    """Return the exit code of a command and what it said; end one that hangs, and its children."""
    # What an outer make passes on is not for these.
    settings = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    with subprocess.Popen(
        ["bash", "-e", "-o", "pipefail", "-c", command],  # noqa: S607 - any bash
        cwd=ROOT,
        env=settings | {"DARKROOM_HOME": str(OUT / "home"), "RESULTS": str(OUT / "results")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            said, _ = process.communicate(timeout=HANGS)
        except subprocess.TimeoutExpired:
            _end(process.pid)
            said, _ = process.communicate()
            return 1, f"{said}\nIt was ended after {HANGS} s."
        finally:
            _end(process.pid)
        return process.returncode, said


def _end(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _tree() -> bytes:
    """Return how the files that git knows differ from the last commit."""
    git = shutil.which("git")
    if git is None:
        return b""
    return subprocess.run([git, "diff", "HEAD"], cwd=ROOT, capture_output=True, check=False).stdout


def main(wanted: list[str]) -> int:
    """Run the commands of some targets, or all; 1 when one failed, 2 for an unknown target."""
    known = set().union(*map(targets, COMMANDS))
    if unknown := set(wanted) - known:
        print(f"Expected some of {', '.join(sorted(known))}, but received {', '.join(unknown)}.")
        return 2
    OUT.mkdir(parents=True, exist_ok=True)
    asked = [each for each in COMMANDS if not wanted or targets(each) & set(wanted)]
    failed = [command for command in asked if not run(command)]
    print(f"{len(asked) - len(failed)} of {len(asked)} commands are good.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
