"""Settings come from the environment, checked."""

from __future__ import annotations

import pytest
from darkroom import settings
from darkroom.limits import Limits
from darkroom.settings import OutputSettings, PrepareSettings


def test_fields_are_variables_in_upper_case() -> None:
    environ = {"WORK_BUCKET": "work", "PRESETS_PARAMETER": "/p", "OTHER": "x"}
    found = settings.from_environment(PrepareSettings, environ=environ)
    assert found == PrepareSettings(work_bucket="work", presets_parameter="/p")


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(RuntimeError, match="OUTPUT_BUCKET"):
        settings.from_environment(OutputSettings, environ={})


def test_limits_have_defaults_and_are_set_one_by_one() -> None:
    found = settings.from_environment(
        Limits, prefix="LIMIT_", environ={"LIMIT_MAX_PIXELS": "50000000"}
    )
    assert found.max_pixels == 50_000_000
    assert found.max_bytes == Limits().max_bytes


@pytest.mark.parametrize("value", ["many", "0", "-5"])
def test_an_impossible_limit_is_named(value: str) -> None:
    with pytest.raises(RuntimeError, match="LIMIT_MAX_BYTES"):
        settings.from_environment(Limits, prefix="LIMIT_", environ={"LIMIT_MAX_BYTES": value})
