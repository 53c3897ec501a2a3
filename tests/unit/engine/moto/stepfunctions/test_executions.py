"""Executions as the hooks make them, on moto alone: no server, no deployment, no functions.

What each task gives is injected, so that an execution takes milliseconds; a task that is held is
one whose fault waits.
"""

from __future__ import annotations

import datetime
import json
import re
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import backends
from moto.core import utils as moto_utils
from moto.moto_server.utilities import RegexConverter
from moto.stepfunctions.models import StateMachine
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_dynamodb import (  # noqa: E501
    StateTaskServiceDynamoDB,
)
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.asl.utils import boto_client
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.responses import StepFunctionResponse

from darkroom_ops.engine import eventbridge
from darkroom_ops.engine.inbox import Inbox
from darkroom_ops.engine.moto.stepfunctions import executions as moto_hooks
from darkroom_ops.engine.stepfunctions.task_faults import Fault, Faults
from tests.support.pipeline import until

Json = dict[str, Any]

REGION, ACCOUNT = "us-east-1", moto_hooks.ACCOUNT
ROLE = f"arn:aws:iam::{ACCOUNT}:role/any"


class Router:
    """Writes down the events, and tells when an execution has ended."""

    def __init__(self) -> None:
        self.events: list[Json] = []
        self.sent: list[tuple[Any, Json]] = []
        self.ended: list[str] = []
        self._changed = threading.Condition()

    def put(self, event: Json) -> None:
        self.events.append(event)

    def send(self, rule: Any, event: Json) -> None:
        self.sent.append((rule, event))

    def execution_ended(self, arn: str) -> None:
        with self._changed:
            self.ended.append(arn)
            self._changed.notify_all()

    def wait_for(self, arn: str, times: int = 1) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.ended.count(arn) >= times, 10)

    @property
    def statuses(self) -> list[str]:
        return [str(event["detail"]["status"].value) for event in self.events]


class Lab:
    """The hooks, with parts of an engine around them."""

    def __init__(self) -> None:
        self.router, self.faults, self.inbox = Router(), Faults(), Inbox()
        self.waits: list[float] = []
        self.workers: Any = SimpleNamespace()
        self.backend = StepFunctionsParserBackend(REGION, ACCOUNT)
        self.services = moto_hooks.Services(
            endpoint="http://127.0.0.1:1",
            workers=self.workers,
            inbox=self.inbox,
            router=self.router,
            faults=self.faults,
            wait=self.waits.append,
            object_created=lambda **given: {"created": given},
            execution_status_change=eventbridge.execution_status_change,
        )

    def machine(self, definition: Json) -> str:
        name = f"m{len(self.backend.state_machines)}"
        made = self.backend.create_state_machine(name, json.dumps(definition), ROLE)
        return str(made.arn)

    def start(self, definition: Json, given: Any = None, name: str = "run") -> Any:
        return self.backend.start_execution(self.machine(definition), name, json.dumps(given or {}))

    def run(self, definition: Json, given: Any = None) -> Any:
        execution = self.start(definition, given)
        self.router.wait_for(execution.exec_arn)
        return execution

    def call(self, operation: str, **given: Any) -> Json:
        """Make an API call, and return its answer as JSON would carry it."""
        request = SimpleNamespace(_get_param=given.get, stepfunction_backend=self.backend)
        answer = getattr(StepFunctionResponse, operation)(request)
        if isinstance(answer, tuple):
            status, headers, body = answer
            assert (status, headers) == (200, {"Content-Type": "application/x-amz-json-1.0"})
            found: Json = json.loads(body)
            return found
        result: Json = answer.result
        return result

    def history(self, execution: Any, **given: Any) -> list[Json]:
        found: list[Json] = self.call(
            "get_execution_history", executionArn=execution.exec_arn, **given
        )["events"]
        return found

    def types(self, execution: Any) -> list[str]:
        return [event["type"] for event in self.history(execution)]

    def entered(self, execution: Any) -> list[str]:
        return [
            event["stateEnteredEventDetails"]["name"]
            for event in self.history(execution)
            if event["type"].endswith("StateEntered")
        ]


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    made = Lab()
    monkeypatch.setattr(moto_hooks._Clients, "made", {})
    running: Any = moto_hooks._services
    if running is None:
        moto_hooks.install(made.services)
    else:  # an engine of other tests is there: what it still does must not come here
        until(lambda: (running.router.idle() and not moto_hooks.running_executions(REGION)) or None)
        monkeypatch.setattr(moto_hooks, "_services", made.services)
    yield made
    if running is None:
        moto_hooks.uninstall()


