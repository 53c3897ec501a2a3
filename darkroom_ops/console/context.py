"""The console: which address shows what, and what every page has in common."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from botocore.exceptions import BotoCoreError, ClientError
from darkroom.contract.arns import execution_arn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from darkroom_ops.console import graph
from darkroom_ops.console.inbox import Mail
from darkroom_ops.console.pictures import Pictures
from darkroom_ops.console.security import Guard
from darkroom_ops.deployment import Deployment, NotDeployed
from darkroom_ops.executions.client import Executions, NoSuchExecution
from darkroom_ops.executions.model import Execution
from darkroom_ops.present import words
from darkroom_ops.present.display import NOTES
from darkroom_ops.present.failures import explain

if TYPE_CHECKING:  # the engine takes seconds to load, and a console for AWS needs none
    from darkroom_ops.engine.inbox import Inbox

HERE = Path(__file__).resolve().parent

ENGINE_SECONDS = 0.3
"""How often the engine is asked for news, while a page is open that shows them."""

AWS_SECONDS = 2.0
"""How often AWS is asked: its calls are throttled per account."""

MACHINES = 500
"""Executions whose state machine is remembered."""

OUTCOMES = {
    "RUNNING": "Running",
    "PENDING_REDRIVE": "Waits for redrive",
    "COMPLETE": "Complete",
    "ALREADY_PROCESSED": "Already processed",
    "SUPERSEDED": "Superseded",
    "FAILED": "Failed",
    "TIMED_OUT": "Timed out",
    "ABORTED": "Stopped",
}
"""An outcome as people read it."""


class Console:
    """What the pages share.

    Parameters
    ----------
    deployment
        The stack that is shown.
    inbox
        The engine's inbox; None where no engine runs in this process.
    """

    def __init__(self, deployment: Deployment, inbox: Inbox | None = None) -> None:
        self.deployment = deployment
        self.executions = Executions(deployment)
        self.pictures = Pictures(deployment)
        self.mail = Mail(inbox) if inbox is not None else None
        self.closing = threading.Event()
        self.seconds = ENGINE_SECONDS if deployment.endpoint else AWS_SECONDS
        self._machines: dict[str, graph.Scope] = {}
        self._templates = _templates(self)

    def read_ahead(self, most: int) -> None:
        """Read the newest executions, so that the first page does not wait for them.

        Parameters
        ----------
        most
            How many, at most.
        """
        # Whatever fails here fails again, and in words, for the person who opens a page.
        with contextlib.suppress(BotoCoreError, ClientError, NotDeployed):
            for _ in itertools.islice(self.executions.each(costs=False, expected=most), most):
                if self.closing.is_set():
                    return

    def arn(self, name: str) -> str:
        """Return the ARN of an execution of this stack's state machine."""
        return execution_arn(self.deployment.state_machine_arn, name)

    def machine(self, execution: Execution) -> graph.Scope:
        """Return the state machine that an execution runs, as it was when it started."""
        client = self.deployment.stepfunctions
        known = self._machines.get(execution.arn)
        if known is None:
            if len(self._machines) >= MACHINES:
                self._machines.clear()
            found = client.describe_state_machine_for_execution(executionArn=execution.arn)
            known = self._machines[execution.arn] = graph.read(json.loads(found["definition"]))
        return known

    def render(self, template: str, **values: Any) -> str:
        """Return a template with values; everything in them is escaped."""
        return self._templates.get_template(template).render(values)

    def page(self, template: str, code: int = 200, **values: Any) -> HTMLResponse:
        """Return a page."""
        return HTMLResponse(self.render(template, **values), code)


