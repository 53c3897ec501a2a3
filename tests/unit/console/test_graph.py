"""The graph: read from the definition, coloured by an execution."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from darkroom_ops.console import graph
from darkroom_ops.executions.history import Attempt
from tests.conftest import ROOT
from tests.support.reading import parsed
from tests.unit.console.conftest import passage
from tests.unit.recorded import at, partly, recorded

ASL = parsed((ROOT / "statemachine/image_pipeline.asl.yaml").read_text())
MACHINE = graph.read(ASL)


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


def test_what_a_failure_beside_it_aborted_does_not_run_on() -> None:
    """The execution goes on to tell of the failure."""
    execution = partly("item_failed", 34)
    shown = {graph.label(s) or s.name: graph.status(s, execution) for s in execution.states}
    assert (shown["small"], shown["large"], shown["medium"]) == ("stopped", "stopped", "failed")
    assert shown["ResizeImages"] == "failed"
    assert shown["RecordFailure"] == "running"
    bare = [dataclasses.replace(s, attempts=()) for s in execution.states if s.aborted]
    assert {graph.status(s, execution) for s in bare} == {"stopped"}


CALL = Attempt("lambda:invoke", "f", "", at(0), at(1))
LEFT_OPEN = dataclasses.replace(CALL, ended=None)
REFUSED = dataclasses.replace(CALL, error="StorageError")


@pytest.mark.parametrize(
    ("changed", "ended", "expected"),
    [
        ({"exited": None, "attempts": ()}, None, "running"),
        ({"exited": None, "attempts": (REFUSED, LEFT_OPEN)}, None, "running"),
        ({"exited": None, "attempts": (CALL, REFUSED)}, None, "waits to try again"),
        ({"attempts": (REFUSED, CALL)}, None, "succeeded"),
        ({"attempts": ()}, None, "succeeded"),
        (
            {"error": "DynamoDB.ConditionalCheckFailedException"},
            None,
            "answered: another execution has it",
        ),
        ({"error": "CorruptImage"}, None, "failed"),
        ({"type": "Fail"}, "FAILED", "failed"),
        ({"type": "Fail", "exited": None}, "FAILED", "failed"),
        ({"exited": None, "error": "CorruptImage"}, "FAILED", "failed"),
        ({"exited": None}, "FAILED", "stopped"),
        ({"aborted": True}, None, "stopped"),
        ({"attempts": (CALL, LEFT_OPEN)}, None, "stopped"),
        ({"output": None}, "ABORTED", "stopped"),  # it was left, but not by itself
        ({"output": None}, "TIMED_OUT", "stopped"),
        ({}, "ABORTED", "succeeded"),
        ({"output": None}, "FAILED", "succeeded"),
    ],
)
def test_how_a_passage_fared(changed: dict[str, Any], ended: str | None, expected: str) -> None:
    execution = dataclasses.replace(
        recorded("complete"), status=ended or "RUNNING", states=(passage(1, **changed),)
    )
    assert graph.overlay(MACHINE, execution).nodes["Prepare"].said == expected


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        # As (number, seconds, error); the gravest counts.
        ([(1, 2, None), (2, 5, None), (3, 4, None)], ("succeeded", 5)),
        ([(1, 2, None), (2, 5, "DynamoDB.ConditionalCheckFailedException")], ("answered", 5)),
        ([(1, None, None), (2, 5, "DynamoDB.ConditionalCheckFailedException")], ("running", None)),
        ([(1, None, None), (2, None, "wait")], ("retrying", None)),
        ([(1, None, "wait"), (2, 1, "abort")], ("stopped", None)),
        ([(1, 1, "abort"), (2, 3, "CorruptImage")], ("failed", 3)),
    ],
)
def test_of_several_items_the_gravest_and_the_longest_is_shown(
    items: list[tuple[int, float | None, str | None]], expected: tuple[str, float | None]
) -> None:
    runs = [
        passage(
            number, exited=None if seconds is None else at(seconds), item=number, parent=9,
            attempts=(CALL, REFUSED if error == "wait" else CALL), aborted=error == "abort",
            error=None if error in {"wait", "abort"} else error,
        )
        for number, seconds, error in items
    ]  # fmt: skip
    around = passage(9, "Archive")
    execution = dataclasses.replace(recorded("complete"), status="RUNNING", states=(around, *runs))
    for states in (runs, runs[::-1]):
        execution = dataclasses.replace(execution, states=(around, *states))
        shown = graph.overlay(MACHINE, execution).nodes["Prepare"]
        assert (shown.status, shown.seconds) == expected
        assert shown.retries == len(items)
        assert {(p.id, p.label, p.attempts) for p in shown.passages} == {
            (number, f"item {number}", 2) for number, *_ in items
        }


@pytest.mark.parametrize(
    ("source", "target", "way"),
    [
        ({}, {}, "next"),
        ({"error": "X"}, {}, "catch"),
        ({"exited": None}, {}, None),
        ({"exited": None, "error": "X"}, {}, None),
        ({"aborted": True}, {}, None),
        ({"aborted": True, "error": "X"}, {}, None),
        ({}, {"entered": at(0.5)}, None),  # it was entered before the other was left
        ({}, {"entered": at(3)}, "next"),
        ({"item": 0}, {"item": 0}, "next"),
        ({"item": 0}, {"item": 1}, None),  # another item's
    ],
)
def test_a_transition_was_taken_when_one_was_left_and_the_next_entered(
    source: dict[str, Any], target: dict[str, Any], way: str | None
) -> None:
    ways = {"Next": "B", "Catch": [{"Next": "B"}]}
    inside = {"StartAt": "A", "States": {"A": {"Type": "Pass", **ways}, "B": {"Type": "Pass"}}}
    machine = {"StartAt": "Each", "States": {"Each": {"Type": "Map", "ItemProcessor": inside}}}
    states = (
        passage(1, "Each", entered=at(0), exited=at(9)),
        passage(2, "A", parent=1, **({"entered": at(0), "exited": at(1)} | source)),
        passage(3, "B", parent=1, **({"entered": at(1), "exited": at(4)} | target)),
    )
    execution = dataclasses.replace(recorded("complete"), status="RUNNING", states=states)

    taken = graph.overlay(graph.read(machine), execution).taken

    assert [edge.kind for edge in taken] == ([] if way is None else [way])


def test_ordinary_ways_come_first_then_errors_each_in_its_order() -> None:
    def state(next_: str | None, *caught: str) -> dict[str, Any]:
        ways: dict[str, Any] = {} if next_ is None else {"Next": next_}
        return {"Type": "Pass", **ways, "Catch": [{"Next": each} for each in caught]}

    states = {
        "Unused": state(None), "E": state(None), "D": state("E"), "C": state(None, "A"),
        "B": state("C", "E"), "A": state("B", "D", "C"),
    }  # fmt: skip
    nodes = graph.read({"StartAt": "A", "States": states}).nodes
    assert [node.name for node in nodes] == ["A", "B", "C", "D", "E", "Unused"]


OLDER: dict[str, Any] = {
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


def test_choices_and_the_older_name_of_a_processor_are_read() -> None:
    scope = graph.read(OLDER)
    assert {(edge.target, edge.kind) for edge in scope.edges} == {
        ("Each", "choice"),
        ("No", "choice"),
    }
    assert scope.nodes[1].groups[0].start == "One"
    assert graph.state_of(OLDER, "One") == {"Type": "Pass"}


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


def test_the_last_passage_decides_the_colour_of_a_state() -> None:
    """It was stopped in its Map, and redriven."""
    overlay = graph.overlay(MACHINE, recorded("redriven"))

    assert {shown.status for shown in overlay.nodes.values()} == {"succeeded"}
    assert [each.label for each in overlay.nodes["Resize"].passages] == ["small", "medium", "large"]


@pytest.mark.parametrize("name", ["ClaimImage", "Resize", "MakePdf", "ImageFailed"])
def test_a_state_is_found_wherever_it_is_inside(name: str) -> None:
    found = graph.state_of(ASL, name)

    assert found is not None
    assert found["Type"] == ("Fail" if name == "ImageFailed" else "Task")


def test_no_such_state() -> None:
    assert graph.state_of(ASL, "States") is None