class Held:
    """Holds a state's call until it is let go."""

    def __init__(self, lab: Lab, state: str, result: Any = None) -> None:
        self.reached, self.go = threading.Event(), threading.Event()
        lab.faults.inject(Fault(state, result=result or {}, times=1, when=self._hold))

    def _hold(self, _: Any) -> bool:
        self.reached.set()
        return self.go.wait(120)

    def wait(self) -> None:
        assert self.reached.wait(120)


def watched(lab: Lab, *states: str) -> list[Any]:
    """Return a list of the calls that these states make from now on."""
    called: list[Any] = []
    for state in states:
        lab.faults.inject(Fault(state, result={}, when=lambda given: called.append(given) or True))
    return called


def task(**more: Any) -> Json:
    given = {"TopicArn": "arn:aws:sns:us-east-1:123456789012:t", "Message": "m"}
    return {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Parameters": given, **more}


def chain(**states: Json) -> Json:
    """A machine of states, one after the other."""
    names = list(states)
    linked = {
        name: state
        if state["Type"] in {"Succeed", "Fail", "Choice"}
        else state | ({"Next": names[n + 1]} if n + 1 < len(names) else {"End": True})
        for n, (name, state) in enumerate(states.items())
    }
    return {"StartAt": names[0], "States": linked}


PASS: Json = {"Type": "Pass"}


# ---------------------------------------------------------------------------- starts and ends


def test_starts_and_ends_are_announced(lab: Lab) -> None:
    done = lab.run(chain(A=PASS))
    assert lab.router.statuses == ["RUNNING", "SUCCEEDED"]
    assert lab.router.ended == [done.exec_arn]
    details = [event["detail"] for event in lab.router.events]
    assert {each["executionArn"] for each in details} == {done.exec_arn}
    assert [each["output"] for each in details] == [None, "{}"]


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
    _settle()
    assert lab.types(execution) == types
    assert called == []
    assert lab.router.statuses == ["RUNNING", "TIMED_OUT"]


def _settle() -> None:
    """Wait until every thread of an execution is gone."""
    for thread in moto_hooks.TMP_THREADS:
        thread.join(120)


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
    _settle()
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
    _settle()
    assert called == []
    assert lab.entered(execution) == ["Both", "Inner"]
    assert lab.types(execution)[-1] == "ExecutionAborted"
    assert execution.status == "ABORTED"


def test_a_call_that_timed_out_is_left_and_the_execution_goes_on(lab: Lab) -> None:
    """Its late result is dropped."""
    held = Held(lab, "A", {"late": True})
    catch = [{"ErrorEquals": ["States.Timeout"], "Next": "Done"}]
    state = task(TimeoutSeconds=1, Catch=catch)
    definition = chain(A=state, Done=PASS)
    program, _ = AmazonStateLanguageParser.parse(json.dumps(definition))
    program.states.states["A"].timeout.timeout_seconds = 0
    execution = lab.run(definition)
    held.go.set()
    _settle()
    assert (execution.status, lab.entered(execution)) == ("SUCCEEDED", ["A", "Done"])
    assert "late" not in execution.output
    assert lab.types(execution)[-1] == "ExecutionSucceeded"


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
    _settle()
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


def test_a_redrive_of_a_parallel_starts_all_of_it(lab: Lab) -> None:
    held = Held(lab, "Inner")
    parallel = {"Type": "Parallel", "Branches": [chain(Inner=task())]}
    execution = lab.start(chain(A=PASS, Both=parallel))
    held.wait()
    stop(lab, execution)
    held.go.set()
    _settle()
    lab.faults.inject(Fault("Inner", result={}))
    redrive(lab, execution)
    lab.router.wait_for(execution.exec_arn, 2)
    assert lab.entered(execution) == ["A", "Both", "Inner", "Both", "Inner"]


def test_a_failure_can_be_redriven_twice(lab: Lab) -> None:
    fault = lab.faults.inject(Fault("A", "Odd", times=2))
    execution = lab.run(chain(A=task()))
    lab.faults.inject(Fault("A", result={}))
    for times in (1, 2):
        assert (execution.status, moto_hooks.redrives(execution)) == ("FAILED", times - 1)
        redrive(lab, execution)
        lab.router.wait_for(execution.exec_arn, times + 1)
    assert (execution.status, moto_hooks.redrives(execution)) == ("SUCCEEDED", 2)
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
    _settle()


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
    assert moto_hooks.redrivable(SimpleNamespace(exec_status=ExecutionStatus[status])) is may


def test_a_redrive_that_may_not_be_is_refused(lab: Lab) -> None:
    execution = lab.run(chain(A=PASS))
    with pytest.raises(moto_hooks._NotRedrivable) as refused:
        redrive(lab, execution)
    assert (refused.value.TYPE, refused.value.STATUS) == ("ExecutionNotRedrivable", 400)
    assert refused.value.message == (
        f"Execution: '{execution.exec_arn}' is SUCCEEDED: it cannot be redriven."
    )
    assert lab.router.statuses == ["RUNNING", "SUCCEEDED"]


# ---------------------------------------------------------------------------- descriptions


def test_a_description_tells_of_redrives(lab: Lab) -> None:
    execution = lab.run(chain(A={"Type": "Fail", "Error": "Odd"}))
    described = lab.call("describe_execution", executionArn=execution.exec_arn)
    assert (described["redriveCount"], described["redriveStatus"]) == (0, "REDRIVABLE")
    assert described["stopDate"] == execution.stop_date


def test_a_running_execution_has_not_stopped(lab: Lab) -> None:
    held = Held(lab, "A")
    execution = lab.start(chain(A=task()))
    held.wait()
    described = lab.call("describe_execution", executionArn=execution.exec_arn)
    assert "stopDate" not in described
    assert described["redriveStatus"] == "NOT_REDRIVABLE"
    held.go.set()
    lab.router.wait_for(execution.exec_arn)


# ---------------------------------------------------------------------------- histories


def page(count: int, **given: Any) -> Json:
    """Ask for a history of so many events."""
    stamp = "2026-01-31T12:00:00.250Z"
    kept = [{"id": n, "type": "Any", "timestamp": stamp} for n in range(1, count + 1)]
    backend = SimpleNamespace(get_execution_history={"arn:e": {"events": kept}}.get)
    request = SimpleNamespace(
        _get_param=({"executionArn": "arn:e"} | given).get, stepfunction_backend=backend
    )
    status, headers, body = moto_hooks._get_execution_history(request)
    assert (status, headers["Content-Type"]) == (200, "application/x-amz-json-1.0")
    found: Json = json.loads(body)
    assert {event["timestamp"] for event in found["events"]} <= {1_769_860_800.25}
    assert [event["timestamp"] for event in kept] == [stamp] * count  # moto's own is left alone
    return found


@pytest.mark.parametrize(
    ("count", "given", "ids", "token"),
    [
        (0, {}, [], None),
        (3, {}, [1, 2, 3], None),
        (3, {"reverseOrder": True}, [3, 2, 1], None),
        (3, {"maxResults": 4}, [1, 2, 3], None),
        (3, {"maxResults": 3}, [1, 2, 3], None),
        (3, {"maxResults": 2}, [1, 2], "2"),
        (3, {"maxResults": 2, "nextToken": "2"}, [3], None),
        (3, {"maxResults": 1, "nextToken": "1"}, [2], "2"),
        (3, {"maxResults": 2, "nextToken": "2", "reverseOrder": True}, [1], None),
        (1000, {}, list(range(1, 1001)), None),
        (1001, {}, list(range(1, 1001)), "1000"),
    ],
)
def test_a_history_comes_in_order_and_by_pages(
    count: int, given: Json, ids: list[int], token: str | None
) -> None:
    found = page(count, **given)
    assert [event["id"] for event in found["events"]] == ids
    assert found.get("nextToken") == token


# ---------------------------------------------------------------------------- lists

NOON = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)


