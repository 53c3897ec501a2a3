"""Many executions at once: chosen as by `darkroom ls`, told first, done, and told again."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from darkroom_ops.cli.ls import short_names
from darkroom_ops.cli.options import Error, From, Match, Prefix, Since, Status, Step, key_of
from darkroom_ops.cli.target import Target
from darkroom_ops.present import words
from darkroom_ops.present.failures import FAILED, INTERRUPTED, WrongUse
from darkroom_ops.present.outcomes import ACTIONS, DONE

if TYPE_CHECKING:
    from rich.console import Console

    from darkroom_ops.deployment import Deployment
    from darkroom_ops.executions.client import Executions
    from darkroom_ops.executions.listed import Listed
    from darkroom_ops.many import Action, Done, Plan

NAMED = 10
"""Executions that are named before they are touched; of more, the number tells."""


@dataclass(frozen=True)
class Chosen:
    """What names many executions."""

    status: Status = None
    error: Error = None
    step: Step = None
    since: Since = None
    prefix: Prefix = None
    match: Match = None
    listed_in: From = None

    @property
    def any(self) -> bool:
        """Whether anything was named."""
        return self != Chosen()


def one_or_many(execution: str | None, chosen: Chosen, command: str) -> bool:
    """Return whether many are meant; WrongUse when both are, or nothing is."""
    if (execution is None) is not chosen.any:
        raise WrongUse(
            "Expected either an execution, or which ones: --status, --error, --step, --since, "
            f"--prefix, --match or --from; but received {'both' if execution else 'neither'}. "
            f"`darkroom {command} --help` has examples."
        )
    return execution is None


def many(
    target: Target,
    action: Action,
    chosen: Chosen,
    *,
    dry_run: bool,
    yes: bool,
    reason: str = "",
) -> int:
    """Tell what would be done, ask, do it, and tell what was and was not done."""
    from darkroom_ops import many as doing
    from darkroom_ops.cli import display
    from darkroom_ops.executions.client import Executions

    deployment = target.deployment()
    executions = Executions(deployment)
    screen = target.screen()
    with display.waiting(screen, "Reading executions"):
        planned = doing.plan(executions, deployment, action, _wanted(executions, chosen))
    _show(screen, planned)
    if dry_run or not planned.able:
        if target.json:
            print(json.dumps({**_as_dict(planned), "dry_run": dry_run, "done": [], "left": []}))
        if planned.able:
            screen.print("Nothing is done: this is a dry run.", style="dim")
        return 0
    if not yes:
        _ask(quiet=target.json)
    done: list[Done] = []
    interrupted = False
    try:
        for each in doing.carry_out(executions, deployment, planned, reason):
            done.append(each)
            _show_done(screen, each)
    except KeyboardInterrupt:
        interrupted = True
    return _end(target, screen, deployment, planned, done, interrupted=interrupted)


def _wanted(executions: Executions, chosen: Chosen) -> Iterator[Listed]:
    from darkroom_ops.cli.ls import since_of, status_of
    from darkroom_ops.executions.listed import Filter, listed

    if chosen.listed_in is None:
        only = Filter(
            status=status_of(chosen.status),
            error=chosen.error,
            step=chosen.step,
            since=since_of(chosen.since),
            prefix=key_of(chosen.prefix),
            text=chosen.match,
        )
        return executions.each(only=only, costs=False)
    text = sys.stdin.read() if chosen.listed_in == "-" else _read(Path(chosen.listed_in))
    names = [line.split()[0] for line in text.splitlines() if line.strip()]
    return (listed(executions.described(executions.find(name))) for name in names)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise WrongUse(
            f"Expected --from to be a file with an execution on each line, but {path} cannot be "
            f"read: {error.strerror}."
        ) from None


def _show(screen: Console, planned: Plan) -> None:
    number = words.count(len(planned.able), "execution")
    said = f"{number} to be {DONE[planned.action]}"
    if not planned.able:
        said = f"Nothing to {ACTIONS[planned.action]}."
    elif planned.usd is None:
        said += ", at a cost that is not known before one is complete"
    elif planned.action != "stop":
        said += f", about {words.dollars(planned.usd)} on AWS if all succeed"
    screen.print(Text(said, "bold"), soft_wrap=True)
    named = planned.able[:NAMED]
    for each, name in zip(named, short_names([each.name for each in named]), strict=True):
        key = each.source.key if each.source else "(names no image)"
        said = words.plain(f"  {name}  {key}  {each.error or each.outcome or each.status}")
        screen.print(Text(said, "dim"), soft_wrap=True)
    if len(planned.able) > NAMED:
        screen.print(Text(f"  and {len(planned.able) - NAMED:,} more", "dim"), soft_wrap=True)
    for warning in planned.warnings:
        screen.print(Text(f"  {warning}", "yellow"), soft_wrap=True)
    for why, count in planned.reasons:
        screen.print(Text(f"  {count:,} left out: {why}", "yellow"), soft_wrap=True)


def people_read() -> bool:
    """Return whether there is somebody to ask."""
    return sys.stdin.isatty()


def _ask(*, quiet: bool) -> None:
    if quiet or not people_read():
        raise WrongUse(
            "Expected --yes or --dry-run, since nobody can be asked here. Nothing was done."
        )
    if not typer.confirm("Go on?"):
        raise WrongUse("Nothing was done.")


def _show_done(screen: Console, done: Done) -> None:
    key = done.listed.source.key if done.listed.source else done.listed.name
    if done.error is None:
        name = (done.execution or "").rpartition(":")[2]
        line = Text().append("✓ ", "bold green").append(words.plain(key)).append(f"  {name}", "dim")
    else:
        line = Text().append("✗ ", "bold red").append(words.plain(f"{key}  {done.error}"))
    screen.print(line, soft_wrap=True)


def _end(
    target: Target,
    screen: Console,
    deployment: Deployment,
    planned: Plan,
    done: list[Done],
    *,
    interrupted: bool,
) -> int:
    """Say what was and was not done, and how to go on."""
    from darkroom_ops.cli import address
    from darkroom_ops.many import keep

    good = [each for each in done if each.error is None]
    finished = {each.listed.arn for each in good}
    left = [each for each in planned.able if each.arn not in finished]
    failed = len(done) - len(good)
    verb = DONE[planned.action]
    screen.print(Text(f"{words.count(len(good), 'execution')} {verb}.", "bold"))
    again = ""
    if left:
        path = keep(planned.action, left)
        words_ = ("--reason", "…") if planned.action == "stop" else ()
        again = address.command(deployment, planned.action, "--from", str(path), *words_)
        untried = len(left) - failed
        said = f"{failed:,} could not be. " if failed else ""
        said += f"{untried:,} not tried. " if untried else ""
        screen.print(
            words.plain(f"{said}To go on with these: {again}"), soft_wrap=True, markup=False
        )
    if target.json:
        rows = [{"execution": d.listed.arn, "result": d.execution, "error": d.error} for d in done]
        report = {"done": rows, "left": [each.arn for each in left], "command": again or None}
        print(json.dumps({**_as_dict(planned), "dry_run": False, **report}))
    if interrupted:
        return INTERRUPTED
    return FAILED if left else 0


def _as_dict(planned: Plan) -> dict[str, Any]:
    return {
        "action": planned.action,
        "executions": [each.arn for each in planned.able],
        "skipped": [{"execution": each.arn, "why": why} for each, why in planned.skipped],
        "cost_usd": planned.usd,
    }
