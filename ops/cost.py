"""What one execution costs on AWS, estimated from its history and a dated price table.

What is assumed:

- On-demand prices of us-east-1, without free tier, discounts or taxes.
- Lambda is billed for the time that the history shows between the start and the end of a call. That
  includes the call's own overhead and a cold start, so it is a little more than Lambda bills. An
  execution that ran in the local engine shows this machine's speed, not that of Lambda.
- Each step makes the S3 calls that its code makes when nothing is retried inside it.
- A DynamoDB write is billed per KB of the item, estimated by the values that the state writes.
- One e-mail goes out for each message that is published and not silenced. SMS differ in price by
  country and carrier, and are left out.
- Left out, since they do not belong to one execution: storage, logs, traces, metrics, the upload
  itself, data transfer, EventBridge.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops.executions import Execution
from ops.history import Attempt, StateRun

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

KB = 1024


@dataclass(frozen=True)
class Prices:
    """Prices in US dollars for one unit each.

    Parameters
    ----------
    date, region
        When and where they held.
    transition
        Step Functions Standard, one state transition.
    lambda_gb_second, lambda_request
        Lambda on arm64.
    s3_put, s3_get
        S3 Standard: one PUT or COPY, one GET or HEAD.
    dynamodb_write
        DynamoDB on demand: one write request unit.
    sns_publish, sns_email
        SNS: one publish request, one e-mail.
    """

    date: str
    region: str
    transition: float
    lambda_gb_second: float
    lambda_request: float
    s3_put: float
    s3_get: float
    dynamodb_write: float
    sns_publish: float
    sns_email: float


PRICES = Prices(
    date="2026-11-21",
    region="us-east-1",
    transition=0.025 / 1_000,
    lambda_gb_second=0.0000133334,
    lambda_request=0.20 / 1_000_000,
    s3_put=0.005 / 1_000,
    s3_get=0.0004 / 1_000,
    dynamodb_write=0.625 / 1_000_000,
    sns_publish=0.50 / 1_000_000,
    sns_email=2.00 / 100_000,
)


@dataclass(frozen=True)
class Item:
    """One line of the estimate.

    Parameters
    ----------
    what
        What is billed, as ``Lambda time``.
    quantity, unit
        How much of it.
    usd
        The sum, in US dollars.
    """

    what: str
    quantity: float
    unit: str
    usd: float


@dataclass(frozen=True)
class Cost:
    """An estimate, item by item.

    Parameters
    ----------
    items
        The lines.
    prices
        The table that it was made with.
    """

    items: tuple[Item, ...]
    prices: Prices

    @property
    def usd(self) -> float:
        """The sum, in US dollars."""
        return math.fsum(item.usd for item in self.items)


# What the steps' code does in S3, by the state's name: (PUT and COPY, GET and HEAD).
_S3_CALLS = {
    "Prepare": (1, 1),  # reads the source, writes the mezzanine
    "Resize": (1, 1),  # reads the mezzanine, writes a rendition
    "MakePdf": (1, 1),  # reads the mezzanine, writes the PDF
    "BackupOriginal": (1, 1),  # copies, then looks at the copy
}


def estimate(execution: Execution, memory_mb: Mapping[str, int], prices: Prices = PRICES) -> Cost:
    """Estimate what an execution cost so far.

    Parameters
    ----------
    execution
        With its states.
    memory_mb
        Memory of each Lambda function, in MiB, by its name.
    prices
        The price table.

    Returns
    -------
    Cost
        With a line for everything that was used.

    Raises
    ------
    KeyError
        The memory of a function that was called is not given.
    """
    calls = [(state, attempt) for state in execution.states for attempt in state.attempts]
    invocations = [attempt for _, attempt in calls if attempt.function is not None]
    gb_seconds = math.fsum(
        memory_mb[attempt.function] / 1024 * _billed_seconds(attempt)
        for attempt in invocations
        if attempt.function is not None
    )
    puts = sum(_S3_CALLS.get(state.name, (0, 0))[0] for state, _ in calls)
    gets = sum(_S3_CALLS.get(state.name, (0, 0))[1] for state, _ in calls)
    writes = sum(_write_units(attempt) for _, attempt in calls if _is(attempt, "dynamodb"))
    published = [state for state, attempt in calls if _is(attempt, "sns") and not attempt.error]
    emails = sum(_reaches_mailboxes(state) for state in published)
    lines = (
        ("Step Functions", execution.transitions, "transitions", prices.transition),
        ("Lambda time", gb_seconds, "GB-s", prices.lambda_gb_second),
        ("Lambda requests", len(invocations), "requests", prices.lambda_request),
        ("S3 writes", puts, "PUT", prices.s3_put),
        ("S3 reads", gets, "GET", prices.s3_get),
        ("DynamoDB", writes, "write units", prices.dynamodb_write),
        ("SNS requests", len(published), "requests", prices.sns_publish),
        ("SNS e-mail", emails, "e-mails", prices.sns_email),
    )
    return Cost(
        tuple(Item(what, n, unit, n * price) for what, n, unit, price in lines if n), prices
    )


def _billed_seconds(attempt: Attempt) -> float:
    """Return the duration, in whole milliseconds, as Lambda bills it."""
    return math.ceil(attempt.seconds * 1000) / 1000


def _is(attempt: Attempt, service: str) -> bool:
    return attempt.resource.startswith(f"{service}:")


def _write_units(attempt: Attempt) -> int:
    """Return the write request units: one per KB of the item, at least one."""
    try:
        values = json.loads(attempt.parameters)["ExpressionAttributeValues"]
    except (ValueError, KeyError, TypeError):
        return 1
    return max(1, math.ceil(len(json.dumps(values)) / KB))


def _reaches_mailboxes(state: StateRun) -> bool:
    """Tell whether a message passes the subscriptions' filter on ``notify``."""
    try:
        attributes = json.loads(state.attempts[-1].parameters)["MessageAttributes"]
        silenced = attributes["notify"]["StringValue"] == "false"
    except (ValueError, KeyError, TypeError):
        return True
    return not silenced


class Memory(dict[str, int]):
    """Memory of Lambda functions in MiB, by name; each is asked for when it is first needed.

    Parameters
    ----------
    client
        A boto3 client of Lambda.
    """

    def __init__(self, client: LambdaClient) -> None:
        super().__init__()
        self._client = client

    def __missing__(self, name: str) -> int:
        """Ask for a function.

        Raises
        ------
        KeyError
            There is no such function any more.
        """
        try:
            found = self._client.get_function_configuration(FunctionName=name)["MemorySize"]
        except self._client.exceptions.ResourceNotFoundException:
            raise KeyError(name) from None
        self[name] = found
        return found
