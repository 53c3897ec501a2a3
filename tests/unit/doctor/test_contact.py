"""What is asked of AWS, in AWS's shapes; and what must not be in the file that is sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from darkroom_ops.doctor.contact import DOUBTS, FAILURES, HIDES, Contact, Secret, cleaned
from tests.support.definition import DEFINITION
from tests.unit.doctor.conftest import ARN, Account

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
    contact = Contact(account.at)
    for _ in range(2):
        assert "states:TestState" in contact._tested({"Type": "Pass"})["refused"]
    account.refuses("stepfunctions", "create_activity", "AccessDeniedException", "no")
    assert "refused" in contact._timeout(MACHINE)
    first, second = contact.refused  # each once
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
        "requester": "AIDA", "kept": [{"HttpHeaders": {"a": "b"}}, 1, None],
        "event": '{"source-ip-address": "203.0.113.7", "requestId": "a\\"b", "key": "k"}',
        "output": '{"SdkHttpMetadata": {"AllHttpHeaders": {"Date": ["x"]}, "HttpStatusCode": 200}}',
    }  # fmt: skip
    assert json.loads(cleaned(told, {})) == {
        "requester": HIDES, "kept": [{"HttpHeaders": HIDES}, 1, None],
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
