"""Many executions at once: a plan first, then how far it is, and what became of each."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import msgspec
import pytest
from botocore.exceptions import ClientError
from starlette.testclient import TestClient

from darkroom_ops import many
from darkroom_ops.console.bulk import Bulks
from darkroom_ops.console.context import Context
from darkroom_ops.console.views.bulk import values
from darkroom_ops.executions.listed import Filter, Listed
from darkroom_ops.executions.model import SourceObject
from darkroom_ops.many import Plan
from tests.unit.console.conftest import OURS, PREFIX
from tests.unit.recorded import at

WAIT = 30.0


def line(name: str, status: str = "RUNNING", error: str | None = None) -> Listed:
    return Listed(
        arn=f"{PREFIX}{name}", status=status, outcome=None, error=error,
        source=SourceObject("sources", f"uploads/{name}.jpg"), started=at(0), stopped=None,
        seconds=1.0, usd=None,
    )  # fmt: skip


class Lines:
    """The list of a stack, what is stopped of it, and what cannot be."""

    def __init__(self, context: Context, home: Path) -> None:
        self.context = context
        self.home = home
        self.lines: list[Listed] = []
        self.stopped: list[tuple[str, str]] = []
        self.asked: list[dict[str, Any]] = []
        self.refused: set[str] = set()
        self.gate: threading.Event | None = None
        """Until it is set, nothing more is stopped."""
        context.executions.each = self.each  # type: ignore[method-assign, assignment]
        context.deployment.stepfunctions.stop_execution = self._stop  # type: ignore[method-assign]

    def each(self, **given: Any) -> Iterator[Listed]:
        self.asked.append(given)
        return (each for each in list(self.lines) if given["only"].wants(each))

    def _stop(self, *, executionArn: str, error: str, cause: str) -> None:  # noqa: N803
        assert error == "Stopped"
        name = executionArn.removeprefix(PREFIX)
        if self.gate is not None:
            assert self.gate.wait(WAIT)
        if name in self.refused:
            raise ClientError({"Error": {"Code": "Throttling", "Message": "too much"}}, "Stop")
        self.stopped.append((name, cause))


@pytest.fixture
def lines(context: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Lines:
    monkeypatch.setenv("DARKROOM_HOME", str(tmp_path))
    return Lines(context, tmp_path)


def begin(client: TestClient, lines: Lines, query: str = "", **form: Any) -> str:
    """Plan an action on all that match; return its address."""
    given = {"action": "stop", "all": "1"} | form
    answer = client.post(f"/bulk?{query}", data=given, headers=OURS)
    assert answer.status_code == 303
    address: str = answer.headers["location"]
    wait(lines, address)
    return address


def wait(lines: Lines, address: str) -> Any:
    bulk = lines.context.bulks.get(address.rpartition("/")[2])
    assert bulk is not None
    bulk.wait(WAIT)
    return bulk


def text(client: TestClient, address: str) -> str:
    html = client.get(address, headers={"accept": "text/html"}).text.partition("<main")[2]
    words = " ".join(re.sub("<[^>]+>", " ", html).split())
    return re.sub(r" (?=[,.])", "", words)


def test_a_plan_says_how_many_and_why_others_are_left_out_and_does_nothing(
    client: TestClient, lines: Lines
) -> None:
    lines.lines = [line("a"), line("b"), line("c", "SUCCEEDED")]

    address = begin(client, lines)

    said = text(client, address)
    assert "Stop 2 executions?" in said
    assert "2 executions will be stopped." in said
    assert "1 left out: already ended" in said
    assert "uploads/a.jpg" in said
    assert '<input name="reason" required maxlength="300"' in client.get(address).text
    assert lines.stopped == []


def test_a_plan_warns_of_what_will_fail_again(
    client: TestClient, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(many._JUDGES, "rerun", lambda *_: {})
    lines.lines = [line("a", "FAILED", "CorruptImage"), line("b", "FAILED", "StorageError")]

    said = text(client, begin(client, lines, action="rerun"))

    assert "2 executions will be run again." in said
    assert "1 of them failed with CorruptImage, and will again" in said
    assert "StorageError," not in said


def test_what_was_planned_is_done_with_its_reason_and_told(
    client: TestClient, lines: Lines
) -> None:
    lines.lines = [line("a"), line("b")]
    address = begin(client, lines)
    lines.lines.append(line("too late"))

    html = OURS | {"accept": "text/html"}
    answer = client.post(f"{address}/begin", data={"reason": " "}, headers=html)
    assert (answer.status_code, f'href="{address}">Back to the plan' in answer.text) == (422, True)
    assert lines.stopped == []
    for _ in range(2):  # twice is as once
        answer = client.post(f"{address}/begin", data={"reason": "wrong  folder"}, headers=OURS)
        assert (answer.status_code, answer.headers["location"]) == (303, address)
        wait(lines, address)

    assert lines.stopped == [("a", "wrong folder"), ("b", "wrong folder")]
    said = text(client, address)
    assert "2 executions stopped" in said
    assert "Go on" not in said
    table = client.get(f"{address}/outcomes.csv").text.splitlines()
    assert table == ["name,key,outcome,execution,why", f"a,uploads/a.jpg,stopped,{PREFIX}a,",
                     f"b,uploads/b.jpg,stopped,{PREFIX}b,"]  # fmt: skip


def test_who_stops_it_sees_what_is_left_and_can_go_on(client: TestClient, lines: Lines) -> None:
    lines.lines = [line(name) for name in "abc"]
    lines.gate = threading.Event()
    address = begin(client, lines)
    client.post(f"{address}/begin", data={"reason": "no"}, headers=OURS)

    assert "Stop: 0 of 3" in text(client, address)
    assert "3 to go" in text(client, address)
    client.post(f"{address}/stop", headers=OURS)
    page = client.get(address).text
    assert '<button type="submit" disabled>' in page
    assert "Stopping …" in page
    lines.gate.set()
    wait(lines, address)

    assert lines.stopped == [("a", "no")]
    said = text(client, address)
    assert "1 execution stopped 2 not tried." in said
    assert "Go on with 2 executions" in said
    left = lines.home / "left-to-stop.txt"
    assert f"darkroom stop --from {left} --reason no --stack photos" in said
    assert left.read_text() == f"{PREFIX}b\n{PREFIX}c\n"
    rows = client.get(f"{address}/outcomes.csv").text.splitlines()
    assert rows[2:] == ["b,uploads/b.jpg,not tried,,", "c,uploads/c.jpg,not tried,,"]

    answer = client.post(f"{address}/rest", headers=OURS)
    wait(lines, answer.headers["location"])
    assert "Stop 2 executions?" in text(client, answer.headers["location"])


def test_who_stops_it_too_late_has_stopped_nothing(client: TestClient, lines: Lines) -> None:
    lines.lines, lines.gate = [line("a")], threading.Event()
    address = begin(client, lines)
    client.post(f"{address}/begin", data={"reason": "no"}, headers=OURS)
    client.post(f"{address}/stop", headers=OURS)
    lines.gate.set()

    bulk = wait(lines, address)
    assert (bulk.stopped, bulk.left, lines.stopped) == (False, [], [("a", "no")])


def test_a_console_that_ends_begins_nothing_more_and_waits_for_nothing(
    client: TestClient, lines: Lines
) -> None:
    lines.lines, lines.gate = [line("a"), line("b")], threading.Event()
    address = begin(client, lines)
    client.post(f"{address}/begin", data={"reason": "no"}, headers=OURS)
    lines.context.closing.set()
    lines.gate.set()

    bulk = wait(lines, address)
    assert (bulk.phase, lines.stopped) == ("ended", [("a", "no")])
    assert bulk._thread.daemon


def test_what_could_not_be_done_says_why(client: TestClient, lines: Lines) -> None:
    lines.lines = [line("a"), line("b")]
    lines.refused = {"a"}
    address = begin(client, lines)
    client.post(f"{address}/begin", data={"reason": "no"}, headers=OURS)
    wait(lines, address)

    said = text(client, address)
    assert "1 execution stopped 1 could not be stopped." in said
    assert "too much" in said
    assert "not tried" not in said
    assert ",not done,,An error occurred" in client.get(f"{address}/outcomes.csv").text


@pytest.mark.parametrize(
    ("refused", "told"),
    [
        ("abcdefg", "Nothing was stopped 5 could not be stopped, 2 not tried."),
        ("bcdefg", "1 execution stopped 5 could not be stopped, 1 not tried."),
    ],
)
def test_after_five_in_a_row_that_could_not_be_stopped_the_rest_is_not_tried(
    client: TestClient, lines: Lines, refused: str, told: str
) -> None:
    lines.lines = [line(name) for name in "abcdefg"]
    lines.refused = set(refused)
    address = begin(client, lines)
    client.post(f"{address}/begin", data={"reason": "no"}, headers=OURS)
    wait(lines, address)

    said = text(client, address)
    assert told in said
    assert "5 in a row could not be stopped, so the rest was not tried" in said


def test_the_last_20_actions_are_remembered() -> None:
    bulks = Bulks()
    kept: list[Any] = [SimpleNamespace(id=str(number)) for number in range(21)]
    for each in kept:
        bulks.add(each)
    assert bulks.get("0") is None
    assert [bulks.get(each.id) for each in kept[1:]] == kept[1:]


def test_a_defect_is_told_on_the_page_too(client: TestClient, lines: Lines) -> None:
    lines.lines = [line("a")]
    address = begin(client, lines)
    broken = Mock(side_effect=TypeError("'x' is no\u202e'y'"))
    lines.context.deployment.stepfunctions.stop_execution = broken  # type: ignore[method-assign]
    client.post(f"{address}/begin", data={"reason": "no"}, headers=OURS)
    wait(lines, address)

    said = text(client, address)
    assert r"TypeError: &#39;x&#39; is no\u202e&#39;y&#39;" in said
    assert "in a row" not in said


def test_a_plan_can_be_left(client: TestClient, lines: Lines) -> None:
    lines.lines = [line("a")]
    address = begin(client, lines)

    client.post(f"{address}/stop", headers=OURS)
    client.post(f"{address}/begin", data={"reason": "no"}, headers=OURS)
    wait(lines, address)

    assert lines.stopped == []
    assert "Nothing was stopped" in text(client, address)


def test_a_look_that_takes_long_says_how_far_it_is_and_can_be_cancelled(
    client: TestClient, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("darkroom_ops.console.views.bulk.PLANS_SECONDS", 0)
    looked, gate = threading.Event(), threading.Event()

    def slowly(**_: Any) -> Iterator[Listed]:
        yield line("a")
        looked.set()
        assert gate.wait(WAIT)
        yield line("b")

    lines.context.executions.each = slowly  # type: ignore[method-assign, assignment]
    answer = client.post("/bulk", data={"action": "stop", "all": "1"}, headers=OURS)
    address = answer.headers["location"]

    assert looked.wait(WAIT)
    assert "Stop: looking … 1 execution looked at." in text(client, address)
    assert f'data-stream="/live{address}"' in client.get(address).text
    client.post(f"{address}/stop", headers=OURS)
    gate.set()
    wait(lines, address)

    bulk = wait(lines, address)
    assert (bulk.phase, bulk.looked) == ("ended", 1)  # nothing more was looked at
    assert "Cancelled Nothing was done." in text(client, address)
    assert "data-stream" not in client.get(address).text


def test_chosen_rows_are_those_that_are_named(
    client: TestClient, lines: Lines, context: Context
) -> None:
    address = begin(client, lines, action="redrive", all=[], execution=["complete"])

    said = text(client, address)
    assert "Nothing to redrive 1 left out: succeeded" in said
    assert "Redrive 0" not in said
    for path in ("begin", "stop"):  # a redrive needs no reason
        answer = client.post(f"{address}/{path}", headers=OURS)
        assert (answer.status_code, answer.headers["location"]) == (303, address)


def test_what_cannot_be_planned_says_why(client: TestClient, lines: Lines) -> None:
    address = begin(client, lines, all=[], execution=["no-such-one"])

    said = text(client, address)
    assert "has none named" in said
    assert wait(lines, address).phase == "ended"
    assert "darkroom ls" not in said  # that is for a terminal


@pytest.mark.parametrize(
    ("action", "usd", "told"),
    [
        ("redrive", 0.5, "1,234 executions will be redriven. That costs about $0.50 on AWS if all"),
        ("rerun", None, "will be run again. What that costs on AWS is not known before one is"),
        ("stop", 0.0, "1,234 executions will be stopped. Why?"),
    ],
)
def test_a_plan_says_what_it_costs(
    client: TestClient, lines: Lines, action: Any, usd: float | None, told: str
) -> None:
    lines.lines = [line("a")]
    address = begin(client, lines)
    bulk = wait(lines, address)
    bulk.action = action
    bulk.planned = Plan(action, (line("a"),) * 1234, (), usd)

    said = text(client, address)
    assert told in said
    assert ("Why?" in said) is (action == "stop")


def test_what_hides_in_a_key_or_a_refusal_is_shown(client: TestClient, lines: Lines) -> None:
    source = SourceObject("sources", "uploads/a\u202e.jpg")
    lines.lines = [msgspec.structs.replace(line("a"), source=source)]
    address = begin(client, lines)
    plan = text(client, address)
    said: Any = {"Error": {"Code": "Throttling", "Message": "no\u202e"}}
    refusing = Mock(side_effect=ClientError(said, "Stop"))
    lines.context.deployment.stepfunctions.stop_execution = refusing  # type: ignore[method-assign]
    client.post(f"{address}/begin", data={"reason": "why"}, headers=OURS)
    wait(lines, address)
    end = text(client, address)

    assert r"uploads/a\u202e.jpg" in plan
    assert r"uploads/a\u202e.jpg" in end
    assert r"no\u202e" in end
    assert "\u202e" not in plan + end


def test_nothing_to_do_and_nothing_done_are_told_as_such(client: TestClient, lines: Lines) -> None:
    assert "Nothing to stop None matches any more." in text(client, begin(client, lines))
    lines.lines = [line("a")]
    lines.refused = {"a"}
    address = begin(client, lines)
    client.post(f"{address}/begin", data={"reason": "wrong"}, headers=OURS)
    wait(lines, address)

    said = text(client, address)
    assert "Nothing was stopped 1 could not be stopped." in said
    assert "in a row" not in said


@pytest.mark.parametrize(
    ("form", "code", "said"),
    [
        ({"action": "stop"}, 422, "Choose executions"),
        ({"action": "erase", "all": "1"}, 422, "Expected one of rerun, redrive, stop"),
        ({"action": "stop", "execution": "x" * 4 * 262_144}, 413, "too many"),
    ],
)
def test_wrong_use_plans_nothing(
    client: TestClient, lines: Lines, form: dict[str, str], code: int, said: str
) -> None:
    answer = client.post("/bulk", data=form, headers=OURS)

    assert (answer.status_code, said in answer.json()["message"]) == (code, True)


def test_a_filter_narrows_what_all_means(client: TestClient, lines: Lines) -> None:
    lines.lines = [line("a"), msgspec.structs.replace(line("b"), error="X")]

    assert "Stop 1 execution?" in text(client, begin(client, lines, "error=X"))
    assert lines.asked[0] == {"only": Filter(error="X"), "costs": False}


def test_other_sites_do_nothing_and_what_is_gone_is_not_found(
    client: TestClient, lines: Lines
) -> None:
    lines.lines = [line("a")]
    address = begin(client, lines)
    for path in ("/bulk", f"{address}/begin", f"{address}/stop", f"{address}/rest"):
        assert client.post(path, data={"reason": "no"}).status_code == 403
    assert client.get("/bulk/none").status_code == 404
    assert client.get("/live/bulk/none").status_code == 404


def test_the_page_is_live_until_the_end(client: TestClient, lines: Lines) -> None:
    address = begin(client, lines)
    client.post(f"{address}/stop", headers=OURS)

    events = client.get(f"/live{address}").text

    assert events.startswith('event: parts\ndata: {"bulk": ')
    assert events.endswith("event: done\ndata: {}\n\n")
    assert events.count("event: ") == 2
    assert "Nothing was stopped" in events


def test_a_table_has_every_execution_once_with_what_became_of_it(
    client: TestClient, lines: Lines
) -> None:
    lines.lines = [line(name) for name in "abc"]
    lines.lines += [line("d", "SUCCEEDED"), msgspec.structs.replace(line("=e"), source=None)]
    lines.refused, lines.gate = {"a"}, threading.Event()
    address = begin(client, lines)
    client.post(f"{address}/begin", data={"reason": "no"}, headers=OURS)
    client.post(f"{address}/stop", headers=OURS)
    lines.gate.set()
    wait(lines, address)

    answer = client.get(f"{address}/outcomes.csv")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="stop.csv"'
    head, failed, *others = answer.text.splitlines()
    assert head == "name,key,outcome,execution,why"
    assert failed.startswith("a,uploads/a.jpg,not done,,An error occurred (Throttling)")
    assert others == [
        "b,uploads/b.jpg,not tried,,", "c,uploads/c.jpg,not tried,,", "'=e,,not tried,,",
        "d,uploads/d.jpg,left out,,already ended",
    ]  # fmt: skip
    assert "in a row" not in text(client, address)  # a person stopped it


def test_what_aws_refuses_is_told_in_words(client: TestClient, lines: Lines) -> None:
    def refused(**_: Any) -> Iterator[Listed]:
        said: Any = {"Error": {"Code": "AccessDenied", "Message": "no\u202e"}}
        raise ClientError(said, "ListExecutions")
        yield

    lines.context.executions.each = refused  # type: ignore[method-assign, assignment]
    address = begin(client, lines)

    said = text(client, address)
    assert "AWS refused: An error occurred (AccessDenied)" in said
    assert r"operation: no\u202e" in said
    assert client.get(f"{address}/outcomes.csv").text.splitlines() == [
        "name,key,outcome,execution,why"
    ]


@pytest.mark.parametrize(("length", "code"), [(4 * 262_144, 303), (4 * 262_144 + 1, 413)])
def test_so_many_may_be_named(client: TestClient, lines: Lines, length: int, code: int) -> None:
    form = b"action=stop&all=1&more=".ljust(length, b"x")
    assert client.post("/bulk", content=form, headers=OURS).status_code == code


def test_a_reason_is_one_line_and_no_text_is_no_reason_to_fail(
    client: TestClient, lines: Lines
) -> None:
    lines.lines = [line("a")]
    address = begin(client, lines)
    sent = client.post(f"{address}/begin", content=b"reason=a%0Ab+\xff&reason=c", headers=OURS)
    wait(lines, address)
    assert (sent.status_code, lines.stopped) == (303, [("a", "a b \ufffd")])


def test_a_page_names_two_hundred(client: TestClient, lines: Lines) -> None:
    lines.lines = [line(f"n{number}") for number in range(201)]
    said = text(client, begin(client, lines))
    assert "uploads/n199.jpg" in said
    assert "uploads/n200.jpg" not in said
    assert "uploads/n199.jpg n199 and 1 more" in said


def test_how_to_go_on_is_said_when_it_has_ended(client: TestClient, lines: Lines) -> None:
    lines.lines = [line("a")]
    address = begin(client, lines)
    bulk = wait(lines, address)
    assert values(lines.context, bulk)["command"] is None
    client.post(f"{address}/stop", headers=OURS)
    assert values(lines.context, bulk)["command"].startswith("darkroom stop --from ")
    bulk.planned = None
    assert values(lines.context, bulk)["command"] is None


@pytest.mark.parametrize(
    ("endpoint", "stack_", "action", "said"),
    [
        (None, "darkroom", "redrive", "--stack darkroom"),
        (None, "photos", "redrive", "--stack photos"),
        ("http://127.0.0.1:4566", "photos", "redrive", "--stack photos"),
        ("http://127.0.0.1:4566", "darkroom", "redrive", None),
        ("http://127.0.0.1:4566", "darkroom", "stop", "--reason 'a b'"),
    ],
)
def test_a_command_names_the_stack_and_the_reason_where_it_must(
    client: TestClient, lines: Lines, stack: Any, endpoint: str | None, stack_: str, action: Any,
    said: str | None,
) -> None:  # fmt: skip
    lines.lines = [line("a")]
    bulk = wait(lines, begin(client, lines))
    bulk.stop()
    bulk.action, bulk.reason, stack.endpoint, stack.stack = action, "a b", endpoint, stack_

    kept = lines.home / f"left-to-{action}.txt"
    expected = f"darkroom {action} --from {kept}" + (f" {said}" if said else "")
    assert values(lines.context, bulk)["command"] == expected
