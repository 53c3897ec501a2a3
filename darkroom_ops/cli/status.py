"""`darkroom status`: the whole of a stack in ten lines."""

from __future__ import annotations

import dataclasses
import datetime
import json
import sys
import textwrap
from typing import TYPE_CHECKING, Any

from rich.text import Text

from darkroom_ops.cli.command import LOOK, command
from darkroom_ops.cli.target import Target
from darkroom_ops.present import words
from darkroom_ops.present.failures import INTERRUPTED
from darkroom_ops.present.outcomes import LABELS

if TYPE_CHECKING:
    from darkroom.contract.presets import Preset

    from darkroom_ops.deployment import Deployment
    from darkroom_ops.overview.figures import Window
    from darkroom_ops.overview.read import Overview

INDENT = 13
"""Where what is said begins, behind what it is about."""

NAMED = 3
"""Errors, images and alarms that are named; of more, the number tells."""

STUCK = ("stuck claims", "failures", "executions")
"""What has to be looked at for them."""

COLUMNS = "{:<13}{:>9}{:>11}{:>9}{:>13}{:>13}{:>11}"

ENDS = (42, 55, 68, 79)
"""Where those that a narrow screen may do without end: what is counted, times, cost."""


@command(
    "darkroom status --stack darkroom",
    "darkroom status --json --stack darkroom | jq '.windows[] | [.name, .failed]'",
    panel=LOOK,
)
def status(target: Target) -> int:
    """Say how the stack does: the last hour, day and week, and what waits for a person.

    Changes nothing. `darkroom doctor` looks whether the stack itself is in order.
    """
    from darkroom_ops.cli import display
    from darkroom_ops.executions.client import Executions
    from darkroom_ops.overview.read import overview

    deployment = target.deployment()
    screen = target.screen()
    with display.telling(screen, "Looking at {}. Ctrl-C shows what is known") as tell:
        seen = overview(deployment, Executions(deployment), tell)
    code = INTERRUPTED if seen.stopped else 0
    if target.json:
        print(json.dumps(as_dict(seen)))
        return code
    width = screen.width if screen.is_terminal else sys.maxsize
    for line in _lines(deployment, seen, width):
        screen.print(line, soft_wrap=True)
    return code


def as_dict(seen: Overview) -> dict[str, Any]:
    """Return an overview as JSON-like data."""
    in_force = seen.presets
    return {
        "at": seen.at.isoformat(),
        "counted_by": "CloudWatch" if seen.counted_by_aws else "executions",
        "windows": None if seen.windows is None else [_window(each) for each in seen.windows],
        "failures": None
        if seen.failures is None
        else [{"error": each.error, **each.counts} for each in seen.failures],
        "failures_cut": seen.failures_cut,
        "dead_letters": seen.dead_letters,
        "alarms": seen.alarms,
        "stuck_claims": None
        if seen.stuck is None
        else [dataclasses.asdict(each) for each in seen.stuck],
        "last_audit": seen.audit and dataclasses.asdict(seen.audit),
        "presets": None
        if in_force is None
        else {
            "version": in_force.version,
            "changed": in_force.changed and in_force.changed.isoformat(),
            "names": [each.name for each in in_force.presets],
        },
        "unknown": seen.unknown,
        "stopped": seen.stopped,
    }


def _window(window: Window) -> dict[str, Any]:
    return {
        "name": window.span.name,
        "started": window.started,
        "complete": window.complete,
        "failed": window.failed,
        "p50_seconds": window.p50,
        "p95_seconds": window.p95,
        "cost_usd": window.usd,
        "bars": [dataclasses.asdict(bar) for bar in window.bars],
    }


