"""The engine as pip installs it, outside of a clone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.wheel import build


@pytest.mark.again("tests/template/test_package.py and tests/unit/test_home.py")
def test_up_and_demo_outside_of_a_clone(tmp_path: Path) -> None:
    """The stack comes along; what it remembers lies with the user, not among the packages."""
    site, home = tmp_path / "site", tmp_path / "home"
    home.mkdir()
    (tmp_path / "copy").mkdir()
    with zipfile.ZipFile(build(tmp_path / "copy")) as wheel:
        wheel.extractall(site)
    command = [sys.executable, "-m", "darkroom_ops.cli.entry"]
    # Coverage is of the clone, and not of this copy.
    ours = ("COVERAGE_", "DARKROOM_HOME")
    settings = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    settings |= {"PYTHONPATH": str(site), "HOME": str(home)}

    with subprocess.Popen(
        [*command, "up", "--json"], cwd=home, env=settings, stdout=subprocess.PIPE, text=True
    ) as up:
        assert up.stdout is not None
        started = json.loads(up.stdout.readline())
        up.send_signal(signal.SIGINT)
        up.stdout.read()
    assert up.returncode == 0
    assert started["outputs"]["SourceBucketName"].startswith("darkroom-sourcebucket-")
    assert started["profile"] == str(home / ".darkroom" / "aws-config")
    assert [each.name for each in site.iterdir() if each.name.startswith(".")] == []

    demo = subprocess.run(
        [*command, "demo"], cwd=home, env=settings, capture_output=True, text=True, check=False
    )
    assert demo.returncode == 2
    assert "only a clone of the project has them. Run `make demo` there" in demo.stderr
    assert not (home / "demo-output").exists()
