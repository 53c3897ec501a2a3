"""Messages that people can act on, whatever the key holds."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable

import pytest
from darkroom.contract.text import fits_sms, plain

from tests.support.pipeline import Json, Pipeline

Canned = Callable[..., None]

# Keys leave room for "/document.pdf" within S3's 1,024 bytes.
ODD_KEYS = {
    "spaces and plus": "my photos/a b+c & d.jpg",
    "quotes": 'it\'s "quoted" `now` $HOME.jpg',
    "newline and tab": "two\nlines\tand a tab.jpg",
    "backslash": "back\\slash\\n.jpg",
    "emoji": "été 😀 猫.jpg",
    "right to left": "invoice\u202egpj.exe",
    "no name": "folder/",
    "long": "x" * 1000,
    "long and wide": "猫" * 330,
    "percent": "100%_{%$states.input%}.jpg",
}


@pytest.fixture(params=ODD_KEYS.values(), ids=ODD_KEYS)
def source(pipeline: Pipeline, request: pytest.FixtureRequest) -> Json:
    return {"bucket": pipeline.at.source_bucket_name, "key": f"odd/{request.param}"}


def test_an_alert_is_readable_and_its_command_exact(pipeline: Pipeline, source: Json) -> None:
    pipeline.fail("Prepare", "CorruptImage", cause=json.dumps({"errorMessage": 'It\'s "torn" é.'}))
    run = pipeline.start({"source": source})
    (email,) = pipeline.inbox(run, "email")
    (sms,) = pipeline.inbox(run, "sms")
    (message,) = pipeline.messages(run)

    assert email.subject is not None
    assert email.subject.isascii()
    assert email.subject.isprintable()
    assert len(email.subject) <= 100
    assert "CorruptImage" in email.subject
    assert f"Image      {plain(source['key'])}\n" in email.text
    assert 'It\'s "torn" é.' in email.text
    assert fits_sms(sms.text)
    assert "FAILED" in sms.text
    assert ". Do: upload it again. " in sms.text
    assert sms.text.endswith(run.name[-4:])
    assert message["source"] == source

    command = shlex.split(email.text[email.text.index("aws stepfunctions") :])
    assert command[:3] == ["aws", "stepfunctions", "start-execution"]
    assert command[command.index("--state-machine-arn") + 1] == pipeline.at.state_machine_arn
    assert json.loads(command[command.index("--input") + 1]) == {"source": source}


def test_a_success_message_is_readable(pipeline: Pipeline, canned: Canned, source: Json) -> None:
    canned(source)
    run = pipeline.start({"source": source})
    (email,) = pipeline.inbox(run, "email")
    (sms,) = pipeline.inbox(run, "sms")
    assert email.subject is not None
    assert email.subject.isascii()
    assert email.subject.isprintable()
    assert len(email.subject) <= 100
    assert f"Image      {plain(source['key'])}\n" in email.text
    assert fits_sms(sms.text)


def test_the_message_of_an_upload_names_the_version(pipeline: Pipeline) -> None:
    source = pipeline.put(b"no image at all", "it's.jpg")
    run = pipeline.run_of(source)
    (email,) = pipeline.inbox(run, "email")
    command = shlex.split(email.text[email.text.index("aws stepfunctions") :])
    assert command[command.index("--region") + 1] == pipeline.at.region
    # Another upload is what helps: the command takes whatever lies there then.
    assert json.loads(command[-1]) == {"source": {k: source[k] for k in ("bucket", "key")}}
    (message,) = pipeline.messages(run)
    assert message["rerunInput"] == {"source": source}
    assert "Size       15 bytes" in email.text


def test_the_command_of_a_request_repeats_all_of_it(pipeline: Pipeline) -> None:
    request = {
        "source": {"bucket": pipeline.at.source_bucket_name, "key": "manual/none.jpg"},
        "presets": [{"name": "own", "width": 10}],
        "notify": False,
    }
    run = pipeline.start(request)
    (email,) = pipeline.inbox(run, "email")
    command = shlex.split(email.text[email.text.index("aws stepfunctions") :])
    assert json.loads(command[-1]) == request


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("CorruptImage", "Try again? No. Upload an intact copy"),
        ("InvalidRequest", "Try again? No. Correct the input"),
        ("StorageError", "Try again? Yes, it may help"),
    ],
)
def test_the_alert_says_whether_trying_again_helps(
    pipeline: Pipeline, error: str, advice: str
) -> None:
    pipeline.fail("Prepare", error, cause=json.dumps({"errorMessage": "Because."}))
    source = {"bucket": pipeline.at.source_bucket_name, "key": "manual/again.jpg"}
    run = pipeline.start({"source": source})
    (email,) = pipeline.inbox(run, "email")
    assert advice in email.text
    assert f"Result     {error} in step Prepare" in email.text
    assert "Reason     Because." in email.text
    assert "Source     Untouched." in email.text


OVER = "The step Prepare did not finish in its time."
NO_REASON = "The step Prepare gave no reason."


@pytest.mark.parametrize(
    ("error", "says", "told"),
    [
        (
            "Runtime.ExitError",
            "The step Prepare ran out of memory, or its process died.",
            "Prepare ran out of memory, or its process died, in each of 2 attempts.",
        ),
        ("Sandbox.Timedout", OVER, "Prepare did not finish within 180 s, in each of 2 attempts."),
        ("States.Timeout", OVER, "Prepare did not finish within 180 s, in each of 2 attempts."),
        ("Lambda.AWSLambdaException", NO_REASON, NO_REASON),
    ],
)
def test_faults_of_the_platform_are_put_into_words(
    pipeline: Pipeline, error: str, says: str, told: str
) -> None:
    pipeline.fail("Prepare", error)
    source = {"bucket": pipeline.at.source_bucket_name, "key": "manual/platform.jpg"}
    run = pipeline.start({"source": source})
    assert run.cause == says
    assert told in pipeline.inbox(run, "email")[0].text
