"""Settings come from the environment, checked."""

from __future__ import annotations

import pytest
from darkroom.contract.limits import Limits
from darkroom.steps import settings
from darkroom.steps.settings import OutputSettings, PrepareSettings, StartSettings


def test_fields_are_variables_in_upper_case() -> None:
    environ = {"SOURCE_BUCKET": "source", "WORK_BUCKET": "work", "PRESETS_PARAMETER": "/p",
               "OTHER": "x"}  # fmt: skip
    found = settings.from_environment(PrepareSettings, environ=environ)
    assert found == PrepareSettings(
        source_bucket="source", work_bucket="work", presets_parameter="/p"
    )


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(RuntimeError) as caught:
        settings.from_environment(OutputSettings, environ={})
    assert str(caught.value) == (
        "The function's environment is wrong: Object missing required field `OUTPUT_BUCKET`"
    )


def test_a_variable_is_read_as_what_it_is() -> None:
    environ = {"STATE_MACHINE": "arn", "WORKFLOW_TYPE": "EXPRESS", "CONCURRENCY": "10",
               "BUFFER_QUEUE": "url"}  # fmt: skip
    found = settings.from_environment(StartSettings, environ=environ)
    assert found == StartSettings("arn", "EXPRESS", 10, "url")
    with pytest.raises(RuntimeError, match="at `WORKFLOW_TYPE`"):
        settings.from_environment(StartSettings, environ=environ | {"WORKFLOW_TYPE": "FAST"})


def test_the_process_s_own_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.limits() == Limits()
    monkeypatch.setenv("LIMIT_MAX_SIDE", "7")
    monkeypatch.setenv("OUTPUT_BUCKET", "the-output")
    assert settings.limits().max_side == 7
    assert settings.from_environment(OutputSettings) == OutputSettings("the-output")


def test_limits_have_defaults_and_are_set_one_by_one() -> None:
    found = settings.from_environment(
        Limits, prefix="LIMIT_", environ={"LIMIT_MAX_PIXELS": "50000000"}
    )
    assert found.max_pixels == 50_000_000
    assert found.max_bytes == Limits().max_bytes


@pytest.mark.parametrize("value", ["many", "0", "-5"])
def test_an_impossible_limit_is_named(value: str) -> None:
    with pytest.raises(RuntimeError, match=r"environment is wrong: .* at `LIMIT_MAX_BYTES`"):
        settings.from_environment(Limits, prefix="LIMIT_", environ={"LIMIT_MAX_BYTES": value})
