"""What several commands take, and what the shell offers for it after Tab."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from darkroom_ops.cli.target import Target


def _executions(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return names of recent executions with their status, newest first."""
    from darkroom_ops.executions.client import Executions

    target = Target(ctx.params.get("endpoint"), ctx.params.get("stack"))
    try:
        return Executions(target.deployment()).names(incomplete)
    except Exception:  # noqa: BLE001 - whatever is wrong, a completion must not fill the prompt
        return []


def key_of(text: str | None) -> str | None:
    """Return the beginning of a key, which may be given as an address of S3."""
    if text is not None and text.startswith("s3://"):
        return text.removeprefix("s3://").partition("/")[2]
    return text


ExecutionName = Annotated[
    str,
    typer.Argument(
        metavar="EXECUTION|s3://BUCKET/KEY",
        help="An execution: its name or the beginning of it, its ARN, or its address in the "
        "console. An image stands for its newest execution.",
        autocompletion=_executions,
    ),
]
MaybeExecution = Annotated[str | None, ExecutionName.__metadata__[0]]
Presets = Annotated[
    list[str] | None,
    typer.Option(
        "--preset",
        metavar="NAME=WxH",
        help="Make this rendition, and only those given so. Pixels, either may be left out; more "
        "fields after commas: thumb=80x80,fit=cover.",
    ),
]
Watermark = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="A text on every rendition. Empty for none."),
]
Since = Annotated[
    str | None,
    typer.Option(
        metavar="WHEN",
        help="Only those started since then: 30m, 2h or 7d ago, or a date such as 2026-01-31.",
    ),
]
Prefix = Annotated[
    str | None,
    typer.Option(metavar="KEY", help="Only images whose key begins so: uploads/2026/."),
]
Status = Annotated[
    str | None,
    typer.Option(
        metavar="STATUS", help="Only those of this outcome, as `darkroom ls` takes it.",
    ),
]  # fmt: skip
Error = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Only those that failed with this error."),
]  # fmt: skip
Step = Annotated[
    str | None,
    typer.Option(metavar="STATE", help="Only those that failed in this state."),
]  # fmt: skip
Match = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="Only those with this in key, error or id, in any case."),
]  # fmt: skip
From = Annotated[
    str | None,
    typer.Option("--from", metavar="FILE", help="Many: those that a file names, one on each line; "
                 "- for standard input."),
]  # fmt: skip
Yes = Annotated[bool, typer.Option("--yes", help="Many: do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")]


def port_option(usual: int) -> Any:
    """Return the option of a port, with what is used by default."""
    return typer.Option(
        min=1,
        max=65535,
        metavar="NUMBER",
        help=f"TCP port on 127.0.0.1. By default {usual}, or any free one.",
    )
