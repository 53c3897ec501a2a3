"""What can be looked at. Each handler gathers what its template shows; nothing is changed here."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any
from urllib.parse import quote, urlencode

from darkroom.contract.advice import STATUS_ERRORS, STATUS_REASONS, advise
from darkroom.contract.errors import InvalidRequest
from darkroom.contract.formats import PDF_TYPE
from darkroom.contract.model import dump
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from darkroom_ops import cost, presets
from darkroom_ops import logs as reading
from darkroom_ops import rerun as again
from darkroom_ops.console import graph, timeline
from darkroom_ops.console.app import OUTCOMES, Console, told, trouble
from darkroom_ops.console.pictures import NoPicture, places, shown
from darkroom_ops.executions import history as states
from darkroom_ops.executions.client import STATUSES, NoSuchExecution, Page
from darkroom_ops.executions.history import StateRun
from darkroom_ops.executions.model import Execution
from darkroom_ops.executions.watch import history
from darkroom_ops.logs import LogLine
from darkroom_ops.present import words

LISTED = 50
"""Executions on one page of the list."""

EVENTS = 200
"""Events of a history on one page."""

FILTERS = ("RUNNING", "COMPLETE", "FAILED", "ALREADY_PROCESSED", "SUPERSEDED")
"""Which executions can be chosen in the list; FAILED includes those timed out or stopped."""

PICTURE_HEADERS = {
    # Whatever the bytes are, they run nothing and embed nothing, also when opened by themselves.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "cache-control": "private, max-age=600",
}


def careful(handler: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Make a handler say in words what it cannot do."""

    def handled(request: Request) -> Response:
        try:
            return handler(request)
        except Exception as error:  # noqa: BLE001 - what is no person's to mend is raised again
            return told(request, error)

    return handled


def console_of(request: Request) -> Console:
    """Return the console that a request came to."""
    console: Console = request.app.state.console
    return console


def execution_of(request: Request) -> Execution:
    """Return the execution that an address names.

    Raises
    ------
    NoSuchExecution
        There is none.
    """
    console = console_of(request)
    return console.executions.get(console.arn(request.path_params["name"]))


# ---------------------------------------------------------------------------- the list


@careful
def executions(request: Request) -> Response:
    """Show the list."""
    console = console_of(request)
    # Costs need each execution's history: what is not remembered follows with the live parts.
    live = "after" not in request.query_params
    return console.page("executions.html", **list_values(console, request, costs=not live))


def list_values(console: Console, request: Request, *, costs: bool = True) -> dict[str, Any]:
    """Return what the list shows, for the filters in an address.

    Parameters
    ----------
    console, request
        Where, and what is asked for.
    costs
        Whether to find out the costs that are not remembered.
    """
    asked = request.query_params
    status, text, after = asked.get("status") or None, asked.get("image", ""), asked.get("after")
    status = status if status in STATUSES else None
    page = _listed(console, status, text, after, costs=costs)
    chosen = {name: value for name, value in (("status", status), ("image", text)) if value}

    def address(**changed: str | None) -> str:
        query = urlencode({k: v for k, v in {**chosen, **changed}.items() if v})
        return f"/?{query}" if query else "/"

    return {
        "here": "executions",
        "page": page,
        "status": status,
        "image": text,
        "after": after,
        "filters": [(OUTCOMES[name], address(status=name), name == status) for name in FILTERS],
        "everything": address(status=None),
        "older": address(after=page.next) if page.next else None,
        "newest": address(),
        "live": None if after else f"/live/executions?{urlencode(chosen)}",
        "prefix": console.deployment.source_prefix,
        "bucket": console.deployment.source_bucket_name,
    }


def _listed(
    console: Console, status: str | None, text: str, after: str | None, *, costs: bool
) -> Page:
    # People name an image as they uploaded it; keys have the source prefix before that.
    prefix = console.deployment.source_prefix
    wanted = [text] if text.startswith(prefix) or not text else [prefix + text, text]
    page = Page((), None)
    for each in wanted:
        page = console.executions.recent(
            limit=LISTED, status=status, prefix=each or None, after=after, costs=costs
        )
        if page.items:
            break
    return page


@careful
def find(request: Request) -> Response:
    """Lead to the execution that a person names, as an alert does; else to a list of images."""
    text = request.query_params.get("q", "").strip()
    console = console_of(request)
    try:
        arn = console.executions.find(text)
    except NoSuchExecution:
        if "execution:" in text or text.startswith("s3://"):
            raise
        return RedirectResponse(f"/?{urlencode({'image': text})}", 303)
    return RedirectResponse(f"/executions/{quote(arn.rpartition(':')[2], safe='')}", 303)


