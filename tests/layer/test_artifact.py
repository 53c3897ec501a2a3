"""What `sam build` makes of the layer: for Lambda's processor, complete, lean, the same again."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tools.layer import (
    FUNCTIONS,
    MAX_BYTES,
    digest,
    foreign_binaries,
    size,
    superfluous,
    too_new,
    unresolved,
)

HOSTS = {
    ("Linux", "x86_64"): "x86_64-manylinux_2_28",
    ("Linux", "aarch64"): "aarch64-manylinux_2_28",
    ("Darwin", "arm64"): "aarch64-apple-darwin",
    ("Darwin", "x86_64"): "x86_64-apple-darwin",
}

Build = Callable[..., Path]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Build the layer into a new folder, for a platform."""

    def built(*variables: str) -> Path:
        folder = tmp_path_factory.mktemp("artifact")
        done = subprocess.run(
            ["make", "build-ImagingLayer", f"ARTIFACTS_DIR={folder}", *variables],  # noqa: S607
            cwd=ROOT / "layers" / "darkroom",
            env=os.environ
            | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        if "error sending request" in done.stderr or "Failed to fetch" in done.stderr:
            pytest.skip("the packages cannot be downloaded here")
        assert done.returncode == 0, done.stderr
        return folder / "python"

    return built


@pytest.fixture(scope="module")
def layer(build: Build) -> Path:
    return build()


def test_every_binary_is_for_lambdas_processor(layer: Path) -> None:
    assert foreign_binaries(layer) == []
    assert len(list(layer.rglob("*.so*"))) >= 5  # there are binaries to be looked at


def test_every_binary_finds_its_libraries_on_amazon_linux(layer: Path) -> None:
    assert too_new(layer) == []


def test_every_import_of_our_code_is_there(layer: Path) -> None:
    assert unresolved(FUNCTIONS, layer) == []


def test_an_import_that_is_not_there_is_seen(layer: Path, tmp_path: Path) -> None:
    (tmp_path / "start").mkdir()
    (tmp_path / "start" / "app.py").write_text(
        "import numpy\nfrom darkroom.steps import steps\nimport boto3\nboto3.client('any')\n"
        'boto3.client("kinesis")\n'
    )
    assert unresolved(tmp_path, layer) == [
        "start/app.py: numpy",
        "start/app.py: botocore/data/kinesis",
    ]


def test_nothing_else_is_shipped(layer: Path) -> None:
    assert superfluous(layer) == []
    assert size(layer) <= MAX_BYTES
    ours = ("darkroom_ops", "tests", "moto", "cfnlint", "pytest", "numpy")
    assert not [name for name in ours if (layer / name).exists()]


def test_two_builds_are_the_same(layer: Path, build: Build) -> None:
    assert digest(build()) == digest(layer)


IMPORT = """
import importlib.util, json, sys
layer, functions = sys.argv[1:]
sys.path[:0] = [layer]
for name in json.loads(functions):
    spec = importlib.util.spec_from_file_location(name, f"{name}/app.py")
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    assert callable(app.handler)
    for service in ("s3", "sns", "ssm", "dynamodb", "stepfunctions"):
        __import__("boto3").client(service)
for module in sys.modules.values():
    origin = getattr(getattr(module, "__spec__", None), "origin", None) or ""
    assert "site-packages" not in origin, origin
print("imported")
"""


def test_lambdas_python_imports_every_handler(build: Build) -> None:
    """The same pinned packages, for this machine's processor, under the Python of Lambda."""
    python = _python_3_13()
    target = HOSTS.get((platform.system(), platform.machine()))
    if python is None or target is None:
        pytest.skip("needs Python 3.13")
    layer = build(f"PLATFORM={target}")
    environment = {
        "AWS_DEFAULT_REGION": "us-east-1",
        "POWERTOOLS_SERVICE_NAME": "darkroom",
        "POWERTOOLS_METRICS_NAMESPACE": "Darkroom",
        "STATE_MACHINE": "arn", "WORKFLOW_TYPE": "STANDARD", "CONCURRENCY": "2",
        "BUFFER_QUEUE": "url",
        "NOTIFICATIONS_TOPIC": "arn", "ALERTS_TOPIC": "arn", "IMAGES_TABLE": "name",
        "SOURCE_BUCKET": "name", "OUTPUT_BUCKET": "name", "WORK_BUCKET": "name",
        "BACKUP_BUCKET": "name", "PRESETS_PARAMETER": "name",
    }  # fmt: skip
    names = sorted(path.parent.name for path in FUNCTIONS.glob("*/app.py"))
    done = subprocess.run(
        # -I and -S: no packages but the layer's.
        [python, "-I", "-S", "-B", "-c", IMPORT, str(layer), json.dumps(names)],
        cwd=FUNCTIONS,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "imported\n", done.stderr


def _python_3_13() -> str | None:
    """Return the executable itself: what is on the path may be a version manager's script."""
    look = "import sys; print(sys.executable if sys.version_info[:2] == (3, 13) else '')"
    for candidate in (sys.executable, shutil.which("python3.13")):
        if candidate is not None:
            told = subprocess.run([candidate, "-c", look], stdout=subprocess.PIPE, check=False)
            if told.stdout.strip():
                return told.stdout.decode().strip()
    return None
