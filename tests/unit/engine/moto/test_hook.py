"""Each hook into moto is still needed. One that fails here is a hook to delete."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from darkroom_ops.engine.moto.stepfunctions import executions as moto_hooks
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def plain_moto() -> dict[str, bool]:
    """What moto does without hooks, by hook."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.engine.moto.probes"],
        cwd=ROOT,
        env=os.environ | {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    # Moto says on its standard output what it misses of Docker.
    answers: dict[str, bool] = json.loads(done.stdout.splitlines()[-1])
    return answers


@pytest.mark.parametrize("hook", moto_hooks.HOOKS, ids=lambda hook: hook.name)
def test_a_hook_is_needed(hook: moto_hooks.Hook, plain_moto: dict[str, bool]) -> None:
    assert plain_moto[hook.name], f"moto mended what the hook {hook.name!r} replaces"


def test_every_hook_has_a_reason() -> None:
    for hook in moto_hooks.HOOKS:
        replacement = getattr(hook.replacement, "__func__", hook.replacement)
        assert replacement.__doc__, f"the hook {hook.name!r} does not say why it is there"
