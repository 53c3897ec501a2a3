"""Events that reached nobody: put into words, and sent once more without harm."""

from __future__ import annotations

import json
from typing import Any

import pytest

from darkroom_ops import dlq
from darkroom_ops.engine import Engine
from tests.support.cli import invoke
from tests.support.images import photo
from tests.support.pipeline import Json, Pipeline, until


def mine(pipeline: Pipeline, about: str) -> list[dlq.DeadLetter]:
    """Return the messages about an image or an execution; other tests leave theirs."""
    return [letter for letter in dlq.dead_letters(pipeline.at) if about in letter.about]


def redriven(pipeline: Pipeline, about: str) -> dlq.Sent:
    """Send the one letter about an image or an execution."""
    (letter,) = mine(pipeline, about)
    (sent,) = dlq.redrive(pipeline.at, [letter.id])
    return sent


@pytest.fixture
def lost(pipeline: Pipeline, engine: Engine) -> Json:
    """An upload whose event found no state machine."""
    events = engine.deployment.client("events")
    rule = engine.deployment.upload_rule_name
    (target,) = events.list_targets_by_rule(Rule=rule)["Targets"]
    iam = engine.deployment.client("iam")
    role = iam.create_role(RoleName="no-rights", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    events.put_targets(Rule=rule, Targets=[target | {"RoleArn": role}])
    try:
        source = pipeline.put(photo(), "it's lost.jpg")
        until(lambda: mine(pipeline, source["key"]) or None)
    finally:
        events.put_targets(Rule=rule, Targets=[target])
        iam.delete_role(RoleName="no-rights")
    return source


def darkroom(pipeline: Pipeline, *words: str) -> tuple[int, Any]:
    """Run the command and return its exit code, and what it printed as JSON."""
    endpoint = ["--endpoint", str(pipeline.at.endpoint), "--json"]
    done = invoke([*words, *endpoint])
    return done.exit_code, json.loads(done.stdout)


def test_a_lost_upload_is_told_in_words_and_stays(pipeline: Pipeline, lost: Json) -> None:
    for _ in range(2):  # looking does not take it away
        (letter,) = mine(pipeline, lost["key"])
        assert letter.kind == "upload"
        assert letter.about == f"s3://{lost['bucket']}/{lost['key']}"
        assert letter.why == (
            "The rule was not allowed to reach its target (AccessDeniedException)"
        )
        assert letter.target == pipeline.at.state_machine_arn


def test_a_lost_upload_is_redriven_once(pipeline: Pipeline, lost: Json) -> None:
    (letter,) = mine(pipeline, lost["key"])
    sent = redriven(pipeline, lost["key"])
    run = pipeline.run_of(lost)
    assert (sent.execution, sent.error) == (run.arn, None)
    assert run.output["outcome"] == "COMPLETE"
    assert json.loads(run.described["input"]) == letter.event
    assert mine(pipeline, lost["key"]) == []
    _send_to_dlq(pipeline, letter.event)  # the same event, found in the queue a second time
    again = redriven(pipeline, lost["key"])
    assert again.execution == run.arn
    assert pipeline.executions(lost["key"]) == [run.arn]


def test_a_duplicate_of_a_processed_upload_does_nothing(pipeline: Pipeline) -> None:
    source = pipeline.put(photo())
    run = pipeline.run_of(source)
    _send_to_dlq(pipeline, json.loads(run.described["input"]))
    sent = redriven(pipeline, source["key"])
    assert sent.execution is not None
    assert pipeline.wait(sent.execution).output["outcome"] == "ALREADY_PROCESSED"


def test_a_status_change_is_announced_at_last(pipeline: Pipeline, engine: Engine) -> None:
    """Notify failed on it, as with a topic's permissions gone; now it can."""
    source = pipeline.put(photo(), prefix="manual/")
    arn = pipeline.at.stepfunctions.start_execution(
        stateMachineArn=pipeline.at.state_machine_arn, input=json.dumps({"source": source})
    )["executionArn"]
    with _notify_forbidden(engine):
        pipeline.at.stepfunctions.stop_execution(executionArn=arn)
        (letter,) = until(lambda: mine(pipeline, arn) or None)
        refused = redriven(pipeline, arn)
    assert letter.kind == "status change"
    assert letter.about == f"{arn} (ABORTED)"
    assert "Notify failed on it: AccessDenied" in letter.why
    assert "Notify failed again: AccessDenied" in (refused.error or "")
    assert [each.id for each in mine(pipeline, arn)] == [letter.id]  # it stayed
    before = len(engine.inbox.messages(protocol="email", execution=arn))
    sent = redriven(pipeline, arn)
    assert sent.error is None
    assert len(engine.inbox.messages(protocol="email", execution=arn)) == before + 1
    assert mine(pipeline, arn) == []


def test_what_is_no_event_is_left_with_a_word(pipeline: Pipeline) -> None:
    queue = pipeline.at.events_dead_letter_queue_url
    pipeline.at.sqs.send_message(QueueUrl=queue, MessageBody="hello from elsewhere")
    sent = redriven(pipeline, "hello")
    assert "'hello from elsewhere'" in (sent.error or "")
    (left,) = mine(pipeline, "hello")
    pipeline.at.sqs.delete_message(QueueUrl=queue, ReceiptHandle=left.receipt)


def test_the_commands(pipeline: Pipeline, lost: Json) -> None:
    def ours(answer: Any) -> list[Json]:
        return [each for each in answer["messages"] if lost["key"] in each["about"]]

    code, listed = darkroom(pipeline, "dlq", "list")
    (letter,) = ours(listed)
    assert code == 0
    assert letter["about"] == f"s3://{lost['bucket']}/{lost['key']}"
    code, problem = darkroom(pipeline, "dlq", "redrive", "nosuchid")
    assert code == 2
    assert "fits none of" in problem["message"]
    code, done = darkroom(pipeline, "dlq", "redrive", letter["id"])
    assert (code, done["sent"], done["left"]) == (0, 1, 0)
    assert pipeline.wait(done["messages"][0]["execution"]).status == "SUCCEEDED"
    assert ours(darkroom(pipeline, "dlq", "list")[1]) == []


def _send_to_dlq(pipeline: Pipeline, event: Json) -> None:
    pipeline.at.sqs.send_message(
        QueueUrl=pipeline.at.events_dead_letter_queue_url, MessageBody=json.dumps(event)
    )


def _notify_forbidden(engine: Engine) -> Any:
    """Take the right to publish from the alerts topic's publisher, for a while."""
    return _Forbidden(engine)


class _Forbidden:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __enter__(self) -> None:
        from darkroom_ops.engine.protocols import ServiceError, ServiceFault

        denied = ServiceFault(ServiceError(403, "AuthorizationError", "not authorized"))
        self._engine.inject_fault = lambda call, _: denied if call.service == "sns" else None

    def __exit__(self, *_: object) -> None:
        self._engine.inject_fault = None
