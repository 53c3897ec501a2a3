"""What recipients read, whatever keys and error texts hold."""

from __future__ import annotations

import json
import re
import shlex
import unicodedata
from typing import Any

import pytest
from darkroom import messages
from darkroom.contracts import Failure, Report
from darkroom.errors import DarkroomError, PermanentError, by_class, named
from darkroom.messages import Message, compose
from darkroom.storage import StoredKey
from hypothesis import given
from hypothesis import strategies as st

ARN = "arn:aws:states:eu-west-1:123456789012:{}:darkroom-image-pipeline"
EXECUTION = ARN.format("execution") + ":run-1"
STARTED = "2026-01-31T12:00:00.123Z"
AT = 1769860800.0
"""2026-01-31T12:00:00Z."""

TAKEN = re.compile("[\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+")

Json = dict[str, Any]


def alert(
    given: Any,
    *,
    outcome: Any = "FAILED",
    failure: Failure | None = None,
    outputs: tuple[StoredKey, ...] = (),
) -> Message:
    failure = failure or Failure(state="Prepare", error="CorruptImage", message="It is torn.")
    report = Report(
        outcome=outcome,
        execution=EXECUTION,
        state_machine=ARN.format("stateMachine"),
        started_at=STARTED,
        input=given,
        image="any",
        failure=failure,
    )
    return compose(report, outputs, AT + 4)


def request(key: str = "uploads/photo.jpg", **options: Any) -> Json:
    return {"source": {"bucket": "my-photos", "key": key}, **options}


def fields(message: Message) -> dict[str, str]:
    """Read an e-mail as a person does: a word at the start of a line, then what it says."""
    found = {}
    for line in message.email.split("\n"):
        label, text = line[: messages.LABEL_WIDTH].strip(), line[messages.LABEL_WIDTH :]
        if label and line[: messages.LABEL_WIDTH].endswith(" "):
            found[label] = text
    return found


def test_an_alert_says_what_why_and_how_to_go_on() -> None:
    item = {"key": "uploads/photo.jpg", "size": 1234567, "version-id": "v1", "etag": "e"}
    event = {"detail-type": "Object Created",
             "detail": {"bucket": {"name": "my-photos"}, "object": item}}  # fmt: skip
    found = fields(alert(event))
    assert found["Image"] == "uploads/photo.jpg"
    assert found["Bucket"] == "my-photos"
    assert found["Version"] == "v1"
    assert found["Size"] == "1,234,567 bytes"
    assert found["Result"] == "CorruptImage in step Prepare"
    assert found["Reason"] == "It is torn."
    assert found["Try again?"].startswith("No. Upload an intact copy")
    assert found["Outputs"] == "This run made none."
    assert found["Started"] == "2026-01-31 12:00:00 UTC, took 3.9 s"
    assert found["Execution"].startswith("https://eu-west-1.console.aws.amazon.com/states/")
    assert found["Execution"].endswith(EXECUTION)


def test_an_alert_tells_this_run_s_outputs_from_earlier_ones() -> None:
    outputs = (
        StoredKey(key="uploads/photo.jpg/small.jpg", bytes=1, modified=AT + 2),
        StoredKey(key="uploads/photo.jpg/document.pdf", bytes=1, modified=AT - 3600),
    )
    message = alert(request(), outputs=outputs)
    assert "Made so far: small.jpg." in message.email
    assert "From an earlier run: document.pdf." in message.email
    assert [each["key"] for each in message.data["outputs"]] == [each.key for each in outputs]


@pytest.mark.parametrize("error", sorted(by_class(DarkroomError)))
def test_every_error_has_advice(error: str) -> None:
    message = alert(request(), failure=Failure(state="Prepare", error=error, message="Because."))
    found = named(error)
    assert found is not None
    assert fields(message)["Try again?"] == found.advice
    assert message.data["permanent"] is issubclass(found, PermanentError)
    assert message.attributes["error"] == error


def test_an_unknown_error_may_pass() -> None:
    message = alert(request(), failure=Failure(state="Prepare", error="KeyError", message="'x'"))
    assert fields(message)["Try again?"].startswith("Yes")
    assert message.data["permanent"] is False


@pytest.mark.parametrize("status", ["TIMED_OUT", "ABORTED"])
def test_an_execution_that_ended_as_a_whole_is_resumed(status: str) -> None:
    failure = messages.status_failure(status, "Maintenance", "We move house.")
    message = alert(request(), outcome=status, failure=failure)
    resume, anew = (shlex.split(command) for command in message.data["commands"])
    assert resume[2:] == [
        "redrive-execution", "--region", "eu-west-1", "--execution-arn", EXECUTION
    ]  # fmt: skip
    assert anew[2] == "start-execution"
    assert message.data["outcome"] == status


