"""Reading the whole of a stack: on AWS within what its services allow, on the engine exactly."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from darkroom.contract.errors import DarkroomError
from darkroom.contract.keys import record_key
from darkroom.contract.presets import Preset, parse_presets

from darkroom_ops import presets
from darkroom_ops.audit.evidence import StackEvidence
from darkroom_ops.audit.last import LastAudit, last
from darkroom_ops.deployment import Deployment
from darkroom_ops.doctor import trouble
from darkroom_ops.doctor.examine import REFUSALS, refused
from darkroom_ops.doctor.stack import Stack
from darkroom_ops.executions.client import Executions
from darkroom_ops.executions.listed import FAILURES, Filter, Listed
from darkroom_ops.overview import metrics
from darkroom_ops.overview.figures import (
    SPANS,
    Failures,
    Window,
    failures,
    windows,
)
from darkroom_ops.present.failures import explain

T = TypeVar("T")

FAILED_AT_MOST = 200
"""Failures that are looked at on AWS, the newest: DescribeExecution is throttled per account, from
300 at once down to 15 a second (Step Functions quotas)."""

STOPPED = "not looked at: stopped with Ctrl-C"

RELEASED = datetime.timedelta(minutes=1)
"""How long after an execution's end Notify may need to release its claim."""


@dataclass(frozen=True)
class StuckClaim:
    """An image that a record says is in progress, though its execution has ended."""

    image: str  # s3://bucket/key
    execution: str  # ARN


@dataclass(frozen=True)
class InForce:
    """The presets in force, the parameter's version, and since when."""

    presets: tuple[Preset, ...]
    version: int
    changed: datetime.datetime | None


@dataclass(frozen=True)
class Overview:
    """The whole of a stack. What is None could not be looked at, and `unknown` says why."""

    at: datetime.datetime
    counted_by_aws: bool  # so `complete` has those that had been processed before in it
    windows: tuple[Window, ...] | None = None
    failures: tuple[Failures, ...] | None = None
    failures_cut: bool = False  # whether there are more than were looked at
    dead_letters: int | None = None
    alarms: tuple[str, ...] | None = None  # those that ring, each in a sentence
    stuck: tuple[StuckClaim, ...] | None = None
    audit: LastAudit | None = None  # None where none was made on this machine
    presets: InForce | None = None
    unknown: dict[str, str] = field(default_factory=dict)
    stopped: bool = False  # with Ctrl-C, before all was looked at


class _Look:
    """Looks at one thing after the other, and says of each that could not be looked at why."""

    def __init__(self, told: Callable[[str], None], *, local: bool) -> None:
        self._told = told
        self._local = local
        self.unknown: dict[str, str] = {}
        self.stopped = False

    def __call__(self, what: str, at: Callable[[], T]) -> T | None:
        if self.stopped:
            self.unknown[what] = STOPPED
            return None
        self._told(what)
        try:
            return at()
        except KeyboardInterrupt:
            self.stopped, self.unknown[what] = True, STOPPED
        except ClientError as error:
            code = error.response["Error"].get("Code")
            other = explain(error) or str(error)
            self.unknown[what] = refused(what, error).says if code in REFUSALS else other
        except AttributeError as error:
            if "has no output" not in str(error):
                raise
            self.unknown[what] = f"{error} Deploy this version, which has it."
        except (BotoCoreError, ResponseParserError, DarkroomError) as error:
            if isinstance(error, BotoCoreError) and not self._local:
                raise  # no credentials, no network: nothing can be looked at
            self.unknown[what] = str(error)
        return None


def overview(
    deployment: Deployment,
    executions: Executions,
    told: Callable[[str], None] = lambda _: None,
) -> Overview:
    """Return the whole of a stack as it is now; what may not be looked at does not hide the rest.

    On AWS, the figures are CloudWatch's, and the errors those of the newest failures; that takes a
    few dozen requests, however many executions there were. What is looked at is told. Ctrl-C ends
    the look, and what has been seen is returned.
    """
    now = datetime.datetime.now(datetime.UTC)
    stack = Stack(deployment)
    _ = deployment.outputs  # a stack that is not there has nothing to be looked at
    local = deployment.endpoint is not None
    look = _Look(told, local=local)

    def count() -> tuple[Window, ...]:
        if everything is not None:
            return windows(everything, now)
        return metrics.windows(deployment, now, executions.typical_usd())

    since = now - SPANS[-1].length
    everything: list[Listed] | None = None
    if local:
        everything = look("executions", lambda: list(executions.each(since=since)))
        failed = None if everything is None else [e for e in everything if e.status in FAILURES]
    else:
        failed = look("failures", lambda: _failed(executions, since))
    return Overview(
        at=now,
        counted_by_aws=not local,
        windows=None if local and everything is None else look("figures", count),
        failures=None if failed is None else failures(failed, now),
        failures_cut=not local and len(failed or []) >= FAILED_AT_MOST,
        dead_letters=look("dead letters", lambda: trouble.waiting(stack)),
        alarms=look("alarms", lambda: tuple(each.says for each in trouble.ringing(stack))),
        stuck=None
        if failed is None
        else look("stuck claims", lambda: _stuck(deployment, failed, now)),
        audit=last(deployment),
        presets=look("presets", lambda: _in_force(deployment)),
        unknown=look.unknown,
        stopped=look.stopped,
    )


def _failed(executions: Executions, since: datetime.datetime) -> list[Listed]:
    each = executions.each(only=Filter(status="FAILED", since=since), costs=False)
    return list(itertools.islice(each, FAILED_AT_MOST))


def _stuck(
    deployment: Deployment, failed: Sequence[Listed], now: datetime.datetime
) -> tuple[StuckClaim, ...]:
    """Return the claims that nobody released: only an execution without success can leave one."""
    suspects = {
        record_key(each.source.bucket, each.source.key): each
        for each in reversed(failed)
        if each.source is not None and each.stopped is not None and now - each.stopped > RELEASED
    }
    found = []
    for image, record in sorted(StackEvidence(deployment).records(suspects).items()):
        each = suspects[image]
        if record.status == "IN_PROGRESS" and record.execution == each.arn and each.source:
            found.append(StuckClaim(f"s3://{each.source.bucket}/{each.source.key}", each.arn))
    return tuple(found)


def _in_force(deployment: Deployment) -> InForce:
    parameter = presets.get(deployment)
    return InForce(parse_presets(parameter.text), parameter.version, parameter.changed)
