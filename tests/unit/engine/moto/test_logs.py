"""Log events have whole milliseconds, are found by patterns, and are not in memory."""

from __future__ import annotations

from typing import Any

import pytest
from moto.logs.exceptions import InvalidParameterException
from moto.logs.models import EventMessageFilter, LogEvent, LogGroup, LogsBackend, LogStream

from darkroom_ops.engine.moto import logs
from darkroom_ops.engine.spool import TOGETHER, PackedList
from tests.unit.engine.moto.lab import ACCOUNT, REGION, Lab, in_memory
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


def written(*batches: list[tuple[int, str]]) -> LogStream:
    stream = LogStream(LogGroup(ACCOUNT, REGION, "g"), "s")
    for batch in batches:
        stream.put_log_events([{"timestamp": at, "message": text} for at, text in batch])
    return stream


LINES = [[(10, "first"), (30, "third \ud800")], [(20, "second")], [], [(40, "last")]]


def test_lines_are_read_as_they_were_written(lab: Lab) -> None:
    stream = written(*LINES)
    assert [each.message for each in stream.events] == ["first", "third \ud800", "second", "last"]
    assert len(stream.events) == 4
    found, *_ = stream.get_log_events(None, None, 3, None, True)  # type: ignore[arg-type]
    assert [each["message"] for each in found] == ["first", "second", "third \ud800"]
    said = stream.to_describe_dict()
    assert (said["firstEventTimestamp"], said["lastEventTimestamp"]) == (10, 40)
    assert "firstEventTimestamp" not in written().to_describe_dict()
    assert written([(30, "a")], [(10, "b")], [(20, "c")]).events.times() == (10, 30)


def test_few_lines_are_in_memory(lab: Lab) -> None:
    stream = written(*([(at, f"line {at}")] for at in range(2 * TOGETHER)), [(0, "last")])
    there = {each for each in in_memory(stream.events) if each.startswith(("line", "last"))}
    assert there == {"last"}
    assert [each.timestamp for each in stream.events] == [*range(2 * TOGETHER), 0]
    assert len(stream.events) == 2 * TOGETHER + 1


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, 0, ["first", "second", "third \ud800", "last"]),
        (None, None, ["first", "second", "third \ud800", "last"]),
        (11, 29, ["second"]),
        (10, 30, ["first", "second", "third \ud800"]),
        (31, 39, []),
        (40, 99, ["last"]),
        (41, None, []),
        (None, 9, []),
    ],
)
def test_lines_are_found_by_their_time(lab: Lab, start: Any, end: Any, expected: list[str]) -> None:
    found = written(*LINES).filter_log_events(start, end, "")
    assert [each["message"] for each in found] == expected
    assert all(each["logStreamName"] == "s" for each in found)


def test_a_line_keeps_its_id(lab: Lab) -> None:
    """By which a page tells where the next begins."""
    stream = written(*LINES)

    def ids() -> list[str]:
        return [each["eventId"] for each in stream.filter_log_events(0, 0, "")]

    assert ids() == ids()
    assert len(set(ids())) == 4


def test_streams_of_another_time_are_not_read(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = written(*LINES)
    monkeypatch.delattr(PackedList, "__iter__")
    assert stream.filter_log_events(41, None, "") == stream.filter_log_events(0, 9, "") == []
    assert written().filter_log_events(0, 0, "") == []


def test_lines_go_to_one_stream_until_it_is_full(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FULL", 2)
    backend = LogsBackend(REGION, ACCOUNT)
    backend.create_log_group("g", {})
    names = []
    for prefix in ("a/", "a/", "a/", "b/", "b/"):
        names.append(logs.stream_of(backend, "g", prefix))
        stream = backend.groups["g"].streams[names[-1]]
        stream.put_log_events([{"timestamp": 1, "message": "any"}])
    assert names[0] == names[1] != names[2]
    assert names[3] == names[4]
    assert [name[:2] for name in names] == ["a/", "a/", "a/", "b/", "b/"]


@probe(logs.stream)
def test_plain_moto_has_lines_in_memory() -> bool:
    return any(isinstance(each, LogEvent) for each in written(LINES[0]).events)


@probe(logs.update, logs.filter_lines)
def test_plain_moto_reads_every_line() -> bool:
    stream = written(LINES[0])
    stream.events[0].timestamp = 99  # it does not know when lines came but by reading them
    stream._update()
    late = [each["message"] for each in stream.filter_log_events(98, 99, "")]
    return stream.last_event_timestamp == 99 and late == ["first"]


@probe(logs.event)
def test_plain_moto_has_fractions() -> bool:
    return LogEvent(1, dict(GIVEN)).timestamp != int(GIVEN["timestamp"])  # type: ignore[call-overload]


@probe(logs.Filter)
def test_plain_moto_takes_every_line() -> bool:
    return bool(EventMessageFilter('{ $.level = "ERROR" }').matches(str(GIVEN["message"])))
