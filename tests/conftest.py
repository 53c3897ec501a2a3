"""Fixtures: one engine a process, or the endpoint or stack that the command line names."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.again import Again
from tests.support.javascript import Javascript
from tests.support.logs import Logged

# The engine is imported where it is used: pytest's own process, which runs no test, reads this too.
if TYPE_CHECKING:
    from darkroom_ops.engine import Engine
    from tests.support.pipeline import Pipeline

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "template.yaml"
REGION = "us-east-1"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--endpoint", help="run against an emulator at this address")
    parser.addoption("--stack", help="run against this stack; on AWS if there is no --endpoint")
    parser.addoption("--uploads", type=int, default=8, help="keys of the chaos test")
    parser.addoption("--seed", type=int, default=1, help="of the chaos test; 0 for a new one")
    parser.addoption("--all", action="store_true", help="run what repeats other tests, too")
    parser.addoption("--record-jsonata", action="store_true", help="keep a sample of evaluations")
    parser.addoption("--record-screens", action="store_true", help="keep what commands show")
    parser.addoption("--latency", type=int, default=0, help="ms that the browser waits for answers")
    parser.addoption("--examples", type=int, help="files that the fuzz test tries of each format")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Again(config), "again")
    for worker in config.pluginmanager.get_plugins():
        if hasattr(worker, "sendevent"):  # this is a process of xdist's
            _say_less(worker)
    if config.getoption("--cov", None):
        config.pluginmanager.register(Javascript(config), "javascript")


def _say_less(worker: Any) -> None:
    """Tell of a test that passed only that: two messages of six, which saves 0.6 ms a test."""
    send = worker.sendevent

    def sendevent(name: str, **told: Any) -> None:
        report = told.get("data", {})
        beside = name == "testreport" and report["when"] != "call" and report["outcome"] == "passed"
        if not beside and name not in {"logstart", "logfinish"}:
            send(name, **told)

    worker.sendevent = sendevent


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The local engine, with the template deployed; retries do not wait."""
    from darkroom_ops.engine import Engine
    from darkroom_ops.engine.engine import SUBSCRIBERS

    # Each alert at once: tests share the engine, and would wait for each other's summaries.
    parameters = SUBSCRIBERS | {"SummarySeconds": "0"}
    with (
        Engine(TEMPLATE, parameters=parameters, skip_waits=True) as running,
        pytest.MonkeyPatch.context() as patch,
    ):
        # For commands that are told its endpoint only: they call it with the environment's keys.
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, running.deployment.exports[name])
        for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE"):
            patch.delenv(name, raising=False)
        yield running


@pytest.fixture(scope="module", autouse=True)
def fresh() -> None:
    """Nothing that earlier modules did is left in an engine of this process.

    Lists would show it, and looking through it costs as much as the tests themselves.
    """
    hook: Any = sys.modules.get("darkroom_ops.engine.moto.hook")
    if hook is not None and hook.running is not None:
        from tests.support.leftovers import remove

        remove(hook.running)


@pytest.fixture
def caplog() -> Iterator[Logged]:
    """What is logged meanwhile."""
    kept = Logged()
    logging.getLogger().addHandler(kept)
    yield kept
    logging.getLogger().removeHandler(kept)


@pytest.fixture
def running() -> Any:
    """An engine of other tests in this process, whose work is done; None when there is none."""
    from darkroom_ops.engine.moto import hook
    from tests.support.leftovers import wait_idle

    found: Any = hook.running
    if found is not None:
        wait_idle(found)
    return found


@pytest.fixture(scope="session")
def deployed(request: pytest.FixtureRequest) -> Pipeline:
    from darkroom_ops.cli import address
    from tests.support.pipeline import Pipeline

    endpoint = request.config.getoption("--endpoint")
    stack = request.config.getoption("--stack")
    if endpoint or stack:
        return Pipeline(address.connect(endpoint, stack), engine=None)
    running: Engine = request.getfixturevalue("engine")
    return Pipeline(running.deployment, running)


@pytest.fixture
def pipeline(deployed: Pipeline) -> Iterator[Pipeline]:
    """The pipeline under test, without faults."""
    deployed.reset()
    yield deployed
    deployed.reset()
