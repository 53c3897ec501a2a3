"""checkov, cdk-nag and ``sam validate`` on the stack, and on what it nests.

Both scanners read what the SAM transform makes of the template: they find more there than in the
SAM source, which hides the roles.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import boto3

from darkroom_ops.engine.deploy import read_template, translate
from tools.checks.findings import Finding, Skipped

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "checks"
TOOLS = ROOT / ".venv-checks" / "bin"
REGION = "us-east-1"


@cache
def templates() -> tuple[Path, ...]:
    """Write what the SAM transform makes of template.yaml, and what it nests; return the paths."""
    source = read_template(ROOT / "template.yaml")
    uris = {name: f"s3://artifacts/{name}" for name in source["Resources"]}
    session = boto3.session.Session("any", "any", region_name=REGION)
    contents = {
        "template": translate(source, ROOT, session, uris),
        "cloudfront": read_template(ROOT / "cloudfront.yaml"),
    }
    BUILD.mkdir(parents=True, exist_ok=True)
    for name, each in contents.items():
        (BUILD / f"{name}.json").write_text(json.dumps(each, indent=1))
    return tuple(BUILD / f"{name}.json" for name in contents)


def tool(name: str) -> str:
    """Return the path of a program in the checks' own environment, or skip what needs it."""
    path = TOOLS / name
    if not path.exists():
        raise Skipped(f"{name} is not installed; `make check` installs it")
    return str(path)


def checkov() -> list[Finding]:
    """Scan with checkov, offline."""
    command = [
        tool("checkov"), "--file", *map(str, templates()), "--framework", "cloudformation",
        "--skip-download", "--compact", "--quiet", "--output", "json",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    report = _parsed(done)
    if report["summary"]["parsing_errors"]:
        raise RuntimeError(f"checkov could not read {' or '.join(map(str, templates()))}.")
    return [
        Finding(each["check_id"], each["resource"].rpartition(".")[2], each["check_name"])
        for each in report["results"]["failed_checks"]
    ]


def cdk_nag() -> list[Finding]:
    """Scan with cdk-nag's packs for AWS solutions and serverless applications."""
    python = tool("python")
    if shutil.which("node") is None:
        raise Skipped("cdk-nag needs Node.js")
    done = subprocess.run(
        [python, str(ROOT / "tools" / "checks" / "nag.py"), str(BUILD / "cdk"), *templates()],
        capture_output=True,
        text=True,
        check=False,
        # jsii greets older releases of Node with a page of warnings.
        env=os.environ | {"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1"},
    )
    # Some rules name what they are about: "AwsSolutions-IAM5[Resource::*]".
    return [
        Finding(
            rule.partition("[")[0], where, f"{message} {''.join(rule.partition('[')[1:])}".rstrip()
        )
        for rule, where, message in _parsed(done)
    ]


def sam_validate() -> list[Finding]:
    """Validate with the SAM CLI, where it is installed."""
    sam = shutil.which("sam")
    if sam is None:
        raise Skipped("the SAM CLI is absent; cfn-lint has linted the template")
    done = subprocess.run(
        [sam, "validate", "--lint", "--region", REGION, "--template", "template.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return []
    return [Finding("sam validate", "template.yaml", (done.stdout + done.stderr).strip())]


def _parsed(done: subprocess.CompletedProcess[str]) -> Any:
    """Return a tool's JSON report; without one, say what the tool said."""
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise RuntimeError(
            f"Expected a JSON report of {done.args[0]}, but it ended with {done.returncode}: "
            f"{(done.stderr or done.stdout)[-2000:]}"
        ) from None
