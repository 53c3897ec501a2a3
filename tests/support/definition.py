"""The state machine's definition, read and evaluated in this process: no engine, milliseconds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from darkroom_ops.engine.stepfunctions import jsonata
from tests.conftest import ROOT
from tests.support.reading import parsed

Json = dict[str, Any]

SOURCE_BUCKET = "my-photos"

DEFINITION: Json = parsed(
    (ROOT / "statemachine" / "image_pipeline.asl.yaml")
    .read_text()
    .replace("${SourceBucketName}", SOURCE_BUCKET)
)
"""Of the substitutions, only this one is part of an expression."""

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:darkroom-image-pipeline"
EXECUTION = MACHINE.replace(":stateMachine:", ":execution:") + ":run-1"


def machines(machine: Json = DEFINITION) -> Iterator[Json]:
    """Yield a machine and all that its Maps and Parallels hold."""
    yield machine
    for state in machine["States"].values():
        inner = state.get("Branches", [])
        inner = [*inner, state["ItemProcessor"]] if "ItemProcessor" in state else inner
        for each in inner:
            yield from machines(each)


def states(kind: str | None = None) -> dict[str, Json]:
    """Return the states of a type, or all, by name."""
    return {
        name: state
        for machine in machines()
        for name, state in machine["States"].items()
        if kind is None or state["Type"] == kind
    }


def handler(name: str, clauses: str, error: str) -> Json | None:
    """Return the Retry or Catch clause of a state that takes an error: the first that names it."""
    for clause in states()[name].get(clauses, []):
        names = clause["ErrorEquals"]
        # No handler but one that names them sees these two (Amazon States Language, Errors).
        wild = names == ["States.ALL"] and error not in {
            "States.DataLimitExceeded",
            "States.Runtime",
        }
        if error in names or wild:
            found: Json = clause
            return found
    return None


def context(given: Any = None, execution: str = EXECUTION, **more: Any) -> Json:
    """Return the context object of an execution whose input is `given`."""
    of_execution = {
        "Id": execution,
        "Name": execution.rpartition(":")[2],
        "StartTime": "2026-01-31T12:00:00.123Z",
        "Input": given,
    }
    return {"Execution": of_execution | more, "StateMachine": {"Id": MACHINE}}


def evaluated(value: Any, states: Json, **variables: Any) -> Any:
    """Evaluate every expression in a part of the definition, as Step Functions does.

    Parameters
    ----------
    value
        Arguments, Output, Assign, Items or ItemSelector of a state, or a part of them.
    states
        The reserved variable: ``input``, ``context``, and ``result`` or ``errorOutput``.
    variables
        What earlier states assigned.
    """
    if isinstance(value, dict):
        return {name: evaluated(each, states, **variables) for name, each in value.items()}
    if isinstance(value, list):
        return [evaluated(each, states, **variables) for each in value]
    if not isinstance(value, str) or not value.startswith("{%"):
        return value
    expression = value.removeprefix("{%").removesuffix("%}")
    found = jsonata.evaluate(expression, {"states": states, **variables})
    assert found is not jsonata.UNDEFINED, f"selects nothing, which fails the state: {expression}"
    return found
