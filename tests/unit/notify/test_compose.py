"""What recipients read, whatever keys and error texts hold."""

from __future__ import annotations

import json
import re
import shlex
import unicodedata
from typing import Any

import msgspec
import pytest
from darkroom.contract.advice import advise, status_failure
from darkroom.contract.errors import DarkroomError, PermanentError, by_class, named
from darkroom.contract.objects import Source, StoredKey
from darkroom.contract.results import Backup, Failure, ImageInfo, Output, Report, Success, Window
from darkroom.contract.text import SMS_UNICODE_CHARACTERS, fits_sms
from darkroom.notify.compose import (
    LABEL_WIDTH,
    REQUEST_CHARACTERS,
    Message,
    alerted_of,
    compose,
    dumps,
    resolved,
    summary,
)
from hypothesis import strategies as st

from tests.support.properties import given

ARN = "arn:aws:states:eu-west-1:123456789012:{}:darkroom-image-pipeline"
NAME = "3036d378-35f0-4b6b-8a7d-6a9a4d2f5a10"
EXECUTION = ARN.format("execution") + f":{NAME}"
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
    name: str = NAME,
    state_machine: str = ARN.format("stateMachine"),
    **where: str,
) -> Message:
    failure = failure or Failure(state="Prepare", error="CorruptImage", message="It is torn.")
    report = Report(
        outcome=outcome,
        execution=ARN.format("execution") + f":{name}",
        state_machine=state_machine,
        started_at=STARTED,
        input=given,
        image="any",
        failure=failure,
    )
    return compose(report, outputs, AT + 4, **where)


def request(key: str = "uploads/photo.jpg", **options: Any) -> Json:
    return {"source": {"bucket": "my-photos", "key": key}, **options}


def fields(message: Message) -> dict[str, str]:
    """Read an e-mail as a person does: a word at the start of a line, then what it says."""
    found = {}
    for line in message.email.split("\n"):
        label, text = line[:LABEL_WIDTH].strip(), line[LABEL_WIDTH:]
        if label and line[:LABEL_WIDTH].endswith(" "):
            found[label] = text
    return found


EVENT = {
    "detail-type": "Object Created",
    "detail": {
        "bucket": {"name": "my-photos"},
        "object": {"key": "uploads/photo.jpg", "size": 1234567, "version-id": "v1", "etag": "e"},
    },
}


def output(name: str, width: int, height: int, size: int, pages: int | None = None) -> Output:
    return Output(
        name=name,
        bucket="the-output",
        key=f"uploads/photo.jpg/{name}.x",
        content_type="any/any",
        bytes=size,
        sha256="0a",
        width=width,
        height=height,
        pages=pages,
    )


def success(given: Any = EVENT, **more: Any) -> Message:
    """Return the message about an image that is ready."""
    return compose(succeeded(given, **more), (), AT + 4)


def succeeded(
    given: Any = EVENT,
    *,
    renditions: int = 2,
    pages: int | None = 2,
    name: str = "p{}",
    note: str | None = None,
    **more: Any,
) -> Report:
    """Return what became of an image of which as many renditions were made."""
    sizes = [(300, 225, 1023), (1200, 900, 1024**2)][:renditions]
    first, *others = (output(name.format(n), *size) for n, size in enumerate(sizes))
    made = Success(
        source=Source(bucket="my-photos", key="uploads/photo.jpg", version_id="v1", etag="e"),
        image=ImageInfo("webp", "image/webp", 1600, 1200, 1234567, mismatch="Named .png."),
        renditions=(msgspec.structs.replace(first, note=note), *others),
        document=output("document", 1200, 900, 1024**2 - 1, pages),
        backup=Backup("the-backup", "uploads/photo.jpg", 1234567, "e", "b1"),
    )
    return Report(
        outcome="COMPLETE",
        execution=EXECUTION,
        state_machine=ARN.format("stateMachine"),
        started_at=STARTED,
        input=given,
        image="any",
        made=made,
        **more,
    )


CONSOLE = (
    "https://eu-west-1.console.aws.amazon.com/states/home?region=eu-west-1"
    f"#/v2/executions/details/{EXECUTION}"
)
START = (
    "aws stepfunctions start-execution --region eu-west-1 "
    f"--state-machine-arn {ARN.format('stateMachine')} --input "
)
PINNED = (
    START + """'{"source":{"bucket":"my-photos","key":"uploads/photo.jpg","versionId":"v1"}}'"""
)
NEWEST = START + """'{"source":{"bucket":"my-photos","key":"uploads/photo.jpg"}}'"""