def listed_execution(number: int, status: str = "SUCCEEDED") -> Any:
    return SimpleNamespace(
        exec_arn=f"arn:{number}",
        name=str(number),
        status=status,
        start_date=NOON + datetime.timedelta(seconds=number),
        stop_date=NOON + datetime.timedelta(seconds=number + 0.5),
    )


def listed(executions: list[Any], **given: Any) -> Json:
    machine = SimpleNamespace(arn="arn:machine", executions=executions)
    backend = SimpleNamespace(describe_state_machine={"arn:machine": machine}.get)
    request = SimpleNamespace(
        _get_param=({"stateMachineArn": "arn:machine"} | given).get, stepfunction_backend=backend
    )
    status, headers, body = moto_hooks._list_executions(request)
    assert (status, headers) == (200, {"Content-Type": "application/x-amz-json-1.0"})
    found: Json = json.loads(body)
    return found


def numbers(found: Json) -> list[int]:
    return [int(each["name"]) for each in found["executions"]]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
def test_every_execution_is_listed_once_newest_first(count: int) -> None:
    """By pages of two: none, one, a page, one beyond, two pages, one beyond."""
    executions = [listed_execution((n * 3) % 7) for n in range(count)]
    pages, token = [], None
    while True:
        found = listed(executions, maxResults=2, nextToken=token)
        pages.append(numbers(found))
        token = found.get("nextToken")
        if token is None:
            break
    together = [number for each in pages for number in each]
    assert together == sorted(((n * 3) % 7 for n in range(count)), reverse=True)
    assert [len(each) for each in pages] == [2] * (count // 2) + [1] * (count % 2) or count == 0


@pytest.mark.parametrize(("count", "more"), [(100, False), (101, True)])
def test_a_page_has_a_hundred_unless_asked_otherwise(count: int, more: bool) -> None:
    found = listed([listed_execution(n) for n in range(count)])
    assert len(found["executions"]) == 100
    assert ("nextToken" in found) is more


def test_new_executions_do_not_shift_the_next_page() -> None:
    executions = [listed_execution(n) for n in range(4)]
    found = listed(executions, maxResults=2)
    executions.append(listed_execution(9))
    assert numbers(listed(executions, maxResults=2, nextToken=found["nextToken"])) == [1, 0]


def test_a_list_may_be_of_one_status() -> None:
    executions = [listed_execution(n, "FAILED" if n % 2 else "SUCCEEDED") for n in range(6)]
    found = listed(executions, statusFilter="FAILED", maxResults=2)
    assert numbers(found) == [5, 3]
    rest = listed(executions, statusFilter="FAILED", maxResults=2, nextToken=found["nextToken"])
    assert (numbers(rest), rest.get("nextToken")) == ([1], None)


def test_a_page_goes_on_behind_an_execution_that_changed_its_status() -> None:
    executions = [listed_execution(n, "RUNNING") for n in range(4)]
    found = listed(executions, statusFilter="RUNNING", maxResults=2)
    executions[2].status = "SUCCEEDED"  # the last of the page
    again = listed(executions, statusFilter="RUNNING", nextToken=found["nextToken"])
    assert numbers(again) == [1, 0]


def test_a_token_of_no_execution_is_refused() -> None:
    with pytest.raises(moto_hooks._InvalidToken) as refused:
        listed([listed_execution(1)], nextToken="arn:gone")
    assert (refused.value.TYPE, refused.value.STATUS) == ("InvalidToken", 400)
    assert refused.value.message == "Invalid Token: 'arn:gone'"


def test_what_is_listed_of_an_execution() -> None:
    ended, running = listed_execution(1), listed_execution(0, "RUNNING")
    ended.redrive_count = 2
    first, second = listed([ended, running])["executions"]
    assert first == {
        "executionArn": "arn:1",
        "stateMachineArn": "arn:machine",
        "name": "1",
        "status": "SUCCEEDED",
        "startDate": NOON.timestamp() + 1,
        "stopDate": NOON.timestamp() + 1.5,
        "redriveCount": 2,
    }
    assert second["redriveCount"] == 0
    assert "stopDate" not in second  # of a redriven one, too: it runs again
    ended.stop_date = None
    assert "stopDate" not in listed([ended])["executions"][0]


# ---------------------------------------------------------------------------- errors and retries


@pytest.mark.parametrize(
    "around",
    [
        {"Type": "Parallel", "Branches": [chain(Inner=task())]},
        {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": chain(Inner=task())},
    ],
    ids=["branch", "iteration"],
)
@pytest.mark.parametrize("error", ["States.Timeout", "States.TaskFailed", "Odd"])
def test_an_error_that_leaves_a_branch_is_caught(lab: Lab, around: Json, error: str) -> None:
    lab.faults.inject(Fault("Inner", error))
    catch = [{"ErrorEquals": [error], "Next": "Done"}]
    done = lab.run(chain(Around=around | {"Catch": catch}, Done=PASS), {"items": [1]})
    assert (done.status, done.output.get("Error")) == ("SUCCEEDED", error)


def test_a_failure_without_a_name_leaves_a_branch_too(lab: Lab) -> None:
    around = {
        "Type": "Parallel",
        "Branches": [chain(F={"Type": "Fail"})],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Done"}],
    }
    assert lab.run(chain(Around=around, Done=PASS)).status == "SUCCEEDED"


@pytest.mark.parametrize(
    ("error", "names", "status"),
    [
        ("States.Runtime", ["States.ALL"], "FAILED"),
        ("States.DataLimitExceeded", ["States.ALL"], "FAILED"),
        ("States.Runtime", ["States.Runtime"], "SUCCEEDED"),
        ("States.Runtime", ["Odd", "States.Runtime"], "SUCCEEDED"),
        ("States.TaskFailed", ["States.ALL"], "SUCCEEDED"),
        ("States.Timeout", ["States.Timeout"], "SUCCEEDED"),
        ("Odd", ["States.ALL"], "SUCCEEDED"),
        ("Odd", ["Other"], "FAILED"),
    ],
)
def test_what_a_catch_catches(lab: Lab, error: str, names: list[str], status: str) -> None:
    lab.faults.inject(Fault("A", error, cause="why"))
    catch = [{"ErrorEquals": names, "Next": "Done"}]
    done = lab.run(chain(A=task(Catch=catch), Done=PASS))
    assert done.status == status
    if status == "SUCCEEDED":
        assert done.output["Error"] == error
    if error == "Odd":
        assert (done.cause or done.output.get("Cause")) == "why"


def test_the_waits_of_retries_are_the_engines(lab: Lab) -> None:
    lab.faults.inject(Fault("A", "Odd", times=3))
    lab.faults.inject(Fault("A", result={"done": True}))
    retry = {"ErrorEquals": ["Odd"], "IntervalSeconds": 2, "BackoffRate": 2, "MaxAttempts": 3}
    done = lab.run(chain(A=task(Retry=[retry])))
    assert (done.status, done.output) == ("SUCCEEDED", {"done": True})
    assert lab.waits == [2, 4, 8]


def test_a_fault_is_asked_for_with_the_input_of_its_own_iteration(lab: Lab) -> None:
    seen: list[Any] = []
    lab.faults.inject(Fault("Each", "Odd", when=lambda given: seen.append(given) or given == 2))
    lab.faults.inject(Fault("Each", result={}))
    catch = [{"ErrorEquals": ["Odd"], "Next": "Caught"}]
    each = chain(Each=task(Catch=catch, ResultPath=None), Caught=PASS)
    around = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": each}
    done = lab.run(chain(Around=around), {"items": [1, 2, 3]})
    assert sorted(seen) == [1, 2, 3]
    assert [isinstance(item, dict) for item in done.output] == [False, True, False]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("ConditionalCheckFailedException", "DynamoDB.ConditionalCheckFailedException"),
        ("RequestLimitExceeded", "DynamoDB.RequestLimitExceededException"),
    ],
)
def test_errors_of_dynamodb_have_awss_names(lab: Lab, code: str, name: str) -> None:
    error = ClientError(
        {"Error": {"Code": code, "Message": "m"},
         "ResponseMetadata": {"HTTPStatusCode": 400, "RequestId": "r"}},
        "UpdateItem",
    )  # type: ignore[typeddict-item]  # fmt: skip
    assert dynamodb_error(error) == name


