"""The template, after the SAM transform: least privilege, limits, retention, no loop."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from darkroom import __version__
from darkroom.aws.calls import CONFIG
from darkroom.contract.limits import MIB, Limits
from darkroom.contract.presets import parse_presets
from darkroom.steps.notify import ANNOUNCING_SECONDS
from darkroom.steps.settings import (
    BackupOriginalSettings,
    NotifySettings,
    OutputSettings,
    PrepareSettings,
    StartSettings,
)

from tests.conftest import ROOT
from tests.support import stack
from tests.support.stack import Json

TEMPLATE_JSON = stack.Late(stack.translated)
RESOURCES = stack.Late(lambda: TEMPLATE_JSON["Resources"])
BY_DEFAULT = stack.Late(stack.stack)
FUNCTIONS = [
    name for name in stack.declared("AWS::Serverless::Function") if name != "StartFunction"
]


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
    assert stack.of_type(BY_DEFAULT, "AWS::Lambda::Function").keys() == set(FUNCTIONS) == {
        "PrepareFunction", "ResizeFunction", "MakePdfFunction", "BackupOriginalFunction",
        "NotifyFunction",
    }  # fmt: skip


@pytest.mark.parametrize("name", [*FUNCTIONS, "StartFunction"])
def test_a_function_has_its_own_role_limits_and_log_group(name: str) -> None:
    properties = RESOURCES[name]["Properties"]
    assert properties["Runtime"] == "python3.13"
    assert properties["Architectures"] == ["arm64"]
    assert properties["TracingConfig"] == {"Mode": "Active"}
    assert properties["Layers"] == [{"Ref": next(iter(of_type("AWS::Lambda::LayerVersion")))}]
    assert properties["Role"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
    group = RESOURCES[properties["LoggingConfig"]["LogGroup"]["Ref"]]
    named = properties["FunctionName"]["Fn::Sub"]
    assert group["Properties"]["LogGroupName"] == {"Fn::Sub": f"/aws/lambda/{named}"}
    assert group.get("Condition") == RESOURCES[name].get("Condition")


@pytest.mark.parametrize("name", [*FUNCTIONS, "StartFunction"])
def test_no_log_group_comes_back_after_its_stack(name: str) -> None:
    """Lambda writes its last lines late, and would create the group that it misses."""
    (denied,) = [each for each in statements(f"{name}Role") if each["Effect"] == "Deny"]
    assert (actions(denied), denied["Resource"]) == ({"logs:CreateLogGroup"}, "*")


SOURCE = {
    "Fn::If": ["CreatesSourceBucket", {"Ref": "SourceBucket"}, {"Ref": "ExistingSourceBucket"}]
}
SUMMARY_MACHINE = (
    "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:"
    "${AWS::StackName}-alert-summary"
)
CODE: dict[str, tuple[str, Any, Json]] = {
    # the folder, what it is told of the deployment, and the resource that each variable names
    "PrepareFunction": (
        "prepare", PrepareSettings,
        {
            "SOURCE_BUCKET": SOURCE, "WORK_BUCKET": "WorkBucket",
            "PRESETS_PARAMETER": "PresetsParameter",
        },
    ),
    "ResizeFunction": ("resize", OutputSettings, {"OUTPUT_BUCKET": "OutputBucket"}),
    "MakePdfFunction": ("make_pdf", OutputSettings, {"OUTPUT_BUCKET": "OutputBucket"}),
    "BackupOriginalFunction": (
        "backup_original", BackupOriginalSettings, {"BACKUP_BUCKET": "BackupBucket"}
    ),
    "NotifyFunction": (
        "notify", NotifySettings,
        {
            "NOTIFICATIONS_TOPIC": "NotificationsTopic", "ALERTS_TOPIC": "AlertsTopic",
            "IMAGES_TABLE": "ImagesTable", "SOURCE_BUCKET": SOURCE, "OUTPUT_BUCKET": "OutputBucket",
            "STACK": "AWS::StackName", "RUNBOOK": "RunbookAddress",
            "SUMMARY_SECONDS": "SummarySeconds", "SUMMARY_MACHINE": {"Fn::Sub": SUMMARY_MACHINE},
        },
    ),
    "StartFunction": (
        "start", StartSettings,
        {
            "STATE_MACHINE": "ImagePipeline", "WORKFLOW_TYPE": "WorkflowType",
            "CONCURRENCY": "BufferConcurrency", "BUFFER_QUEUE": "BufferQueue",
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CODE)
def test_a_function_gets_its_code_and_its_settings(name: str) -> None:
    folder, model, variables = CODE[name]
    declared = stack.source()["Resources"][name]["Properties"]
    properties = RESOURCES[name]["Properties"]
    assert (declared["CodeUri"], properties["Handler"]) == (f"functions/{folder}", "app.handler")
    environment = properties["Environment"]["Variables"]
    own = {key: value for key, value in environment.items() if not key.startswith("POWERTOOLS_")}
    named = {key: {"Ref": it} if isinstance(it, str) else it for key, it in variables.items()}
    assert own == named
    assert set(own) == {field.upper() for field in model.__struct_fields__}
    assert {key: environment[key] for key in environment if key not in own} == {
        "POWERTOOLS_SERVICE_NAME": {"Ref": "AWS::StackName"},
        "POWERTOOLS_METRICS_NAMESPACE": "Darkroom",
        "POWERTOOLS_LOG_LEVEL": {"Ref": "LogLevel"},
    }


def test_prepare_has_memory_and_time_for_the_largest_upload_that_it_takes() -> None:
    prepare = RESOURCES["PrepareFunction"]["Properties"]
    limits = Limits()
    assert prepare["MemorySize"] * MIB - limits.max_memory >= 256 * MIB
    a_call_that_hangs = CONFIG.connect_timeout + CONFIG.read_timeout
    assert limits.max_decode_seconds + a_call_that_hangs < prepare["Timeout"] <= 120


def test_memory_is_what_was_measured_to_be_best() -> None:
    """docs/cost.md gives the reason for each: more costs more, less takes longer."""
    text = (ROOT / "docs" / "cost.md").read_text()
    told = re.findall(r"^- \*\*([\w ]+): ([\d,]+) MB\.\*\*", text, flags=re.MULTILINE)
    measured = {
        f"{name}Function": int(size.replace(",", ""))
        for names, size in told
        for name in names.split(" and ")
    }
    assert measured == {name: RESOURCES[name]["Properties"]["MemorySize"] for name in FUNCTIONS}


def test_a_copy_of_the_largest_object_has_its_time() -> None:
    """It is made inside S3; everything else a function does is done in seconds."""
    times = {name: RESOURCES[name]["Properties"]["Timeout"] for name in FUNCTIONS}
    assert times.pop("BackupOriginalFunction") == 300
    assert all(20 <= seconds <= 60 for seconds in times.values())
    # Notify keeps other deliveries out for less than Lambda's minute between two tries.
    assert times["NotifyFunction"] >= ANNOUNCING_SECONDS


def test_the_layer_is_for_the_functions() -> None:
    (layer,) = of_type("AWS::Lambda::LayerVersion").values()
    assert layer["Properties"]["CompatibleRuntimes"] == ["python3.13"]
    assert layer["Properties"]["CompatibleArchitectures"] == ["arm64"]
    declared = stack.source()["Resources"]["ImagingLayer"]
    assert declared["Metadata"] == {"BuildMethod": "makefile", "BuildArchitecture": "arm64"}


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
    assert RESOURCES["SourceBucket"]["Properties"]["NotificationConfiguration"] == {
        "EventBridgeConfiguration": {"EventBridgeEnabled": True}
    }
    assert pattern["bucket"] == {"name": [{"Ref": "SourceBucket"}]}
    assert pattern["object"] == {"key": [{"prefix": {"Ref": "SourcePrefix"}}]}


@pytest.mark.parametrize("name", stack.declared("AWS::S3::Bucket"))
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
        ("AWS::S3::BucketPolicy", "Bucket", stack.declared("AWS::S3::Bucket")),
        ("AWS::SNS::TopicPolicy", "Topics", stack.declared("AWS::SNS::Topic")),
        ("AWS::SQS::QueuePolicy", "Queues", stack.declared("AWS::SQS::Queue")),
    ],
)
def test_nothing_is_sent_or_read_without_tls(
    kind: str, property_: str, resources: list[str]
) -> None:
    refused = set()
    for policy in of_type(kind).values():
        first = policy["Properties"]["PolicyDocument"]["Statement"][0]
        assert (first["Effect"], first["Principal"]) == ("Deny", "*")
        assert first["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert stack.references(first["Resource"]) == stack.references(
            policy["Properties"][property_]
        )
        if kind == "AWS::S3::BucketPolicy":
            bucket, objects = first["Resource"]
            assert objects == {"Fn::Sub": f"${{{bucket['Fn::GetAtt'][0]}.Arn}}/*"}
        refused |= stack.references(policy["Properties"][property_])
    assert refused == set(resources)


def test_a_bucket_keeps_what_it_is_for_and_no_longer() -> None:
    """docs/security.md, "Retention"; mezzanines are needed for minutes."""

    def rule(name: str) -> Json:
        (declared,) = RESOURCES[name]["Properties"]["LifecycleConfiguration"]["Rules"]
        found = dict(declared)
        assert found.pop("Status") == "Enabled"
        assert found.pop("Id")
        assert found.pop("AbortIncompleteMultipartUpload") == {"DaysAfterInitiation": 1}
        return found

    assert rule("SourceBucket") == {"NoncurrentVersionExpiration": {"NoncurrentDays": 30}}
    assert rule("OutputBucket") == {}
    assert rule("WorkBucket") == {"ExpirationInDays": 1}
    assert rule("BackupBucket") == {
        "Transitions": [
            {"StorageClass": "STANDARD_IA", "TransitionInDays": 30},  # its shortest
            {"StorageClass": "GLACIER_IR", "TransitionInDays": 90},
        ]
    }


def test_originals_and_backups_are_versioned() -> None:
    versioned = {
        name
        for name, bucket in of_type("AWS::S3::Bucket").items()
        if bucket["Properties"].get("VersioningConfiguration") == {"Status": "Enabled"}
    }
    assert versioned == {"SourceBucket", "BackupBucket"}


def test_what_people_own_outlives_the_stack() -> None:
    """And its replacement; but not a creation that fails, or the next one would meet it.

    The work bucket holds nothing that cannot be made again, but S3 deletes no bucket with objects.
    """
    kept = {name: each for name, each in RESOURCES.items() if "DeletionPolicy" in each}
    assert {name for name, each in kept.items() if each["DeletionPolicy"] != "Delete"} == {
        "SourceBucket", "OutputBucket", "WorkBucket", "BackupBucket", "ImagesTable", "Key",
    }  # fmt: skip
    for each in kept.values():
        if each["DeletionPolicy"] != "Delete":
            assert each["DeletionPolicy"] == "RetainExceptOnCreate"
            assert each["UpdateReplacePolicy"] == "Retain"


def test_a_bucket_is_encrypted_with_a_key_of_aws_by_default() -> None:
    for name, bucket in stack.of_type(BY_DEFAULT, "AWS::S3::Bucket").items():
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}, name


def test_the_table_holds_one_record_an_image_and_can_be_restored() -> None:
    (table,) = stack.of_type(BY_DEFAULT, "AWS::DynamoDB::Table").values()
    assert table["KeySchema"] == [{"AttributeName": "image", "KeyType": "HASH"}]
    assert table["AttributeDefinitions"] == [{"AttributeName": "image", "AttributeType": "S"}]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"] == {"SSEEnabled": True}


def test_queues_are_encrypted_and_keep_messages_as_long_as_sqs_does() -> None:
    template = stack.stack(BufferConcurrency="10")
    for queue in stack.of_type(template, "AWS::SQS::Queue").values():
        assert queue["SqsManagedSseEnabled"] is True
        assert queue["MessageRetentionPeriod"] == 14 * 86_400
    buffer = template["Resources"]["BufferQueue"]["Properties"]
    assert buffer["RedrivePolicy"]["maxReceiveCount"] >= 5  # for queues behind Lambda


def test_the_deployed_presets_are_the_documented_three() -> None:
    parameters = TEMPLATE_JSON["Parameters"]
    presets = parse_presets(parameters["Presets"]["Default"])
    assert [(each.name, each.width, each.height) for each in presets] == [
        ("small", 300, 300), ("medium", 600, 600), ("large", 1200, 1200),
    ]  # fmt: skip
    value = RESOURCES["PresetsParameter"]["Properties"]
    assert (value["Type"], value["Value"]) == ("String", {"Ref": "Presets"})
    assert value["Name"] == {"Fn::Sub": "/${AWS::StackName}/presets"}
    assert parameters["SourcePrefix"]["Default"] == "uploads/"
    assert parameters["LogRetentionDays"]["Default"] == 30
    assert parameters["LogLevel"]["Default"] == "INFO"


@pytest.mark.parametrize("name", stack.declared("AWS::Logs::LogGroup"))
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


RULES = stack.Late(lambda: stack.of_type(BY_DEFAULT, "AWS::Events::Rule"))


def test_an_upload_starts_the_state_machine() -> None:
    pattern = RULES["UploadRule"]["EventPattern"]
    (target,) = RULES["UploadRule"]["Targets"]
    assert pattern["source"] == ["aws.s3"]  # which only AWS can send
    assert pattern["detail-type"] == ["Object Created"]
    assert target["Arn"] == {"Ref": "ImagePipeline"}
    assert target["RoleArn"] == {"Fn::GetAtt": ["UploadRuleRole", "Arn"]}


def test_every_end_but_success_reaches_notify() -> None:
    """Also what no Catch sees. Lambda tries twice more, then its queue of dead letters has it."""
    assert RULES["StatusChangeRule"]["EventPattern"] == {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {
            "stateMachineArn": [{"Ref": "ImagePipeline"}],
            "status": ["FAILED", "TIMED_OUT", "ABORTED"],
        },
    }
    (target,) = RULES["StatusChangeRule"]["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["NotifyFunction", "Arn"]}
    assert RESOURCES["StatusChangePermission"]["Properties"] == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Ref": "NotifyFunction"},
        "Principal": "events.amazonaws.com",
        "SourceArn": {"Fn::GetAtt": ["StatusChangeRule", "Arn"]},
    }
    assert RESOURCES["NotifyFunction"]["Properties"]["DeadLetterConfig"] == {
        "TargetArn": {"Fn::GetAtt": ["EventsDeadLetterQueue", "Arn"]}
    }
    assert not of_type("AWS::Lambda::EventInvokeConfig")  # which would change the two tries


@pytest.mark.parametrize("name", stack.declared("AWS::Events::Rule"))
def test_events_are_retried_and_never_lost(name: str) -> None:
    """A day and 185 times: as long and as often as EventBridge does."""
    assert "State" not in RULES[name]
    (target,) = RULES[name]["Targets"]
    assert target["RetryPolicy"] == {
        "MaximumEventAgeInSeconds": 86400,
        "MaximumRetryAttempts": 185,
    }
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["EventsDeadLetterQueue", "Arn"]}}


def test_the_rules_may_leave_their_dead_letters() -> None:
    assert list(RULES) == stack.declared("AWS::Events::Rule")
    policy = RESOURCES["EventsDeadLetterQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    (allowed,) = [each for each in policy if each["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    assert allowed["Action"] == "sqs:SendMessage"
    assert allowed["Resource"] == {"Fn::GetAtt": ["EventsDeadLetterQueue", "Arn"]}
    sources = allowed["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert sources == [{"Fn::GetAtt": [name, "Arn"]} for name in RULES]


@pytest.mark.parametrize(
    ("kind", "protocol", "topic"),
    [
        ("NotificationEmail", "email", "NotificationsTopic"),
        ("NotificationPhone", "sms", "NotificationsTopic"),
        ("AlertEmail", "email", "AlertsTopic"),
        ("AlertPhone", "sms", "AlertsTopic"),
    ],
)
def test_people_are_told_when_they_asked_for_it(kind: str, protocol: str, topic: str) -> None:
    """Of a success unless the request said not to; of a failure if it is theirs."""
    assert TEMPLATE_JSON["Parameters"][kind]["Default"] == ""
    assert f"{kind}Subscription" not in BY_DEFAULT["Resources"]
    asked = stack.stack(**{kind: "any"})
    subscriptions = stack.of_type(asked, "AWS::SNS::Subscription")
    success = kind.startswith("Notification")
    expected = {"Protocol": protocol, "Endpoint": {"Ref": kind}}
    if success:
        theirs: Json = {"notify": ["true"]}
    else:
        faults = ["sender", "system"] if protocol == "email" else [{"Ref": f"{kind}Faults"}]
        theirs = {"fault": faults, "told": ["now"]}
    assert subscriptions.pop(f"{kind}Subscription") == expected | {
        "TopicArn": {"Ref": topic}, "FilterPolicy": theirs,
    }  # fmt: skip
    # An alarm has no attributes: no filter policy at all would let it through.
    alarms = {} if success else {kind.replace("Alert", "Alarm"): expected}
    assert subscriptions == {
        f"{name}Subscription": each | {"TopicArn": {"Ref": "AlarmsTopic"}}
        for name, each in alarms.items()
    }


@pytest.mark.parametrize("value", ["sender", "system", "both"])
@pytest.mark.parametrize(("kind", "default"), [("AlertEmail", "both"), ("AlertPhone", "system")])
def test_a_parameter_says_whose_faults_an_address_is_told_of(
    kind: str, default: str, value: str
) -> None:
    """By default a mailbox of all; who is on call only of the system's."""
    assert TEMPLATE_JSON["Parameters"][f"{kind}Faults"]["Default"] == default
    asked = stack.stack(**{kind: "any", f"{kind}Faults": value})
    faults = ["sender", "system"] if value == "both" else [{"Ref": f"{kind}Faults"}]
    subscription = stack.of_type(asked, "AWS::SNS::Subscription")[f"{kind}Subscription"]
    assert subscription["FilterPolicy"] == {"fault": faults, "told": ["now"]}


