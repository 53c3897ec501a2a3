"""What is asked of AWS, in AWS's shapes; and what must not be in the file that is sent."""

from __future__ import annotations

import io
import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
from darkroom.contract.requests import parse_request
from PIL import Image, UnidentifiedImageError

from darkroom_ops.doctor import contact
from darkroom_ops.doctor.contact import (
    ACCOUNT,
    DOUBTS,
    FAILURES,
    HIDES,
    SCENARIOS,
    Contact,
    Secret,
    cleaned,
)
from darkroom_ops.doctor.findings import Finding
from darkroom_ops.engine.stepfunctions.jsonata import evaluate
from darkroom_ops.executions.watch import interval
from tests.support.definition import DEFINITION
from tests.unit.doctor.conftest import ARN, OLD, Account

MACHINE = {"definition": json.dumps(DEFINITION), "roleArn": ARN.format("iam", "role/any")}


def asked(account: Account, operation: str, answer: dict[str, Any], **given: Any) -> None:
    account.answers("stepfunctions", operation, answer, **given)


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_the_deployed_definition_is_validated_for_both_types(account: Account, kind: str) -> None:
    found: dict[str, Any] = {"result": "OK", "diagnostics": []}
    asked(
        account, "validate_state_machine_definition", found,
        definition=MACHINE["definition"], type=kind, severity="WARNING",
    )  # fmt: skip
    assert Contact(account.at)._valid(MACHINE, kind) == found


def test_a_doubtful_expression_is_evaluated(account: Account) -> None:
    state = {"QueryLanguage": "JSONata", "Type": "Pass", "Output": DOUBTS["number"], "End": True}
    answer = {"output": "1.763723474001E12", "status": "SUCCEEDED"}
    asked(account, "test_state", answer, definition=json.dumps(state), inspectionLevel="DEBUG")
    state.pop("QueryLanguage")
    assert Contact(account.at)._tested(state) == answer


@pytest.mark.parametrize(
    ("name", "here"),
    [("number", 1763723474001), ("number in a text", "1763723474001 1763723474001"),
     ("quotient", 3)],
)  # fmt: skip
def test_what_is_asked_of_aws_is_answered_here(name: str, here: object) -> None:
    assert evaluate(DOUBTS[name].removeprefix("{%").removesuffix("%}"), {}) == here


def test_a_failure_is_described_by_the_state_itself(account: Account) -> None:
    of = FAILURES["of a function"]
    state = {"QueryLanguage": "JSONata"} | DEFINITION["States"]["DescribeFailure"]
    answer = {"output": "{}", "nextState": "RecordFailure", "status": "SUCCEEDED"}
    asked(
        account, "test_state", answer, definition=json.dumps(state), inspectionLevel="DEBUG",
        variables=json.dumps({"failed": {"state": "Prepare"} | dict(of)}), input="{}",
    )  # fmt: skip
    assert Contact(account.at)._described(MACHINE, of) == answer


def test_a_timeout_is_caught_with_and_without_a_cause(account: Account) -> None:
    state = {"QueryLanguage": "JSONata"} | DEFINITION["States"]["Prepare"]
    error = {"error": "States.Timeout"}
    answer = {"nextState": "DescribeFailure", "status": "CAUGHT_ERROR"}
    asked(
        account, "test_state", answer, definition=json.dumps(state), inspectionLevel="DEBUG",
        mock={"errorOutput": error}, context='{"Execution": {"Id": "arn:execution", "Input": {}}}',
        input="{}", stateConfiguration={"retrierRetryCount": 1},
    )  # fmt: skip
    assert Contact(account.at)._caught(MACHINE, error) == answer


