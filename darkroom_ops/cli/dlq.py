"""`darkroom dlq`: events that reached nobody, in words, and sent once more."""

from __future__ import annotations

import json
from typing import Any

from darkroom.contract.arns import parse
from rich.console import Console
from rich.text import Text

from darkroom_ops import dlq
from darkroom_ops.cli import address, display
from darkroom_ops.deployment import Deployment
from darkroom_ops.present import words
from darkroom_ops.present.failures import WrongUse

LEFT = 1
"""Exit code when an event could not be sent."""

SHORT = 8
"""Characters of a message's id that are shown, and that are enough to name it."""


def listed(*, endpoint: str | None, stack: str | None, as_json: bool) -> int:
    """Show what is in the dead-letter queue; it stays there.

    Parameters
    ----------
    endpoint, stack
        Where the stack is.
    as_json
        Print one JSON object.

    Returns
    -------
    int
        The exit code.
    """
    deployment = address.connect(endpoint, stack)
    screen = display.console()
    with display.waiting(screen, "Looking through the queue", quiet=as_json):
        found = dlq.letters(deployment)
    if as_json:
        print(json.dumps({"letters": [_as_dict(each) for each in found]}))
        return 0
    if not found:
        screen.print("The dead-letter queue is empty: every event arrived.", soft_wrap=True)
        return 0
    for letter in found:
        _show(screen, letter)
    one = "1 event" if len(found) == 1 else f"{len(found):,} events"
    again = address.command(deployment, "dlq", "redrive")
    screen.print(f"{one}. To send what is here once more: {again}", soft_wrap=True, markup=False)
    return 0


def redrive(
    ids: list[str], *, endpoint: str | None, stack: str | None, as_json: bool
) -> int:  # fmt: skip
    """Send events once more, and delete those that arrived.

    Parameters
    ----------
    ids
        Beginnings of messages' ids; all messages when there are none.
    endpoint, stack
        Where the stack is.
    as_json
        Print one JSON object at the end.

    Returns
    -------
    int
        0 when all were sent, 1 when some were not.

    Raises
    ------
    WrongUse
        An id fits no message, or several.
    """
    deployment = address.connect(endpoint, stack)
    screen = display.console()
    with display.waiting(screen, "Looking through the queue", quiet=as_json):
        chosen = _chosen(deployment, ids) if ids else None
    sent = []
    for each in dlq.redrive(deployment, chosen):
        sent.append(each)
        if not as_json:
            _show_sent(screen, deployment, each)
    failed = [each for each in sent if each.error is not None]
    if as_json:
        rows = [
            {**_as_dict(each.letter), "execution": each.execution, "error": each.error}
            for each in sent
        ]
        print(json.dumps({"sent": len(sent) - len(failed), "left": len(failed), "letters": rows}))
    elif not sent:
        screen.print("The dead-letter queue is empty: there is nothing to send.", soft_wrap=True)
    elif failed:
        screen.print(f"{len(failed):,} could not be sent, and stay in the queue.", soft_wrap=True)
    return LEFT if failed else 0


def _chosen(deployment: Deployment, ids: list[str]) -> list[str]:
    known = [letter.id for letter in dlq.letters(deployment)]
    chosen = []
    for wanted in ids:
        fits = [each for each in known if each.startswith(wanted)]
        if len(fits) != 1:
            raise WrongUse(
                f"Expected {wanted!r} to be the beginning of one message's id, but it fits "
                f"{len(fits) or 'none'} of {len(known)}. `darkroom dlq list` shows them."
            )
        chosen += fits
    return chosen


def _show(screen: Console, letter: dlq.Letter) -> None:
    moment = letter.sent.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    screen.print(
        Text(letter.id[:SHORT], "bold").append(f"  {letter.kind}  ").append(moment, "dim"),
        soft_wrap=True,
    )
    screen.print(Text(f"  {words.plain(letter.about)}"), soft_wrap=True)
    screen.print(Text(f"  {words.plain(letter.why)}", "red"), soft_wrap=True)
    screen.print()


def _show_sent(screen: Console, deployment: Deployment, sent: dlq.Sent) -> None:
    about = words.plain(sent.letter.about)
    if sent.error is not None:
        screen.print(Text("✗ ", "bold red").append(about), soft_wrap=True)
        screen.print(Text(f"  {words.plain(sent.error)}"), soft_wrap=True)
        return
    screen.print(Text("✓ ", "bold green").append(about), soft_wrap=True)
    if sent.execution is not None:
        name = parse(sent.execution).name
        look = address.command(deployment, "show", name)
        screen.print(Text(f"  {look}", "dim"), soft_wrap=True)


def _as_dict(letter: dlq.Letter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "kind": letter.kind,
        "about": letter.about,
        "why": letter.why,
        "code": letter.error,
        "reason": letter.reason,
        "sent": letter.sent.isoformat(),
        "target": letter.target,
        "event": letter.event,
    }
