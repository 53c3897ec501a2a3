"""Which tests touch which line, and what they say of a mutant."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.mutation import children, definition
from tests.mutation.areas import DEFINITION, ELSEWHERE, ROOT
from tests.mutation.mutants import Source

CACHE = ROOT / ".mutate"

SHARED = "*"
"""In place of a test: what a file's import, or a fixture of several tests, runs for all of them."""

FIRST_FILES = 3
"""So many files of tests are tried before the others are imported at all."""

Json = dict[str, Any]


class Measured:
    """What one file's tests touch: for each test its seconds and lines, by file."""

    def __init__(self, file: str, found: Json) -> None:
        self.file = file
        self.seconds: dict[str, float] = found["seconds"]
        self._lines: dict[str, dict[str, set[int]]] = {
            product: {test: set(lines) for test, lines in by_test.items()}
            for product, by_test in found["lines"].items()
        }

    def touching(self, product: str, lines: range) -> set[str]:
        """Return the tests that run one of a file's lines."""
        wanted = set(lines)
        by_test = self._lines.get(product, {})
        found = {test for test, touched in by_test.items() if touched & wanted}
        return set(self.seconds) if SHARED in found else found & self.seconds.keys()

    def imports(self, product: str) -> bool:
        return product in self._lines


def measure(test_files: list[str], slots: int) -> list[Measured]:
    """Run every file of tests once, unless nothing of it changed since the last time."""
    CACHE.mkdir(exist_ok=True)
    known = {file: found for file in test_files if (found := _remembered(file)) is not None}
    missing = [file for file in test_files if file not in known]
    if missing:
        print(f"Measuring what {len(missing)} files of tests touch …", flush=True)
    for some in (missing[:1], missing[1:]):  # what the first has loaded, the others share
        for child, status in children.run(some, _measure_one, slots):
            known[child.job] = _kept(child, status)
        children.load(dict.fromkeys(name for each in known.values() for name in each["libraries"]))
    return [Measured(file, known[file]) for file in test_files]


def _kept(child: children.Child, status: int) -> Json:
    found: Json | None = child.answer
    if found is None:
        raise SystemExit(f"{child.job} cannot be measured (status {status}):\n{child.output}")
    for test in found["failed"]:
        print(f"Fails without any mutant, and is left out: {test}", flush=True)
        del found["seconds"][test]
    touched = {product: _digest(product) for product in found["lines"]}
    found["state"] = {"tests": _digest_of_tests(child.job), "product": touched}
    if not found["failed"]:
        _cache_file(child.job).write_text(json.dumps(found))
    return found


@dataclass(frozen=True)
class Task:
    """A mutant, or a file as it is, and the tests that could notice: the likeliest files first."""

    what: Any
    tests: dict[str, dict[str, float]]


