"""The hooks with parts of an engine around them, on moto alone: no server, no deployment.

What each task gives is injected, so that an execution takes milliseconds; a task that is held is
one whose fault waits.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import json
import threading
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.parser.utils import TMP_THREADS
from moto.stepfunctions.responses import StepFunctionResponse

from darkroom_ops.engine import backends
from darkroom_ops.engine.inbox import Inbox
from darkroom_ops.engine.moto import hook, hooks
from darkroom_ops.engine.permissions import Call
from darkroom_ops.engine.signatures import Keys
from darkroom_ops.engine.stepfunctions.retries import RetryWaits
from darkroom_ops.engine.stepfunctions.task_faults import Fault, Faults
from tests.support.aws import client, empty_account

Json = dict[str, Any]

REGION, ACCOUNT = "us-east-1", backends.ACCOUNT
ROLE = f"arn:aws:iam::{ACCOUNT}:role/any"


class Router:
    """Writes down the events, and tells when an execution has ended."""

    def __init__(self) -> None:
        self.events: list[Json] = []
        self.sent: list[tuple[Any, Json]] = []
        self.ended: list[str] = []
        self.invoked: list[tuple[str, str]] = []
        self._changed = threading.Condition()

    def put(self, event: Json) -> None:
        self.events.append(event)

    def send(self, rule: Any, event: Json) -> None:
        self.sent.append((rule, event))

    def idle(self) -> bool:
        return True

    def invoke(self, function: str, body: str) -> None:
        self.invoked.append((function, body))

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
        self.retries = RetryWaits(skip=True)
        self.functions: Any = SimpleNamespace(idle=lambda: True)
        self.polled: list[Any] = []
        self.calls: list[Call] = []
        self.backend = StepFunctionsParserBackend(REGION, ACCOUNT)
        self.services = hook.Services(
            endpoint="http://127.0.0.1:1",
            keys=Keys("secret"),
            gateway=SimpleNamespace(make=self._make),  # type: ignore[arg-type]
            functions=self.functions,
            event_sources=SimpleNamespace(add=self.polled.append),  # type: ignore[arg-type]
            inbox=self.inbox,
            router=self.router,  # type: ignore[arg-type]
            faults=self.faults,
            retries=self.retries,
            line=lambda said, events: f"{said['status'].value} {len(events)}".encode(),
        )

    def _make(self, call: Call, serve: Callable[[], Any]) -> Any:
        self.calls.append(call)
        return serve()

    def machine(self, definition: Json, kind: str = "STANDARD") -> str:
        name = f"m{len(self.backend.state_machines)}"
        made = self.backend.create_state_machine(name, json.dumps(definition), ROLE, sm_type=kind)
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
        describe = functools.partial(StepFunctionResponse._describe_state_machine, request)
        request._describe_state_machine = describe
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


@contextlib.contextmanager
def hooked(lab: Lab) -> Iterator[None]:
    """Give boto3 an empty account of moto with the hooks."""
    with empty_account():
        hooks.install(lab.services)
        try:
            yield
        finally:
            hooks.uninstall()


def made_table(*items: Json) -> Any:
    """Return a client with a table ``t`` of these items."""
    made = client("dynamodb")
    made.create_table(
        TableName="t",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for item in items:
        made.put_item(TableName="t", Item=item)
    return made


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


def in_memory(*roots: object) -> Iterator[str]:
    """Yield each text that can be reached from objects, but by way of classes and modules."""
    seen: set[int] = set()
    left = list(roots)
    while left:
        each = left.pop()
        if id(each) in seen or isinstance(each, (type, ModuleType, FunctionType)):
            continue
        seen.add(id(each))
        if isinstance(each, str):
            yield each
        left += gc.get_referents(each)


PASS: Json = {"Type": "Pass"}


def settle() -> None:
    """Wait until every thread of an execution is gone."""
    for thread in list(TMP_THREADS):
        thread.join(120)
