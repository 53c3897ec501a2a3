"""Log events have whole milliseconds, and are found by patterns."""

from __future__ import annotations

import pytest
from moto.logs.exceptions import InvalidParameterException
from moto.logs.models import EventMessageFilter, LogEvent

from darkroom_ops.engine.moto import logs
from tests.unit.engine.moto.lab import Lab
from tests.unit.engine.moto.probes import probe

GIVEN = {"timestamp": 1_700_000_000_000.7, "message": '{"level": "INFO"}'}


def test_times_are_whole_milliseconds(lab: Lab) -> None:
    told = LogEvent(1, dict(GIVEN)).to_filter_dict()["timestamp"]
    assert (told, type(told)) == (1_700_000_000_000, int)


def test_lines_are_found_by_patterns_for_json(lab: Lab) -> None:
    assert not logs.Filter.replacement('{ $.level = "ERROR" }').matches(GIVEN["message"])
    assert logs.Filter.replacement(None).matches("any")
    with pytest.raises(InvalidParameterException, match="Invalid filter pattern"):
        logs.Filter.replacement("{ $.level }")


@probe(logs.event)
def test_plain_moto_has_fractions() -> bool:
    return LogEvent(1, dict(GIVEN)).timestamp != int(GIVEN["timestamp"])  # type: ignore[call-overload]


@probe(logs.Filter)
def test_plain_moto_takes_every_line() -> bool:
    return bool(EventMessageFilter('{ $.level = "ERROR" }').matches(str(GIVEN["message"])))
