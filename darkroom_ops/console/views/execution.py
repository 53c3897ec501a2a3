"""One execution: its overview, states, log lines, events and pictures."""

from __future__ import annotations

import datetime
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from darkroom.contract.advice import STATUS_ERRORS
from darkroom.contract.arns import parse
from darkroom.contract.errors import InvalidRequest
from darkroom.contract.formats import PDF_TYPE
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from darkroom_ops import logs, rerun
from darkroom_ops.console import graph, timeline
from darkroom_ops.console.context import Context, context_of, execution_of
from darkroom_ops.console.pictures import NoPicture, drawn, longest_side, places, planned, shown
from darkroom_ops.console.problems import NoSuchState
from darkroom_ops.console.requests import number
from darkroom_ops.console.views.image import newer
from darkroom_ops.console.views.inbox import deliveries
from darkroom_ops.executions.history import StateRun, latest, message_of, parsed
from darkroom_ops.executions.model import Execution
from darkroom_ops.executions.watch import history
from darkroom_ops.present import words
from darkroom_ops.present.outcomes import ending, error_of
from darkroom_ops.present.reasons import advised, reason

EVENTS = 200
"""Events of a history on one page."""

NOT_DECODED = "It cannot be decoded."

PICTURE_HEADERS = {
    # Whatever the bytes are, they run nothing and embed nothing, also when opened by themselves.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "cache-control": "private, max-age=600",
}


def path_of(arn: str) -> str:
    """Return the address of an execution's page."""
    return f"/executions/{quote(parse(arn).name, safe='', errors='replace')}"


def show(request: Request) -> Response:
    """Show an execution."""
    context, execution = context_of(request), execution_of(request)
    chosen = _chosen(execution, request.query_params.get("state"))
    page = values(context, execution) | {"machine": asdict(context.machine(execution))}
    state = state_values(execution, chosen) if chosen else {"run": None}
    return context.page("execution.html", **page, **state)


def values(context: Context, execution: Execution, tab: str = "overview") -> dict[str, Any]:
    """Return what the page of an execution shows, and what of it is brought up to date live."""
    pictures = shown(execution)
    original = pictures.image.bytes if pictures.image else 0
    # Also of what is still to come, so that the scale stays when it has.
    longest = longest_side((*pictures.renditions, *planned(execution).values()))
    cost = context.executions.cost(execution)
    return {
        "here": "executions",
        "tab": tab,
        "execution": execution,
        "base": path_of(execution.arn),
        "outcome": ending(execution),
        "overlay": asdict(graph.overlay(context.machine(execution), execution))
        | {"follow": _followed(execution)},
        "usd": cost.usd if cost else None,
        "pictures": pictures,
        "saving": lambda made: words.saving(made, original),
        "drawn": lambda made: drawn(made, longest),
        "share": lambda made: _share(made.bytes, original),
        "newer": newer(context, execution),
        "places": list(places(execution)),
        "failure": (failed := failure(execution, logs.memory(context.deployment, execution))),
        "corrects": failed is not None
        and failed["advice"].upload
        and corrected_key(context, execution) is not None,
        "timeline": timeline.draw(execution, datetime.datetime.now(datetime.UTC)),
        "messages": deliveries(context.inbox, about=execution.arn) if context.inbox else None,
        "rerun_command": _command(context, execution),
    }


def failure(execution: Execution, memory: str = "") -> dict[str, Any] | None:
    """Return why an execution failed, and what helps."""
    if execution.status not in {"FAILED", *STATUS_ERRORS}:
        return None
    return {
        "error": error_of(execution),
        "state": execution.failed_state,
        "cause": reason(execution, memory) or "It gave no reason.",
        "advice": advised(execution),
    }


def corrected_key(context: Context, execution: Execution) -> str | None:
    """Return the key that a corrected copy of an execution's image goes under, if there is one."""
    source = execution.source
    ours = source is not None and source.bucket == context.deployment.source_bucket_name
    return source.key if ours and source else None


def _share(size: int, whole: int) -> float:
    return round(min(100.0, max(1.0, 100 * size / whole)), 1) if whole else 0.0


def _command(context: Context, execution: Execution) -> str | None:
    try:
        return rerun.command(context.deployment, rerun.request_of(execution))
    except InvalidRequest:
        return None


def _chosen(execution: Execution, asked: str | None) -> StateRun | None:
    """Return the passage that is shown: as asked for, else what runs, failed or took longest."""
    if asked is not None:
        return next((run for run in execution.states if str(run.id) == asked), None)
    calls = [run for run in latest(execution.states) if run.attempts]
    if not execution.ended:
        return next((run for run in reversed(calls) if run.exited is None), None)
    return execution.failed_state or max(calls, key=lambda run: run.seconds or 0, default=None)


def _followed(execution: Execution) -> int | None:
    """Return the passage that a page shows by itself: what runs, and in the end what failed."""
    if execution.ended:
        return execution.failed_state.id if failure(execution) and execution.failed_state else None
    runs = _chosen(execution, None)
    return runs.id if runs else None


def _state_of(request: Request, execution: Execution) -> StateRun:
    """Return the passage through a state that an address names."""
    run = _chosen(execution, str(request.path_params["id"]))
    if run is None:
        raise NoSuchState("This execution has no such state.")
    return run


