"""What the documents tell people to type exists, and something runs it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from checks import smoke
from tests.conftest import ROOT

DOCUMENTS = [
    ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "samples/README.md")
] + sorted((ROOT / "docs").glob("*.md"))
SCRIPTS = [ROOT / ".ci" / "run", *sorted((ROOT / ".github" / "workflows").glob("*.yml"))]
MAKE = shutil.which("make") or "make"


def code(path: Path) -> str:
    """Return what stands in a document as code, on lines of its own or within one."""
    text = path.read_text()
    if path.suffix != ".md":
        return re.sub("#.*", "", text)
    blocks = re.findall(r"^```sh\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    inline = re.findall(
        r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    )
    return "\n".join([*blocks, *inline])


def named(path: Path) -> set[str]:
    return set(re.findall(r"\bmake ([a-z][a-z0-9-]*)", code(path)))


def make(*words: str, folder: Path = ROOT, path: str | None = None) -> tuple[int, str]:
    settings = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    done = subprocess.run(
        [MAKE, "--file", ROOT / "Makefile", *words],
        cwd=folder,
        env=settings | ({"PATH": path} if path is not None else {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def targets() -> set[str]:
    """The targets that ``make help`` lists."""
    _, listed = make("help")
    return {line.split()[0] for line in listed.splitlines()}


@pytest.mark.parametrize("path", [*DOCUMENTS, *SCRIPTS], ids=lambda path: path.name)
def test_a_target_that_is_named_exists(path: Path, targets: set[str]) -> None:
    assert named(path) <= targets


def test_every_target_is_in_the_documents(targets: set[str]) -> None:
    assert set().union(*map(named, DOCUMENTS)) == targets


def test_every_target_is_run_by_something(targets: set[str]) -> None:
    run = set().union(*map(smoke.targets, smoke.COMMANDS))
    assert run | smoke.ELSEWHERE.keys() == targets
    assert not run & smoke.ELSEWHERE.keys()


def test_clean_removes_what_is_made_and_nothing_else(tmp_path: Path) -> None:
    ignored = set((ROOT / ".gitignore").read_text().split())
    scattered = {"__pycache__/", "*.egg-info/", "node_modules/"}
    made = {tmp_path / each for each in ignored - scattered}
    made |= {tmp_path / each / "node_modules" for each in ("checks/node", "benchmarks/peers")}
    kept = {tmp_path / each for each in ("samples", "docs/screenshots", "requirements")}
    for each in made | kept:
        each.mkdir(parents=True)
    assert make("clean", folder=tmp_path)[0] == 0
    assert not [each for each in made if each.exists()]
    assert not [each for each in kept if not each.exists()]


def test_deploying_without_the_sam_cli_says_what_is_missing(tmp_path: Path) -> None:
    code, said = make("deploy", folder=tmp_path, path=str(tmp_path))
    assert code == 2
    assert "needs the SAM CLI" in said
