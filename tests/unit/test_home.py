"""Where the stack is, and what is remembered, in a clone and where pip installed the package."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

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
    package.mkdir(parents=True)
    shutil.copy(home.__file__, package)
    spec = importlib.util.spec_from_file_location("installed_home", package / "home.py")
    assert spec is not None
    assert spec.loader is not None
    installed = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(installed)
    monkeypatch.delenv("DARKROOM_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    assert (True, package / "stack") == (installed.INSTALLED, installed.PROJECT)
    assert installed.folder() == tmp_path / "user" / ".darkroom"
