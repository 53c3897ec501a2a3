"""What all pages share, and errors as answers."""

from __future__ import annotations

import datetime
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock, patch

import jinja2
import pytest
from botocore.exceptions import ClientError
from starlette.testclient import TestClient

from darkroom_ops.console import context
from darkroom_ops.console.context import Context, clock
from darkroom_ops.console.routes import create
from darkroom_ops.engine.inbox import Inbox
from darkroom_ops.executions.facets import TOTAL
from darkroom_ops.executions.listed import Filter, Listed
from tests.unit.console.conftest import BASE, TOKEN, Stack
from tests.unit.recorded import at, recorded


def test_a_state_machine_is_asked_for_once_an_execution(context: Context, stack: Any) -> None:
    execution = recorded("complete")
    described = Mock(wraps=stack.stepfunctions.describe_state_machine_for_execution)
    stack.stepfunctions.describe_state_machine_for_execution = described
    first = context.machine(execution)
    described.assert_called_once_with(executionArn=execution.arn)
    del stack.stepfunctions.describe_state_machine_for_execution

    assert context.machine(execution) is first
    with pytest.raises(AttributeError):
        context.machine(recorded("corrupt"))


@pytest.mark.parametrize(("most", "read_"), [(0, 0), (1, 1), (3, 3), (9, 5)])
def test_what_first_pages_need_is_read_ahead(
    context: Context, monkeypatch: pytest.MonkeyPatch, most: int, read_: int
) -> None:
    taken: list[int] = []

    def each(**asked: Any) -> Iterator[int]:
        assert asked == {"costs": False, "expected": most}
        for number in range(5):
            taken.append(number)
            yield number

    context.executions.each = each  # type: ignore[method-assign, assignment]
    looked: list[bool] = []
    monkeypatch.setattr(context, "overview", lambda: looked.append(True))
    context.read_ahead(most)
    assert len(taken) == read_
    assert looked == [True]


@pytest.mark.parametrize(
    ("endpoint", "moments"),
    [
        (None, {2.9: 1, 3.2: 2}),  # AWS is asked again after three seconds
        ("http://127.0.0.1:4599", {0.9: 1, 1.2: 2}),  # counting takes 0.1 s
    ],
)
def test_counts_of_an_engine_are_as_new_as_counting_allows(
    context: Context, stack: Any, monkeypatch: pytest.MonkeyPatch, endpoint: str | None,
    moments: dict[float, int],
) -> None:  # fmt: skip
    stack.endpoint = endpoint
    now, running = [100.0], Listed(**{**dict.fromkeys(Listed.__struct_fields__), "arn": "a",
                                      "status": "RUNNING", "started": at(0)})  # fmt: skip
    found: list[Listed] = []

    def each(**_: Any) -> Iterator[Listed]:
        now[0] += 0.1
        found.append(running)
        return iter(found)

    context.executions.each = each  # type: ignore[method-assign, assignment]
    clock = SimpleNamespace(monotonic=lambda: now[0])  # this module's only: others look on theirs
    monkeypatch.setattr("darkroom_ops.console.context.time", clock)
    assert context.facets(Filter(), wait=False) == {}
    context.facets(Filter())
    for later, count in moments.items():
        now[0] = 100.1 + later
        assert context.facets(Filter())[TOTAL][TOTAL] == count
    now[0] += 60
    assert context.facets(Filter(), wait=False)[TOTAL][TOTAL] == 2


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Where a console of one template runs, and what it has compiled."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "hello.html").write_text("Hello {{ name }}.")
    (tmp_path / "__pycache__").mkdir()
    monkeypatch.setattr(context, "HERE", tmp_path)
    counted = Mock(wraps=compile)
    monkeypatch.setattr(jinja2.Environment, "_compile", lambda _, *given: counted(*given, "exec"))
    return counted


def greeting(stack: Any) -> str:
    """What a console says that starts now, without compiling when it is asked."""
    made = Context(stack)
    made.overview = Mock()  # type: ignore[method-assign]
    made.read_ahead(0)
    with patch.object(made._templates, "compile", side_effect=AssertionError):
        return made.render("hello.html", name="Ann")


