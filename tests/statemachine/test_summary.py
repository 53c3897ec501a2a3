"""The summary of alerts, by its own state machine."""

from __future__ import annotations

import json
import uuid

from darkroom.aws.windows import Windows

from darkroom_ops.engine import Engine
from tests.support.pipeline import Pipeline


def test_what_waits_in_a_window_is_told_in_one_summary(pipeline: Pipeline, engine: Engine) -> None:
    at, folder = engine.deployment, f"uploads/{uuid.uuid4().hex}/"
    name = f"alert window/FAILED sender CorruptImage {folder}"
    window = Windows(at.dynamodb, at.images_table_name)
    window.open(name, "the first", 300)
    for number in (1, 2):
        execution = f"{at.state_machine_arn}:run-{number}"
        about = {"image": f"photos/{folder}{number}.jpg", "execution": execution}
        assert window.join(name, json.dumps(about))
    machine = at.state_machine_arn.replace("-image-pipeline", "-alert-summary")
    given = {"window": name, "seconds": 300, "outcome": "FAILED", "error": "CorruptImage",
             "fault": "sender", "prefix": folder}  # fmt: skip
    for _ in range(2):  # the second finds nothing left to tell
        run = at.stepfunctions.start_execution(stateMachineArn=machine, input=json.dumps(given))
        assert pipeline.wait(run["executionArn"]).status == "SUCCEEDED"
    told = [m for m in engine.inbox.messages(protocol="email") if folder in m.text]
    (summary,) = told
    assert summary.recipient == "oncall@example.com"
    assert summary.subject is not None
    assert summary.subject.startswith("Darkroom: 2 more FAILED: CorruptImage: uploads/")
    assert f"run-1      {folder}1.jpg\nrun-2      {folder}2.jpg" in summary.text
