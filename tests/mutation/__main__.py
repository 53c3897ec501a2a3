"""``make mutate``: break the product, one line at a time, and see whether a test notices."""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.mutation import children, definition, judging
from tests.mutation.areas import AREAS, DEFINITION, ROOT, files
from tests.mutation.mutants import Source

EQUIVALENT = Path(__file__).with_name("equivalent.yaml")
QUICK = ("tests/unit", "tests/template")
ENGINE = ("tests/engine", "tests/statemachine")


@dataclass(frozen=True)
class Survivor:
    """A change that no test noticed."""

    file: str
    line: int
    before: str
    after: str
    untested: bool

    def __str__(self) -> str:
        note = "  (no test runs it)" if self.untested else ""
        before = "\n".join(f"    - {line}" for line in self.before.splitlines())
        after = "\n".join(f"    + {line}" for line in self.after.splitlines())
        return f"{self.file}:{self.line}{note}\n{before}\n{after}"


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and so end the children
    os.nice(5)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # its threads would be there before the first fork
    sys.dont_write_bytecode, sys.pycache_prefix = False, str(ROOT / ".mutate" / "bytecode")
    chosen = _chosen(options)
    if not chosen:
        print("Nothing that is mutated has changed since main. ARGS=--all takes everything.")
        return 0
    counts: Counter[tuple[str, str]] = Counter()
    survivors: list[Survivor] = []
    equivalent = _Equivalent(set(chosen))
    started = time.monotonic()
    for area, verdict, survivor in _judge(chosen, options, equivalent):
        counts[area, verdict] += 1
        if survivor is not None:
            survivors.append(survivor)
            if options.list_survivors:
                print(survivor, flush=True)
    print(f"\n{sum(counts.values())} mutants in {time.monotonic() - started:.0f} s\n")
    return _report(counts, survivors, equivalent, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make mutate", description=__doc__)
    parser.add_argument("files", nargs="*", help="these files; by default those that changed")
    parser.add_argument("--all", action="store_true", help="every file")
    parser.add_argument("--area", choices=AREAS, action="append", help="every file of an area")
    parser.add_argument("--sample", type=int, metavar="N", help="so many mutants of each area")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--lines", metavar="FROM-TO", help="only mutants of these lines")
    parser.add_argument("--tests", action="append", help="judge by these tests (files or folders)")
    parser.add_argument("--engine", action="store_true", help="then by those on the engine: slow")
    parser.add_argument(
        "--list-survivors", action="store_true", help="what changed, as it is found"
    )
    parser.add_argument("--base", default="main", help="changed since this commit")
    jobs = int(os.environ.get("JOBS", "2"))
    parser.add_argument("--jobs", type=int, default=jobs, help="side by side; also JOBS=")
    return parser.parse_args()


def _chosen(options: argparse.Namespace) -> dict[str, str]:
    """Return the files to mutate, with their areas."""
    known = files()
    if options.files:
        unknown = sorted(set(options.files) - set(known))
        if unknown:
            raise SystemExit(f"Not among the files that are mutated: {', '.join(unknown)}")
        return {file: known[file] for file in options.files}
    if options.area:
        return {file: area for file, area in known.items() if area in options.area}
    if options.all:
        return known
    changed = _changed(options.base)
    return {file: area for file, area in known.items() if file in changed}


def _changed(base: str) -> set[str]:
    def git(*arguments: str) -> list[str]:
        done = subprocess.run(
            ["git", *arguments],  # noqa: S607 - whichever git made this checkout
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.splitlines()

    since = git("merge-base", base, "HEAD") or ["HEAD"]
    return {
        *git("diff", "--name-only", since[0]),
        *git("ls-files", "--others", "--exclude-standard"),
    }


def _judge(
    chosen: dict[str, str], options: argparse.Namespace, equivalent: _Equivalent
) -> Iterator[tuple[str, str, Survivor | None]]:
    """Yield the area and the verdict of each mutant, and what survived."""
    bench = _Bench(options)
    for area, files_of in _by_area(chosen).items():
        sources = [bench.sources[file] for file in files_of]
        bench.check(sources)
        mutants = [
            each
            for source in sources
            for each in source.mutants()
            if _among(each.line, options.lines)
        ]
        equivalent.look_for(mutants)
        if options.sample is not None and options.sample < len(mutants):
            mutants = random.Random(options.seed).sample(mutants, options.sample)
        for mutant, killed, tested in bench.judge(area, mutants):
            line, before, after = (0, "", "") if killed else mutant.change
            if killed:
                yield area, "killed", None
            elif equivalent.has(mutant.file, before, after):
                yield area, "equivalent", None
            else:
                yield area, "survived", Survivor(mutant.file, line, before, after, not tested)


def _by_area(chosen: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for file, area in chosen.items():
        found.setdefault(area, []).append(file)
    return found


class _Bench:
    """Where mutants are judged: by the quick tests, then, if asked, by those on the engine."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._jobs = options.jobs
        self.sources: dict[str, Any] = {
            file: definition.Source() if file == DEFINITION else Source(file) for file in files()
        }
        python = [each for file, each in self.sources.items() if file != DEFINITION]
        quick = _test_files(options.tests or QUICK)
        self._stages = [judging.Judge(judging.measure(quick, self._jobs), python)]
        if options.engine:
            slow = _test_files(ENGINE)
            self._stages.append(judging.Judge(judging.measure(slow, self._jobs), python))

    def check(self, sources: list[Any]) -> None:
        """Judge the files as they are: the tests must pass, or a verdict means nothing."""
        controls = [self._stages[0].control(each) for each in sources]
        for child, status in children.run((c for c in controls if c.tests), judging.judge, 1):
            if child.answer is None or child.answer["killed"]:
                what = f"{child.job.what.file}, unchanged, fails its tests (status {status})"
                raise SystemExit(f"{what}:\n{child.output}")

    def judge(self, area: str, mutants: list[Any]) -> Iterator[tuple[Any, bool, bool]]:
        """Yield each mutant with whether it was killed, and whether any test ran it."""
        left = dict.fromkeys(mutants, False)
        for stage in self._stages:
            tasks = (stage.task(each) for each in list(left))
            judged = children.run(tasks, judging.judge, self._jobs, children.JUDGING_SECONDS)
            for done, (child, status) in enumerate(judged, 1):
                if sys.stderr.isatty():
                    print(f"\r{area}: {done} of {len(mutants)}", end="\r", file=sys.stderr)
                if child.answer is None and os.WIFEXITED(status):
                    raise SystemExit(f"{child.job.what.change} cannot be judged:\n{child.output}")
                mutant, tested = child.job.what, bool(child.job.tests)
                left[mutant] |= tested
                killed = child.answer is None or child.answer["killed"]
                if killed or stage is self._stages[-1]:
                    yield mutant, killed, left.pop(mutant)


def _among(line: int, lines: str | None) -> bool:
    if lines is None:
        return True
    first, _, last = lines.partition("-")
    return int(first) <= line <= int(last or first)


def _test_files(names: Iterable[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        path = ROOT / name
        inside = sorted(path.rglob("test_*.py")) if path.is_dir() else [path]
        found += [str(each.relative_to(ROOT)) for each in inside]
    return found


class _Equivalent:
    """The changes that change nothing that anybody can see, with their reasons."""

    def __init__(self, chosen: set[str]) -> None:
        listed = yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8")) or []
        self._known = {
            (each["file"], _stripped(each["before"]), _stripped(each["after"])): each["reason"]
            for each in listed
            if each["file"] in chosen
        }
        self.stale = set(self._known)

    def look_for(self, mutants: Iterable[Any]) -> None:
        """Note which entries still are changes that could be made."""
        first_lines = {before.splitlines()[0] for _, before, _ in self._known}
        for mutant in mutants:
            if mutant.may_change(first_lines):
                _, before, after = mutant.change
                self.stale.discard((mutant.file, before, after))

    def has(self, file: str, before: str, after: str) -> bool:
        return (file, before, after) in self._known


def _stripped(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _report(
    counts: Counter[tuple[str, str]],
    survivors: list[Survivor],
    equivalent: _Equivalent,
    options: argparse.Namespace,
) -> int:
    print(
        f"{'area':<12}{'mutants':>9}{'killed':>9}{'survived':>9}{'equivalent':>11}{'%':>7}{'floor':>7}"
    )
    below = []
    for area, rules in AREAS.items():
        killed, survived, same = (
            counts[area, each] for each in ("killed", "survived", "equivalent")
        )
        if not killed + survived + same:
            continue
        share = 100 * killed / (killed + survived) if killed + survived else 100.0
        row = f"{area:<12}{killed + survived + same:>9}{killed:>9}{survived:>9}{same:>11}"
        print(f"{row}{share:>7.1f}{rules.floor:>7}")
        if share < rules.floor:
            below.append(area)
    if survivors and not options.list_survivors:
        print("\n--list-survivors shows what survived.")
    if equivalent.stale and not options.lines:
        print(f"\nEntries of {EQUIVALENT.relative_to(ROOT)} that match nothing any more:")
        for file, before, after in sorted(equivalent.stale):
            print(f"  {file}: {before!r} → {after!r}")
    if below:
        print(f"\nBelow their floor: {', '.join(below)}")
    stale = bool(equivalent.stale) and not options.lines
    return 1 if below or stale else 0


if __name__ == "__main__":
    sys.exit(main())