def test_a_lost_connection_to_dynamodb_is_the_clients_error(lab: Lab) -> None:
    lost = EndpointConnectionError(endpoint_url="http://x")
    assert dynamodb_error(lost) == "DynamoDB.SdkClientException"


def test_a_timeout_of_a_dynamodb_task_is_a_timeout(lab: Lab) -> None:
    assert dynamodb_error(EvalTimeoutError()) == "States.Timeout"


def dynamodb_error(error: Exception) -> str:
    definition = chain(A={
        "Type": "Task", "Resource": "arn:aws:states:::dynamodb:updateItem", "Parameters": {},
    })  # fmt: skip
    program, _ = AmazonStateLanguageParser.parse(json.dumps(definition))
    state = program.states.states["A"]
    assert isinstance(state, StateTaskServiceDynamoDB)
    found: str = state._from_error(MagicMock(), error).error_name.error_name
    return found


# ---------------------------------------------------------------------------- JSONata


GIVEN: Json = {"a": 7, "s": '"'}


def jsonata(state: Json) -> Json:
    assign = {"n": 2, "s": "{% $states.input.s %}"}
    return chain(A={"Type": "Pass", "Assign": assign}, B=state) | {"QueryLanguage": "JSONata"}


@pytest.mark.parametrize(
    ("expression", "output"),
    [
        ("$n + 1", 3),
        ("$s & '!'", '"!'),
        ("$states.input.a", 7),
        ("$states.context.Execution.Name", "run"),
        ("$exists($states.errorOutput)", False),
        ("null", None),
    ],
)
def test_an_expression_sees_variables_and_states(lab: Lab, expression: str, output: Any) -> None:
    done = lab.run(jsonata({"Type": "Pass", "Output": f"{{% {expression} %}}"}), GIVEN)
    assert (done.status, done.output) == ("SUCCEEDED", output)


