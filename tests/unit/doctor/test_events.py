"""From an upload to an execution, part by part: what is said when one is missing, and the mend."""

from __future__ import annotations

import itertools
import json
import shlex
from typing import Any

import pytest

from darkroom_ops.doctor.findings import Finding
from tests.unit.doctor.conftest import ARN, Account

PLACE = "--region us-east-1"
UPLOAD, STATUS = "photos-upload", "photos-status"
RULE = "AWS::Events::Rule"
ROLE = ARN.format("iam", "role/service/start")
MACHINE = ARN.format("states", "stateMachine:photos")
NOTIFY = ARN.format("lambda", "function:photos-notify")
LETTERS = ARN.format("sqs", "photos-dlq")
WATCHED = {"bucket": {"name": ["photos-source"]}, "object": {"key": [{"prefix": "uploads/"}]}}


def arn_of(rule: str) -> str:
    return ARN.format("events", f"rule/{rule}")


def allowing(rule: str, action: str, **changed: Any) -> str:
    """Return a policy that lets a rule do something, and nobody else."""
    statement = {
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": action,
        "Condition": {"ArnEquals": {"aws:SourceArn": arn_of(rule)}},
    }  # fmt: skip
    return json.dumps({"Statement": [statement | changed]})


def words(finding: Finding) -> dict[str, str]:
    """Return what a command gives for each of its options."""
    typed = shlex.split(finding.mend)
    return {a: b for a, b in itertools.pairwise(typed) if a.startswith("--")}


class Rules:
    """Two rules as they are deployed, which a test then changes."""

    def __init__(self, account: Account) -> None:
        self.account = account
        account.resources((RULE, UPLOAD), (RULE, STATUS), ("AWS::Events::EventBus", "other"))

    def rule(self, name: str, *targets: Any, detail: Any = None, **changed: Any) -> None:
        pattern = {} if detail is None else {"EventPattern": json.dumps({"detail": detail})}
        told = {"Name": name, "Arn": arn_of(name), "State": "ENABLED"} | pattern | changed
        self.account.answers("events", "describe_rule", told, Name=name)
        listed = [{"Id": str(number)} | each for number, each in enumerate(targets)]
        self.account.answers(
            "events", "list_targets_by_rule", {"Targets": listed} if listed else {}, Rule=name
        )

    def machine(self, *decisions: str) -> dict[str, Any]:
        simulated(self.account, ROLE, "states:StartExecution", MACHINE, *decisions)
        return {"Arn": MACHINE, "RoleArn": ROLE} | self.letters(UPLOAD)

    def function(self, policy: str) -> dict[str, Any]:
        answer = {"Policy": policy}
        self.account.answers("lambda", "get_policy", answer, FunctionName=NOTIFY)
        return {"Arn": NOTIFY} | self.letters(STATUS)

    def letters(self, rule: str) -> dict[str, Any]:
        return {"DeadLetterConfig": {"Arn": self.queue("photos-dlq", rule)}}

    def queue(self, name: str, rule: str, policy: str | None = None) -> str:
        url = f"https://{name}"
        self.account.answers("sqs", "get_queue_url", {"QueueUrl": url}, QueueName=name)
        policy = allowing(rule, "sqs:SendMessage") if policy is None else policy
        self.account.answers(
            "sqs", "get_queue_attributes", {"Attributes": {"Policy": policy} if policy else {}},
            QueueUrl=url, AttributeNames=["Policy"],
        )  # fmt: skip
        return ARN.format("sqs", name)

    def good_upload(self) -> None:
        self.rule(UPLOAD, self.machine("allowed"), detail=WATCHED)

    def good_status(self) -> None:
        self.rule(STATUS, self.function(allowing(STATUS, "lambda:InvokeFunction")))


def simulated(account: Account, role: str, action: str, on: str, *decisions: str) -> None:
    results = [{"EvalActionName": action, "EvalDecision": each} for each in decisions]
    account.answers(
        "iam", "simulate_principal_policy", {"EvaluationResults": results},
        PolicySourceArn=role, ActionNames=[action], ResourceArns=[on],
    )  # fmt: skip


@pytest.fixture
def rules(account: Account) -> Rules:
    return Rules(account)


# ---------------------------------------------------------------------------- the bucket


