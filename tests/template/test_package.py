"""What pip installs: complete, typed, and of the one version."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from darkroom import __version__

from tests.conftest import ROOT
from tests.support.wheel import PACKAGES, STACK, build


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("copy"))


def test_the_version_is_the_one_that_the_functions_have(wheel: Path) -> None:
    assert wheel.name == f"darkroom-{__version__}-py3-none-any.whl"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_file_of_a_package_is_in_it(wheel: Path, package: str) -> None:
    """Its py.typed too, which lets a type checker read the annotations."""
    source = PACKAGES[package]
    found = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    kept = {f"{package}/{each}" for each in found if "__pycache__" not in each}
    with zipfile.ZipFile(wheel) as archive:
        names = {
            each
            for each in archive.namelist()
            if each.startswith(f"{package}/") and not each.startswith("darkroom_ops/stack/")
        }
    assert names == kept
    assert f"{package}/py.typed" in names


def test_the_stack_is_in_it_and_nothing_else_of_the_project(wheel: Path) -> None:
    """What `darkroom up` deploys outside of a clone; the layer is the package itself."""
    files = {
        path.relative_to(ROOT).as_posix()
        for each in STACK
        for path in ([ROOT / each] if (ROOT / each).is_file() else (ROOT / each).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = {each for each in archive.namelist() if each.startswith("darkroom_ops/stack/")}
        for each in files:
            assert archive.read(f"darkroom_ops/stack/{each}") == (ROOT / each).read_bytes()
    assert packed == {f"darkroom_ops/stack/{each}" for each in files}


def test_the_command_is_the_one_that_says_what_is_missing(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        points = archive.read(f"darkroom-{__version__}.dist-info/entry_points.txt").decode()
    assert points == "[console_scripts]\ndarkroom = darkroom_ops.cli.entry:main\n"
