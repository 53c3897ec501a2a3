"""A probe for each hook: what plain moto does without it, in the test's process.

They stand beside the tests of the hook and not beside the hook itself, which is shipped: a probe
needs what tests need.
"""

from __future__ import annotations

import functools
import json
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import NamedTuple
from unittest.mock import patch

from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl

from darkroom_ops.engine.moto.hook import Hook
from tests.support.aws import client
from tests.unit.engine.moto.lab import ACCOUNT, REGION, ROLE, Json, settle

PROBED: list[str] = []
"""The names of the hooks that have a probe."""


def probe(*hooks: Hook) -> Callable[[Callable[[], bool]], Callable[[None], None]]:
    """Make a test of what returns whether plain moto still has the fault that a hook is for."""

    def decorate(shows_fault: Callable[[], bool]) -> Callable[[None], None]:
        names = [hook.name for hook in hooks]
        PROBED.extend(names)

        def test(plain_moto: None) -> None:
            assert shows_fault(), f"moto no longer needs the hook {names}: it can go"

        return test

    return decorate


def run(definition: Json, *, name: str | None = "probe") -> Json:
    """Run a machine to its end."""
    stepfunctions = client("stepfunctions")
    machine = stepfunctions.create_state_machine(
        name=f"m{time.time_ns()}", definition=json.dumps(definition), roleArn=ROLE
    )["stateMachineArn"]
    named = {"name": name} if name else {}
    arn = stepfunctions.start_execution(stateMachineArn=machine, input="{}", **named)[
        "executionArn"
    ]
    for _ in range(3000):
        described: Json = stepfunctions.describe_execution(executionArn=arn)
        if described["status"] != "RUNNING":
            return described
        time.sleep(0.02)
    raise TimeoutError(arn)


def machine_with(state: Json, **others: Json) -> Json:
    return {"StartAt": "First", "States": {"First": state, **others}}


def listening_queue(pattern: Json) -> Callable[[], list[Json]]:
    """Send matching events to a queue, and return a function that reads it."""
    sqs, events = client("sqs"), client("events")
    name = f"q{time.time_ns()}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])

    def received() -> list[Json]:
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in found]

    return received


@functools.cache
def announced() -> list[str]:
    """Return the statuses that a queue hears of."""
    received = listening_queue({"source": ["aws.states"]})
    run(machine_with({"Type": "Succeed"}))
    return [event["detail"]["status"] for event in received()]


class Stopped(NamedTuple):
    """An execution that was stopped while a retry waited."""

    at_once: Json
    events_at_once: list[str]
    slept: list[float]
    events_later: list[str]
    status_later: str


@functools.cache
def stopped() -> Stopped:
    """Stop an execution while a retry waits; look right then, and when the wait is over."""
    stepfunctions = client("stepfunctions")
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:none"
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sns:publish",
        "Parameters": {"TopicArn": topic, "Message": "any"},
        "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 3, "MaxAttempts": 1}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
        "Next": "Done",
    }
    others: Json = {"Caught": {"Type": "Pass", "End": True}, "Done": {"Type": "Succeed"}}
    definition = json.dumps(machine_with(state, **others))
    machine = stepfunctions.create_state_machine(
        name=f"m{time.time_ns()}", definition=definition, roleArn=ROLE
    )["stateMachineArn"]
    waiting, go, slept = threading.Event(), threading.Event(), []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        waiting.set()
        go.wait(60)

    with patch.object(retrier_decl, "time", SimpleNamespace(sleep=sleep)):
        arn = stepfunctions.start_execution(stateMachineArn=machine, input="{}", name="stop")[
            "executionArn"
        ]
        # A retrier that sleeps in another way never comes here.
        waiting.wait(60)
        stepfunctions.stop_execution(executionArn=arn, error="Probe")
        at_once, events_at_once = stepfunctions.describe_execution(executionArn=arn), events(arn)
        go.set()
        settle()
    later = stepfunctions.describe_execution(executionArn=arn)
    return Stopped(at_once, events_at_once, slept, events(arn), later["status"])


def events(arn: str) -> list[str]:
    found = client("stepfunctions").get_execution_history(executionArn=arn)["events"]
    return [event["type"] for event in found]
