"""Puts a mutant in the place of its module, in this process and in those that it starts.

Nothing is written into the checkout. A folder of the mutant's own comes first on the path: its
``sitecustomize`` installs the same hook wherever Python starts with that path, and its ``python``
is what this process takes for its interpreter, so that children without the path have it too.
"""

from __future__ import annotations

import builtins
import importlib.machinery
import io
import os
import sys
from pathlib import Path
from types import CodeType
from typing import Any

_SITE = """\
import importlib.util
spec = importlib.util.spec_from_file_location("mutation_hook", {hook!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.install({name!r}, {path!r})
"""

_PYTHON = """\
#!/bin/sh
PYTHONPATH="{folder}${{PYTHONPATH:+:$PYTHONPATH}}" exec "{python}" "$@"
"""


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a module's code from another file, and caches nothing."""

    mutant: Path

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - the loader's signature
        code: CodeType = compile(self.mutant.read_bytes(), self.path, "exec", dont_inherit=True)
        return code


class _Finder:
    def __init__(self, name: str, mutant: Path) -> None:
        self._name = name
        self._mutant = mutant

    def find_spec(self, name, path=None, target=None):  # type: ignore[no-untyped-def]
        if name != self._name:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(spec.name, spec.origin)
            spec.loader.mutant = self._mutant
        return spec


def install(name: str, mutant: str) -> None:
    """Have a module loaded from a mutant's file."""
    sys.meta_path.insert(0, _Finder(name, Path(mutant)))  # type: ignore[arg-type]


def put_in_place(name: str, text: str, folder: Path) -> None:
    """Have a module loaded from a text, here and in processes that this one starts."""
    mutant = folder / "mutant.py"
    mutant.write_text(text, encoding="utf-8")
    site = _SITE.format(hook=__file__, name=name, path=str(mutant))
    (folder / "sitecustomize.py").write_text(site, encoding="utf-8")
    python = folder / "python"
    python.write_text(_PYTHON.format(folder=folder, python=sys.executable), encoding="utf-8")
    python.chmod(0o755)
    sys.path.insert(0, str(folder))
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    sys.executable = str(python)
    install(name, str(mutant))


def replace_file(path: Path, text: str, folder: Path) -> None:
    """Have a file read as a text, in this process."""
    mutant = folder / path.name
    mutant.write_text(text, encoding="utf-8")
    really = io.open

    def opened(file: Any, *arguments: Any, **options: Any) -> Any:
        named = isinstance(file, str | os.PathLike) and Path(file).absolute() == path
        return really(mutant if named else file, *arguments, **options)

    io.open = builtins.open = opened  # type: ignore[assignment]
