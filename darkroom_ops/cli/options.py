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


ExecutionName = Annotated[
    str,
    typer.Argument(
        metavar="EXECUTION|s3://BUCKET/KEY",
        help="An execution: its name or the beginning of it, its ARN, or its address in the "
        "console. An image stands for its newest execution.",
        autocompletion=_executions,
        show_default=False,
    ),
]
Presets = Annotated[
    list[str] | None,
    typer.Option(
        "--preset",
        metavar="NAME=WxH",
        help="Make this rendition, and only those given so. Pixels, either may be left out; more "
        "fields after commas: thumb=160x160,fit=cover,position=attention,format=webp.",
        show_default=False,
    ),
]
Watermark = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT", help="A text on every rendition. Empty for none.", show_default=False
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        metavar="WHEN",
        help="Only those started since then: 30m, 2h or 7d ago, or a date such as 2026-01-31.",
        show_default=False,
    ),
]
Prefix = Annotated[
    str | None,
    typer.Option(
        metavar="KEY", help="Only images whose key begins so: uploads/2026/.", show_default=False
    ),
]


def port_option(usual: int) -> Any:
    """Return the option of a port, with what is used by default."""
    return typer.Option(
        min=1,
        max=65535,
        metavar="NUMBER",
        help=f"TCP port on 127.0.0.1. By default {usual}, or any free one.",
        show_default=False,
    )
