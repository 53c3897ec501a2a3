"""An action on many executions, in the console: planned, begun, stopped; what became of each."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable, Iterator
from typing import Literal

from darkroom_ops import many
from darkroom_ops.cache import Recent
from darkroom_ops.deployment import Deployment
from darkroom_ops.executions.client import Executions, NoSuchExecution
from darkroom_ops.executions.listed import Listed
from darkroom_ops.many import Action, Done, Plan
from darkroom_ops.present.failures import explain

KEPT = 20
"""Actions that are remembered, with their outcomes."""

Phase = Literal["planning", "planned", "doing", "ended"]


class Bulk:
    """One action, from its plan to its end. Threads may look at it while it goes on.

    `wanted` are the executions, which are looked at while it is planned.
    """

    def __init__(
        self,
        executions: Executions,
        deployment: Deployment,
        action: Action,
        wanted: Iterable[Listed],
        closing: threading.Event,
    ) -> None:
        self.id = secrets.token_hex(8)
        self.action = action
        self.phase: Phase = "planning"
        self.looked = 0
        self.planned: Plan | None = None
        self.done: list[Done] = []
        self.reason = ""
        self.stopped = False
        self.problem: str | None = None
        self._executions = executions
        self._deployment = deployment
        self._wanted = wanted
        self._closing = closing
        self._lock = threading.Lock()
        self._begin(self._plan)

    @property
    def left(self) -> list[Listed]:
        """What was to be done, and is not."""
        if self.planned is None:
            return []
        good = {each.listed.arn for each in self.done if each.error is None}
        return [each for each in self.planned.able if each.arn not in good]

    @property
    def failed(self) -> list[Done]:
        """What could not be done."""
        return [each for each in self.done if each.error is not None]

    def begin(self, reason: str) -> None:
        """Do what is planned; a second time changes nothing."""
        with self._lock:
            if self.phase != "planned":
                return
            self.phase, self.reason = "doing", reason
        self._begin(self._do)

    def stop(self) -> None:
        """Do no more: what is under way is finished."""
        with self._lock:
            self.stopped = True
            if self.phase == "planned":
                self.phase = "ended"

    def wait(self, seconds: float) -> None:
        """Wait until it is planned, or has ended."""
        self._thread.join(seconds)

    def _begin(self, what: object) -> None:
        self._thread = threading.Thread(target=self._guarded, args=(what,), daemon=True)
        self._thread.start()

    def _guarded(self, what: object) -> None:
        try:
            what()  # type: ignore[operator]
        except NoSuchExecution as error:
            self.problem, self.phase = error.says, "ended"
        except Exception as error:  # noqa: BLE001 - the page says what is wrong
            self.problem = explain(error) or f"{type(error).__name__}: {error}"
            self.phase = "ended"

    def _halted(self) -> bool:
        return self.stopped or self._closing.is_set()

    def _counted(self) -> Iterator[Listed]:
        for each in self._wanted:
            if self._halted():
                return
            self.looked += 1
            yield each

    def _plan(self) -> None:
        planned = many.plan(self._executions, self._deployment, self.action, self._counted())
        with self._lock:
            if self._halted():
                self.phase = "ended"  # of a part of what was chosen, nothing is planned
                return
            self.planned, self.phase = planned, "planned"

    def _do(self) -> None:
        assert self.planned is not None  # noqa: S101 - it is begun once it is planned
        for each in many.carry_out(self._executions, self._deployment, self.planned, self.reason):
            self.done.append(each)
            if self._halted():
                break
        self.stopped = self.stopped and bool(self.left)
        if self.left:
            many.keep(self.action, self.left)
        self.phase = "ended"


class Bulks:
    """The actions of a console, by their id."""

    def __init__(self) -> None:
        self._known: Recent[Bulk] = Recent(KEPT)

    def add(self, bulk: Bulk) -> Bulk:
        """Remember an action."""
        return self._known.put(bulk.id, bulk)

    def get(self, id_: str) -> Bulk | None:
        """Return an action that is remembered."""
        return self._known.get(id_)
