"""The template, after the SAM transform: least privilege, limits, retention, no loop."""

from __future__ import annotations

import json
import re

import pytest

from tests.support import stack
from tests.support.stack import Json

TEMPLATE_JSON = stack.translated()
RESOURCES: dict[str, Json] = TEMPLATE_JSON["Resources"]
BY_DEFAULT = stack.stack()
FUNCTIONS = list(stack.of_type(BY_DEFAULT, "AWS::Lambda::Function"))


def of_type(kind: str) -> dict[str, Json]:
    return {name: each for name, each in RESOURCES.items() if each["Type"] == kind}


def statements(role: str) -> list[Json]:
    found = []
    for policy in RESOURCES[role]["Properties"].get("Policies", []):
        statement = policy["PolicyDocument"]["Statement"]
        found += statement if isinstance(statement, list) else [statement]
    return found


def actions(statement: Json) -> set[str]:
    action = statement["Action"]
    return {action} if isinstance(action, str) else set(action)


def test_the_functions_are_the_steps() -> None:
    assert set(FUNCTIONS) == {
        "PrepareFunction", "ResizeFunction", "MakePdfFunction", "BackupOriginalFunction",
        "NotifyFunction",
    }  # fmt: skip


@pytest.mark.parametrize("name", [*FUNCTIONS, "StartFunction"])
def test_a_function_has_its_own_role_limits_and_log_group(name: str) -> None:
    properties = RESOURCES[name]["Properties"]
    assert properties["Runtime"] == "python3.13"
    assert properties["Architectures"] == ["arm64"]
    assert properties["MemorySize"] >= 256
    assert properties["Timeout"] <= 900
    assert properties["Role"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
    group = properties["FunctionName"]["Fn::Sub"]
    assert {"Fn::Sub": f"/aws/lambda/{group}"} in [
        each["Properties"]["LogGroupName"] for each in of_type("AWS::Logs::LogGroup").values()
    ]


def test_logs_are_kept_for_a_time_and_no_longer() -> None:
    groups = of_type("AWS::Logs::LogGroup")
    assert len(groups) == len(FUNCTIONS) + 2  # the state machine's, and Start's
    for group in groups.values():
        assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_only_prepare_reads_the_source_and_nobody_writes_it() -> None:
    """The watched bucket is written by people only: a loop is impossible."""
    meet = set()
    for role in stack.of_type(BY_DEFAULT, "AWS::IAM::Role"):
        for statement in statements(role):
            if re.search("SourceBucket|source-", json.dumps(statement["Resource"])):
                meet.add(role)
                verbs = {action.partition(":")[2] for action in actions(statement)}
                assert all(verb.startswith(("Get", "List")) for verb in verbs), role
    assert meet == {"PrepareFunctionRole"}


def test_only_the_source_is_watched() -> None:
    watched = [
        name
        for name, bucket in of_type("AWS::S3::Bucket").items()
        if "NotificationConfiguration" in bucket["Properties"]
    ]
    pattern = BY_DEFAULT["Resources"]["UploadRule"]["Properties"]["EventPattern"]["detail"]
    assert watched == ["SourceBucket"]
    assert pattern["bucket"] == {"name": [{"Ref": "SourceBucket"}]}
    assert pattern["object"] == {"key": [{"prefix": {"Ref": "SourcePrefix"}}]}


def test_permissions_name_actions_and_resources() -> None:
    for role in of_type("AWS::IAM::Role"):
        for statement in statements(role):
            assert not [action for action in actions(statement) if "*" in action], role
            if statement["Resource"] == "*":
                # CloudWatch Logs delivery has no resource-level permissions.
                assert all(action.startswith("logs:") for action in actions(statement)), role


@pytest.mark.parametrize(
    ("role", "services"),
    [
        ("PrepareFunctionRole", {"s3", "ssm"}),
        ("ResizeFunctionRole", {"s3"}),
        ("MakePdfFunctionRole", {"s3"}),
        ("BackupOriginalFunctionRole", {"s3"}),
        ("NotifyFunctionRole", {"sns", "kms", "dynamodb", "s3", "states", "sqs"}),
        ("StartFunctionRole", {"states", "kms"}),
        ("ImagePipelineRole", {"lambda", "dynamodb", "logs"}),
    ],
)
def test_a_role_has_what_its_step_needs(role: str, services: set[str]) -> None:
    used = {
        action.partition(":")[0]
        for statement in statements(role)
        for action in actions(statement)
        if not action.startswith("xray:")
    }
    assert used == services


@pytest.mark.parametrize("name", of_type("AWS::S3::Bucket"))
def test_a_bucket_is_private_encrypted_and_kept_tidy(name: str) -> None:
    properties = RESOURCES[name]["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert properties["OwnershipControls"] == {
        "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]
    }
    assert "BucketEncryption" in properties
    rules = properties["LifecycleConfiguration"]["Rules"]
    assert all(
        rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1} for rule in rules
    )


