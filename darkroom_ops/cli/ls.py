"""`darkroom ls`: the executions, newest first."""

from __future__ import annotations

import bisect
import datetime
import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from darkroom_ops.cli.command import LOOK, command
from darkroom_ops.cli.options import Error, Match, Prefix, Since, Step, key_of
from darkroom_ops.cli.target import Target
from darkroom_ops.present import words
from darkroom_ops.present.failures import INTERRUPTED, WrongUse
from darkroom_ops.present.outcomes import ending

if TYPE_CHECKING:
    from rich.console import Console

    from darkroom_ops.executions.client import Executions
    from darkroom_ops.executions.listed import Filter, Listed

SHORT = 8
"""Characters of a name that are shown, at least; as many more as distinguish the executions."""

NARROWEST = 24
"""Cells of the image's column, at least."""

MEANT = 12
"""Cells of the outcome's column, at least."""

UNCUT = 4096
"""Cells of a line in a file or a pipe: more than any key and what stands beside it take."""

GAP = 2

DROPPED = (5, 4, 0)
"""Columns that a narrow terminal does without, in this order: cost, duration, start."""


def _statuses(incomplete: str) -> list[str]:
    """Complete a status."""
    from darkroom_ops.executions.client import STATUSES

    known = [s.lower() for s in STATUSES] if incomplete.islower() else STATUSES
    return [status for status in known if status.startswith(incomplete)]


@command(
    "darkroom ls --status failed --since 24h",
    "darkroom ls --prefix uploads/2026/ --stack darkroom",
    "darkroom ls --json | jq -r '.executions[].source'",
    panel=LOOK,
)
def ls(
    target: Target,
    *,
    status: Annotated[
        str | None,
        typer.Option(
            metavar="STATUS",
            help="RUNNING, COMPLETE, FAILED (every failure), TIMED_OUT, ABORTED, "
            "ALREADY_PROCESSED, SUPERSEDED or SUCCEEDED.",
            autocompletion=_statuses,
        ),
    ] = None,
    since: Since = None,
    prefix: Prefix = None,
    error: Error = None,
    step: Step = None,
    match: Match = None,
    limit: Annotated[int, typer.Option(min=1, metavar="NUMBER", help="At most so many.")] = 20,
) -> int:
    """List executions, newest first: image, outcome, time, cost."""
    from darkroom_ops.cli import address
    from darkroom_ops.executions.client import Executions
    from darkroom_ops.executions.listed import Filter

    wanted = status_of(status)
    begin = since_of(since)
    deployment = target.deployment()
    only = Filter(
        status=wanted, prefix=key_of(prefix), since=begin, error=error, step=step, text=match
    )
    screen = target.screen()
    executions = Executions(deployment)
    found, looked, stopped = _read(executions, only, limit, screen)
    items, more = tuple(found[:limit]), len(found) > limit
    if target.json:
        rows = [as_dict(each) for each in items]
        print(json.dumps({"executions": rows, "more": more, "stopped": stopped}))
    elif items:
        if not screen.is_terminal:
            screen.width = UNCUT
        screen.print(_table(items, screen))
    if more:
        screen.print(f"\nThere are older ones: --limit {limit * 5} shows more.", style="dim")
    elif stopped:
        screen.print(
            f"\nStopped: the newest {words.count(looked, 'execution')} were looked at. Older ones "
            "may fit, too; --since narrows what is looked at.",
            soft_wrap=not screen.is_terminal,
        )
    elif not items:
        narrowed = only != Filter()
        again = address.command(deployment, "run", "FILE")
        screen.print(
            "No execution fits." if narrowed else f"No executions yet. `{again}` makes one.",
            soft_wrap=True,
        )
    return INTERRUPTED if stopped else 0


def _read(
    executions: Executions, only: Filter, limit: int, screen: Console
) -> tuple[list[Listed], int, bool]:
    """Return what fits, how many were looked at, and whether Ctrl-C ended that.

    It is one more than the limit where there are more.
    """
    from darkroom_ops.cli import display

    found: list[Listed] = []
    looked = 0
    try:
        with display.counting(screen, "Reading executions") as count:
            for looked, taken in enumerate(executions.looked(only, expected=limit + 1), 1):
                found += [] if taken is None else [taken]
                if len(found) > limit:
                    break
                count(looked)
    except KeyboardInterrupt:
        return found, looked, True
    return found, looked, False