# ---------------------------------------------------------------------------- one execution


@careful
def execution(request: Request) -> Response:
    """Show an execution."""
    console = console_of(request)
    found = execution_of(request)
    chosen = _chosen(found, request.query_params.get("state"))
    values = execution_values(console, found) | {
        "run": None,
        "machine": asdict(console.machine(found)),
    }
    return console.page(
        "execution.html", **values | (state_values(found, chosen) if chosen else {})
    )


def execution_values(console: Console, found: Execution, tab: str = "overview") -> dict[str, Any]:
    """Return what the page of an execution shows, and what of it is brought up to date live."""
    overlay = graph.overlay(console.machine(found), found)
    memory = cost.Memory(console.deployment.lambda_)
    pictures = shown(found)
    return {
        "here": "executions",
        "tab": tab,
        "execution": found,
        "base": f"/executions/{quote(found.name, safe='')}",
        "outcome": _outcome(found),
        "overlay": asdict(overlay),
        "usd": _usd(found, memory),
        "pictures": pictures,
        "saving": lambda made: words.saving(made, pictures.image.bytes if pictures.image else 0),
        "share": lambda made: _share(made.bytes, pictures.image.bytes if pictures.image else 0),
        "places": list(places(found)),
        "failure": failure(found),
        "timeline": timeline.draw(found, datetime.datetime.now(datetime.UTC)),
        "letters": console.mail.letters(about=found.arn) if console.mail else None,
        "rerun_command": _command(console, found),
    }


def failure(found: Execution) -> dict[str, Any] | None:
    """Return why an execution failed, in words, and what helps."""
    if found.status not in {"FAILED", *STATUS_ERRORS}:
        return None
    state = found.failed_state
    return {
        "error": found.error or STATUS_ERRORS.get(found.status, found.status),
        "state": state,
        "cause": found.cause or STATUS_REASONS.get(found.status, "It gave no reason."),
        "advice": advise(found.error or "", caught=found.caught),
    }


def _outcome(found: Execution) -> str:
    if found.status in {"TIMED_OUT", "ABORTED"}:
        return found.status
    return found.outcome or found.status


def _usd(found: Execution, memory: cost.Memory) -> float | None:
    try:
        return cost.estimate(found, memory).usd
    except KeyError:  # it called a function that is gone
        return None


def _share(size: int, whole: int) -> float:
    return round(min(100.0, max(1.0, 100 * size / whole)), 1) if whole else 0.0


def _command(console: Console, found: Execution) -> str | None:
    try:
        return again.command(console.deployment, again.request_of(found))
    except InvalidRequest:
        return None


def _chosen(found: Execution, asked: str | None) -> StateRun | None:
    """Return the passage that is shown: as asked for, else what runs, failed or took longest."""
    if asked is not None:
        return next((run for run in found.states if str(run.id) == asked), None)
    calls = [run for run in found.states if run.attempts]
    if not found.ended:
        return next((run for run in reversed(calls) if run.exited is None), None)
    return found.failed_state or max(calls, key=lambda run: run.seconds or 0, default=None)


@careful
def state(request: Request) -> Response:
    """Show one passage through a state: a part of the execution's page."""
    console = console_of(request)
    found = execution_of(request)
    run = _chosen(found, str(request.path_params["id"]))
    if run is None:
        return trouble(request, 404, "No such state", "This execution has no such state.")
    return HTMLResponse(console.render("_state.html", **state_values(found, run)))


def state_values(found: Execution, run: StateRun) -> dict[str, Any]:
    """Return what is shown of a passage through a state."""
    return {
        "base": f"/executions/{quote(found.name, safe='')}",
        "execution": found,
        "run": run,
        "told": _told(run.cause),
        "run_status": graph.status(run, found),
        "run_said": graph.SAID[graph.status(run, found)],
        "siblings": [
            (other, graph.label(other) or f"pass {index + 1}",
             graph.status(other, found))
            for index, other in enumerate(r for r in found.states if r.name == run.name)
        ],
        "label": graph.label(run),
    }  # fmt: skip


def _told(cause: str | None) -> str | None:
    """Return what a function says of its failure; its cause has a stack trace as well."""
    found = states.parsed(cause)
    said = found.get("errorMessage") if isinstance(found, dict) else None
    return said if isinstance(said, str) else cause


@careful
def logs(request: Request) -> Response:
    """Show the log lines of one passage through a state: a part of the execution's page."""
    console = console_of(request)
    found = execution_of(request)
    run = _chosen(found, str(request.path_params["id"]))
    if run is None:
        return trouble(request, 404, "No such state", "This execution has no such state.")
    lines = list(lines_of(run, reading.lines(console.deployment, found)))
    return HTMLResponse(console.render("_logs.html", lines=lines, execution=found))


