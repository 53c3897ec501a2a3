"""An execution on the screen: live, and when it has ended. Plain lines without a terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Self

from darkroom.contract.formats import format_name
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from darkroom_ops.executions.cost import Cost
from darkroom_ops.executions.history import StateRun
from darkroom_ops.executions.model import Execution, Made
from darkroom_ops.present import words
from darkroom_ops.present.outcomes import NOTES, ending

STYLES = {
    "COMPLETE": "bold green",
    "ALREADY_PROCESSED": "bold cyan",
    "SUPERSEDED": "bold cyan",
    "FAILED": "bold red",
    "TIMED_OUT": "bold red",
    "ABORTED": "bold yellow",
}
"""Colour of an outcome."""

CONTAINERS = {"Map", "Parallel"}

SUCCEEDED, FAILED = "✓", "✗"


class Screen(Console):
    """Where to print. At a terminal, whole lines are broken between words, not by the terminal."""

    def print(self, *objects: Any, soft_wrap: bool | None = None, **given: Any) -> None:
        """Print as Rich does, but for whole lines, of ``soft_wrap``."""
        if soft_wrap and self.is_terminal:
            objects = tuple(map(self._wrapped, objects)) if len(objects) == 1 else objects
        super().print(*objects, soft_wrap=soft_wrap, **given)

    def _wrapped(self, what: Any) -> Any:
        if isinstance(what, str):
            return words.wrapped(what, self.width)
        if not isinstance(what, Text):
            return what
        found: list[Text] = []
        for line in what.split("\n", allow_blank=True):
            for start, end in words.broken(line.plain, self.width):
                part = line[start:end]
                part.pad_left(words.hanging(line.plain, self.width) if start else 0)
                found.append(part)
        return Text("\n").join(found)


def console() -> Console:
    """Return where to print: a terminal of its width, or plain text that no line is cut in."""
    screen = Screen(highlight=False)
    return screen if screen.is_terminal else Screen(highlight=False, width=PLAIN_WIDTH)


PLAIN_WIDTH = 120


@contextlib.contextmanager
def waiting(screen: Console, what: str) -> Iterator[None]:
    """Show on a terminal that something takes a moment."""
    with telling(screen, "{}") as tell:
        tell(what)
        yield


@contextlib.contextmanager
def telling(screen: Console, line: str) -> Iterator[Callable[[object], None]]:
    """Show on a terminal how far something is: what is told stands in the line for ``{}``."""
    if screen.quiet or not screen.is_terminal:
        yield lambda _: None
        return
    with screen.status("") as status:
        yield lambda told: status.update(Text(line.format(told), "dim"))


@contextlib.contextmanager
def counting(screen: Console, what: str) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how many of something there were, and that it can be stopped."""
    with telling(screen, f"{what}: {{}} so far. Ctrl-C shows what is known") as tell:
        tell(0)
        yield lambda number: None if number % COUNTED else tell(f"{number:,}")


COUNTED = 25
"""A number is shown anew after so many: on AWS, that is each second or two."""


class Board:
    """What changes while it is shown: in place on a terminal, a line for each change elsewhere."""

    transient = False

    def __init__(self, screen: Console) -> None:
        self._screen = screen
        live = Live(console=screen, transient=self.transient, refresh_per_second=10)
        self._live = live if screen.is_terminal else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()


def name_of(state: StateRun) -> str:
    """Return a state's name, with that of the rendition that a Map item makes."""
    return words.plain(f"{state.name} {state.rendition}" if state.rendition else state.name)


def summary(execution: Execution, cost: Cost | None) -> Text:
    """Return the line that says how an execution ended."""
    outcome = ending(execution)
    text = Text().append(outcome.replace("_", " "), STYLES.get(outcome, "bold"))
    if execution.source:
        text.append(f"  {words.plain(execution.source.key)}", "bold")
    text.append(f"\n{words.duration(execution.seconds)}, ")
    text.append(words.count(execution.transitions, "transition"))
    if cost is not None:
        text.append(
            f", about {words.dollars(cost.usd)} on AWS ({words.dollars(cost.usd * 1000)} per 1,000 "
            "such executions)"
        )
    if outcome in NOTES:
        text.append(f"\n\n  {NOTES[outcome]}")
    return text


def borderless(gap: int = 3) -> Table:
    """Return a table without lines, whose columns are so many cells apart."""
    return Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="dim")


def results(execution: Execution) -> list[Text | Table]:
    """Return what an execution made: a line a rendition, the PDF, the backup."""
    if execution.image is None:
        return []
    image, original = execution.image, execution.image.bytes
    table = borderless()
    for title in ("", "Pixels"):
        table.add_column(title, no_wrap=True)
    for title in ("Size", "", "Quality"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_row(
        f"  original ({format_name(image.format)})", f"{image.width} x {image.height}",
        words.size(original), "", "",
    )  # fmt: skip
    for made in execution.outputs:
        name = words.plain(made.key.rpartition("/")[2])
        table.add_row(
            f"  {name}", words.measure(made), words.size(made.bytes), words.saving(made, original),
            "" if made.quality is None else str(made.quality),
        )  # fmt: skip
    where = [("In", _folder(execution.outputs))] if execution.outputs else []
    if execution.backup:
        where.append(("Backup", f"s3://{execution.backup.bucket}/{execution.backup.key}"))
    notes = [(made.name, made.note) for made in execution.outputs if made.note]
    places = (f"  {words.plain(name):<8}{words.plain(said)}" for name, said in (*notes, *where))
    return [table, Text("\n".join(places))]


def _folder(made: tuple[Made, ...]) -> str:
    return f"s3://{made[0].bucket}/{made[0].key.rpartition('/')[0]}/"


def say(screen: Console, text: Text) -> None:
    """Print a paragraph, indented."""
    for line in text.split("\n", allow_blank=True):
        line.pad_left(2 if line else 0)
        screen.print(line, soft_wrap=True)


def as_json(execution: Execution, cost: Cost | None) -> dict[str, object]:
    """Return an execution as the commands give it with ``--json``."""
    return {
        "execution": execution.arn,
        "name": execution.name,
        "source": f"s3://{execution.source.bucket}/{execution.source.key}"
        if execution.source
        else None,
        "status": execution.status,
        "outcome": execution.outcome,
        "error": execution.error,
        "cause": execution.cause,
        "started": execution.started.isoformat(),
        "seconds": round(execution.seconds, 3),
        "transitions": execution.transitions,
        "cost_usd": None if cost is None else round(cost.usd, 9),
        "cost": [
            {"what": i.what, "quantity": round(i.quantity, 6), "unit": i.unit, "usd": i.usd}
            for i in (cost.items if cost else ())
        ],
        "outputs": [
            {
                "key": m.key,
                "content_type": m.content_type,
                "width": m.width,
                "height": m.height,
                "bytes": m.bytes,
                "quality": m.quality,
                "note": m.note,
            }
            for m in execution.outputs
        ],
        "backup": f"s3://{execution.backup.bucket}/{execution.backup.key}"
        if execution.backup
        else None,
        "states": [
            {
                "name": s.name,
                "type": s.type,
                "rendition": s.rendition,
                "start": round((s.entered - execution.started).total_seconds(), 3),
                "seconds": None if s.seconds is None else round(s.seconds, 3),
                "retries": s.retries,
                "error": s.error,
            }
            for s in execution.states
        ],
    }
