"""How the run of the built artifact is set up and compared; `make test-artifact` runs it."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from darkroom_ops.engine.deploy import read_template
from tests.conftest import ROOT
from tools.artifact import __main__ as artifact
from tools.artifact import arm

DONE = {"status": "SUCCEEDED", "small.jpg": "aa", "document.pdf": "bb"}
LARGE = {"status": "FAILED", "error": "ImageTooLarge", "cause": "It has 3,600 megapixels."}


def test_the_uploads_are_the_samples_a_corrupt_and_a_hostile_one() -> None:
    found = artifact.inputs(ROOT / "samples")
    samples = {path.name for path in (ROOT / "samples").glob("*.[jp][pn]g")}
    assert found.keys() == samples | {"corrupt.jpg", "hostile.png"}
    assert found["rocket.jpg"].startswith(found["corrupt.jpg"])
    assert len(found["corrupt.jpg"]) < len(found["rocket.jpg"])
    assert len(found["hostile.png"]) < 1000
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(found["hostile.png"]))


def test_the_same_results_do_not_differ() -> None:
    both = {"a.jpg": DONE, "b.jpg": LARGE}
    assert list(artifact.differences(both, dict(both))) == []


@pytest.mark.parametrize(
    ("native", "built", "said"),
    [
        (DONE, DONE | {"small.jpg": "cc"}, ["a: small.jpg: expected aa", "received cc"]),
        (DONE, {"status": "SUCCEEDED", "small.jpg": "aa"}, ["a: document.pdf", "received nothing"]),
        ({"status": "SUCCEEDED"}, {"status": "SUCCEEDED", "x": "y"}, ["a: x: expected nothing"]),
        (LARGE, LARGE | {"cause": "Other."}, ["a: cause: expected It has", "received Other."]),
    ],
)
def test_each_difference_is_told(native: Any, built: Any, said: list[str]) -> None:
    (difference,) = artifact.differences({"a": native, "b": DONE}, {"a": built, "b": DONE})
    assert all(each in difference for each in said)


def test_an_upload_that_one_run_lacks_differs() -> None:
    assert len(list(artifact.differences({"a": DONE}, {}))) == len(DONE)
    assert len(list(artifact.differences({}, {"a": DONE}))) == len(DONE)


def test_uploads_end_as_they_should() -> None:
    corrupt = LARGE | {"error": "CorruptImage"}
    good = {"a.jpg": DONE, "hostile.png": LARGE, "corrupt.jpg": corrupt}
    assert list(artifact.unexpected(good)) == []
    for name, wrong in {"a.jpg": LARGE, "hostile.png": corrupt, "corrupt.jpg": DONE}.items():
        (said,) = artifact.unexpected(good | {name: wrong})
        assert said.startswith(f"{name}: expected ")


def test_what_the_sam_cli_built_is_what_the_template_names() -> None:
    """Each function of the stack runs what was built for it, also the buffer's."""
    resources = read_template(ROOT / "template.yaml")["Resources"]
    named = {
        each["Properties"]["FunctionName"]["Fn::Sub"].replace("${AWS::StackName}", "darkroom"): name
        for name, each in resources.items()
        if each["Type"] == "AWS::Serverless::Function"
    }
    layer, functions = artifact.built(by_sam=True)
    assert {name: path.name for name, path in functions.items()} == named
    assert resources[layer.name]["Type"] == "AWS::Serverless::LayerVersion"
    _, sources = artifact.built(by_sam=False)
    assert {name: path.relative_to(ROOT).as_posix() for name, path in sources.items()} == {
        name: resources[logical]["Properties"]["CodeUri"] for name, logical in named.items()
    }


def test_an_execution_is_found_by_its_upload_and_a_summary_of_alerts_has_none() -> None:
    upload = {"detail": {"object": {"key": "uploads/a.jpg"}}}
    assert artifact.by_upload({"arn:a": upload, "arn:s": {"seconds": 300}}) == {"a.jpg": "arn:a"}


@pytest.fixture
def sandbox(tmp_path: Path) -> arm.Sandbox:
    return arm.Sandbox(
        tmp_path / "root", tmp_path / "layer", {"resize": tmp_path / "code"}, tmp_path / "bytecode"
    )


def test_a_function_is_where_lambda_has_it_and_read_only(
    sandbox: arm.Sandbox, tmp_path: Path
) -> None:
    words = sandbox.command("resize", {"AWS_REGION": "r", "HOME": "/root"}, "-u", "script")
    read_only = {words[at + 2]: words[at + 1] for at, w in enumerate(words) if w == "--ro-bind"}
    variables = {words[at + 1]: words[at + 2] for at, w in enumerate(words) if w == "--setenv"}
    writable = [words[at + 2] for at, w in enumerate(words) if w == "--bind"]
    assert read_only["/var/task"] == str(tmp_path / "code")
    assert read_only["/opt"] == str(tmp_path / "layer")
    assert writable == ["/bytecode"]
    assert words[-3:] == [arm.PYTHON, "-u", "script"]
    assert variables["AWS_REGION"] == "r"
    assert variables["LAMBDA_TASK_ROOT"] == "/var/task"
    assert "--clearenv" in words
    assert "HOME" not in variables
    assert not [each for each in words if "shm" in each]


def test_what_is_absent_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(arm.Absent, match=r"apt-get install .*qemu-user-static bubblewrap"):
        arm.install(tmp_path / "arm")


def test_a_download_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arm, "PROGRAMS", {})
    monkeypatch.setattr(arm, "KEYRING", tmp_path)
    (tmp_path / "apt-get").write_text("#!/bin/sh\necho no network >&2; exit 100\n")
    (tmp_path / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(arm.Absent, match="apt-get failed: no network"):
        arm.install(tmp_path / "arm")


def test_a_machine_that_cannot_is_told_so_and_not_red(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lacking(_: Path) -> Path:
        raise arm.Absent("it needs wings")

    monkeypatch.setattr(arm, "install", lacking)
    assert artifact.main() == 0
    assert capsys.readouterr().out == "The run on Arm is left out: it needs wings.\n"


def test_a_sandbox_that_does_not_start_is_absent() -> None:
    said = "import sys; sys.exit('forbidden')"
    broken: Any = SimpleNamespace(command=lambda *_: [sys.executable, "-c", said])
    with pytest.raises(arm.Absent, match="does not start here: forbidden"):
        artifact.probe(broken, "resize")


@pytest.mark.parametrize(
    ("init", "seconds"), [("", 0.0), ("\tInit Duration: 1234.50 ms", 1.2345)], ids=["warm", "cold"]
)
def test_a_report_has_cold_start_and_memory(init: str, seconds: float) -> None:
    log = f"START\nREPORT RequestId: 1\tMemory Size: 512 MB\tMax Memory Used: 63 MB{init}\n"
    assert artifact.report(log) == (seconds, 63)