def test_a_success_in_full() -> None:
    message = success()
    assert (
        message.email
        == f"""\
Your image is ready.

Image      uploads/photo.jpg
           WebP, 1600 x 1200 pixels
Note       Named .png.
Bucket     my-photos
Version    v1
Size       1,234,567 bytes
Result     COMPLETE: all outputs are made, recorded and backed up.
Renditions
  p0          300 x 225     1.0 KB    s3://the-output/uploads/photo.jpg/p0.x
  p1          1200 x 900    1.0 MB    s3://the-output/uploads/photo.jpg/p1.x
PDF
  document    2 pages       1024.0 KB s3://the-output/uploads/photo.jpg/document.x
Backup
  original                  1.2 MB    s3://the-backup/uploads/photo.jpg
Source     Untouched.
Started    2026-01-31 12:00:00 UTC, took 3.9 s
Execution  3036d378
           {CONSOLE}

To make it anew, with other presets if you add them to the input:

{PINNED}"""
    )
    assert message.subject == "Darkroom: ready: uploads/photo.jpg"
    assert message.sms == "Darkroom: ready: photo.jpg (2 renditions, PDF, backup)."
    assert message.attributes == {
        "outcome": "COMPLETE",
        "execution": EXECUTION,
        "image": "my-photos/uploads/photo.jpg",
        "notify": "true",
        "prefix": "uploads/",
    }
    made = {
        name: message.data.pop(name)
        for name in ("image", "renditions", "document", "backup", "source")
    }
    assert made["source"] == {
        "bucket": "my-photos", "key": "uploads/photo.jpg", "versionId": "v1", "etag": "e",
    }  # fmt: skip
    assert [each["name"] for each in made["renditions"]] == ["p0", "p1"]
    assert (made["document"]["pages"], made["backup"]["versionId"]) == (2, "b1")
    assert message.data == {
        "outcome": "COMPLETE",
        "bytes": 1234567,
        "startedAt": STARTED,
        "seconds": 3.9,
        "execution": EXECUTION,
        "console": CONSOLE,
        "outputs": [],
        "rerunInput": {
            "source": {"bucket": "my-photos", "key": "uploads/photo.jpg", "versionId": "v1"}
        },
        "commands": [PINNED],
    }
    body = json.loads(message.body())
    assert json.loads(body.pop("default"))["outcome"] == "COMPLETE"
    assert body == {"email": message.email, "sms": message.sms}


def test_what_was_resolved_in_full() -> None:
    message = resolved(succeeded(notify=False), "sender CorruptImage")
    assert (
        message.email
        == f"""\
An image that had failed is ready now: nothing is left to do.

Was        CorruptImage
Image      uploads/photo.jpg
           WebP, 1600 x 1200 pixels
Note       Named .png.
Bucket     my-photos
Version    v1
Size       1,234,567 bytes

Execution  3036d378
           {CONSOLE}"""
    )
    assert message.subject == "Darkroom: resolved: CorruptImage: uploads/photo.jpg"
    assert message.sms == (
        "Darkroom RESOLVED photo.jpg (was CorruptImage). Nothing to do. 3036d378"
    )
    told = {"outcome": "RESOLVED", "error": "CorruptImage", "fault": "sender"}
    assert message.attributes == told | {
        "execution": EXECUTION, "image": "my-photos/uploads/photo.jpg", "prefix": "uploads/",
        "notify": "true",
    }  # fmt: skip
    assert message.data == told | {
        "source": {"bucket": "my-photos", "key": "uploads/photo.jpg", "versionId": "v1"},
        "execution": EXECUTION,
        "console": CONSOLE,
    }


