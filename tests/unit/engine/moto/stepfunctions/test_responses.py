"""What the API answers about executions."""

from __future__ import annotations

import datetime
import json
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.stepfunctions.exceptions import InvalidArn, ValidationException
from moto.stepfunctions.responses import StepFunctionResponse

from darkroom_ops.engine.moto.stepfunctions import ended, executions, responses
from tests.support.aws import client
from tests.unit.engine.moto.lab import PASS, ROLE, Held, Json, Lab, chain, hooked, task
from tests.unit.engine.moto.probes import machine_with, probe, run, stopped

# ---------------------------------------------------------------------------- errors


def refused(**change: str) -> tuple[Json, str]:
    """Return how a change of a state machine is refused, and the definition after it."""
    stepfunctions = client("stepfunctions")
    machine = stepfunctions.create_state_machine(
        name="refused", definition=json.dumps(chain(A=PASS)), roleArn=ROLE
    )["stateMachineArn"]
    with pytest.raises(ClientError) as raised:
        stepfunctions.update_state_machine(stateMachineArn=machine, **change)
    after = stepfunctions.describe_state_machine(stateMachineArn=machine)["definition"]
    answer: Any = raised.value.response
    return answer, after


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"definition": "no JSON"}, "InvalidDefinition"),
        ({"definition": '{"StartAt": "A", "States": {}}'}, "InvalidDefinition"),
        ({}, "MissingRequiredParameter"),
    ],
)
def test_a_change_at_fault_is_refused_and_changes_nothing(
    lab: Lab, change: dict[str, str], code: str
) -> None:
    """Step Functions API reference, UpdateStateMachine: errors."""
    with hooked(lab):
        answer, after = refused(**change)
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, 400)
    assert after == json.dumps(chain(A=PASS))


@probe(responses.named_error)
def test_plain_moto_names_no_error_of_its_interpreter() -> bool:
    return refused(definition="no JSON")[0]["Error"]["Code"] == ""


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
    execution.stop_date = NOON  # which moto says before it says how it ended
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
    status, headers, body = responses.get_execution_history.replacement(request)
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
    machine = SimpleNamespace(arn="arn:machine", executions=executions, type="STANDARD")
    backend = SimpleNamespace(describe_state_machine={"arn:machine": machine}.get)
    request = SimpleNamespace(
        _get_param=({"stateMachineArn": "arn:machine"} | given).get, stepfunction_backend=backend
    )
    status, headers, body = responses.list_executions.replacement(request)
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


def test_what_ended_is_listed_by_its_end_and_what_runs_by_its_start_or_redrive() -> None:
    """API reference, ListExecutions."""
    ended, running, long, redriven = (listed_execution(n) for n in (1, 2, 0, -9))
    running.status = redriven.status = "RUNNING"
    long.stop_date = NOON + datetime.timedelta(seconds=3)
    redriven.redrive_date = NOON + datetime.timedelta(seconds=4)
    executions = [ended, running, long, redriven]
    assert numbers(listed(executions)) == [-9, 0, 2, 1]
    redriven.status, redriven.stop_date = "SUCCEEDED", NOON + datetime.timedelta(seconds=5)
    running.stop_date = NOON + datetime.timedelta(seconds=6)  # it has not ended yet
    assert numbers(listed(executions)) == [-9, 0, 2, 1]


def test_a_page_goes_on_behind_the_place_of_an_execution_that_has_ended_since() -> None:
    executions = [listed_execution(n, "RUNNING") for n in range(4)]
    found = listed(executions, maxResults=2)
    executions[2].status = "SUCCEEDED"  # the last of the page is the first now
    executions[2].stop_date = NOON + datetime.timedelta(seconds=9)
    assert numbers(listed(executions, nextToken=found["nextToken"])) == [1, 0]


def test_executions_of_the_same_moment_are_not_left_out() -> None:
    executions = [listed_execution(0, "RUNNING") for _ in range(4)]
    for number, each in enumerate(executions):
        each.exec_arn = f"arn:{number}"
    found = listed(executions, maxResults=3)
    rest = listed(executions, nextToken=found["nextToken"])
    arns = {each["executionArn"] for page in (found, rest) for each in page["executions"]}
    assert (len(arns), len(rest["executions"])) == (4, 1)