def test_a_bucket_that_sends_nothing_keeps_what_else_it_tells(account: Account) -> None:
    topic = {"TopicArn": ARN.format("sns", "any"), "Events": ["s3:ObjectCreated:*"]}
    account.answers(
        "s3", "get_bucket_notification_configuration",
        {"TopicConfigurations": [topic], "QueueConfigurations": [],
         "ResponseMetadata": {"RequestId": "1"}},
        Bucket="photos-source",
    )  # fmt: skip
    (found,) = account.check("bucket")
    assert (found.severity, found.check) == ("broken", "bucket")
    assert found.says == (
        "The bucket photos-source sends no events to EventBridge: uploads start nothing."
    )
    assert found.mend.startswith("aws s3api put-bucket-notification-configuration ")
    given = words(found)
    assert given["--bucket"] == "photos-source"
    assert json.loads(given["--notification-configuration"]) == {
        "TopicConfigurations": [topic], "EventBridgeConfiguration": {},
    }  # fmt: skip


# ---------------------------------------------------------------------------- the rules


def test_rules_that_reach_their_targets(rules: Rules) -> None:
    rules.good_upload()
    rules.good_status()
    assert rules.account.check("rules") == []


def test_the_rule_of_uploads_is_looked_at_even_if_the_stack_does_not_list_it(
    account: Account,
) -> None:
    account.resources()
    rules = Rules.__new__(Rules)
    rules.account = account
    rules.good_upload()
    assert account.check("rules") == []


@pytest.mark.parametrize(
    ("detail", "prefix", "watched"),
    [
        (WATCHED, "uploads/", True),
        (WATCHED | {"bucket": {"name": ["other", "photos-source"]}}, "uploads/", True),
        (WATCHED | {"bucket": {"name": ["other"]}}, "uploads/", False),
        (WATCHED | {"object": {"key": [{"prefix": "a"}, {"prefix": "up/"}]}}, "up/", True),
        (WATCHED | {"object": {"key": [{"prefix": "a/"}]}}, "uploads/", False),
        (WATCHED | {"object": {"key": ["uploads/"]}}, "uploads/", False),
        (WATCHED | {"object": {"key": ["prefix"]}}, "uploads/", False),
        (WATCHED | {"object": {}}, "uploads/", False),
        (WATCHED | {"object": {}}, "", True),
        (WATCHED | {"object": {"key": [{"suffix": ".jpg"}]}}, "", True),
        ({"bucket": WATCHED["bucket"]}, "", True),
        ({"object": WATCHED["object"]}, "uploads/", False),
        (None, "uploads/", False),
        (None, "", False),
    ],
)  # fmt: skip
def test_what_the_rule_of_uploads_watches(
    rules: Rules, detail: Any, prefix: str, watched: bool
) -> None:
    account = rules.account
    account.outputs["SourcePrefix"] = prefix
    rules.rule(UPLOAD, rules.machine("allowed"), detail=detail)
    rules.good_status()
    if watched:
        assert account.check("rules") == []
        return
    account.stack()
    severity, says, mend = account.finding("rules")
    assert (severity, says) == (
        "broken",
        (
            f"The rule photos-upload does not watch {prefix!r} of the bucket photos-source: "
            "uploads there start nothing."
        ),
    )
    assert "REVERT_DRIFT" in mend


LOST = {UPLOAD: "uploads start nothing", STATUS: "nobody hears of executions that just end"}


@pytest.mark.parametrize("name", LOST)
def test_a_rule_that_is_gone_and_the_other_that_is_there(rules: Rules, name: str) -> None:
    for each, put in ((UPLOAD, rules.good_upload), (STATUS, rules.good_status)):
        if each == name:
            rules.account.refuses(
                "events",
                "describe_rule",
                "ResourceNotFoundException",
                expected_params={"Name": each},
            )
        else:
            put()
    rules.account.stack()
    severity, says, mend = rules.account.finding("rules")
    assert (severity, says) == ("broken", f"The rule {name} is gone: {LOST[name]}.")
    assert "REVERT_DRIFT" in mend


