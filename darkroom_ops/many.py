"""Many executions at once: what would be done, and then done, each with what became of it."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from botocore.exceptions import BotoCoreError, ClientError
from darkroom.contract.advice import advise
from darkroom.contract.errors import DarkroomError
from darkroom.contract.keys import record_key
from darkroom.contract.requests import parse_request

from darkroom_ops.audit.evidence import StackEvidence
from darkroom_ops.deployment import Deployment
from darkroom_ops.executions.client import AT_ONCE, Executions
from darkroom_ops.executions.listed import FAILURES, Listed
from darkroom_ops.executions.model import RUNNING, STOPPED
from darkroom_ops.home import folder
from darkroom_ops.rerun import request_of, start

Action = Literal["rerun", "redrive", "stop"]

IN_A_ROW = 5
"""So many failures one after the other, and the rest is not tried: something is wrong with all."""


@dataclass(frozen=True)
class Plan:
    """What an action would be done to, and what not, with the reason."""

    action: Action
    able: tuple[Listed, ...]
    skipped: tuple[tuple[Listed, str], ...]
    usd: float | None  # what it costs about; None where nobody knows, 0 for a stop

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Why some are skipped, and how many, the most frequent first."""
        return collections.Counter(why for _, why in self.skipped).most_common()

    @property
    def warnings(self) -> list[str]:
        """Say of which nothing better can come: the file is at fault, and stays the same."""
        errors = collections.Counter(
            each.error
            for each in self.able
            if self.action == "rerun" and each.error and advise(each.error, caught=True).upload
        )
        return [
            f"{number:,} of them failed with {error}, and will again: "
            "only a corrected file helps. Upload that under the same key."
            for error, number in errors.most_common()
        ]


@dataclass(frozen=True)
class Done:
    """What became of one of them."""

    listed: Listed
    execution: str | None = None  # ARN of the one that was started, or resumed, or stopped
    error: str | None = None  # why it was not done; None when it was


def plan(
    executions: Executions, deployment: Deployment, action: Action, wanted: Iterable[Listed]
) -> Plan:
    """Say what an action would be done to; nothing is changed."""
    items = list(wanted)
    judged = _JUDGES[action](executions, deployment, items)
    able = tuple(each for each in items if each.arn not in judged)
    skipped = tuple((each, judged[each.arn]) for each in items if each.arn in judged)
    each_usd = 0.0 if action == "stop" else executions.typical_usd()
    usd = None if each_usd is None else each_usd * len(able)
    return Plan(action, able, skipped, usd)


def carry_out(
    executions: Executions, deployment: Deployment, planned: Plan, reason: str = ""
) -> Iterator[Done]:
    """Do it, one after the other, and yield what became of each as soon as it is known.

    After :data:`IN_A_ROW` failures one after the other it ends: the rest has not been tried. Who
    stops taking stops the doing.
    """
    failed = 0
    for each in planned.able:
        done = _one(executions, deployment, planned.action, each, reason)
        failed = failed + 1 if done.error else 0
        yield done
        if failed == IN_A_ROW:
            return


def _one(
    executions: Executions, deployment: Deployment, action: Action, each: Listed, reason: str
) -> Done:
    client = deployment.stepfunctions
    try:
        if action == "rerun":
            request = request_of(executions.described(each.arn))
            parse_request(request)
            return Done(each, start(deployment, request))
        if action == "redrive":
            client.redrive_execution(executionArn=each.arn)
        else:
            client.stop_execution(executionArn=each.arn, error=STOPPED, cause=reason)
        return Done(each, each.arn)
    except (ClientError, BotoCoreError, DarkroomError) as error:
        return Done(each, error=str(error))


def kept(action: Action) -> Path:
    """Return the file that names what was left to be done the last time."""
    return folder() / f"left-to-{action}.txt"


def keep(action: Action, left: Iterable[Listed]) -> Path:
    """Write down what is left to be done, for `--from`."""
    path = kept(action)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{each.arn}\n" for each in left))
    return path


# ---------------------------------------------------------------------------- what cannot be done


def _not_rerun(
    executions: Executions,  # noqa: ARG001 - as the others
    deployment: Deployment,
    items: Sequence[Listed],
) -> dict[str, str]:
    """Return why some are not run again, by their ARN: of each image, the newest run counts."""
    found: dict[str, str] = {}
    newest: dict[str, Listed] = {}
    for each in sorted(items, key=lambda each: each.started, reverse=True):
        if each.status == RUNNING:
            found[each.arn] = "still running"
        elif each.source is None:
            found[each.arn] = "without an image in the input"
        else:
            image = record_key(each.source.bucket, each.source.key)
            if newest.setdefault(image, each) is not each:
                found[each.arn] = "older than another one of the same image"
    for image, record in StackEvidence(deployment).records(newest).items():
        each = newest[image]
        if each.status in FAILURES and record.execution not in {"", each.arn}:
            found[each.arn] = "taken over by a later run"
    return found


def _not_redriven(
    executions: Executions,
    deployment: Deployment,  # noqa: ARG001 - as the others
    items: Sequence[Listed],
) -> dict[str, str]:
    """Return why some cannot be resumed; whether a failure was caught is in its history."""

    def why(each: Listed) -> str | None:
        if each.status not in FAILURES:
            return "still running" if each.status == RUNNING else "succeeded"
        if executions.get(each.arn).caught:
            return "the workflow caught the failure, so only a re-run helps"
        return None

    return _by_arn(items, why)


def _not_stopped(
    executions: Executions,  # noqa: ARG001 - as the others
    deployment: Deployment,  # noqa: ARG001
    items: Sequence[Listed],
) -> dict[str, str]:
    return _by_arn(items, lambda each: None if each.status == RUNNING else "already ended")


_JUDGES: dict[Action, Callable[[Executions, Deployment, Sequence[Listed]], dict[str, str]]] = {
    "rerun": _not_rerun,
    "redrive": _not_redriven,
    "stop": _not_stopped,
}


def _by_arn(items: Sequence[Listed], why: Callable[[Listed], str | None]) -> dict[str, str]:
    with ThreadPoolExecutor(AT_ONCE, "many") as pool:
        reasons = zip(items, pool.map(why, items), strict=True)
        return {each.arn: reason for each, reason in reasons if reason is not None}
