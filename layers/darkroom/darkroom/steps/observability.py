"""Logs, metrics and traces of a function: one decorator on its handler.

Every log line carries the execution's ARN as ``correlation_id``, so one query shows a whole
execution across the functions.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, TypeAlias

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from darkroom.contract.arns import parse
from darkroom.contract.errors import DarkroomError
from darkroom.contract.model import Contract, dump
from darkroom.contract.results import Announcement, Backup, Output, Prepared

Event: TypeAlias = dict[str, Any]
Step: TypeAlias = Callable[[Any, str], Contract]
Handler: TypeAlias = Callable[[Event, Any], dict[str, Any]]

logger = Logger()
metrics = Metrics()


def step(run: Step) -> Handler:
    """Make a Lambda handler of a step, which takes its input and the execution's name.

    The handler takes ``{"execution": ARN, "input": …}``. It returns the step's contract as
    JSON-like data, and raises what the step raises.
    """

    @logger.inject_lambda_context(correlation_id_path="execution", clear_state=True)
    @metrics.log_metrics
    @functools.wraps(run)
    def handler(event: Event, context: Any) -> dict[str, Any]:  # noqa: ARG001
        try:
            result = run(event["input"], parse(event["execution"]).name)
        except DarkroomError as error:
            name = type(error).__name__
            metrics.add_metric(name=f"Failures{name}", unit=MetricUnit.Count, value=1)
            logger.warning(str(error), extra={"error": name})
            raise
        _count(result)
        output = dump(result)
        logger.info("done", extra={"result": output})
        return output

    return _traced(handler)


def _count(result: Contract) -> None:
    """Count what a step made, under the plural of what it is, and its bytes."""
    if isinstance(result, Prepared):
        metrics.add_metric(name="Images", unit=MetricUnit.Count, value=1)
        metrics.add_metric(name="BytesIn", unit=MetricUnit.Bytes, value=result.image.bytes)
    elif isinstance(result, Output):
        metrics.add_metric(name="Outputs", unit=MetricUnit.Count, value=1)
        metrics.add_metric(name="BytesOut", unit=MetricUnit.Bytes, value=result.bytes)
    elif isinstance(result, Backup):
        metrics.add_metric(name="Backups", unit=MetricUnit.Count, value=1)
    elif isinstance(result, Announcement):
        metrics.add_metric(name="Messages", unit=MetricUnit.Count, value=int(result.published))
        # Always, so that an alarm that subtracts it has a value.
        senders = result.fault == "sender"
        metrics.add_metric(name="SenderFaults", unit=MetricUnit.Count, value=int(senders))


def _traced(handler: Handler) -> Handler:
    """Trace an invocation if X-Ray samples it.

    Importing the X-Ray SDK takes longer than all of our own imports, so only a sampled invocation
    pays for it.
    """

    @functools.wraps(handler)
    def traced(event: Event, context: Any) -> dict[str, Any]:
        if "Sampled=1" not in os.environ.get("_X_AMZN_TRACE_ID", ""):
            return handler(event, context)
        capture = _tracer().capture_lambda_handler(handler, capture_response=False)
        output: dict[str, Any] = capture(event, context)
        return output

    return traced


@functools.cache
def _tracer() -> Any:
    from aws_lambda_powertools import Tracer

    return Tracer(patch_modules=["botocore"])
