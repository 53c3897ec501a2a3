"""`darkroom demo`: real photos through the real state machine, and what came of them."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from darkroom_ops.cli.command import MACHINE, command
from darkroom_ops.cli.target import Target

if TYPE_CHECKING:
    from rich.console import Console


@command("darkroom demo --output my-demo", panel=MACHINE, stack=False)
def demo(
    target: Target,
    *,
    output: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER", help="Folder for renditions, PDFs and summary.json; made anew."
        ),
    ] = Path("demo-output"),
) -> int:
    """Watch real photos go through the whole workflow, with a duplicate and a corrupt file.

    Exits with 1 when an outcome was not the expected one.
    """
    from darkroom_ops.cli import demonstration

    screen = target.screen()
    demonstration.check()
    demonstration.empty(output)
    began = time.monotonic()
    screen.print(Text().append("Darkroom", "bold").append(": film in, prints out.\n"))
    with contextlib.ExitStack() as stack:
        with _waiting(screen, "Starting the local engine and deploying template.yaml …"):
            # Here, not above: moto takes a second or two to load, and that should be seen.
            from darkroom_ops.cli.local import start
            from darkroom_ops.engine.engine import interruptible

            stop = stack.enter_context(interruptible())
            engine = stack.enter_context(start())
        screen.print(f"The engine is up at {engine.endpoint}; uploading.\n", style="dim")
        running = demonstration.Demo(engine, screen)

        def ticks() -> Iterator[bool]:
            until = time.monotonic() + demonstration.GIVE_UP_SECONDS
            while not stop.wait(demonstration.POLL_SECONDS):
                yield time.monotonic() > until
            yield True

        running.upload()
        running.follow(ticks())
        if stop.is_set():
            raise KeyboardInterrupt
        running.estimate()
        running.download(output)
        problems = running.problems()
        summary = running.summary(problems, time.monotonic() - began)
        text = json.dumps(summary, indent=2, ensure_ascii=False)
        (output / demonstration.SUMMARY).write_text(text + "\n")
        if target.json:
            print(text)
        for part in demonstration.report(running):
            screen.print(part, soft_wrap=isinstance(part, Text))
    demonstration.show_verdict(screen, output, problems, time.monotonic() - began)
    return 1 if problems else 0


def _waiting(screen: Console, text: str) -> contextlib.AbstractContextManager[object]:
    """Say what takes a moment: with a spinner on a terminal, else as a line."""
    if screen.is_terminal and not screen.quiet:
        return screen.status(text, spinner_style="dim")
    screen.print(text)
    return contextlib.nullcontext()
