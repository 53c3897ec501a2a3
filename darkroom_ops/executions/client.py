"""The executions of a stack: listed newest first, found by whatever names one, read in full.

What has ended stays as it is, so it is asked for once. Only a redrive brings an ended execution to
life again, and then its status, its end or its count of redrives says so.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import itertools
import math
import re
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from darkroom.aws.records import Records
from darkroom.contract.arns import NAME, execution_arn, find_execution
from darkroom.contract.keys import record_key

from darkroom_ops.cache import Recent
from darkroom_ops.deployment import LEDGER, Deployment
from darkroom_ops.executions import cost
from darkroom_ops.executions.cost import Cost
from darkroom_ops.executions.index import Index
from darkroom_ops.executions.listed import (
    FAILURES,
    OUTCOMES,
    Bill,
    Entry,
    Filter,
    Line,
    Listed,
    cost_of,
)
from darkroom_ops.executions.listed import listed as line_of
from darkroom_ops.executions.model import RUNNING, Execution, read
from darkroom_ops.executions.watch import describe, describe_listed, history, listed, started_since

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.literals import ExecutionStatusType

AWS_STATUSES: tuple[ExecutionStatusType, ...] = (
    "RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED",
)  # fmt: skip
"""What Step Functions says of an execution."""

STATUSES: tuple[str, ...] = (*AWS_STATUSES, *OUTCOMES)
"""What a list can be filtered by."""

LISTED = 1000
"""Executions in one answer of ListExecutions, at most (its API reference)."""

SEARCHED = 10_000
"""Executions that are looked through for the beginning of a name."""

NAMED = 5
"""Executions that a message names, of those that fit."""

NAME_PART = 4
"""Characters of a name, at least, that can stand for it."""

BATCH = 25
"""Executions asked for at a time."""

AT_ONCE = 8
"""Requests at once: DescribeExecution and GetExecutionHistory are throttled per account."""

FOLDED = 10
"""How many executions a page may hold for each of its lines, at most."""

KEPT_LISTED, KEPT_WHOLE = 30_000, 200
"""Ended executions that are remembered: in short, and with their states."""


TYPICAL = 10
"""Executions whose cost stands for that of others: each takes its whole history."""

ALL = Filter()
"""Every execution."""


class NoSuchExecution(Exception):
    """What was named is no execution of this stack, or more than one.

    `says` is what is wrong, wherever it is read; `then` is what to do about it in a terminal.
    """

    def __init__(self, says: str, then: str = "") -> None:
        super().__init__(f"{says} {then}".strip())
        self.says = says


@dataclass(frozen=True)
class ListPage:
    """A part of the list, newest first."""

    items: tuple[Listed, ...]
    next: str | None  # the place to give as `after` for the part that follows; None at the end
    newer: str | None = None  # the place to give as `before` for the part in front; None at the top
    same: Mapping[str, int] = field(default_factory=dict)
    """How many more a line stands for, by its ARN: uploads of its image that needed no work."""
    looked: int = 0  # executions that were looked at
    cut: bool = False  # whether patience ended before enough were found

    @property
    def count(self) -> int:
        """How many executions its lines stand for."""
        return len(self.items) + sum(self.same.values())


class Executions:
    """The executions of a stack. Threads may share it."""

    def __init__(self, deployment: Deployment, *, itemized: bool = False) -> None:
        """Read a stack's; `itemized` where :meth:`cost_of` is asked for many of an engine."""
        self._deployment = deployment
        self._itemized = itemized
        self._bills: dict[tuple[str, datetime.datetime | None], tuple[float, ...]] = {}
        self._client = deployment.stepfunctions
        self._memory = cost.Memory(lambda: deployment.lambda_)
        self._listed: Recent[Entry] = Recent(KEPT_LISTED)
        self._whole: Recent[Execution] = Recent(KEPT_WHOLE)
        self._has_ledger = deployment.endpoint is not None
        self._index: Index | None = None
        self._indexing = threading.Lock()

    def recent(
        self,
        *,
        limit: int = 50,
        status: str | None = None,
        prefix: str | None = None,
        since: datetime.datetime | None = None,
        after: str | None = None,
        before: str | None = None,
        costs: bool = True,
        only: Filter = ALL,
        fold: bool = False,
        patience: float | None = None,
    ) -> ListPage:
        """Return a part of the list, so many lines at most, newest first.

        `after` and `before` are the `next` and the `newer` of another part; :meth:`each` says what
        the others are. With `fold`, those that were processed already stand on one line for each
        image. With `patience`, in seconds, it ends when they have passed, and says so: what it has
        looked at it knows the next time.
        """
        only = _narrowed(only, status, prefix, since)
        if before is not None:
            return self._in_front(before, only, limit, costs=costs, fold=fold)
        end = None if patience is None else time.monotonic() + patience
        rows, looked, last = _Rows(limit, fold=fold), 0, None
        for entry, taken in self._looked(only, after, costs=costs, expected=limit + 1):
            if taken is not None and not rows.add(entry, taken):
                return rows.page(last, newer=after is not None, looked=looked)
            looked, last = looked + 1, entry
            if end is not None and time.monotonic() > end:
                return rows.page(entry, newer=after is not None, looked=looked, cut=True)
        return rows.page(None, newer=after is not None, looked=looked)

    def _in_front(
        self, place: str, only: Filter, limit: int, *, costs: bool, fold: bool
    ) -> ListPage:
        """Return the part of the list that ends in front of a place."""
        front = [
            (entry, taken)
            for entry, taken in self._looked(only, None, costs=False, expected=LISTED, until=place)
            if taken is not None
        ]
        rows, whole = _Rows(limit, fold=fold, backwards=True), True
        for entry, taken in reversed(front):
            if not rows.add(entry, taken):
                whole = False
                break
        page = rows.page(rows.last, newer=not whole, looked=len(front))
        if not costs:
            return page
        entry_of = {taken.arn: entry for entry, taken in front}
        with ThreadPoolExecutor(AT_ONCE, "executions") as pool:
            taken_anew = pool.map(
                lambda each: self._take(entry_of[each.arn], only, costs=True) or each, page.items
            )
            return dataclasses.replace(page, items=tuple(taken_anew))

    def each(
        self,
        *,
        status: str | None = None,
        prefix: str | None = None,
        since: datetime.datetime | None = None,
        after: str | None = None,
        costs: bool = True,
        expected: int = LISTED,
        only: Filter = ALL,
    ) -> Iterator[Listed]:
        """Yield executions, newest first, asking for more as they are taken.

        They are those of a status, one of :data:`STATUSES` or else it is a ValueError, where FAILED
        means every failure: those that timed out or were aborted too; of images whose key has a
        prefix; that started since then; behind the place `after`. An estimate of what each cost
        takes one more request for each. About how many will be taken is `expected`. The newest is
        what ended last; what runs is among them by its start.
        """
        only = _narrowed(only, status, prefix, since)
        each = self._looked(only, after, costs=costs, expected=expected)
        yield from (taken for _, taken in each if taken is not None)

    def looked(
        self, only: Filter, *, costs: bool = True, expected: int = LISTED
    ) -> Iterator[Listed | None]:
        """Yield what :meth:`each` does, and None for each that is looked at and not wanted."""
        yield from (taken for _, taken in self._looked(only, None, costs=costs, expected=expected))

    def _looked(
        self,
        only: Filter,
        after: str | None,
        *,
        costs: bool,
        expected: int,
        until: str | None = None,
    ) -> Iterator[tuple[Entry, Listed | None]]:
        """Yield what is looked at, with its line if it is wanted, as far as the place `until`."""
        status = only.status
        if status is not None and status not in STATUSES:
            raise ValueError(f"Expected one of {', '.join(STATUSES)}, but received {status!r}.")
        narrowed = only != ALL or after is not None
        entries = self._entries(status, LISTED if narrowed else min(LISTED, max(1, expected)))
        if after is not None:
            entries = _behind(after, entries)
        if until is not None:
            entries = _in_front_of(until, entries)
        if only.since is not None:
            entries = started_since(only.since, entries)

        def take(entry: Entry) -> tuple[Entry, Listed | None]:
            return entry, self._take(entry, only, costs=costs)

        with ThreadPoolExecutor(AT_ONCE, "executions") as pool:
            while batch := list(itertools.islice(entries, min(BATCH, max(1, expected)))):
                # What is remembered needs no thread: handing it to one costs more than looking.
                unknown = [each for each in batch if each.known is None]
                if self._index and sum(each.status != RUNNING for each in unknown) > AT_ONCE:
                    self._index.learn(self._ledger() or ())
                    unknown = [each for each in batch if each.known is None]
                yield from (pool.map if unknown else map)(take, batch)

    def _indexed(self) -> Index | None:
        """Return the index of all executions; None where the engine has no ledger."""
        with self._indexing:
            if self._index is None and (lines := self._ledger()) is not None:
                self._index = Index(self._client, self._deployment.state_machine_arn, lines)
            return self._index

    def _ledger(self) -> Iterator[Line] | None:
        """Return all that the engine says has ended: that is one request, for whatever number."""
        bucket, key = LEDGER
        type_: Any = list[Bill] if self._itemized else list[Line]
        try:
            answer = self._deployment.s3.get_object(Bucket=bucket, Key=key)
            lines: list[Line] = msgspec.json.decode(answer["Body"].read(), type=type_)
        except (ClientError, BotoCoreError, msgspec.DecodeError):
            self._has_ledger = False  # another emulator
            return None
        for line in lines:
            if isinstance(line, Bill) and line.quantities is not None:
                self._bills[line.listed.arn, line.listed.stopped] = line.quantities
        ours = execution_arn(self._deployment.state_machine_arn, "")
        return (line for line in lines if line.listed.arn.startswith(ours))

    def get(self, arn: str) -> Execution:
        """Return an execution with its states, as far as it has come."""
        described = describe(self._client, arn)
        if described is None:
            raise self._unknown(arn)
        return self._read(described)

    def described(self, arn: str) -> Execution:
        """Return an execution without its states: that takes one request."""
        described = describe(self._client, arn)
        if described is None:
            raise self._unknown(arn)
        return read(described, [])

    def typical_usd(self) -> float | None:
        """Return what an image costs about: the mean of the newest complete ones."""
        each = self.each(only=Filter(status="COMPLETE"), expected=TYPICAL)
        prices = [e.usd for e in itertools.islice(each, TYPICAL) if e.usd is not None]
        return math.fsum(prices) / len(prices) if prices else None

    def cost(self, execution: Execution) -> Cost | None:
        """Return what an execution cost; None when it called a function that is gone."""
        return cost_of(execution, self._memory)

    def is_billed(self, each: Listed) -> bool:
        """Return whether what it cost is known line by line without a request."""
        return (each.arn, each.stopped) in self._bills

    def cost_of(self, each: Listed) -> Cost | None:
        """Return what an execution of the list cost, line by line."""
        known = self._bills.get((each.arn, each.stopped))
        return self.cost(self.get(each.arn)) if known is None else cost.billed(known)

    def find(self, text: str) -> str:
        """Return the ARN of the execution that a person names.

        It is named by its ARN, its address in the AWS console, its name or the beginning of it; or
        by ``s3://bucket/key``, which stands for the newest execution of that image. NoSuchExecution
        says what was looked for, and where.
        """
        if text.startswith("s3://"):
            return self._newest_of(text)
        if (arn := find_execution(unquote(text))) is not None:
            return arn
        name = text.strip()
        if not re.fullmatch(NAME, name):
            raise NoSuchExecution(
                "Expected an execution's name or its beginning, its ARN, its address in the "
                f"console, or s3://bucket/key, but received {text!r}."
            )
        machine = self._deployment.state_machine_arn
        try:
            arn = execution_arn(machine, name)
            return arn if describe(self._client, arn) else self._beginning_with(name)
        except NoSuchExecution:
            # A summary of alerts is told and redriven as any other, by its whole name.
            summaries = f"{machine.rpartition(':')[0]}:{self._deployment.stack}-alert-summary"
            arn = execution_arn(summaries, name)
            if describe(self._client, arn) is None:
                raise
            return arn

    def search(self, text: str) -> str:
        """Return the ARN of the execution that a person names, or else of the image.

        Beyond what :meth:`find` takes, a part of the key, of the error or of the id stands for the
        newest execution of the only image that fits. NoSuchExecution says which images fit.
        """
        try:
            return self.find(text)
        except NoSuchExecution:
            if not (part := text.strip()) or text.startswith("s3://"):
                raise
            fitting: dict[object, Listed] = {}
            only = Filter(text=part)
            looked = itertools.islice(
                self._looked(only, None, costs=False, expected=LISTED), LISTED
            )
            for _, each in looked:
                if each is not None:
                    fitting.setdefault(each.source.key if each.source else each.arn, each)
            if not fitting:
                raise
        newest_, *others = fitting.values()
        if others:
            some = ", ".join(
                f"{each.source.key if each.source else 'no image'} ({each.name})"
                for each in (newest_, *others)[:NAMED]
            )
            raise NoSuchExecution(
                f"Expected {part!r} to name one image, but {len(fitting)} fit: {some}"
                f"{', …' if len(fitting) > NAMED else ''}. Give more of it, or an execution."
            )
        return newest_.arn

    def names(self, beginning: str = "", limit: int = 50) -> list[tuple[str, str]]:
        """Return names of recent executions with their status, newest first, for completion."""
        entries = itertools.islice(self._entries(None, LISTED), LISTED)
        named = ((each.name, each.status) for each in entries if each.name.startswith(beginning))
        return list(itertools.islice(named, limit))

    def _entries(self, status: str | None, size: int) -> Iterator[Entry]:
        """Yield what ListExecutions says, newest first, narrowed as far as that alone can tell.

        An engine is asked for all in one request, and from then on for what is new.
        """
        if self._has_ledger and (index := self._indexed()):
            said = "SUCCEEDED" if status in OUTCOMES else status
            wanted = FAILURES if said == "FAILED" else {said}
            yield from (e for e in index.entries() if said is None or e.status in wanted)
            return
        only: dict[str, Any] = {}
        if status in OUTCOMES:
            only["statusFilter"] = "SUCCEEDED"
        elif status is not None and status != "FAILED":
            only["statusFilter"] = status
        for entry in listed(self._client, self._deployment.state_machine_arn, size, **only):
            if status != "FAILED" or entry.status in FAILURES:
                yield self._listed.get(entry.key) or entry

    def _take(self, entry: Entry, only: Filter, *, costs: bool) -> Listed | None:
        """Return an execution if it is wanted, asking for no more than that needs."""
        known = entry.known
        if known is not None and entry.costed:
            return known if only.wants(known) else None
        # Which state failed is known only of what has been read whole.
        whole = costs or only.step is not None
        first = dataclasses.replace(only, step=None)
        if known is not None and not first.wants(known):
            return None
        if known is not None and not whole:
            return known
        described = describe_listed(self._client, entry)
        taken, costed = line_of(read(described, [])), False
        if whole and first.wants(taken) and taken.status != RUNNING:
            # A history that cannot be read, or may not be, costs its cost and not the list.
            with contextlib.suppress(ClientError):
                execution = self._read(described)
                taken, costed = line_of(execution, self.cost(execution)), True
        if taken.status == entry.status != RUNNING:
            entry.known, entry.costed = taken, costed
            if self._index is None:
                self._listed.put(entry.key, entry)
        return taken if only.wants(taken) else None

    def _read(self, described: Mapping[str, Any]) -> Execution:
        key = Entry.of(described).key
        known = self._whole.get(key)
        if known is not None:
            return known
        # The history comes last: of an execution that had ended before, it is complete.
        execution = read(described, history(self._client, described["executionArn"]))
        return self._whole.put(key, execution) if execution.ended else execution

    def _newest_of(self, address: str) -> str:
        """Return the execution that an image's record names: the last that claimed it."""
        bucket, _, key = address.removeprefix("s3://").partition("/")
        if not bucket or not key:
            raise NoSuchExecution(f"Expected s3://bucket/key, but received {address!r}.")
        records = Records(self._deployment.dynamodb, self._deployment.images_table_name)
        arn = records.read(record_key(bucket, key)).execution
        if not arn:
            raise NoSuchExecution(
                f"Expected {address} to have been processed, but the stack "
                f"{self._deployment.stack!r} has no record of it.",
                "Check the spelling: `darkroom ls --prefix …` shows the images; `darkroom run` "
                "processes one.",
            )
        return arn

    def _beginning_with(self, name: str) -> str:
        """Return the only execution whose name begins so."""
        fitting = []
        if len(name) >= NAME_PART:
            entries = itertools.islice(self._entries(None, LISTED), SEARCHED)
            fitting = [each for each in entries if each.name.startswith(name)]
        if not fitting:
            raise self._unknown(name)
        if len(fitting) > 1:
            some = ", ".join(each.name for each in fitting[:5])
            raise NoSuchExecution(
                f"Expected {name!r} to begin the name of one execution, but {len(fitting)} begin "
                f"so: {some}{', …' if len(fitting) > 5 else ''}. Give more of it."  # noqa: PLR2004
            )
        return fitting[0].arn

    def require_list(self) -> None:
        """Have AWS say so where it keeps no list of the stack's executions: Express has none."""
        next(listed(self._client, self._deployment.state_machine_arn, 1), None)

    def _unknown(self, name: str) -> NoSuchExecution:
        self.require_list()
        where = self._deployment.endpoint or f"AWS, region {self._deployment.region}"
        return NoSuchExecution(
            f"Expected an execution of the stack {self._deployment.stack!r} ({where}), but it has "
            f"none named {name!r}.",
            "`darkroom ls` lists them; --stack names another stack.",
        )


