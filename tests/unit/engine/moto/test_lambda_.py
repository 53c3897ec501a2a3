"""A function is run by the engine."""

from __future__ import annotations

import contextlib
import sys
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock, patch

from moto import settings
from moto.awslambda.models import LambdaFunction

from darkroom_ops.engine.moto import lambda_
from tests.unit.engine.moto.lab import Lab
from tests.unit.engine.moto.probes import probe


def test_a_function_runs_in_a_worker_and_its_log_is_kept(lab: Lab) -> None:
    done = SimpleNamespace(payload='{"a": 1}', failed=True, log="x" * 5000 + "end")
    asked: list[Any] = []
    lab.functions.invoke = lambda *given: asked.append(given) or done
    kept: list[str] = []
    function = SimpleNamespace(
        logs_backend=SimpleNamespace(ensure_log_group=kept.append),
        logs_group_name="/aws/lambda/f",
        function_name="f",
        save_logs=kept.append,
    )
    payload, failed, log = lambda_.invoke.replacement(function, {"a": 1})
    assert asked == [("f", {"a": 1})]
    assert (payload, failed, len(log), log[-3:]) == ('{"a": 1}', True, 4096, "end")
    assert kept == ["/aws/lambda/f", done.log]


@probe(lambda_.invoke)
def test_plain_moto_runs_functions_in_docker() -> bool:
    """A container is asked for; without the Docker SDK, not even that."""
    function, docker = MagicMock(), MagicMock()
    modules = {"docker": docker, "docker.errors": docker.errors, "docker.types": docker.types}
    host = patch.object(settings, "moto_server_host")  # it would ask Docker where this machine is
    with host, patch.dict(sys.modules, modules), contextlib.suppress(Exception):
        LambdaFunction._invoke_lambda(function)
    return bool(function.docker_client.containers.run.called)
