"""Only what starts an engine loads it: moto takes seconds to import, and operators wait for it.

And what starts one loads nothing of moto that nobody uses.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator

from tests.conftest import ROOT

STARTERS = {"darkroom_ops/cli/demo.py", "darkroom_ops/cli/local.py", "darkroom_ops/cli/up.py"}
"""`darkroom demo`, `darkroom run` where there is no engine yet, and `darkroom up`."""

OTHERS = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "darkroom_ops").rglob("*.py")
    if path.relative_to(ROOT).parts[1] != "engine" and str(path.relative_to(ROOT)) not in STARTERS
)

IMPORT_ALL = """
import importlib, sys
for path in sys.argv[1:]:
    importlib.import_module(path.removesuffix(".py").replace("/", "."))
    assert "moto" not in sys.modules, path
from darkroom_ops.engine.moto.unused import SERVICES
assert not sys.modules.keys() & {f"moto.{service}" for service in SERVICES}
assert "openapi_spec_validator" not in sys.modules
"""


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the modules that are imported, inside functions too, but not for type checkers only."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{each.name}" for each in node.names)
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        else:
            yield from imported(node)


def test_only_what_starts_an_engine_imports_it() -> None:
    def imports_engine(name: str) -> bool:
        text = (ROOT / name).read_text()
        if "engine" not in text and "moto" not in text:  # else parsing all of them takes long
            return False
        modules = imported(ast.parse(text))
        return any(each.startswith(("darkroom_ops.engine", "moto")) for each in modules)

    assert {name for name in [*OTHERS, *STARTERS] if imports_engine(name)} == STARTERS


def test_no_other_module_loads_moto_and_the_engine_only_what_it_uses() -> None:
    assert "darkroom_ops/cli/audit.py" in OTHERS
    subprocess.run([sys.executable, "-c", IMPORT_ALL, *OTHERS], cwd=ROOT, check=True, timeout=120)