@pytest.mark.parametrize("token", ["arn:gone", "[]", '["now", "arn"]', "[1]", "7"])
def test_a_token_that_is_none_is_refused(token: str) -> None:
    with pytest.raises(responses.InvalidToken) as refused:
        listed([listed_execution(1)], nextToken=token)
    assert (refused.value.TYPE, refused.value.STATUS) == ("InvalidToken", 400)
    assert refused.value.message == f"Invalid Token: {token!r}"


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
    assert "redriveDate" not in second
    assert "stopDate" not in second  # of a redriven one, too: it runs again
    ended.redrive_date = NOON
    assert listed([ended])["executions"][0]["redriveDate"] == NOON.timestamp()
    ended.stop_date = None
    assert "stopDate" not in listed([ended])["executions"][0]


# ---------------------------------------------------------------------------- plain moto


@probe(responses.stop_execution)
def test_plain_moto_drops_why_it_was_stopped() -> bool:
    return stopped().at_once.get("error") != "Probe"


@probe(responses.describe_execution)
def test_plain_moto_describes_no_redrives() -> bool:
    return "redriveCount" not in stopped().at_once


@probe(responses.get_execution_history)
def test_plain_moto_does_not_reverse_a_history() -> bool:
    """The first event asked for is not the last one, so the order is not kept."""
    events = client("stepfunctions").get_execution_history(
        executionArn=run(machine_with({"Type": "Succeed"}), name="history")["executionArn"],
        reverseOrder=True,
        maxResults=1,
    )["events"]
    return [event["type"] for event in events] != ["ExecutionSucceeded"]


@probe(responses.list_executions)
def test_plain_moto_lists_no_redrives() -> bool:
    """What is listed says nothing of redrives."""
    stepfunctions = client("stepfunctions")
    described = run(machine_with({"Type": "Succeed"}), name="listed")
    found = stepfunctions.list_executions(stateMachineArn=described["stateMachineArn"])
    return "redriveCount" not in found["executions"][0]


