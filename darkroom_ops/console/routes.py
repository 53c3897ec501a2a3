"""Which address shows what."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from darkroom_ops.console import actions, stream
from darkroom_ops.console.context import HERE, Context
from darkroom_ops.console.problems import HANDLERS
from darkroom_ops.console.security import SameOrigin, Token
from darkroom_ops.console.views import (
    alive,
    bulk,
    execution,
    executions,
    image,
    inbox,
    presets,
    rerun,
    start,
    viewer,
)
from darkroom_ops.ports import hosts

_ONE = "/executions/{name:str}"
_BULK = "/bulk/{id:str}"


def create(context: Context, port: int, token: str) -> Starlette:
    """Return the application, for who has the token."""
    routes = [
        Route("/", executions.show),
        Route("/start", start.show),
        Route("/executions.csv", executions.as_csv),
        Route("/bulk", bulk.plan, methods=["POST"]),
        Route(_BULK, bulk.show),
        Route(f"{_BULK}/begin", bulk.begin, methods=["POST"]),
        Route(f"{_BULK}/stop", bulk.stop, methods=["POST"]),
        Route(f"{_BULK}/rest", bulk.rest, methods=["POST"]),
        Route(f"{_BULK}/outcomes.csv", bulk.as_csv),
        Route("/dead-letters", actions.dead_letters, methods=["POST"]),
        Route("/find", executions.find),
        Route("/alive", alive.show),
        Route("/inbox", inbox.show),
        Route("/presets", presets.show),
        Route("/presets", presets.change, methods=["POST"]),
        Route("/presets/images", presets.offered),
        Route("/presets/preview", actions.preview_presets, methods=["POST"]),
        Route(_ONE, execution.show),
        Route(f"{_ONE}/states/{{id:int}}", execution.state),
        Route(f"{_ONE}/states/{{id:int}}/logs", execution.state_logs),
        Route(f"{_ONE}/definitions/{{state:str}}", execution.definition),
        Route(f"{_ONE}/events", execution.events),
        Route(f"{_ONE}/rerun", rerun.editor),
        Route(f"{_ONE}/rerun", actions.rerun, methods=["POST"]),
        Route(f"{_ONE}/source", actions.correct, methods=["POST"]),
        Route(f"{_ONE}/stop", actions.stop, methods=["POST"]),
        Route(f"{_ONE}/redrive", actions.redrive, methods=["POST"]),
        Route(f"{_ONE}/pictures/{{which:str}}", execution.picture),
        Route(f"{_ONE}/pictures/{{which:str}}/{{left:int}}/{{top:int}}", execution.picture),
        Route(f"{_ONE}/view/{{which:str}}", viewer.show),
        Route(f"{_ONE}/outputs.zip", viewer.download),
        Route("/image", image.show),
        Route("/compare", image.compare),
        Route("/check", actions.check, methods=["POST"]),
        Route("/preview", actions.preview, methods=["POST"]),
        Route("/previews/{digest:str}", rerun.picture),
        Route("/uploads", actions.upload, methods=["POST"]),
        Route("/live/executions", stream.of_executions),
        Route(f"/live{_BULK}", stream.of_bulk),
        Route("/live/start", stream.of_start),
        Route("/live/inbox", stream.of_inbox),
        Route(f"/live{_ONE}", stream.of_execution),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(SameOrigin, hosts=hosts(port)),
            Middleware(Token, token=token, port=port),
        ],
        exception_handlers=dict(HANDLERS),
    )
    app.state.context = context
    return app
