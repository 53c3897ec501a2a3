"""The tool itself: what it breaks, and that a process that it forks meets the broken module."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("libcst", reason="it has no wheel for Intel Macs")

from tests.mutation import definition
from tests.mutation.areas import ROOT, files
from tests.mutation.mutants import Source


def changed(tmp_path: Path, text: str) -> list[str]:
    """Return what a file of one line becomes."""
    path = tmp_path / "product.py"
    path.write_text(text)
    return [mutant.text for mutant in Source(str(path)).mutants()]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("LIMIT = 10\n", ["LIMIT = 11\n", "LIMIT = 9\n"]),
        ("KEY = 'a'\n", ["KEY = 'XXaXX'\n"]),
        ("TOLD = 'It is told to people.'\n", []),
        ("done = a < b\n", ["done = a <= b\n"]),
        ("f(a, b=c)\n", ["pass\n", "f(a, )\n"]),
        ("ALL = [a, b]\n", ["ALL = [b]\n", "ALL = [a, ]\n"]),
        ("done = a and b\n", ["done = a or b\n", "done = a\n", "done = b\n"]),
        ("from a import b\n", []),
        ("side: Annotated[int, Meta(ge=a)]\n", ["side: Annotated[int, Meta()]\n"]),
        ("side: Literal[1]\n", []),
        ("__all__ = ['a']\n", []),
        ("text = read(encoding='ascii')\n", []),
    ],
)
def test_what_is_broken(tmp_path: Path, line: str, expected: list[str]) -> None:
    assert sorted(changed(tmp_path, line)) == sorted(expected)


def test_a_condition_is_turned_round_and_what_it_guards_left_out(tmp_path: Path) -> None:
    found = changed(tmp_path, "if a < b:\n    raise error\n")
    assert "if not (a < b):\n    raise error\n" in found
    assert "if a < b:\n    pass\n" in found


def test_every_mutant_is_another_program() -> None:
    source = Source("layers/darkroom/darkroom/contract/keys.py")
    texts = {mutant.text for mutant in source.mutants()} | {source.text}
    assert len(texts) == len(source.mutants()) + 1
    for text in texts:
        compile(text, source.file, "exec")


def test_a_constant_is_judged_by_those_who_use_it(tmp_path: Path) -> None:
    path = tmp_path / "product.py"
    path.write_text("LIMIT = 1\nBOTH = {1: LIMIT}\ndef f():\n    return BOTH\n")
    found = Source(str(path)).statements
    assert found.names(1) == {"LIMIT"}
    assert [bound for _, _, bound in found.users(frozenset({"LIMIT"}))] == [{"BOTH"}]
    ((lines, inside, _),) = found.users(frozenset({"BOTH"}))
    assert (list(lines), inside) == ([4], True)


def test_every_module_of_the_core_and_the_engine_is_in_an_area() -> None:
    patterns = (
        "layers/darkroom/darkroom/**/*.py",
        "darkroom_ops/*.py",
        "darkroom_ops/executions/*.py",
        "darkroom_ops/engine/**/*.py",
    )
    modules = {str(path.relative_to(ROOT)) for each in patterns for path in ROOT.glob(each)}
    assert modules <= files().keys()


SEES = """
import subprocess, sys
from pathlib import Path
from tests.mutation import hook

text = Path("layers/darkroom/darkroom/contract/keys.py").read_text()
text = text.replace('DOCUMENT = "document"', 'DOCUMENT = "mutant"')
hook.put_in_place("darkroom.contract.keys", text, Path(sys.argv[1]))
from darkroom.contract import keys

print(keys.DOCUMENT, flush=True)
subprocess.run([sys.executable, "-c", "from darkroom.contract import keys; print(keys.DOCUMENT)"])
hook.replace_file(Path("Makefile").absolute(), "changed", Path(sys.argv[1]))
print(Path("Makefile").read_text())
"""


def test_a_process_and_its_children_meet_the_mutant(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", SEES, tmp_path], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout.splitlines() == ["mutant", "mutant", "changed"]
    assert "mutant" not in (ROOT / "layers/darkroom/darkroom/contract/keys.py").read_text()


NEVER_ENDS = """
import os
from tests.mutation import children

def work(endless, folder):
    while endless:
        pass
    return "done"

for endless, seconds in ((True, 0.1), (False, children.JUDGING_SECONDS)):
    for child, status in children.run([endless], work, 1, seconds):
        print(child.answer, os.WIFEXITED(status))
"""


def test_what_never_ends_is_ended_by_the_clock() -> None:
    """Without an answer and by a signal: so a mutant is killed."""
    told = subprocess.run(
        [sys.executable, "-c", NEVER_ENDS],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert told.stdout.splitlines() == ["None False", "done True"]


@pytest.fixture(scope="module")
def of_definition() -> list[definition.Mutant]:
    return definition.Source().mutants()


def test_every_mutant_is_another_definition(of_definition: list[definition.Mutant]) -> None:
    parsed = definition.Source().parsed
    found = {json.dumps(each.applied(parsed), sort_keys=True) for each in of_definition}
    assert len(found | {json.dumps(parsed, sort_keys=True)}) == len(of_definition) + 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("ClaimImage.TimeoutSeconds: 30", definition.LEFT_OUT),
        ("ClaimImage.Retry[0].MaxAttempts: 5", "4"),
        ("RecordResult.ConditionExpression: #execution = :execution", definition.LEFT_OUT),
        ("RecordResult.UpdateExpression: REMOVE leaseUntil", definition.LEFT_OUT),
        ("ClaimImage.ConditionExpression: …#status = :failed OR …", definition.LEFT_OUT),
    ],
)
def test_what_is_broken_of_the_definition(
    of_definition: list[definition.Mutant], before: str, after: str
) -> None:
    assert (before, after) in [(each.before, each.after) for each in of_definition]