def test_an_expression_sees_an_input_that_is_null(lab: Lab) -> None:
    null = {"Type": "Pass", "Output": "{% null %}"}
    look = {"Type": "Pass", "Output": "{% $states.input = null %}"}
    definition = chain(A=null, B=look) | {"QueryLanguage": "JSONata"}
    assert lab.run(definition).output is True


def test_variables_reach_into_a_branch(lab: Lab) -> None:
    inner = chain(C={"Type": "Pass", "Output": "{% $n %}"})
    parallel = {"Type": "Parallel", "Branches": [inner]}
    assert lab.run(jsonata(parallel), GIVEN).output == [2]


@pytest.mark.parametrize(
    ("expression", "cause"),
    [
        ("$nothing", "The JSONata expression '$nothing' returned nothing (undefined)."),
        ("$error('odd')", "The JSONata expression '$error('odd')' failed: odd"),
    ],
)
def test_an_expression_that_fails_is_told_with_its_text(
    lab: Lab, expression: str, cause: str
) -> None:
    done = lab.run(jsonata({"Type": "Pass", "Output": f"{{% {expression} %}}"}), GIVEN)
    assert (done.status, done.error) == ("FAILED", "States.QueryEvaluationError")
    assert cause in done.cause


def test_definitions_are_parsed_once_and_side_by_side(lab: Lab) -> None:
    definition = json.dumps(chain(A=PASS))
    first, second = (AmazonStateLanguageParser.parse(definition) for _ in range(2))
    assert first is second
    one, other = Preprocessor(), Preprocessor()
    one._query_language_per_scope.append(1)
    assert other._query_language_per_scope == []


