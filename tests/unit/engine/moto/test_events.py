"""Rules deliver by the engine."""

from __future__ import annotations

import json
from typing import Any

import pytest

from darkroom_ops.engine.moto import events
from tests.support.aws import client
from tests.unit.engine.moto.lab import ROLE, Json, Lab
from tests.unit.engine.moto.probes import machine_with, probe


def rule_event(**more: Any) -> Json:
    return {"source": "aws.s3", "time": "2026-01-31T12:00:00Z", **more}


@pytest.mark.parametrize("time", ["2026-01-31T12:00:00Z", 1_769_860_800, 1_769_860_800.0])
def test_a_rule_sends_events_as_aws_writes_them(lab: Lab, time: Any) -> None:
    rule, event = object(), rule_event(time=time, **{"ingestion-time": "any"})
    before = dict(event)
    events.deliver.replacement(rule, event)
    assert lab.router.sent == [(rule, rule_event())]
    assert event == before


@probe(events.deliver)
def test_plain_moto_starts_no_execution_for_a_rule() -> bool:
    """A rule that targets a machine starts nothing."""
    stepfunctions, rules = client("stepfunctions"), client("events")
    definition = json.dumps(machine_with({"Type": "Succeed"}))
    arn = stepfunctions.create_state_machine(name="target", definition=definition, roleArn=ROLE)
    rules.put_rule(Name="states", EventPattern=json.dumps({"source": ["probe"]}))
    target = {"Id": "machine", "Arn": arn["stateMachineArn"], "RoleArn": ROLE}
    rules.put_targets(Rule="states", Targets=[target])
    try:
        rules.put_events(Entries=[{"Source": "probe", "DetailType": "any", "Detail": "{}"}])
    except NotImplementedError:
        return True
    finally:
        rules.remove_targets(Rule="states", Ids=["machine"])
    found = stepfunctions.list_executions(stateMachineArn=arn["stateMachineArn"])
    return not found["executions"]
