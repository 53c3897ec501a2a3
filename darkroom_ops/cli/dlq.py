"""`darkroom dlq`: events that reached nobody, in words, and sent once more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from darkroom_ops.cli.command import command
from darkroom_ops.cli.target import Target
from darkroom_ops.present import words
from darkroom_ops.present.failures import WrongUse

if TYPE_CHECKING:
    from rich.console import Console

    from darkroom_ops.deployment import Deployment
    from darkroom_ops.dlq import DeadLetter, Sent

LEFT = 1
"""Exit code when an event could not be sent."""

SHORT = 8
"""Characters of a message's id that are shown, and that are enough to name it."""


@command("darkroom dlq list --json --stack darkroom | jq '.messages[].why'", name="list")
def list_(target: Target) -> int:
    """Show which image each event is about, why it did not arrive, and when. All stay there."""
    from darkroom_ops import dlq
    from darkroom_ops.cli import address, display

    deployment = target.deployment()
    screen = target.screen()
    with display.waiting(screen, "Looking through the queue"):
        messages = dlq.dead_letters(deployment)
    if target.json:
        print(json.dumps({"messages": [_as_dict(each) for each in messages]}))
        return 0
    if not messages:
        screen.print("The dead-letter queue is empty: every event arrived.", soft_wrap=True)
        return 0
    for message in messages:
        _show(screen, message)
    one = "1 event" if len(messages) == 1 else f"{len(messages):,} events"
    again = address.command(deployment, "dlq", "redrive")
    screen.print(f"{one}. To send what is here once more: {again}", soft_wrap=True, markup=False)
    return 0


@command("darkroom dlq redrive", "darkroom dlq redrive 3f2a9c41 --stack darkroom")
def redrive(
    target: Target,
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ID",
            help="Beginnings of the ids that `darkroom dlq list` shows. By default, all.",
        ),
    ] = None,
) -> int:
    """Send events once more to the stack, and delete those that arrived.

    Sending one twice does no harm: an image's claim lets one execution work on it. Exits with 1
    when an event could not be sent; it stays in the queue.
    """
    from darkroom_ops import dlq
    from darkroom_ops.cli import display

    deployment = target.deployment()
    screen = target.screen()
    with display.waiting(screen, "Looking through the queue"):
        chosen = _chosen(deployment, ids) if ids else None
    sent = []
    for each in dlq.redrive(deployment, chosen):
        sent.append(each)
        _show_sent(screen, deployment, each)
    failed = [each for each in sent if each.error is not None]
    if target.json:
        rows = [
            {**_as_dict(each.message), "execution": each.execution, "error": each.error}
            for each in sent
        ]
        print(json.dumps({"sent": len(sent) - len(failed), "left": len(failed), "messages": rows}))
    elif not sent:
        screen.print("The dead-letter queue is empty: there is nothing to send.", soft_wrap=True)
    elif failed:
        screen.print(f"{len(failed):,} could not be sent, and stay in the queue.", soft_wrap=True)
    return LEFT if failed else 0


def _chosen(deployment: Deployment, ids: list[str]) -> list[str]:
    from darkroom_ops import dlq

    known = [message.id for message in dlq.dead_letters(deployment)]
    chosen = []
    for wanted in ids:
        fits = [each for each in known if each.startswith(wanted)]
        if len(fits) != 1:
            number = f"it fits {len(fits) or 'none'} of {len(known)}"
            raise WrongUse(
                f"Expected {wanted!r} to be the beginning of one message's id, but "
                f"{number if known else 'the queue is empty'}. `darkroom dlq list` shows them."
            )
        chosen += fits
    return chosen


def _show(screen: Console, message: DeadLetter) -> None:
    moment = message.sent.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    screen.print(
        Text()
        .append(message.id[:SHORT], "bold")
        .append(f"  {message.kind}  ")
        .append(moment, "dim"),
        soft_wrap=True,
    )
    screen.print(Text(f"  {words.plain(message.about)}"), soft_wrap=True)
    screen.print(Text(f"  {words.plain(message.why)}", "red"), soft_wrap=True)
    screen.print()


def _show_sent(screen: Console, deployment: Deployment, sent: Sent) -> None:
    from darkroom.contract.arns import parse

    from darkroom_ops.cli import address

    about = words.plain(sent.message.about)
    if sent.error is not None:
        screen.print(Text().append("✗ ", "bold red").append(about), soft_wrap=True)
        screen.print(Text(f"  {words.plain(sent.error)}"), soft_wrap=True)
        return
    screen.print(Text().append("✓ ", "bold green").append(about), soft_wrap=True)
    if sent.execution is not None:
        name = parse(sent.execution).name
        look = address.command(deployment, "show", name)
        screen.print(Text(f"  {look}", "dim"), soft_wrap=True)


def _as_dict(message: DeadLetter) -> dict[str, Any]:
    return {
        "id": message.id,
        "kind": message.kind,
        "about": message.about,
        "why": message.why,
        "code": message.error,
        "reason": message.reason,
        "sent": message.sent.isoformat(),
        "target": message.target,
        "event": message.event,
    }