def lines_of(run: StateRun, lines: list[LogLine]) -> Iterator[LogLine]:
    """Yield the lines of one passage through a state.

    Parameters
    ----------
    run
        The passage.
    lines
        Those of the whole execution. Map items run side by side in one function: the result that
        a call's last line names tells which item it was.
    """
    functions = {call.function for call in run.attempts}
    made = {
        line.fields.get("function_request_id"): result.get("name")
        for line in lines
        if isinstance(result := line.fields.get("result"), dict)
    }
    for line in lines:
        name = made.get(line.fields.get("function_request_id"))
        other = run.rendition is not None and name is not None and name != run.rendition
        if line.function in functions and not other:
            yield line


@careful
def events(request: Request) -> Response:
    """Show an execution's history, event by event."""
    console = console_of(request)
    found = execution_of(request)
    every = history(console.deployment.stepfunctions, found.arn)
    asked = request.query_params.get("from", "1")
    first = max(1, int(asked)) if asked.isdecimal() else 1
    part = every[first - 1 : first - 1 + EVENTS]
    names = {run.id: run for run in found.states}
    rows = [
        {
            "id": event["id"],
            "type": event["type"],
            "kind": _kind(event["type"]),
            "before": event.get("previousEventId", 0),
            "state": names[event["id"]].name if event["id"] in names else "",
            "offset": (event["timestamp"] - found.started).total_seconds(),
            "details": _details(event),
        }
        for event in part
    ]
    return console.page(
        "events.html",
        **execution_values(console, found, "events"),
        rows=rows,
        first=first,
        total=len(every),
        step=EVENTS,
    )


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
        key: states.parsed(value) if isinstance(value, str) and value[:1] in "{[" else value
        for key, value in details.items()
        if not key.endswith("Details")
    }


@careful
def rerun(request: Request) -> Response:
    """Show the editor of a re-run's input."""
    console = console_of(request)
    found = execution_of(request)
    try:
        asked = again.request_of(found)
    except InvalidRequest as error:
        return rerun_page(console, found, "{}", str(error))
    return rerun_page(console, found, json.dumps(asked, indent=2, ensure_ascii=False), None)


def rerun_page(
    console: Console, found: Execution, text: str, message: str | None, code: int = 200
) -> Response:
    """Return the editor with a text in it, and what is wrong with that, if anything."""
    return console.page(
        "rerun.html",
        code,
        **execution_values(console, found, "rerun"),
        text=text,
        message=message,
        presets=_deployed(console),
    )


def _deployed(console: Console) -> list[dict[str, Any]]:
    """Return the deployed presets, to start a change from; none when they are not valid."""
    try:
        return [dump(each) for each in presets.validate(presets.get(console.deployment).text)]
    except InvalidRequest:
        return []


@careful
def picture(request: Request) -> Response:
    """Show one picture of an execution."""
    console = console_of(request)
    found = execution_of(request)
    which = request.path_params["which"]
    try:
        if which == "source":
            made = console.pictures.source(found)
        elif which == "thumbnail":
            made = console.pictures.thumbnail(found)
        elif which == "document-page":
            made = console.pictures.page(found)
        else:
            made = console.pictures.output(found, which.removeprefix("output-"))
    except NoPicture as error:
        return Response(str(error), 404, media_type="text/plain")
    headers = dict(PICTURE_HEADERS)
    if made.content_type == PDF_TYPE:
        headers["content-disposition"] = 'attachment; filename="document.pdf"'
    return Response(made.data, media_type=made.content_type, headers=headers)


# ---------------------------------------------------------------------------- the inbox


@careful
def inbox(request: Request) -> Response:
    """Show the messages, and one of them in full."""
    console = console_of(request)
    return console.page("inbox.html", **inbox_values(console, request))


def inbox_values(console: Console, request: Request) -> dict[str, Any]:
    """Return what the inbox shows, for the choices in an address."""
    protocol, chosen = request.query_params.get("kind"), request.query_params.get("message")
    protocol = protocol if protocol in {"email", "sms"} else None
    letters = console.mail.letters(protocol=protocol) if console.mail else []
    query = f"kind={protocol}&" if protocol else ""
    letter = next((each for each in letters if str(each.number) == chosen), None)
    return {
        "here": "inbox",
        "letters": letters,
        "letter": letter,
        "body": letter.message.as_received().partition("\n\n")[2] if letter else "",
        "kind": protocol,
        "query": query,
        "live": f"/live/inbox?{query}message={letter.number if letter else ''}",
    }
