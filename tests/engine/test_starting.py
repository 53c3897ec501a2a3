"""A template that cannot be deployed is explained, not thrown at the user."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import TEMPLATE

BROKEN = {
    "no YAML": ("Resources: {", "expected"),
    "no such definition": (
        """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          Machine:
            Type: AWS::Serverless::StateMachine
            Properties: {DefinitionUri: nowhere.asl.yaml}
        """,
        "nowhere.asl.yaml",
    ),
    "no function properties": (
        """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          Prepare:
            Type: AWS::Serverless::Function
            Properties: {CodeUri: ., Handler: app.handler}
        """,
        "Runtime",
    ),
}


START = """
import json, sys
from pathlib import Path
from darkroom_ops.present.failures import explained
from darkroom_ops.cli.local import start
for path, parameters in json.loads(sys.argv[1]):
    try:
        with explained():
            start(template=Path(path), parameters=parameters)
    except BaseException as ended:
        print(repr(ended), file=sys.stderr)
"""
"""In a process of its own: there can be one engine in each, and the other tests have theirs."""


def test_what_cannot_be_deployed_is_told_with_its_reason(tmp_path: Path) -> None:
    templates = [tmp_path / name / "template.yaml" for name in BROKEN]
    for path, (text, _) in zip(templates, BROKEN.values(), strict=True):
        path.parent.mkdir()
        path.write_text(text)
    missing = tmp_path / "missing" / "template.yaml"
    started = [*((str(path), []) for path in [*templates, missing]),
               (str(TEMPLATE), ["BufferConcurrency=1"])]  # fmt: skip

    done = subprocess.run(
        [sys.executable, "-c", START, json.dumps(started)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    said = done.stderr.splitlines()
    assert said[1::2] == ["Exit(2)"] * 5
    for line, (_, reason) in zip(said[::2], BROKEN.values(), strict=False):
        assert line.startswith("darkroom: The engine cannot deploy template.yaml: ")
        assert reason in line
    assert str(missing) in said[6]
    assert said[8].startswith(
        "darkroom: The parameter BufferConcurrency cannot be '1'. Expected 0 "
    )
