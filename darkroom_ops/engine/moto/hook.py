"""How a part of moto's inside is replaced: each replacement stands beside what it is for.

moto is pinned exactly. A probe for each hook (``tests/unit/engine/moto``) shows what plain moto
does instead, and fails when a newer moto no longer needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from moto.core.config import default_user_config

from darkroom_ops.engine.eventbridge import EventRouter
from darkroom_ops.engine.inbox import Inbox
from darkroom_ops.engine.lambda_.functions import Functions
from darkroom_ops.engine.stepfunctions.retries import RetryWaits
from darkroom_ops.engine.stepfunctions.task_faults import Faults

MISSING = object()


@dataclass(frozen=True)
class Services:
    """The engine's own parts, which hooks call.

    Parameters
    ----------
    endpoint
        The engine's address.
    functions, inbox, router, faults, retries
        Its parts.
    """

    endpoint: str
    functions: Functions
    inbox: Inbox
    router: EventRouter
    faults: Faults
    retries: RetryWaits


@dataclass(eq=False)
class Hook:
    """One replaced attribute of moto.

    Parameters
    ----------
    owner, attribute
        What is replaced.
    reason
        What moto does otherwise.
    report
        Title of the report in docs/upstream.md, where that is a bug of moto's.
    replacement
        What replaces it.
    original
        What it replaces, while it is installed.
    """

    owner: Any
    attribute: str
    reason: str
    report: str | None
    replacement: Any
    original: Any = field(default=MISSING, repr=False)

    @property
    def name(self) -> str:
        """Return what is replaced, in words."""
        return f"{self.owner.__name__.rpartition('.')[2]}.{self.attribute}"


HOOKS: list[Hook] = []
"""Every hook: where moto differs from AWS."""

_services: Services | None = None


def hook(
    *, owner: Any, attribute: str, reason: str, report: str | None = None
) -> Callable[[Any], Hook]:
    """Return a decorator that makes a hook of a replacement; the parameters are Hook's."""

    def register(replacement: Any) -> Hook:
        made = Hook(owner, attribute, reason, report, replacement)
        HOOKS.append(made)
        return made

    return register


def services() -> Services:
    """Return the parts of the engine that runs.

    Raises
    ------
    RuntimeError
        None does.
    """
    if _services is None:
        raise RuntimeError("The engine is closed.")
    return _services


def install(given: Services) -> None:
    """Put every hook in place. One engine at a time: moto's state is the process's.

    Parameters
    ----------
    given
        The engine's parts.

    Raises
    ------
    RuntimeError
        Another engine runs in this process.
    """
    global _services  # noqa: PLW0603 - moto's backends are global, so this is
    if _services is not None:
        raise RuntimeError("An engine already runs in this process: close it first.")
    _services = given
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    for each in HOOKS:
        each.original = vars(each.owner).get(each.attribute, MISSING)
        setattr(each.owner, each.attribute, each.replacement)


def uninstall() -> None:
    """Give moto back as it was."""
    global _services  # noqa: PLW0603 - see install
    for each in HOOKS if _services else ():
        if each.original is MISSING:
            delattr(each.owner, each.attribute)
        else:
            setattr(each.owner, each.attribute, each.original)
    default_user_config["stepfunctions"] = {"execute_state_machine": False}
    _services = None
