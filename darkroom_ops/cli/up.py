"""`darkroom up`: the local engine in the foreground."""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import os
import shlex
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from darkroom_ops.cli.command import MACHINE, command
from darkroom_ops.cli.options import port_option
from darkroom_ops.cli.target import Target
from darkroom_ops.present import words
from darkroom_ops.present.failures import WrongUse

if TYPE_CHECKING:
    from rich.console import Console

    from darkroom_ops.deployment import Deployment
    from darkroom_ops.engine.engine import Engine
    from darkroom_ops.engine.inbox import Message
    from darkroom_ops.executions.model import Execution

PORT = 4599
"""Preferred, so that an exported AWS_ENDPOINT_URL stays right from one start to the next."""

POLL_SECONDS = 0.3

FIRST = {
    "SourceBucketName": "Upload to",
    "OutputBucketName": "Outputs",
    "BackupBucketName": "Backups",
    "WorkBucketName": "Mezzanines",
    "StateMachineArn": "State machine",
    "ImagesTableName": "Records",
    "PresetsParameterName": "Presets",
    "NotificationsTopicArn": "Messages",
    "AlertsTopicArn": "Alerts",
    "AlarmsTopicArn": "Alarms",
    "EventsDeadLetterQueueUrl": "Dead letters",
    "OutputsUrl": "CloudFront",
}
"""What an operator needs first, by the name of the stack's output, where it has that."""


@command(
    "darkroom up",
    "darkroom up --port 5000",
    "darkroom up --parameter BufferConcurrency=5",
    "darkroom up --data ~/darkroom",
    "darkroom up --json | jq -r 'select(.event) | .outcome'",
    panel=MACHINE,
    stack=False,
)
def up(
    target: Target,
    *,
    port: Annotated[int | None, port_option(PORT)] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="A parameter of the template, as for sam deploy. May be given several times.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="A folder that keeps objects, records and histories until the next start.",
        ),
    ] = None,
) -> int:
    """Run the local engine: AWS on this machine, with the template deployed. Ctrl-C ends it."""
    from darkroom_ops.cli import address
    from darkroom_ops.console.serve import serving
    from darkroom_ops.engine.engine import interruptible

    with (
        interruptible() as stop,
        _started(port, parameter or [], data) as engine,
        serving(engine.deployment, engine.inbox) as console,
    ):
        here = address.Address(
            engine.endpoint, engine.deployment.stack, os.getpid(), engine.keys.secret
        )
        with address.announced(here):
            usual = port is not None or engine.port == PORT
            output = _Lines() if target.json else _Screen(target.screen(), usual=usual)
            output.started(engine, console)
            engine.warm()
            # In a thread of its own: Ctrl-C need not wait until a look at the executions is over.
            watch = _Watch(engine, output, stop)
            watch.start()
            # Not for ever: a signal that another thread receives does not wake this one.
            while not stop.wait(POLL_SECONDS):
                pass
        # What is under way ends with the engine; its complaints would only hide the prompt.
        logging.disable(logging.CRITICAL)
        if watch.error is not None:
            raise watch.error
        output.ended()
    return 0


@contextlib.contextmanager
def _started(port: int | None, parameters: list[str], data: Path | None) -> Iterator[Engine]:
    from darkroom_ops.cli.address import secret_key
    from darkroom_ops.cli.local import start
    from darkroom_ops.engine.data.keeper import Unwritten
    from darkroom_ops.ports import PortInUse, usual_or_any

    folder = data and data.expanduser().absolute()
    try:
        secret = secret_key()
        engine = usual_or_any(
            lambda number: start(number, secret_key=secret, parameters=parameters, data=folder),
            port,
            PORT,
        )
    except PortInUse as error:
        raise WrongUse(str(error)) from error
    try:
        with engine:
            yield engine
    except Unwritten as error:
        raise WrongUse(str(error)) from error


class _Watch(threading.Thread):
    """Shows what happens until the engine is to stop; an error of ours stops it too."""

    def __init__(self, engine: Engine, output: _Lines | _Screen, stop: threading.Event) -> None:
        super().__init__(name="watch", daemon=True)
        self.error: Exception | None = None
        self._engine = engine
        self._output = output
        self._stop_event = stop

    def run(self) -> None:
        try:
            self._watch()
        except Exception as error:  # noqa: BLE001 - raised again by the main thread
            if not self._stop_event.is_set():  # afterwards the engine does not answer any more
                self.error = error
                self._stop_event.set()

    def _watch(self) -> None:
        from darkroom_ops.executions.watch import Watcher

        deployment = self._engine.deployment
        machine = deployment.state_machine_arn
        listed = not _is_express(deployment)
        watcher = Watcher(deployment.stepfunctions, machine, self._engine.kept.executions)
        delivered = self._engine.kept.messages
        while not self._stop_event.wait(POLL_SECONDS):
            # Messages first: that of an execution's end is there before the end is seen.
            messages = self._engine.inbox.messages()[delivered:]
            delivered += len(messages)
            happened = watcher.poll() if listed else []
            if self._stop_event.is_set():
                return
            for execution in happened:
                self._output.execution(execution)
            for message in messages:
                self._output.message(message)