@pytest.mark.parametrize(
    ("key", "alerted", "sms"),
    [
        ("a/b/", "system E", "Darkroom RESOLVED a/b/ (was E). Nothing to do. 3036d378"),
        ("a\nb.jpg", "system E", r"Darkroom RESOLVED a\nb.jpg (was E). Nothing to do. 3036d378"),
        ("x.jpg", "system ", "Darkroom RESOLVED x.jpg (was unknown). Nothing to do. 3036d378"),
        ("x.jpg", f"system {'E' * 60}",
         f"Darkroom RESOLVED x.jpg (was {'E' * 25}...{'E' * 12}). Nothing to do. 3036d378"),
        ("猫の絵.jpg", "system E", "Darkroom RESOLVED 猫の絵.jpg (was E). Nothing to do. 3036d378"),
        ("猫の写真.jpg", "system E", "Darkroom RESOLVED 猫の写真.jpg. Nothing to do. 3036d378"),
        ("猫" * 99, "system E", f"RESOLVED {'猫' * 24}...{'猫' * 12}. 3036d378"),
    ],
)  # fmt: skip
def test_an_sms_says_what_was_resolved(key: str, alerted: str, sms: str) -> None:
    message = resolved(succeeded(request(key)), alerted)
    assert message.sms == sms
    assert fits_sms(sms)
    assert len(message.subject) < 100
    assert message.subject.isascii()


def test_a_record_keeps_of_an_alert_whose_fault_it_was_and_its_error() -> None:
    report = succeeded()
    assert alerted_of(report) == ""
    for error, kept in (
        ("CorruptImage", "sender CorruptImage"),
        ("é" * 300, "system " + "?" * 256),
    ):
        failed = msgspec.structs.replace(report, failure=Failure("Prepare", error, "x"))
        assert alerted_of(failed) == kept


def test_one_is_not_told_as_many() -> None:
    one = success(renditions=1, pages=None, notify=False)
    assert "(1 rendition, PDF, backup)" in one.sms
    assert "  document    1 page        " in one.email
    assert one.attributes["notify"] == "false"


@pytest.mark.parametrize("name", ["eleven{}.webp", "twelve-{}.webp", "far-longer-than-{}.webp"])
def test_a_long_name_stands_apart_from_what_follows(name: str) -> None:
    email = success(name=name).email
    column = max(14, len(f"  {name.format(0)} "))
    for measure in ("300 x 225", "1200 x 900", "2 pages"):
        (line,) = [line for line in email.splitlines() if measure in line]
        assert line.index(measure) == column


def test_the_version_that_was_read_is_told_where_the_request_named_none() -> None:
    assert fields(success(request()))["Version"] == "v1"
    assert "Version" not in fields(alert(request()))
    named = request() | {"source": {"bucket": "b", "key": "k", "versionId": "v7"}}
    assert fields(alert(named))["Version"] == "v7"
    assert fields(success(named))["Version"] == "v1"


def test_a_failure_in_full() -> None:
    outputs = (
        StoredKey(key="uploads/photo.jpg/small.jpg", bytes=7, modified=AT - 0.877),
        StoredKey(key="uploads/photo.jpg/large.jpg", bytes=8, modified=AT + 2),
        StoredKey(key="uploads/photo.jpg/old.jpg", bytes=9, modified=AT - 0.878),
        StoredKey(key="uploads/photo.jpg/document.pdf", bytes=9, modified=AT - 3600),
    )
    message = alert(EVENT, outputs=outputs, stack="photos", runbook="https://wiki/darkroom")
    assert (
        message.email
        == f"""\
Darkroom could not finish an image.

Try again? No. Upload an intact copy; that starts a run by itself.

To run by hand whatever lies under this key:

darkroom rerun 3036d378 --newest --stack photos

Result     CorruptImage in step Prepare
Reason     It is torn.
Outputs    Made so far: small.jpg, large.jpg. Use none of them until a run completes.
           From an earlier run: old.jpg, document.pdf.

Image      uploads/photo.jpg
Bucket     my-photos
Version    v1
Size       1,234,567 bytes

Source     Untouched.
Started    2026-01-31 12:00:00 UTC, took 3.9 s
Execution  3036d378
           {CONSOLE}
Runbook    https://wiki/darkroom#errors

To run by hand whatever lies under this key, with the AWS CLI:

{NEWEST}"""
    )
    assert message.subject == "Darkroom: FAILED: CorruptImage: uploads/photo.jpg"
    assert message.sms == (
        "Darkroom FAILED photo.jpg (CorruptImage). Do: upload it again. Don't re-run. 3036d378"
    )
    assert message.attributes == {
        "outcome": "FAILED",
        "execution": EXECUTION,
        "image": "my-photos/uploads/photo.jpg",
        "notify": "true",
        "error": "CorruptImage",
        "fault": "sender",
        "prefix": "uploads/",
    }
    pinned = {"bucket": "my-photos", "key": "uploads/photo.jpg", "versionId": "v1"}
    assert message.data == {
        "outcome": "FAILED",
        "source": pinned,
        "bytes": 1234567,
        "startedAt": STARTED,
        "seconds": 3.9,
        "execution": EXECUTION,
        "console": CONSOLE,
        "outputs": [{"key": each.key, "bytes": each.bytes} for each in outputs],
        "rerunInput": {"source": pinned},
        "commands": [NEWEST],
        "error": "CorruptImage",
        "message": "It is torn.",
        "state": "Prepare",
        "fault": "sender",
        "permanent": True,
        "advice": "No. Upload an intact copy; that starts a run by itself.",
    }