def test_a_summary_follows_its_alert() -> None:
    """Notify names the machine, as neither can be made before the other one."""
    machine = RESOURCES["AlertSummary"]["Properties"]
    assert SUMMARY_MACHINE.endswith(f":{machine['StateMachineName']['Fn::Sub']}")
    assert machine["DefinitionSubstitutions"] == {
        "NotifyFunctionArn": {"Fn::GetAtt": ["NotifyFunction", "Arn"]}
    }
    definition = yaml.safe_load((ROOT / "statemachine" / "alert_summary.asl.yaml").read_text())
    collect, summarize = definition["States"]["Collect"], definition["States"]["Summarize"]
    assert (collect["Type"], collect["Next"]) == ("Wait", "Summarize")
    assert collect["Seconds"] == "{% $states.input.seconds %}"
    # Time for the wait, and for every retry with its longest waits.
    most = TEMPLATE_JSON["Parameters"]["SummarySeconds"]["MaxValue"]
    (retrier,) = [e for e in summarize["Retry"] if "DeliveryError" in e["ErrorEquals"]]
    assert "StorageError" in retrier["ErrorEquals"]
    assert definition["TimeoutSeconds"] > most + retrier["MaxAttempts"] * retrier["MaxDelaySeconds"]


def test_the_machine_is_traced_and_logs_to_its_group() -> None:
    machine = RESOURCES["ImagePipeline"]["Properties"]
    assert machine["TracingConfiguration"] == {"Enabled": True}
    (group,) = machine["LoggingConfiguration"]["Destinations"]
    assert stack.references(group) == {"ImagePipelineLogs"}


