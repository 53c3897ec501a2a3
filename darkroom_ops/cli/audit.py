"""`darkroom audit`: every upload against what became of it."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
from collections import Counter
from collections.abc import Callable, Mapping

from rich.console import Console
from rich.text import Text

from darkroom_ops.audit.evidence import Deployed, mailbox
from darkroom_ops.audit.findings import MEANINGS, SETTLED_SECONDS, Auditor, Finding
from darkroom_ops.cli import address, display
from darkroom_ops.present import words

FOUND = 1
"""Exit code when something is not as promised."""

ENGINE_SETTLED_SECONDS = 60.0
"""On the engine, an event is on its way for seconds."""


def audit(
    *,
    prefix: str | None,
    settled: float | None,
    executions: bool | None,
    endpoint: str | None,
    stack: str | None,
    as_json: bool,
) -> int:
    """Check every upload and say what is not as promised, while it is found.

    Parameters
    ----------
    prefix
        Of the source keys; the watched prefix by default.
    settled
        Uploads younger than this, in seconds, may still be on their way.
    executions
        Whether every execution is read too; by default, on the engine only.
    endpoint, stack
        Where the stack is.
    as_json
        Print one JSON object at the end, and nothing else.

    Returns
    -------
    int
        0 when all is as promised, 1 when something was found.
    """
    deployment = address.connect(endpoint, stack)
    local = deployment.endpoint is not None
    screen = display.console()
    told = contextlib.ExitStack()
    progress = _progress(screen, told) if screen.is_terminal and not as_json else _unsaid
    if settled is None:
        settled = ENGINE_SETTLED_SECONDS if local else SETTLED_SECONDS
    auditor = Auditor(
        Deployed(deployment),
        since=datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=settled),
        prefix=deployment.source_prefix if prefix is None else prefix,
        executions=local if executions is None else executions,
        messages=mailbox(deployment),
        progress=progress,
    )
    found: list[Finding] = []
    with told:
        for finding in auditor.findings():
            found.append(finding)
            if not as_json:
                _show(screen, finding)
    if as_json:
        print(
            json.dumps(
                {
                    "counts": dict(auditor.counts),
                    "findings": [dataclasses.asdict(each) for each in found],
                }
            )
        )
    else:
        _sum_up(screen, auditor.counts, found)
    return FOUND if found else 0


def _unsaid(_: Mapping[str, int]) -> None:
    """Show no progress."""


def _progress(screen: Console, told: contextlib.ExitStack) -> Callable[[Mapping[str, int]], None]:
    status = told.enter_context(screen.status(Text("Reading the source bucket", "dim")))
    return lambda counts: status.update(Text(f"{counts['images']:,} images checked", "dim"))


def _show(screen: Console, finding: Finding) -> None:
    where = words.plain(f"s3://{finding.bucket}/{finding.key}")
    screen.print(
        Text("✗ ", "bold red").append(finding.kind.upper(), "bold red").append(f"  {where}"),
        soft_wrap=True,
    )
    for line in (words.plain(finding.says), words.plain(finding.advice)):
        screen.print(Text(f"  {line}"), soft_wrap=True)
    if finding.execution:
        screen.print(Text(f"  Execution {finding.execution}", "dim"), soft_wrap=True)
    screen.print()


def _sum_up(screen: Console, counts: Mapping[str, int], found: list[Finding]) -> None:
    seen = ", ".join(
        f"{counts[name]:,} {label}"
        for name, label in (
            ("complete", "complete"),
            ("failed", "failed"),
            ("pending", "still on their way"),
        )
        if counts[name]
    )
    images = f"{counts['images']:,} image{'' if counts['images'] == 1 else 's'}"
    screen.print(Text(f"{images} checked{f': {seen}' if seen else ''}."), soft_wrap=True)
    if not found:
        screen.print(Text("✓ All is as promised.", "bold green"))
        return
    for kind, number in Counter(each.kind for each in found).most_common():
        screen.print(Text(f"  {number:>6,}  {kind}: {MEANINGS[kind]}"), soft_wrap=True)