def test_a_stopped_execution_in_full() -> None:
    failure = status_failure("ABORTED", "Maintenance", "We move house.")
    message = alert(request(), outcome="ABORTED", failure=failure)
    assert (
        message.email
        == f"""\
An execution was stopped, so its image is not finished.

Try again? Yes: resume it where it stopped, or run it again from the start.

To resume it where it stopped:

darkroom redrive 3036d378

To run it again from the start:

darkroom rerun 3036d378

Result     ExecutionAborted
Reason     Somebody, or a program, stopped the execution. They said: Maintenance: We move house.
Outputs    This run made none.

Image      uploads/photo.jpg
Bucket     my-photos

Source     Untouched.
Started    2026-01-31 12:00:00 UTC, took 3.9 s
Execution  3036d378
           {CONSOLE}

To resume it where it stopped, with the AWS CLI:

aws stepfunctions redrive-execution --region eu-west-1 --execution-arn {EXECUTION}

To run it again from the start, with the AWS CLI:

{NEWEST}"""
    )
    assert "bytes" not in message.data
    assert (message.data["permanent"], message.data["state"]) == (False, "unknown")


@pytest.mark.parametrize(
    ("outcome", "first"),
    [
        ("TIMED_OUT", "An execution ran out of time, so its image is not finished."),
        ("ABORTED", "An execution was stopped, so its image is not finished."),
        ("FAILED", "Darkroom could not finish an image."),
    ],
)
def test_the_first_line_says_how_it_ended(outcome: str, first: str) -> None:
    assert alert(request(), outcome=outcome).email.split("\n")[0] == first


@pytest.mark.parametrize(
    ("error", "state", "title"),
    [
        ("StorageError", "Prepare", "To run it again:"),
        ("KeyError", "Prepare", "To run it again:"),
        ("AccessDenied", "Prepare", "To run it again, once that is done:"),
        ("InvalidRequest", "Prepare", "To run it again, once that is done:"),  # the presets
        ("CorruptImage", "Prepare", "To run by hand whatever lies under this key:"),
        # What no Catch saw is resumed; of what was caught, the state may be lost.
        ("StatesRuntime", "unknown", "To resume it where it stopped:"),
        ("CorruptImage", "unknown", "To run by hand whatever lies under this key:"),
    ],
)
def test_the_commands_are_those_that_help(error: str, state: str, title: str) -> None:
    message = alert(
        EVENT, failure=Failure(state, error, "Because.", caught=error != "StatesRuntime")
    )
    assert title in message.email.split("\n")
    last = NEWEST if error == "CorruptImage" else PINNED
    assert message.data["commands"][-1] == last
    assert len(message.data["commands"]) == (2 if error == "StatesRuntime" else 1)
    where = "" if state == "unknown" else f" in step {state}"
    assert fields(message)["Result"] == f"{error}{where}"


def test_a_success_that_nobody_heard_of_names_no_outputs() -> None:
    failure = Failure(state="NotifySuccess", error="NotificationFailed", message="It was not sent.")
    outputs = (StoredKey(key="uploads/photo.jpg/small.jpg", bytes=7, modified=AT + 2),)
    message = alert(EVENT, failure=failure, outputs=outputs)
    assert fields(message)["Outputs"] == "All are complete and recorded."
    assert fields(message)["Try again?"].startswith("No need. Look at the notifications topic")
    made = msgspec.structs.replace(succeeded(), outcome="FAILED", failure=failure)
    assert compose(made, (), AT + 4).sms == message.sms


