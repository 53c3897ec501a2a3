"""The list."""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from rich.cells import cell_len

from darkroom_ops.cli import ls
from darkroom_ops.executions.listed import Filter, Listed
from darkroom_ops.executions.model import SourceObject
from tests.unit.cli.conftest import ARN, NOON, darkroom, listed, screen


def test_a_list_has_a_line_for_each_and_says_whether_there_are_more(executions: Any) -> None:
    executions.items = [
        listed("aaaaaaaa-1"),
        listed("aaaaaaaa-2", "ALREADY_PROCESSED", usd=None),
        listed("bbbbbbbb-3", "FAILED", error="Corrupt\x1bImage", status="FAILED"),
        listed("cccccccc-4", None, status="RUNNING", source=None, seconds=70.0),
        listed("dddddddd-5"),
    ]

    code, text = darkroom("ls", "--limit", "4")

    head, *rows, empty, more = text.splitlines()
    assert (code, empty) == (0, "")
    zone = f"{datetime.datetime.now().astimezone():%Z}"
    assert head.split() == ["Started", zone, "Execution", "Outcome", "Image", "Took", "Cost"]
    local = NOON.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    assert [" ".join(row.split()) for row in rows] == [
        f"{local} aaaaaaaa-1 COMPLETE uploads/aaaaaaaa-1.jpg 2.0 s $0.00050",
        f"{local} aaaaaaaa-2 ALREADY PROCESSED uploads/aaaaaaaa-2.jpg 2.0 s",
        f"{local} bbbbbbbb-3 FAILED Corrupt\\x1bImage uploads/bbbbbbbb-3.jpg 2.0 s $0.00050",
        f"{local} cccccccc-4 RUNNING (names no image) 1 min 10 s $0.00050",
    ]
    assert more == "There are older ones: --limit 20 shows more."


def test_a_list_that_ends_exactly_has_no_older_ones(executions: Any) -> None:
    executions.items = [listed(), listed("bbbbbbbb-1")]

    assert "older" not in darkroom("ls", "--limit", "2")[1]
    assert json.loads(darkroom("ls", "--limit", "2", "--json")[1])["more"] is False
    assert json.loads(darkroom("ls", "--limit", "1", "--json")[1])["more"] is True


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("AL", ["ALREADY_PROCESSED"]),
        ("al", ["already_processed"]),
        ("su", ["superseded", "succeeded"]),
        ("x", []),
    ],
)
def test_a_status_is_completed_as_it_was_begun(typed: str, offered: list[str]) -> None:
    assert sorted(ls._statuses(typed)) == sorted(offered)


@pytest.mark.parametrize("command", ["ls", "cost"])
def test_it_is_told_how_many_were_looked_at(
    executions: Any, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    told: list[Any] = []

    @contextlib.contextmanager
    def counting(_: Any, what: str) -> Iterator[Any]:
        told.append(what)
        yield told.append

    monkeypatch.setattr("darkroom_ops.cli.display.counting", counting)
    executions.items = [listed("a"), listed("b", None, status="RUNNING"), listed("c")]
    executions.whole = {each.arn: each.name for each in executions.items}
    assert darkroom(command)[0] == 0
    assert told == ["Reading executions", 1, 2, 3]


def test_names_are_as_short_as_tells_them_apart(executions: Any) -> None:
    now = datetime.datetime.now(datetime.UTC)
    names = ("aaaaaaaa-1", "bbbbbbbb-1", "ccccc\u202eccc-1")
    executions.items = [listed(name, started=now) for name in names]

    rows = darkroom("ls")[1].splitlines()[1:]

    # Of today, the time is enough.
    moment = f"{now.astimezone():%H:%M:%S}"
    assert [row.split()[:2] for row in rows] == [
        [moment, name] for name in ("aaaaaaaa", "bbbbbbbb", r"ccccc\u202ecc")
    ]


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["abc"], ["abc"]),
        (["abcdefghij"], ["abcdefgh"]),
        (["abcdefgh1x", "abcdefgh2x"], ["abcdefgh1", "abcdefgh2"]),
        (["same-name-x", "same-name-x"], ["same-nam", "same-nam"]),
    ],
)
def test_short_names(names: list[str], shown: list[str]) -> None:
    assert ls.short_names(names) == shown


def test_a_list_for_programs_has_all_fields(executions: Any) -> None:
    executions.items = [
        listed(seconds=2.00049, usd=1.23456789012e-4),
        listed(source=None, usd=None),
    ]

    found = json.loads(darkroom("ls", "--json")[1])["executions"]

    assert found[0] == {
        "execution": f"{ARN}aaaaaaaa-1",
        "name": "aaaaaaaa-1",
        "source": "s3://bucket/uploads/aaaaaaaa-1.jpg",
        "status": "SUCCEEDED",
        "outcome": "COMPLETE",
        "error": None,
        "started": "2026-01-31T12:00:00+00:00",
        "seconds": 2.0,
        "cost_usd": 0.000123457,
    }
    assert (found[1]["source"], found[1]["cost_usd"]) == (None, None)


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ([], {}),
        (["--status", "already-processed"], {"status": "ALREADY_PROCESSED"}),
        (["--status", "Timed out"], {"status": "TIMED_OUT"}),
        (["--prefix", "uploads/a"], {"prefix": "uploads/a"}),
        (["--prefix", "s3://bucket/uploads/a"], {"prefix": "uploads/a"}),
        (["--since", "2026-01-31T08:00+00:00"], {"since": NOON - datetime.timedelta(hours=4)}),
        (
            ["--error", "CorruptImage", "--step", "Prepare"],
            {"error": "CorruptImage", "step": "Prepare"},
        ),
        (["--match", "Cat"], {"text": "Cat"}),
    ],
)
def test_what_is_typed_is_what_is_asked_for(
    executions: Any, words: list[str], asked: dict[str, Any]
) -> None:
    code, text = darkroom("ls", *words)

    assert executions.asked == {"expected": 21, "only": Filter(**asked)}
    said = "No execution fits." if words else "No executions yet."
    assert (code, text.startswith(said)) == (0, True)