def test_of_two_who_redrive_at_once_the_second_sees_that_it_runs(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else may ask while one is told."""
    execution = lab.run(chain(A=PASS))
    free: list[bool] = []

    def redrivable(_: Any) -> bool:
        with ThreadPoolExecutor(1) as other:
            free.append(other.submit(ended.moving.acquire, blocking=False).result())
        return False

    monkeypatch.setattr(executions, "redrivable", redrivable)
    with pytest.raises(responses.ExecutionNotRedrivable):
        lab.call("redrive_execution", executionArn=execution.exec_arn)
    assert free == [False]


@probe(responses.redrive_execution)
def test_plain_moto_has_no_redrive() -> bool:
    failed = run(machine_with({"Type": "Fail"}))
    try:
        client("stepfunctions").redrive_execution(executionArn=failed["executionArn"])
    except NotImplementedError:
        return True
    return False


# ---------------------------------------------------------------------------- choices


def test_what_was_given_and_returned_may_be_left_out(lab: Lab) -> None:
    """API reference: GetExecutionHistory, includeExecutionData; DescribeExecution, includedData."""
    execution = lab.start(chain(A=PASS), {"key": "secret"})
    lab.router.wait_for(execution.exec_arn)
    bare = lab.history(execution, includeExecutionData=False)
    assert "secret" not in json.dumps(bare)
    assert bare[1]["stateEnteredEventDetails"] == {"name": "A"}
    assert [each["type"] for each in bare] == lab.types(execution)
    assert "secret" in json.dumps(lab.history(execution, includeExecutionData=True))
    described = lab.call(
        "describe_execution", executionArn=execution.exec_arn, includedData="METADATA_ONLY"
    )
    assert described["status"] == "SUCCEEDED"
    assert not {"input", "output", "inputDetails", "outputDetails"} & set(described)
    whole = lab.call("describe_execution", executionArn=execution.exec_arn)
    assert "secret" in whole["input"]


def test_a_list_may_be_of_the_redriven_or_of_the_others() -> None:
    executions = [listed_execution(number) for number in range(3)]
    executions[1].redrive_count = 1
    executions[1].redrive_date = NOON
    for redrives, found in (("REDRIVEN", {1}), ("NOT_REDRIVEN", {0, 2}), (None, {0, 1, 2})):
        assert set(numbers(listed(executions, redriveFilter=redrives))) == found


@pytest.mark.parametrize("given", [{"redriveFilter": "redriven"}, {"statusFilter": "FAIL"}])
def test_a_list_is_of_no_other_kind(given: Json) -> None:
    ((name, value),) = given.items()
    with pytest.raises(ValidationException, match=f"'{value}' at '{name}'.*enum value set: ") as no:
        listed([listed_execution(1)], **given)
    assert (no.value.TYPE, no.value.STATUS) == ("ValidationException", 400)


def test_a_state_machine_has_another_revision_after_each_change(lab: Lab) -> None:
    machine = lab.machine(chain(A=PASS))

    def revision(operation: str, **given: Any) -> Any:
        said = lab.call(operation, stateMachineArn=machine, **given)
        return said.get("revisionId")

    def described() -> Any:
        return revision("describe_state_machine")

    assert described() is None
    first = revision("update_state_machine", definition=json.dumps(chain(B=PASS)))
    assert first
    assert first == described()
    assert revision("update_state_machine", definition=json.dumps(chain(B=PASS))) == first
    for change in (
        {"roleArn": f"{ROLE}2"},
        {"loggingConfiguration": {"level": "ALL"}},
        {"tracingConfiguration": {"enabled": True}},
    ):
        last = revision("update_state_machine", **change)
        assert last not in {None, first}
        assert last == described()
        first = last


@probe(responses.update_state_machine, responses.describe_state_machine)
def test_plain_moto_has_no_revisions() -> bool:
    stepfunctions = client("stepfunctions")
    machine = {"stateMachineArn": run(machine_with({"Type": "Succeed"}))["stateMachineArn"]}
    stepfunctions.update_state_machine(**machine, roleArn=f"{ROLE}2")
    return "revisionId" not in stepfunctions.describe_state_machine(**machine)


# ---------------------------------------------------------------------------- Express


def test_an_express_execution_is_waited_for(lab: Lab) -> None:
    machine = lab.machine(chain(A=PASS), "EXPRESS")
    given = {"stateMachineArn": machine, "name": "run", "input": '{"a": 1}'}
    answer = lab.call("start_sync_execution", **given)
    assert answer["executionArn"].startswith(
        "arn:aws:states:us-east-1:123456789012:express:m0:run:"
    )
    assert (answer["status"], answer["name"]) == ("SUCCEEDED", "run")
    assert (json.loads(answer["input"]), json.loads(answer["output"])) == ({"a": 1}, {"a": 1})
    assert "error" not in answer
    failing = lab.machine(chain(A={"Type": "Fail", "Error": "Odd", "Cause": "why"}), "EXPRESS")
    answer = lab.call("start_sync_execution", stateMachineArn=failing, input="{}")
    assert [answer[each] for each in ("status", "error", "cause")] == ["FAILED", "Odd", "why"]
    assert "output" not in answer


def test_what_is_not_for_a_machine_of_its_type_is_refused(lab: Lab) -> None:
    """API reference: StartSyncExecution for Express only, and all that looks back for Standard."""
    standard, express = lab.machine(chain(A=PASS)), lab.machine(chain(A=PASS), "EXPRESS")
    for operation, machine in (("start_sync_execution", standard), ("list_executions", express)):
        with pytest.raises(responses.StateMachineTypeNotSupported, match="not supported by this"):
            lab.call(operation, stateMachineArn=machine, input="{}")
    arn = lab.call("start_sync_execution", stateMachineArn=express, input="{}")["executionArn"]
    for operation in (
        "describe_execution", "get_execution_history", "stop_execution", "redrive_execution",
    ):  # fmt: skip
        with pytest.raises(InvalidArn, match="Resource type not valid in this context: express"):
            lab.call(operation, executionArn=arn)


@probe(responses.start_sync_execution)
def test_plain_moto_cannot_wait_for_an_execution() -> bool:
    return not hasattr(StepFunctionResponse, "start_sync_execution")