def test_a_clock_that_is_behind_counts_no_time_back() -> None:
    report = Report("FAILED", EXECUTION, "any", STARTED, request(), "any",
                    failure=Failure("Prepare", "E", "x"))  # fmt: skip
    assert compose(report, (), AT - 5).data["seconds"] == 0
    assert "took 12,345.0 s" in compose(report, (), AT + 12345.123).email


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("a/b/photo.jpg", "photo.jpg"),
        ("folder/", "folder/"),
        ("x" * 41, "x" * 25 + "..." + "x" * 12),
        ("x" * 40, "x" * 40),
        ("été.jpg", "été.jpg"),  # the alphabet of SMS has it
        (7, "a request"),
    ],
)
def test_an_sms_names_the_file(key: Any, name: str) -> None:
    assert alert(request(key)).sms == (
        f"Darkroom FAILED {name} (CorruptImage). Do: upload it again. Don't re-run. 3036d378"
    )


@pytest.mark.parametrize(
    ("key", "sms"),
    [
        # What is left out first is what follows from the rest, then the error, then our name.
        ("猫.jpg", "Darkroom FAILED 猫.jpg. Do: upload it again. 3036d378"),
        ("😀😀😀.jpg", "Darkroom FAILED 😀😀😀.jpg. Do: upload it again. 3036d378"),
        ("猫の長い名前.jpg", "Darkroom FAILED 猫の長い名前.jpg. Do: upload it again. 3036d378"),
        ("猫の長い名前の写真.jpg", "FAILED 猫の長い名前の写真.jpg. Do: upload it again. 3036d378"),
        ("猫" * 40, "FAILED 猫猫猫猫猫猫猫猫猫猫猫猫...猫猫猫猫猫. Do: upload it again. 3036d378"),
        # It is not in the alphabet of SMS.
        ("`" * 40, "FAILED ````````````...`````. Do: upload it again. 3036d378"),
    ],
)  # fmt: skip
def test_an_sms_in_unicode_has_less_room(key: str, sms: str) -> None:
    assert alert(request(key)).sms == sms
    assert len(sms.encode("utf-16-be")) <= 2 * SMS_UNICODE_CHARACTERS


def test_an_sms_is_filled_and_not_overfilled() -> None:
    """Brackets take the place of two characters."""
    head, tail = "Darkroom FAILED photo.jpg (", "). Do: re-run it. 3036d378"
    for length in (25, 40):
        sms = alert(request(), failure=Failure("Prepare", "E" * length, "x")).sms
        assert sms == f"{head}{'E' * length}{tail}"
    longer = alert(request(), failure=Failure("Prepare", "E" * 41, "x")).sms
    assert longer == f"{head}{'E' * 25}...{'E' * 12}{tail}"
    assert fits_sms("x" * 140)
    assert fits_sms("[" * 70)
    assert not fits_sms("[" * 70 + "x")
    assert not fits_sms("x" * 141)
    assert fits_sms("猫" * 58)
    assert fits_sms("€" * 70)
    assert not fits_sms("€" * 71)
    assert not fits_sms("猫" + "x" * 58)


def test_an_sms_has_the_id_of_an_execution_that_a_person_named() -> None:
    assert alert(request(), name="nightly").sms.endswith(" nightly")
    long = alert(request("猫" * 40), name="the-nightly-run-of-2026-01-31")
    assert long.sms == "FAILED 猫猫猫猫猫猫...猫猫猫. Do: upload it again. the-night...1-31"
    assert fits_sms(long.sms)
    archived = Failure("Prepare", "SourceArchived", "x")
    denied = alert(
        request("猫" * 40), name="thirteen-long", failure=Failure("Prepare", "AccessDenied", "x")
    )
    assert denied.sms == "FAILED 猫猫猫猫...猫. Do: permit it, then re-run. thirteen-long"
    longest = alert(request("猫" * 40), name="the-nightly-run-of-2026-01-31", failure=archived)
    assert longest.sms == "FAILED ????...?. Do: restore it, then re-run. the-night...1-31"
    assert fits_sms(longest.sms)


def test_express_has_no_command_of_ours() -> None:
    """Its executions cannot be listed: nothing would find them by an id."""
    message = alert(request(), state_machine=ARN.format("stateMachine") + "-express")
    assert "darkroom rerun" not in message.email
    assert "-express --input" in message.email
    assert message.email.count("To run by hand whatever lies under this key") == 1


