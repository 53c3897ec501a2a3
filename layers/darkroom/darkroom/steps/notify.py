"""The step Notify: learn how an execution ended, publish it once, and mark it announced."""

from __future__ import annotations

import datetime
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
from aws_lambda_powertools import Logger

from darkroom.aws.records import Records
from darkroom.aws.services import Services
from darkroom.contract import keys
from darkroom.contract.advice import (
    OUT_OF_MEMORY,
    OUT_OF_TIME,
    UNCAUGHT,
    exhausted,
    item_of,
    status_failure,
)
from darkroom.contract.errors import DarkroomError, DeliveryError
from darkroom.contract.model import dump, parse
from darkroom.contract.objects import StoredKey
from darkroom.contract.record import ImageRecord
from darkroom.contract.requests import rerun_request
from darkroom.contract.results import Announcement, Failure, Number, Report, Window
from darkroom.notify.compose import (
    Message,
    alerted_of,
    compose,
    dumps,
    is_express,
    resolved,
    summary,
)
from darkroom.steps.settings import NotifySettings

logger = Logger()

ANNOUNCED = "ImageFailed"
"""The Fail state behind NotifyFailure: an execution that ended there has sent its alert."""

UNANNOUNCED = "AlertNotSent"
"""The Fail state of an execution whose alert could not be sent."""

ANNOUNCING_SECONDS = 50
"""How long one delivery of a status change keeps others out: Lambda tries again after a minute."""


