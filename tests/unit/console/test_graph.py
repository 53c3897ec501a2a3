"""The console's pure parts: graph, timeline, guard, messages, and what is vendored."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.datastructures import Headers

from darkroom_ops.console import graph, timeline
from darkroom_ops.console.inbox import Mail
from darkroom_ops.console.pages import lines_of
from darkroom_ops.console.pictures import drawable, shown
from darkroom_ops.console.security import refusal
from darkroom_ops.engine.inbox import Inbox, Message
from darkroom_ops.logs import LogLine
from tests.support.images import encoded, picture
from tests.unit.recorded import START, recorded

ROOT = Path(__file__).resolve().parents[3]
CONSOLE = ROOT / "darkroom_ops/console"
ASL = yaml.safe_load((ROOT / "statemachine/image_pipeline.asl.yaml").read_text())
MACHINE = graph.read(ASL)
HOSTS = frozenset({"127.0.0.1:4600", "localhost:4600"})


def transitions(states: dict[str, Any]) -> set[tuple[str, str, str]]:
    """Read a definition's transitions in another way: by what is below each state."""
    found = set()
    for name, state in states.items():
        if "Next" in state:
            found.add((name, state["Next"], "next"))
        for catch in state.get("Catch", []):
            found.add((name, catch["Next"], "catch"))
        for inner in [*state.get("Branches", []), state.get("ItemProcessor", {})]:
            found |= transitions(inner.get("States", {}))
    return found


def test_the_graph_has_every_state_and_transition_of_the_definition() -> None:
    assert MACHINE.start == "ClaimImage"
    names = [node.name for node in MACHINE.nodes]
    assert sorted(names) == sorted(ASL["States"])
    # As they follow each other, whatever their order in the definition.
    assert names[:4] == ["ClaimImage", "Prepare", "ResizeImages", "Archive"]
    turned = {**ASL, "States": dict(sorted(ASL["States"].items()))}
    assert [node.name for node in graph.read(turned).nodes] == names
    edges = {(edge.source, edge.target, edge.kind) for edge in MACHINE.all_edges()}
    assert edges == transitions(ASL["States"])
    inner = {node.name: [[n.name for n in g.nodes] for g in node.groups] for node in MACHINE.nodes}
    assert inner["ResizeImages"] == [["Resize"]]
    assert inner["Archive"] == [["MakePdf"], ["BackupOriginal"]]


def test_choices_and_the_older_name_of_a_processor_are_read() -> None:
    scope = graph.read(
        {
            "StartAt": "Ask",
            "States": {
                "Ask": {"Type": "Choice", "Choices": [{"Next": "Each"}], "Default": "No"},
                "Each": {
                    "Type": "Map",
                    "Iterator": {"StartAt": "One", "States": {"One": {"Type": "Pass"}}},
                },
                "No": {"Type": "Fail"},
            },
        }
    )
    assert {(edge.target, edge.kind) for edge in scope.edges} == {
        ("Each", "choice"),
        ("No", "choice"),
    }
    assert scope.nodes[1].groups[0].start == "One"


def test_a_complete_execution_colours_the_ordinary_way() -> None:
    overlay = graph.overlay(MACHINE, recorded("complete"))
    assert {shown.status for shown in overlay.nodes.values()} == {"succeeded"}
    assert [each.label for each in overlay.nodes["Resize"].passages] == ["small", "medium", "large"]
    assert all(edge.kind == "next" for edge in overlay.taken)
    assert ("Prepare", "ResizeImages") in {(e.source, e.target) for e in overlay.taken}


def test_a_failure_colours_the_way_of_its_error() -> None:
    overlay = graph.overlay(MACHINE, recorded("corrupt"))
    assert overlay.nodes["Prepare"].status == "failed"
    taken = {(edge.source, edge.target, edge.kind) for edge in overlay.taken}
    assert ("Prepare", "DescribeFailure", "catch") in taken
    assert not any(edge[:2] == ("Prepare", "ResizeImages") for edge in taken)
    assert "ResizeImages" not in overlay.nodes


def test_a_claim_that_is_taken_is_an_answer_and_not_a_failure() -> None:
    overlay = graph.overlay(MACHINE, recorded("duplicate"))
    assert overlay.nodes["ClaimImage"].status == "answered"
    assert [(e.source, e.target) for e in overlay.taken] == [("ClaimImage", "AlreadyProcessed")]


def test_retries_are_counted() -> None:
    overlay = graph.overlay(MACHINE, recorded("retried"))
    assert sum(shown.retries for shown in overlay.nodes.values()) == sum(
        state.retries for state in recorded("retried").states
    )
    assert any(shown.retries for shown in overlay.nodes.values())


@pytest.mark.parametrize("name", ["complete", "corrupt", "retried", "item_failed", "timed_out"])
def test_the_timeline_stays_on_its_scale(name: str) -> None:
    execution = recorded(name)
    drawn = timeline.draw(execution, execution.stopped or START)
    assert len(drawn.rows) == len(execution.states)
    for row in drawn.rows:
        whole = row.bars[0]
        for bar in row.bars:
            assert bar.x >= whole.x - 0.01
            assert 0 < bar.width <= 100
            assert bar.x + bar.width <= 100.01
    assert 1 <= len(drawn.marks) <= timeline.MARKS + 1


