"""The state machine as a graph: read from its definition, coloured by an execution. Pure.

Where the nodes lie is the browser's work (``static/graph.js``); what they are and how they fared is
decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from darkroom.contract.advice import STATUS_ERRORS

from darkroom_ops.executions.history import StateRun, latest
from darkroom_ops.executions.model import Execution

Kind = Literal["next", "choice", "catch"]
Status = Literal["running", "retrying", "succeeded", "answered", "failed", "stopped"]

GRAVEST: tuple[Status, ...] = (
    "failed", "stopped", "retrying", "running", "answered", "succeeded",
)  # fmt: skip
"""Which status a state has when its Map items differ: the first of these that one of them has."""

LABELS: dict[Status, str] = {
    "running": "running",
    "retrying": "waits to try again",
    "succeeded": "succeeded",
    "answered": "answered: another execution has it",
    "failed": "failed",
    "stopped": "stopped",
}
"""A status in words."""


@dataclass(frozen=True)
class Edge:
    """A transition that the definition allows, of a caught error or otherwise."""

    source: str
    target: str
    kind: Kind


@dataclass(frozen=True)
class Node:
    """A state, with the processor of a Map, or the branches of a Parallel, as its groups.

    Names are unique in a whole state machine (Amazon States Language).
    """

    name: str
    type: str
    groups: tuple[Scope, ...] = ()


@dataclass(frozen=True)
class Scope:
    """States that lead to one another: a whole machine, a Map's processor, a Parallel's branch."""

    start: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def all_edges(self) -> Iterator[Edge]:
        """Yield every transition, those inside of states too."""
        yield from self.edges
        for node in self.nodes:
            for group in node.groups:
                yield from group.all_edges()


@dataclass(frozen=True)
class Passage:
    """A passage through a state; the label distinguishes it from others, as a rendition's name."""

    id: int
    label: str
    status: Status
    attempts: int


@dataclass(frozen=True)
class StateOverlay:
    """A state, coloured, and in words for those who do not see the colour.

    Of several passages that count, as those of a Map's items, the status is the gravest, the
    duration the longest (None while one runs), and the retries are counted together.
    """

    status: Status
    said: str
    retries: int
    seconds: float | None
    passages: tuple[Passage, ...]


@dataclass(frozen=True)
class Overlay:
    """An execution, as the graph shows it: the states entered, by name, and what led to them."""

    nodes: dict[str, StateOverlay]
    taken: tuple[Edge, ...]


def state_of(definition: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """Return what a definition says of a state, wherever it is inside; None of no such state."""
    states: Mapping[str, Mapping[str, Any]] = definition["States"]
    for each, state in states.items():
        if each == name:
            return state
        inner = [state[key] for key in ("ItemProcessor", "Iterator") if key in state]
        for group in (*inner, *state.get("Branches", ())):
            if (found := state_of(group, name)) is not None:
                return found
    return None


def read(definition: Mapping[str, Any]) -> Scope:
    """Read a definition in the Amazon States Language."""
    states: Mapping[str, Mapping[str, Any]] = definition["States"]
    edges = {
        (edge.source, edge.target, edge.kind): edge
        for name, state in states.items()
        for edge in _edges(name, state)
    }
    return Scope(
        start=definition["StartAt"],
        nodes=tuple(_node(name, states[name]) for name in _in_order(definition["StartAt"], states)),
        edges=tuple(edges.values()),
    )


def overlay(scope: Scope, execution: Execution) -> Overlay:
    """Colour a graph by an execution."""
    by_name: dict[str, list[StateRun]] = {}
    for run in latest(execution.states):
        by_name.setdefault(run.name, []).append(run)
    nodes = {name: _shown(runs, execution) for name, runs in by_name.items()}
    taken = tuple(
        edge
        for edge in scope.all_edges()
        if _was_taken(edge, by_name.get(edge.source, []), by_name.get(edge.target, []))
    )
    return Overlay(nodes, taken)


def status(run: StateRun, execution: Execution) -> Status:
    """Return how a passage fared."""
    if run.exited is None and not execution.ended:
        return "retrying" if run.attempts and run.attempts[-1].error else "running"
    if run.handled:
        return "answered"
    if run.error or run.type == "Fail":
        return "failed"
    left_open = bool(run.attempts) and run.attempts[-1].ended is None
    stopped = execution.status in STATUS_ERRORS and run.output is None
    cut_off = run.exited is None or run.aborted or left_open or stopped
    return "stopped" if cut_off else "succeeded"


def label(run: StateRun) -> str:
    """Return what distinguishes a Map item's passage: its rendition, else its number."""
    return run.rendition or ("" if run.item is None else f"item {run.item}")


def _in_order(start: str, states: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return names as the states follow each other: the ordinary way first, then errors.

    A deployed definition may have its states in any order, and Tab leads through them in this one.
    """
    order: list[str] = []
    open_: list[str] = [start]
    later: list[str] = []
    while open_ or later:
        name = open_.pop(0) if open_ else later.pop(0)
        if name in order:
            continue
        order.append(name)
        for edge in _edges(name, states[name]):
            (later if edge.kind == "catch" else open_).append(edge.target)
    return order + [name for name in states if name not in order]


def _node(name: str, state: Mapping[str, Any]) -> Node:
    inner: Sequence[Mapping[str, Any]] = state.get("Branches", ())
    processor = state.get("ItemProcessor") or state.get("Iterator")  # the older name of the same
    if processor:
        inner = (processor,)
    return Node(name, state["Type"], tuple(read(each) for each in inner))


def _edges(name: str, state: Mapping[str, Any]) -> Iterator[Edge]:
    for choice in state.get("Choices", ()):
        yield Edge(name, choice["Next"], "choice")
    if "Default" in state:
        yield Edge(name, state["Default"], "choice")
    if "Next" in state:
        yield Edge(name, state["Next"], "next")
    for catcher in state.get("Catch", ()):
        yield Edge(name, catcher["Next"], "catch")


def _shown(runs: Sequence[StateRun], execution: Execution) -> StateOverlay:
    passages = tuple(
        Passage(run.id, label(run), status(run, execution), len(run.attempts)) for run in runs
    )
    gravest = next(each for each in GRAVEST if any(p.status == each for p in passages))
    seconds = [run.seconds for run in runs if run.seconds is not None]
    return StateOverlay(
        status=gravest,
        said=LABELS[gravest],
        retries=sum(run.retries for run in runs),
        seconds=max(seconds) if len(seconds) == len(runs) else None,
        passages=passages,
    )


def _was_taken(edge: Edge, sources: Iterable[StateRun], targets: Sequence[StateRun]) -> bool:
    """Return whether a state was entered when the one before it was left, the way the edge says."""
    return any(
        source.exited is not None
        and not source.aborted
        and bool(source.error) == (edge.kind == "catch")
        and (source.parent, source.item) == (target.parent, target.item)
        and target.entered >= source.exited
        for source in sources
        for target in targets
    )
