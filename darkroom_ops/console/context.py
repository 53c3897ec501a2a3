"""What all pages share: the stack, what has been read of it, and the templates."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jinja2
from botocore.exceptions import BotoCoreError, ClientError
from darkroom.contract.arns import execution_arn
from darkroom.contract.limits import MIB
from jinja2.bccache import Bucket
from starlette.requests import Request
from starlette.responses import HTMLResponse

from darkroom_ops.cache import Recent, Room
from darkroom_ops.console import graph
from darkroom_ops.console.bulk import Bulks
from darkroom_ops.console.pictures import Pictures, format_name
from darkroom_ops.console.preview import Previews
from darkroom_ops.deployment import Deployment, NotDeployed
from darkroom_ops.executions.client import Executions
from darkroom_ops.executions.facets import facets
from darkroom_ops.executions.listed import Filter
from darkroom_ops.executions.model import Execution
from darkroom_ops.overview.read import Overview, overview
from darkroom_ops.present import words
from darkroom_ops.present.outcomes import LABELS, NOTES, ending

if TYPE_CHECKING:  # the engine takes seconds to load, and a console for AWS needs none
    from darkroom_ops.engine.inbox import Inbox

HERE = Path(__file__).resolve().parent

OPTIONS: dict[str, Any] = {"trim_blocks": True, "lstrip_blocks": True, "optimized": False}
"""What templates are compiled with; what filters make of constants is no part of the code."""

ENGINE_SECONDS = 0.3
"""How often the engine is asked for news, while a page is open that shows them."""

AWS_SECONDS = 2.0
"""How often AWS is asked: its calls are throttled per account."""

FACETED = 5_000
"""Executions, the newest, that are counted for the filters of the list."""

FACET_SECONDS = 3.0
"""How old those counts may be on AWS."""

FACET_SHARE = 10
"""How much longer than counting them takes they are shown, of an engine: of few, they are new."""

KEPT_BYTES = 48 * MIB
"""Sources, decoded ones, previews, thumbnails and outputs that are remembered, all together."""

MACHINES = 500
"""Executions whose state machine is remembered."""


class Context:
    """What the pages share; there is an inbox where an engine runs in this process."""

    def __init__(self, deployment: Deployment, inbox: Inbox | None = None) -> None:
        self.deployment = deployment
        self.executions = Executions(deployment)
        room = Room(KEPT_BYTES)
        self.pictures = Pictures(deployment, room)
        self.previews = Previews(deployment, room)
        self.inbox = inbox
        self.closing = threading.Event()
        self.bulks = Bulks()
        self.seconds = ENGINE_SECONDS if deployment.endpoint else AWS_SECONDS
        self._machines: Recent[graph.Scope] = Recent(MACHINES)
        self.overview_seconds = 5.0 if deployment.endpoint else 60.0
        self._overview: tuple[float, Overview] | None = None
        self._look: Future[Overview] | None = None
        self._looker = ThreadPoolExecutor(1, "console overview")
        self._looking = threading.Lock()
        self._facets: Recent[tuple[float, dict[str, Counter[str]]]] = Recent(20)
        self._templates = _templates(self)

    def overview(self, *, patience: float | None = None) -> Overview | None:
        """Return the whole of the stack, some seconds old at most.

        A look at it is waited for so many seconds at most, and goes on; without patience, nobody
        looks. Then it is what was seen before, if anything.
        """
        with self._looking:
            ended = self._look is None or self._look.done()  # before what it has seen is read
            known = self._overview
            if known is not None and time.monotonic() - known[0] < self.overview_seconds:
                return known[1]
            if ended and patience != 0:  # one look serves all who wait for it
                self._look = self._looker.submit(self._look_anew)
            look = self._look
        if look is not None and patience != 0:
            with contextlib.suppress(TimeoutError):
                return look.result(patience)
        return None if known is None else known[1]

    def _look_anew(self) -> Overview:
        seen = overview(self.deployment, self.executions)
        self._overview = (time.monotonic(), seen)
        return seen

    def forget_overview(self) -> None:
        """Look anew the next time."""
        self._overview = None

    def facets(self, only: Filter, *, wait: bool = True) -> dict[str, Counter[str]]:
        """Return how many of the newest executions there are of each kind, as of some moments ago.

        Rather than wait, it returns what was last counted, or nothing.
        """
        known = self._facets.get(only)
        if known is None and not wait:
            return {}
        began = time.monotonic()
        if known is None or (wait and began > known[0]):
            base = Filter(text=only.text)
            newest = itertools.islice(self.executions.each(only=base, costs=False), FACETED)
            found = facets(newest, only, datetime.datetime.now(datetime.UTC))
            ended = time.monotonic()
            engine = self.deployment.endpoint is not None
            age = (ended - began) * FACET_SHARE if engine else FACET_SECONDS
            known = self._facets.put(only, (ended + age, found))
        return known[1]

    def read_ahead(self, most: int) -> None:
        """Read what first pages would wait for: templates, the newest executions, the whole."""
        for name in self._templates.list_templates():
            if self.closing.is_set():
                return
            self._templates.get_template(name)
        # Whatever fails here fails again, with a message, for the person who opens a page.
        with contextlib.suppress(BotoCoreError, ClientError, NotDeployed):
            for _ in itertools.islice(self.executions.each(costs=False, expected=most), most):
                if self.closing.is_set():
                    return
            self.overview()

    def machine(self, execution: Execution) -> graph.Scope:
        """Return the state machine that an execution runs, as it was when it started."""
        if (known := self._machines.get(execution.arn)) is not None:
            return known
        return self._machines.put(execution.arn, graph.read(self.definition(execution.arn)))

    def definition(self, arn: str) -> Mapping[str, Any]:
        """Return the definition that an execution runs, as it was when it started."""
        described = self.deployment.stepfunctions.describe_state_machine_for_execution(
            executionArn=arn
        )
        definition: dict[str, Any] = json.loads(described["definition"])
        return definition

    def render(self, template: str, **values: Any) -> str:
        """Return a template with values; everything in them is escaped, and can be sent."""
        text = self._templates.get_template(template).render(values)
        return text.encode(errors="backslashreplace").decode()  # half of a surrogate pair cannot

    def page(self, template: str, code: int = 200, **values: Any) -> HTMLResponse:
        """Return a page."""
        return HTMLResponse(self.render(template, **values), code)


def context_of(request: Request) -> Context:
    """Return the context of the console that a request came to."""
    context: Context = request.app.state.context
    return context


def arn_of(request: Request) -> str:
    """Return the ARN of the execution that an address names."""
    machine = context_of(request).deployment.state_machine_arn
    return execution_arn(machine, request.path_params["name"])


def execution_of(request: Request) -> Execution:
    """Return the execution that an address names."""
    return context_of(request).executions.get(arn_of(request))


class Compiled(jinja2.FileSystemBytecodeCache):
    """Templates as code, which is kept beside Python's: compiling all takes a third of a second."""

    def get_source_checksum(self, source: str) -> str:
        """Return by what code of another source, or of other options, is told."""
        return super().get_source_checksum(f"{OPTIONS}{source}")

    def load_bytecode(self, bucket: Bucket) -> None:
        """Load a template's code, if there is any."""
        try:
            super().load_bytecode(bucket)
        except Exception:  # noqa: BLE001 - what is damaged is written anew
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a template's code where Python may keep its own."""
        with contextlib.suppress(OSError):
            super().dump_bytecode(bucket)


