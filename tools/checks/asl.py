"""The state machines' definitions, by the two public checkers of the language.

What neither catches (a ``States.ALL`` that is not last, an undefined variable, a ceiling below the
interval, a misspelt integration or parameter) is in tests/template/test_asl.py.
"""

from __future__ import annotations

import json
import shutil
import subprocess

import yaml

from tools.checks.findings import Finding, Skipped
from tools.checks.stack import ROOT

CHECKERS = ROOT / "tools" / "checks" / "node"
DEFINITIONS = sorted((ROOT / "statemachine").glob("*.asl.yaml"))


def check() -> list[Finding]:
    """Check the deployed definitions."""
    return [
        finding
        for path in DEFINITIONS
        for finding in findings(yaml.safe_load(path.read_text()), path.name)
    ]


def findings(definition: object, name: str = DEFINITIONS[0].name) -> list[Finding]:
    """Return what the checkers object to in a definition; they are Skipped without Node.js."""
    said = run("validate.mjs", definition)
    return [
        Finding(tool, name, message)
        for tool, _, message in (line.partition(": ") for line in said.splitlines())
    ]


def run(script: str, given: object) -> str:
    """Return what a script beside the checkers says of a JSON value; Skipped without Node.js."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise Skipped("the checkers of the state machine's language need Node.js and npm")
    installed, locked = CHECKERS / "node_modules/.package-lock.json", CHECKERS / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < locked.stat().st_mtime:
        install = [npm, "ci", "--silent", "--no-audit", "--no-fund"]
        if subprocess.run(install, cwd=CHECKERS, check=False, timeout=300).returncode:
            raise Skipped("npm could not install the checkers of the state machine's language")
    done = subprocess.run(
        [node, str(CHECKERS / script)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.stderr:
        raise RuntimeError(f"The checkers of the language failed: {done.stderr[-2000:]}")
    return done.stdout