@pytest.mark.parametrize(
    ("given", "failure", "fault"),
    [
        (EVENT, Failure("Prepare", "CorruptImage", "x"), "sender"),
        (EVENT, Failure("ResizeImages", "ImageTooLarge", "x"), "sender"),
        (EVENT, Failure("Prepare", "SourceNotFound", "x"), "sender"),
        (EVENT, Failure("Prepare", "SourceArchived", "x"), "sender"),
        (EVENT, Failure("ResizeImages", "SourceNotFound", "x"), "system"),
        (EVENT, Failure("Prepare", "InvalidRequest", "x"), "system"),  # the deployed presets
        (request(), Failure("Prepare", "InvalidRequest", "x"), "sender"),
        (request(), Failure("Prepare", "AccessDenied", "x"), "system"),
        (request(), Failure("Prepare", "StorageError", "x"), "system"),
        (request(), Failure("Prepare", "KeyError", "x"), "system"),
        (request(), Failure("NotifySuccess", "NotificationFailed", "x"), "system"),
        (request(), Failure("unknown", "CorruptImage", "x", caught=False), "system"),
    ],
)
def test_faults_of_the_sender_and_of_the_system_are_told_apart(
    given: Any, failure: Failure, fault: str
) -> None:
    message = alert(given, failure=failure)
    assert (message.attributes["fault"], message.data["fault"]) == (fault, fault)


def test_a_long_error_name_is_shortened_and_cut_where_it_is_filtered_on() -> None:
    failure = Failure(state="Prepare", error="é" + "E" * 300, message="x")
    message = alert(request("a.jpg"), failure=failure)
    assert message.subject == f"Darkroom: FAILED: ?{'E' * 24}...{'E' * 12}: a.jpg"
    assert message.attributes["error"] == "?" + "E" * 255
    assert alert(request(), failure=Failure("Prepare", "", "x")).attributes["error"] == "unknown"
    braces = alert(request("a.jpg"), failure=Failure("Prepare", "E{}", "x"))
    assert braces.sms == "Darkroom FAILED a.jpg (E{}). Do: re-run it. 3036d378"


@pytest.mark.parametrize("error", sorted(by_class(DarkroomError)))
def test_every_error_has_advice(error: str) -> None:
    message = alert(request(), failure=Failure(state="Prepare", error=error, message="Because."))
    found = named(error)
    assert found is not None
    assert fields(message)["Try again?"] == advise(error, caught=True).says
    assert message.data["permanent"] is issubclass(found, PermanentError)
    assert message.attributes["error"] == error


def test_an_unknown_error_may_pass() -> None:
    message = alert(request(), failure=Failure(state="Prepare", error="KeyError", message="'x'"))
    assert fields(message)["Try again?"].startswith("Yes")
    assert message.data["permanent"] is False


@pytest.mark.parametrize("status", ["TIMED_OUT", "ABORTED"])
def test_an_execution_that_ended_as_a_whole_is_resumed(status: str) -> None:
    failure = status_failure(status, "Maintenance", "We move house.")
    machine = ARN.format("stateMachine") + "'s"
    message = alert(request(), outcome=status, failure=failure, name="it's", state_machine=machine)
    resume, anew = (shlex.split(command) for command in message.data["commands"])
    assert resume[2:] == [
        "redrive-execution", "--region", "eu-west-1", "--execution-arn",
        ARN.format("execution") + ":it's",
    ]  # fmt: skip
    assert anew[2:] == [
        "start-execution", "--region", "eu-west-1", "--state-machine-arn", machine,
        "--input", dumps(request()),
    ]  # fmt: skip
    assert message.data["outcome"] == status


def test_a_request_without_an_object_is_told_as_such() -> None:
    sized = {"detail-type": "Object Created", "detail": {"object": {"size": "7"}}}
    for given_input in ({"source": {"bucket": 7}}, {"sauce": 1}, [], None, "text", sized):
        message = alert(
            given_input,
            failure=Failure(state="Prepare", error="InvalidRequest", message="Expected a source."),
        )
        assert message.email.startswith("Darkroom could not read a request.")
        assert message.subject == "Darkroom: FAILED: InvalidRequest: a request"
        assert "Image" not in fields(message)
        assert "bytes" not in message.data


