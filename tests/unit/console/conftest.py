"""A console for a stack whose executions are recordings."""

# ruff: noqa: N803 - the arguments of a fake client are named as boto3 names them

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from starlette.testclient import TestClient

from darkroom_ops.console.context import Context
from darkroom_ops.console.routes import create
from darkroom_ops.executions.history import Attempt, StateRun
from tests.conftest import ROOT
from tests.support.reading import parsed
from tests.unit.recorded import MEMORY, at, recording

ASL = json.dumps(parsed((ROOT / "statemachine/image_pipeline.asl.yaml").read_text()))
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:pipeline"
PREFIX = "arn:aws:states:eu-west-1:123456789012:execution:pipeline:"
BASE = "http://127.0.0.1:4600"
OURS = {"origin": BASE}
TOKEN = "token"  # noqa: S105 - nothing is secret here


class Stack:
    """A stack whose executions are recordings; it remembers what was done to it."""

    stack = "photos"
    endpoint = None
    region = "eu-west-1"
    state_machine_arn = MACHINE
    source_bucket_name = "sources"
    source_prefix = "uploads/"
    presets_parameter_name = "presets"
    images_table_name = "images"

    def __init__(self) -> None:
        self.done: list[tuple[str, Any]] = []
        self.presets = '[{"name": "small", "width": 300}]'
        self.histories: dict[str, list[Any]] = {}
        self.stepfunctions = SimpleNamespace(
            describe_execution=self._describe,
            get_paginator=lambda operation: SimpleNamespace(paginate=getattr(self, operation)),
            describe_state_machine_for_execution=lambda **_: {"definition": ASL},
            start_execution=self._start,
            stop_execution=lambda **given: self.done.append(("stop", given)),
            redrive_execution=lambda **given: self.done.append(("redrive", given)),
        )
        self.lambda_ = SimpleNamespace(
            get_function_configuration=lambda FunctionName: {"MemorySize": MEMORY[FunctionName]}
        )
        self.ssm = SimpleNamespace(
            get_parameter=lambda **_: {"Parameter": {"Value": self.presets, "Version": 1}}
        )
        self.s3 = SimpleNamespace(put_object=self._put)
        self.record: dict[str, Any] = {}
        self.dynamodb = SimpleNamespace(get_item=lambda **_: {"Item": self.record})

    def get_execution_history(self, *, executionArn: str, **_: Any) -> Iterator[Any]:
        yield {"events": self.histories.get(executionArn) or recording(_name(executionArn))[1]}

    def list_executions(self, **_: Any) -> Iterator[Any]:
        yield {"executions": []}

    def _describe(self, *, executionArn: str) -> dict[str, Any]:
        name = _name(executionArn)
        if not (ROOT / f"tests/unit/histories/{name}.json").exists():
            raise ClientError({"Error": {"Code": "ExecutionDoesNotExist"}}, "DescribeExecution")
        return recording(name)[0] | {"executionArn": executionArn, "name": name}

    def _start(self, *, stateMachineArn: str, **given: str) -> dict[str, str]:
        assert stateMachineArn == MACHINE
        self.done.append(("start", json.loads(given["input"])))
        return {"executionArn": f"{PREFIX}new one"}

    def _put(self, **given: Any) -> dict[str, str]:
        self.done.append(("put", given))
        return {"ETag": '"etag"', "VersionId": "v1"}


def _name(arn: str) -> str:
    return arn.rpartition(":")[2]


@pytest.fixture
def stack() -> Stack:
    return Stack()


@pytest.fixture
def context(stack: Any) -> Context:
    return Context(stack)


@pytest.fixture
def client(context: Context) -> Iterator[TestClient]:
    app, cookies = create(context, 4600, TOKEN), {"darkroom-4600": TOKEN}
    with TestClient(app, BASE, cookies=cookies, follow_redirects=False) as found:
        yield found


def passage(number: int, name: str = "Prepare", **changed: Any) -> StateRun:
    call = Attempt("lambda:invoke", "f", "", at(0), at(number))
    state = StateRun(
        number, name, "Task", at(0), at(number), None, None, "", "{}", (call,), None, None
    )
    return dataclasses.replace(state, **changed)
