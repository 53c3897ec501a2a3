"""The local engine: AWS, as far as Darkroom uses it, in one process on 127.0.0.1."""

from __future__ import annotations

import contextlib
import functools
import gc
import logging
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import boto3
from moto.moto_api._internal.models import moto_api_backend

from darkroom_ops import allocator, home
from darkroom_ops.deployment import (
    DEFAULT_REGION,
    DEFAULT_STACK,
    LEDGER,
    MESSAGES,
    OPERATOR,
    Deployment,
)
from darkroom_ops.engine import backends, descriptors, eventbridge, inside
from darkroom_ops.engine.authorization import Authorizer
from darkroom_ops.engine.cloudfront import functions as cloudfront_functions
from darkroom_ops.engine.cloudfront.front import Front
from darkroom_ops.engine.cloudfront.origin import origin
from darkroom_ops.engine.connections import Server
from darkroom_ops.engine.data.keeper import Keeper
from darkroom_ops.engine.data.store import Store
from darkroom_ops.engine.deploy import Deployed, deploy
from darkroom_ops.engine.gateway import Gateway
from darkroom_ops.engine.inbox import Inbox
from darkroom_ops.engine.lambda_.environments import Start
from darkroom_ops.engine.lambda_.event_sources import EventSources
from darkroom_ops.engine.lambda_.functions import Functions
from darkroom_ops.engine.ledger import Ledger
from darkroom_ops.engine.moto import hooks, server
from darkroom_ops.engine.moto.hook import Services
from darkroom_ops.engine.moto.state import EngineState
from darkroom_ops.engine.permissions import Place
from darkroom_ops.engine.protocols import InjectFault
from darkroom_ops.engine.roles import Roles
from darkroom_ops.engine.signatures import Keys
from darkroom_ops.engine.stepfunctions.retries import RetryWaits
from darkroom_ops.engine.stepfunctions.task_faults import Faults
from darkroom_ops.ports import HOST, hosts, listen

SUBSCRIBERS = {
    "NotificationEmail": "you@example.com",
    "NotificationPhone": "+15550100",
    "AlertEmail": "oncall@example.com",
    "AlertPhone": "+15550199",
    "AlertPhoneFaults": "both",
}
"""Who is subscribed in the engine, so that its inbox shows every kind of message."""

PRELOADED = ("boto3", "aws_lambda_powertools", "msgspec", "descriptions")
"""What takes long to import and all functions import; ``descriptions`` lies beside the runtime."""

DEPLOYER = "engine"
"""The access key of the engine itself, when it deploys."""

POLL_SECONDS = 0.02

YOUNG_OBJECTS = 20_000
"""After so many new objects Python looks for circles among them; an image makes a million, most of
which are gone at once."""

QUIET = {
    "moto": logging.ERROR,  # warns of the resource types it lacks; `left_out` names them
    "moto.stepfunctions": logging.CRITICAL,  # logs every failed state; the history has it
    "samtranslator.metrics": logging.ERROR,  # warns that nobody collects its metrics
}


@dataclass(frozen=True)
class Kept:
    """What was there when the engine started, from an earlier one."""

    executions: frozenset[str] = frozenset()  # the ARNs of those that had ended
    messages: int = 0
    unplaced: Mapping[str, int] = field(default_factory=dict)
    """How much stays in the folder for want of its resource in the template, by the resource."""