class _Rows:
    """The lines of a page, as they are found: from the newest on, or backwards."""

    def __init__(self, limit: int, *, fold: bool, backwards: bool = False) -> None:
        self._limit = limit
        self._fold = fold
        self._backwards = backwards
        self._found: list[tuple[Entry, Listed]] = []
        self._lines = 0
        self._images: set[tuple[str, str]] = set()

    def add(self, entry: Entry, taken: Listed) -> bool:
        """Take an execution; return whether there was room for it."""
        image = self._image(taken)
        if image is None or image not in self._images:
            if self._lines == self._limit:
                return False
            self._lines += 1
        if len(self._found) == self._limit * FOLDED:
            return False
        if image is not None:
            self._images.add(image)
        self._found.append((entry, taken))
        return True

    def _image(self, taken: Listed) -> tuple[str, str] | None:
        """Return the image that an execution is folded by."""
        if not self._fold or taken.outcome != "ALREADY_PROCESSED" or taken.source is None:
            return None
        return taken.source.bucket, taken.source.key

    @property
    def last(self) -> Entry | None:
        """The oldest of a page that is filled backwards."""
        return self._found[0][0] if self._found else None

    def page(self, last: Entry | None, *, newer: bool, looked: int, cut: bool = False) -> ListPage:
        """Return the page; behind `last` there are more."""
        found = self._found[::-1] if self._backwards else self._found
        lines: list[Listed] = []
        stands: dict[tuple[str, str], str] = {}
        same: dict[str, int] = {}
        for _, taken in found:
            image = self._image(taken)
            if image is not None and image in stands:
                same[stands[image]] = same.get(stands[image], 0) + 1
                continue
            if image is not None:
                stands[image] = taken.arn
            lines.append(taken)
        return ListPage(
            tuple(lines),
            None if last is None else _place(last),
            _place(found[0][0]) if newer and found else None,
            same,
            looked,
            cut,
        )


