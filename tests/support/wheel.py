"""What pip installs, built from this clone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

PACKAGES = {
    "darkroom": ROOT / "layers" / "darkroom" / "darkroom",
    "darkroom_ops": ROOT / "darkroom_ops",
}
STACK = ("template.yaml", "cloudfront.yaml", "functions", "statemachine")
BUILD = "from setuptools import build_meta; build_meta.build_wheel('made')"


def build(folder: Path) -> Path:
    """Return the wheel, built from a copy in a folder: setuptools writes beside what it reads."""
    for name in ("pyproject.toml", "README.md", "LICENSE", *STACK):
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, folder)
    for source in (*PACKAGES.values(), *(ROOT / each for each in STACK if "." not in each)):
        target = folder / source.relative_to(ROOT)
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, "-c", BUILD], cwd=folder, check=True, capture_output=True)
    (made,) = (folder / "made").glob("*.whl")
    return made
