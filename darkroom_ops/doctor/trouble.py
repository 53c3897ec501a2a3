"""What has gone wrong already: alarms, and events that reached nobody."""

from __future__ import annotations

from collections.abc import Iterator

from darkroom.contract.arns import parse

from darkroom_ops.doctor.findings import Finding
from darkroom_ops.doctor.stack import Stack

RUNBOOK = "docs/operations.md"


def alarms(stack: Stack) -> Iterator[Finding]:
    """Look whether an alarm rings, and whether each is there and may."""
    cloudwatch = stack.at.cloudwatch
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        ActionPrefix=stack.at.alarms_topic_arn
    )
    found = {each["AlarmName"]: each for page in pages for each in page["MetricAlarms"]}
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


def dead_letters(stack: Stack) -> Iterator[Finding]:
    """Look for events that reached nobody."""
    url = stack.at.events_dead_letter_queue_url
    said = stack.at.sqs.get_queue_attributes(
        QueueUrl=url,
        AttributeNames=[
            "QueueArn",
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
        ],
    )["Attributes"]
    waiting = int(said["ApproximateNumberOfMessages"])
    waiting += int(said["ApproximateNumberOfMessagesNotVisible"])
    if waiting:
        one = waiting == 1
        yield Finding(
            "broken",
            "dead letters",
            f"{'An event' if one else f'{waiting} events'} in {parse(said['QueueArn']).name} "
            f"{'has' if one else 'have'} reached nobody: images not processed, or failures that "
            "nobody was told of.",
            f"{stack.darkroom('dlq', 'list')} says why; when that is mended: "
            f"{stack.darkroom('dlq', 'redrive')}",
        )
