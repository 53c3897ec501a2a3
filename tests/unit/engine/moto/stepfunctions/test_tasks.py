"""The names of errors, retries and injected faults."""

from __future__ import annotations

import dataclasses
import json
from typing import Any
from unittest.mock import MagicMock

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import iteration_worker
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel import branches_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_dynamodb import (  # noqa: E501
    StateTaskServiceDynamoDB,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for

from darkroom_ops.engine.moto import hook
from darkroom_ops.engine.moto.lambda_ import Client
from darkroom_ops.engine.moto.stepfunctions import tasks
from darkroom_ops.engine.permissions import MACHINE
from darkroom_ops.engine.signatures import Keys
from darkroom_ops.engine.stepfunctions.task_faults import Fault
from tests.unit.engine.moto.lab import PASS, REGION, Json, Lab, chain, task
from tests.unit.engine.moto.probes import machine_with, probe, run, stopped

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
    assert lab.retries.seconds == [2, 4, 8]


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


@pytest.fixture
def no_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.SharedClients.replacement, "made", {})


@pytest.mark.usefixtures("no_clients")
def test_clients_of_tasks_are_made_once_for_an_engine(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (boto_client_for(REGION, "sns") for _ in range(2))
    assert first is second
    assert boto_client_for(REGION, "sqs") is not first
    assert first.meta.endpoint_url == "http://127.0.0.1:1"
    assert first.meta.config.user_agent.startswith(f"{MACHINE} Botocore/")
    assert first._request_signer._credentials.access_key == "step-functions"
    assert isinstance(boto_client_for(REGION, "lambda"), Client)
    for other in ({"endpoint": "http://127.0.0.1:2"}, {"keys": Keys("other")}):
        with monkeypatch.context() as patch:
            patch.setattr(hook, "running", dataclasses.replace(lab.services, **other))
            assert boto_client_for(REGION, "sns") is not first


@pytest.mark.parametrize(("skip", "waited"), [(True, []), (False, [3])])
def test_a_wait_state_takes_its_time_unless_waits_are_skipped(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, skip: bool, waited: list[int]
) -> None:
    found: list[int] = []
    lab.retries.skip = skip

    def wait(_: Any, *, env: Environment, wait_seconds: int) -> None:
        assert env.is_running()
        found.append(wait_seconds)

    with monkeypatch.context() as patch:  # moto gets back what stands here when the lab ends
        patch.setattr(tasks.wait_interval, "original", wait)
        assert lab.run(chain(A={"Type": "Wait", "Seconds": 3})).status == "SUCCEEDED"
    assert found == waited


def test_a_timeout_that_is_injected_is_told_as_one(lab: Lab) -> None:
    lab.faults.inject(Fault("A", "States.Timeout"))
    assert "TaskTimedOut" in lab.types(lab.run(chain(A=task())))


# ---------------------------------------------------------------------------- plain moto


def caught(state: Json, error: str) -> Json:
    """Run a state whose error is caught by name, so that it should succeed."""
    catch = [{"ErrorEquals": [error], "Next": "Done"}]
    return run(machine_with(state | {"Catch": catch, "End": True}, Done={"Type": "Succeed"}))


@probe(tasks.SharedClients)
def test_plain_moto_makes_a_client_for_every_task() -> bool:
    return boto_client_for(REGION, "sns") is not boto_client_for(REGION, "sns")


@probe(tasks.dynamodb_error)
def test_plain_moto_names_a_timeout_otherwise() -> bool:
    failure = StateTaskServiceDynamoDB._from_error(MagicMock(), MagicMock(), EvalTimeoutError())
    return failure.error_name.error_name == "DynamoDB.AmazonDynamoDBException"


def refuses_names_of_states(module: Any) -> bool:
    """Ask the name alone: on it, plain moto's worker dies, and what is around it waits for ever."""
    try:
        module.CustomErrorName("States.Timeout")
    except ValueError:
        return True
    return False


@probe(tasks.branch_error)
def test_plain_moto_refuses_a_states_error_of_a_branch() -> bool:
    return refuses_names_of_states(branches_decl)


@probe(tasks.iteration_error)
def test_plain_moto_refuses_a_states_error_of_an_iteration() -> bool:
    return refuses_names_of_states(iteration_worker)


@probe(tasks.error_equals)
def test_plain_moto_catches_a_runtime_error() -> bool:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sns:publish",
        "Parameters": {"TopicArn": "arn", "Message.$": "$.never"},
    }
    return bool(caught(state, "States.ALL")["status"] == "SUCCEEDED")


@probe(tasks.RetryTime)
def test_plain_moto_sleeps_through_the_waits_of_retries() -> bool:
    """The wait is a sleep: nobody else is asked."""
    return stopped().slept == [3]


@probe(tasks.wait_interval)
def test_plain_moto_takes_the_time_of_a_wait_state() -> bool:
    """The wait is one for an event of the execution: nobody else is asked."""
    environment, waiting = MagicMock(), MagicMock()
    environment.is_running.return_value = False
    WaitFunction._wait_interval(waiting, env=environment, wait_seconds=3)
    environment.program_state_event.wait.assert_called_once_with(3)
    return True


@probe(tasks.is_mocked_mode)
def test_plain_moto_has_no_fault_without_a_test_case() -> bool:
    """Faults come from a test case that no API can set, so none is ever in force."""
    environment = MagicMock(mock_test_case=None)
    return Environment.is_mocked_mode(environment) is False


@probe(tasks.current_mocked_response)
def test_plain_moto_has_no_response_without_a_test_case() -> bool:
    """Not even to who asks."""
    environment = Environment.__new__(Environment)
    environment.mock_test_case = None
    try:
        environment.get_current_mocked_response()
    except RuntimeError:
        return True
    return False
