"""The graph: read from the definition, coloured by an execution."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from darkroom_ops.console import graph
from tests.conftest import ROOT
from tests.support.reading import parsed
from tests.unit.recorded import partly, recorded

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