def _place(entry: Entry) -> str:
    """Return where an execution stands in the list: it may have moved when one goes on there."""
    return f"{entry.newest.isoformat()} {entry.arn}"


def _read_place(place: str) -> tuple[datetime.datetime, str] | None:
    """Return the time and the ARN of a place; None if it is none."""
    text, _, arn = place.partition(" ")
    try:
        return datetime.datetime.fromisoformat(text).astimezone(), arn
    except ValueError:
        return None


def _behind(place: str, entries: Iterator[Entry]) -> Iterator[Entry]:
    """Yield what stands behind a place of the list; nothing if it is none."""
    if (read_ := _read_place(place)) is None:
        return
    moment, arn = read_
    passed = False
    for entry in entries:
        time_ = entry.newest
        if time_ < moment or (time_ == moment and passed):
            yield entry
        passed |= (time_, entry.arn) == (moment, arn)


def _in_front_of(place: str, entries: Iterator[Entry]) -> Iterator[Entry]:
    """Yield what stands in front of a place of the list; nothing if it is none."""
    if (read_ := _read_place(place)) is None:
        return
    moment, arn = read_
    for entry in entries:
        time_ = entry.newest
        if time_ < moment or (time_ == moment and entry.arn == arn):
            return
        yield entry


def _narrowed(
    only: Filter, status: str | None, prefix: str | None, since: datetime.datetime | None
) -> Filter:
    """Return a filter with what is named beside it."""
    return dataclasses.replace(
        only,
        status=only.status if status is None else status,
        prefix=only.prefix if prefix is None else prefix,
        since=only.since if since is None else since,
    )