def test_a_time_that_is_none_is_refused() -> None:
    code, text = darkroom("ls", "--since", "yesterday", "--json")

    assert code == 2
    assert json.loads(text)["message"].startswith("--since: Expected how long ago")


def test_a_list_holds_so_many(executions: Any) -> None:
    darkroom("ls", "--limit", "7")

    assert executions.asked["expected"] == 8


def test_what_was_found_when_it_is_stopped_is_shown(executions: Any) -> None:
    def looked(*_: Any, **__: Any) -> Iterator[Listed | None]:
        yield listed("aaaaaaaa-1")
        yield None
        raise KeyboardInterrupt

    executions.looked = looked

    code, text = darkroom("ls", "--prefix", "uploads/a")
    _, row, _, said = text.splitlines()

    assert (code, "uploads/aaaaaaaa-1.jpg" in row) == (130, True)
    assert said == (
        "Stopped: the newest 2 executions were looked at. Older ones may fit, too; --since narrows "
        "what is looked at."
    )
    code, text = darkroom("ls", "--json")
    found = json.loads(text)
    assert (code, len(found["executions"]), found["stopped"]) == (130, 1, True)


def table(width: int, *items: Listed) -> list[str]:
    shown = screen(width)
    shown.print(ls._table(items, shown))
    return [" ".join(line.split()) for line in shown.export_text().splitlines()]


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (200, "Started UTC Execution Outcome Image Took Cost"),
        (94, "Started UTC Execution Outcome Image Took Cost"),
        (93, "Started UTC Execution Outcome Image Took"),
        (84, "Started UTC Execution Outcome Image Took"),
        (83, "Started UTC Execution Outcome Image"),
        (77, "Started UTC Execution Outcome Image"),
        (76, "Execution Outcome Image"),
        (60, "Execution Outcome Image"),
    ],
)
def test_a_narrow_screen_does_without_cost_and_times(
    monkeypatch: pytest.MonkeyPatch, width: int, columns: str
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    key = "uploads/2026/spring1.jpg"
    one = listed("aaaaaaaa-1", "FAILED", status="FAILED", error="CorruptImage",
                 source=SourceObject("bucket", key))  # fmt: skip

    head, row = table(width, one)

    assert head == columns
    assert "aaaaaaaa" in row
    assert f"FAILED CorruptImage {key}" in row


def test_keys_are_as_wide_as_a_terminal_shows_them() -> None:
    """A Chinese character takes two cells."""
    keys = ("写真/東京タワーの夜景_2026年夏祭り.jpg", "a.jpg")
    items = [
        listed(name, "FAILED", status="FAILED", error="CorruptImage",
               source=SourceObject("bucket", f"uploads/{key}"))
        for name, key in zip(("aaaaaaaa-1", "bbbbbbbb-2"), keys, strict=True)
    ]  # fmt: skip

    _, wide, row = table(60, *items)

    assert wide.startswith("aaaaaaaa FAILED CorruptImage uploads/写真/東")
    assert wide.endswith("り.jpg")
    assert cell_len(wide) <= 60
    assert row.split() == ["bbbbbbbb", "FAILED", "CorruptImage", "uploads/a.jpg"]


@pytest.mark.parametrize(("status", "said"), [("TIMED_OUT", "TIMED OUT"), ("ABORTED", "ABORTED")])
def test_what_timed_out_or_was_stopped_is_told_from_what_failed(status: str, said: str) -> None:
    _, row = table(100, listed("aaaaaaaa-1", "FAILED", status=status))

    assert f"aaaaaaaa {said} uploads/" in row


def test_one_long_key_is_shortened_and_drops_no_column() -> None:
    key = f"uploads/{200 * 'x'}.jpg"
    items = [listed(name, source=SourceObject("bucket", each))
             for name, each in (("aaaaaaaa-1", key), ("bbbbbbbb-2", "a.jpg"))]  # fmt: skip

    head, long, short = table(100, *items)

    assert head == "Started UTC Execution Outcome Image Took Cost"
    assert re.search(r" COMPLETE uploads/x+\.\.\.x+\.jpg 2\.0 s \$0\.00050$", long)
    assert short.endswith(" COMPLETE a.jpg 2.0 s $0.00050")
    assert table(60, *items)[0] == "Execution Outcome Image"


def test_where_no_room_is_left_keys_are_shortened_and_ids_are_not() -> None:
    key = "uploads/" + 40 * "x" + ".jpg"
    one = listed("aaaaaaaa-1", "FAILED", status="FAILED", error="X" * 40,
                 source=SourceObject("bucket", key))  # fmt: skip

    _, row = table(60, one)

    assert row.startswith("aaaaaaaa FAILED XXX")
    assert len(row) <= 60
    assert row.endswith(".jpg")
