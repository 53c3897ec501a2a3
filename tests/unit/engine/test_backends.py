"""What the engine reads in moto."""

from __future__ import annotations

import pytest

from darkroom_ops.engine import backends
from tests.support.aws import client, empty_account
from tests.unit.engine.moto.lab import ACCOUNT, PASS, REGION, Held, Lab, chain, task
from tests.unit.engine.moto.test_events import rule_event


def test_a_transformer_may_use_the_time_of_ingestion() -> None:
    transformer = {
        "InputTemplate": '{"key": "<key>", "at": "<aws.events.event.ingestion-time>"}',
        "InputPathsMap": {"key": "$.detail.key"},
    }
    event = rule_event(detail={"key": "a.jpg"})
    assert backends.transform(transformer, event) == {
        "key": "a.jpg", "at": "2026-01-31T12:00:00Z",
    }  # fmt: skip
    assert backends.transform({"InputTemplate": '{"a": 1}'}, event) == {"a": 1}


def test_a_message_counts_until_it_is_deleted() -> None:
    """Also while somebody works at it: what it leads to is still to come."""
    with empty_account():
        sqs, queue = client("sqs"), f"arn:aws:sqs:{REGION}:{ACCOUNT}:letters"
        url = sqs.create_queue(QueueName="letters")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="first")
        (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
        assert backends.messages(queue) == 1
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        assert backends.messages(queue) == 0
        assert backends.messages(f"{queue}-gone") == 0


def test_what_runs_is_counted_and_found(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "stepfunctions_parser_backends", {ACCOUNT: {REGION: lab.backend}})
    ended = lab.run(chain(A=PASS))
    held = Held(lab, "A")
    running = lab.start(chain(A=task()), name="other")
    held.wait()
    assert backends.running_executions(REGION) == 1
    assert backends.runs(REGION, running.exec_arn)
    assert not backends.runs(REGION, ended.exec_arn)
    assert not backends.runs(REGION, "arn:gone")
    assert not backends.runs(REGION, running.exec_arn.removesuffix("r"))
    held.go.set()
    lab.router.wait_for(running.exec_arn)
    assert backends.running_executions(REGION) == 0
