"""How executions start, end, are stopped and redriven."""

from __future__ import annotations

import copy
import datetime
import json
import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock, patch

import pytest
from moto.core.exceptions import AWSError
from moto.logs.models import logs_backends
from moto.stepfunctions.parser.api import ExecutionStatus, HistoryEventType
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.program import program
from moto.stepfunctions.parser.asl.component.state.exec import execute_state
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import (
    inline_iteration_component,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.branch_worker import (
    BranchWorker,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_manager import (
    EventHistoryContext,
    EventManager,
)
from moto.stepfunctions.parser.asl.eval.program_state import (
    ProgramEnded,
    ProgramRunning,
    ProgramStopped,
)
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.backend import execution_worker
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.parser.utils import TMP_THREADS

from darkroom_ops.engine.moto import hook
from darkroom_ops.engine.moto.stepfunctions import ended, executions, responses
from darkroom_ops.engine.stepfunctions.task_faults import Fault
from darkroom_ops.engine.stepfunctions.threads import Thread
from tests.unit.engine.moto.lab import (
    ACCOUNT,
    PASS,
    REGION,
    ROLE,
    Held,
    Json,
    Lab,
    chain,
    settle,
    task,
    watched,
)
from tests.unit.engine.moto.probes import announced, machine_with, probe, run, stopped

# ---------------------------------------------------------------------------- starts and ends


def test_starts_and_ends_are_announced(lab: Lab) -> None:
    done = lab.run(chain(A=PASS))
    assert lab.router.statuses == ["RUNNING", "SUCCEEDED"]
    assert lab.router.ended == [done.exec_arn]
    details = [event["detail"] for event in lab.router.events]
    assert {each["executionArn"] for each in details} == {done.exec_arn}
    assert [each["output"] for each in details] == [None, "{}"]


def test_what_ends_after_the_engine_is_told_nobody(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does its thread fail, whose traceback would hide the prompt."""
    held = Held(lab, "A")
    lab.start(chain(A=task()))
    held.wait()
    with monkeypatch.context() as patched:
        patched.setattr(hook, "running", None)
        held.go.set()
        settle()
    assert lab.router.statuses == ["RUNNING"]


def test_a_failure_is_announced_with_its_error(lab: Lab) -> None:
    lab.run(chain(A={"Type": "Fail", "Error": "Odd", "Cause": "why"}))
    assert lab.router.statuses == ["RUNNING", "FAILED"]
    last = lab.router.events[-1]["detail"]
    assert (last["error"], last["cause"]) == ("Odd", "why")


def test_an_execution_without_a_name_gets_one(lab: Lab) -> None:
    arn = lab.machine(chain(A=PASS))
    first, second = (lab.backend.start_execution(arn, None, "{}") for _ in range(2))
    assert len({first.name, second.name}) == 2
    assert len(first.name) == 36
    named = lab.backend.start_execution(arn, "mine", "{}")
    assert named.exec_arn.endswith(":mine")
    for each in (first, second, named):
        lab.router.wait_for(each.exec_arn)


@pytest.mark.parametrize(
    ("name", "given", "error"),
    [
        ("a" * 80, "{}", None),
        ("a" * 81, "{}", "ValidationException"),
        ("photo.1_é-ü@!()+='", "{}", None),
        ("a b", "{}", "InvalidName"),
        ("a:b", "{}", "InvalidName"),
        ("a/b", "{}", "InvalidName"),
        ("a\x7fb", "{}", "InvalidName"),
        ("a\n", "{}", "InvalidName"),
        ("run", "", "InvalidExecutionInput"),
        ("run", '{"a": ', "InvalidExecutionInput"),
        ("run", '{"a": NaN}', "InvalidExecutionInput"),
        ("run", "-Infinity", "InvalidExecutionInput"),
        ("run", "[" * 100_000, "InvalidExecutionInput"),
        ("run", "null", None),
        ("run", json.dumps("é" * 131_071, ensure_ascii=False), None),
        ("run", json.dumps("é" * 131_071 + "e", ensure_ascii=False), "ValidationException"),
    ],
)
def test_a_start_is_refused_as_aws_refuses_it(
    lab: Lab, name: str, given: str, error: str | None
) -> None:
    """API reference, StartExecution: its request parameters, and errors."""
    arn = lab.machine(chain(A=PASS))
    if error is None:
        lab.router.wait_for(lab.backend.start_execution(arn, name, given).exec_arn)
        return
    with pytest.raises(AWSError) as refused:
        lab.backend.start_execution(arn, name, given)
    assert error == refused.value.TYPE
    assert lab.router.events == []


def test_an_express_execution_tells_nobody_and_shares_its_name(lab: Lab) -> None:
    """Step Functions developer guide, "Choosing workflow type": at least once, no events."""
    machine = lab.machine(chain(A=PASS), "EXPRESS")
    started = [lab.backend.start_execution(machine, "run", "{}") for _ in range(2)]
    arns = [each.exec_arn for each in started]
    for arn in arns:
        lab.router.wait_for(arn)
        assert arn.startswith("arn:aws:states:us-east-1:123456789012:express:m0:run:")
    assert len(set(arns)) == 2
    assert [each.name for each in started] == ["run", "run"]
    assert [each.announced for each in started] == ["SUCCEEDED", "SUCCEEDED"]
    assert lab.router.events == []


@pytest.mark.parametrize(
    ("kind", "said", "limit"),
    [
        ("EXPRESS", 900, 300),
        ("EXPRESS", 300, 300),
        ("EXPRESS", 299, 299),
        ("EXPRESS", None, 300),
        ("STANDARD", 900, 900),
    ],
)
def test_an_express_execution_takes_five_minutes_at_most(
    lab: Lab, kind: str, said: int | None, limit: int
) -> None:
    definition = chain(A=PASS) | ({} if said is None else {"TimeoutSeconds": said})
    details = SimpleNamespace(typ=kind, definition=json.dumps(definition))
    worker: Any = SimpleNamespace(
        _evaluation_details=SimpleNamespace(state_machine_details=details)
    )
    program = ExecutionWorker._get_evaluation_entrypoint(worker)
    assert program.timeout_seconds.timeout_seconds == limit
    shared, _ = AmazonStateLanguageParser.parse(json.dumps(definition))
    assert (shared.timeout_seconds and shared.timeout_seconds.timeout_seconds) == said


GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/states/m:*"
FAILS = chain(Try=task(), End={"Type": "Fail", "Error": "Odd", "Cause": "no"})


@pytest.mark.parametrize(
    ("level", "data", "expected"),
    [
        ("OFF", False, []),
        ("ERROR", False, ["FailStateEntered", "ExecutionFailed"]),
        ("FATAL", False, ["ExecutionFailed"]),
        ("ALL", False, None),
        ("ALL", True, None),
    ],
)
def test_what_happened_stands_in_the_log_group(
    lab: Lab, level: str, data: bool, expected: list[str] | None
) -> None:
    """Step Functions guide, "Log levels for Step Functions execution events"."""
    destinations = [{"cloudWatchLogsLogGroup": {"logGroupArn": GROUP}}]
    machine = lab.backend.create_state_machine(
        "logged",
        json.dumps(FAILS),
        ROLE,
        loggingConfiguration={
            "level": level, "includeExecutionData": data, "destinations": destinations,
        },
    )  # fmt: skip
    lab.faults.inject(Fault("Try", result={"secret": 1}))
    logs = logs_backends[ACCOUNT][REGION]
    logs.ensure_log_group("/states/m")
    try:
        execution = lab.backend.start_execution(machine.arn, "run", '{"key": "secret"}')
        lab.router.wait_for(execution.exec_arn)
        streams = logs.groups["/states/m"].streams
        assert all(name.startswith("states/logged/20") for name in streams)
        lines = [event for stream in streams.values() for event in stream.events]
    finally:
        logs.delete_log_group("/states/m")
    said = [json.loads(each.message) for each in lines]
    happened = lab.history(execution)
    types = [event["type"] for event in happened]
    assert [each["type"] for each in said] == (types if expected is None else expected)
    for each, line in zip(said, lines, strict=True):
        event = happened[int(each["id"]) - 1]
        assert each["event_timestamp"] == str(line.timestamp)
        assert line.timestamp == pytest.approx(event["timestamp"] * 1000, abs=1)
        assert each["previous_event_id"] == str(event["previousEventId"])
        assert each["execution_arn"] == execution.exec_arn
    if said:
        assert said[-1]["details"] == {"error": "Odd", "cause": "no"}
    assert ("secret" in str(said)) is data


def test_a_log_group_that_is_gone_keeps_no_execution_from_ending(lab: Lab) -> None:
    """What it did is told elsewhere, too."""
    destinations = [{"cloudWatchLogsLogGroup": {"logGroupArn": GROUP}}]
    logging = {"level": "ALL", "includeExecutionData": False, "destinations": destinations}
    machine = lab.backend.create_state_machine(
        "logged", json.dumps(chain(A=PASS)), ROLE, loggingConfiguration=logging
    )
    execution = lab.backend.start_execution(machine.arn, "run", "{}")
    lab.router.wait_for(execution.exec_arn)
    assert lab.router.statuses == ["RUNNING", "SUCCEEDED"]
    assert "/states/m" not in logs_backends[ACCOUNT][REGION].groups


@probe(executions.entrypoint)
def test_plain_moto_lets_express_executions_run_on() -> bool:
    definition = json.dumps(chain(A=PASS) | {"TimeoutSeconds": 900})
    details = SimpleNamespace(typ="EXPRESS", definition=definition)
    worker: Any = SimpleNamespace(
        _evaluation_details=SimpleNamespace(state_machine_details=details)
    )
    program = ExecutionWorker._get_evaluation_entrypoint(worker)
    return bool(program.timeout_seconds.timeout_seconds > 300)


def test_an_execution_that_takes_too_long_ends_at_once(lab: Lab) -> None:
    """While the call that took too long still runs; nothing is added when it comes back."""
    definition = chain(A=task(), B=task()) | {"TimeoutSeconds": 1}
    program, _ = AmazonStateLanguageParser.parse(json.dumps(definition))
    program.timeout_seconds.timeout_seconds = 0.01
    held, called = Held(lab, "A"), watched(lab, "B")
    execution = lab.start(definition)
    lab.router.wait_for(execution.exec_arn)
    types = lab.types(execution)
    assert (execution.status, types[-1]) == ("TIMED_OUT", "ExecutionTimedOut")
    described = lab.call("describe_execution", executionArn=execution.exec_arn)
    assert described["stopDate"] == execution.stop_date
    held.go.set()
    settle()
    assert lab.types(execution) == types
    assert called == []
    assert lab.router.statuses == ["RUNNING", "TIMED_OUT"]


# ---------------------------------------------------------------------------- stopping


def stop(lab: Lab, execution: Any, **words: str) -> Json:
    return lab.call("stop_execution", executionArn=execution.exec_arn, **words)


def test_a_stop_ends_an_execution_at_once_with_what_was_said(lab: Lab) -> None:
    held, called = Held(lab, "A"), watched(lab, "B")
    execution = lab.start(chain(A=task(), B=task()))
    held.wait()
    answer = stop(lab, execution, error="Enough", cause="wrong folder")
    assert answer == {"stopDate": execution.stop_date}
    assert execution.status == "ABORTED"
    last = lab.history(execution)[-1]
    assert last["type"] == "ExecutionAborted"
    assert last["executionAbortedEventDetails"] == {"error": "Enough", "cause": "wrong folder"}
    assert lab.router.ended == [execution.exec_arn]
    assert lab.router.statuses == ["RUNNING", "ABORTED"]
    assert lab.router.events[-1]["detail"]["error"] == "Enough"
    described = lab.call("describe_execution", executionArn=execution.exec_arn)
    assert (described["error"], described["cause"]) == ("Enough", "wrong folder")
    assert execution.stop_date <= described["stopDate"]
    before = lab.history(execution)
    held.go.set()
    settle()
    assert lab.history(execution) == before
    assert called == []  # nothing after it is done
    assert len(lab.router.ended) == 1


@pytest.mark.parametrize("first", ["stopped", "ended"])
def test_a_stop_of_what_has_ended_changes_nothing(lab: Lab, first: str) -> None:
    if first == "ended":
        execution = lab.run(chain(A=PASS))
    else:
        held = Held(lab, "A")
        execution = lab.start(chain(A=task()))
        held.wait()
        stop(lab, execution, error="First")
        held.go.set()
    before = (execution.status, execution.error, lab.history(execution), execution.stop_date)
    stop(lab, execution, error="Second")
    after = (execution.status, execution.error, lab.history(execution), execution.stop_date)
    assert after == before
    assert len(lab.router.statuses) == 2
    assert len(lab.router.ended) == 1


def test_a_stop_that_comes_when_the_last_state_has_ended_changes_nothing(lab: Lab) -> None:
    """Its thread is about to say how it ended: nothing is announced yet."""
    environment = Environment.__new__(Environment)
    environment._state_mutex, environment._program_state = threading.RLock(), ProgramEnded()
    worker = SimpleNamespace(env=environment, stop=lambda **_: None)
    execution = SimpleNamespace(exec_worker=worker, exec_status=ExecutionStatus.RUNNING)
    executions.stop.replacement(execution, datetime.datetime.now(datetime.UTC), "Late", None)
    assert execution.exec_status == ExecutionStatus.RUNNING
    assert lab.router.statuses == []


def test_a_stop_in_a_branch_ends_all_of_it(lab: Lab) -> None:
    """No Catch sees it, and nothing after it runs."""
    held, called = Held(lab, "Inner"), watched(lab, "After", "Later", "Caught")
    branch = chain(Inner=task(), After=task())
    parallel = {
        "Type": "Parallel",
        "Branches": [branch],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
    }
    execution = lab.start(chain(Both=parallel, Later=task(), Caught=task()))
    held.wait()
    stop(lab, execution)
    held.go.set()
    settle()
    assert called == []
    assert lab.entered(execution) == ["Both", "Inner"]
    assert lab.types(execution)[-1] == "ExecutionAborted"
    assert execution.status == "ABORTED"


def test_a_call_that_timed_out_is_left_and_the_execution_goes_on(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its late result is dropped, and the history says nothing of it."""
    held, after, late = Held(lab, "A", {"late": True}), Held(lab, "B"), list[threading.Event]()

    class Called(threading.Event):
        """Whether a call is over. That takes too long as soon as the call is being made."""

        def wait(self, timeout: float | None = None) -> bool:
            if timeout != 1:
                return super().wait(timeout)
            late.append(self)
            held.wait()
            return False

    monkeypatch.setattr(execute_state, "threading", SimpleNamespace(Event=Called))
    catch = [{"ErrorEquals": ["States.Timeout"], "Next": "B"}]
    state = task(TimeoutSeconds=1, Catch=catch) | {"Resource": "arn:aws:states:::sqs:sendMessage"}
    execution = lab.start(chain(A=state, B=task()))
    after.wait()
    held.go.set()
    assert threading.Event.wait(late[0], 120)
    after.go.set()
    settle()
    assert (execution.status, lab.entered(execution)) == ("SUCCEEDED", ["A", "B"])
    assert "late" not in execution.output
    told = [kind for kind in lab.types(execution) if kind in {"TaskTimedOut", "TaskSucceeded"}]
    assert told == ["TaskTimedOut", "TaskSucceeded"]  # of each call, how it ended


# ---------------------------------------------------------------------------- redriving


def redrive(lab: Lab, execution: Any) -> Json:
    return lab.call("redrive_execution", executionArn=execution.exec_arn)


def test_a_redrive_resumes_at_the_state_that_did_not_end(lab: Lab) -> None:
    """With the input and the variables that it had; what succeeded is not done again."""
    held = Held(lab, "B")
    lab.faults.inject(Fault("A", result={"made": 1}))
    call = {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Arguments": {}}
    first = call | {"Assign": {"kept": "{% $states.result.made %}"}}
    shown = "{% [$kept, $states.input.given, $states.context.Execution.RedriveCount] %}"
    execution = lab.start(
        chain(
            A=first,
            B=call | {"Output": "{% {'given': $states.input.made} %}"},
            C={"Type": "Pass", "Output": shown},
        )
        | {"QueryLanguage": "JSONata"}
    )
    held.wait()
    stop(lab, execution, error="Enough", cause="why")
    held.go.set()
    settle()
    lab.faults.inject(Fault("B", result={"b": 2}))
    before = len(lab.history(execution))

    answer = redrive(lab, execution)

    assert set(answer) == {"redriveDate"}
    assert datetime.datetime.now(datetime.UTC) - answer["redriveDate"] < datetime.timedelta(hours=1)
    lab.router.wait_for(execution.exec_arn, 2)
    assert execution.status == "SUCCEEDED"
    assert lab.entered(execution) == ["A", "B", "B", "C"]
    assert execution.output == [1, 1, 1]
    redriven = lab.history(execution)[before]
    assert redriven["type"] == "ExecutionRedriven"
    assert redriven["executionRedrivenEventDetails"] == {"redriveCount": 1}
    ids = [event["id"] for event in lab.history(execution)]
    assert ids == list(range(1, len(ids) + 1))
    assert lab.router.statuses == ["RUNNING", "ABORTED", "RUNNING", "SUCCEEDED"]
    again = lab.router.events[2]["detail"]
    assert (again["error"], again["cause"], again["stopDate"]) == (None, None, None)
    assert (execution.error, execution.cause) == (None, None)
    described = lab.call("describe_execution", executionArn=execution.exec_arn)
    assert (described["redriveCount"], described["redriveStatus"]) == (1, "NOT_REDRIVABLE")
    assert described["redriveDate"] == answer["redriveDate"]


def test_a_redrive_of_a_parallel_starts_all_of_it(lab: Lab) -> None:
    held = Held(lab, "Inner")
    parallel = {"Type": "Parallel", "Branches": [chain(Inner=task())]}
    execution = lab.start(chain(A=PASS, Both=parallel))
    held.wait()
    stop(lab, execution)
    held.go.set()
    settle()
    lab.faults.inject(Fault("Inner", result={}))
    redrive(lab, execution)
    lab.router.wait_for(execution.exec_arn, 2)
    assert lab.entered(execution) == ["A", "Both", "Inner", "Both", "Inner"]


def test_a_call_that_was_stopped_may_end_after_its_engine(lab: Lab) -> None:
    """Whose hooks are gone then."""
    held = Held(lab, "A")
    execution = lab.start(chain(A=task()))
    held.wait()
    stop(lab, execution)
    hooked = executions.terminated
    told: list[Any] = []
    with (
        patch.object(hooked.owner, hooked.attribute, hooked.original),
        patch.object(threading, "excepthook", told.append),
    ):
        held.go.set()
        settle()
    assert told == []


def test_a_call_that_was_stopped_adds_nothing_to_the_redriven_history(lab: Lab) -> None:
    """It runs on, and may answer while the execution runs again."""
    reached, go = ([threading.Event(), threading.Event()] for _ in range(2))
    numbers = iter(range(2))

    def hold(_: Any) -> bool:
        number = next(numbers)
        reached[number].set()
        return go[number].wait(120)

    lab.faults.inject(Fault("Inner", result={}, when=hold))
    each = {"Type": "Map", "ItemProcessor": chain(Inner=task())}
    execution = lab.start(chain(Each=each), [1])
    assert reached[0].wait(120)
    stop(lab, execution)
    stopped_ones = list(TMP_THREADS)
    redrive(lab, execution)
    assert reached[1].wait(120)
    before = lab.types(execution)
    go[0].set()
    for thread in stopped_ones:
        thread.join(120)
    assert lab.types(execution) == before
    go[1].set()
    lab.router.wait_for(execution.exec_arn, 2)
    assert execution.status == "SUCCEEDED"
    assert lab.types(execution)[-1] == "ExecutionSucceeded"
    ids = [event["id"] for event in lab.history(execution)]
    assert ids == list(range(1, len(ids) + 1))


def test_a_failure_can_be_redriven_twice(lab: Lab) -> None:
    fault = lab.faults.inject(Fault("A", "Odd", times=2))
    execution = lab.run(chain(A=task()))
    lab.faults.inject(Fault("A", result={}))
    for times in (1, 2):
        assert (execution.status, ended.redrives(execution)) == ("FAILED", times - 1)
        redrive(lab, execution)
        lab.router.wait_for(execution.exec_arn, times + 1)
    assert (execution.status, ended.redrives(execution)) == ("SUCCEEDED", 2)
    assert fault.taken == 2


def test_a_redriven_execution_has_its_time_anew(lab: Lab) -> None:
    definition = chain(A=task()) | {"TimeoutSeconds": 1}
    program, _ = AmazonStateLanguageParser.parse(json.dumps(definition))
    program.timeout_seconds.timeout_seconds = 0.01
    go = threading.Event()
    lab.faults.inject(Fault("A", result={}, when=lambda _: go.wait(120)))
    execution = lab.start(definition)
    lab.router.wait_for(execution.exec_arn)
    redrive(lab, execution)
    lab.router.wait_for(execution.exec_arn, 2)
    go.set()
    assert execution.status == "TIMED_OUT"
    assert lab.router.statuses == ["RUNNING", "TIMED_OUT"] * 2
    assert lab.types(execution)[-1] == "ExecutionTimedOut"
    settle()


def test_a_redrive_of_what_entered_no_state_starts_at_the_first(lab: Lab) -> None:
    lab.faults.inject(Fault("A", "Odd", times=1))
    lab.faults.inject(Fault("A", result={}))
    execution = lab.run(chain(A=task(ResultPath="$.a")), {"x": 1})
    execution.exec_worker.env.event_manager._history_event_list.clear()
    redrive(lab, execution)
    lab.router.wait_for(execution.exec_arn, 2)
    assert execution.output == {"x": 1, "a": {}}
    assert lab.entered(execution) == ["A"]


@pytest.mark.parametrize(
    ("status", "may"),
    [("ABORTED", True), ("FAILED", True), ("TIMED_OUT", True), ("SUCCEEDED", False),
     ("RUNNING", False)],
)  # fmt: skip
def test_what_may_be_redriven(status: str, may: bool) -> None:
    assert executions.redrivable(SimpleNamespace(exec_status=ExecutionStatus[status])) is may


def test_a_redrive_that_may_not_be_is_refused(lab: Lab) -> None:
    execution = lab.run(chain(A=PASS))
    with pytest.raises(responses.ExecutionNotRedrivable) as refused:
        redrive(lab, execution)
    assert (refused.value.TYPE, refused.value.STATUS) == ("ExecutionNotRedrivable", 400)
    assert refused.value.message == (
        f"Execution: '{execution.exec_arn}' is SUCCEEDED: it cannot be redriven."
    )
    assert lab.router.statuses == ["RUNNING", "SUCCEEDED"]


# ---------------------------------------------------------------------------- plain moto


@probe(executions.start_named)
def test_plain_moto_names_an_execution_none() -> bool:
    return run(machine_with({"Type": "Succeed"}), name=None)["executionArn"].endswith(":None")


@probe(executions.start)
def test_plain_moto_announces_no_start() -> bool:
    return "RUNNING" not in announced()


@probe(executions.terminated)
def test_plain_moto_announces_no_end() -> bool:
    return "SUCCEEDED" not in announced()


@probe(executions.stop)
def test_plain_moto_lets_a_stopped_execution_run() -> bool:
    found = stopped()
    return found.at_once["status"] == "RUNNING" or found.events_at_once[-1] != "ExecutionAborted"


@probe(executions.add_event)
def test_plain_moto_adds_to_a_history_that_has_ended() -> bool:
    """A thread of an execution that has ended still adds to its history."""
    manager, context = EventManager(), EventHistoryContext.of_program_start()
    for kind in (HistoryEventType.ExecutionAborted, HistoryEventType.TaskSucceeded):
        manager.add_event(context=context, event_type=kind)
    return len(manager.get_event_history()) == 2


@pytest.mark.parametrize("end", ["Aborted", "Failed", "Succeeded", "TimedOut"])
def test_what_comes_after_the_last_event_follows_from_it(lab: Lab, end: str) -> None:
    manager, context = EventManager(), EventHistoryContext.of_program_start()
    kinds = ("ExecutionStarted", f"Execution{end}", "TaskSucceeded")
    ids = [manager.add_event(context=context, event_type=HistoryEventType(kind)) for kind in kinds]
    assert ids == [1, 2, 2]
    assert [each["type"] for each in manager.get_event_history()] == list(kinds[:2])


class Part(EvalComponent):
    """A part of a program, that says whether it was evaluated."""

    evaluated = False

    def _eval_body(self, _: Environment) -> None:
        self.evaluated = True


def test_what_was_given_up_before_it_began_is_not_begun(lab: Lab) -> None:
    """A call would be made of what is left of its parameters."""
    environment = Environment.__new__(Environment)
    environment._state_mutex = threading.RLock()
    environment._program_state, environment._is_frame = ProgramEnded(), True
    part = Part()
    with pytest.raises(executions._Stopped):
        part.eval(environment)
    environment._is_frame = False  # the whole has ended, and moto leaves it
    part.eval(environment)
    assert not part.evaluated


@probe(executions.tell_result)
def test_plain_moto_tells_of_the_result_of_a_call_that_was_given_up() -> bool:
    program, _ = AmazonStateLanguageParser.parse(json.dumps(chain(A=task())))
    manager, context = EventManager(), EventHistoryContext.of_program_start()
    given_up = MagicMock(event_manager=manager, event_history_context=context, stack=[{}])
    given_up.is_running.return_value = False
    program.states.states["A"]._after_eval_execution(given_up, None, {}, None)
    return bool(manager.get_event_history())


@probe(executions.evaluate, executions.evaluate_state)
def test_plain_moto_goes_on_with_a_stopped_program() -> bool:
    """A part of a stopped program is skipped, and its whole goes on as if it were done."""
    stopped_program = Environment.__new__(Environment)
    stopped_program._state_mutex = threading.RLock()
    stopped_program._program_state = ProgramStopped(datetime.datetime.now(datetime.UTC), "", "")
    part = Part()
    part.eval(stopped_program)  # the engine leaves the whole here, by an exception
    return not part.evaluated


@probe(executions.next_state_name)
def test_plain_moto_raises_when_stopped_before_a_state() -> bool:
    """A program that has been stopped is told where to go on."""
    environment = MagicMock(_program_state=ProgramStopped(None, None, None))
    try:
        vars(Environment)["next_state_name"].fset(environment, "any")
    except RuntimeError:
        return True
    return False


# ---------------------------------------------------------------------------- copies


def copying(call: Callable[[Json], Any]) -> set[str]:
    """Run a machine with every kind of state, and return which modules copy deeply meanwhile."""
    callers: set[str] = set()

    def deepcopy(value: Any, *memo: Any) -> Any:
        callers.add(sys._getframe(1).f_globals["__name__"])
        return plain(value, *memo)

    plain = copy.deepcopy
    parallel = {"Type": "Parallel", "Branches": [chain(C=PASS)], "ResultPath": "$.b"}
    iterated = {"Type": "Map", "ItemsPath": "$.list", "ItemProcessor": chain(E=PASS)}
    caught = [{"ErrorEquals": ["States.ALL"], "Next": "End"}]
    given = {"Type": "Pass", "Result": {"list": [1, 2]}}
    states = {"A": given, "B": parallel, "D": iterated, "T": task(Catch=caught), "End": PASS}
    with patch.object(copy, "deepcopy", deepcopy):
        call(chain(**states))
    return callers


COPYING = {each.owner.__name__ for each in executions.copies}


def test_what_is_json_is_copied_as_such(lab: Lab) -> None:
    assert not copying(lab.run) & COPYING


def test_how_a_program_goes_on_is_told_by_a_copy(lab: Lab) -> None:
    """Moto compares what it was before with what it is after."""
    environment = Environment.__new__(Environment)
    environment._program_state = ProgramRunning()
    environment._program_state.next_state_name = "A"
    before = environment.program_state()
    environment._program_state.next_state_name = "B"
    assert isinstance(before, ProgramRunning)
    assert before.next_state_name == "A"


@probe(*executions.copies)
def test_plain_moto_copies_json_by_protocol() -> bool:
    return copying(run) >= COPYING


# ---------------------------------------------------------------------------- threads


def test_what_runs_beside_or_may_be_left_runs_in_threads_that_live_on(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An execution and its program, branches, iterations, and calls that may outlast their limit.

    Those of functions do not, that may not run longer.
    """
    ran, start = [], Thread.start

    def counted(self: Thread) -> None:
        ran.append(self._target.__name__)
        start(self)

    monkeypatch.setattr(Thread, "start", counted)
    for name in "EFGHIJKL":
        lab.faults.inject(Fault(name, result={}))
    parallel = {"Type": "Parallel", "Branches": [chain(B=PASS)]}
    iterated = {"Type": "Map", "ItemsPath": "$.list", "ItemProcessor": chain(C=PASS)}
    given = {"Type": "Pass", "Result": {"list": [1, 2]}}
    short, unlimited = task(TimeoutSeconds=9), task()
    limited = short | {"Resource": "arn:aws:states:::sqs:sendMessage"}
    lab.functions.knows = {"f"}.__contains__
    lab.functions.spec = {"f": SimpleNamespace(timeout=60)}.__getitem__

    def invocation(function: str, seconds: int | str) -> Json:
        return {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "QueryLanguage": "JSONata",
            "Arguments": {"Payload": {}, "FunctionName": function},
            "TimeoutSeconds": seconds,
        }

    arn = "arn:aws:lambda:us-east-1:123456789012:function:"
    states = chain(
        A=parallel, Given=given, D=iterated, E=short, F=unlimited, G=limited,
        H=invocation(f"{arn}f", 60),
        I=invocation(f"{arn}f", 59),
        J=invocation(f"{arn}f", "{% 900 %}"),
        K=invocation(f"{arn}unknown", 900),
        L=invocation("{% 'f' %}", 900),
    )  # fmt: skip
    execution = lab.run(states | {"TimeoutSeconds": 60})
    assert execution.status == "SUCCEEDED"
    assert {name: ran.count(name) for name in sorted(set(ran))} == {
        "_exec_and_notify": 5,
        "_execution_logic": 1,
        "_thread_routine": 1,
        "eval": 2,
        "evaluate": 1,
    }


@probe(*executions.threads)
def test_plain_moto_starts_a_thread_for_all_that_runs_beside() -> bool:
    used = (
        execute_state.Thread,
        execution_worker.Thread,
        inline_iteration_component.threading.Thread,
        program.threading.Thread,
    )
    return set(used) == {threading.Thread}


@probe(executions.run_program)
def test_plain_moto_starts_a_thread_for_a_program_without_a_time_limit() -> bool:
    with patch.object(program.threading, "Thread") as thread:
        program.Program(None, MagicMock(), MagicMock(), None).eval(MagicMock())
    return bool(thread.called)


@probe(executions.start_branch)
def test_plain_moto_writes_a_branch_down_to_name_its_thread() -> bool:
    worker = BranchWorker(MagicMock(), "the program", MagicMock(_program_state=None))
    worker._program = MagicMock(__str__=lambda _: "the program")  # which can be evaluated
    worker.start()
    assert worker._worker_thread is not None
    return worker._worker_thread.name.endswith("the program")