def state(request: Request) -> Response:
    """Show one passage through a state: a part of the execution's page."""
    execution = execution_of(request)
    shown = state_values(execution, _state_of(request, execution))
    page = {"execution": execution, "base": path_of(execution.arn)}
    return HTMLResponse(context_of(request).render("_state.html", **page, **shown))


def definition(request: Request) -> Response:
    """Show a state as the state machine defines it, which this execution need not have entered."""
    context, execution = context_of(request), execution_of(request)
    name = request.path_params["state"]
    found = graph.state_of(context.definition(execution.arn), name)
    if found is None:
        raise NoSuchState("Its state machine has no such state.")
    said = {"name": name, "definition": found, "execution": execution}
    return HTMLResponse(context.render("_definition.html", **said))


def state_values(execution: Execution, run: StateRun) -> dict[str, Any]:
    """Return what is shown of a passage through a state."""
    status = graph.status(run, execution)
    passages = [each for each in execution.states if each.name == run.name]
    counts, said = latest(execution.states), message_of(run.cause)
    return {
        "run": run,
        # The head of the page says it, unless it is another state's reason.
        "error_message": None if said == execution.cause else said,
        "run_status": status,
        "run_label": graph.LABELS[status],
        "siblings": [
            (
                each,
                (graph.label(each) or f"pass {number}") + ("" if each in counts else ", earlier"),
                graph.status(each, execution),
            )
            for number, each in enumerate(passages, 1)
        ],
        "label": graph.label(run),
    }


def state_logs(request: Request) -> Response:
    """Show the log lines of one passage through a state: a part of the execution's page."""
    context, execution = context_of(request), execution_of(request)
    run = _state_of(request, execution)
    found = logs.lines(context.deployment, execution)
    lines = list(logs.of_state(run, found, execution.states))
    return HTMLResponse(context.render("_logs.html", lines=lines, execution=execution))


def events(request: Request) -> Response:
    """Show an execution's history, event by event."""
    execution = execution_of(request)
    return context_of(request).page("events.html", **event_values(request, execution))


def event_values(request: Request, execution: Execution) -> dict[str, Any]:
    """Return what the page of a history shows."""
    context = context_of(request)
    every = history(context.deployment.stepfunctions, execution.arn)
    first = max(1, number(request.query_params.get("from")))
    runs = {run.id: run for run in execution.states}
    resumed = {redrive.resumed: redrive for redrive in execution.redrives}
    rows = [
        {
            "id": event["id"],
            "type": event["type"],
            "kind": _kind(event["type"]),
            "before": event.get("previousEventId", 0),
            "state": runs.get(event["id"]),
            "label": graph.label(runs[event["id"]]) if event["id"] in runs else "",
            "redrive": resumed.get(event["timestamp"])
            if event["type"] == "ExecutionRedriven"
            else None,
            "offset": (event["timestamp"] - execution.started).total_seconds(),
            "details": _details(event),
        }
        for event in every[first - 1 : first - 1 + EVENTS]
    ]
    return {
        **values(context, execution, "events"),
        "rows": rows,
        "first": first,
        "total": len(every),
        "step": EVENTS,
    }


def _kind(event: str) -> str:
    """Return what colours an event: whether something failed, was done, or merely began."""
    if event.endswith(("Failed", "TimedOut", "Aborted")):
        return "failed"
    return "succeeded" if event.endswith(("Succeeded", "Exited")) else "neutral"


def _details(event: Any) -> dict[str, Any]:
    """Return an event's details, with JSON inside of them read."""
    name = next((n for n in event if n.endswith("EventDetails")), None)
    details: dict[str, Any] = event[name] if name else {}
    return {
        key: parsed(value) if isinstance(value, str) and value[:1] in "{[" else value
        for key, value in details.items()
        if not key.endswith("Details")
    }


def picture(request: Request) -> Response:
    """Show one picture of an execution."""
    pictures, execution = context_of(request).pictures, execution_of(request)
    which, corner = request.path_params["which"], _corner(request)
    try:
        if corner is not None:
            made = pictures.tile(execution, which, corner)
        elif which == "source":
            made = pictures.source(execution)
        elif which == "thumbnail":
            made = pictures.thumbnail(execution)
        elif which.startswith("source-"):
            made = pictures.beside(execution, which.removeprefix("source-"))
        elif which.startswith("reduced-"):
            made = pictures.reduced(execution, which.removeprefix("reduced-"))
        elif which == "document-page":
            made = pictures.page(execution)
        else:
            made = pictures.output(execution, which.removeprefix("output-"))
    except NoPicture as error:
        # Why an execution failed is said in the head of its page.
        said = NOT_DECODED if execution.cause == str(error) else str(error)
        return Response(said, 404, media_type="text/plain")
    headers = dict(PICTURE_HEADERS)
    if made.content_type == PDF_TYPE:
        headers["content-disposition"] = 'attachment; filename="document.pdf"'
    return Response(made.data, media_type=made.content_type, headers=headers)


def _corner(request: Request) -> tuple[int, int] | None:
    """Return where the tile lies that is asked for; None where it is all of the picture."""
    left, top = request.path_params.get("left"), request.path_params.get("top")
    return None if left is None or top is None else (left, top)