class Judge:
    """Knows the tests for every mutant, and runs them."""

    def __init__(self, measured: list[Measured], sources: list[Source]) -> None:
        self._measured = measured
        self._sources = sources

    def task(self, mutant: Any) -> Task:
        """Return a mutant with its tests."""
        if mutant.file == DEFINITION:
            return self._of_definition(mutant)
        lines, inside = mutant.source.statements.lines(mutant.line)
        places = [(mutant.file, lines)]
        names: frozenset[str] = frozenset()
        if not inside:
            uses, names = self._uses(mutant.source.statements.names(mutant.line))
            places += uses
        tests = self._tests(mutant.file, places, names)
        if not inside and not tests:  # whoever imports it
            tests = {e.file: e.seconds for e in self._measured if e.imports(mutant.file)}
        return Task(mutant, tests)

    def control(self, source: Any) -> Task:
        """Return a file as it is, with the quickest of its tests: they must pass."""
        if source.file == DEFINITION:
            return self._of_definition(source)
        tests = self._tests(source.file, [(source.file, range(1, 1 << 20))], frozenset())
        return Task(source, {file: _quickest(some) for file, some in list(tests.items())[:1]})

    def _of_definition(self, what: Any) -> Task:
        """Return a mutant of the definition, with every test that is about it."""
        about = [each for each in self._measured if definition.reads(each.file)]
        return Task(what, {each.file: each.seconds for each in about})

    def _tests(
        self, product: str, places: list[tuple[str, range]], names: frozenset[str]
    ) -> dict[str, dict[str, float]]:
        stem = Path(product).stem
        found: dict[str, set[str]] = {}
        for each in self._measured:
            tests = set().union(*(each.touching(file, lines) for file, lines in places))
            mentioned = names and each.imports(product) and _mentions(each.file, names)
            if mentioned or each.file in ELSEWHERE.get(product, ()):
                tests = set(each.seconds)
            if tests:
                found[each.file] = tests
        by_file = {each.file: each for each in self._measured}

        def likely(file: str) -> tuple[bool, float]:
            return stem not in Path(file).stem, sum(by_file[file].seconds[t] for t in found[file])

        return {
            file: {test: by_file[file].seconds[test] for test in sorted(found[file])}
            for file in sorted(found, key=likely)
        }

    def _uses(self, names: frozenset[str]) -> tuple[list[tuple[str, range]], frozenset[str]]:
        """Return the statements in functions that use a name, and those names.

        Also by way of other names: of functions whose signatures have them, as options do.
        """
        found: list[tuple[str, range]] = []
        seen: frozenset[str] = frozenset()
        for _ in range(3):
            names, seen = names - seen, seen | names
            bound: set[str] = set()
            for source in self._sources:
                for lines, inside, also in source.statements.users(names):
                    if inside:
                        found.append((source.file, lines))
                    else:
                        bound.update(also)
            names = frozenset(bound)
        return found, seen | names


def _quickest(tests: dict[str, float]) -> dict[str, float]:
    return {test: tests[test] for test in sorted(tests, key=lambda test: tests[test])[:3]}


def judge(task: Task, folder: Path) -> Json:
    """Run a mutant's tests until one fails. In a child."""
    task.what.put_in_place(folder)
    files = list(task.tests)
    for batch in (files[:FIRST_FILES], files[FIRST_FILES:]):
        if not batch:
            continue
        chosen = {test: seconds for file in batch for test, seconds in task.tests[file].items()}
        code = _pytest(batch, _Chosen(chosen, folder), folder)
        if code:
            return {"killed": True, "by": f"exit code {code} of pytest"}
    return {"killed": False, "by": ""}


