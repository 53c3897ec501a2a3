"""The recorded histories, as boto3 returns them."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from darkroom_ops.executions.model import Execution, read

HISTORIES = Path(__file__).parent / "histories"
START = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)

MEMORY = {
    "darkroom-prepare": 2048,
    "darkroom-resize": 1024,
    "darkroom-make-pdf": 1024,
    "darkroom-backup-original": 512,
    "darkroom-notify": 256,
}


def recording(name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the description and the events of a recorded execution."""
    found = json.loads((HISTORIES / f"{name}.json").read_text())
    described, events = found["described"], found["events"]
    for field in ("startDate", "stopDate"):
        described[field] = at(described[field])
    for event in events:
        event["timestamp"] = at(event["timestamp"])
    return described, events


def recorded(name: str) -> Execution:
    """Return a recorded execution."""
    return read(*recording(name))


def partly(name: str, events: int) -> Execution:
    """Return a recorded execution as it was after so many events."""
    described, history = recording(name)
    unknown = ("stopDate", "output", "error", "cause")
    running = {key: value for key, value in described.items() if key not in unknown}
    return read(running | {"status": "RUNNING"}, history[:events])


def at(seconds: float) -> datetime.datetime:
    return START + datetime.timedelta(seconds=seconds)
