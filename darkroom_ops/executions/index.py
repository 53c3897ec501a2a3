"""All executions of an engine, newest first: asked for once, and then only for what is new."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterable
from operator import attrgetter
from typing import TYPE_CHECKING

from darkroom_ops.executions.listed import Entry
from darkroom_ops.executions.model import RUNNING
from darkroom_ops.executions.watch import listed

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
        self._entries = {line.listed.arn: Entry.of_line(line) for line in ended}
        self._sorted: list[Entry] = []
        self._seen = max((each.newest for each in self._entries.values()), default=None)
        for entry in listed(client, machine, statusFilter=RUNNING):
            self._entries[entry.arn] = entry

    def entries(self) -> list[Entry]:
        """Return all of them as they are now."""
        with self._lock:
            changed = not self._sorted
            for entry in listed(self._client, self._machine, PAGE):
                known = self._entries.get(entry.arn)
                if known is None or known.key != entry.key:
                    self._entries[entry.arn] = entry
                    changed = True
                if self._seen is not None and entry.newest < self._seen - SLACK:
                    break
            if changed:
                self._sorted = sorted(
                    self._entries.values(), key=attrgetter("newest"), reverse=True
                )
            if self._sorted:
                self._seen = self._sorted[0].newest
            return self._sorted

    def learn(self, ended: Iterable[Line]) -> None:
        """Take from the engine's lines what is not known of executions yet."""
        with self._lock:
            for line in ended:
                entry = self._entries.get(line.listed.arn)
                if entry is not None and not entry.costed:
                    said = Entry.of_line(line)
                    if said.key == entry.key:
                        entry.known, entry.costed = said.known, True