def test_cloudformation_makes_machines_that_run(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        moto_hooks, "stepfunctions_parser_backends", {ACCOUNT: {REGION: lab.backend}}
    )
    definition = json.dumps(chain(A={"Type": "Pass", "Result": "${One}-${Two}"}))
    properties = {
        "DefinitionString": definition, "RoleArn": ROLE,
        "DefinitionSubstitutions": {"One": "1", "Two": 2},
    }  # fmt: skip

    def made(**more: Any) -> Any:
        return StateMachine.create_from_cloudformation_json(
            "Logical", {"Properties": properties | more}, ACCOUNT, REGION, anything="else"
        )

    plain = made()
    assert (plain.name, plain.roleArn) == ("Logical", ROLE)
    assert json.loads(plain.definition)["States"]["A"]["Result"] == "1-2"
    assert plain.type == "STANDARD"
    express = made(StateMachineName="named", StateMachineType="EXPRESS")
    assert (express.name, express.type) == ("named", "EXPRESS")
    assert [machine.name for machine in lab.backend.state_machines] == ["Logical", "named"]


# ---------------------------------------------------------------------------- the rest of moto


def test_a_function_runs_in_a_worker_and_its_log_is_kept(lab: Lab) -> None:
    done = SimpleNamespace(payload='{"a": 1}', failed=True, log="x" * 5000 + "end")
    asked: list[Any] = []
    lab.workers.invoke = lambda *given: asked.append(given) or done
    kept: list[str] = []
    function = SimpleNamespace(
        logs_backend=SimpleNamespace(ensure_log_group=kept.append),
        logs_group_name="/aws/lambda/f",
        function_name="f",
        save_logs=kept.append,
    )
    payload, failed, log = moto_hooks._invoke_lambda(function, {"a": 1})
    assert asked == [("f", {"a": 1})]
    assert (payload, failed, len(log), log[-3:]) == ('{"a": 1}', True, 4096, "end")
    assert kept == ["/aws/lambda/f", done.log]


