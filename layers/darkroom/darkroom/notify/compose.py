"""Every message that people and machines get: one composer for success, failure and alert.

A recipient must know from the message alone what became of which image, whether trying again
helps, and the command to do it. An alert says what to do, why, about which image, and by which id
to look it up, in this order. Keys and error texts are hostile: nothing in them may break a line, a
subject or a command.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from darkroom.contract import errors, keys
from darkroom.contract.advice import UNCAUGHT, Advice, advise, options
from darkroom.contract.arns import console_url, parse
from darkroom.contract.formats import format_name
from darkroom.contract.model import dump
from darkroom.contract.requests import is_event, rerun_request
from darkroom.contract.results import Backup, Failure, Output, Report, Success, Window
from darkroom.contract.text import ascii_only, fits_sms, plain, shell, shortened, size

if TYPE_CHECKING:  # the adapter loads boto3, which a composer of texts does not need
    from darkroom.contract.objects import StoredKey

SUBJECT_CHARACTERS = 99
"""SNS takes subjects of less than 100 ASCII characters (SNS API reference, Publish)."""

REQUEST_CHARACTERS = 8192
"""The longest request that a message repeats, as JSON: it does so several times, and SNS takes
256 KB. Every request that can be carried out is shorter."""

SMS_NAME_CHARACTERS, SMS_SHORTEST_NAME, SMS_ID_CHARACTERS = 40, 8, 16
"""How much of a file's name an SMS has room for, how little of it still tells which; and the same
of the id, which is longer than eight characters only if a person chose it."""

LABEL_WIDTH = 11
NAME_WIDTH = 12

_ENDINGS = {
    "COMPLETE": "Your image is ready.",
    "FAILED": "Darkroom could not finish an image.",
    "TIMED_OUT": "An execution ran out of time, so its image is not finished.",
    "ABORTED": "An execution was stopped, so its image is not finished.",
}
_NO_IMAGE = "Darkroom could not read a request."


class Message(Struct, frozen=True):
    """A message for SNS: a text for each protocol, and what subscriptions filter on."""

    subject: str
    email: str
    sms: str
    data: dict[str, Any]
    attributes: dict[str, str]

    def body(self) -> str:
        """Return the body for ``MessageStructure: json``; all but people get the data."""
        return json.dumps({"default": dumps(self.data), "email": self.email, "sms": self.sms})


def compose(
    report: Report,
    outputs: Sequence[StoredKey],
    ended: float,
    *,
    stack: str = "",
    runbook: str = "",
) -> Message:
    """Put an outcome into words.

    The outputs are what lies in the image's folder of the output bucket now; the execution ended
    when `ended` says, in seconds since the epoch. Commands name the stack, unless it is empty: they
    find the engine by themselves. The runbook is an address, whose part "Errors" is named.
    """
    return _Composer(report, outputs, ended, stack, runbook).message()


def alerted_of(report: Report) -> str:
    """Return what a record keeps of an alert: fault and error; nothing of a success."""
    failure = report.failure
    return f"{_fault(failure, report)} {ascii_only(failure.error)[:256]}" if failure else ""


def resolved(report: Report, alerted: str) -> Message:
    """Put into words that a success resolved what people were alerted of."""
    composer = _Composer(report, (), 0.0, "", "")
    whose, _, error = alerted.partition(" ")
    return composer.resolved(whose, error or "unknown")


def summary(
    window: Window,
    alerts: Sequence[Mapping[str, str]],
    more: int,
    *,
    stack: str = "",
    runbook: str = "",
) -> Message:
    """Put into words what happened as the alert before said: `alerts`, and so many more."""
    count = len(alerts) + more
    failed = window.outcome != "RESOLVED"
    what = f"{count} more {window.outcome}"
    where = f" in {plain(window.prefix)}" if window.prefix else ""
    advice = advise(window.error, caught=window.caught, uploaded=window.fault == "system")
    listing = ("ls", "--status", "failed", *(("--stack", stack) if stack else ()))
    lines = [
        f"{count} more {'image' if count == 1 else 'images'}{where}, as the message before said:",
        f"{window.outcome}, {window.error}.",
        "",
    ]
    if failed and not window.express:
        each = ("rerun", "ID", *options(advice.actions[0][0]), *listing[3:])
        lines += [_line("Try again?", advice.says), "", "Each by its ID:", ""]
        lines += [shell("darkroom", *each), ""]
    elif failed:
        lines += [_line("Try again?", advice.says), ""]
    # The bucket is the same for all.
    images = ((each["image"].partition("/")[2], short_id(each["execution"])) for each in alerts)
    lines += [f"{about:{LABEL_WIDTH}}{plain(image)}" for image, about in sorted(images)]
    if more:
        lines += [f"{'':{LABEL_WIDTH}}and {more} more."]
    if more and failed and not window.express:
        lines += ["", "All that failed:", "", shell("darkroom", *listing)]
    if runbook and failed:
        lines += ["", _line("Runbook", f"{runbook}#errors")]
    start = f"Darkroom: {what}: {shortened(window.error, 40)}"
    start += ": " if window.prefix else ""
    do = f"Do: {advice.do}." if failed else "Nothing to do."
    told = {"outcome": "SUMMARY", "error": window.error, "fault": window.fault}
    prefix = {"prefix": window.prefix} if window.prefix else {}
    return Message(
        subject=start + shortened(ascii_only(window.prefix), SUBJECT_CHARACTERS - len(start)),
        email="\n".join(lines),
        sms=_fitting(
            plain(window.prefix) or "all",
            f"Darkroom {what}: {{}} ({shortened(window.error, 40)}). {do}",
            f"{what}: {{}}. {do.partition('. ')[0].rstrip('.')}.",
        ),
        data=told | prefix | {"of": window.outcome, "count": count, "alerts": list(alerts)},
        attributes=told | prefix | {"notify": "true", "told": "now"},
    )


def _fault(failure: Failure, report: Report) -> str:
    """Return whose a failure is to mend: the ``sender``'s or the ``system``'s.

    An upload asks for nothing: what is invalid then are the deployed presets.
    """
    upload = is_event(report.input)
    if not failure.caught or (upload and failure.error == "InvalidRequest"):
        return "system"
    return "sender" if errors.is_senders(failure.error, failure.state) else "system"


def is_express(report: Report) -> bool:
    """Return whether an execution was of the Express machine, by the name that it has then."""
    return report.state_machine.endswith("-express")


def short_id(execution: str) -> str:
    """Return by which id commands find an execution: the beginning of a name that chance made."""
    name = execution.rpartition(":")[2]
    return name[:8] if re.match("[0-9a-f]{8}-", name) else name


def dumps(data: object) -> str:
    """Return compact JSON in ASCII, which every terminal and mailbox shows and copies unharmed."""
    return json.dumps(data, separators=(",", ":"))


class _Composer:
    def __init__(
        self,
        report: Report,
        outputs: Sequence[StoredKey],
        ended: float,
        stack: str,
        runbook: str,
    ) -> None:
        self.report = report
        self.stack = stack
        self.runbook = runbook
        self.id = short_id(report.execution)
        self.outputs = outputs
        self.started = datetime.datetime.fromisoformat(report.started_at)
        self.seconds = max(0.0, ended - self.started.timestamp())
        self.rerun = rerun_request(report.input)
        self.repeats = len(dumps(self.rerun)) <= REQUEST_CHARACTERS
        if not self.repeats:
            self.rerun = {}
        source = self.rerun.get("source")
        named = source if isinstance(source, dict) else {}
        bucket, key = named.get("bucket"), named.get("key")
        # A request that names no object as text is itself what failed.
        self.valid = isinstance(bucket, str) and isinstance(key, str) and key != ""
        self.bucket = bucket if isinstance(bucket, str) else ""
        self.key = key if isinstance(key, str) else ""
        version = named.get("versionId")
        self.version = version if isinstance(version, str) else None
        if report.made is not None:
            self.version = report.made.source.version_id or self.version
        self.region = parse(report.execution).region
        self.failure = report.failure
        self.advice = Advice("", ())
        if self.failure is not None:
            self.advice = advise(
                self.failure.error, caught=self.failure.caught, uploaded=is_event(report.input)
            )

    # ------------------------------------------------------------------ parts

    def message(self) -> Message:
        return Message(
            subject=self.subject(),
            email="\n".join(self.email()),
            sms=self.sms(),
            data=self.data(),
            attributes=self.attributes(),
        )

    def resolved(self, whose: str, error: str) -> Message:
        """Return the message of a success to those who were alerted of an error before it."""
        name = plain(self.key.rpartition("/")[2] or self.key)
        start, was = f"Darkroom: resolved: {shortened(error, 40)}: ", shortened(error, 40)
        about = shortened(self.id, SMS_ID_CHARACTERS)
        email = (
            "An image that had failed is ready now: nothing is left to do.",
            "",
            _line("Was", error),
            *self.which(),
            "",
            _line("Execution", self.id),
            f"{'':{LABEL_WIDTH}}{console_url(self.report.execution)}",
        )
        told = {"outcome": "RESOLVED", "error": error, "fault": whose}
        about_it = {"source": self.rerun.get("source"), "execution": self.report.execution}
        return Message(
            subject=start + shortened(ascii_only(self.key), SUBJECT_CHARACTERS - len(start)),
            email="\n".join(email),
            sms=_fitting(
                name,
                f"Darkroom RESOLVED {{}} (was {was}). Nothing to do. {about}",
                f"Darkroom RESOLVED {{}}. Nothing to do. {about}",
                f"RESOLVED {{}}. {about}",
            ),
            data=told | about_it | {"console": console_url(self.report.execution)},
            attributes=self.attributes() | told | {"notify": "true"},
        )

    def word(self) -> str:
        """Return the outcome in one or two words: ``ready``, ``FAILED: CorruptImage``."""
        if self.failure is None:
            return "ready"
        return f"FAILED: {ascii_only(shortened(self.failure.error, 40))}"

    def subject(self) -> str:
        name = ascii_only(self.key) if self.valid else "a request"
        start = f"Darkroom: {self.word()}: "
        return start + shortened(name, SUBJECT_CHARACTERS - len(start))

    def sms(self) -> str:
        """Return the text of one SMS: an alert's always holds what to do and the id."""
        name = plain(self.key.rpartition("/")[2] or self.key) if self.valid else "a request"
        if self.report.made is not None and self.failure is None:
            count = len(self.report.made.renditions)
            made = f"{count} rendition" if count == 1 else f"{count} renditions"
            return _fitting(name, f"Darkroom: ready: {{}} ({made}, PDF, backup).", "ready: {}")
        error = shortened(ascii_only(self.failure.error), 40) if self.failure else ""
        do, _, besides = self.advice.do.partition(". ")
        about = shortened(self.id, SMS_ID_CHARACTERS)
        return _fitting(
            name,
            *([f"Darkroom FAILED {{}} ({error}). Do: {do}. {besides}. {about}"] if besides else []),
            f"Darkroom FAILED {{}} ({error}). Do: {do}. {about}",
            f"Darkroom FAILED {{}}. Do: {do}. {about}",
            f"FAILED {{}}. Do: {do}. {about}",
        )

    def attributes(self) -> dict[str, str]:
        """Return what subscriptions filter on, and recipients match messages by.

        SNS takes neither an empty value nor a control character (SNS API reference,
        MessageAttributeValue and Publish), and a subscription with raw delivery to SQS drops a
        message with more than ten attributes. No alert may be lost for that: values are escaped,
        and of a key that is none in S3 nothing is said but in the body.
        """
        known = self.valid and len(self.key.encode(errors="replace")) <= keys.MAX_KEY_BYTES
        values = {
            "outcome": self.report.outcome,
            "execution": plain(self.report.execution),
            "image": plain(keys.record_key(self.bucket, self.key) if known else self.report.image),
            "notify": json.dumps(self.report.notify),
        }
        if self.failure is not None:
            values["error"] = ascii_only(self.failure.error)[:256] or "unknown"
            values["fault"] = _fault(self.failure, self.report)
        if known and "/" in self.key:
            values["prefix"] = plain(self.key.rpartition("/")[0] + "/")
        return values

    def data(self) -> dict[str, Any]:
        report = self.report
        data: dict[str, Any] = {
            "outcome": report.outcome,
            "source": self.rerun.get("source"),
            "bytes": self.bytes(),
            "startedAt": report.started_at,
            "seconds": round(self.seconds, 1),
            "execution": report.execution,
            "console": console_url(self.report.execution),
            "outputs": [{"key": each.key, "bytes": each.bytes} for each in self.outputs],
            "rerunInput": self.rerun,
            "commands": [command for _, _, command in self.commands()],
        }
        if report.made is not None:
            data |= dump(report.made)
        if self.failure is not None:
            data |= {
                "error": self.failure.error,
                "message": self.failure.message,
                "state": self.failure.state,
                "fault": _fault(self.failure, self.report),
                "permanent": self.failure.error in errors.by_class(errors.PermanentError),
                "advice": self.advice.says,
            }
        return {name: value for name, value in data.items() if value is not None}

    def email(self) -> Iterable[str]:
        yield _ENDINGS[self.report.outcome] if self.valid or self.failure is None else _NO_IMAGE
        yield ""
        if self.failure is None:
            yield from self.which()
            yield _line("Result", "COMPLETE: all outputs are made, recorded and backed up.")
            yield from self.made()
            yield from self.run()
            for title, _, aws in self.commands():
                yield from ("", title, "", aws)
            return
        yield from self.do()
        yield from self.why(self.failure)
        yield ""
        yield from self.which()
        yield ""
        yield from self.run()
        if self.runbook:
            yield _line("Runbook", f"{self.runbook}#errors")
        for title, _, aws in self.commands():
            yield from ("", f"{title.removesuffix(':')}, with the AWS CLI:", "", aws)

    def do(self) -> Iterable[str]:
        """Say what to do, with the commands for it."""
        yield _line("Try again?", self.advice.says)
        for title, ours, _ in self.commands():
            if ours:
                yield from ("", title, "", ours)
        yield ""

    def which(self) -> Iterable[str]:
        """Say which image it is about."""
        if self.valid:
            yield _line("Image", self.key)
            yield from self.about()
            yield _line("Bucket", self.bucket)
            if self.version is not None:
                yield _line("Version", self.version)
            if (number := self.bytes()) is not None:
                yield _line("Size", f"{number:,} bytes")
        if not self.repeats:
            yield _line("Request", "Too long to repeat here; the execution has it.")

    def why(self, failure: Failure) -> Iterable[str]:
        """Say what failed and why, and what there is all the same."""
        where = "" if failure.state == UNCAUGHT else f" in step {failure.state}"
        yield _line("Result", f"{failure.error}{where}")
        yield _line("Reason", failure.message)
        yield from self.made()

    def run(self) -> Iterable[str]:
        """Say which execution it was."""
        yield _line("Source", "Untouched.")
        # The seconds follow: milliseconds would only make the date harder to read.
        yield _line("Started", f"{self.started:%Y-%m-%d %H:%M:%S} UTC, took {self.seconds:,.1f} s")
        yield _line("Execution", self.id)
        yield f"{'':{LABEL_WIDTH}}{console_url(self.report.execution)}"

    # ------------------------------------------------------------------ e-mail

    def about(self) -> Iterable[str]:
        if self.report.made is None:
            return
        image = self.report.made.image
        yield _line("", f"{format_name(image.format)}, {image.width} x {image.height} pixels")
        if image.mismatch:
            yield _line("Note", image.mismatch)

    def made(self) -> Iterable[str]:
        if self.report.made is not None and self.failure is None:
            yield from _table(self.report.made)
            return
        if self.failure is not None and self.failure.error == errors.NotificationFailed.__name__:
            yield _line("Outputs", "All are complete and recorded.")
            return
        since = self.started.timestamp() - 1  # S3 keeps whole seconds
        new = [each for each in self.outputs if each.modified >= since]
        old = [each for each in self.outputs if each.modified < since]
        if not new:
            yield _line("Outputs", "This run made none.")
        else:
            names = ", ".join(each.key.rpartition("/")[2] for each in new)
            yield _line("Outputs", f"Made so far: {names}. Use none of them until a run completes.")
        if old:
            names = ", ".join(each.key.rpartition("/")[2] for each in old)
            yield _line("", f"From an earlier run: {names}.")

    # ------------------------------------------------------------------ facts

    def bytes(self) -> int | None:
        if self.report.made is not None:
            return self.report.made.image.bytes
        value = self.report.input
        for name in ("detail", "object", "size"):
            value = value.get(name) if isinstance(value, dict) else None
        return value if isinstance(value, int) else None

    def commands(self) -> Iterable[tuple[str, str, str]]:
        """Return every command that helps, with a title: ours, if there is one, and AWS's."""
        if self.failure is None and self.repeats:
            title = "To make it anew, with other presets if you add them to the input:"
            yield title, "", self.start()
        for action, title in self.advice.actions:
            if action == "redrive":
                yield title, self.ours("redrive", self.id), self.redrive()
            elif self.repeats:
                ours = self.ours("rerun", self.id, *options(action))
                yield title, ours, self.start(pinned=action != "rerun newest")

    def ours(self, *words: str) -> str:
        """Return a `darkroom` command; none of Express, whose executions cannot be listed."""
        if is_express(self.report):
            return ""
        return shell("darkroom", *words, *(("--stack", self.stack) if self.stack else ()))

    def redrive(self) -> str:
        """Return the command that resumes the execution."""
        return (
            f"aws stepfunctions redrive-execution --region {self.region} "
            f"--execution-arn {shell(self.report.execution)}"
        )

    def start(self, *, pinned: bool = True) -> str:
        """Return the command that starts an execution, for this version or for the newest."""
        request = dict(self.rerun)
        if not pinned:
            request["source"] = {"bucket": self.bucket, "key": self.key}
        return (
            f"aws stepfunctions start-execution --region {self.region} "
            f"--state-machine-arn {shell(self.report.state_machine)} "
            f"--input {shell(dumps(request))}"
        )