def test_the_machine_gets_every_substitution() -> None:
    machine = RESOURCES["ImagePipeline"]["Properties"]
    text = json.dumps(machine["DefinitionString"])
    wanted = set(re.findall(r"\$\{(\w+)\}", text))
    assert wanted == set(machine["DefinitionSubstitutions"])


# ---------------------------------------------------------------------------- what is watched

BODY, NAMES = stack.source()["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
WIDGETS: list[Json] = json.loads(BODY)["widgets"]


def metrics(widget: Json) -> list[tuple[str, ...]]:
    """Return the metrics of a widget, with what a dot or three take from the one before."""
    found: list[tuple[str, ...]] = []
    for line in widget["properties"].get("metrics", []):
        given = [part for part in line if isinstance(part, str)]
        if given[:1] == ["..."]:
            given = [*found[-1][: 1 - len(given) or None], *given[1:]]
        if given:
            before = found[-1] if found else ()
            found.append(tuple(before[i] if p == "." else p for i, p in enumerate(given)))
    return found


ALARMS = stack.Late(lambda: of_type("AWS::CloudWatch::Alarm"))


@pytest.mark.parametrize("name", stack.declared("AWS::CloudWatch::Alarm"))
def test_an_alarm_reaches_people_and_says_why(name: str) -> None:
    alarm = ALARMS[name]["Properties"]
    assert alarm["AlarmActions"] == [{"Ref": "AlarmsTopic"}]
    assert alarm["AlarmName"]["Fn::Sub"].startswith("${AWS::StackName}-")
    assert alarm["AlarmDescription"].endswith(".")
    assert alarm["TreatMissingData"] == "notBreaching"  # no uploads are no fault


def test_alarms_may_publish_to_the_topic() -> None:
    policy = RESOURCES["AlarmsTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    (allowed,) = [each for each in policy if each["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Action"] == "sns:Publish"
    assert allowed["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert allowed["Resource"] == {"Ref": "AlarmsTopic"}
    pattern = allowed["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"]
    assert pattern.endswith(":alarm:${AWS::StackName}-*")


def test_the_dashboard_shows_every_alarm_and_function() -> None:
    (alarms,) = [each for each in WIDGETS if each["type"] == "alarm"]
    expected = {
        each["Properties"]["AlarmName"]["Fn::Sub"].replace("${AWS::StackName}", "${Alarms}")
        for each in ALARMS.values()
    }
    assert set(alarms["properties"]["alarms"]) == expected
    assert NAMES["Alarms"]["Fn::Sub"].endswith(":alarm:${AWS::StackName}")
    used = {name.partition(".")[0] for name in re.findall(r"\$\{([\w.]+)\}", BODY)}
    assert used - {"Alarms"} <= set(RESOURCES)
    assert set(FUNCTIONS) <= used


def test_the_dashboard_shows_errors_and_throttles_of_every_function() -> None:
    shown = [metric for widget in WIDGETS for metric in metrics(widget)]
    for name in FUNCTIONS:
        for metric in ("Errors", "Throttles", "Duration"):
            assert ("AWS/Lambda", metric, "FunctionName", f"${{{name}}}") in shown


def test_the_dashboard_calls_each_metric_what_it_is() -> None:
    labels = {}
    for widget in WIDGETS:
        lines = widget["properties"].get("metrics", [])
        said = (line[-1].get("label") for line in lines if isinstance(line[0], str))
        labels |= dict(zip(metrics(widget), said, strict=True))
    for ending in ("Started", "Succeeded", "Failed", "TimedOut"):
        label = labels["AWS/States", f"Executions{ending}", "StateMachineArn", "${ImagePipeline}"]
        assert label == re.sub("(?<=[a-z])([A-Z])", r" \1", ending).lower()
    for (_, metric, dimension, function), label in labels.items():
        if dimension == "FunctionName":
            step, _, what = str(label).partition(": ")
            assert function == f"${{{step}Function}}"
            assert what in {"", metric.lower()}


def test_a_search_of_the_dashboard_quotes_whole_values() -> None:
    """A quoted term matches nothing less (CloudWatch user guide, search expressions)."""
    (search,) = re.findall(r"SEARCH\('([^']+)'", json.dumps(WIDGETS))
    assert search == r"{Darkroom,service} service=\"${AWS::StackName}\" Failures"


def test_saved_queries_look_at_every_functions_logs() -> None:
    groups = {
        name
        for name, each in BY_DEFAULT["Resources"].items()
        if each["Type"] == "AWS::Logs::LogGroup" and name != "ImagePipelineLogs"
    }
    for query in of_type("AWS::Logs::QueryDefinition").values():
        assert {each["Ref"] for each in query["Properties"]["LogGroupNames"]} == groups


OUTPUTS = {
    "SourceBucketName": "SourceBucket",
    "SourcePrefix": "SourcePrefix",
    "OutputBucketName": "OutputBucket",
    "WorkBucketName": "WorkBucket",
    "BackupBucketName": "BackupBucket",
    "StateMachineArn": "ImagePipeline",
    "ImagesTableName": "ImagesTable",
    "NotificationsTopicArn": "NotificationsTopic",
    "AlertsTopicArn": "AlertsTopic",
    "AlarmsTopicArn": "AlarmsTopic",
    "EventsDeadLetterQueueUrl": "EventsDeadLetterQueue",
    "PresetsParameterName": "PresetsParameter",
    "UploadRuleName": "UploadRule",
    "PrepareFunctionName": "PrepareFunction",
    "ResizeFunctionName": "ResizeFunction",
    "MakePdfFunctionName": "MakePdfFunction",
    "BackupOriginalFunctionName": "BackupOriginalFunction",
    "NotifyFunctionName": "NotifyFunction",
    "KeyArn": "Key",
    "DashboardName": "Dashboard",
    "BufferQueueUrl": "BufferQueue",
}


def test_the_outputs_name_what_an_operator_needs() -> None:
    found = dict(BY_DEFAULT["Outputs"])
    assert found.pop("Version")["Value"] == __version__
    assert {name: stack.references(each["Value"]) for name, each in found.items()} == {
        name: {resource} for name, resource in OUTPUTS.items()
    }
    asked = stack.stack(CloudFront="yes", ExistingSourceBucket="photos")
    assert asked["Outputs"]["OutputsUrl"]["Value"] == {"Fn::GetAtt": ["Delivery", "Outputs.Url"]}
    assert asked["Outputs"]["SourceBucketName"]["Value"] == {"Ref": "ExistingSourceBucket"}