def _lines(deployment: Deployment, seen: Overview, width: int) -> list[Text]:
    from darkroom_ops.cli import address

    # A narrow screen does without cost and times: columns that it has no room for as a whole.
    fitting = max((end for end in ENDS if end <= width), default=ENDS[0])

    def cut(line: Text) -> Text:
        return line[:fitting]

    def say(name: str, said: str, style: str = "", *typed: str) -> Text:
        asked = address.command(deployment, *typed) if typed else ""
        room = width - INDENT
        line = Text().append(f"{name:<{INDENT}}", "bold")
        parts = textwrap.wrap(words.plain(said), max(20, room), break_on_hyphens=False)
        line.append(f"\n{' ' * INDENT}".join(parts), style)
        if asked:
            # A command is never broken: it has a line of its own where there is no room beside it.
            fits = len(parts) == 1 and len(parts[0]) + len(asked) + 2 <= room
            line.append(f":{' ' if fits else chr(10) + ' ' * INDENT}{asked}", "dim")
        return line

    done = "succeeded" if seen.counted_by_aws else "complete"
    head = COLUMNS.format("", "started", done, "failed", "half within", "95 % within", "cost")
    lines = [cut(Text(head, "dim")), *(cut(_figures(each)) for each in seen.windows or ())]
    if seen.windows is None:
        lines.append(say("Executions", _unknown(seen, "executions", "figures"), "cyan"))
    lines.append(_failures(seen, say))
    if seen.dead_letters:
        number = words.count(seen.dead_letters, "event")
        lines.append(say("Dead letters", number, "bold red", "dlq", "redrive"))
    else:
        none = "none: every event arrived"
        said = none if seen.dead_letters == 0 else _unknown(seen, "dead letters")
        lines.append(say("Dead letters", said))
    lines.append(_alarms(deployment, seen, say))
    if seen.stuck:
        images = _few([each.image for each in seen.stuck])
        lines.append(say("Stuck claims", images, "bold red", "audit"))
    else:
        lines.append(say("Stuck claims", "none" if seen.stuck == () else _unknown(seen, *STUCK)))
    lines += [_audit(seen, say), say("Presets", _presets(seen))]
    return lines


def _figures(window: Window) -> Text:
    seconds = [words.duration(each) or "-" for each in (window.p50, window.p95)]
    usd = "-" if window.usd is None else words.dollars(window.usd)
    name = f"Last {window.span.name}"
    text = (
        Text().append(f"{name:<13}", "bold").append(f"{window.started:>9,}{window.complete:>11,}")
    )
    text.append(f"{window.failed:>9,}", "bold red" if window.failed else "")
    return text.append(f"{seconds[0]:>13}{seconds[1]:>13}{usd:>11}")


def _failures(seen: Overview, say: Any) -> Text:
    week = [(each.error, each.counts["week"]) for each in seen.failures or ()]
    if not week:
        said = "none this week" if seen.failures == () else _unknown(seen, "failures", "executions")
        return Text.assemble(say("Failures", said))
    newest = " of the newest" if seen.failures_cut else " this week"
    said = _few([f"{count:,} {LABELS.get(error, error)}" for error, count in week]) + newest
    line: Text = say("Failures", said, "red", "ls", "--status", "failed", "--since", "7d")
    return line


def _alarms(deployment: Deployment, seen: Overview, say: Any) -> Text:
    line: Text
    if seen.alarms:
        line = say("Alarms", _few(list(seen.alarms)), "bold red")
    elif seen.alarms is None:
        line = say("Alarms", _unknown(seen, "alarms"), "cyan")
    else:
        local = deployment.endpoint is not None
        line = say("Alarms", "none here: the engine measures nothing" if local else "none rings")
    return line


def _audit(seen: Overview, say: Any) -> Text:
    line: Text
    if seen.audit is None:
        line = say("Last audit", "none on this machine", "", "audit")
        return line
    when = words.moment(datetime.datetime.fromisoformat(seen.audit.at))
    number = sum(seen.audit.findings.values())
    images = words.count(seen.audit.images, "image")
    if number:
        kinds = ", ".join(f"{count} {kind}" for kind, count in seen.audit.findings.items())
        line = say("Last audit", f"{when}, {kinds} in {images}", "bold red", "audit")
    else:
        line = say("Last audit", f"{when}, all as promised: {images}")
    return line


def _presets(seen: Overview) -> str:
    if seen.presets is None:
        return _unknown(seen, "presets")
    changed = seen.presets.changed
    since = f", since {words.moment(changed)}" if changed else ""
    named = ", ".join(measure(each) for each in seen.presets.presets)
    return f"{named} (version {seen.presets.version}{since})"


def measure(preset: Preset) -> str:
    """Return a preset's name with the size that it asks for."""
    sides = (preset.width, preset.height)
    return f"{preset.name} {'x'.join('any' if side is None else str(side) for side in sides)}"


def _few(each: list[str]) -> str:
    more = len(each) - NAMED
    return ", ".join(each[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _unknown(seen: Overview, *names: str) -> str:
    said = next((seen.unknown[name] for name in names if name in seen.unknown), "")
    return said or "could not be looked at"