def _line(label: str, text: str) -> str:
    return f"{label:{LABEL_WIDTH}}{plain(text)}"


def _fitting(name: str, *texts: str) -> str:
    """Return the first of some texts that fits an SMS with a name in it, shortened if need be.

    What is cut is the name, once the text cannot be shorter.
    """
    for text in texts:
        if fits_sms(filled := text.replace("{}", shortened(name, SMS_NAME_CHARACTERS), 1)):
            return filled
    for limit in range(SMS_NAME_CHARACTERS, SMS_SHORTEST_NAME - 1, -1):
        if fits_sms(filled := texts[-1].replace("{}", shortened(name, limit), 1)):
            return filled
    return texts[-1].replace("{}", ascii_only(shortened(name, SMS_SHORTEST_NAME)), 1)


def _table(made: Success) -> Iterable[str]:
    width = max([NAME_WIDTH, *(len(output.name) + 1 for output in made.renditions)])
    yield "Renditions"
    for output in made.renditions:
        yield _row(f"{output.name:{width}}", f"{output.width} x {output.height}", output)
        if output.note:
            yield f"  {'':{width}}{plain(output.note)}"
    yield "PDF"
    pages = made.document.pages or 1
    measure = f"{pages} page" if pages == 1 else f"{pages} pages"
    yield _row(f"{'document':{width}}", measure, made.document)
    yield "Backup"
    yield _row(f"{'original':{width}}", "", made.backup)


def _row(name: str, measure: str, at: Output | Backup) -> str:
    where = plain(f"s3://{at.bucket}/{at.key}")
    return f"  {name}{measure:14}{size(at.bytes):10}{where}"