def _pytest(arguments: list[str], plugin: Any, folder: Path) -> int:
    import hypothesis
    import pytest

    hypothesis.settings.register_profile(
        "mutation",
        database=None,
        derandomize=True,
        deadline=None,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    os.chdir(ROOT)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    options = ["-q", "-o", "addopts=", "-p", "no:cacheprovider", "-p", "_hypothesis_pytestplugin"]
    options += ["-W", "ignore::pytest.PytestConfigWarning"]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    options += ["--hypothesis-profile=mutation", f"--basetemp={folder / 'base'}", "--tb=short"]
    return int(pytest.main([*options, *arguments], plugins=[plugin]))


class _Chosen:
    """Runs only some tests, the quickest first, each within a few times of its usual CPU time."""

    def __init__(self, seconds: dict[str, float], folder: Path) -> None:
        self._seconds = seconds
        self._folder = folder
        signal.setitimer(signal.ITIMER_PROF, 60)

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = sorted(
            (item for item in items if item.nodeid in self._seconds),
            key=lambda item: self._seconds[item.nodeid],
        )

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        signal.setitimer(signal.ITIMER_PROF, 5 + 5 * self._seconds[nodeid])

    def pytest_runtest_logfinish(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, 60)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            children.leave(self._folder, {"killed": True, "by": report.nodeid})


def _measure_one(file: str, folder: Path) -> Json:
    """Run a file's tests and note what each touches. In a child."""
    import coverage

    include = [str(ROOT / part) for part in ("layers/darkroom/darkroom/*", "darkroom_ops/*")]
    cover = coverage.Coverage(data_file=None, include=include, config_file=False)
    plugin = _Measure(cover)
    cover.start()
    code = _pytest([file], plugin, folder)
    cover.stop()
    if code not in (0, 1, 5):
        raise RuntimeError(f"pytest ended with {code}")
    data = cover.get_data()
    lines: dict[str, dict[str, list[int]]] = {}
    for path in data.measured_files():
        if not path.endswith(".py"):
            continue  # a template of the console's
        product = str(Path(path).relative_to(ROOT))
        inside = _inside(product)
        by_test = lines.setdefault(product, {})
        for line, contexts in data.contexts_by_lineno(path).items():
            if line in inside:
                for context in contexts:
                    by_test.setdefault(context or SHARED, []).append(line)
    return {
        "seconds": plugin.seconds,
        "failed": plugin.failed,
        "lines": lines,
        "libraries": _libraries(),
    }


def _libraries() -> list[str]:
    """Return the modules that are loaded and not of this project."""
    return [
        name
        for name, module in list(sys.modules.items())
        if (spec := getattr(module, "__spec__", None)) is not None
        and spec.name == name
        and not Path(spec.origin or "").is_relative_to(ROOT)
        and not name.startswith(("__", "darkroom", "tests"))
    ]


def _inside(product: str) -> set[int]:
    """Return the lines of a file's functions, which run when called and not when imported."""
    import ast

    found: set[int] = set()
    for node in ast.walk(ast.parse((ROOT / product).read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.update(range(node.body[0].lineno, (node.end_lineno or node.lineno) + 1))
    return found


class _Measure:
    def __init__(self, cover: Any) -> None:
        self._cover = cover
        self._test = ""
        self._started = 0.0
        self.seconds: dict[str, float] = {}
        self.failed: list[str] = []

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._test = nodeid
        self._started = time.process_time()
        self._cover.switch_context(nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self.seconds[nodeid] = time.process_time() - self._started
        self._cover.switch_context("")

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed and report.nodeid not in self.failed:
            self.failed.append(report.nodeid)

    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        shared = fixturedef.scope != "function"
        if shared:
            self._cover.switch_context("")
        outcome = yield
        if shared:
            self._cover.switch_context(self._test)
        return outcome  # type: ignore[return-value]


def _mark_wrappers() -> None:
    import pytest

    _Measure.pytest_fixture_setup = pytest.hookimpl(wrapper=True)(_Measure.pytest_fixture_setup)  # type: ignore[method-assign]
    _Chosen.pytest_collection_modifyitems = pytest.hookimpl(trylast=True)(
        _Chosen.pytest_collection_modifyitems
    )  # type: ignore[method-assign]


_mark_wrappers()


def _remembered(file: str) -> Json | None:
    path = _cache_file(file)
    if not path.exists():
        return None
    found: Json = json.loads(path.read_text())
    state = found["state"]
    same = state["tests"] == _digest_of_tests(file) and all(
        _digest(product) == digest for product, digest in state["product"].items()
    )
    return found if same else None


def _cache_file(file: str) -> Path:
    return CACHE / f"{file.replace('/', '.')}.json"


def _digest(file: str) -> str:
    path = ROOT / file
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _digest_of_tests(file: str) -> str:
    shared = [*sorted((ROOT / "tests/support").glob("*.py")), ROOT / "tests/conftest.py"]
    shared += [ROOT / "template.yaml", ROOT / "statemachine/image_pipeline.asl.yaml"]
    folder = sorted((ROOT / file).parent.glob("*.py"))
    shared += [each for each in folder if not each.name.startswith("test_")]
    together = "".join(_digest(str(each.relative_to(ROOT))) for each in shared)
    return _digest(file) + hashlib.sha256(together.encode()).hexdigest() + sys.version


_texts: dict[str, str] = {}


def _mentions(file: str, names: frozenset[str]) -> bool:
    if file not in _texts:
        _texts[file] = (ROOT / file).read_text(encoding="utf-8")
    return any(re.search(rf"\b{re.escape(name)}\b", _texts[file]) for name in names)
