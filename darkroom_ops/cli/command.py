"""What all commands have in common: how they are declared, where the stack is, how they answer.

A command's module is imported by `darkroom --help` already, so it imports what asks AWS, or draws,
where it is used: moto, boto3 and the rest take seconds to load.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from darkroom_ops.present.failures import explained

if TYPE_CHECKING:
    from rich.console import Console

    from darkroom_ops.deployment import Deployment
    from darkroom_ops.executions.model import Execution

MACHINE, WORK, LOOK, REPAIR = "On this machine", "Process images", "Look", "Put right"


@dataclass(frozen=True)
class Target:
    """What a command is about, and how it answers.

    Parameters
    ----------
    endpoint, stack
        Where the stack is; see :func:`darkroom_ops.cli.address.connect`.
    json
        Whether it answers with one JSON object on standard output, and nothing else.
    """

    endpoint: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Where AWS is: an engine or an emulator. By default, the engine that runs.",
            show_default=False,
        ),
    ] = None
    stack: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A deployed stack, on AWS unless --endpoint says otherwise.",
            show_default=False,
        ),
    ] = None
    json: Annotated[
        bool, typer.Option("--json", metavar="", help="Print JSON instead of text.")
    ] = False

    def deployment(self) -> Deployment:
        """Return the stack."""
        from darkroom_ops.cli import address

        return address.connect(self.endpoint, self.stack)

    def execution(self, deployment: Deployment, named: str) -> Execution:
        """Return an execution of the stack."""
        from darkroom_ops.executions.client import Executions

        executions = Executions(deployment)
        return executions.get(executions.find(named))

    def screen(self) -> Console:
        """Return where people read: nowhere, when a program does."""
        from darkroom_ops.cli import display

        screen = display.console()
        screen.quiet = self.json
        return screen


F = TypeVar("F", bound=Callable[..., int])

_DECLARED: dict[Callable[..., int], tuple[bool, dict[str, Any]]] = {}


def command(
    *examples: str, panel: str | None = None, name: str | None = None, stack: bool = True
) -> Callable[[F], F]:
    """Declare a command: a function of a :class:`Target` and what is typed, with an exit code.

    Parameters
    ----------
    examples
        What can be typed.
    panel
        Where the help lists it.
    name
        What it is called; by default as its function.
    stack
        Whether it is about a stack: without, it takes neither ``--endpoint`` nor ``--stack``.
    """
    epilog = f"Example:  {examples[0]}"
    if len(examples) > 1:
        epilog = "\n\n".join(("Examples:", *(f"  {each}" for each in examples)))

    def declare(function: F) -> F:
        settings = {"name": name, "rich_help_panel": panel, "epilog": epilog}
        _DECLARED[function] = stack, settings
        return function

    return declare


@functools.cache
def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return what is typed, as options, whose order is free."""
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    return [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]


def add(app: typer.Typer, function: Callable[..., int]) -> None:
    """Let an application have a command: its own options, and then those of its target."""
    stack, settings = _DECLARED[function]
    own = [each for each in _parameters(function) if each.name != "target"]
    offered = [each for each in _parameters(Target) if stack or each.name == "json"]

    def run(**given: Any) -> None:
        target = Target(**{each.name: given.pop(each.name) for each in offered})
        with explained(as_json=target.json):
            raise typer.Exit(function(target, **given))

    parameters = [*own, *offered]
    run.__name__, run.__doc__ = function.__name__, function.__doc__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    app.command(**{k: v for k, v in settings.items() if v is not None})(run)
