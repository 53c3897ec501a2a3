"""The `darkroom` command: which commands there are, its version, and its errors."""

from __future__ import annotations

import io
import itertools
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from darkroom_ops.cli import (
    audit,
    console,
    cost,
    demo,
    dlq,
    doctor,
    ls,
    presets,
    redrive,
    rerun,
    run,
    show,
    status,
    stop,
    up,
)
from darkroom_ops.cli.command import REPAIR, Group, add
from darkroom_ops.present.failures import WRONG_USE, WrongUse, explained

app = typer.Typer(
    name="darkroom",
    cls=Group,
    help=(
        "Film in, prints out: the Darkroom image pipeline, on this machine and on AWS.\n\n"
        "Start the local engine with `darkroom up`, then process an image from another terminal "
        "with `darkroom run photo.jpg`. With `--stack NAME`, every command works on AWS, with the "
        "credentials and the region of the AWS CLI."
    ),
    epilog=(
        "Exit codes: 0 done, 1 the execution failed or a check found something, 2 nothing was "
        "tried and the message says why, 130 stopped with Ctrl-C. With --json, an error is "
        '{"error": …, "message": …} on standard output.'
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
presets_app = typer.Typer(
    cls=Group,
    help="The deployed presets: the renditions that are made of every image.",
    no_args_is_help=True,
)
app.add_typer(presets_app, name="presets", rich_help_panel="Configure")
dlq_app = typer.Typer(
    cls=Group,
    help="Events that reached nobody: look at them, and send them once more.",
    no_args_is_help=True,
)
app.add_typer(dlq_app, name="dlq", rich_help_panel=REPAIR)

for _group, _commands in (
    (app, (up.up, run.run, ls.ls, show.show, rerun.rerun, redrive.redrive, stop.stop)),
    (app, (status.status, cost.cost, audit.audit, doctor.doctor, console.console, demo.demo)),
    (presets_app, (presets.get, presets.put, presets.validate)),
    (dlq_app, (dlq.list_, dlq.redrive)),
):
    for _command in _commands:
        add(_group, _command)


def _version(asked: bool) -> None:  # noqa: FBT001 - Typer passes it so
    if asked:
        from darkroom import __version__

        print(f"darkroom {__version__}")
        raise typer.Exit


@app.callback()
def darkroom(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Take the options that belong to no command."""


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        # What cannot be written, as half of a surrogate pair, ends no command.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        with explained(as_json="--json" in sys.argv):
            code = _run()
    except typer.Exit as left:
        code = left.exit_code
    sys.exit(code)


def _run() -> int:
    """Run a command so that wrong use, found before it begins, is told as any other error is."""
    try:
        return int(app(standalone_mode=False, prog_name="darkroom") or 0)
    except TyperException as error:
        context = getattr(error, "ctx", None)
        if not error.format_message() and context is not None:  # nothing was typed, and help came
            return WRONG_USE
        path = context.command_path if context is not None else _typed()
        raise WrongUse(f"{error.format_message().rstrip('.')}. See `{path} --help`.") from None


def _typed() -> str:
    """Return the command that was typed, where an error of its options does not know it."""
    words = itertools.takewhile(lambda word: not word.startswith("-"), sys.argv[1:])
    first = next(words, None)
    return f"darkroom {first}" if first else "darkroom"
