"""What no Catch sees: an execution that timed out, was stopped or broke, and its redrive."""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, SimpleNamespace

import pytest
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.program import program
from moto.stepfunctions.parser.asl.eval.environment import Environment

from darkroom_ops.engine.eventbridge import execution_status_change
from tests.support.images import photo
from tests.support.pipeline import Json, Pipeline, Run, until

Canned = Callable[..., None]


@contextmanager
def stopped_in(pipeline: Pipeline, source: Json, state: str, **why: str) -> Iterator[Run]:
    """Stop an execution while it is in a state, and give it once its alert is out."""
    reached, released = threading.Event(), threading.Event()

    def hold(_: object) -> bool:
        reached.set()
        released.wait(120)
        return False

    pipeline.fail(state, "never", when=hold)
    arn = pipeline.at.stepfunctions.start_execution(
        stateMachineArn=pipeline.at.state_machine_arn,
        input=json.dumps({"source": source}),
        name=f"stopped-{uuid.uuid4()}",
    )["executionArn"]
    assert reached.wait(120)
    pipeline.at.stepfunctions.stop_execution(executionArn=arn, **why)
    run = pipeline.wait(arn)
    pipeline.messages(run)
    released.set()
    pipeline.engine.faults.clear()  # type: ignore[union-attr]
    yield run


def test_a_stopped_execution_alerts_once_and_gives_its_claim_back(pipeline: Pipeline) -> None:
    source = pipeline.put(photo(), prefix="manual/")
    why = {"error": "Maintenance", "cause": "We move house."}
    with stopped_in(pipeline, source, "MakePdf", **why) as run:
        pipeline.settle()
        (message,) = pipeline.messages(run)
        (email,) = pipeline.inbox(run, "email")
        record = pipeline.record(source)
    assert run.status == "ABORTED"
    assert (message["outcome"], message["error"]) == ("ABORTED", "ExecutionAborted")
    assert message["source"] == source
    assert "Maintenance: We move house." in email.text
    assert "small.jpg" in email.text
    assert record is not None
    assert (record["status"], record["error"]) == ("FAILED", "ExecutionAborted")
    assert "leaseUntil" not in record
    redrive, start = (shlex.split(command) for command in message["commands"])
    assert redrive[2] == "redrive-execution"
    assert redrive[-1] == run.arn
    assert start[2] == "start-execution"
    assert json.loads(start[-1]) == {"source": source}


