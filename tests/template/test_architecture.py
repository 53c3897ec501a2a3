"""The picture in docs/architecture.md shows what is really imported."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from functools import cache

import grimp

from tests.conftest import ROOT

Edges = set[tuple[str, str]]

PACKAGES = ("darkroom", "darkroom_ops", "tools")


def drawn() -> Edges:
    """Return the arrows of the picture."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    (picture,) = re.findall(r"```mermaid\n(.*?)```", text, flags=re.DOTALL)
    found: Edges = set()
    for line in picture.splitlines():
        left, arrow, right = re.sub(r'\["[^"]*"\]', "", line).partition("-->")
        if arrow:
            sides = ([each.strip() for each in side.split("&")] for side in (left, right))
            found |= set(itertools.product(*sides))
    return found


@cache
def imported() -> Edges:
    """Return which part imports which: the folders and modules right below a package."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    found: Edges = set()
    for module in graph.modules:
        for other in graph.find_modules_directly_imported_by(module):
            found |= {(one, two) for one in part(module) for two in part(other) if one != two}
    for path in (ROOT / "functions").glob("*/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                found |= {("functions", two) for two in part(node.module)}
    return found


def part(module: str) -> Iterator[str]:
    """Yield the part that a module belongs to; none for a package's own name and version."""
    package, _, rest = module.partition(".")
    if package == "tools":
        yield package
    elif package in PACKAGES and rest:
        yield rest.partition(".")[0]


def reached(edges: Edges) -> Edges:
    """Return all pairs that a path connects."""
    found = set(edges)
    while more := {(a, d) for a, b in found for c, d in edges if b == c} - found:
        found |= more
    return found


def test_every_arrow_is_an_import() -> None:
    assert drawn() <= imported()


def test_every_import_is_along_the_arrows() -> None:
    assert imported() <= reached(drawn())


def test_the_arrows_lead_in_no_circle() -> None:
    assert not [one for one, two in reached(drawn()) if one == two]


def test_every_part_is_in_the_picture() -> None:
    parts = {name for edge in imported() for name in edge}
    assert parts == {name for edge in drawn() for name in edge}
    text = (ROOT / "docs" / "architecture.md").read_text()
    tables = "".join(line for line in text.splitlines() if line.startswith("| `"))
    assert not {name for name in parts if f"`{name}" not in tables} - {"tools", "cache"}
