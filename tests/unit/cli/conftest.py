"""The executions of a stack, as they are given, for the commands."""

from __future__ import annotations

import datetime
import io
import json
import re
import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError
from rich.console import Console
from rich.segment import Segment
from rich.text import Text

from darkroom_ops.executions.client import ListPage, NoSuchExecution
from darkroom_ops.executions.cost import Cost
from darkroom_ops.executions.listed import Filter, Listed
from darkroom_ops.executions.model import SourceObject
from tests.support.cli import invoke

NOON = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)
ARN = "arn:aws:states:us-east-1:123456789012:execution:pipeline:"


def listed(name: str = "aaaaaaaa-1", outcome: str | None = "COMPLETE", **changed: Any) -> Listed:
    found = Listed(
        arn=f"{ARN}{name}",
        status="SUCCEEDED",
        outcome=outcome,
        error=None,
        source=SourceObject("bucket", f"uploads/{name}.jpg"),
        started=NOON,
        stopped=NOON + datetime.timedelta(seconds=2),
        seconds=2.0,
        usd=0.0005,
    )
    return msgspec.structs.replace(found, **changed)


class Executions:
    """The executions of a stack, and what was asked of them."""

    def __init__(self) -> None:
        self.items: list[Listed] = []
        self.whole: dict[str, Any] = {}
        self.prices: dict[str, Cost] = {}
        self.asked: dict[str, Any] = {}
        self.left: Any = None
        """Those that were not taken."""
        self.stopped: dict[str, str] = {}
        self.finished: dict[str, Any] = {}
        self.started: list[Any] = []
        self.express = self.itemized = False
        self.deployment = SimpleNamespace(
            endpoint=None,
            stack="photos",
            lambda_=None,
            state_machine_arn="machine",
            stepfunctions=SimpleNamespace(
                stop_execution=lambda **given: self.stopped.update(given),
                start_execution=self._start,
            ),
        )

    def _start(self, *, stateMachineArn: str, **given: str) -> dict[str, str]:  # noqa: N803
        assert stateMachineArn == "machine"
        self.started.append(json.loads(given["input"]))
        return {"executionArn": f"{ARN}started"}

    def recent(self, *, limit: int, **narrowed: Any) -> ListPage:
        self.asked = narrowed | {"limit": limit}
        more = len(self.items) > limit
        return ListPage(tuple(self.items[:limit]), self.items[limit - 1].arn if more else None)

    def each(self, only: Filter | None = None, **narrowed: Any) -> Any:
        self.asked = narrowed
        self.left = iter([each for each in self.items if only is None or only.wants(each)])
        return self.left

    def looked(self, only: Filter, **narrowed: Any) -> Any:
        self.asked = narrowed | {"only": only}
        self.left = iter([each if only.wants(each) else None for each in self.items])
        return self.left

    def described(self, arn: str) -> Any:
        return self.whole[arn]

    def require_list(self) -> None:
        if self.express:
            raise ClientError({"Error": {"Code": "StateMachineTypeNotSupported"}}, "ListExecutions")

    def typical_usd(self) -> float | None:
        return 0.25

    def find(self, named: str) -> str:
        if named not in self.whole:
            raise NoSuchExecution("none such")
        return named

    search = find

    def get(self, arn: str) -> Any:
        return self.whole[arn]

    def is_billed(self, _: Listed) -> bool:
        return False

    def cost_of(self, each: Listed) -> Cost | None:
        return self.cost(self.get(each.arn))

    def cost(self, execution: Any) -> Cost | None:
        return self.prices.get(execution)


@pytest.fixture
def executions(monkeypatch: pytest.MonkeyPatch) -> Executions:
    made = Executions()
    monkeypatch.setattr("darkroom_ops.cli.address.connect", lambda *_: made.deployment)

    def of(_: object, *, itemized: bool = False) -> Executions:
        made.itemized = itemized
        return made

    monkeypatch.setattr("darkroom_ops.executions.client.Executions", of)
    return made


def darkroom(*words: str, typed: str | None = None) -> tuple[int, str]:
    done = invoke(words, input=typed, env={"COLUMNS": "200"})
    return done.exit_code, done.stdout


def screen(width: int) -> Console:
    """Return a terminal of so many columns, which records what it shows."""
    return Console(
        file=io.StringIO(),
        width=width,
        record=True,
        force_terminal=True,
        color_system=None,
        _environ={"TERM": "xterm"},
    )


def coloured(text: str) -> str:
    """Return what a terminal is sent with its colours in words: ``<red>no</>``.

    Where a line ends in a space, a dot says so.
    """
    plain = Console(color_system=None)
    parts = []
    for part in Segment.simplify(Text.from_ansi(text).render(plain)):
        style = re.sub(r"color\((\d+)\)", lambda found: COLOURS[int(found[1]) % 8], str(part.style))
        parts.append(part.text if style in {"none", "None"} else f"<{style}>{part.text}</>")
    return re.sub(" $", "·", "".join(parts).rstrip(), flags=re.MULTILINE) + "\n"


COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")


@pytest.fixture
def shown(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[..., None]]:
    """Compare what a command shows at a terminal, whole, with what it has to: ``screens`` has it.

    A terminal without width is none, but a file or a pipe. With ``--record-screens``, the files
    are written anew.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DARKROOM_HOME", "[home]")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()

    def compare(name: str, *words: str, width: int = 100, typed: str | None = None) -> None:
        seen = {"COLUMNS": str(width), "TERM": "xterm", "TTY_INTERACTIVE": "0"}
        terminal = {"TTY_COMPATIBLE": "1"} if width else {}
        done = invoke(words, input=typed, env=seen | terminal)
        if "--json" in words:
            text = json.dumps(json.loads(done.stdout), indent=1, ensure_ascii=False) + "\n"
        elif "--help" in words:  # without what Typer draws around it
            plain = Text.from_ansi(re.sub("[─-╿]", " ", done.stdout)).plain
            lines = (" ".join(line.split()) for line in plain.split("\n"))
            text = "".join(f"{line}\n" for line in lines if line)
        else:
            text = coloured(done.stdout)
        text = f"$ {shlex.join(['darkroom', *words])}\n{text}exit code {done.exit_code}\n"
        path = SCREENS / f"{name}.txt"
        if request.config.getoption("--record-screens"):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    yield compare
    monkeypatch.undo()
    time.tzset()


SCREENS = Path(__file__).with_name("screens")
