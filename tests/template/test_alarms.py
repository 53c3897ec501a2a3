"""What wakes somebody: which metric each alarm watches, and from which value on it fires."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.stack import Json, Late, of_type, references, stack

ALARMS = Late(lambda: of_type(stack(BufferConcurrency="10"), "AWS::CloudWatch::Alarm"))
PIPELINE = {"PrepareFunction", "ResizeFunction", "MakePdfFunction", "BackupOriginalFunction",
            "NotifyFunction"}  # fmt: skip
SEES_UPLOADS = {"PrepareFunction"}

WATCHED: dict[str, tuple[dict[str, set[str]], str, int]] = {
    # the metrics, each with the resources it is of; the statistic; its period in seconds
    "FailingAlarm": (
        {
            "AWS/States ExecutionsFailed": {"ImagePipeline"},
            "Darkroom SenderFaults": {"AWS::StackName"},
        },
        "Sum",
        300,
    ),
    "FailureRateAlarm": (
        {
            "AWS/States ExecutionsFailed": {"ImagePipeline"},
            "AWS/States ExecutionsStarted": {"ImagePipeline"},
            "Darkroom SenderFaults": {"AWS::StackName"},
        },
        "Sum",
        3600,
    ),
    "TimedOutAlarm": ({"AWS/States ExecutionsTimedOut": {"ImagePipeline"}}, "Sum", 300),
    "SlowAlarm": ({"AWS/States ExecutionTime": {"ImagePipeline"}}, "p99", 300),
    "ThrottledAlarm": (
        {
            "AWS/States ExecutionThrottled": {"ImagePipeline"},
            "AWS/Lambda Throttles": PIPELINE,
        },
        "Sum",
        300,
    ),
    # Prepare's errors are mostly about the images.
    "StepErrorsAlarm": ({"AWS/Lambda Errors": PIPELINE - SEES_UPLOADS}, "Sum", 300),
    "DeadLettersAlarm": (
        {"AWS/SQS ApproximateNumberOfMessagesVisible": {"EventsDeadLetterQueue"}}, "Maximum", 60
    ),
    "DeadLettersOldAlarm": (
        {"AWS/SQS ApproximateAgeOfOldestMessage": {"EventsDeadLetterQueue"}}, "Maximum", 3600
    ),
    "SummaryAlarm": ({"AWS/States ExecutionsFailed": {"AlertSummary"}}, "Sum", 300),
    "BufferOldAlarm": ({"AWS/SQS ApproximateAgeOfOldestMessage": {"BufferQueue"}}, "Maximum", 300),
}  # fmt: skip
DIMENSIONS = {
    "AWS/States": "StateMachineArn",
    "AWS/Lambda": "FunctionName",
    "AWS/SQS": "QueueName",
    "Darkroom": "service",
}
"""What each service calls the resource of a metric."""


def metrics(alarm: Json) -> dict[str, Json]:
    """Return the metrics of an alarm, by their id in its expression."""
    if "Metrics" not in alarm:
        return {"": alarm | {"Stat": alarm.get("Statistic") or alarm["ExtendedStatistic"]}}
    return {
        each["Id"]: each["MetricStat"]["Metric"] | each["MetricStat"]
        for each in alarm["Metrics"]
        if "MetricStat" in each
    }


def test_every_alarm_is_described_here() -> None:
    assert set(ALARMS) == set(WATCHED)


@pytest.mark.parametrize("name", WATCHED)
def test_an_alarm_watches_what_it_says(name: str) -> None:
    watched, statistic, period = WATCHED[name]
    found: dict[str, set[str]] = {}
    for metric in metrics(ALARMS[name]).values():
        (dimension,) = metric["Dimensions"]
        assert dimension["Name"] == DIMENSIONS[metric["Namespace"]]
        named = f"{metric['Namespace']} {metric['MetricName']}"
        found.setdefault(named, set()).update(references(dimension["Value"]))
        assert (metric["Stat"], metric["Period"]) == (statistic, period)
    assert found == watched


def fires(alarm: Json, values: list[Any]) -> bool:
    """Tell whether an alarm fires after one value of its metrics in each period."""
    over = {
        "GreaterThanThreshold": lambda value: value > alarm["Threshold"],
        "GreaterThanOrEqualToThreshold": lambda value: value >= alarm["Threshold"],
    }[alarm["ComparisonOperator"]]
    periods = alarm["EvaluationPeriods"]
    wanted = alarm.get("DatapointsToAlarm", periods)
    return sum(over(computed(alarm, value)) for value in values[-periods:]) >= wanted


def computed(alarm: Json, value: Any) -> float:
    """Return what an alarm compares: a metric's value, or its expression's."""
    if "Metrics" not in alarm:
        return float(value)
    expressions = [each["Expression"] for each in alarm["Metrics"] if "Expression" in each]
    returning = [each for each in alarm["Metrics"] if each.get("ReturnData", True)]
    assert [each["Expression"] for each in returning] == expressions  # one, and nothing beside it
    (expression,) = expressions
    if expression == "SUM(METRICS())":
        assert set(value) <= set(metrics(alarm))
        return float(sum(value.values()))
    assert set(value) == set(metrics(alarm))
    names = {
        "IF": lambda condition, yes, no: yes if condition else no,
        "FILL": lambda value, missing: missing if value is None else value,
    } | value
    return float(eval(expression, {"__builtins__": {}}, names))  # noqa: S307 - the template's own


def rate(failed: int, started: int, senders: int | None = None) -> list[Json]:
    return [{"failed": failed, "started": started, "senders": senders}]


def failing(failed: int, senders: int | None = None) -> list[Json]:
    return [{"failed": failed, "senders": senders}]


@pytest.mark.parametrize(
    ("name", "quiet", "loud"),
    [
        ("FailingAlarm", failing(4), failing(5)),
        ("FailingAlarm", failing(41, 37), failing(42, 37)),  # the senders' faults ring nowhere
        ("FailureRateAlarm", rate(39, 100, 37), rate(43, 100, 37)),
        ("FailureRateAlarm", rate(2, 2), rate(3, 3)),  # two of two may be anything
        ("FailureRateAlarm", rate(5, 100), rate(6, 100)),
        ("TimedOutAlarm", [0], [1]),
        ("SlowAlarm", [60_000, 60_000, 60_000], [60_001, 60_001, 60_001]),
        ("SlowAlarm", [99_000, 1_000, 99_000], [1_000, 61_000, 61_000, 61_000]),
        ("ThrottledAlarm", [{"states": 9}, {"pdf": 0}, {"pdf": 1}], [{"prepare": 1}] * 3),
        ("ThrottledAlarm", [{"states": 0}] * 3, [{"states": 1}, {"notify": 1}, {"resize": 1}]),
        ("StepErrorsAlarm", [{"resize": 2}], [{"resize": 1, "pdf": 1, "backup": 1}]),
        ("StepErrorsAlarm", [{"notify": 2}], [{"notify": 3}]),
        ("DeadLettersAlarm", [0], [1]),
        ("DeadLettersOldAlarm", [10 * 86_400], [10 * 86_400 + 1]),
        ("BufferOldAlarm", [3600], [3601]),
    ],
)
def test_an_alarm_fires_from_its_limit_on_and_not_below(
    name: str, quiet: list[Any], loud: list[Any]
) -> None:
    assert not fires(ALARMS[name], quiet)
    assert fires(ALARMS[name], loud)


def test_there_is_time_to_save_a_dead_letter() -> None:
    queue = of_type(stack(), "AWS::SQS::Queue")["EventsDeadLetterQueue"]
    left = queue["MessageRetentionPeriod"] - ALARMS["DeadLettersOldAlarm"]["Threshold"]
    assert left == 4 * 86_400
    assert queue["MessageRetentionPeriod"] == 14 * 86_400  # SQS keeps none longer
