"""What the shell offers after Tab."""

from __future__ import annotations

from darkroom_ops.cli import address
from darkroom_ops.executions.client import Executions


def executions(beginning: str, endpoint: str | None, stack: str | None) -> list[tuple[str, str]]:
    """Return names of recent executions with their status, newest first.

    Parameters
    ----------
    beginning
        What has been typed.
    endpoint, stack
        Where the stack is, as far as it has been typed.
    """
    try:
        return Executions(address.connect(endpoint, stack)).names(beginning)
    except Exception:  # noqa: BLE001 - whatever is wrong, a completion must not fill the prompt
        return []
