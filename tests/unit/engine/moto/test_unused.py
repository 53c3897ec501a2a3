"""Importing moto without the services that nothing here uses."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from darkroom_ops.engine.moto.unused import left_out


def test_what_is_left_out_is_empty_meanwhile_and_an_import_away_afterwards() -> None:
    with left_out():
        from moto.sagemaker.models import FakeTransformJob, sagemaker_backends

        assert isinstance(FakeTransformJob, type)
        assert sagemaker_backends is not FakeTransformJob
        with pytest.raises(AttributeError):  # Python asks for names of its own
            sys.modules["moto.sagemaker"].__wrapped__  # noqa: B018 - that is the test
        assert importlib.util.find_spec("sagemaker") is None
    assert not [name for name in sys.modules if name.startswith("moto.sagemaker")]
    assert "sagemaker" not in vars(sys.modules["moto"])
    found = importlib.util.find_spec("moto.sagemaker")
    assert found is not None
    assert found.origin is not None


def test_what_is_there_already_stays() -> None:
    before = dict(sys.modules)
    with left_out():
        from moto.sqs import models
    assert before["moto.sqs.models"] is models
    assert sys.modules == before
