"""The figures of a stack on AWS, from CloudWatch: three requests, however many there were.

Step Functions measures each of them (Step Functions guide, "Monitoring with CloudWatch").
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from darkroom_ops.deployment import Deployment
from darkroom_ops.overview.figures import SPANS, Bar, Span, Window

STARTED = ("ExecutionsStarted",)
COMPLETE = ("ExecutionsSucceeded",)
FAILED = ("ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted")
"""The metrics that are added up for what is counted. AWS knows no outcome: what it has succeeded at
may have been processed before."""

MILLISECONDS = 1000


def windows(
    deployment: Deployment, now: datetime.datetime, each_usd: float | None
) -> tuple[Window, ...]:
    """Return the figures of every span, with the cost that one execution has about."""
    return tuple(_window(_measured(deployment, span, now), span, now, each_usd) for span in SPANS)


def _measured(
    deployment: Deployment, span: Span, now: datetime.datetime
) -> dict[str, list[tuple[datetime.datetime, float]]]:
    """Return what CloudWatch has measured in a span: by the query's Id, oldest first."""
    found: dict[str, list[tuple[datetime.datetime, float]]] = {}
    pages = deployment.cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=_asked(deployment, span),
        StartTime=now - span.length,
        EndTime=now,
        ScanBy="TimestampAscending",
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            values = zip(result["Timestamps"], result["Values"], strict=True)
            found.setdefault(result["Id"], []).extend(values)
    return found


def _asked(deployment: Deployment, span: Span) -> list[dict[str, Any]]:
    machine = [{"Name": "StateMachineArn", "Value": deployment.state_machine_arn}]

    def query(name: str, metric: str, stat: str, period: datetime.timedelta) -> dict[str, Any]:
        about = {"Namespace": "AWS/States", "MetricName": metric, "Dimensions": machine}
        seconds = int(period.total_seconds())
        return {"Id": name, "MetricStat": {"Metric": about, "Stat": stat, "Period": seconds}}

    counted = [query(_id(m), m, "Sum", span.bar) for m in STARTED + COMPLETE + FAILED]
    times = [query(p, "ExecutionTime", p, span.length) for p in ("p50", "p95")]
    return counted + times


def _id(metric: str) -> str:
    """Return a metric's name as an Id, which begins with a small letter (GetMetricData)."""
    return metric[0].lower() + metric[1:]


def _window(
    found: Mapping[str, list[tuple[datetime.datetime, float]]],
    span: Span,
    now: datetime.datetime,
    each_usd: float | None,
) -> Window:
    begin = now - span.length

    def counts(metrics: tuple[str, ...]) -> list[int]:
        bars = [0] * span.bars
        for metric in metrics:
            for time, value in found.get(_id(metric), []):
                # CloudWatch may count from the begin of its own period, a little earlier.
                bars[min(span.bars - 1, max(0, (time - begin) // span.bar))] += round(value)
        return bars

    def longest(which: str) -> float | None:
        # Where the span falls into two of CloudWatch's periods, the slower one tells.
        values = [value for _, value in found.get(which, [])]
        return max(values) / MILLISECONDS if values else None

    each = [counts(metrics) for metrics in (STARTED, COMPLETE, FAILED)]
    started, complete, failed = map(sum, each)
    return Window(
        span=span,
        started=started,
        complete=complete,
        failed=failed,
        p50=longest("p50"),
        p95=longest("p95"),
        usd=None if each_usd is None else each_usd * started,
        bars=tuple(Bar(*bar) for bar in zip(*each, strict=True)),
    )
