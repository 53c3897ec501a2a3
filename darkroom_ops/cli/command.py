"""What all commands have in common: how they are declared.

A command's module is imported by `darkroom --help` already, so it imports what asks AWS, or draws,
where it is used: moto, boto3 and the rest take seconds to load.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from darkroom_ops.cli.target import Target
from darkroom_ops.present.failures import explained

MACHINE, WORK, LOOK, REPAIR = "On this machine", "Process images", "Look", "Put right"


def _adapted(parameters: list[Any]) -> list[Any]:
    """Have the help name no types beside names that say what is meant: `<bool>` helps nobody.

    And have text, and what is not typed, stand as it is: Typer asks pydantic whether it may, which
    takes a tenth of a second to load.
    """
    for each in parameters:
        said = None if each.param_type_name == "argument" else each.metavar
        each.display_type_rich = lambda *_, said=said, **__: said
        each.process_value = functools.partial(_value, each)
    return parameters


def _value(parameter: Any, context: Any, value: Any) -> Any:
    """Return the value of a parameter, as Typer reads it if there is anything to read."""
    if isinstance(value, str) and parameter.type_descriptor.annotation is str:
        return value
    if value == parameter.default and not parameter.required:
        return value
    return type(parameter).process_value(parameter, context, value)


_PART = r"""(?:'[^']*'|"[^"]*"|[^\s'"])+"""
_WORD = re.compile(rf"--[\w-]+ (?![-|]){_PART}|{_PART}")
"""A word that a person types, as a shell reads it; with an option goes what it says."""

_INDENT = 2


def _typed(example: str, width: int) -> list[str]:
    """Return an example in lines that fit a width, and that a shell takes as they stand."""
    lines: list[str] = []
    for word in _WORD.findall(example):
        if lines and _INDENT + len(f"{lines[-1]} {word} \\") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(f"{' ' * _INDENT if lines else ''}{word}")
    return [*(f"{each} \\" for each in lines[:-1]), *lines[-1:]]


class Command(TyperCommand):
    """A command whose help is for people."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, and its examples as they can be copied: Typer would break them anywhere.

        It knows one width, as does what is written below it: that of the terminal.
        """
        from rich.console import Console

        head, *examples = (self.epilog or "").split("\n\n  ")
        epilog, self.epilog = self.epilog, None
        try:
            super().format_help(ctx, formatter)
        finally:
            self.epilog = epilog
        screen = Console(highlight=False, soft_wrap=True)
        screen.print(f" {head}")
        for example in examples:
            for line in _typed(example, screen.width):
                screen.print(f"{' ' * _INDENT}{line}")

    def get_params(self, ctx: Any) -> list[Any]:
        """Return what can be typed."""
        return _adapted(super().get_params(ctx))


class Group(TyperGroup):
    """A command with commands of its own, whose help is for people."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return what can be typed."""
        return _adapted(super().get_params(ctx))


F = TypeVar("F", bound=Callable[..., int])

_DECLARED: dict[Callable[..., int], tuple[bool, dict[str, Any]]] = {}


def command(
    *examples: str, panel: str | None = None, name: str | None = None, stack: bool = True
) -> Callable[[F], F]:
    """Declare a command: a function of a :class:`Target` and what is typed, with an exit code.

    The help lists it in a panel. It is called as its function, unless it has a name. One that is
    about no stack takes neither ``--endpoint`` nor ``--stack``.
    """
    head = "Example:" if len(examples) == 1 else "Examples:"
    epilog = "\n\n".join((head, *(f"  {each}" for each in examples)))

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
    """Let an application have a command: its own options, and then those of its target.

    A parameter that is a dataclass stands for its fields, each of which is an option.
    """
    stack, settings = _DECLARED[function]
    own = [each for each in _parameters(function) if each.name != "target"]
    offered = [each for each in _parameters(Target) if stack or each.name == "json"]
    groups: dict[str, Any] = {e.name: e.annotation for e in own if is_dataclass(e.annotation)}

    def run(**given: Any) -> None:
        def taken(names: list[inspect.Parameter]) -> dict[str, Any]:
            return {each.name: given.pop(each.name) for each in names}

        target = Target(**taken(offered))
        grouped = {name: group(**taken(_parameters(group))) for name, group in groups.items()}
        with explained(as_json=target.json):
            raise typer.Exit(function(target, **grouped, **given))

    parameters = []
    for each in own:
        parameters += _parameters(each.annotation) if each.name in groups else [each]
    parameters += offered
    # A terminal breaks the lines of the help: breaks of the source would be others between them.
    paragraphs = inspect.getdoc(function).split("\n\n")  # type: ignore[union-attr]
    run.__doc__ = "\n\n".join(" ".join(each.split()) for each in paragraphs)
    run.__name__ = function.__name__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    app.command(cls=Command, **settings)(run)