@pytest.mark.parametrize("name", LOST)
def test_a_rule_that_is_disabled(rules: Rules, name: str) -> None:
    state = {name: {"State": "DISABLED"}}
    rules.rule(UPLOAD, rules.machine("allowed"), detail=WATCHED, **state.get(UPLOAD, {}))
    permitted = allowing(STATUS, "lambda:InvokeFunction")
    rules.rule(STATUS, rules.function(permitted), **state.get(STATUS, {}))
    assert rules.account.finding("rules") == (
        "broken",
        f"The rule {name} is disabled: {LOST[name]}.",
        f"aws events enable-rule --name {name} {PLACE}",
    )


def test_a_rule_without_targets(rules: Rules) -> None:
    rules.good_upload()
    rules.rule(STATUS)
    rules.account.stack()
    severity, says, mend = rules.account.finding("rules")
    assert (severity, says) == (
        "broken",
        f"The rule {STATUS} has no target: nobody hears of executions that just end.",
    )
    assert "REVERT_DRIFT" in mend


@pytest.mark.parametrize(
    ("decisions", "found"),
    [
        (["allowed"], 0),
        (["implicitDeny"], 1),
        (["explicitDeny"], 1),
        (["allowed", "explicitDeny"], 1),
    ],
)
def test_whether_a_rule_may_start_the_state_machine(
    rules: Rules, decisions: list[str], found: int
) -> None:
    rules.rule(UPLOAD, rules.machine(*decisions), detail=WATCHED)
    rules.good_status()
    faults = rules.account.check("rules")
    assert len(faults) == found
    for fault in faults:
        assert (fault.severity, fault.says) == (
            "broken",
            (
                "The rule photos-upload may not start photos: uploads start nothing. Its role start"
                " lacks states:StartExecution."
            ),
        )
        assert fault.mend.startswith("aws iam put-role-policy --role-name start ")
        given = words(fault)
        assert given["--policy-name"] == "Doctor-states-StartExecution-photos"
        assert json.loads(given["--policy-document"]) == {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "states:StartExecution", "Resource": MACHINE}
            ],
        }


def test_a_rule_whose_role_is_gone(rules: Rules) -> None:
    account = rules.account
    account.refuses("iam", "simulate_principal_policy", "NoSuchEntity")
    target = {"Arn": MACHINE, "RoleArn": ROLE} | rules.letters(UPLOAD)
    rules.rule(UPLOAD, target, detail=WATCHED)
    rules.good_status()
    account.stack()
    severity, says, mend = account.finding("rules")
    assert (severity, says) == (
        "broken",
        (
            "The rule photos-upload may not start photos: uploads start nothing. Its role start is "
            "gone."
        ),
    )
    assert "REVERT_DRIFT" in mend


@pytest.mark.parametrize("policy", [None, allowing(UPLOAD, "lambda:InvokeFunction"),
                                    allowing(STATUS, "lambda:GetFunction")])  # fmt: skip
def test_a_rule_that_may_not_invoke_its_function(rules: Rules, policy: str | None) -> None:
    rules.good_upload()
    if policy is None:
        rules.account.refuses("lambda", "get_policy", "ResourceNotFoundException")
        target = {"Arn": NOTIFY} | rules.letters(STATUS)
    else:
        target = rules.function(policy)
    rules.rule(STATUS, target)
    assert rules.account.finding("rules") == (
        "broken",
        (
            "The rule photos-status may not invoke photos-notify: nobody hears of executions that "
            "just end."
        ),
        (
            f"aws lambda add-permission --function-name {NOTIFY} --statement-id Events --action "
            "lambda:InvokeFunction --principal events.amazonaws.com --source-arn "
            f"{arn_of(STATUS)} {PLACE}"
        ),
    )


def test_a_rule_that_may_not_send_to_the_buffer(rules: Rules) -> None:
    """What else the queue's policy says is kept, and what it had from the doctor is replaced."""
    before = json.loads(allowing("other", "sqs:SendMessage", Sid="Kept"))
    before["Statement"].append({"Sid": "DoctorPhotosUpload", "Effect": "Allow"})
    buffer = rules.queue("photos-buffer", UPLOAD, policy=json.dumps(before))
    rules.rule(UPLOAD, {"Arn": buffer} | rules.letters(UPLOAD), detail=WATCHED)
    rules.good_status()
    (found,) = rules.account.check("rules")
    assert (found.severity, found.check, found.says) == (
        "broken",
        "rules",
        "The rule photos-upload may not send to the queue photos-buffer: uploads start nothing.",
    )
    assert found.mend.startswith("aws sqs set-queue-attributes --queue-url https://photos-buffer ")
    policy = json.loads(json.loads(words(found)["--attributes"])["Policy"])
    assert policy["Statement"] == [
        before["Statement"][0],
        {
            "Sid": "DoctorPhotosUpload",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": buffer,
            "Condition": {"ArnEquals": {"aws:SourceArn": arn_of(UPLOAD)}},
        },
    ]


