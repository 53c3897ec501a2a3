"""Histories of executions, compared: what AWS recorded with what the engine does.

What differs from run to run (times, ids, bytes of JSON) is left out. What an expression, a reader
or a person could see stays: the events of each state in order, their fields, the names and errors,
and of JSON its shape, in which a whole number is another thing than a float.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any

LITERAL = {"name", "resource", "resourceType", "error", "index", "length", "timeoutInSeconds"}
"""Fields whose value is compared as it is."""

Json = dict[str, Any]


def lines(history: Json) -> list[str]:
    """Return a history as lines: a branch after the other, whatever the order they ran in."""
    events = {each["id"]: each for each in history["events"]}
    told = [(_place(each, events), _line(each)) for each in history["events"]]
    described = history["described"]
    ended = (
        f"{described['status']} {described.get('error', '')} -> {shape(described.get('output'))}"
    )
    by_state = (f"{place}: {line}" for place, line in sorted(told, key=lambda each: each[0]))
    return [", ".join(_order(events)), *by_state, ended]


def differences(ours: Json, theirs: Json) -> list[str]:
    """Return where two histories differ: a line with - is theirs alone, one with + ours."""
    found = difflib.unified_diff(lines(theirs), lines(ours), "recorded", "engine", lineterm="", n=0)
    return [line for line in found if not line.startswith(("---", "+++", "@@"))]


def shape(value: Any) -> Any:
    """Return what kind of value it is; of an object or a list, what it holds."""
    if isinstance(value, str) and value.lstrip()[:1] in {"{", "["}:
        try:
            value = json.loads(value)
        except ValueError:
            return "str"
    if isinstance(value, Mapping):
        return {key: _shown(key, each) for key, each in sorted(value.items())}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return type(value).__name__


def _shown(key: str, value: Any) -> Any:
    return value if key in LITERAL and not isinstance(value, (dict, list)) else shape(value)


def _line(event: Json) -> str:
    details = {k: v for k, v in event.items() if k not in {"id", "previousEventId", "timestamp"}}
    return f"{details.pop('type')} {shape(details)}"


def _place(event: Json, events: Mapping[int, Json]) -> str:
    """Return the state that an event is of, with the Map item that it is within."""
    if event["type"].endswith(("MapStateSucceeded", "ParallelStateSucceeded")):
        return event["type"]
    name = event.get("stateExitedEventDetails", {}).get("name")
    if name is not None and event["type"].startswith(("Map", "Parallel")):
        return str(name)  # what it follows is the item that happened to be the last
    at: Json | None = event
    while at is not None and not at["type"].endswith("StateEntered"):
        if index := _index(at):
            return index
        at = events.get(at["previousEventId"])
    if at is None:
        return ""
    within = _index(events.get(at["previousEventId"], {}))
    return f"{at['stateEnteredEventDetails']['name']}{within}"


def _index(event: Json) -> str:
    for details in event.values():
        if isinstance(details, dict) and "index" in details:
            return f"[{details['index']}]"
    return ""


def _order(events: Mapping[int, Json]) -> list[str]:
    """Return the states of the top level, in their order."""
    within = ("MapIterationStarted", "ParallelStateStarted")
    return [
        event["stateEnteredEventDetails"]["name"]
        for event in events.values()
        if event["type"].endswith("StateEntered")
        and events.get(event["previousEventId"], {}).get("type") not in within
    ]
