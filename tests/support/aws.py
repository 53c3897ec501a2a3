"""An AWS within the test's process, for what calls a service or two and needs no engine."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core import models
from moto.core.base_backend import BackendDict
from moto.s3.models import s3_backends
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

LEFT_SECONDS = 10


@cache
def client(service: str) -> Any:
    """Return a client for `empty_account`, the same for every test: making one takes 0.2 s."""
    made: Any = boto3.client(
        service,  # type: ignore[call-overload]
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",  # noqa: S106 - nothing is secret here
    )
    return made


@contextmanager
def empty_account(**config: dict[str, Any]) -> Iterator[None]:
    """Answer every call of boto3 from an empty account, as plain moto does with a configuration.

    ``mock_aws`` empties all that moto holds in this process, an engine's account too: that and the
    engine's hooks are put aside and come back.
    """
    with engine_aside(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "any")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "any")
        # Nobody calls with `requests`, for which 1,300 addresses would be registered each time.
        patch.setattr(models, "RESPONSES_METHODS", [])
        with mock_aws(config=config):
            yield


@contextmanager
def engine_aside() -> Iterator[None]:
    """Put aside an engine that runs in this process: its hooks, and all that moto holds for it."""
    hooks: Any = sys.modules.get("darkroom_ops.engine.moto.hooks")
    services = hooks and hooks.hook.running
    if services:
        _finish(services)
        hooks.uninstall()
    others = [(service, dict(service)) for service in BackendDict._instances]
    buckets = dict(s3_backends.bucket_accounts)  # clearing the backends leaves them
    _forget()
    try:
        yield
    finally:
        _forget()
        s3_backends.bucket_accounts.update(buckets)
        for service, accounts in others:
            service.update(accounts)
            BackendDict._instances.append(service)
        if services:
            hooks.install(services)


def _finish(services: Any) -> None:
    """Wait for what tests of the engine left under way: it would write its log without the hooks.

    A function may run on for as long as it may, which this does not wait for.
    """
    deadline = time.monotonic() + LEFT_SECONDS
    while not (services.router.idle() and services.functions.idle()) or _ending():
        if time.monotonic() > deadline:
            break
        time.sleep(0.01)


def _ending() -> bool:
    """Return whether an execution has ended, and its end is still to be announced."""
    machines = stepfunctions_parser_backends["123456789012"]["us-east-1"].state_machines
    listed = [each for machine in machines for each in machine.executions]
    return any(
        each.exec_status not in {ExecutionStatus.RUNNING, getattr(each, "announced", None)}
        for each in listed
    )


def _forget() -> None:
    for service in BackendDict._instances:
        service.clear()
    BackendDict._instances.clear()
    s3_backends.bucket_accounts.clear()
