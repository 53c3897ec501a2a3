"""What `darkroom show` shows of an execution: the whole, a state, its log lines."""

from __future__ import annotations

import json
from typing import Any

from darkroom.contract.advice import STATUS_ERRORS
from darkroom.contract.arns import console_url
from darkroom.contract.requests import is_event
from rich.console import Console
from rich.json import JSON
from rich.text import Text

from darkroom_ops.cli import address, advice, display
from darkroom_ops.cli.timeline import timeline
from darkroom_ops.deployment import Deployment
from darkroom_ops.executions.cost import Cost
from darkroom_ops.executions.history import StateRun, message_of, parsed
from darkroom_ops.executions.model import Execution
from darkroom_ops.logs import LogLine
from darkroom_ops.present import words
from darkroom_ops.present.failures import WrongUse

LEVEL_STYLES = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red", "REPORT": "dim"}

USUAL = {
    "location", "service", "cold_start", "function_memory_size", "function_arn",
    "function_request_id", "xray_trace_id", "sampling_rate", "result",
}  # fmt: skip
"""Fields of a log line that say nothing new; --json has them all."""

FUNCTION_WIDTH = 16


def states_named(execution: Execution, name: str) -> tuple[StateRun, ...]:
    """Return the passages through a state.

    A name is that of the state, as ``Resize``, or of one Map item, as ``Resize small``, in any
    case. WrongUse says that the execution went through no such state.
    """
    wanted = name.casefold()
    passages = tuple(
        state
        for state in execution.states
        if wanted in (state.name.casefold(), display.name_of(state).casefold())
    )
    if not passages:
        known = ", ".join(dict.fromkeys(state.name for state in execution.states))
        raise WrongUse(
            f"Expected --state to name a state that the execution went through, but received "
            f"{name!r}. It went through {known or 'none yet'}."
        )
    return passages


def show_whole(
    screen: Console, deployment: Deployment, execution: Execution, estimate: Cost | None
) -> None:
    """Show an execution."""
    screen.print(display.summary(execution, estimate), soft_wrap=True)
    if execution.error or execution.status in STATUS_ERRORS:
        screen.print()
        display.say(screen, advice.failure(deployment, execution))
    screen.print()
    screen.print(_about(deployment, execution), soft_wrap=True)
    if execution.states:
        screen.print()
        screen.print(timeline(execution, screen.width))
    for part in display.results(execution):
        screen.print()
        screen.print(part, soft_wrap=True)
    if execution.outcome == "FAILED":
        screen.print()
        display.say(screen, advice.advice(deployment, execution))
    elif not execution.ended:
        again = address.command(deployment, "show", execution.name, "--follow")
        screen.print(f"\n  To follow it: {again}", soft_wrap=True, markup=False)


def _about(deployment: Deployment, execution: Execution) -> Text:
    source = execution.source
    rows = []
    if source is not None:
        rows.append(("Image", f"s3://{source.bucket}/{source.key}"))
        if source.version_id:
            rows.append(("Version", source.version_id))
    rows.append(("Execution", execution.name))
    if deployment.endpoint is None:
        rows.append(("Console", console_url(execution.arn)))
    ended = f", ended {words.moment(execution.stopped)[11:]}" if execution.stopped else ""
    begun = f"{words.moment(execution.started)} by {_starter(execution.input)}"
    rows.append(("Started", begun + ended))
    rows.extend(
        ("Redriven", f"{words.moment(each.resumed)}, {words.after_end(each.seconds)}")
        for each in execution.redrives
    )
    text = Text()
    for name, value in rows:
        text.append(f"  {name:<11}", "dim").append(f"{words.plain(value)}\n")
    text.rstrip()
    return text


def _starter(given: Any) -> str:
    if not isinstance(given, dict):
        return "an input that is no JSON object"
    if is_event(given):
        return "the upload's event"
    asked = ", ".join(name for name in given if name != "source")
    return f"a request with {asked}" if asked else "a request"


def show_states(screen: Console, chosen: tuple[StateRun, ...], *, given: bool, made: bool) -> None:
    """Show passages through a state: their calls, input and output."""
    for index, state in enumerate(chosen):
        if index:
            screen.print()
        took = f"  {words.duration(state.seconds)}" if state.seconds is not None else "  runs"
        screen.print(Text().append(display.name_of(state), "bold").append(took, "dim"))
        for number, attempt in enumerate(state.attempts, 1):
            going = "ok" if attempt.ended else "runs"
            said = words.plain(attempt.error or ("stopped" if attempt.aborted else going))
            line = Text().append(f"  Call {number}  {attempt.resource}", "dim")
            line.append(f"  {words.duration(attempt.seconds)}  ")
            screen.print(line.append(said, "red" if attempt.error else ""), soft_wrap=True)
            if attempt.cause:
                screen.print(f"    {words.plain(message_of(attempt.cause) or '')}", soft_wrap=True,
                             markup=False)  # fmt: skip
        if given or not made:
            show_json(screen, "Input", parsed(state.input))
        if made or not given:
            show_json(screen, "Output", parsed(state.output))


def show_json(screen: Console, title: str, value: Any) -> None:
    """Show an input or an output."""
    screen.print(Text(f"\n{title}", "dim"))
    if value is None:
        screen.print("  none")
    else:
        # As ASCII: what others chose, such as a key, cannot rewrite the terminal.
        screen.print(JSON.from_data(value, indent=2, ensure_ascii=True), soft_wrap=True)


def show_lines(screen: Console, lines: list[LogLine]) -> None:
    """Show log lines."""
    screen.print(Text("\nLog", "dim"))
    if not lines:
        screen.print("  No lines yet. CloudWatch Logs takes some seconds to show them.")
    for line in lines:
        screen.print(_line(line), soft_wrap=True)


def _line(line: LogLine) -> Text:
    clock = f"{line.time.astimezone():%H:%M:%S}.{line.time.microsecond // 1000:03}"
    style = LEVEL_STYLES.get(line.level, "")
    text = Text().append(f"  {clock}  ", "dim")
    text.append(f"{line.function.partition('-')[2] or line.function:<{FUNCTION_WIDTH}}")
    text.append(f"{line.level:<9}", style)
    text.append(words.plain(line.message), style)
    more = {name: value for name, value in line.fields.items() if name not in USUAL}
    if more and line.level != "REPORT":
        text.append(f"  {json.dumps(more)}", "dim")
    return text


def line_as_json(line: LogLine) -> dict[str, Any]:
    """Return a log line as JSON-like data."""
    return {
        "time": line.time.isoformat(),
        "function": line.function,
        "level": line.level,
        "message": line.message,
        **({"fields": line.fields} if line.fields else {}),
    }


def state_as_json(state: StateRun) -> dict[str, Any]:
    """Return a passage through a state as JSON-like data."""
    return {
        "name": state.name,
        "rendition": state.rendition,
        "input": parsed(state.input),
        "output": parsed(state.output),
        "error": state.error,
        "cause": state.cause,
        "attempts": [
            {
                "resource": attempt.resource,
                "started": attempt.started.isoformat(),
                "seconds": round(attempt.seconds, 3) if attempt.ended else None,
                "error": attempt.error,
                "cause": attempt.cause,
            }
            for attempt in state.attempts
        ],
    }
