"""What one execution costs on AWS, estimated from its history and a dated price table.

What is assumed:

- On-demand prices of us-east-1, without free tier, discounts or taxes.
- Lambda is billed for the time that the history shows between the start and the end of a call. That
  includes the call's own overhead and a cold start, so it is a little more than Lambda bills. An
  execution that ran in the local engine shows this machine's speed, not that of Lambda.
- Each step makes the calls that its code makes when nothing is retried inside it: `CALLS`. One
  that fails is taken to fail on what it reads first.
- A DynamoDB write is billed per KB of the whole item, estimated by the values that the last state
  wrote: Notify, which marks the record, is billed for all of it.
- One e-mail goes out for each message that is published and not silenced. SMS differ in price by
  country and carrier, and are left out.
- Left out, since they do not belong to one execution: storage, logs, traces, metrics, the upload
  itself, data transfer, EventBridge, the alert about an execution that ended as a whole.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from darkroom_ops.executions.history import Attempt, StateRun
from darkroom_ops.executions.model import Execution

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

KB = 1024


@dataclass(frozen=True)
class Prices:
    """Prices in US dollars for one unit each, and when and where they held."""

    date: str = "2026-11-21"
    region: str = "us-east-1"
    transition: float = 0.025 / 1_000  # Step Functions Standard
    lambda_gb_second: float = 0.0000133334  # on arm64
    lambda_request: float = 0.20 / 1_000_000
    s3_put: float = 0.005 / 1_000  # S3 Standard: one PUT, COPY or LIST
    s3_get: float = 0.0004 / 1_000  # one GET or HEAD
    dynamodb_write: float = 0.625 / 1_000_000  # on demand: one request unit
    dynamodb_read: float = 0.125 / 1_000_000
    sns_publish: float = 0.50 / 1_000_000
    sns_email: float = 2.00 / 100_000


PRICES = Prices()


BILLED = (
    ("Step Functions", "transitions", "transition"),
    ("Lambda time", "GB-s", "lambda_gb_second"),
    ("Lambda requests", "requests", "lambda_request"),
    ("S3 writes", "PUT", "s3_put"),
    ("S3 reads", "GET", "s3_get"),
    ("DynamoDB writes", "write units", "dynamodb_write"),
    ("DynamoDB reads", "read units", "dynamodb_read"),
    ("SNS requests", "requests", "sns_publish"),
    ("SNS e-mail", "e-mails", "sns_email"),
)
"""What is billed, its unit, and the name of its price."""


@dataclass(frozen=True)
class Item:
    """One line of the estimate: what is billed, as ``Lambda time``, how much, and the sum."""

    what: str
    quantity: float
    unit: str
    usd: float


@dataclass(frozen=True)
class Cost:
    """An estimate, line by line, and the price table that it was made with."""

    items: tuple[Item, ...]
    prices: Prices

    @property
    def usd(self) -> float:
        """The sum, in US dollars."""
        return math.fsum(item.usd for item in self.items)

    @property
    def quantities(self) -> tuple[float, ...]:
        """How much there was of each of what is billed: all that differs among executions."""
        known = {item.what: item.quantity for item in self.items}
        return tuple(known.get(what, 0) for what, _, _ in BILLED)


@dataclass(frozen=True)
class Calls:
    """What a step's code calls: S3 (PUT, COPY and LIST; GET and HEAD), DynamoDB, SNS."""

    puts: int = 0
    gets: int = 0
    writes: int = 0
    reads: int = 0
    publishes: bool = False


# By the state's name. A managed copy looks at the source first; what is written is looked at before
# (an output, for the number of its claim) or after (a copy, to compare).
CALLS = {
    "Prepare": Calls(puts=2, gets=3),  # reads the source, writes the mezzanine, copies the original
    "Resize": Calls(puts=1, gets=2),
    "MakePdf": Calls(puts=1, gets=2),
    "BackupOriginal": Calls(puts=1, gets=2),
    "NotifySuccess": Calls(reads=1, writes=1, publishes=True),  # the record says: announced
    "NotifyFailure": Calls(reads=1, writes=1, publishes=True, puts=1),  # lists what was made
}


def _calls(state: StateRun, attempt: Attempt) -> Calls:
    """Return what one call of a state's function called in turn."""
    called = CALLS.get(state.name, Calls())
    return Calls(gets=min(1, called.gets), reads=called.reads) if attempt.error else called


def estimate(execution: Execution, memory_mb: Mapping[str, int], prices: Prices = PRICES) -> Cost:
    """Estimate what an execution, given with its states, cost so far, line by line.

    The memory of Lambda functions is in MiB, by name; a KeyError says that it is not given for one
    that was called.
    """
    calls = [(state, attempt) for state in execution.states for attempt in state.attempts]
    invocations = [
        (attempt.function, attempt.seconds) for _, attempt in calls if attempt.function is not None
    ]
    # Lambda bills whole milliseconds.
    gb_seconds = math.fsum(
        memory_mb[function] / 1024 * math.ceil(seconds * 1000) / 1000
        for function, seconds in invocations
    )
    made = [_calls(state, attempt) for state, attempt in calls]
    written = _write_units(calls)
    published = [attempt for state, attempt in calls if _calls(state, attempt).publishes]
    emails = sum(_reaches_mailboxes(attempt) for attempt in published)
    return billed(
        (
            execution.transitions,
            gb_seconds,
            len(invocations),
            sum(each.puts for each in made),
            sum(each.gets for each in made),
            written,
            sum(each.reads for each in made),
            len(published),
            emails,
        ),
        prices,
    )


def billed(quantities: tuple[float, ...], prices: Prices = PRICES) -> Cost:
    """Return the estimate for so much of each of what is billed."""
    return Cost(
        tuple(
            Item(what, quantity, unit, quantity * getattr(prices, price))
            for (what, unit, price), quantity in zip(BILLED, quantities, strict=True)
            if quantity
        ),
        prices,
    )


def _write_units(calls: list[tuple[StateRun, Attempt]]) -> int:
    """Return the write request units: each write is billed by the whole item, as it is then."""
    total, item = 0, 1
    for state, attempt in calls:
        if attempt.resource.startswith("dynamodb:"):
            item = _item_units(attempt)
            total += item
        total += item * _calls(state, attempt).writes
    return total


def _item_units(attempt: Attempt) -> int:
    """Return the units of the item that a state writes: one per KB, at least one."""
    try:
        values = json.loads(attempt.parameters)["ExpressionAttributeValues"]
    except (ValueError, KeyError, TypeError):
        return 1
    return math.ceil(len(json.dumps(values)) / KB)


def _reaches_mailboxes(attempt: Attempt) -> bool:
    """Return whether a message passes the subscriptions' filter on ``notify``."""
    try:
        return json.loads(attempt.parameters)["Payload"]["input"]["notify"] is not False
    except (ValueError, KeyError, TypeError):
        return True


class Memory(dict[str, int]):
    """Memory of Lambda functions in MiB, by name; each is asked for when it is first needed."""

    def __init__(self, client: Callable[[], LambdaClient]) -> None:
        """Ask by a client, which takes a while to make: so it is made when it is needed."""
        self._client = client

    def __missing__(self, name: str) -> int:
        """Ask for a function; a KeyError says that there is none any more."""
        client = self._client()
        try:
            memory = client.get_function_configuration(FunctionName=name)["MemorySize"]
        except client.exceptions.ResourceNotFoundException:
            raise KeyError(name) from None
        self[name] = memory
        return memory
