"""One replaced part of moto: the replacement stands beside what it is for.

moto is pinned exactly. A probe for each hook (``tests/unit/engine/moto``) shows what plain moto
does instead, and fails when a newer moto no longer needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from darkroom_ops.engine.eventbridge import EventRouter
from darkroom_ops.engine.gateway import Gateway
from darkroom_ops.engine.inbox import Inbox
from darkroom_ops.engine.lambda_.event_sources import EventSources
from darkroom_ops.engine.lambda_.functions import Functions
from darkroom_ops.engine.signatures import Keys
from darkroom_ops.engine.stepfunctions.retries import RetryWaits
from darkroom_ops.engine.stepfunctions.task_faults import Faults


@dataclass(frozen=True)
class Services:
    """The parts of the running engine that hooks call."""

    endpoint: str
    keys: Keys
    gateway: Gateway
    functions: Functions
    event_sources: EventSources
    inbox: Inbox
    router: EventRouter
    faults: Faults
    retries: RetryWaits
    line: Callable[[Mapping[str, Any], list[dict[str, Any]]], bytes]
    """Returns what the ledger says of an execution that has ended."""


@dataclass(eq=False)
class Hook:
    """One replaced attribute of moto."""

    owner: Any
    attribute: str
    reason: str  # what moto does otherwise
    replacement: Any
    report: str | None = None  # title in docs/upstream.md, where that is a fault of moto's
    original: Any = field(default=None, repr=False)  # what it replaces, while it is installed

    @property
    def name(self) -> str:
        """Return what is replaced, in words."""
        return f"{self.owner.__name__.rpartition('.')[2]}.{self.attribute}"


HOOKS: list[Hook] = []
"""Where moto differs from AWS."""

running: Services | None = None


def hook(
    owner: Any, attribute: str, reason: str, *, report: str | None = None
) -> Callable[[Any], Hook]:
    """Return a decorator that makes a hook of a replacement; the parameters are Hook's."""

    def register(replacement: Any) -> Hook:
        HOOKS.append(Hook(owner, attribute, reason, replacement, report))
        return HOOKS[-1]

    return register


class Closed(RuntimeError):
    """No engine runs any more, for what is still under way."""


def services() -> Services:
    """Return the parts of the engine that runs; :class:`Closed` if none does."""
    if running is None:
        raise Closed("The engine is closed.")
    return running