def test_a_template_is_compiled_ahead_and_once(
    stack: Any, compiled: Mock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [greeting(stack), greeting(stack)] == ["Hello Ann."] * 2
    assert compiled.call_count == 1

    (tmp_path / "templates" / "hello.html").write_text("Good morning, {{ name }}.")
    assert greeting(stack) == "Good morning, Ann."
    monkeypatch.setitem(context.OPTIONS, "keep_trailing_newline", True)
    assert greeting(stack) == "Good morning, Ann."
    assert compiled.call_count == 3


def test_code_that_is_damaged_is_compiled_anew(stack: Any, compiled: Mock, tmp_path: Path) -> None:
    greeting(stack)
    (kept,) = (tmp_path / "__pycache__").iterdir()
    kept.write_bytes(kept.read_bytes()[:20] + b"?")

    assert [greeting(stack), greeting(stack)] == ["Hello Ann."] * 2
    assert compiled.call_count == 2


def test_where_no_code_can_be_kept_the_console_does_without(
    stack: Any, compiled: Mock, tmp_path: Path
) -> None:
    (tmp_path / "__pycache__").rmdir()

    assert [greeting(stack), greeting(stack)] == ["Hello Ann."] * 2
    assert compiled.call_count == 2


def test_a_console_that_ends_reads_nothing_ahead(context: Context) -> None:
    context.closing.set()
    context.executions.each = Mock(side_effect=AssertionError)  # type: ignore[method-assign]

    context.read_ahead(5)


def test_a_console_that_ends_while_it_reads_ahead_reads_no_more(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []

    def each(**_: Any) -> Iterator[int]:
        for number in range(5):
            taken.append(number)
            context.closing.set()
            yield number

    context.executions.each = each  # type: ignore[method-assign, assignment]
    monkeypatch.setattr(context, "overview", Mock(side_effect=AssertionError))
    context.read_ahead(5)
    assert taken == [0]


def test_reading_ahead_leaves_troubles_to_the_page(context: Context) -> None:
    def each(**_: Any) -> Iterator[int]:
        raise ClientError({"Error": {"Code": "Throttled"}}, "ListExecutions")
        yield 1

    context.executions.each = each  # type: ignore[method-assign, assignment]
    context.read_ahead(5)


def test_what_is_a_bug_of_ours_is_told_as_such(stack: Any, context: Context) -> None:
    def broken(**_: Any) -> None:
        raise KeyError("oops")

    stack.stepfunctions.describe_execution = broken
    app, cookies = create(context, 4600, TOKEN), {"darkroom-4600": TOKEN}
    with TestClient(app, BASE, raise_server_exceptions=False, cookies=cookies) as client:
        answer = client.get("/executions/complete")
        assert answer.status_code == 500
        assert answer.json()["message"].startswith(
            "KeyError: 'oops'. That is a fault of the console"
        )
        stack.stepfunctions.describe_execution = _refused
        answer = client.get("/executions/complete")
        assert answer.status_code == 502
        assert "AWS refused" in answer.json()["message"]


def _refused(**_: Any) -> None:
    raise ClientError({"Error": {"Code": "AccessDenied"}}, "DescribeExecution")


def test_a_page_says_where_in_the_console_one_is(client: TestClient) -> None:
    for path, name in (("/start", "Overview"), ("/", "Executions"), ("/inbox", "Inbox")):
        nav = client.get(path).text.partition('<nav aria-label="Main">')[2].partition("</nav>")[0]
        assert re.findall(r'aria-current="page">(\w+)</a>', nav) == [name]


def test_a_clock_names_day_and_zone() -> None:
    assert clock(at(0)) == f"{at(0).astimezone():%d %b %Y, %H:%M:%S %Z}"
    assert re.fullmatch(r"3[01] Jan 2026, \d\d:\d\d:00 \S+", clock(at(0)))


def test_what_cannot_be_written_is_shown_nevertheless(context: Context) -> None:
    """Half of a surrogate pair, in a name or in a message."""
    page = context.page("problem.html", title="run \ud800", message="m", back=("", "/"))
    assert b"<h1>run \\ud800</h1>" in bytes(page.body)
    made = context._templates.from_string('<a href="/executions/{{ name|urlencode }}">')
    assert made.render(name="a b/\ud800") == '<a href="/executions/a%20b/%3F">'


def test_pictures_sources_and_previews_share_their_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much a person looks at, the console holds no more than so many bytes of it."""
    monkeypatch.setattr(context, "KEPT_BYTES", 10)
    made = Context(Stack())  # type: ignore[arg-type]
    previews: Any = made.previews
    caches: Any = (
        made.pictures._recent,
        previews._storage._known,
        previews._decoded,
        previews._made,
    )
    for cache in caches:
        cache.put("any", SimpleNamespace(data=b"1234", mezzanine=b"1234"))
    assert [cache.get("any") is not None for cache in caches] == [False, False, True, True]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ 'a/b.jpg'|basename }}", "b.jpg"),
        ("{{ 'b.jpg'|basename }}", "b.jpg"),
        ("{{ 'a/b/'|basename }}", "a/b/"),
        ("{{ 'a/b/c.jpg'|folder }}", "a/b"),
        ("{{ 'c.jpg'|folder }}", ""),
        ("{{ {'b': 1, 'a': 2}|tojson }}", '{"b": 1, "a": 2}'),
        ("{{ 'a<b' }}", "a&lt;b"),
        ("{{ 'TIMED_OUT'|outcome }} {{ 'other'|outcome }}", "Timed out other"),
        ("{{ 'image/webp'|format_name }}", "WebP"),
        ("{{ 'a\x1bb'|plain }}", "a\\x1bb"),
        ("{{ 125|duration }}", "2 min 5 s"),
        ("{{ 125|after_end }}", "2 min 5 s after it had ended"),
        ("{{ 0.5|dollars }}", "$0.50"),
        ("{{ 2|count('retry') }}", "2 retries"),
        ("a\n  {% if true %}\nb\n  {% endif %}\nc", "a\nb\nc"),
        ("{{ stack }} {{ where }} {{ has_inbox }}", "photos AWS eu-west-1 False"),
    ],
)
def test_what_templates_say(context: Context, template: str, text: str) -> None:
    assert context._templates.from_string(template).render() == text


def test_templates_know_the_engine_the_time_and_what_they_were_not_given(
    stack: Any,
) -> None:
    stack.endpoint = "http://127.0.0.1:4599"
    templates = Context(stack, Inbox())._templates
    assert templates.from_string("{{ where }} {{ has_inbox }}").render() == "127.0.0.1:4599 True"
    said = templates.from_string("{{ now() }}").render()
    assert abs(datetime.datetime.fromisoformat(said) - datetime.datetime.now(datetime.UTC)) < (
        datetime.timedelta(minutes=1)
    )
    moment = templates.from_string("{{ text|moment }}").render(text=at(0).isoformat())
    assert moment == clock(at(0))
    with pytest.raises(jinja2.UndefinedError):
        templates.from_string("{{ missing }}").render()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("plain", "plain"),
        ("{not JSON", "{not JSON"),
        (' {"a": 1}', '{\n  "a": 1\n}'),
        ("[1]", "[\n  1\n]"),
        ({"in": '{"a": "[2]"}'}, '{\n  "in": {\n    "a": [\n      2\n    ]\n  }\n}'),
        (['{"a": 1}'], '[\n  {\n    "a": 1\n  }\n]'),
        (5, "5"),
        ('"quoted"', '"quoted"'),
        ({"n": "1.0"}, '{\n  "n": "1.0"\n}'),
        ("[" * 100_000, "[" * 100_000),
        ("[" * 500 + "]" * 500, "[" * 500 + "]" * 500),
        (json.loads("[" * 500 + "]" * 500), "[" * 500 + "]" * 500),
    ],
)
def test_json_inside_of_json_is_unpacked_for_reading(data: Any, text: str) -> None:
    assert context.pretty(data) == text


@pytest.mark.parametrize(
    ("endpoint", "seconds", "often"), [(None, 60, 2), ("http://127.0.0.1:4599", 5, 0.3)]
)
def test_the_whole_is_looked_at_anew_when_it_is_old(
    stack: Any, monkeypatch: pytest.MonkeyPatch, endpoint: str | None, seconds: int, often: float
) -> None:
    stack.endpoint = endpoint
    made, now, looks = Context(stack), [100.0], itertools.count(1)
    monkeypatch.setattr(context, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(context, "overview", lambda *_: next(looks))
    assert made.overview(patience=0) is None
    assert made._look is None
    assert made.overview() == 1
    now[0] += seconds - 0.1
    assert made.overview() == 1
    now[0] += 0.1
    assert made.overview(patience=0) == 1  # what was seen before; nobody looks
    assert made.overview() == 2
    made.forget_overview()
    assert made.overview(patience=0) is None
    assert made.overview() == 3
    assert made.seconds == often


def test_the_newest_five_thousand_are_counted_whatever_is_chosen_of_them(context: Context) -> None:
    asked: list[Any] = []
    one = Listed(**{**dict.fromkeys(Listed.__struct_fields__), "arn": "a", "status": "RUNNING",
                    "started": at(0)})  # fmt: skip

    def each(**given: Any) -> Iterator[Listed]:
        asked.append(given)
        return itertools.repeat(one)

    context.executions.each = each  # type: ignore[method-assign, assignment]
    found = context.facets(Filter(text="a", status="RUNNING"))
    assert found["status"]["RUNNING"] == 5000
    assert asked == [{"only": Filter(text="a"), "costs": False}]