def test_a_request_without_an_object_is_told_as_such() -> None:
    for given_input in ({"source": {"bucket": 7}}, {"sauce": 1}, [], None, "text"):
        message = alert(
            given_input,
            failure=Failure(state="Prepare", error="InvalidRequest", message="Expected a source."),
        )
        assert message.email.startswith("Darkroom could not read a request.")
        assert message.subject == "Darkroom: FAILED: InvalidRequest: a request"
        assert "Image" not in fields(message)


def test_the_subject_keeps_both_ends_of_a_long_key() -> None:
    message = alert(request("albums/" + "x" * 900 + "/final.jpg"))
    assert len(message.subject) == messages.SUBJECT_CHARACTERS
    assert "albums/xxx" in message.subject
    assert message.subject.endswith("/final.jpg")


@given(key=st.text(min_size=1, max_size=300), reason=st.text(max_size=400))
def test_nothing_breaks_a_message(key: str, reason: str) -> None:
    """Any key, any reason: one line each, ASCII where it must be, and an exact command."""
    try:
        key.encode(), reason.encode()
    except UnicodeEncodeError:
        return  # a lone surrogate is no text
    failure = Failure(state="Prepare", error="StorageError", message=reason)
    message = alert(request(key), failure=failure)
    assert message.subject.isascii()
    assert message.subject.isprintable()
    assert len(message.subject) < 100
    assert message.sms.isascii()
    assert message.sms.isprintable()
    assert len(message.sms) <= messages.SMS_CHARACTERS
    head = message.email[: message.email.index("\n\nThe command")]
    assert all(unicodedata.category(c) not in {"Cc", "Cf", "Zl", "Zp"} or c == "\n" for c in head)
    assert [line[:10].strip() for line in head.split("\n")] == [
        "Darkroom c", "", "Image", "Bucket", "Result", "Reason", "Try again?", "Outputs", "Source",
        "Started", "Execution",
    ]  # fmt: skip
    command = shlex.split(message.data["commands"][0])
    assert json.loads(command[-1]) == request(key)
    # What SNS and SQS take in an attribute (SQS API reference, SendMessage: the characters of XML).
    assert all(TAKEN.fullmatch(value) for value in message.attributes.values())
    assert len(message.attributes) <= 10
    body = json.loads(message.body())
    assert json.loads(body["default"])["source"] == request(key)["source"]


def test_a_message_fits_sns() -> None:
    """262,144 bytes at most (SNS API reference, Publish), for the longest request too."""
    presets = [{"name": f"p{n}", "width": 100 + n} for n in range(20)]
    message = alert(request("猫" * 341, presets=presets))
    assert len(message.body().encode()) < 32_000


@pytest.mark.parametrize(
    ("key", "image", "prefix"),
    [
        ("uploads/été 猫.jpg", "my-photos/uploads/été 猫.jpg", "uploads/"),
        ("photo.jpg", "my-photos/photo.jpg", None),
        ("a\nb/\x00\ufffe.jpg", r"my-photos/a\nb/\x00\ufffe.jpg", r"a\nb/"),
        ("\ud800.jpg", r"my-photos/\ud800.jpg", None),
        ("x" * 1024, "my-photos/" + "x" * 1024, None),
        ("p/" + "x" * 1023, "any", None),  # no key in S3: the record's name stands for it
        ("", "any", None),
        (7, "any", None),
    ],
)
def test_programs_match_messages_by_their_attributes(
    key: Any, image: str, prefix: str | None
) -> None:
    attributes = alert(request(key)).attributes
    assert attributes["execution"] == EXECUTION
    assert attributes["image"] == image
    assert attributes.get("prefix") == prefix


@pytest.mark.parametrize("character", ["x", "'", "\\", "\x00", "猫", "😀"])
def test_a_message_about_a_request_of_any_length_fits_sns(character: str) -> None:
    """It repeats the request while that is short, and says where it is when it is not."""
    failure = Failure(state="Prepare", error="InvalidRequest", message="Too long.")

    def told(length: int) -> tuple[Message, int]:
        message = alert(request(character * length), failure=failure)
        attributes = "".join(message.attributes.values())
        return message, len(message.body().encode()) + len(attributes.encode())

    short = next(
        length
        for length in range(8192, 0, -64)
        if len(messages.dumps(request(character * length))) <= messages.REQUEST_CHARACTERS
    )
    repeated, bytes_ = told(short)
    assert repeated.data["rerunInput"] == request(character * short)
    assert bytes_ < 256_000
    left_out, bytes_ = told(200_000)
    assert "Too long to repeat here" in left_out.email
    assert left_out.data["commands"] == []
    assert bytes_ < 8_000