def test_a_rule_with_a_buffer_that_lets_it_in(rules: Rules) -> None:
    target = {"Arn": rules.queue("photos-buffer", UPLOAD)} | rules.letters(UPLOAD)
    rules.rule(UPLOAD, target, detail=WATCHED)
    rules.good_status()
    assert rules.account.check("rules") == []


@pytest.mark.parametrize("configured", [{}, {"DeadLetterConfig": {}}])
def test_a_target_without_dead_letter_queue(rules: Rules, configured: dict[str, Any]) -> None:
    simulated(rules.account, ROLE, "states:StartExecution", MACHINE, "allowed")
    rules.rule(UPLOAD, {"Arn": MACHINE, "RoleArn": ROLE} | configured, detail=WATCHED)
    rules.good_status()
    rules.account.stack()
    severity, says, mend = rules.account.finding("rules")
    assert (severity, says) == (
        "warning",
        (
            "The rule photos-upload has no dead-letter queue: what it cannot deliver is lost after "
            "a day."
        ),
    )
    assert "REVERT_DRIFT" in mend


@pytest.mark.parametrize("gone", [True, False])
def test_a_dead_letter_queue_that_takes_nothing(rules: Rules, gone: bool) -> None:
    account = rules.account
    simulated(account, ROLE, "states:StartExecution", MACHINE, "allowed")
    if gone:
        account.refuses("sqs", "get_queue_url", "QueueDoesNotExist")
        account.stack()
    else:
        rules.queue("photos-dlq", UPLOAD, policy="")
    target = {"Arn": MACHINE, "RoleArn": ROLE, "DeadLetterConfig": {"Arn": LETTERS}}
    rules.rule(UPLOAD, target, detail=WATCHED)
    rules.good_status()
    severity, says, mend = account.finding("rules")
    assert severity == "broken"
    if gone:
        assert says == "The queue photos-dlq is gone: what it cannot deliver is lost."
        assert "REVERT_DRIFT" in mend
    else:
        assert says == (
            "The rule photos-upload may not send to the queue photos-dlq: what it cannot deliver is"
            " lost."
        )


# ---------------------------------------------------------------------------- the steps

STEPS = ("Prepare", "Resize", "MakePdf", "BackupOriginal", "Notify")
MACHINES_ROLE = ARN.format("iam", "role/machine")
NOTIFYS_ROLE = ARN.format("iam", "role/notify")
SUMMARYS_ROLE = ARN.format("iam", "role/summary")
SUMMARY = ARN.format("states", "stateMachine:photos-summary")
IMAGES = ARN.format("dynamodb", "table/photos-images")
NOTIFYS_NAME = "photos-notify"


def function(step: str) -> str:
    return f"photos-{step.lower()}"


def function_arn(step: str) -> str:
    return ARN.format("lambda", f"function:{function(step)}")


GRANTS = {
    **{
        f"The state machine may not call {function(step)}: every image fails.": (
            MACHINES_ROLE, "lambda:InvokeFunction", function_arn(step),
        )
        for step in STEPS
    },
    "The state machine may not write records: every image fails.": (
        MACHINES_ROLE, "dynamodb:UpdateItem", IMAGES,
    ),
    **{
        f"Notify may not publish to photos-{topic}: nobody is told.": (
            NOTIFYS_ROLE, "sns:Publish", ARN.format("sns", f"photos-{topic}"),
        )
        for topic in ("notifications", "alerts")
    },
    "Notify may not encrypt messages with the stack's key: nobody is told.": (
        NOTIFYS_ROLE, "kms:GenerateDataKey", ARN.format("kms", "key/1234"),
    ),
}  # fmt: skip
"""Which role has to have which right on what, with what is said where it lacks it."""