def test_a_real_timeout_is_made_and_unmade(account: Account) -> None:
    activity, machine = ARN.format("states", "activity:a"), ARN.format("states", "stateMachine:m")
    execution = ARN.format("states", "execution:m:e")
    told = {"output": '{"Error": "States.Timeout"}', "input": "{}"}
    described = {
        "executionArn": execution, "stateMachineArn": machine, "startDate": 0,
        "status": "SUCCEEDED", **told,
    }  # fmt: skip
    for operation, answer in (
        ("create_activity", {"activityArn": activity, "creationDate": 0}),
        ("create_state_machine", {"stateMachineArn": machine, "creationDate": 0}),
        ("start_execution", {"executionArn": execution, "startDate": 0}),
        ("describe_execution", described),
        ("get_execution_history", {"events": []}),
        ("delete_state_machine", {}),
        ("delete_activity", {}),
    ):
        asked(account, operation, answer)
    assert Contact(account.at)._timeout(MACHINE) == {
        "described": {"status": "SUCCEEDED"} | told, "events": [],
    }  # fmt: skip


def test_who_may_not_ask_says_so_and_goes_on(account: Account) -> None:
    for _ in range(2):
        account.refuses("stepfunctions", "test_state", "AccessDeniedException", "states:TestState")
    asking = Contact(account.at)
    for _ in range(2):
        assert "states:TestState" in asking._tested({"Type": "Pass"})["refused"]
    account.refuses("stepfunctions", "create_activity", "AccessDeniedException", "no")
    assert "refused" in asking._timeout(MACHINE)
    first, second = asking.refused  # each once
    assert first.startswith("Could not ask about test_state: ")
    assert second.startswith("Could not ask about a real timeout: ")


# ---------------------------------------------------------------------------- nothing private

NAMES = {
    "photos-sourcebucket-x1": "SourceBucket",
    "photos-prepare": "PrepareFunction",
    "photos": "darkroom",
    "999988887777": "123456789012",
    "eu-west-1": "us-east-1",
}


def test_names_are_replaced_everywhere_the_longest_first() -> None:
    told = {
        "arn": "arn:aws:lambda:eu-west-1:999988887777:function:photos-prepare",
        "text": '{"bucket": "photos-sourcebucket-x1", "stack": "photos", "number": 1.50E3}',
        "other": "telephotos",
    }
    assert json.loads(cleaned(told, NAMES)) == {
        "arn": "arn:aws:lambda:us-east-1:123456789012:function:PrepareFunction",
        "text": '{"bucket": "SourceBucket", "stack": "darkroom", "number": 1.50E3}',
        "other": "telephotos",
    }


def test_what_says_who_asked_from_where_is_hidden() -> None:
    told: dict[str, Any] = {
        "requester": "AIDA", "request-id": "C3D13FE58DE4C810", "requestId": "1",
        "RequestId": "2", "AllHttpHeaders": {"a": "b"}, "source-ip-address": "203.0.113.7",
        "xrayTraceHeader": "Root=1", "traceHeader": "Root=1", "stackTrace": ["/home/me/a.py"],
        "kept": [{"HttpHeaders": {"a": "b"}}, 1, None],
        "event": '{"source-ip-address": "203.0.113.7", "requestId": "a\\"b", "key": "k"}',
        "output": '{"SdkHttpMetadata": {"AllHttpHeaders": {"Date": ["x"]}, "HttpStatusCode": 200}}',
    }  # fmt: skip
    assert json.loads(cleaned(told, {})) == {
        "requester": HIDES, "request-id": HIDES, "requestId": HIDES,
        "RequestId": HIDES, "AllHttpHeaders": HIDES, "source-ip-address": HIDES,
        "xrayTraceHeader": HIDES, "traceHeader": HIDES, "stackTrace": HIDES,
        "kept": [{"HttpHeaders": HIDES}, 1, None],
        "event": f'{{"source-ip-address": "{HIDES}", "requestId": "{HIDES}", "key": "k"}}',
        "output": f'{{"SdkHttpMetadata": {{"AllHttpHeaders": "{HIDES}", "HttpStatusCode": 200}}}}',
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("AKIAIOSFODNN7EXAMPLE", "an access key"),
        ("ASIAIOSFODNN7EXAMPLE", "an access key"),
        ("https://x/?X-Amz-Signature=ab", "a signature"),
        ("x-amz-security-token", "a signature"),
        ("jane.doe@example.com", "an e-mail address"),
        ("call +15550100", "a phone number"),
        ("from 203.0.113.7", "an IP address"),
        ("arn:aws:iam::111122223333:user/me", "an account"),
    ],
)
def test_what_is_private_keeps_the_file_from_being_written(text: str, what: str) -> None:
    with pytest.raises(Secret, match="The file was not written") as refused:
        cleaned({"any": text}, {})
    assert what in str(refused.value)
    assert text not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1", "123456789012", "1763723474001", "a1b2111122223333cd", "2026-01-31T12:00:00Z"],
)
def test_what_is_not_private_may_be_written(text: str) -> None:
    assert json.loads(cleaned({"any": text}, {})) == {"any": text}


