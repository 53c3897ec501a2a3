"""The workflows of GitHub: what they run is fixed, and they hold no key."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.support.reading import parsed

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit(path: Path) -> None:
    """A tag can be moved to other code; a commit cannot."""
    text = path.read_text()
    used = re.findall(r"uses: (\S+)(.*)", text)
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action


def test_the_jobs_of_ci_share_the_gate_and_repeat_nothing() -> None:
    """Their targets are those of .ci/run; only the tests run on every supported Python."""
    ci = parsed((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    ran = {
        name: [step["run"] for step in job["steps"] if "run" in step]
        for name, job in ci["jobs"].items()
    }
    gate = re.search(r"set -- (.+)", (ROOT / ".ci" / "run").read_text())
    assert gate is not None
    sam, shared = ran["check"]
    assert sam == ".ci/sam"
    assert ran["test"] == [".ci/run test"]
    assert ran["mac"] == ["make demo", "make test"]  # what the README promises
    assert ci["jobs"]["mac"]["strategy"]["matrix"]["machine"] == ["macos-15", "macos-15-intel"]
    assert sorted([*shared.removeprefix(".ci/run ").split(), "test"]) == sorted(gate[1].split())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pythons = ci["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert project["requires-python"] == f">={pythons[0]}"
    named = [each.rpartition(" ")[2] for each in project["classifiers"] if ":: Python ::" in each]
    assert pythons == named == ["3.11", "3.12", "3.13", "3.14"]
    assert f"Python {pythons[0]} to {pythons[-1]} and make" in (ROOT / "README.md").read_text()
    assert "strategy" not in ci["jobs"]["check"]
    assert ci["permissions"] == {"contents": "read"}


@pytest.fixture(scope="module")
def deploying() -> Any:
    return parsed((ROOT / ".github" / "workflows" / "deploy.yml").read_text())


def test_deploying_needs_a_role_and_no_key(deploying: Any) -> None:
    assert "role-to-assume" in str(deploying)
    assert "secrets." not in str(deploying)


def test_nothing_that_checks_or_builds_can_ask_for_credentials(deploying: Any) -> None:
    """Any step of a job may ask for the token that its permissions allow."""
    build, deploy = deploying["jobs"]["build"], deploying["jobs"]["deploy"]
    assert deploying["permissions"] == {"contents": "read"}
    assert "permissions" not in build
    assert list(steps(build)) == [".ci/sam", "make check", "make build", "Pack"]
    assert deploy["needs"] == "build"
    assert deploy["permissions"] == {"contents": "read", "id-token": "write"}
    assert list(steps(deploy)) == [".ci/sam", "make .venv/ops", "Unpack", "Deploy", "Doctor"]
    uses = [each.get("uses", each.get("name", "")).partition("@")[0] for each in deploy["steps"]]
    assert uses[-3:] == ["aws-actions/configure-aws-credentials", "Deploy", "Doctor"]


def test_what_was_built_is_what_is_deployed(
    deploying: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a `sam` that tells what it was asked."""
    built = {".aws-sam/build/template.yaml", "statemachine/it.yaml", "samconfig.toml"}
    for name in (*built, "bin/sam"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text('#!/bin/sh\nprintf "%s\\n" "$@" > asked')
    (tmp_path / "bin" / "sam").chmod(0o755)
    there = tmp_path / "there"
    there.mkdir()
    run(steps(deploying["jobs"]["build"])["Pack"], tmp_path, RUNNER_TEMP=str(there))

    scripts = steps(deploying["jobs"]["deploy"])
    run(scripts["Unpack"], there)
    assert {
        path.relative_to(there).as_posix() for path in there.rglob("*") if path.is_file()
    } == built | {"built.tar.gz"}
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    run(scripts["Deploy"], there, STACK_NAME="photos", PARAMETERS="LogLevel=DEBUG CloudFront=yes")
    assert (there / "asked").read_text().split() == [
        "deploy", "--no-confirm-changeset", "--no-fail-on-empty-changeset",
        "--stack-name", "photos", "--parameter-overrides", "LogLevel=DEBUG", "CloudFront=yes",
    ]  # fmt: skip


def test_the_doctor_looks_at_what_was_deployed_and_undoes_nothing(
    deploying: Any, tmp_path: Path
) -> None:
    """With a `darkroom` that tells what it was asked, and finds something."""
    command = tmp_path / ".venv" / "bin" / "darkroom"
    command.parent.mkdir(parents=True)
    command.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > asked; exit 1')
    command.chmod(0o755)
    last = deploying["jobs"]["deploy"]["steps"][-1]
    assert last["continue-on-error"] is True
    with pytest.raises(subprocess.CalledProcessError):
        run(last["run"], tmp_path, STACK_NAME="photos")
    assert (tmp_path / "asked").read_text().split() == ["doctor", "--stack", "photos"]


def test_the_role_is_for_the_environment_that_reviewers_guard() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    (policy,) = re.findall(r"```json\n(\{\n  \"Version\".+?)```", text, flags=re.DOTALL)
    (statement,) = json.loads(policy)["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    issuer = "token.actions.githubusercontent.com"
    assert statement["Principal"]["Federated"].endswith(f":oidc-provider/{issuer}")
    assert statement["Condition"] == {
        "StringEquals": {
            f"{issuer}:aud": "sts.amazonaws.com",
            f"{issuer}:sub": "repo:OWNER/REPOSITORY:environment:ENVIRONMENT",
        }
    }


def test_the_sam_cli_of_the_workflows_is_pinned(tmp_path: Path) -> None:
    """With a `python3` that makes an environment of empty programs."""
    locked = (ROOT / "requirements" / "sam.txt").read_text()
    (pinned,) = re.findall(r"^aws-sam-cli==(.+) \\\n    --hash=", locked, flags=re.MULTILINE)
    assert re.fullmatch(r"\d+\.\d+\.\d+", pinned)
    fake = tmp_path / "bin" / "python3"
    fake.parent.mkdir()
    fake.write_text(
        '#!/bin/sh\nmkdir -p "$3/bin"; for program in python sam; do\n'
        f'printf \'#!/bin/sh\\necho "$@" > {tmp_path}/asked\' > "$3/bin/$program"\n'
        'chmod +x "$3/bin/$program"; done'
    )
    fake.chmod(0o755)
    path = f"{fake.parent}{os.pathsep}{os.environ['PATH']}"
    run(
        str(ROOT / ".ci" / "sam"), tmp_path,
        PATH=path, RUNNER_TEMP=str(tmp_path), GITHUB_PATH=str(tmp_path / "paths"),
    )  # fmt: skip
    assert (tmp_path / "asked").read_text().endswith("--require-hashes -r requirements/sam.txt\n")
    (added,) = (tmp_path / "paths").read_text().splitlines()
    assert [each.name for each in Path(added).iterdir()] == ["sam"]  # and no other Python
    assert Path(added, "sam").resolve() == (tmp_path / "sam" / "bin" / "sam").resolve()


@pytest.fixture(scope="module")
def release() -> Any:
    return parsed((ROOT / ".github" / "workflows" / "release.yml").read_text())


def steps(job: Any) -> dict[str, str]:
    """Return the scripts of a job, in order, by name or else by themselves."""
    return {each.get("name", each["run"]): each["run"] for each in job["steps"] if "run" in each}


def test_a_release_needs_notes_and_passes_the_gate_before_it_is_packed(release: Any) -> None:
    assert list(steps(release["jobs"]["build"])) == [
        "Notes", ".ci/run", ".ci/sam", "make build", "Pack",
    ]  # fmt: skip
    assert release["jobs"]["publish"]["needs"] == "build"


def test_what_may_write_a_release_runs_no_code_of_the_repository(release: Any) -> None:
    """Nor that of a dependency: it takes what the other job made, and publishes it."""
    assert release["permissions"] == {"contents": "read"}
    assert "permissions" not in release["jobs"]["build"]
    publish = release["jobs"]["publish"]
    assert publish["permissions"] == {"contents": "write"}
    assert [each["uses"].partition("@")[0] for each in publish["steps"] if "uses" in each] == [
        "actions/download-artifact"
    ]
    assert [each.split()[0] for each in steps(publish).values()] == ["gh"]
    assert "secrets." not in str(release)


def run(script: str, folder: Path, **settings: str) -> None:
    subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],  # noqa: S607 - any bash
        cwd=folder,
        env=os.environ | {"GITHUB_REF_NAME": "v1.2.3"} | settings,
        check=True,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_release_has_the_layer_and_what_is_deployed(release: Any, tmp_path: Path) -> None:
    """Its scripts, on a small build, and with a `gh` that tells what it was asked."""
    files = {
        "build/layer/python/darkroom/__init__.py": "",
        ".aws-sam/build/template.yaml": "DefinitionUri: ../../statemachine/it.yaml",
        "statemachine/it.yaml": "",
        "samconfig.toml": "",
        "LICENSE": "",
        "build/release/notes.md": "",  # as the step before left it
        "bin/gh": '#!/bin/sh\nprintf "%s\\n" "$@" > asked',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "bin" / "gh").chmod(0o755)

    run(steps(release["jobs"]["build"])["Pack"], tmp_path)
    made = tmp_path / "build" / "release"
    with zipfile.ZipFile(made / "darkroom-layer-v1.2.3.zip") as layer:
        assert "python/darkroom/__init__.py" in layer.namelist()
    with tarfile.open(made / "darkroom-v1.2.3.tar.gz") as stack:
        packed = {f"darkroom-v1.2.3/{name}" for name in files if not name.startswith(("bu", "bi"))}
        assert {each.name for each in stack.getmembers() if each.isfile()} == packed

    (script,) = steps(release["jobs"]["publish"]).values()
    run(script, made, PATH=f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    asked = (made / "asked").read_text().split("\n")
    assert asked[:3] == ["release", "create", "v1.2.3"]
    given = {each for each in asked if (made / each).is_file()}
    assert given == {"notes.md", "darkroom-v1.2.3.tar.gz", "darkroom-layer-v1.2.3.zip"}


def test_a_wrong_tag_is_told_before_anything_is_installed(release: Any, tmp_path: Path) -> None:
    for name in ("tools", "layers"):
        (tmp_path / name).symlink_to(ROOT / name)
    script = steps(release["jobs"]["build"])["Notes"]
    bare = script.replace("python3", f"'{sys.executable}' -S")  # without packages
    with pytest.raises(subprocess.CalledProcessError) as refused:
        run(bare, tmp_path, GITHUB_REF_NAME="v0.0.0")
    assert refused.value.stderr.startswith("Expected the tag v")


def test_every_pinned_package_is_watched() -> None:
    dependabot = parsed((ROOT / ".github" / "dependabot.yml").read_text())
    watched = {
        (each["package-ecosystem"], folder)
        for each in dependabot["updates"]
        for folder in each["directories"]
    }
    places = {
        "pip": ("requirements/*.txt", "layers/*/*.txt"),
        "npm": ("benchmarks/*/package.json", "tools/*/*/package.json"),
    }
    pinned = {
        (kind, f"/{path.parent.relative_to(ROOT).as_posix()}")
        for kind, patterns in places.items()
        for pattern in patterns
        for path in ROOT.glob(pattern)
    }
    assert watched == pinned | {("github-actions", "/")}
