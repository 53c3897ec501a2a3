"""An API to call; the hooks without an engine, and moto without the hooks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from darkroom_ops.engine.moto import hook, hooks
from tests.support.aws import empty_account
from tests.unit.engine.api import Api
from tests.unit.engine.moto.lab import Lab, settle


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def lab(running: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    made = Lab()
    if running is None:
        hooks.install(made.services)
    else:
        monkeypatch.setattr(hook, "running", made.services)
    yield made
    settle()  # a stopped execution's thread must find the hooks that it began with
    if running is None:
        hooks.uninstall()


@pytest.fixture
def plain_moto(running: Any) -> Iterator[None]:
    """Moto as it comes, with an empty account, whose state machines run."""
    with empty_account(stepfunctions={"execute_state_machine": True}):
        yield
        settle()