class _Lines:
    """JSON lines, for programs."""

    def started(self, engine: Engine, console: str) -> None:
        from darkroom_ops.cli.address import profile_file

        self._print(
            {
                "endpoint": engine.endpoint,
                "exports": engine.deployment.exports,
                "profile": str(profile_file()),
                "console": console,
                "region": engine.deployment.region,
                "stack": engine.deployment.stack,
                "outputs": engine.deployment.outputs,
                "left_out": dict(engine.deployed.left_out),
                "kept": {
                    "executions": len(engine.kept.executions),
                    "unplaced": dict(engine.kept.unplaced),
                },
                "pid": os.getpid(),
            }
        )

    def execution(self, execution: Execution) -> None:
        self._print(
            {
                "event": "execution",
                "execution": execution.arn,
                "source": _source(execution),
                "status": execution.status,
                "outcome": execution.outcome,
                "error": execution.error,
                "cause": execution.cause,
                "seconds": round(execution.seconds, 3) if execution.ended else None,
            }
        )

    def message(self, message: Message) -> None:
        self._print(
            {
                "event": "message",
                "topic": message.topic,
                "protocol": message.protocol,
                "execution": message.execution,
                "recipient": message.recipient,
                "subject": message.subject,
                "text": message.text,
            }
        )

    def ended(self) -> None:
        """Programs see the end of the output."""

    @staticmethod
    def _print(line: dict[str, Any]) -> None:
        print(json.dumps(line), flush=True)


class _Screen:
    """Text, for people."""

    def __init__(self, screen: Console, *, usual: bool) -> None:
        self._screen = screen
        self._usual = usual

    def started(self, engine: Engine, console: str) -> None:
        outputs = engine.deployment.outputs
        self._say(Text(f"Darkroom is up at {engine.endpoint}", "bold green"), "\n")
        self._say(Text().append(f"  {'Console':<15}", "dim").append(console, "bold"))
        if not self._usual:
            self._say(f"Port {PORT} is taken, so this is another one.\n")
        prefix = outputs["SourcePrefix"]
        for name, label in FIRST.items():
            if name not in outputs:
                continue
            value = outputs[name]
            if name.endswith("BucketName"):
                value = f"s3://{value}/{prefix if name == 'SourceBucketName' else ''}"
            self._say(Text().append(f"  {label:<15}", "dim").append(value))
        self._examples(engine)
        self._left_out(engine)
        self._kept(engine)
        self._say("\nExecutions and messages, as they happen (Ctrl-C ends the engine):\n")

    def execution(self, execution: Execution) -> None:
        from darkroom_ops.cli.display import STYLES

        outcome = execution.outcome or "started"
        line = self._stamped(outcome.replace("_", " "), STYLES.get(outcome, ""))
        line.append(words.plain(_source(execution) or "(no image named)"))
        if execution.ended:
            line.append(f"  {words.duration(execution.seconds)}", "dim")
        if execution.error:
            line.append(f"  {words.plain(execution.error)}", "red")
        line.append(f"  {words.plain(execution.name)}", "dim")
        self._say(line)

    def message(self, message: Message) -> None:
        kind = "e-mail" if message.protocol == "email" else "SMS"
        line = self._stamped(kind, "magenta")
        line.append(f"to {words.plain(message.recipient)}: ", "dim")
        line.append(words.plain(message.subject or message.text))
        self._say(line)

    def ended(self) -> None:
        self._say("\nDarkroom is down.")

    def _say(self, *parts: Text | str) -> None:
        # Long names stay whole, so that they can be copied; the terminal wraps them.
        self._screen.print(*parts, soft_wrap=True, sep="", markup=False)

    @staticmethod
    def _stamped(what: str, style: str) -> Text:
        now = datetime.datetime.now().astimezone().strftime("%H:%M:%S")
        return Text().append(f"{now}  ", "dim").append(f"{what:<18}", style)

    def _examples(self, engine: Engine) -> None:
        from darkroom_ops.cli.address import profile_file
        from darkroom_ops.deployment import PROFILE

        outputs = engine.deployment.outputs
        prefix = f"s3://{outputs['SourceBucketName']}/{outputs['SourcePrefix']}"
        profile = {"AWS_CONFIG_FILE": str(profile_file()), "AWS_PROFILE": PROFILE}
        self._say("\nIn another terminal, for any AWS client, one of these:\n")
        for exports in (profile, engine.deployment.exports):
            words = (f"{name}={shlex.quote(value)}" for name, value in exports.items())
            self._say("  export " + " ".join(words))
        self._say()
        machine = outputs["StateMachineArn"]
        followed = (
            f"aws stepfunctions list-executions --state-machine-arn {machine}",
            "darkroom run samples/rocket.jpg",
        )
        examples = [f"aws s3 cp samples/rocket.jpg {prefix}"]
        if not _is_express(engine.deployment):
            examples += followed
        for example in examples:
            self._say(f"  {example}")
        self._say(
            "\nAn AWS CLI before 2.13, or 1.29, asks AWS itself: give it "
            f"--endpoint-url {engine.endpoint} too."
        )

    def _left_out(self, engine: Engine) -> None:
        reasons: defaultdict[str, list[str]] = defaultdict(list)
        for name, reason in engine.deployed.left_out.items():
            reasons[reason].append(name)
        if reasons:
            self._say("\nThe template declares these, and the engine leaves them out:\n")
        for reason, names in sorted(reasons.items()):
            self._say(f"  {reason}: {', '.join(sorted(names))}")

    def _kept(self, engine: Engine) -> None:
        if engine.kept.executions:
            kept = words.count(len(engine.kept.executions), "execution")
            self._say(f"\nKept from before: {kept}.")
        for resource, count in sorted(engine.kept.unplaced.items()):
            self._say(f"\nKept, but the template has no place for it: {count} of {resource}.")


def _is_express(deployment: Deployment) -> bool:
    """Return whether the stack's executions are in no list."""
    described = deployment.stepfunctions.describe_state_machine(
        stateMachineArn=deployment.state_machine_arn
    )
    return described["type"] == "EXPRESS"


def _source(execution: Execution) -> str | None:
    return execution.source.key if execution.source else None