def test_a_wrong_request_is_corrected_and_an_upload_s_presets_are() -> None:
    """As it is, it would fail again."""
    failure = Failure(state="Prepare", error="InvalidRequest", message="Expected a fit.")
    pinned = {"source": {"bucket": "b", "key": "k", "versionId": "v7"}, "presets": [{"name": "x"}]}
    asked = alert(pinned, failure=failure).email
    assert shlex.split(asked.splitlines()[-1])[-1] == dumps(pinned)
    assert "To run it, once its input is corrected:\n\ndarkroom rerun 3036d378 --edit\n" in asked
    assert "To run it, once its input is corrected, with the AWS CLI:" in asked
    uploaded = alert(EVENT, failure=failure)
    assert "Only once the deployed presets are corrected, as the reason says." in uploaded.email
    assert "\ndarkroom rerun 3036d378\n" in uploaded.email
    assert uploaded.sms == (
        "Darkroom FAILED photo.jpg (InvalidRequest). Do: correct the presets, then re-run. 3036d378"
    )


def test_the_subject_keeps_both_ends_of_a_long_key() -> None:
    message = alert(request("albums/" + "x" * 900 + "/final.jpg"))
    assert len(message.subject) == 99  # SNS takes less than 100
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
    assert all(unicodedata.category(c) not in {"Cc", "Cf", "Zl", "Zp"} for c in message.sms)
    assert fits_sms(message.sms)
    assert ". Do: re-run it" in message.sms
    assert message.sms.endswith(" 3036d378")
    head = message.email[: message.email.index("\n\nTo run it again, with the AWS CLI")]
    assert all(unicodedata.category(c) not in {"Cc", "Cf", "Zl", "Zp"} or c == "\n" for c in head)
    assert [line[:10].strip() for line in head.split("\n")] == [
        "Darkroom c", "", "Try again?", "", "To run it", "", "darkroom r", "", "Result", "Reason",
        "Outputs", "", "Image", "Bucket", "", "Source", "Started", "Execution", "",
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
        ("a/b/photo.jpg", "my-photos/a/b/photo.jpg", "a/b/"),
        ("a\nb/\x00\ufffe.jpg", r"my-photos/a\nb/\x00\ufffe.jpg", r"a\nb/"),
        ("\ud800.jpg", r"my-photos/\ud800.jpg", None),
        ("x" * 1024, "my-photos/" + "x" * 1024, None),
        ("猫" * 342, "any", None),
        ("p/" + "x" * 1023, "any", None),  # no key in S3: the record's name stands for it
        ("", "any", None),
        (7, "any", None),
    ],
)
def test_programs_match_messages_by_their_attributes(
    key: Any, image: str, prefix: str | None
) -> None:
    attributes = alert(request(key), name="a\x00b").attributes
    assert attributes["execution"] == ARN.format("execution") + r":a\x00b"
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

    short = (REQUEST_CHARACTERS - len(dumps(request("")))) // len(dumps(character)[1:-1])
    repeated, bytes_ = told(short)
    assert repeated.data["rerunInput"] == request(character * short)
    assert bytes_ < 256_000
    for length in (short + 1, 200_000):
        left_out, bytes_ = told(length)
        assert "Too long to repeat here" in left_out.email
        assert left_out.data["commands"] == []
        assert bytes_ < 8_000
    assert success(request(character * (short + 1))).data["commands"] == []


def test_a_rendition_says_what_it_could_not_be() -> None:
    note = "1200 x 300 was asked for, but the source is smaller"
    found = success(note=note)

    row, below = (
        line for line in found.email.split("\n") if line.startswith("  p0") or note in line
    )
    assert below == f"              {note}"
    assert row.index("300 x 225") == below.index("1200")
    assert [each.get("note") for each in found.data["renditions"]] == [note, None]
    odd = success(note="a\nb", name="p{}\n").email
    assert r"  a\nb" in odd
    assert r"s3://the-output/uploads/photo.jpg/p0\n.x" in odd


@pytest.mark.parametrize("error", ["StatesTimeout", "Sandbox.Timedout", "Runtime.ExitError"])
def test_what_ran_out_of_time_or_memory_is_not_just_run_again(error: str) -> None:
    message = alert(request(), failure=Failure("ResizeImages", error, "x"))
    assert message.sms == (
        f"Darkroom FAILED photo.jpg ({error}). Do: upload a smaller copy. Don't re-run. 3036d378"
    )
    assert message.attributes["fault"] == "system"