def _templates(context: Context) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        bytecode_cache=Compiled(str(HERE / "__pycache__"), "%s.template"),
        **OPTIONS,
    )
    environment.policies["json.dumps_kwargs"] = {}  # as a person would order it, not by letters
    deployment = context.deployment
    environment.globals.update(
        stack=deployment.stack,
        where=deployment.endpoint.removeprefix("http://")
        if deployment.endpoint
        else f"AWS {deployment.region}",
        has_inbox=context.inbox is not None,
        notes=NOTES,
        now=lambda: datetime.datetime.now(datetime.UTC).isoformat(),
    )
    environment.filters.update(
        size=words.size,
        duration=words.duration,
        after_end=words.after_end,
        dollars=words.dollars,
        plain=words.plain,
        lines=words.lines,
        measure=words.measure,
        count=words.count,
        urlencode=lambda text: quote(text, safe="/", errors="replace"),
        basename=lambda key: key.rpartition("/")[2] or key,
        folder=lambda key: key.rpartition("/")[0],
        ending=ending,
        clock=clock,
        moment=lambda text: clock(datetime.datetime.fromisoformat(text)),
        pretty=pretty,
        outcome=lambda name: LABELS.get(name, name),
        format_name=format_name,
    )
    return environment


def clock(time: datetime.datetime) -> str:
    """Return a time as ``31 Jan 2026, 14:03:22 CET``, in this machine's zone."""
    return time.astimezone().strftime("%d %b %Y, %H:%M:%S %Z")


def pretty(data: Any) -> str:
    """Return JSON-like data, or text that may be JSON, for reading: JSON inside of it unpacked."""
    unpacked = data if words.deep(data) else _unpacked(data)
    return words.lines(unpacked) if isinstance(unpacked, str) else words.pretty(unpacked)


def _unpacked(data: Any) -> Any:
    """Return data whose texts that are JSON objects or lists are those: none is escaped twice."""
    if isinstance(data, Mapping):
        return {name: _unpacked(value) for name, value in data.items()}
    if isinstance(data, list):
        return [_unpacked(value) for value in data]
    if isinstance(data, str) and data.lstrip()[:1] in {"{", "["}:
        with contextlib.suppress(ValueError, RecursionError):
            return _unpacked(json.loads(data))
    return data