class Engine:
    """A running engine, with a SAM template deployed. Close it, or use it as a context manager.

    It listens on 127.0.0.1, where port 0 is any free one. Without template parameters, every kind
    of subscriber is there. Without a secret key, it makes one. Waits of retries can be skipped and
    only recorded, for tests. `start` starts the functions' processes elsewhere than under this
    Python. What it holds is kept in a folder, `data`, and is there again at the next start.

    Raises
    ------
    Unusable
        The folder is another's, damaged, or in use.
    PortInUse
        Something listens on the port.
    RuntimeError
        An engine already runs in this process, or the template cannot be deployed.
    """

    def __init__(
        self,
        template: Path,
        *,
        port: int = 0,
        stack: str = DEFAULT_STACK,
        parameters: Mapping[str, str] | None = None,
        skip_waits: bool = False,
        start: Start | None = None,
        secret_key: str | None = None,
        data: Path | None = None,
    ) -> None:
        descriptors.allow()
        allocator.settle()
        self.keys = Keys(secret_key)
        self.inbox = Inbox()
        self.faults = Faults()
        self.retries = RetryWaits(skip=skip_waits)
        self._socket = listen(port)
        self.port: int = self._socket.getsockname()[1]
        self.endpoint = f"http://{HOST}:{self.port}"
        self.functions = (
            Functions(self.endpoint, DEFAULT_REGION, start=start, secret_of=self.keys.secret_of)
            if start
            else Functions(
                self.endpoint, DEFAULT_REGION, preload=PRELOADED, secret_of=self.keys.secret_of
            )
        )
        self.deployment = Deployment(stack, self.endpoint, DEFAULT_REGION, self.keys.secret)
        self.roles = Roles(DEFAULT_REGION, self.functions.knows)
        place = Place(DEFAULT_REGION, backends.ACCOUNT, backends.has_tags, backends.encryption_key)
        self.authorizer = Authorizer(self.roles, place)
        self.inject_fault: InjectFault | None = None
        """Gives the fault of a call of a function or the state machine."""
        within = Deployment(stack, self.endpoint, DEFAULT_REGION, self.keys.secret)
        for client in (within.stepfunctions, within.lambda_, within.sns, within.sqs):
            inside.attach(client, lambda service: gateway.within(OPERATOR, service))
        self.router = eventbridge.EventRouter(
            rules=lambda: backends.rules(DEFAULT_REGION),
            deployment=within,
            transform=backends.transform,
            authorizer=self.authorizer,
            dead_letters=lambda function: self.functions.spec(function).dead_letters,
        )
        self.event_sources = EventSources(
            self.deployment.sqs,
            invoke=lambda name, event: backends.invoke(name, event, DEFAULT_REGION),
            may_poll=self.authorizer.function_may_poll,
            waiting=backends.messages,
        )
        self._keeper: Keeper | None = None
        self._front: Server | None = None
        self._front_socket = functools.cache(lambda: listen(0))
        self._closed = False
        ledger = Ledger(
            DEFAULT_REGION,
            lambda: {spec.name: spec.memory_mb for spec in self.functions.specs()},
        )
        gateway = Gateway(
            server.applications(),
            self.authorizer,
            lambda call, invocation: self.inject_fault and self.inject_fault(call, invocation),
            {
                f"/{'/'.join(MESSAGES)}": self.inbox.per_execution,
                f"/{'/'.join(LEDGER)}": ledger.page,
            },
            keys=self.keys,
            hosts=hosts(self.port),
        )
        with contextlib.ExitStack() as undo:
            undo.callback(self._socket.close)
            self._store = None if data is None else Store(data)
            if self._store is not None:
                undo.callback(self._store.close)
            services = Services(
                endpoint=self.endpoint,
                keys=self.keys,
                gateway=gateway,
                functions=self.functions,
                event_sources=self.event_sources,
                inbox=self.inbox,
                router=self.router,
                faults=self.faults,
                retries=self.retries,
                line=ledger.line,
            )
            hooks.install(services)
            undo.callback(self.functions.close)
            undo.callback(hooks.uninstall)
            self._server = self._serve(gateway)
            undo.pop_all()
        try:
            self.deployed = self._deploy(template, stack, parameters)
            self.kept = self._restore()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def warm(self) -> None:
        """Start a worker of each function while the caller goes on: the first upload is quick.

        The process is the engine's from now on: what it has imported and deployed stays, and Python
        need not look through it again and again for what nobody holds.
        """
        gc.freeze()
        gc.set_threshold(YOUNG_OBJECTS)
        threading.Thread(target=self.functions.warm, name="warm", daemon=True).start()

    def wait_idle(self, seconds: float = 120.0) -> bool:
        """Wait until no event waits and no execution runs; return whether that came in time."""

        def idle() -> bool:
            return (
                self.router.idle()
                and self.event_sources.idle()
                and not backends.running_executions(DEFAULT_REGION)
            )

        # Twice idle: an execution may end, and so send an event, between the two questions.
        return _wait_until(lambda: idle() and self.router.idle(), seconds)

    def wait_ended(self, arn: str, seconds: float = 120.0) -> bool:
        """Wait until an execution has ended; return whether it has in time."""
        return _wait_until(lambda: not backends.runs(DEFAULT_REGION, arn), seconds)

    def executions(self) -> dict[str, Any]:
        """Return the input of each execution by its ARN, the oldest first."""
        return backends.executions(DEFAULT_REGION)

    def close(self) -> None:
        """End the functions and the server, and give moto back as it was. Closing twice is fine."""
        if self._closed:
            return
        self._closed = True
        with contextlib.ExitStack() as last:
            last.callback(self._end)
            if self._keeper is not None:  # first: what is under way fails without functions
                self._keeper.close()
            elif self._store is not None:
                self._store.close()

    def _end(self) -> None:
        self.router.close()
        self.event_sources.close()
        self.functions.close()
        self._server.close()
        if self._front is not None:
            self._front.close()
        hooks.uninstall()

    def _deploy(self, template: Path, stack: str, parameters: Mapping[str, str] | None) -> Deployed:
        session = boto3.session.Session(
            DEPLOYER, self.keys.secret_of(DEPLOYER), region_name=DEFAULT_REGION
        )
        given = SUBSCRIBERS if parameters is None else parameters
        kept = home.folder() / "translated.json"
        deployed = deploy(template, stack, given, session, self.endpoint, self._front_address, kept)
        if deployed.distribution is not None:
            at = frozenset({self._front_address()})
            fetch = origin(self.deployment.s3)
            front = Front(deployed.distribution, fetch, cloudfront_functions.run, at)
            self._front = Server(self._front_socket(), front)
        for spec in deployed.functions:
            self.functions.register(spec)
        return deployed

    def _front_address(self) -> str:
        return f"{HOST}:{self._front_socket().getsockname()[1]}"

    def _restore(self) -> Kept:
        if self._store is None:
            return Kept()
        state = EngineState(DEFAULT_REGION, self.inbox, self.router)
        keeper = Keeper(self._store, state)
        unplaced = keeper.restore()
        self._keeper = keeper
        return Kept(frozenset(state.ended), state.messages, unplaced)

    def _serve(self, gateway: Gateway) -> Server:
        for name, level in QUIET.items():
            logging.getLogger(name).setLevel(level)
        warnings.filterwarnings("ignore", message="Tried to parse .* not supported by moto")
        os.environ["MOTO_PORT"] = str(self.port)
        moto_api_backend.reset()
        return Server(self._socket, gateway)


def _wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition holds; return whether it did within some seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(POLL_SECONDS)
    return False


@contextlib.contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C and SIGTERM set, so that an engine is closed in order."""
    stop = threading.Event()
    previous = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
