"""What pip installs: complete, typed, and of the one version."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from darkroom import __version__

from tests.conftest import ROOT

PACKAGES = {
    "darkroom": ROOT / "layers" / "darkroom" / "darkroom",
    "darkroom_ops": ROOT / "darkroom_ops",
}
BUILD = "from setuptools import build_meta; build_meta.build_wheel('made')"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: setuptools writes beside what it reads."""
    copy = tmp_path_factory.mktemp("copy")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for folder in PACKAGES.values():
        target = copy / folder.relative_to(ROOT)
        shutil.copytree(folder, target, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, "-c", BUILD], cwd=copy, check=True, capture_output=True)
    (made,) = (copy / "made").glob("*.whl")
    return made


def test_the_version_is_the_one_that_the_functions_have(wheel: Path) -> None:
    assert wheel.name == f"darkroom-{__version__}-py3-none-any.whl"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_file_of_a_package_is_in_it(wheel: Path, package: str) -> None:
    """Its py.typed too, which lets a type checker read the annotations."""
    source = PACKAGES[package]
    found = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    kept = {f"{package}/{each}" for each in found if "__pycache__" not in each}
    with zipfile.ZipFile(wheel) as archive:
        names = {each for each in archive.namelist() if each.startswith(f"{package}/")}
    assert names == kept
    assert f"{package}/py.typed" in names
