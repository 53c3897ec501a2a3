"""`darkroom cost`: what executions cost, an image and a thousand, by what was measured."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from darkroom_ops.cli.command import LOOK, command
from darkroom_ops.cli.ls import since_of
from darkroom_ops.cli.options import Prefix, Since, key_of
from darkroom_ops.cli.target import Target
from darkroom_ops.present import words
from darkroom_ops.present.failures import INTERRUPTED

if TYPE_CHECKING:
    from rich.console import Console

    from darkroom_ops.deployment import Deployment
    from darkroom_ops.executions.client import Executions
    from darkroom_ops.executions.cost import Cost, Item
    from darkroom_ops.executions.listed import Filter, Listed

COMPLETE = "COMPLETE"
THOUSAND = 1000


@dataclass(frozen=True)
class Sum:
    """What some executions cost together, line by line."""

    executions: int
    items: tuple[Item, ...]

    @property
    def usd(self) -> float:
        """The sum, in US dollars."""
        return math.fsum(item.usd for item in self.items)

    @property
    def each(self) -> float:
        """The mean of an execution, in US dollars."""
        return self.usd / self.executions


@command(
    "darkroom cost --since 7d --stack darkroom",
    "darkroom cost --json",
    panel=LOOK,
)
def cost(
    target: Target,
    *,
    since: Since = None,
    prefix: Prefix = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="NUMBER", help="The newest ones only."),
    ] = None,
) -> int:
    """Add up what executions cost on AWS: an image, and 1,000 images, by measured durations."""
    from darkroom_ops.cli import display
    from darkroom_ops.executions.client import Executions
    from darkroom_ops.executions.listed import Filter

    only = Filter(since=since_of(since), prefix=key_of(prefix))
    deployment = target.deployment()
    executions = Executions(deployment, itemized=True)
    screen = target.screen()
    estimates: list[tuple[str, Cost]] = []
    stopped = False
    try:
        with display.counting(screen, "Reading executions") as count:
            for looked, each in enumerate(_estimates(executions, only, limit), 1):
                estimates += [each] if each is not None else []
                count(looked)
    except KeyboardInterrupt:
        stopped = True
    sums = by_outcome(estimates)
    if target.json:
        print(json.dumps({**_as_json(sums), "stopped": stopped}))
    elif sums:
        _print(screen, deployment, sums)
    elif not stopped:
        screen.print("No such execution has ended, so there is nothing to add up.")
    if stopped:
        screen.print(
            f"\nStopped: the newest {words.count(len(estimates), 'execution')} were added up, and "
            "none behind them; --since or --limit asks for fewer."
        )
    return INTERRUPTED if stopped else 0


def by_outcome(estimates: Iterable[tuple[str, Cost]]) -> dict[str, Sum]:
    """Add up estimates, by outcome; the most frequent first."""
    counts: Counter[str] = Counter()
    lines: defaultdict[str, dict[str, Item]] = defaultdict(dict)
    for outcome, estimate in estimates:
        counts[outcome] += 1
        for item in estimate.items:
            lines[outcome][item.what] = _plus(lines[outcome].get(item.what), item)
    return {
        outcome: Sum(number, tuple(lines[outcome].values()))
        for outcome, number in counts.most_common()
    }


def _plus(before: Item | None, item: Item) -> Item:
    if before is None:
        return item
    return dataclasses.replace(
        item, quantity=before.quantity + item.quantity, usd=before.usd + item.usd
    )


def _estimates(
    executions: Executions, only: Filter, limit: int | None
) -> Iterator[tuple[str, Cost] | None]:
    """Yield the outcome and the cost of each that has ended, and None for any other.

    On AWS, each takes a request for its history, and AWS throttles those.
    """
    from darkroom_ops.executions.client import AT_ONCE, BATCH
    from darkroom_ops.executions.model import RUNNING

    def estimated(each: Listed | None) -> tuple[str, Cost] | None:
        price = None if each is None else executions.cost_of(each)
        return None if each is None or price is None else (each.outcome or each.status, price)

    def wanted() -> Iterator[Listed | None]:
        ended = 0
        for each in executions.looked(only, costs=False):
            ends = each is not None and each.status != RUNNING
            ended += ends
            yield each if ends else None
            if ended == limit:
                return

    every = wanted()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while batch := list(itertools.islice(every, BATCH)):
            # What is known needs no thread: handing it to one costs more than adding it up.
            known = all(each is None or executions.is_billed(each) for each in batch)
            yield from (map if known else pool.map)(estimated, batch)


NARROW = 72
"""Columns of a screen that is too narrow for all that a bill says."""


def _print(screen: Console, deployment: Deployment, sums: dict[str, Sum]) -> None:
    from darkroom_ops.cli import display

    total = sum(each.executions for each in sums.values())
    usd = math.fsum(each.usd for each in sums.values())
    about = COMPLETE if COMPLETE in sums else next(iter(sums))
    chosen = sums[about]
    title = Text().append(words.count(total, "execution"), "bold")
    title.append(f", about {words.dollars(usd)} on AWS\n")
    screen.print(title)
    table = display.borderless()
    kind = "An image" if about == COMPLETE else f"An execution ({_name(about)})"
    # On a narrow screen, the price of one is left out: that of 1,000 says the same.
    narrow = screen.width < NARROW
    for name, justify in (
        (f"  {kind}", "left"), ("", "right"), ("", "left"), ("Each", "left"), ("1,000", "left"),
    ):  # fmt: skip
        if not (narrow and name == "Each"):
            table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]

    def add(what: str | Text, number: str, unit: str, each: str, many: str | Text) -> None:
        table.add_row(what, number, unit, *(() if narrow else (each,)), many)

    for item in sorted(chosen.items, key=lambda each: -each.usd):
        usd_each = item.usd / chosen.executions
        add(
            f"  {item.what}", f"{item.quantity / chosen.executions:.2f}", item.unit,
            words.dollars(usd_each), words.dollars(usd_each * THOUSAND),
        )  # fmt: skip
    add(
        Text("  Together", "bold"), "", "", words.dollars(chosen.each),
        Text(words.dollars(chosen.each * THOUSAND), "bold"),
    )  # fmt: skip
    screen.print(table)
    screen.print()
    for outcome, each in sums.items():
        label = Text().append(f"  {_name(outcome):<18}", display.STYLES.get(outcome, ""))
        label.append(f"{words.count(each.executions, 'execution'):<16}")
        if not narrow:
            label.append(f"{words.dollars(each.each)} each, ", "dim")
        label.append(f"{words.dollars(each.usd)} together", "dim")
        screen.print(label)
    screen.print()
    display.say(screen, Text("\n".join(_assumed(deployment)), "dim"))


def _assumed(deployment: Deployment) -> Iterable[str]:
    from darkroom_ops.executions.cost import PRICES

    yield (
        f"Prices of {PRICES.region} on {PRICES.date}, on demand, without free tier. Left out: "
        "storage, logs, SMS, data transfer."
    )
    if deployment.endpoint is not None:
        yield "Durations are this machine's; on Lambda they differ. All else is as on AWS."


def _name(outcome: str) -> str:
    return outcome.replace("_", " ")


def _as_json(sums: dict[str, Sum]) -> dict[str, Any]:
    from darkroom_ops.executions.cost import PRICES

    return {
        "prices": {"date": PRICES.date, "region": PRICES.region},
        "executions": sum(each.executions for each in sums.values()),
        "usd": math.fsum(each.usd for each in sums.values()),
        "outcomes": {
            outcome: {
                "executions": each.executions,
                "usd": each.usd,
                "usd_each": each.each,
                "usd_per_1000": each.each * THOUSAND,
                "items": [
                    {
                        "what": item.what,
                        "unit": item.unit,
                        "quantity_each": item.quantity / each.executions,
                        "usd_each": item.usd / each.executions,
                    }
                    for item in each.items
                ],
            }
            for outcome, each in sums.items()
        },
    }