def test_a_name_that_could_not_be_replaced_keeps_it_too() -> None:
    """Another name's replacement is a name of the owner's."""
    with pytest.raises(Secret, match="a name of yours is still in it: a-b"):
        cleaned({"any": "long-name"}, {"long-name": "a-b", "x": "y", "a-b": "a-b-c a-b"})


# ---------------------------------------------------------------------------- a whole conversation


class Answering:
    """An account that answers all, and what was asked, put and removed there, in order."""

    def __init__(self, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = account.at
        self.put: dict[str, bytes] = {}
        self.started: list[Any] = []
        self.removed: list[str] = []
        self.tested: list[dict[str, Any]] = []
        self.stopped: list[str] = []
        self.looks = 2
        """How often an execution is looked at until it has ended."""
        self.now = 0.0
        monkeypatch.setattr(contact, "remove", self._remove)
        monkeypatch.setattr(
            contact, "history", lambda _, arn: [{"type": "Any", "of": arn, "timestamp": OLD}]
        )
        clock = SimpleNamespace(monotonic=lambda: self.now, sleep=self._sleep)
        monkeypatch.setattr(contact, "time", clock)
        listed = {
            "StackResourceSummaries": [
                {"PhysicalResourceId": each, "LogicalResourceId": name, "ResourceType": kind}
                for each, name, kind in (
                    (ARN.format("lambda", "function:photos-prepare"), "PrepareFunction", "Any"),
                    ("/aws/lambda/photos-resize", "Group", "AWS::Logs::LogGroup"),
                    ("elsewhere", "Another", "Any"),
                    ("photos", "Same", "Any"),
                )
            ]
        }
        pages = SimpleNamespace(paginate=lambda **_: [listed])
        vars(self.at).update(
            endpoint="http://127.0.0.1:1",
            s3=SimpleNamespace(put_object=self._put),
            cloudformation=SimpleNamespace(get_paginator=lambda _: pages),
            stepfunctions=SimpleNamespace(
                describe_state_machine=lambda **_: MACHINE,
                start_execution=self._start,
                describe_execution=self._describe,
                stop_execution=lambda **given: self.stopped.append(given["error"]),
                test_state=self._test,
                validate_state_machine_definition=lambda **given: {"result": given["type"]},
                create_activity=lambda **given: {"activityArn": f"activity:{given['name']}"},
                create_state_machine=self._create,
                delete_state_machine=lambda **given: self.removed.append(*given.values()),
                delete_activity=lambda **given: self.removed.append(*given.values()),
            ),
        )

    def _sleep(self, seconds: float) -> None:
        self.now += seconds

    def _put(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803 - boto3's
        assert Bucket == "photos-source"
        self.put[Key] = Body

    def _remove(self, stack: Any, bucket: str, key: str) -> list[Finding]:
        assert (stack.at, bucket) == (self.at, "photos-source")
        self.removed.append(key)
        return [Finding("warning", "smoke", f"Could not remove {key}")] if "thumb" in key else []

    def _start(self, *, stateMachineArn: str, input: str) -> dict[str, str]:  # noqa: A002, N803
        assert not self.removed
        self.started.append(json.loads(input))
        self._left = self.looks
        return {"executionArn": f"{stateMachineArn}:{len(self.started)}"}

    def _describe(self, *, executionArn: str) -> dict[str, str]:  # noqa: N803
        self._left -= 1
        status = "RUNNING" if self._left > 0 and not self.stopped else "SUCCEEDED"
        failed = {"error": "E", "cause": "C."} if executionArn.endswith(":8") else {}
        return {"status": status, "output": "{}", "input": "{}", "name": executionArn} | failed

    def _create(self, *, name: str, definition: str, roleArn: str) -> dict[str, str]:  # noqa: N803
        assert roleArn == MACHINE["roleArn"]
        self.removed, self.cleaned = [], self.removed
        self.timing = json.loads(definition)
        return {"stateMachineArn": f"machine:{name}"}

    def _test(self, *, definition: str, **given: Any) -> dict[str, Any]:
        self.tested.append(json.loads(definition) | {"given": given})
        return {"output": "1.5", "ResponseMetadata": {"RequestId": "x"}}


@pytest.fixture
def answering(account: Account, monkeypatch: pytest.MonkeyPatch) -> Answering:
    return Answering(account, monkeypatch)


def test_ten_small_pictures_are_run_by_request_and_removed(answering: Answering) -> None:
    conversation = Contact(answering.at)
    told = json.loads(conversation.file())

    (folder,) = {key.rpartition("/")[0] for key in answering.put}
    assert re.fullmatch("manual/darkroom-doctor/[0-9a-f]{12}", folder)
    put = {key.rpartition("/")[2]: body for key, body in answering.put.items()}
    names = [each.name for each in SCENARIOS]
    assert sorted(answering.cleaned) == sorted(f"{folder}/{name}" for name in names)
    assert [each.says for each in conversation.left] == [f"Could not remove {folder}/thumb"]
    assert sorted({*put, "missing"}) == sorted(names)  # one is asked for that is not there

    assert list(told["histories"]) == names
    assert told["histories"]["complete"]["described"] == {
        "status": "SUCCEEDED", "output": "{}", "input": "{}",
    }  # fmt: skip
    assert told["histories"]["pages"]["described"]["cause"] == "C."
    runs = answering.started[:-1]  # the last is that of the real timeout
    events = [given for given in runs if "detail" in given]
    assert len(runs) == len(names) + 1
    assert len(events) == 2
    assert events[0] == events[1]  # the second has nothing to do
    assert (events[0]["source"], events[0]["detail-type"]) == ("aws.s3", "Object Created")
    assert events[0]["region"] == "us-east-1"
    assert int(events[0]["detail"]["object"]["sequencer"], 16) > 0
    asked = {each.source.key.rpartition("/")[2]: each for each in map(parse_request, runs)}
    assert sorted(asked) == sorted(names)
    assert {each.source.bucket for each in asked.values()} == {"photos-source"}
    own = {name: (e.presets, e.watermark, e.notify) for name, e in asked.items()}
    (thumb,), *_ = own["thumb"]  # type: ignore[misc]
    assert (thumb.name, thumb.width, thumb.height) == ("thumb", 32, 32)
    assert own["watermark"][1] is not None
    assert [name for name, (*_, notify) in own.items() if not notify] == ["quiet"]

    with Image.open(io.BytesIO(put["complete"])) as seen:
        assert (seen.format, seen.mode, seen.size) == ("JPEG", "RGB", (96, 64))
    with Image.open(io.BytesIO(put["transparent"])) as seen:
        assert (seen.format, seen.mode) == ("PNG", "RGBA")
    with Image.open(io.BytesIO(put["pages"])) as seen:
        assert (seen.format, getattr(seen, "n_frames", 1)) == ("TIFF", 2)
    assert put["corrupt"] == put["complete"][:-200]
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(put["unsupported"]))


def test_what_is_asked_stands_in_the_file_without_the_owner_s_names(answering: Answering) -> None:
    heard: list[str] = []
    text = Contact(answering.at, heard.append).file()
    told = json.loads(text)

    assert told["valid"] == {"STANDARD": {"result": "STANDARD"}, "EXPRESS": {"result": "EXPRESS"}}
    assert set(told["expressions"]) == set(DOUBTS)
    assert set(told["failures"]) == set(FAILURES)
    assert told["expressions"]["number"] == {"output": "1.5"}
    assert told["definition"]["States"].keys() == DEFINITION["States"].keys()
    passes = [each for each in answering.tested if each["Type"] == "Pass" and "Output" in each]
    assert [each["Output"] for each in passes][: len(DOUBTS)] == list(DOUBTS.values())
    assert all(each["End"] is True for each in passes[: len(DOUBTS)])
    failed = [json.loads(each["given"]["variables"])["failed"] for each in answering.tested
              if "variables" in each["given"]]  # fmt: skip
    assert [(each["state"], each["error"]) for each in failed] == [
        ("Prepare", "CorruptImage"), ("Prepare", "States.Timeout"),
        ("Prepare", "DynamoDB.ThrottlingException"), ("Prepare", "Unknown"),
    ]  # fmt: skip
    lambda_s, *others = [each["cause"] for each in failed]
    assert json.loads(lambda_s) == {
        "errorMessage": 'A "quoted" café.\nA line.', "errorType": "Corrupt",
    }  # fmt: skip
    assert others == ["", "Slow down.", ""]
    mocked = [each["given"]["mock"]["errorOutput"] for each in answering.tested
              if "mock" in each["given"]]  # fmt: skip
    assert mocked == [
        {"error": "States.Timeout"}, {"error": "States.Timeout", "cause": "Slow."},
    ]  # fmt: skip
    assert "photos" not in text
    (event,) = told["histories"]["complete"]["events"]
    assert event["timestamp"] == str(OLD)
    assert event["of"] == "arn:aws:states:us-east-1:123456789012:stateMachine:darkroom:1"
    assert [*heard[:1], *heard[-1:]] == ["complete", "writing"]
    assert "cleaning up" in heard


def test_a_real_timeout_is_a_task_that_nobody_works_on(answering: Answering) -> None:
    Contact(answering.at).file()
    wait = answering.timing["States"][answering.timing["StartAt"]]
    machine, activity = answering.removed
    name = machine.partition(":")[2]
    assert re.fullmatch("photos-doctor-[0-9a-f]{8}", name)
    assert (wait["Resource"], wait["TimeoutSeconds"]) == (activity, 1)
    assert activity == f"activity:{name}"
    (catch,) = wait["Catch"]
    assert answering.timing["States"][catch["Next"]] == {"Type": "Succeed"}
    assert catch["Output"] == "{% $states.errorOutput %}"  # is what is wanted to be known
    assert answering.timing["QueryLanguage"] == "JSONata"


def test_the_names_of_log_groups_and_of_others_stay(answering: Answering) -> None:
    """A log group is called as its function is; what is not named after the stack is AWS's."""
    machine = answering.at.state_machine_arn.replace(ACCOUNT, "210987654321")
    answering.at.outputs["StateMachineArn"] = machine
    names = Contact(answering.at)._names()
    assert names["photos-prepare"] == "PrepareFunction"
    assert names["photos"] == "darkroom"
    assert names["photos-source"] == "SourceBucket"
    assert not {"photos-resize", "elsewhere"} & set(names)
    folders = {name: ours for name, ours in names.items() if name.startswith("manual/")}
    assert [*folders.values()] == ["manual"]
    assert names["210987654321"] == ACCOUNT


def test_who_interrupts_it_waits_for_what_runs_and_removes_all(
    answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep, waited = answering._sleep, []

    def interrupted(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 1:
            raise KeyboardInterrupt
        sleep(seconds)

    monkeypatch.setattr(contact.time, "sleep", interrupted)
    answering.looks = 4
    with pytest.raises(KeyboardInterrupt):
        Contact(answering.at).file()
    assert len(waited) > 1
    assert len(answering.removed) == len(SCENARIOS)


def test_an_execution_that_does_not_end_is_stopped_after_five_minutes(
    answering: Answering,
) -> None:
    answering.looks = 100_000
    Contact(answering.at).file()
    assert set(answering.stopped) == {"Darkroom.Contact"}
    assert 300 < answering.now <= 300 + 2 * interval(answering.at)