def envelope(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event in the form that every step takes: ``{"execution": ARN, "input": …}``.

    It has that form already, or is an "Execution Status Change" event from EventBridge.
    """
    if "detail-type" in event:
        return {"execution": event["detail"]["executionArn"], "input": dict(event)}
    return dict(event)


def announce(
    payload: Mapping[str, Any], services: Services, settings: NotifySettings
) -> Announcement:
    """Publish how an execution ended, unless that has been done.

    A success also tells those who were alerted of a failure before it that it is resolved.

    The payload is a :class:`darkroom.contract.results.Report`, or a status-change event.
    AccessDenied and DeliveryError are about SNS, or about Step Functions when asked about the
    execution.
    """
    if "window" in payload:
        return summarize(parse(payload, Window), services, settings)
    ended = time.time()
    records = services.records(settings.images_table)
    event = payload if "detail-type" in payload else None
    if event is not None:
        ending = _status_change(event["detail"], services, records, settings.source_bucket)
        if ending is None:
            return Announcement(published=False)
        report, ended = ending
        assert report.failure is not None  # noqa: S101 - status changes always have one
        with _tolerated("the failure could not be recorded"):
            records.fail(report.image, report.execution, report.failure)
    else:
        report = parse(payload, Report)
    report = _exact(report, services)
    mark = f"{report.outcome} {report.execution} {int(report.redrive_count)}"
    record = _record(report.image, records)
    if record.announced == mark:
        _resolve(report, record.alerted, services, settings)
        return Announcement(published=False)
    if event is not None:
        _reserve(report, mark, records)
    message = compose(
        report,
        _outputs(report, services, settings),
        ended,
        stack=_stack(settings),
        runbook=settings.runbook,
    )
    topic = settings.notifications_topic
    if report.outcome != "COMPLETE":
        topic = settings.alerts_topic
        message = _in_its_window(message, report, mark, services, settings)
    try:
        services.topics.publish(topic, message.subject, message.body(), message.attributes)
    except DarkroomError:
        if event is not None:
            with _tolerated("the announcement could not be released"):
                records.release(report.image, mark)
        raise
    with _tolerated("the record could not be marked as announced"):
        records.mark(report.image, report.execution, mark, alerted_of(report))
    _resolve(report, record.alerted, services, settings)
    whose = message.attributes.get("fault", "")
    return Announcement(published=True, subject=message.subject, fault=whose)


def _resolve(report: Report, alerted: str, services: Services, settings: NotifySettings) -> None:
    """Tell of a success those who were alerted of the failure before it, once.

    What cannot be sent is told with the next success: the record keeps what was alerted.
    """
    if report.outcome != "COMPLETE" or not alerted:
        return
    mark = f"RESOLVED {report.execution} {int(report.redrive_count)}"
    message = _in_its_window(resolved(report, alerted), report, mark, services, settings)
    records = services.records(settings.images_table)
    with _tolerated("that it is resolved could not be told"):
        services.topics.publish(
            settings.alerts_topic, message.subject, message.body(), message.attributes
        )
        records.resolve(report.image, report.execution)


# ---------------------------------------------------------------------------- many at once


def _in_its_window(
    message: Message, report: Report, mark: str, services: Services, settings: NotifySettings
) -> Message:
    """Return a message that people get now, if it is the first of its kind, or in a summary.

    Programs get each now, as its subscription may be about this one image. Whatever fails here,
    people get it now: no alert is lost or late for the sake of having fewer.
    """
    told = "now"
    if settings.summary_seconds:
        try:
            told = _told(
                _window(message, report, settings), message, report, mark, services, settings
            )
        except Exception as error:  # noqa: BLE001 - nothing may keep an alert from going out
            logger.warning("the alert could not wait for a summary: %s", error)
    return msgspec.structs.replace(message, attributes=message.attributes | {"told": told})


def _told(
    window: Window,
    message: Message,
    report: Report,
    mark: str,
    services: Services,
    settings: NotifySettings,
) -> str:
    windows = services.windows(settings.images_table)
    if not windows.open(window.window, mark, window.seconds):
        about = {"execution": report.execution, "image": message.attributes["image"]}
        return "later" if windows.join(window.window, dumps(about)) else "now"
    try:
        services.executions.start_summary(settings.summary_machine, dumps(dump(window)))
    except DarkroomError:
        summarize(window, services, settings)  # nobody else would tell what has joined it meanwhile
        raise
    return "now"


def _window(message: Message, report: Report, settings: NotifySettings) -> Window:
    """Return the window of a message: of one outcome, error and folder."""
    of = message.attributes
    folder = of.get("prefix", "")
    return Window(
        window=f"alert window/{of['outcome']} {of['fault']} {of['error']} {folder}",
        seconds=settings.summary_seconds,
        outcome=of["outcome"],
        error=of["error"],
        fault=of["fault"],
        prefix=folder,
        caught=report.failure is None or report.failure.caught,
        express=is_express(report),
    )


def summarize(window: Window, services: Services, settings: NotifySettings) -> Announcement:
    """Tell what waits in a window, and close it.

    It is forgotten when it has been told: if this fails in between, it is told again.
    """
    windows = services.windows(settings.images_table)
    waiting = windows.close(window.window)
    if not waiting.listed and not waiting.more:
        return Announcement(published=False)
    alerts = [msgspec.json.decode(each, type=dict[str, str]) for each in sorted(waiting.listed)]
    message = summary(
        window, alerts, waiting.more, stack=_stack(settings), runbook=settings.runbook
    )
    services.topics.publish(
        settings.alerts_topic, message.subject, message.body(), message.attributes
    )
    with _tolerated("the alerts that were told could not be forgotten"):
        windows.forget(window.window, waiting)
    return Announcement(published=True, subject=message.subject)


def _stack(settings: NotifySettings) -> str:
    """Return the stack that commands name: none where they find an engine or emulator."""
    return "" if "AWS_ENDPOINT_URL" in os.environ else settings.stack


def _reserve(report: Report, mark: str, records: Records) -> None:
    """Keep two deliveries of one status change from alerting twice: EventBridge may deliver again.

    DeliveryError says that another invocation announces it at this moment. Lambda tries again
    a minute later, when it is announced.
    """
    reserved = True
    with _tolerated("the announcement could not be reserved"):
        reserved = records.reserve(report.image, mark, ANNOUNCING_SECONDS)
    if not reserved:
        raise DeliveryError(
            f"The end of {report.execution} is announced by another invocation at this moment."
        )


def _status_change(
    detail: Mapping[str, Any], services: Services, records: Records, source_bucket: str
) -> tuple[Report, float] | None:
    """Return how an execution ended and when; None when there is nothing to announce.

    The event says how. Step Functions, asked about the execution, may not know that yet
    (DescribeExecution is eventually consistent, its API reference): it is asked only whether a
    redrive has begun meanwhile, and for what never changes. DeliveryError says that it knows less
    than the event; Lambda tries again a minute later.
    """
    arn, status = detail["executionArn"], detail["status"]
    described = services.executions.describe(arn)
    redrives = int(detail.get("redriveCount", described.get("redriveCount", 0)))
    if described.get("redriveCount", 0) > redrives:
        return None  # how it ends now is told then
    if described["status"] != status:
        raise DeliveryError(
            f"The execution {arn} is {status}, but Step Functions says {described['status']} still."
        )
    ended_in = services.executions.fail_state(arn) if status == "FAILED" else None
    if ended_in == ANNOUNCED:
        return None
    # An event is too small for the largest inputs (Step Functions guide, "EventBridge payloads").
    payload = _decoded(detail.get("input") or described.get("input", "{}"))
    image = _image(payload, detail["name"], source_bucket)
    error, cause = detail.get("error"), detail.get("cause")
    if ended_in == UNANNOUNCED:
        record = _record(image, records)
        state = record.failed_state if record.execution == arn else ""
        failure = Failure(state=state or UNCAUGHT, error=error or "", message=cause or "")
    else:
        failure = status_failure(status, error, cause)
    report = Report(
        outcome=status,
        execution=arn,
        state_machine=detail["stateMachineArn"],
        started_at=_time(detail["startDate"]).isoformat(),
        input=payload,
        image=image,
        redrive_count=Number(redrives),
        failure=failure,
    )
    return report, _time(detail["stopDate"]).timestamp()


def _time(millis: int) -> datetime.datetime:
    """Return a time of an event, which has it in milliseconds since the epoch."""
    return datetime.datetime.fromtimestamp(millis / 1000, datetime.UTC)


def _decoded(text: str) -> Any:
    """Return what JSON text says, with ``?`` for half of a surrogate pair: none can be told it."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        writable = json.dumps(json.loads(text), ensure_ascii=False).encode(errors="replace")
        return msgspec.json.decode(writable)


def _image(payload: object, execution: str, source_bucket: str) -> str:
    """Return the key of the record that ClaimImage took for an input."""
    source = rerun_request(payload).get("source")
    named = source if isinstance(source, Mapping) else {}
    bucket, key = named.get("bucket"), named.get("key")
    if bucket != source_bucket or not isinstance(key, str):
        return f"invalid request/{execution}"
    known = 0 < len(key.encode()) <= keys.MAX_KEY_BYTES
    return keys.record_key(source_bucket, key) if known else f"invalid request/{execution}"


# What follows must not keep an alert from going out: each part only logs its failure.


def _json(text: str) -> object:
    """Return what JSON says; None where the history has it not, or cut off."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None


def _exact(report: Report, services: Services) -> Report:
    """Return a report that says what ran out of time or memory: the workflow knows the step."""
    failure = report.failure
    if failure is None or failure.error not in OUT_OF_TIME | OUT_OF_MEMORY:
        return report
    with _tolerated("the history could not be read"):
        call = services.executions.failed_call(report.execution, failure.error)
        if call is not None:
            said = exhausted(
                failure.error,
                step=call.step,
                item=item_of(_json(call.input)),
                cause=call.cause,
                limit=call.limit,
                attempts=call.attempts,
            )
            exact = msgspec.structs.replace(failure, message=said or failure.message)
            return msgspec.structs.replace(report, failure=exact)
    return report


def _record(image: str, records: Records) -> ImageRecord:
    try:
        return records.read(image)
    except (DarkroomError, msgspec.ValidationError) as error:
        logger.warning("the record could not be read: %s", error)
        return ImageRecord()


def _outputs(report: Report, services: Services, settings: NotifySettings) -> list[StoredKey]:
    source = rerun_request(report.input).get("source")
    key = source.get("key") if isinstance(source, Mapping) else None
    if report.made is not None or not isinstance(key, str) or not key:
        return []  # a success lists what it made
    outputs: list[StoredKey] = []
    with _tolerated("the outputs could not be listed"):
        outputs += services.storage.listed(settings.output_bucket, f"{key}/")
    return outputs


@contextmanager
def _tolerated(what: str) -> Iterator[None]:
    try:
        yield
    except DarkroomError as error:
        logger.warning("%s: %s", what, error)