def test_pictures_are_known_from_the_states_before_the_execution_ends() -> None:
    found = shown(recorded("complete"))
    assert [made.name for made in found.renditions] == ["small", "medium", "large"]
    assert found.document is not None
    assert found.expected == ()
    assert set(found.digests) == {"small", "medium", "large", "document"}


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (encoded(picture(8, 8)), "image/jpeg"),
        (encoded(picture(8, 8), "PNG"), "image/png"),
        (encoded(picture(8, 8), "WEBP"), "image/webp"),
        (encoded(picture(8, 8), "AVIF"), "image/avif"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", None),
        (b"<!doctype html><script>alert(1)</script>", None),
        (b"", None),
    ],
)
def test_only_pictures_are_drawable(data: bytes, kind: str | None) -> None:
    assert drawable(data) == kind


OURS = {"host": "127.0.0.1:4600"}
SAME = {**OURS, "sec-fetch-site": "same-origin"}


@pytest.mark.parametrize(
    ("method", "headers", "answered"),
    [
        ("GET", OURS, True),
        ("GET", {"host": "localhost:4600"}, True),
        ("GET", {"host": "evil.example:4600"}, False),
        ("GET", {"host": "127.0.0.1:80"}, False),
        ("GET", {}, False),
        ("GET", {**OURS, "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, False),
        ("GET", {**OURS, "sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, False),
        (
            "GET",
            {
                **OURS,
                "sec-fetch-site": "cross-site",
                "sec-fetch-mode": "navigate",
                "sec-fetch-dest": "document",
            },
            True,
        ),
        (
            "GET",
            {
                **OURS,
                "sec-fetch-site": "cross-site",
                "sec-fetch-mode": "navigate",
                "sec-fetch-dest": "iframe",
            },
            False,
        ),
        ("POST", {**SAME, "origin": "http://127.0.0.1:4600"}, True),
        ("POST", {**OURS, "origin": "http://127.0.0.1:4600"}, True),
        ("POST", SAME, True),
        ("POST", OURS, False),
        ("POST", {**OURS, "origin": "null"}, False),
        ("POST", {**OURS, "origin": "https://evil.example"}, False),
        ("POST", {**OURS, "origin": "http://127.0.0.1:8080", "sec-fetch-site": "same-site"}, False),
        ("POST", {**OURS, "sec-fetch-site": "none"}, False),
    ],
)
def test_only_the_console_itself_may_ask(
    method: str, headers: dict[str, str], answered: bool
) -> None:
    reason = refusal(method, Headers(headers), HOSTS)
    assert (reason is None) == answered, reason


def message(protocol: str, **attributes: str) -> Message:
    arn = "arn:aws:sns:eu-west-1:1:alerts:1"
    return Message("alerts", protocol, "you", None, "A text.", attributes, "Darkroom", arn, START)


def test_messages_are_linked_to_their_execution() -> None:
    """By what the publisher says, not by texts or times: here all are the same."""
    one, two = (f"arn:aws:states:eu-west-1:1:execution:m:{name}" for name in ("one", "two"))
    inbox = Inbox()
    for each in (
        message("email", execution=one),
        message("sms", execution=two),
        message("sms", execution=one),
        message("email"),
    ):
        inbox.deliver(each)
    mail = Mail(inbox)
    assert [each.execution for each in mail.letters()] == [None, "one", "two", "one"]
    assert [each.number for each in mail.letters(about=one)] == [3, 1]
    assert [each.number for each in mail.letters(about=one, protocol="sms")] == [3]
    assert inbox.per_execution() == {one: 1}


def test_the_lines_of_a_map_item_are_its_own() -> None:
    execution = recorded("complete")
    (run,) = [each for each in execution.states if each.rendition == "small"]
    function = run.attempts[0].function

    def line(request: str, **fields: Any) -> LogLine:
        fields["function_request_id"] = request
        return LogLine(START, str(function), "INFO", request, fields)

    lines = [
        line("one"),
        line("one", result={"name": "small"}),
        line("two"),
        line("two", result={"name": "large"}),
        line("three"),  # of a call that has not ended: nobody knows whose it is
        LogLine(START, "another", "INFO", "of another function"),
    ]
    assert [each.message for each in lines_of(run, lines)] == ["one", "one", "three"]


def test_vendored_files_are_those_that_the_table_names() -> None:
    vendor = CONSOLE / "static/vendor"
    rows = re.findall(
        r"^\| `([^`]+)` \|.*`([0-9a-f]{64})` \|$", (vendor / "README.md").read_text(), re.MULTILINE
    )
    assert {name for name, _ in rows} == {
        path.name for path in vendor.iterdir() if path.suffix in {".js", ".woff2"}
    }
    for name, digest in rows:
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == digest
        assert (vendor / f"{name.split('.')[0]}.LICENSE").is_file()


def test_templates_escape_everything_and_run_nothing_inline() -> None:
    for path in (CONSOLE / "templates").iterdir():
        text = path.read_text()
        assert "|safe" not in text.replace(" ", ""), path.name
        assert "autoescape" not in text, path.name
        assert not re.search(r"\s(on\w+|style)=", text), path.name
        for script in re.findall(r"<script([^>]*)>", text):
            assert "src=" in script or 'type="application/json"' in script, path.name
        assert "http://" not in text.replace("http://www.w3.org", "")
        assert "https://" not in text
