"""All executions of an engine, newest first: asked for once, and then only for what is new."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from darkroom_ops.executions.model import RUNNING
from darkroom_ops.executions.watch import listed, newest

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

    from darkroom_ops.executions.listed import Line

PAGE = 50
"""Executions in one answer, while what is new is asked for."""

SLACK = datetime.timedelta(seconds=5)
"""How much later than it happened something may be seen."""


class Index:
    """What ListExecutions says of each execution. Threads may share it.

    Whatever happens to an execution, its start, end or redrive, brings it to the front of the list:
    what stands behind the last thing that was seen is as it was.
    """

    def __init__(self, client: SFNClient, machine: str, ended: Iterable[Line]) -> None:
        self._client = client
        self._machine = machine
        self._lock = threading.Lock()
        self._items = {line.listed.arn: _item(line) for line in ended}
        self._sorted: list[Mapping[str, Any]] = []
        self._seen = max(map(newest, self._items.values()), default=None)
        for item in listed(client, machine, statusFilter=RUNNING):
            self._items[item["executionArn"]] = item

    def items(self) -> list[Mapping[str, Any]]:
        """Return all of them as they are now."""
        with self._lock:
            changed = False
            for item in listed(self._client, self._machine, PAGE):
                changed |= self._items.get(item["executionArn"]) != item
                self._items[item["executionArn"]] = item
                if self._seen is not None and newest(item) < self._seen - SLACK:
                    break
            if changed or self._seen is None:
                self._sorted = sorted(self._items.values(), key=newest, reverse=True)
            if self._sorted:
                self._seen = newest(self._sorted[0])
            return self._sorted


def _item(line: Line) -> Mapping[str, Any]:
    """Return an execution that has ended as ListExecutions names it."""
    each = line.listed
    return {
        "executionArn": each.arn,
        "name": each.name,
        "status": each.status,
        "startDate": each.started,
        "stopDate": each.stopped,
        "redriveCount": line.redrives,
    }