def test_clients_of_tasks_are_made_once(lab: Lab) -> None:
    first, second = (boto_client.boto_client_for(REGION, "sns") for _ in range(2))
    assert first is second
    assert boto_client.boto_client_for(REGION, "sqs") is not first
    assert first.meta.endpoint_url == "http://127.0.0.1:1"
    credentials = first._request_signer._credentials
    assert credentials.access_key == "step-functions"


def test_the_services_are_listed_once(lab: Lab) -> None:
    first, second = (backends.list_of_moto_modules() for _ in range(2))
    assert first is second
    assert {"s3", "stepfunctions"} <= set(first)
    assert moto_utils.create_loader() is moto_utils.create_loader()


def test_a_key_may_have_a_line_break(lab: Lab) -> None:
    converter = RegexConverter(SimpleNamespace(), ".+")
    assert re.fullmatch(converter.regex, "a\nb")


def rule_event(**more: Any) -> Json:
    return {"source": "aws.s3", "time": "2026-01-31T12:00:00Z", **more}


@pytest.mark.parametrize("time", ["2026-01-31T12:00:00Z", 1_769_860_800, 1_769_860_800.0])
def test_a_rule_sends_events_as_aws_writes_them(lab: Lab, time: Any) -> None:
    rule, event = object(), rule_event(time=time, **{"ingestion-time": "any"})
    before = dict(event)
    moto_hooks._send_to_targets(rule, event)
    assert lab.router.sent == [(rule, rule_event())]
    assert event == before


def test_a_transformer_may_use_the_time_of_ingestion() -> None:
    transformer = {
        "InputTemplate": '{"key": "<key>", "at": "<aws.events.event.ingestion-time>"}',
        "InputPathsMap": {"key": "$.detail.key"},
    }
    event = rule_event(detail={"key": "a.jpg"})
    assert moto_hooks.transform(transformer, event) == {
        "key": "a.jpg", "at": "2026-01-31T12:00:00Z",
    }  # fmt: skip
    assert moto_hooks.transform({"InputTemplate": '{"a": 1}'}, event) == {"a": 1}


@pytest.mark.parametrize(
    ("versioning", "version"), [("Enabled", "v1"), ("Suspended", None), (None, None)]
)
def test_an_upload_is_told_with_its_version(
    lab: Lab, versioning: str | None, version: str | None
) -> None:
    bucket = SimpleNamespace(name="photos", region_name="eu-west-1", versioning_status=versioning)
    key = SimpleNamespace(name="a.jpg", size=7, etag='"e7a9"', version_id="v1")
    moto_hooks._send_event_bridge_message(ACCOUNT, bucket, "s3:ObjectCreated:Put", key)
    moto_hooks._send_event_bridge_message(ACCOUNT, bucket, "s3:ObjectRemoved:Delete", key)
    assert lab.router.events == [
        {
            "created": {
                "account": ACCOUNT, "region": "eu-west-1", "bucket": "photos", "key": "a.jpg",
                "size": 7, "etag": "e7a9", "version": version, "reason": "Put",
            }
        }
    ]  # fmt: skip


def subscription(protocol: str, **more: Any) -> Any:
    given = {
        "protocol": protocol,
        "endpoint": "you@example.com",
        "arn": "arn:aws:sns:us-east-1:1:t:1",
        "topic": SimpleNamespace(name="t", display_name="Darkroom"),
        "_filter_policy_matcher": None,
        "_parse_message_structure": lambda text, protocol: json.loads(text)[protocol],
    }
    return SimpleNamespace(**(given | more))