# ---------------------------------------------------------------------------- many at once


def summarised(more: int = 0, count: int = 2, stack: str = "photos", **changes: Any) -> Message:
    window = Window("any", 300, "FAILED", "CorruptImage", "sender", "uploads/")
    names = [f"{n}036d378-35f0-4b6b-8a7d-6a9a4d2f5a10" for n in range(count)]
    alerts = [
        {"execution": f"{ARN.format('execution')}:{name}", "image": f"my-photos/uploads/{n}.jpg"}
        for n, name in enumerate(names)
    ]
    return summary(
        msgspec.structs.replace(window, **changes), alerts[::-1], more,
        stack=stack, runbook="https://wiki/alerts",
    )  # fmt: skip


def test_a_summary_in_full() -> None:
    message = summarised(more=7)
    assert (
        message.email
        == """\
9 more images in uploads/, as the message before said:
FAILED, CorruptImage.

Try again? No. Upload an intact copy; that starts a run by itself.

Each by its ID:

darkroom rerun ID --newest --stack photos

0036d378   uploads/0.jpg
1036d378   uploads/1.jpg
           and 7 more.

All that failed:

darkroom ls --status failed --stack photos

Runbook    https://wiki/alerts#errors"""
    )
    assert message.subject == "Darkroom: 9 more FAILED: CorruptImage: uploads/"
    assert message.sms == (
        "Darkroom 9 more FAILED: uploads/ (CorruptImage). Do: upload it again. Don't re-run."
    )
    assert message.attributes == {
        "outcome": "SUMMARY", "error": "CorruptImage", "fault": "sender", "prefix": "uploads/",
        "notify": "true", "told": "now",
    }  # fmt: skip
    assert (message.data["of"], message.data["count"]) == ("FAILED", 9)
    assert len(message.data["alerts"]) == 2


@pytest.mark.parametrize(
    ("changes", "says", "never"),
    [
        ({"outcome": "RESOLVED"}, "RESOLVED, CorruptImage.", "darkroom"),
        ({"express": True}, "Try again? No. Upload an intact copy", "darkroom"),
        ({"error": "StorageError"}, "\ndarkroom rerun ID --stack photos\n", "--newest"),
        ({"error": "InvalidRequest"}, "\ndarkroom rerun ID --edit --stack photos\n", "presets"),
        ({"error": "InvalidRequest", "fault": "system"},
         "Only once the deployed presets are corrected", "--edit"),
        ({"error": "ExecutionAborted", "outcome": "ABORTED", "caught": False},
         "Try again? Yes: resume it where it stopped", "--newest"),
    ],
)  # fmt: skip
def test_a_summary_says_what_helps(changes: Json, says: str, never: str) -> None:
    message = summarised(**changes)
    assert says in message.email
    assert never not in message.email
    assert "more." not in message.email
    assert "All that failed" not in message.email
    assert ("Runbook" in message.email) is ("RESOLVED" not in says)
    assert ("Nothing to do." if "RESOLVED" in says else "Do: ") in message.sms


def test_a_summary_of_one_of_no_folder() -> None:
    message = summarised(count=1, prefix="", stack="")
    assert "\ndarkroom rerun ID --newest\n" in message.email
    assert message.email.startswith("1 more image, as the message before said:\n")
    assert message.sms.startswith("Darkroom 1 more FAILED: all (CorruptImage). Do: upload")
    assert "prefix" not in message.attributes


def test_a_summary_of_express_names_no_command_however_many_there_are() -> None:
    assert "darkroom" not in summarised(more=7, express=True).email


def test_no_folder_breaks_a_summary() -> None:
    window = Window("any", 300, "FAILED", "CorruptImage", "sender", "a\nb/")
    email = summary(window, [{"execution": EXECUTION, "image": "my-photos/a\nb/c.jpg"}], 0).email
    assert r" in a\nb/, as" in email
    assert r"3036d378   a\nb/c.jpg" in email


def test_an_sms_of_a_summary_says_what_to_do_whatever_the_folder() -> None:
    for error, do in (("CorruptImage", "upload it again"), ("StorageError", "re-run it")):
        message = summarised(prefix="猫" * 300 + "/", error=error)
        assert fits_sms(message.sms)
        assert message.sms.endswith(f". Do: {do}.")
