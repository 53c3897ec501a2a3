"""What the doctor says of alarms, events that reached nobody, and functions held at nought."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from darkroom_ops.doctor.stack import Stack
from darkroom_ops.doctor.trouble import ringing, waiting
from tests.unit.doctor.conftest import ARN, OUTPUTS, Account

PLACE = "--region us-east-1"
SINCE = datetime.datetime(2026, 1, 31, 12, 5, tzinfo=datetime.UTC)


def alarms(account: Account, *found: dict[str, Any], template: tuple[str, ...] = ()) -> None:
    listed = [{"AlarmName": "photos-slow", "StateValue": "OK"} | each for each in found]
    account.answers(
        "cloudwatch",
        "describe_alarms",
        {"MetricAlarms": listed},
        ActionPrefix=OUTPUTS["AlarmsTopicArn"],
    )
    account.resources(*(("AWS::CloudWatch::Alarm", name) for name in template))


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (
            {"StateUpdatedTimestamp": SINCE, "StateReason": "2 > 1.", "AlarmDescription": "Slow."},
            "The alarm photos-slow rings since 2026-01-31 12:05 UTC: 2 > 1.",
        ),
        ({"AlarmDescription": "Slow."}, "The alarm photos-slow rings: Slow."),
        ({}, "The alarm photos-slow rings: "),
    ],
    ids=["with a reason", "with a description", "with neither"],
)
def test_an_alarm_that_rings(account: Account, told: dict[str, Any], says: str) -> None:
    alarms(
        account, {"StateValue": "ALARM", "ActionsEnabled": True} | told, template=("photos-slow",)
    )
    assert account.finding("alarms") == (
        "broken",
        says,
        (
            "darkroom ls --status failed --stack photos lists what failed; docs/operations.md has "
            "a section for each alarm."
        ),
    )


def test_an_alarm_that_nobody_hears(account: Account) -> None:
    alarms(account, {"ActionsEnabled": False}, template=("photos-slow",))
    assert account.finding("alarms") == (
        "warning",
        "The alarm photos-slow is silenced: nobody hears when it rings.",
        f"aws cloudwatch enable-alarm-actions --alarm-names photos-slow {PLACE}",
    )


@pytest.mark.parametrize("state", ["OK", "INSUFFICIENT_DATA"])
def test_an_alarm_that_is_quiet(account: Account, state: str) -> None:
    alarms(account, {"StateValue": state}, template=("photos-slow",))
    assert account.check("alarms") == []


def test_a_stack_without_alarms_is_the_engine_s(account: Account) -> None:
    alarms(account)
    assert account.finding("alarms") == (
        "elsewhere",
        "the engine measures nothing, so it has no alarms",
        "",
    )


def test_an_alarm_of_another_stack_that_tells_the_same_people(account: Account) -> None:
    """As where the template's alarms are not known: they are there, and ring."""
    alarms(account, {"StateValue": "ALARM", "StateReason": "x"})
    assert account.finding("alarms")[1] == "The alarm photos-slow rings: x"


def test_the_overview_asks_only_which_alarms_ring(account: Account) -> None:
    """Without a look at the stack's resources, and nothing of those that are silenced."""
    account.answers(
        "cloudwatch",
        "describe_alarms",
        {
            "MetricAlarms": [
                {"AlarmName": "photos-slow", "StateValue": "ALARM", "StateReason": "x"},
                {"AlarmName": "photos-old", "StateValue": "OK", "ActionsEnabled": False},
            ]
        },
    )
    assert [each.says for each in ringing(Stack(account.at))] == ["The alarm photos-slow rings: x"]


def queue(account: Account, visible: int, hidden: int) -> None:
    told = {
        "QueueArn": ARN.format("sqs", "photos-dlq"),
        "ApproximateNumberOfMessages": str(visible),
        "ApproximateNumberOfMessagesNotVisible": str(hidden),
    }
    account.answers(
        "sqs",
        "get_queue_attributes",
        {"Attributes": told},
        QueueUrl=OUTPUTS["EventsDeadLetterQueueUrl"],
        AttributeNames=list(told),
    )


@pytest.mark.parametrize(
    ("visible", "hidden", "says"),
    [
        (1, 0, "An event in photos-dlq has reached nobody: "),
        (0, 1, "An event in photos-dlq has reached nobody: "),
        (2, 3, "5 events in photos-dlq have reached nobody: "),
    ],
)
def test_events_that_reached_nobody(account: Account, visible: int, hidden: int, says: str) -> None:
    """Also those that somebody looks at just now."""
    queue(account, visible, hidden)
    assert account.finding("dead letters") == (
        "broken",
        says + "images not processed, or failures that nobody was told of.",
        (
            "darkroom dlq list --stack photos says why; when that is mended: "
            "darkroom dlq redrive --stack photos"
        ),
    )
    queue(account, visible, hidden)
    assert waiting(Stack(account.at)) == visible + hidden


def test_events_that_all_reached_somebody(account: Account) -> None:
    queue(account, 0, 0)
    assert account.check("dead letters") == []


def test_a_function_that_is_held_at_nought(account: Account) -> None:
    held: dict[str, dict[str, int]] = {
        "photos-a": {},
        "photos-b": {"ReservedConcurrentExecutions": 0},
        "photos-c": {"ReservedConcurrentExecutions": 1},
    }
    account.resources(*(("AWS::Lambda::Function", name) for name in held))
    for name in held:
        account.answers("lambda", "get_function", {"Configuration": {"FunctionName": name}})
    for name, said in held.items():
        account.answers("lambda", "get_function_concurrency", said, FunctionName=name)
    assert account.finding("paused") == (
        "broken",
        "The function photos-b is throttled to nothing: its step fails.",
        f"aws lambda delete-function-concurrency --function-name photos-b {PLACE}",
    )
