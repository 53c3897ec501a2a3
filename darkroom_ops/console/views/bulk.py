"""An action on many executions: what it would do, how far it is, what became of each."""

from __future__ import annotations

import csv
import io
from typing import Any, get_args
from urllib.parse import parse_qs

from darkroom.contract.text import shell
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from darkroom_ops import many
from darkroom_ops.console.bulk import KEPT, Bulk
from darkroom_ops.console.context import Context, context_of
from darkroom_ops.console.problems import NoSuchAction, problem
from darkroom_ops.console.requests import MAX_INPUT, TooLarge, body
from darkroom_ops.console.views.executions import harmless, only_of
from darkroom_ops.deployment import DEFAULT_STACK, Deployment
from darkroom_ops.executions.listed import listed
from darkroom_ops.many import Action
from darkroom_ops.present.outcomes import ACTIONS, DONE

PLANS_SECONDS = 1.0
"""How long a plan is waited for: most are ready by then, and others show how far they are."""

SHOWN = 200
"""Executions that a page names, at most; the table has all."""


async def plan(request: Request) -> Response:
    """Plan an action on what is chosen; nothing is changed."""
    try:
        fields = parse_qs((await body(request, 4 * MAX_INPUT)).decode(errors="replace"))
    except TooLarge:
        return problem(
            request, 413, "Too many",
            "These are too many to be named. Choose all that match a filter instead.",
        )  # fmt: skip
    return await run_in_threadpool(_plan, request, fields)


def _plan(request: Request, fields: dict[str, list[str]]) -> Response:
    context = context_of(request)
    action, names = fields.get("action", [""])[0], fields.get("execution", [])
    known: list[Action] = list(get_args(Action))
    if action not in known:
        return problem(request, 422, "No such action",
                       f"Expected one of {', '.join(known)}, but received {action!r}.")  # fmt: skip
    if "all" in fields:
        wanted = context.executions.each(only=only_of(request), costs=False)
    elif names:
        find = context.executions
        wanted = (listed(find.described(find.find(name))) for name in names)
    else:
        return problem(request, 422, "Nothing is chosen",
                       "Choose executions of the list first, or all that match.")  # fmt: skip
    return _begun(context, known[known.index(action)], wanted)


def _begun(context: Context, action: Action, wanted: Any) -> Response:
    made = Bulk(context.executions, context.deployment, action, wanted, context.closing)
    context.bulks.add(made)
    made.wait(PLANS_SECONDS)
    return RedirectResponse(f"/bulk/{made.id}", 303)


def bulk_of(request: Request) -> Bulk:
    """Return the action that an address names."""
    found = context_of(request).bulks.get(request.path_params["id"])
    if found is None:
        raise NoSuchAction(
            f"The console remembers the last {KEPT} actions since its start, and this is none of "
            "them. The list shows what was done."
        )
    return found


def show(request: Request) -> Response:
    """Show an action."""
    context, bulk = context_of(request), bulk_of(request)
    return context.page("bulk.html", **values(context, bulk))


def values(context: Context, bulk: Bulk) -> dict[str, Any]:
    """Return what the page of an action shows."""
    phase, planned, left = bulk.phase, bulk.planned, bulk.left
    done = list(bulk.done)
    return {
        "here": "executions",
        "bulk": bulk,
        "phase": phase,
        "base": f"/bulk/{bulk.id}",
        "title": ACTIONS[bulk.action].capitalize(),
        "verb": DONE[bulk.action],
        "planned": planned,
        "done": done,
        "good": [each for each in done if each.error is None],
        "failed": [each for each in done if each.error is not None],
        "left": left,
        "gave_up": phase == "ended" and not bulk.stopped and len(left) > len(bulk.failed),
        "in_a_row": many.IN_A_ROW,
        "shown": SHOWN,
        "command": _command(context.deployment, bulk) if left and phase == "ended" else None,
    }


def _command(deployment: Deployment, bulk: Bulk) -> str:
    """Return the command that goes on with what is left."""
    typed = ["darkroom", bulk.action, "--from", str(many.kept(bulk.action))]
    if bulk.action == "stop":
        typed += ["--reason", bulk.reason]
    if deployment.endpoint is None or deployment.stack != DEFAULT_STACK:
        typed += ["--stack", deployment.stack]
    return shell(*typed)


async def begin(request: Request) -> Response:
    """Do what is planned."""
    fields = parse_qs((await body(request, MAX_INPUT)).decode(errors="replace"))
    reason = " ".join(fields.get("reason", [""])[0].split())
    bulk = bulk_of(request)
    if bulk.action == "stop" and not reason:
        return problem(request, 422, "Why?",
                       "Expected a reason: people who are alerted of many stops at once ask why. "
                       "Nothing was stopped.", back=("Back to the plan", f"/bulk/{bulk.id}"),
                       )  # fmt: skip
    bulk.begin(reason)
    return RedirectResponse(f"/bulk/{bulk.id}", 303)


def stop(request: Request) -> Response:
    """Do no more of it."""
    bulk = bulk_of(request)
    bulk.stop()
    return RedirectResponse(f"/bulk/{bulk.id}", 303)


def rest(request: Request) -> Response:
    """Plan what is left."""
    bulk = bulk_of(request)
    return _begun(context_of(request), bulk.action, iter(bulk.left))


def as_csv(request: Request) -> Response:
    """Return what became of each, as a table for spreadsheets."""
    bulk = bulk_of(request)
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(("name", "key", "outcome", "execution", "why"))
    rows = [(each.listed, "" if each.error else DONE[bulk.action], each.execution or "",
             each.error or "") for each in list(bulk.done)]  # fmt: skip
    tried = {each.listed.arn for each in list(bulk.done)}
    rows += [(each, "not tried", "", "") for each in bulk.left if each.arn not in tried]
    if bulk.planned is not None:
        rows += [(each, "left out", "", why) for each, why in bulk.planned.skipped]
    for one, outcome, execution, why in rows:
        key = one.source.key if one.source else ""
        table.writerow(map(harmless, (one.name, key, outcome or "not done", execution, why)))
    name = f'attachment; filename="{bulk.action}.csv"'
    return Response(text.getvalue(), media_type="text/csv", headers={"content-disposition": name})