ALONE = "people get each alert by itself, however many there are."
SUMMARYS_GRANTS = {
    f"Notify may not start photos-summary: {ALONE}": (
        "warning", NOTIFYS_ROLE, "states:StartExecution", SUMMARY,
    ),
    (
        "photos-summary may not call photos-notify: nobody is told of the alerts that wait for "
        "their summary."
    ): ("broken", SUMMARYS_ROLE, "lambda:InvokeFunction", NOTIFY),
}  # fmt: skip


def steps(account: Account, lacking: str | None, seconds: str | None = None) -> None:
    """What a stack with all its steps answers; its roles have every right but one."""
    account.outputs |= {f"{step}FunctionName": function(step) for step in STEPS}
    account.outputs["ImagesTableName"] = "photos-images"
    described = {
        "stateMachineArn": MACHINE, "name": "photos", "definition": "{}", "type": "STANDARD",
        "roleArn": MACHINES_ROLE, "creationDate": 0,
    }  # fmt: skip
    account.answers("stepfunctions", "describe_state_machine", described, stateMachineArn=MACHINE)
    account.resources(*(("AWS::Lambda::Function", function(step)) for step in STEPS))
    for step in STEPS:
        told: dict[str, Any] = {
            "FunctionName": function(step), "Role": NOTIFYS_ROLE,
            "FunctionArn": function_arn(step),
            "Environment": {"Variables": {"SUMMARY_MACHINE": SUMMARY}},
        }  # fmt: skip
        account.answers(
            "lambda", "get_function", {"Configuration": told}, FunctionName=function(step)
        )
    account.answers("dynamodb", "describe_table", {"Table": {"TableArn": IMAGES}},
                    TableName="photos-images")  # fmt: skip
    for says, (role, action, on) in GRANTS.items():
        simulated(account, role, action, on, "implicitDeny" if says == lacking else "allowed")
    account.stack(**({} if seconds is None else {"SummarySeconds": seconds}))


@pytest.mark.parametrize("seconds", [None, "0"])
def test_steps_that_may_do_what_they_do_and_no_summary(
    account: Account, seconds: str | None
) -> None:
    steps(account, None, seconds)
    assert account.check("steps") == []


@pytest.mark.parametrize("lacking", GRANTS)
def test_a_right_that_a_step_lacks(account: Account, lacking: str) -> None:
    steps(account, lacking)
    role, action, on = GRANTS[lacking]
    (found,) = account.check("steps")
    name = role.rpartition("/")[2]
    assert (found.severity, found.check) == ("broken", "steps")
    assert found.says == f"{lacking} Its role {name} lacks {action}."
    given = words(found)
    assert given["--role-name"] == name
    last = on.rpartition(":")[2].rpartition("/")[2]
    assert given["--policy-name"] == f"Doctor-{action.replace(':', '-')}-{last}"
    (statement,) = json.loads(given["--policy-document"])["Statement"]
    assert (statement["Action"], statement["Resource"]) == (action, on)


@pytest.mark.parametrize("lacking", [None, *SUMMARYS_GRANTS])
def test_what_the_summary_of_alerts_may_do(account: Account, lacking: str | None) -> None:
    steps(account, None, "60")
    for says, (_, role, action, on) in SUMMARYS_GRANTS.items():
        simulated(account, role, action, on, "implicitDeny" if says == lacking else "allowed")
    described = {
        "stateMachineArn": SUMMARY, "name": "photos-summary", "definition": "{}",
        "roleArn": SUMMARYS_ROLE, "type": "STANDARD", "creationDate": 0,
    }  # fmt: skip
    account.answers("stepfunctions", "describe_state_machine", described, stateMachineArn=SUMMARY)
    if lacking is None:
        assert account.check("steps") == []
        return
    severity, role, action, _ = SUMMARYS_GRANTS[lacking]
    found = account.finding("steps")
    assert found[:2] == (
        severity,
        f"{lacking} Its role {role.rpartition('/')[2]} lacks {action}.",
    )


def test_a_summary_that_is_gone(account: Account) -> None:
    steps(account, None, "60")
    simulated(account, NOTIFYS_ROLE, "states:StartExecution", SUMMARY, "allowed")
    account.refuses("stepfunctions", "describe_state_machine", "StateMachineDoesNotExist")
    severity, says, mend = account.finding("steps")
    assert (severity, says) == ("warning", f"The state machine photos-summary is gone: {ALONE}")
    assert "REVERT_DRIFT" in mend
