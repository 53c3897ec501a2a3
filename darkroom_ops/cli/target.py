"""Where the stack is, and how a command answers: ``--endpoint``, ``--stack`` and ``--json``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from darkroom_ops.deployment import Deployment
    from darkroom_ops.executions.model import Execution


@dataclass(frozen=True)
class Target:
    """What a command is about, and how it answers: with ``--json``, an object and nothing else."""

    endpoint: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Where AWS is: an engine or an emulator. By default, the engine that runs.",
        ),
    ] = None
    stack: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A deployed stack, on AWS unless --endpoint says otherwise.",
        ),
    ] = None
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False

    def deployment(self) -> Deployment:
        """Return the stack."""
        from darkroom_ops.cli import address

        return address.connect(self.endpoint, self.stack)

    def execution(self, deployment: Deployment, named: str, *, search: bool = False) -> Execution:
        """Return an execution of the stack; with `search`, a part of a key names it, too."""
        from darkroom_ops.executions.client import Executions

        executions = Executions(deployment)
        return executions.get((executions.search if search else executions.find)(named))

    def screen(self) -> Console:
        """Return where people read: nowhere, when a program does."""
        from darkroom_ops.cli import display

        screen = display.console()
        screen.quiet = self.json
        return screen
