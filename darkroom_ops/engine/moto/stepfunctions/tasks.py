"""Tasks: how they call services, the names of their errors, their retries and injected faults."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import (
    CustomErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import (
    ErrorEqualsDecl,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import (
    StatesErrorName,
)
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import iteration_worker
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel import branches_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_dynamodb as dynamodb,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task import StateTask
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.utils import boto_client
from moto.stepfunctions.parser.mocking.mock_config import MockedResponseReturn, MockedResponseThrow

from darkroom_ops.engine import inside
from darkroom_ops.engine.moto.hook import hook, services
from darkroom_ops.engine.moto.lambda_ import Client
from darkroom_ops.engine.moto.stepfunctions.failures import failure
from darkroom_ops.engine.permissions import MACHINE

# ---------------------------------------------------------------------------- calls


@hook(
    boto_client,
    "boto3",
    "Moto makes a boto3 client for every task, 20 ms each and not safe across threads.",
)
class SharedClients:
    """Stands for the module, of which moto uses `client` only."""

    made: ClassVar[dict[tuple[str, str, str], Any]] = {}
    lock = threading.Lock()

    @classmethod
    def client(cls, *, service_name: str, region_name: str, config: Config, **_: Any) -> Any:
        """Return the client of a service for the engine that runs."""
        if service_name == "lambda":
            return Client(region_name)
        endpoint, secret = services().endpoint, services().keys.secret_of(MACHINE)
        with cls.lock:
            made = (secret, endpoint, service_name)
            if made not in cls.made:
                session: Any = boto3.session.Session()
                cls.made[made] = session.client(
                    service_name,
                    region_name=region_name,
                    endpoint_url=endpoint,
                    aws_access_key_id=MACHINE,
                    aws_secret_access_key=secret,
                    # Else botocore describes the machine anew for every call.
                    config=config.merge(Config(user_agent=MACHINE)),
                )
                inside.attach(
                    cls.made[made], lambda service: services().gateway.within(MACHINE, service)
                )
            return cls.made[made]


# ---------------------------------------------------------------------------- names of errors


@hook(
    dynamodb.StateTaskServiceDynamoDB,
    "_from_error",
    (
        "Moto calls timeouts and failed queries of DynamoDB tasks AmazonDynamoDBException, takes a "
        "lost connection for States.Runtime, and has boto3's names: AWS's end in \"Exception\"."
    ),
    report="A DynamoDB task fails with AmazonDynamoDBException whatever the error",
)
def dynamodb_error(self: Any, env: Environment, ex: Exception) -> Any:
    if isinstance(ex, BotoCoreError):
        unreached = {"Code": "SdkClientException", "Message": str(ex)}
        metadata = {"HTTPStatusCode": 0, "RequestId": "null"}
        ex = ClientError({"Error": unreached, "ResponseMetadata": metadata}, "UpdateItem")  # type: ignore[typeddict-item]
    if isinstance(ex, ClientError):
        code = ex.response["Error"]["Code"]
        ex.response["Error"]["Code"] = code if code.endswith("Exception") else f"{code}Exception"
        return dynamodb_error.original(self, env, ex)
    return StateTask._from_error(self, env, ex)  # the general case


def _error_name(error_name: str | None) -> Any:
    if error_name is not None and error_name.startswith("States."):
        return StatesErrorName.from_name(error_name)
    return CustomErrorName(error_name)


branch_error, iteration_error = (
    hook(
        owner,
        "CustomErrorName",
        "Moto refuses a ``States.`` error that leaves a branch or an iteration.",
        report="A States error that leaves a Parallel or a Map cannot be caught",
    )(_error_name)
    for owner in (branches_decl, iteration_worker)
)


NOT_IN_STATES_ALL = {"States.DataLimitExceeded", "States.Runtime"}
"""Developer guide, "Handling errors in Step Functions workflows"."""


@hook(
    ErrorEqualsDecl,
    "_eval_body",
    "Moto lets States.ALL match what it does not match on AWS.",
    report="States.ALL matches States.Runtime",
)
def error_equals(self: Any, env: Environment) -> None:
    error = env.stack[-1].error_name
    if error in NOT_IN_STATES_ALL and not any(
        error == each.error_name for each in self.error_names
    ):
        env.stack[-1] = False
        return
    error_equals.original(self, env)


# ---------------------------------------------------------------------------- retries and faults


@hook(retrier_decl, "time", "Moto sleeps through the waits of retries; tests only record them.")
class RetryTime:
    """Stands for the module `time`."""

    @staticmethod
    def sleep(seconds: float) -> None:
        """Wait before the next attempt."""
        services().retries.wait(seconds)


@hook(WaitFunction, "_wait_interval", "Moto takes the time of every Wait state; tests skip it.")
def wait_interval(self: Any, env: Environment, wait_seconds: int) -> None:
    if not services().retries.skip:
        wait_interval.original(self, env=env, wait_seconds=wait_seconds)


@hook(
    Environment,
    "is_mocked_mode",
    "Moto takes faults from a file for each test case, and not while it runs.",
)
def is_mocked_mode(self: Any) -> bool:
    # The fault is taken here, where the question is asked once a call: another iteration of a Map
    # may ask at the same moment.
    state_input = self.states._states_data["input"]  # get_input copies it
    self.fault = services().faults.take(self.next_state_name, state_input)
    return self.fault is not None


@hook(Environment, "get_current_mocked_response", "Moto raises or returns what that file says.")
def current_mocked_response(self: Any) -> Any:
    fault = self.fault
    if not fault.error:
        return MockedResponseReturn(0, 0, fault.result)
    if fault.error == "States.Timeout":
        raise EvalTimeoutError
    if fault.error.startswith("States."):
        raise failure(self, HistoryEventType.TaskFailed, fault.error, fault.cause)
    return MockedResponseThrow(0, 0, fault.error, fault.cause)
