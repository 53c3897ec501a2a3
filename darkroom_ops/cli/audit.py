"""`darkroom audit`: every upload against what became of it."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from darkroom_ops.cli.command import REPAIR, command
from darkroom_ops.cli.options import key_of
from darkroom_ops.cli.target import Target
from darkroom_ops.present import words

if TYPE_CHECKING:
    from rich.console import Console

    from darkroom_ops.audit.findings import Finding

FOUND = 1
"""Exit code when something is not as promised."""

ENGINE_SETTLED_SECONDS = 60.0
"""On the engine, an event is on its way for seconds."""


@command(
    "darkroom audit",
    "darkroom audit --prefix uploads/2026/ --stack darkroom",
    "darkroom audit --json --stack darkroom | jq -r '.findings[] | [.kind, .key] | @tsv'",
    panel=REPAIR,
)
def audit(
    target: Target,
    *,
    prefix: Annotated[
        str | None,
        typer.Option(
            metavar="PREFIX",
            help="Check only keys that begin so. By default, all under the watched prefix.",
        ),
    ] = None,
    settled: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="Uploads younger than this may still be on their way: 960 on AWS, 60 here.",
        ),
    ] = None,
    executions: Annotated[
        bool | None,
        typer.Option(
            "--executions/--no-executions",
            help="Read every execution too, for doubled runs. Slow on AWS: by default only here.",
        ),
    ] = None,
) -> int:
    """Check that every upload ended in exactly one outcome, and say what did not.

    Each upload is compared with its record, its outputs, its execution and its message. Nothing is
    changed. Exits with 0 when all is as promised, 1 when something was found.
    """
    from darkroom_ops.audit.evidence import StackEvidence, mailbox
    from darkroom_ops.audit.findings import SETTLED_SECONDS, Auditor
    from darkroom_ops.audit.last import keep
    from darkroom_ops.cli import display

    deployment, prefix = target.deployment(), key_of(prefix)
    local = deployment.endpoint is not None
    screen = target.screen()
    if settled is None:
        settled = ENGINE_SETTLED_SECONDS if local else SETTLED_SECONDS
    findings: list[Finding] = []
    with display.telling(screen, "{}") as tell:
        tell("Reading the source bucket")
        auditor = Auditor(
            StackEvidence(deployment),
            since=datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=settled),
            prefix=deployment.source_prefix if prefix is None else prefix,
            executions=local if executions is None else executions,
            messages=mailbox(deployment),
            progress=lambda counts: tell(f"{words.count(counts['images'], 'image')} checked"),
        )
        for finding in auditor.findings():
            findings.append(finding)
            _show(screen, finding)
    if prefix is None:  # of a part, it says nothing of the whole
        keep(deployment, auditor.counts["images"], Counter(each.kind for each in findings))
    if target.json:
        print(
            json.dumps(
                {
                    "counts": dict(auditor.counts),
                    "findings": [dataclasses.asdict(each) for each in findings],
                }
            )
        )
    _sum_up(screen, auditor.counts, findings)
    return FOUND if findings else 0


def _show(screen: Console, finding: Finding) -> None:
    where = words.plain(f"s3://{finding.bucket}/{finding.key}")
    screen.print(
        Text()
        .append("✗ ", "bold red")
        .append(finding.kind.upper(), "bold red")
        .append(f"  {where}"),
        soft_wrap=True,
    )
    for line in (words.plain(finding.says), words.plain(finding.advice)):
        screen.print(Text(f"  {line}"), soft_wrap=True)
    if finding.execution:
        screen.print(Text(f"  Execution {words.plain(finding.execution)}", "dim"), soft_wrap=True)
    screen.print()


def _sum_up(screen: Console, counts: Mapping[str, int], findings: list[Finding]) -> None:
    from darkroom_ops.audit.findings import MEANINGS

    seen = ", ".join(
        f"{counts[name]:,} {label}"
        for name, label in (
            ("complete", "complete"),
            ("failed", "failed"),
            ("pending", "still on their way"),
        )
        if counts[name]
    )
    images = words.count(counts["images"], "image")
    screen.print(Text(f"{images} checked{f': {seen}' if seen else ''}."), soft_wrap=True)
    if not findings:
        screen.print(Text("✓ All is as promised.", "bold green"))
    for kind, number in Counter(each.kind for each in findings).most_common():
        screen.print(Text(f"  {number:>6,}  {kind}: {MEANINGS[kind]}"), soft_wrap=True)