@pytest.mark.parametrize(
    ("kind", "property_", "resources"),
    [
        ("AWS::S3::BucketPolicy", "Bucket", of_type("AWS::S3::Bucket")),
        ("AWS::SNS::TopicPolicy", "Topics", of_type("AWS::SNS::Topic")),
        ("AWS::SQS::QueuePolicy", "Queues", of_type("AWS::SQS::Queue")),
    ],
)
def test_nothing_is_sent_or_read_without_tls(
    kind: str, property_: str, resources: dict[str, Json]
) -> None:
    refused = set()
    for policy in of_type(kind).values():
        first = policy["Properties"]["PolicyDocument"]["Statement"][0]
        assert (first["Effect"], first["Principal"]) == ("Deny", "*")
        assert first["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        refused |= stack.references(policy["Properties"][property_])
    assert refused == set(resources)


def test_the_work_bucket_forgets_in_a_day_and_backups_move_to_cheaper_storage() -> None:
    (work,) = RESOURCES["WorkBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    (backup,) = RESOURCES["BackupBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert work["ExpirationInDays"] == 1
    assert [each["StorageClass"] for each in backup["Transitions"]] == ["STANDARD_IA", "GLACIER_IR"]


@pytest.mark.parametrize("name", of_type("AWS::Logs::LogGroup"))
def test_secrets_in_a_log_are_masked(name: str) -> None:
    """Both statements must name the same identifiers (CloudWatch Logs, data protection)."""
    policy = RESOURCES[name]["Properties"]["DataProtectionPolicy"]
    audit, mask = policy["Statement"]
    assert audit["DataIdentifier"] == mask["DataIdentifier"]
    assert "Audit" in audit["Operation"]
    assert mask["Operation"] == {"Deidentify": {"MaskConfig": {}}}
    (custom,) = policy["Configuration"]["CustomDataIdentifier"]
    signature = "https://b.s3.amazonaws.com/k?X-Amz-Expires=60&X-Amz-Signature=" + "0a" * 32
    assert custom["Name"] in mask["DataIdentifier"]
    assert re.search(custom["Regex"], signature)


def test_events_are_retried_and_never_lost() -> None:
    (target,) = BY_DEFAULT["Resources"]["UploadRule"]["Properties"]["Targets"]
    assert target["RetryPolicy"] == {
        "MaximumEventAgeInSeconds": 86400,
        "MaximumRetryAttempts": 185,
    }
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["EventsDeadLetterQueue", "Arn"]}}


def test_subscriptions_are_there_only_when_asked_for() -> None:
    subscriptions = of_type("AWS::SNS::Subscription")
    assert len(subscriptions) == 4
    for name, subscription in subscriptions.items():
        assert subscription["Condition"] == f"Has{name.removesuffix('Subscription')}"
    for parameter in ("NotificationEmail", "NotificationPhone", "AlertEmail", "AlertPhone"):
        assert TEMPLATE_JSON["Parameters"][parameter]["Default"] == ""


def test_the_machine_gets_every_substitution() -> None:
    machine = RESOURCES["ImagePipeline"]["Properties"]
    text = json.dumps(machine["DefinitionString"])
    wanted = set(re.findall(r"\$\{(\w+)\}", text))
    assert wanted == set(machine["DefinitionSubstitutions"])


# ---------------------------------------------------------------------------- what is watched

ALARMS = of_type("AWS::CloudWatch::Alarm")


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_reaches_people_and_says_why(name: str) -> None:
    alarm = ALARMS[name]["Properties"]
    assert alarm["AlarmActions"] == [{"Ref": "AlertsTopic"}]
    assert alarm["AlarmName"]["Fn::Sub"].startswith("${AWS::StackName}-")
    assert len(alarm["AlarmDescription"]) > 30
    assert alarm["TreatMissingData"] == "notBreaching"  # no uploads are no fault


def test_alarms_may_publish_to_the_topic() -> None:
    policy = RESOURCES["AlertsTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    (allowed,) = [each for each in policy if each["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Resource"] == {"Ref": "AlertsTopic"}
    pattern = allowed["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"]
    assert pattern.endswith(":alarm:${AWS::StackName}-*")


def test_everything_that_can_go_wrong_unseen_has_an_alarm() -> None:
    text = json.dumps(ALARMS)
    for metric in (
        "ExecutionsFailed", "ExecutionsTimedOut", "ExecutionTime", "ExecutionThrottled",
        "Throttles", "Errors", "ApproximateNumberOfMessagesVisible",
        "ApproximateAgeOfOldestMessage",
    ):  # fmt: skip
        assert metric in text
    throttles = json.dumps(ALARMS["ThrottledAlarm"])
    assert all(f'"Ref": "{name}"' in throttles for name in FUNCTIONS)


def test_the_dashboard_shows_every_alarm_and_function() -> None:
    body, names = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(body)["widgets"]
    (alarms,) = [each for each in widgets if each["type"] == "alarm"]
    expected = {
        each["Properties"]["AlarmName"]["Fn::Sub"].replace("${AWS::StackName}", "${Alarms}")
        for each in ALARMS.values()
        if "Condition" not in each
    }
    assert set(alarms["properties"]["alarms"]) == expected
    assert names["Alarms"]["Fn::Sub"].endswith(":alarm:${AWS::StackName}")
    used = {name.partition(".")[0] for name in re.findall(r"\$\{([\w.]+)\}", body)}
    assert used - {"Alarms"} <= set(RESOURCES)
    assert set(FUNCTIONS) <= used


def test_saved_queries_look_at_every_functions_logs() -> None:
    groups = {
        name
        for name, each in BY_DEFAULT["Resources"].items()
        if each["Type"] == "AWS::Logs::LogGroup" and name != "ImagePipelineLogs"
    }
    for query in of_type("AWS::Logs::QueryDefinition").values():
        assert {each["Ref"] for each in query["Properties"]["LogGroupNames"]} == groups


def test_the_outputs_name_what_an_operator_needs() -> None:
    assert set(TEMPLATE_JSON["Outputs"]) >= {
        "SourceBucketName", "SourcePrefix", "OutputBucketName", "WorkBucketName",
        "BackupBucketName", "StateMachineArn", "ImagesTableName", "NotificationsTopicArn",
        "AlertsTopicArn", "EventsDeadLetterQueueUrl", "PresetsParameterName", "UploadRuleName",
        "PrepareFunctionName", "ResizeFunctionName", "MakePdfFunctionName",
        "BackupOriginalFunctionName", "KeyArn", "DashboardName",
    }  # fmt: skip