def create(console: Console, port: int) -> Starlette:
    """Return the application.

    Parameters
    ----------
    console
        What it shows.
    port
        The port that it is served at.
    """
    from darkroom_ops.console import actions as acting
    from darkroom_ops.console import pages
    from darkroom_ops.console import stream as live

    one = "/executions/{name:str}"
    routes = [
        Route("/", pages.executions, name="executions"),
        Route("/find", pages.find),
        Route("/inbox", pages.inbox),
        Route(one, pages.execution),
        Route(f"{one}/states/{{id:int}}", pages.state),
        Route(f"{one}/states/{{id:int}}/logs", pages.logs),
        Route(f"{one}/events", pages.events),
        Route(f"{one}/rerun", pages.rerun),
        Route(f"{one}/rerun", acting.rerun, methods=["POST"]),
        Route(f"{one}/stop", acting.stop, methods=["POST"]),
        Route(f"{one}/redrive", acting.redrive, methods=["POST"]),
        Route(f"{one}/pictures/{{which:str}}", pages.picture),
        Route("/check", acting.check, methods=["POST"]),
        Route("/uploads", acting.upload, methods=["POST"]),
        Route("/live/executions", live.executions),
        Route("/live/inbox", live.inbox),
        Route("/live/executions/{name:str}", live.execution),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, hosts={f"127.0.0.1:{port}", f"localhost:{port}"})],
        exception_handlers={HTTPException: _refused, Exception: _failed},
    )
    app.state.console = console
    return app


def wants_page(request: Request) -> bool:
    """Tell whether a person is to read the answer, or the page's own script."""
    return "text/html" in request.headers.get("accept", "")


def trouble(request: Request, code: int, title: str, message: str) -> Response:
    """Return what went wrong: as a page, or as JSON for the page's own script.

    Parameters
    ----------
    request
        What was asked.
    code
        The HTTP status.
    title, message
        What to say.
    """
    if not wants_page(request):
        return JSONResponse({"message": message}, code)
    console: Console = request.app.state.console
    return console.page("trouble.html", code, title=title, message=message)


def told(request: Request, error: Exception) -> Response:
    """Return an error in words; one that is a bug of ours is raised again."""
    if isinstance(error, NoSuchExecution):
        return trouble(request, 404, "No such execution", str(error))
    said = explain(error)
    if said is None:
        raise error
    return trouble(request, 502, "That did not work", said)


def _refused(request: Request, error: Exception) -> Response:
    code = error.status_code if isinstance(error, HTTPException) else 500
    if code == 404:  # noqa: PLR2004
        return trouble(
            request, code, "No such page", "There is nothing at this address. Start at Executions."
        )
    detail = error.detail if isinstance(error, HTTPException) else str(error)
    return trouble(request, code, "That is not possible", detail)


def _failed(request: Request, error: Exception) -> Response:
    """Answer when nothing else did: a bug of ours, also in the log with its traceback."""
    said = explain(error) or f"{type(error).__name__}: {error}"
    return trouble(request, 500, "Something broke", said)


def _templates(console: Console) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    deployment = console.deployment
    environment.globals.update(
        stack=deployment.stack,
        where=deployment.endpoint.removeprefix("http://")
        if deployment.endpoint
        else f"AWS {deployment.region}",
        has_inbox=console.mail is not None,
        outcomes=OUTCOMES,
        notes=NOTES,
    )
    environment.filters.update(
        size=words.size,
        duration=words.duration,
        dollars=words.dollars,
        plain=words.plain,
        measure=words.measure,
        count=words.count,
        basename=lambda key: key.rpartition("/")[2] or key,
        folder=lambda key: key.rpartition("/")[0],
        clock=clock,
        pretty=pretty,
        outcome=lambda name: OUTCOMES.get(name, name),
    )
    return environment


def clock(time: datetime.datetime) -> str:
    """Return a time of today as ``14:03:22``, an earlier one with its date."""
    local = time.astimezone()
    today = local.date() == datetime.datetime.now().astimezone().date()
    return local.strftime("%H:%M:%S" if today else "%d %b %Y, %H:%M:%S")


def pretty(data: Any) -> str:
    """Return JSON-like data, or text that may be JSON, for reading."""
    if isinstance(data, str):
        try:
            data = json.loads(data)
        except ValueError:
            return str(data)
    return json.dumps(data, indent=2, ensure_ascii=False)
