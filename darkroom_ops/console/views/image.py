"""An image: every execution of its key, and two of them side by side."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from darkroom.aws.records import Records
from darkroom.contract.arns import execution_arn
from darkroom.contract.errors import DarkroomError, InvalidRequest
from darkroom.contract.keys import record_key
from starlette.requests import Request
from starlette.responses import Response

from darkroom_ops.console.context import Context, context_of
from darkroom_ops.console.folds import folded
from darkroom_ops.console.pictures import drawn, longest_side, shown
from darkroom_ops.console.problems import problem
from darkroom_ops.executions.client import NoSuchExecution
from darkroom_ops.executions.listed import Filter
from darkroom_ops.executions.model import Execution, Made
from darkroom_ops.present import words
from darkroom_ops.rerun import request_of

LISTED = 50
"""Executions on one page."""

FOLDED = 8
"""From so many outputs of the same bytes on, they are folded."""

FRAME_PIXELS, FRAME_RATIO = 340, 1.5
"""The frames of a comparison: their width, and how much that is of their height."""


@dataclass(frozen=True)
class Line:
    """A line on both sides; None where one has none."""

    left: str | None
    right: str | None
    differs: bool

    @property
    def alike(self) -> bool:
        """Whether both say the same."""
        return not self.differs


@dataclass(frozen=True)
class Pair:
    """An output of the same name on both sides; None where one has none."""

    name: str
    left: Made | None
    right: Made | None

    @property
    def alike(self) -> bool:
        """Whether both have the same bytes."""
        left, right = self.left, self.right
        return bool(left and right and left.sha256 and left.sha256 == right.sha256)

    @property
    def said(self) -> str:
        """How the right one differs from the left one."""
        if self.left is None or self.right is None:
            return "only left" if self.right is None else "only right"
        if self.alike:
            return "the same bytes"
        return words.saving(self.right, self.left.bytes) + " bytes"


def show(request: Request) -> Response:
    """Show the executions of an image, newest first."""
    context, asked = context_of(request), request.query_params
    key, after = asked.get("key", ""), asked.get("after")
    if not key:
        return problem(
            request, 422, "No image", "Expected a key, as uploads/a.jpg. Start at Executions."
        )
    page = context.executions.recent(limit=LISTED, only=Filter(key=key), after=after)
    return context.page(
        "image.html",
        here="executions",
        key=key,
        items=sorted(page.items, key=lambda each: each.started, reverse=True),
        next=page.next,
        after=after,
    )


def compare(request: Request) -> Response:
    """Show what two executions were asked for and what they made, side by side."""
    context = context_of(request)
    machine = context.deployment.state_machine_arn
    names = [request.query_params.get(side, "") for side in ("one", "other")]
    if not all(names):
        return problem(
            request, 422, "Choose two executions", "Expected two executions, one on each side. "
            "An image's page lists all of its executions, to choose two.",
        )  # fmt: skip
    one, other = (context.executions.get(execution_arn(machine, name)) for name in names)
    outputs = list(pairs(one, other))
    renditions = [made for pair in outputs for made in (pair.left, pair.right) if made]
    longest = longest_side(
        (made for made in renditions if made.pages is None), frame=FRAME_PIXELS, ratio=FRAME_RATIO
    )
    lines = side_by_side(asked_of(one), asked_of(other))
    alike = [pair for pair in outputs if pair.alike]
    if len(alike) < FOLDED:
        alike = []
    return context.page(
        "compare.html",
        here="executions",
        sides=(one, other),
        keys=[each.source.key if each.source else None for each in (one, other)],
        parts=list(folded(lines, lambda line: line.alike)),
        same=all(line.alike for line in lines),
        pairs=[pair for pair in outputs if pair not in alike],
        alike=alike,
        drawn=lambda made: drawn(made, longest),
    )


def asked_of(execution: Execution) -> str:
    """Return what an execution was asked for: an event as the request that it stands for."""
    try:
        request: Any = request_of(execution)
    except InvalidRequest:
        request = execution.input
    return words.pretty(request)


def side_by_side(left: str, right: str) -> list[Line]:
    """Return the lines of two texts of JSON, those that are alike beside each other.

    A comma at the end says only that more follows.
    """
    one, other = ([line.rstrip(",") for line in text.splitlines()] for text in (left, right))
    found: list[Line] = []
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        for number in range(max(b - a, d - c)):
            old = one[a + number] if a + number < b else None
            new = other[c + number] if c + number < d else None
            found.append(Line(old, new, kind != "equal"))
    return found


def pairs(one: Execution, other: Execution) -> Iterator[Pair]:
    """Yield the outputs of two executions by their names, in the order of the second."""
    left, right = (
        {made.name: made for made in (*each.renditions, *filter(None, [each.document]))}
        for each in (shown(one), shown(other))
    )
    for name in (*right, *(name for name in left if name not in right)):
        yield Pair(name, left.get(name), right.get(name))


def newer(context: Context, execution: Execution) -> str | None:
    """Return the name of the newest execution of an image, if it is newer than an ended one.

    The image's record knows the last that claimed it.
    """
    source = execution.source
    if not execution.ended or source is None:
        return None
    deployment = context.deployment
    records = Records(deployment.dynamodb, deployment.images_table_name)
    try:
        arn = records.read(record_key(source.bucket, source.key)).execution
        if not arn or arn == execution.arn:
            return None
        last = context.executions.described(arn)
    except (ClientError, DarkroomError, NoSuchExecution):  # not allowed, or gone: nothing is known
        return None
    return last.name if last.started > execution.started else None