def since_of(text: str | None) -> datetime.datetime | None:
    """Read ``--since``; WrongUse says what was expected."""
    try:
        return None if text is None else words.since(text)
    except ValueError as error:
        raise WrongUse(f"--since: {error}") from None


def as_dict(each: Listed) -> dict[str, object]:
    """Return a listed execution as JSON-like data."""
    source = each.source
    return {
        "execution": each.arn,
        "name": each.name,
        "source": f"s3://{source.bucket}/{source.key}" if source else None,
        "status": each.status,
        "outcome": each.outcome,
        "error": each.error,
        "started": each.started.isoformat(),
        "seconds": round(each.seconds, 3),
        "cost_usd": None if each.usd is None else round(each.usd, 9),
    }


def status_of(given: str | None) -> str | None:
    """Read ``--status``; WrongUse says what was expected."""
    if given is None:
        return None
    from darkroom_ops.executions.client import STATUSES

    status = given.upper().replace("-", "_").replace(" ", "_")
    if status not in STATUSES:
        raise WrongUse(
            f"Expected --status to be one of {', '.join(STATUSES)}, but received {given!r}."
        )
    return status


def _table(items: tuple[Listed, ...], screen: Console) -> Table:
    from darkroom_ops.cli import display

    now = datetime.datetime.now().astimezone()
    dated = any(each.started.astimezone().date() != now.date() for each in items)
    rows = []
    for each, short in zip(items, short_names([item.name for item in items]), strict=True):
        moment = words.moment(each.started)[:19]  # the zone is in the head
        outcome = ending(each)
        label = Text().append(outcome.replace("_", " "), display.STYLES.get(outcome, "cyan"))
        if each.error:
            label.append(f" {words.plain(each.error)[:40]}", "red")
        image = words.plain(each.source.key) if each.source else "(names no image)"
        usd = "" if each.usd is None else words.dollars(each.usd)
        rows.append(
            (
                moment if dated else moment[-8:],
                short,
                label,
                image,
                words.duration(each.seconds),
                usd,
            )
        )
    columns = [f"Started {now:%Z}", "Execution", "Outcome", "Image", "Took", "Cost"]
    longest = [max(map(_cells, cells)) for cells in zip(columns, *rows, strict=True)]
    # Long keys are shortened first; then what says least goes. Ids are never cut.
    kept = set(range(len(columns)))
    room = screen.width
    needed = [*longest[:3], min(longest[3], NARROWEST), *longest[4:]]
    for least in DROPPED:
        if sum(needed[i] + GAP for i in kept) - GAP > room:
            kept.discard(least)
    others = sum(longest[i] + GAP for i in kept - {2, 3})
    key_room = min(longest[3], max(NARROWEST, room - others - longest[2] - GAP))
    outcome_room = max(MEANT, room - others - key_room - GAP)
    table = display.borderless(GAP)
    for i in sorted(kept):
        table.add_column(
            columns[i], justify="right" if i == 4 else "left", no_wrap=True,  # noqa: PLR2004
            min_width=None if i in {2, 3} else longest[i],
        )  # fmt: skip
    for moment, short, label, key, took, usd in rows:
        label.truncate(outcome_room, overflow="ellipsis")
        cells = (
            Text(moment, "dim"), Text(words.plain(short)), label,
            Text(_shortened(key, key_room)), took, usd,
        )  # fmt: skip
        table.add_row(*(cells[i] for i in sorted(kept)))
    return table


def _cells(text: str | Text) -> int:
    """Return how wide a text is at a terminal, where a Chinese character takes two cells."""
    from rich.cells import cell_len

    return cell_len(str(text))


def _shortened(text: str, cells: int) -> str:
    """Return a text of at most so many cells, with dots for what was cut from its middle."""
    from darkroom.contract.text import shortened

    limits = range(len(text), len("..."), -1)
    fits = bisect.bisect_left(limits, -cells, key=lambda limit: -_cells(shortened(text, limit)))
    return shortened(text, len(text) - fits)


def short_names(names: list[str]) -> list[str]:
    """Return the beginnings of names, as long as distinguishes them."""
    length = SHORT
    longest = max(map(len, names), default=0)
    while length < longest and len({name[:length] for name in names}) < len(set(names)):
        length += 1
    return [name[:length] for name in names]
