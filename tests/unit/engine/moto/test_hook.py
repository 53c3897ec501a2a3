"""Every hook is in place while an engine runs, is needed, and says why."""

from __future__ import annotations

import importlib
import pkgutil

import pytest
from moto.stepfunctions.responses import StepFunctionResponse

from darkroom_ops.engine.moto import hook, hooks
from tests.support.aws import engine_aside
from tests.unit.engine import moto as package
from tests.unit.engine.moto.lab import Lab
from tests.unit.engine.moto.probes import PROBED


def test_every_hook_has_exactly_one_probe() -> None:
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    assert sorted(PROBED) == sorted(each.name for each in hook.HOOKS)


def test_every_hook_has_a_reason() -> None:
    for each in hook.HOOKS:
        assert each.reason.startswith("Moto"), each.name


def test_hooks_are_put_in_place_and_taken_out() -> None:
    with engine_aside():
        before = [vars(each.owner).get(each.attribute) for each in hook.HOOKS]
        hooks.install(Lab().services)
        try:
            with pytest.raises(
                RuntimeError, match=r"already runs in this process: close it first\.$"
            ):
                hooks.install(Lab().services)
            for each in hook.HOOKS:
                assert vars(each.owner)[each.attribute] is each.replacement, each.name
        finally:
            hooks.uninstall()
        assert [vars(each.owner).get(each.attribute) for each in hook.HOOKS] == before
        assert not hasattr(StepFunctionResponse, "redrive_execution")
        with pytest.raises(RuntimeError, match=r"^The engine is closed\.$"):
            hook.services()
