"""Where the stack is, and what is remembered, in a clone and where pip installed the package."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from darkroom_ops import home
from tests.conftest import ROOT


def test_a_clone_is_the_stack_and_remembers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DARKROOM_HOME", raising=False)
    assert (home.INSTALLED, home.PROJECT) == (False, ROOT)
    assert home.folder() == ROOT / ".darkroom"
    monkeypatch.setenv("DARKROOM_HOME", "/elsewhere")
    assert home.folder() == Path("/elsewhere")


def test_what_pip_installs_has_the_stack_inside_and_remembers_with_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / "darkroom_ops"
    loader: Any = home.__loader__
    installed = ModuleType("home")
    installed.__file__ = str(package / "home.py")
    exec(loader.get_code(home.__name__), vars(installed))  # noqa: S102 - our own, elsewhere
    monkeypatch.delenv("DARKROOM_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    assert (True, package / "stack") == (installed.INSTALLED, installed.PROJECT)
    assert installed.folder() == tmp_path / "user" / ".darkroom"
