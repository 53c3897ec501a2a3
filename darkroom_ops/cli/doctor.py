"""`darkroom doctor`: whether a deployed stack works, and what mends it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from darkroom_ops.cli.command import REPAIR, command
from darkroom_ops.cli.target import Target
from darkroom_ops.present import words
from darkroom_ops.present.failures import FAILED

if TYPE_CHECKING:
    from rich.console import Console

    from darkroom_ops.deployment import Deployment
    from darkroom_ops.doctor.findings import Finding

CONTACT_FILE = "darkroom-contact.json"
"""The file that is sent, in the folder in which the command is typed."""

STYLES = {
    "broken": ("✗", "bold red"),
    "warning": ("!", "bold yellow"),
    "unknown": ("?", "bold cyan"),
}


@command(
    "darkroom doctor",
    "darkroom doctor --stack darkroom",
    "darkroom doctor --smoke --stack darkroom",
    "darkroom doctor --contact --stack darkroom",
    "darkroom doctor --json --stack darkroom | jq -r '.findings[] | [.severity, .says] | @tsv'",
    panel=REPAIR,
)
def doctor(
    target: Target,
    *,
    smoke: Annotated[
        bool,
        typer.Option(
            "--smoke",
            help="Send one small picture through, too, and remove it again. Subscribers get its "
            "message.",
        ),
    ] = False,
    contact: Annotated[
        bool,
        typer.Option(
            "--contact",
            help=f"Instead, ask AWS what its documents leave open, record ten small executions, "
            f"and write {CONTACT_FILE}, to be sent to the project. Subscribers get their messages.",
        ),
    ] = False,
) -> int:
    """Check that the stack works, and say what does not, worst first, with what mends it.

    Nothing is changed. Exits with 0 when all is well, 1 when something was found or could not be
    looked at, 2 when there is no such stack.
    """
    from darkroom_ops.doctor.examine import CHECKS, examine, in_order

    deployment = target.deployment()
    screen = target.screen()
    if contact:
        return _contact(target, screen, deployment)
    what = f"{len(CHECKS)} checks of the stack {deployment.stack}"
    with screen.status(Text("Looking", "dim")) as status:
        found = examine(deployment, lambda name: status.update(Text(f"Looking: {name}", "dim")))
        if smoke:
            status.update(Text("Sending a picture through", "dim"))
            found = in_order([*found, *_smoke(deployment)])
            what = f"{what}, and a picture's way through it"
    return _answer(target, screen, found, what)


def _contact(target: Target, screen: Console, deployment: Deployment) -> int:
    """Write what AWS says into the file."""
    from pathlib import Path

    from darkroom_ops.doctor.contact import Contact, Secret
    from darkroom_ops.doctor.smoke import ended_by_signals
    from darkroom_ops.present.failures import WrongUse

    with screen.status(Text("Asking", "dim")) as status, ended_by_signals():
        asked = Contact(deployment, lambda what: status.update(Text(f"Asking: {what}", "dim")))
        try:
            said = asked.file()
        except Secret as secret:
            raise WrongUse(str(secret)) from None
    path = Path(CONTACT_FILE)
    path.write_text(said)
    if target.json:
        left = [dataclasses.asdict(each) for each in asked.left]
        print(json.dumps({"file": str(path), "refused": asked.refused, "left": left}))
    for each in asked.refused:
        screen.print(Text(f"? {words.plain(each)}", "cyan"), soft_wrap=True)
    for finding in asked.left:
        screen.print(words.plain(f"! {finding.says}\n  {finding.mend}"), soft_wrap=True,
                     markup=False)  # fmt: skip
    done = Text(f"✓ Written: {path}. Send this file; nothing of yours is in it.", "bold green")
    screen.print(done, soft_wrap=True)
    return FAILED if asked.refused or asked.left else 0


def _smoke(deployment: Deployment) -> list[Finding]:
    """Return what is found on a picture's way through the stack, and what is left of it."""
    from botocore.exceptions import ClientError

    from darkroom_ops.doctor.examine import REFUSALS, refused
    from darkroom_ops.doctor.smoke import Smoke, ended_by_signals

    found: list[Finding] = []
    sent = Smoke(deployment, hurry=10 if deployment.endpoint else 1)
    with ended_by_signals(), sent:
        try:
            found += sent.findings()
        except ClientError as error:
            if error.response["Error"].get("Code") not in REFUSALS:
                raise
            found.append(refused("smoke", error))
    return found + sent.left


def _answer(target: Target, screen: Console, found: Sequence[Finding], what: str) -> int:
    """Say what was found, and return the exit code."""
    bad = [each for each in found if each.severity != "elsewhere"]
    if target.json:
        listed = [dataclasses.asdict(each) for each in found]
        print(json.dumps({"well": not bad, "findings": listed}))
    for each in bad:
        mark, style = STYLES[each.severity]
        screen.print(
            Text().append(f"{mark} ", style).append(words.plain(each.says)), soft_wrap=True
        )
        if each.mend:
            screen.print(Text(f"  {words.plain(each.mend)}", "dim"), soft_wrap=True)
        screen.print()
    verdict = Text(f"✗ {words.count(len(bad), 'finding')} in {what}.", "bold red")
    if not bad:
        verdict = Text(f"✓ All is well: {what}.", "bold green")
    screen.print(verdict, soft_wrap=True)
    elsewhere = [f"{each.check} ({each.says})" for each in found if each.severity == "elsewhere"]
    if elsewhere:
        line = words.plain(f"Not checked here: {', '.join(elsewhere)}.")
        screen.print(Text(line, "dim"), soft_wrap=True)
    return FAILED if bad else 0