def test_an_email_is_delivered_to_the_inbox(lab: Lab) -> None:
    attributes = {"outcome": {"Type": "String", "Value": "FAILED"}, "n": {"Value": 3}}
    moto_hooks._publish_to_subscription(
        subscription("email"), "text", "id", subject="s", message_attributes=attributes
    )
    (message,) = lab.inbox.messages()
    age = datetime.datetime.now(datetime.UTC) - message.time
    assert datetime.timedelta(0) <= age < datetime.timedelta(minutes=1)
    assert (message.topic, message.protocol, message.recipient) == ("t", "email", "you@example.com")
    assert (message.subject, message.text, message.sender) == ("s", "text", "Darkroom")
    assert message.attributes == {"outcome": "FAILED", "n": "3"}
    assert message.subscription == "arn:aws:sns:us-east-1:1:t:1"


def test_a_message_has_what_sns_gives_by_default(lab: Lab) -> None:
    unnamed = {"topic": SimpleNamespace(name="t", display_name="")}
    moto_hooks._publish_to_subscription(subscription("email", **unnamed), "text", "id")
    moto_hooks._publish_to_subscription(subscription("sms", **unnamed), "text", "id", subject="s")
    email, sms = lab.inbox.messages()
    assert (email.subject, email.sender) == ("AWS Notification Message", "AWS Notifications")
    assert (sms.subject, sms.attributes) == (None, {})


def test_each_protocol_gets_its_variant(lab: Lab) -> None:
    text = json.dumps({"email": "long", "sms": "short"})
    for protocol in ("email", "sms"):
        moto_hooks._publish_to_subscription(
            subscription(protocol), text, "id", message_structure="json"
        )
    assert [message.text for message in lab.inbox.messages()] == ["long", "short"]


def test_a_filter_policy_decides(lab: Lab) -> None:
    matcher = SimpleNamespace(
        matches=lambda attributes, message: attributes["a"]["Value"] == message
    )
    filtered = subscription("sms", _filter_policy_matcher=matcher)
    attributes = {"a": {"Value": "yes"}}
    for message in ("yes", "no"):
        moto_hooks._publish_to_subscription(filtered, message, "id", message_attributes=attributes)
    assert [message.text for message in lab.inbox.messages()] == ["yes"]


def test_other_protocols_are_motos(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[Any] = []
    queue = subscription("sqs")
    with monkeypatch.context() as patch:  # moto gets back what stands here when the lab ends
        patch.setitem(
            moto_hooks._originals,
            "deliver messages",
            lambda *args, **more: passed.append((args, more)),
        )
        moto_hooks._publish_to_subscription(
            queue, "text", "id", "s", {"a": "b"}, "json", group_id="g"
        )
    assert passed == [
        (
            (queue, "text", "id"),
            {
                "subject": "s",
                "message_attributes": {"a": "b"},
                "message_structure": "json",
                "group_id": "g",
            },
        )
    ]
    assert lab.inbox.messages() == []


# ---------------------------------------------------------------------------- putting them in place


def test_hooks_are_put_in_place_and_taken_out() -> None:
    if moto_hooks._services is not None:
        pytest.skip("an engine of other tests needs them")
    before = [vars(hook.owner).get(hook.attribute) for hook in moto_hooks.HOOKS]
    moto_hooks.install(Lab().services)
    try:
        with pytest.raises(RuntimeError, match=r"already runs in this process: close it first\.$"):
            moto_hooks.install(Lab().services)
        for hook in moto_hooks.HOOKS:
            assert vars(hook.owner)[hook.attribute] is hook.replacement, hook.name
    finally:
        moto_hooks.uninstall()
    assert [vars(hook.owner).get(hook.attribute) for hook in moto_hooks.HOOKS] == before
    assert not hasattr(StepFunctionResponse, "redrive_execution")
    with pytest.raises(RuntimeError, match=r"^The engine is closed\.$"):
        moto_hooks._engine()


def test_what_runs_is_counted_and_found(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        moto_hooks, "stepfunctions_parser_backends", {ACCOUNT: {REGION: lab.backend}}
    )
    ended = lab.run(chain(A=PASS))
    held = Held(lab, "A")
    running = lab.start(chain(A=task()), name="other")
    held.wait()
    assert moto_hooks.running_executions(REGION) == 1
    assert moto_hooks.runs(REGION, running.exec_arn)
    assert not moto_hooks.runs(REGION, ended.exec_arn)
    assert not moto_hooks.runs(REGION, "arn:gone")
    held.go.set()
    lab.router.wait_for(running.exec_arn)
    assert moto_hooks.running_executions(REGION) == 0
