"""What has gone wrong already: alarms, and events that reached nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from darkroom.contract.arns import parse

from darkroom_ops.doctor.findings import Finding
from darkroom_ops.doctor.stack import Stack

RUNBOOK = "docs/operations.md"


def ringing(stack: Stack) -> Iterator[Finding]:
    """Look whether an alarm rings."""
    return _ringing(stack, _alarms(stack))


def _ringing(stack: Stack, found: Mapping[str, Any]) -> Iterator[Finding]:
    for name, each in found.items():
        if each["StateValue"] == "ALARM":
            since = each.get("StateUpdatedTimestamp")
            yield Finding(
                "broken",
                "alarms",
                f"The alarm {name} rings{f' since {since:%Y-%m-%d %H:%M} UTC' if since else ''}: "
                f"{each.get('StateReason') or each.get('AlarmDescription', '')}",
                f"{stack.darkroom('ls', '--status', 'failed')} lists what failed; {RUNBOOK} has a "
                "section for each alarm.",
            )


def _alarms(stack: Stack) -> dict[str, Any]:
    """Return the alarms that tell of the stack, by name."""
    pages = stack.at.cloudwatch.get_paginator("describe_alarms").paginate(
        ActionPrefix=stack.at.alarms_topic_arn
    )
    return {each["AlarmName"]: each for page in pages for each in page["MetricAlarms"]}


def alarms(stack: Stack) -> Iterator[Finding]:
    """Look whether an alarm rings, and whether each is there and may."""
    found = _alarms(stack)
    yield from _ringing(stack, found)
    for name, each in found.items():
        if not each.get("ActionsEnabled", True):
            yield Finding(
                "warning",
                "alarms",
                f"The alarm {name} is silenced: nobody hears when it rings.",
                stack.aws("cloudwatch", "enable-alarm-actions", "--alarm-names", name),
            )
    for name in stack.of_type("AWS::CloudWatch::Alarm"):
        if name not in found:
            yield Finding(
                "warning",
                "alarms",
                f"The alarm {name} is gone, or tells somebody else.",
                stack.undo_drift(),
            )
    if not found and not stack.of_type("AWS::CloudWatch::Alarm"):
        yield Finding("elsewhere", "alarms", "the engine measures nothing, so it has no alarms")


def waiting(stack: Stack) -> int:
    """Return how many events reached nobody."""
    return _dead_letters(stack)[0]


def _dead_letters(stack: Stack) -> tuple[int, str]:
    """Return how many events reached nobody, and their queue's ARN."""
    url = stack.at.events_dead_letter_queue_url
    said = stack.at.sqs.get_queue_attributes(
        QueueUrl=url,
        AttributeNames=[
            "QueueArn",
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
        ],
    )["Attributes"]
    visible = int(said["ApproximateNumberOfMessages"])
    return visible + int(said["ApproximateNumberOfMessagesNotVisible"]), said["QueueArn"]


def dead_letters(stack: Stack) -> Iterator[Finding]:
    """Look for events that reached nobody."""
    number, queue = _dead_letters(stack)
    if number:
        one = number == 1
        yield Finding(
            "broken",
            "dead letters",
            f"{'An event' if one else f'{number} events'} in {parse(queue).name} "
            f"{'has' if one else 'have'} reached nobody: images not processed, or failures that "
            "nobody was told of.",
            f"{stack.darkroom('dlq', 'list')} says why; when that is mended: "
            f"{stack.darkroom('dlq', 'redrive')}",
        )