def test_an_execution_is_stopped_as_its_branches_start(
    pipeline: Pipeline, canned: Canned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No thread of it is left, waiting for branches that never began."""
    source = {"bucket": pipeline.at.source_bucket_name, "key": f"branches/{uuid.uuid4()}"}
    canned(source)
    name = f"stopped-{uuid.uuid4()}"
    arn = f"{pipeline.at.state_machine_arn.replace(':stateMachine:', ':execution:')}:{name}"
    before = set(threading.enumerate())
    branch_of = Environment.open_inner_frame

    def stop_first(self: Environment, *args: object) -> Environment:
        if self.next_state_name == "Archive":
            pipeline.at.stepfunctions.stop_execution(executionArn=arn)
        return branch_of(self, *args)

    monkeypatch.setattr(Environment, "open_inner_frame", stop_first)
    run = pipeline.start({"source": source}, name)
    assert run.status == "ABORTED"
    assert run.history[-1]["type"] == "ExecutionAborted"
    until(lambda: True if not branches(set(threading.enumerate()) - before) else None)


def branches(threads: set[threading.Thread]) -> list[threading.Thread]:
    """Return the threads that run a Parallel, and wait for its branches."""
    frames = sys._current_frames()
    return [
        thread
        for thread in threads
        if thread.ident in frames and frames_named(frames[thread.ident], "branches_decl")
    ]


def frames_named(frame: FrameType | None, module: str) -> bool:
    """Tell whether a module is at work in a frame or in one that called it."""
    while frame is not None:
        if module in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False


def test_a_redriven_execution_resumes_where_it_stopped(pipeline: Pipeline) -> None:
    source = pipeline.put(photo(), prefix="manual/")
    with stopped_in(pipeline, source, "MakePdf") as run:
        pipeline.at.stepfunctions.redrive_execution(executionArn=run.arn)
        again = pipeline.wait(run.arn)
        pipeline.settle()
    record = pipeline.record(source)
    outcomes = [message["outcome"] for message in pipeline.messages(again, expected=2)]
    assert again.output["outcome"] == "COMPLETE"
    assert again.described["redriveCount"] == 1
    assert [s for s in again.states if s == "Prepare"] == ["Prepare"]
    assert again.states.count("Archive") == 2
    assert HistoryEventType.ExecutionRedriven in {event["type"] for event in again.history}
    assert outcomes == ["ABORTED", "COMPLETE"]
    assert record is not None
    assert record["status"] == "COMPLETE"
    assert not {"error", "message", "failedState"} & set(record)  # the first failure is over
    assert "document.pdf" in pipeline.outputs(source)
    (resolved,) = pipeline.resolved(again, "email")
    assert str(resolved.subject).startswith("Darkroom: resolved: ExecutionAborted: manual/")


def test_what_has_succeeded_cannot_be_redriven(pipeline: Pipeline, canned: Canned) -> None:
    source = {"bucket": pipeline.at.source_bucket_name, "key": f"redrive/{uuid.uuid4()}"}
    canned(source)
    run = pipeline.start({"source": source})
    client = pipeline.at.stepfunctions
    with pytest.raises(client.exceptions.ExecutionNotRedrivable, match="SUCCEEDED"):
        client.redrive_execution(executionArn=run.arn)


@contextmanager
def hurried(
    pipeline: Pipeline, change: Callable[[Json], None]
) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Change the definition and hold Prepare; give events: it is reached, it may go on."""
    if pipeline.engine is None:
        pytest.skip("needs the inside of the local engine")
    at = pipeline.at
    described = at.stepfunctions.describe_state_machine(stateMachineArn=at.state_machine_arn)
    definition = json.loads(described["definition"])
    change(definition)
    reached, released = threading.Event(), threading.Event()

    def hold(_: object) -> bool:
        reached.set()
        released.wait(120)
        return False

    pipeline.fail("Prepare", "never", when=hold)
    update = at.stepfunctions.update_state_machine
    update(stateMachineArn=at.state_machine_arn, definition=json.dumps(definition))
    try:
        yield reached, released
    finally:
        update(stateMachineArn=at.state_machine_arn, definition=described["definition"])
        released.set()


def test_a_call_that_took_too_long_is_left_alone(pipeline: Pipeline, canned: Canned) -> None:
    """Prepare's 180 seconds, cut short: tried once more, then failed. Late calls change nothing."""
    source = {"bucket": pipeline.at.source_bucket_name, "key": f"slow/{uuid.uuid4()}"}

    def hurry(definition: Json) -> None:
        definition["States"]["Prepare"]["TimeoutSeconds"] = 1

    with hurried(pipeline, hurry) as (_, released):
        run = pipeline.start({"source": source})
        released.set()
        pipeline.settle()
        (message,) = pipeline.messages(run)
    assert (run.status, run.error) == ("FAILED", "StatesTimeout")
    assert "did not finish within 1 s, in each of 2 attempts" in message["message"]
    assert pipeline.history(run.arn) == run.history


def test_an_execution_that_ran_out_of_time_alerts(
    pipeline: Pipeline, canned: Canned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine's 900 seconds, over as soon as Prepare is reached."""
    source = {"bucket": pipeline.at.source_bucket_name, "key": f"late/{uuid.uuid4()}"}

    class Timed(threading.Thread):
        def join(self, timeout: float | None = None) -> None:
            if timeout == 899:
                reached.wait(120)
            else:
                super().join(timeout)

    monkeypatch.setattr(program, "threading", SimpleNamespace(Thread=Timed))
    with hurried(pipeline, lambda definition: definition.update(TimeoutSeconds=899)) as (
        reached,
        _,
    ):
        run = pipeline.start({"source": source})
        (message,) = pipeline.messages(run)
    record = pipeline.record(source)
    assert run.status == "TIMED_OUT"
    assert pipeline.history(run.arn)[-1]["type"] == "ExecutionTimedOut"
    assert (message["outcome"], message["error"]) == ("TIMED_OUT", "ExecutionTimedOut")
    assert "did not finish in its time" in message["message"]
    assert record is not None
    assert record["status"] == "FAILED"


def test_a_status_change_delivered_again_alerts_no_more(pipeline: Pipeline, canned: Canned) -> None:
    engine = pipeline.engine
    if engine is None:
        pytest.skip("needs the inside of the local engine")
    source = {"bucket": pipeline.at.source_bucket_name, "key": f"again/{uuid.uuid4()}"}
    pipeline.give_payload("Prepare", {"text": "x" * 300_000})  # States.DataLimitExceeded
    run = pipeline.start({"source": source})
    pipeline.settle()
    event = execution_status_change("123456789012", "us-east-1", run.described)
    for _ in range(2):
        done = pipeline.at.lambda_.invoke(
            FunctionName=pipeline.at.notify_function_name, Payload=json.dumps(event).encode()
        )
        assert json.loads(done["Payload"].read()) == {"published": False}
    assert len(pipeline.messages(run)) == 1


def test_an_alert_that_nobody_can_take_is_kept(pipeline: Pipeline, canned: Canned) -> None:
    """SNS refuses for good: the failure is recorded, and its event waits as a dead letter."""
    at = pipeline.at
    topics = [at.alerts_topic_arn, at.notifications_topic_arn]
    source = {"bucket": at.source_bucket_name, "key": f"unheard/{uuid.uuid4()}"}
    pipeline.fail("Prepare", "CorruptImage", "It is torn.")
    pipeline.fail("NotifyFailure", "DeliveryError", "The topic is gone.")
    spec = pipeline.engine.functions.spec(at.notify_function_name)  # type: ignore[union-attr]
    gone = {**spec.variables, "ALERTS_TOPIC": f"{topics[0]}-gone"}
    pipeline.engine.functions.register(dataclasses.replace(spec, variables=gone))  # type: ignore[union-attr]
    try:
        run = pipeline.start({"source": source})
        pipeline.settle()
    finally:
        pipeline.engine.functions.register(spec)  # type: ignore[union-attr]
    record = pipeline.record(source)
    assert (run.status, run.error, run.states[-1]) == ("FAILED", "CorruptImage", "AlertNotSent")
    assert record is not None
    assert record["status"] == "FAILED"
    assert "announced" not in record

    message = pipeline.take_dead_letter(run.arn)
    assert json.loads(message["Body"])["detail"]["executionArn"] == run.arn
