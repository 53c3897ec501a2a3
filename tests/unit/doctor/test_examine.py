"""What the engine cannot show, on answers of AWS's shape: the sentence and what mends it."""

from __future__ import annotations

import datetime
import json
import shlex
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from botocore.parsers import ResponseParserError
from darkroom import __version__

from darkroom_ops.deployment import NotDeployed
from darkroom_ops.doctor import code
from darkroom_ops.doctor.examine import examine
from darkroom_ops.doctor.findings import Finding
from tests.unit.doctor.conftest import ARN, OUTPUTS, Account

PLACE = "--region us-east-1"
FUNCTION = "AWS::Lambda::Function"
UTC = datetime.UTC


# ---------------------------------------------------------------------------- the stack


def test_a_stack_that_is_not_there_has_no_findings(account: Account) -> None:
    del vars(account.at)["outputs"]
    account.refuses("cloudformation", "describe_stacks", "ValidationError")
    with pytest.raises(NotDeployed):
        account.check("stack")


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"])
def test_a_stack_that_is_deployed(account: Account, status: str) -> None:
    account.stack(status)
    assert account.check("stack") == []


@pytest.mark.parametrize(
    ("status", "severity", "says"),
    [
        ("UPDATE_IN_PROGRESS", "warning", "A deployment is under way (UPDATE_IN_PROGRESS)."),
        (
            "UPDATE_ROLLBACK_COMPLETE",
            "warning",
            (
                "The last deployment failed (UPDATE_ROLLBACK_COMPLETE), and what was there before "
                "runs."
            ),
        ),
        ("UPDATE_FAILED", "broken", "The last deployment failed (UPDATE_FAILED)."),
        (
            "UPDATE_ROLLBACK_FAILED",
            "broken",
            "The last deployment failed (UPDATE_ROLLBACK_FAILED).",
        ),
    ],
)
def test_a_stack_whose_deployment_failed(
    account: Account, status: str, severity: str, says: str
) -> None:
    account.stack(status)
    found = account.finding("stack")
    assert found[:2] == (severity, says)
    wait = ["wait", "stack-update-complete", "--stack-name", "photos"]
    failed = "StackEvents[?contains(ResourceStatus, 'FAILED')]"
    events = ["describe-stack-events", "--stack-name", "photos", "--query",
              f"{failed}.[LogicalResourceId,ResourceStatusReason]"]  # fmt: skip
    assert shlex.split(found[2]) == [
        "aws", "cloudformation", *(wait if status.endswith("PROGRESS") else events),
        "--region", "us-east-1",
    ]  # fmt: skip


@pytest.mark.parametrize(("ago", "found"), [(299, 1), (301, 0)])
def test_a_bucket_that_sends_events_since_a_moment_ago(
    account: Account, ago: int, found: int
) -> None:
    """S3 takes five minutes; CloudTrail knows better than the stack when it began."""
    since = datetime.datetime.now(UTC) - datetime.timedelta(seconds=ago)
    account.answers("s3", "get_bucket_notification_configuration", {"EventBridgeConfiguration": {}})
    account.resources(("AWS::S3::Bucket", "photos-source"), ("AWS::S3::Bucket", "photos-output"))
    trail = [
        {"EventName": "PutBucketNotification", "EventTime": since},
        {"EventName": "PutBucketTagging", "EventTime": since + datetime.timedelta(hours=1)},
    ]
    account.answers("cloudtrail", "lookup_events", {"Events": trail})
    faults = account.check("bucket")
    assert len(faults) == found
    for fault in faults:
        assert fault.severity == "warning"
        assert f"sends events to EventBridge since {since:%H:%M:%S} UTC only" in fault.says
        assert "darkroom audit --stack photos" in fault.mend


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "AccessDeniedException"}}, "LookupEvents"),
        EndpointConnectionError(endpoint_url="https://cloudtrail"),
    ],
)
def test_when_nobody_may_ask_cloudtrail_the_stack_knows(account: Account, error: Exception) -> None:
    since = datetime.datetime.now(UTC) - datetime.timedelta(seconds=60)
    account.answers("s3", "get_bucket_notification_configuration", {"EventBridgeConfiguration": {}})
    account.resources(("AWS::S3::Bucket", "photos-source"), made=since)
    asked = MagicMock()
    asked.lookup_events.side_effect = error
    vars(account.at)["cloudtrail"] = asked
    assert f"since {since:%H:%M:%S} UTC only" in account.finding("bucket")[1]


def test_an_engine_sends_events_at_once(account: Account) -> None:
    account.at.endpoint = "http://127.0.0.1:1"
    account.answers("s3", "get_bucket_notification_configuration", {"EventBridgeConfiguration": {}})
    account.resources(("AWS::S3::Bucket", "photos-source"), made=datetime.datetime.now(UTC))
    account.refuses("cloudtrail", "lookup_events", "501")
    assert account.check("bucket") == []


def test_an_old_bucket_that_nobody_remembers(account: Account) -> None:
    account.answers("s3", "get_bucket_notification_configuration", {"EventBridgeConfiguration": {}})
    account.resources(("AWS::S3::Bucket", "photos-output"), made=datetime.datetime.now(UTC))
    account.answers("cloudtrail", "lookup_events", {"Events": []})
    assert account.check("bucket") == []


# ---------------------------------------------------------------------------- SMS


def subscriptions(account: Account, *phones: str) -> None:
    for topic, endpoints in (
        ("photos-alerts", phones), ("photos-alarms", phones[:1]), ("photos-notifications", ()),
    ):  # fmt: skip
        account.answers(
            "sns",
            "list_subscriptions_by_topic",
            {
                "Subscriptions": [
                    {"SubscriptionArn": "arn", "Protocol": "sms", "Endpoint": each}
                    for each in endpoints
                ]
            },
            TopicArn=ARN.format("sns", topic),
        )


def test_without_phones_sms_is_not_asked_about(account: Account) -> None:
    subscriptions(account)
    assert account.check("sms") == []


def test_a_phone_that_the_sandbox_does_not_know(account: Account) -> None:
    subscriptions(account, "+15550100", "+15550199", "+15550111")
    account.answers("sns", "get_sms_sandbox_account_status", {"IsInSandbox": True})
    known = [
        {"PhoneNumber": "+15550100", "Status": "Verified"},
        {"PhoneNumber": "+15550199", "Status": "Pending"},
    ]
    account.answers("sns", "list_sms_sandbox_phone_numbers", {"PhoneNumbers": known})
    account.answers("sns", "get_sms_attributes", {"attributes": {"MonthlySpendLimit": "20"}})
    pending, unknown = account.check("sms")
    assert pending.says == (
        "+15550199 gets no SMS: this account is in SNS's SMS sandbox, and the number is not "
        "verified."
    )
    assert unknown.says.startswith("+15550111 ")
    assert pending.mend == (
        f"aws sns create-sms-sandbox-phone-number --phone-number +15550199 {PLACE} && aws sns "
        f"verify-sms-sandbox-phone-number --phone-number +15550199 --one-time-password CODE {PLACE}"
    )


@pytest.mark.parametrize(("limit", "found"), [("1", 1), ("1.01", 0), (None, 0)])
def test_a_dollar_a_month_for_sms(account: Account, limit: str | None, found: int) -> None:
    subscriptions(account, "+15550100")
    account.answers("sns", "get_sms_sandbox_account_status", {"IsInSandbox": False})
    attributes = {} if limit is None else {"MonthlySpendLimit": limit}
    account.answers("sns", "get_sms_attributes", {"attributes": attributes})
    faults = account.check("sms")
    assert [each.says for each in faults] == [
        "SNS sends SMS for $1 a month, and then none until the month ends."
    ] * found
    assert all("set-sms-attributes --attributes MonthlySpendLimit=20" in e.mend for e in faults)


# ---------------------------------------------------------------------------- quotas


def limit(account: Account, free: int, **parameters: str) -> None:
    account.answers(
        "lambda",
        "get_account_settings",
        {"AccountLimit": {"ConcurrentExecutions": free, "UnreservedConcurrentExecutions": free}},
    )
    account.stack(**parameters)


@pytest.mark.parametrize(
    ("free", "parameters", "images", "asks"),
    [
        (10, {}, 3, 1000),
        (99, {}, 33, 1000),
        (2, {}, 1, 1000),
        (599, {"BufferConcurrency": "200"}, 199, 1000),
        (1199, {"BufferConcurrency": "400"}, 399, 1200),
    ],
)
def test_too_few_functions_at_once(
    account: Account, free: int, parameters: dict[str, str], images: int, asks: int
) -> None:
    limit(account, free, **parameters)
    assert account.finding("concurrency") == (
        "warning",
        (
            f"Lambda runs {free} functions of this account at once: images are throttled, and fail "
            f"after a minute of it, when more than about {images} come together."
        ),
        (
            "aws service-quotas request-service-quota-increase --service-code lambda --quota-code "
            f"L-B99A9384 --desired-value {asks} {PLACE}"
        ),
    )


@pytest.mark.parametrize(
    ("free", "parameters"),
    [
        (100, {}),
        (600, {"BufferConcurrency": "200"}),
        (10, {"ReservedConcurrency": "5"}),
        (100, {"BufferConcurrency": "0", "ReservedConcurrency": "0"}),
    ],
)
def test_enough_functions_at_once(account: Account, free: int, parameters: dict[str, str]) -> None:
    limit(account, free, **parameters)
    assert account.check("concurrency") == []


def quotas(account: Account, kind: str = "STANDARD", **values: float) -> None:
    account.answers("stepfunctions", "describe_state_machine", machine(kind))
    if kind == "STANDARD":
        listed = [
            {"QuotaName": f"{name} throttle token {what}", "QuotaCode": f"L-{name}", "Value": value}
            for name, value in values.items()
            for what, value in (("bucket size", 1.0), ("refill rate per second", value))
        ]
        account.answers(
            "service-quotas", "list_service_quotas", {"Quotas": listed}, ServiceCode="states"
        )


def machine(kind: str) -> dict[str, Any]:
    arn = ARN.format("states", "stateMachine:photos")
    return {
        "stateMachineArn": arn, "name": "photos", "definition": "{}", "roleArn": arn, "type": kind,
        "creationDate": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("call", "value", "images"),
    [("StartExecution", 149.0, 149), ("StateTransition", 799.0, 73)],
)
def test_a_rate_below_the_usual(account: Account, call: str, value: float, images: int) -> None:
    usual = {"StartExecution": 150.0, "StateTransition": 800.0, "StopExecution": 1.0}
    quotas(account, **usual | {call: value})
    assert account.finding("rates") == (
        "warning",
        (
            f"Step Functions grants {value:g} {call} a second: no more than about {images} images "
            "a second."
        ),
        (
            "aws service-quotas request-service-quota-increase --service-code states --quota-code "
            f"L-{call} --desired-value {usual[call]:.0f} {PLACE}"
        ),
    )


def test_usual_rates(account: Account) -> None:
    quotas(account, StartExecution=150.0, StateTransition=800.0)
    assert account.check("rates") == []


def test_express_has_no_such_rates(account: Account) -> None:
    quotas(account, "EXPRESS")
    assert account.check("rates") == []


# ---------------------------------------------------------------------------- the buffer


def mapped(
    account: Account, *states: str, decision: str = "allowed", workflow: str = "STANDARD"
) -> None:
    """A buffer's event source mappings, and what IAM says of their function's role."""
    queue, function = ARN.format("sqs", "photos-buffer"), ARN.format("lambda", "function:start")
    role, machine = ARN.format("iam", "role/start"), account.outputs["StateMachineArn"]
    action = {"EXPRESS": "StartSyncExecution", "STANDARD": "StartExecution"}[workflow]
    account.outputs["BufferQueueUrl"] = "https://queue"
    account.stack(BufferConcurrency="2", WorkflowType=workflow)
    account.answers("sqs", "get_queue_attributes", {"Attributes": {"QueueArn": queue}})
    mappings = [{"UUID": f"{each:-<36}", "State": each, "FunctionArn": function} for each in states]
    account.answers(
        "lambda",
        "list_event_source_mappings",
        {"EventSourceMappings": mappings},
        EventSourceArn=queue,
    )
    for _ in states:
        told = {"FunctionName": "photos-start", "Role": role}
        account.answers("lambda", "get_function", {"Configuration": told}, FunctionName=function)
        result = {"EvalActionName": f"states:{action}", "EvalDecision": decision}
        account.answers(
            "iam", "simulate_principal_policy", {"EvaluationResults": [result]},
            PolicySourceArn=role, ActionNames=[f"states:{action}"], ResourceArns=[machine],
        )  # fmt: skip


@pytest.mark.parametrize("state", ["Enabled", "Enabling", "Updating", "Creating"])
def test_a_buffer_that_is_emptied(account: Account, state: str) -> None:
    mapped(account, state)
    assert account.check("buffer") == []


@pytest.mark.parametrize("state", ["Disabled", "Disabling", "Deleting"])
def test_a_buffer_whose_mapping_is_disabled(account: Account, state: str) -> None:
    mapped(account, state)
    assert account.finding("buffer") == (
        "broken",
        f"The buffer's event source mapping is {state.lower()}: uploads wait.",
        f"aws lambda update-event-source-mapping --uuid {state:-<36} --enabled {PLACE}",
    )


@pytest.mark.parametrize("workflow", ["STANDARD", "EXPRESS"])
def test_a_buffer_whose_function_may_start_nothing(account: Account, workflow: str) -> None:
    mapped(account, "Enabled", decision="implicitDeny", workflow=workflow)
    severity, says, mend = account.finding("buffer")
    action = "StartExecution" if workflow == "STANDARD" else "StartSyncExecution"
    assert severity == "broken"
    assert says == (
        "photos-start may not start photos: uploads end with the dead letters. Its role start lacks"
        f" states:{action}."
    )
    assert mend.startswith("aws iam put-role-policy --role-name start --policy-name Doctor-states-")


def test_a_buffer_that_nothing_empties(account: Account) -> None:
    mapped(account)
    severity, says, mend = account.finding("buffer")
    assert (severity, says) == (
        "broken",
        "Nothing takes uploads out of the buffer: they wait.",
    )
    about = "--stack-name photos --change-set-name undo-drift"
    assert mend == (
        f"aws cloudformation create-change-set {about} --use-previous-template --deployment-mode "
        "REVERT_DRIFT --capabilities CAPABILITY_IAM --parameters "
        "ParameterKey=BufferConcurrency,UsePreviousValue=true "
        f"ParameterKey=WorkflowType,UsePreviousValue=true {PLACE} && aws cloudformation wait "
        f"change-set-create-complete {about} {PLACE} && aws cloudformation execute-change-set "
        f"{about} {PLACE}"
    )


def test_without_buffer_there_is_nothing_to_see(account: Account) -> None:
    """Its queue stays when the buffer goes, and need not be there."""
    assert account.check("buffer") == []
    account.outputs["BufferQueueUrl"] = "https://queue"
    account.stack(BufferConcurrency="0")
    assert account.check("buffer") == []


# ---------------------------------------------------------------------------- functions and layer

LAYER = ARN.format("lambda", "layer:photos-imaging:7")


def given_only(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if value is not None}


def functions(account: Account, *told: dict[str, Any]) -> None:
    usual = {
        "Runtime": "python3.13", "State": "Active", "LastUpdateStatus": "Successful",
        "Layers": [{"Arn": LAYER}], "Architectures": ["arm64"],
    }  # fmt: skip
    names = [f"photos-{number}" for number in range(len(told))]
    account.resources(*((FUNCTION, name) for name in names))
    for name, more in zip(names, told, strict=True):
        account.answers(
            "lambda", "get_function",
            {"Configuration": given_only(usual | {"FunctionName": name} | more)},
            FunctionName=name,
        )  # fmt: skip


def layer(account: Account, **more: Any) -> None:
    account.answers(
        "lambda",
        "get_layer_version_by_arn",
        given_only(
            {"CompatibleRuntimes": ["python3.13"], "CompatibleArchitectures": ["arm64"]} | more
        ),
        Arn=LAYER,
    )


def test_functions_on_one_layer_that_fits(account: Account) -> None:
    functions(account, {}, {})
    layer(account)
    assert account.check("functions") == []


@pytest.mark.parametrize(
    "told",
    [
        {"State": "Failed", "StateReason": "No key."},
        {"LastUpdateStatus": "Failed", "LastUpdateStatusReason": "No key."},
        {"LastUpdateStatus": "Failed"},
    ],
)
def test_a_function_that_cannot_run(account: Account, told: dict[str, str]) -> None:
    functions(account, told)
    layer(account)
    reason = "No key." if len(told) > 1 else "no reason"
    assert account.finding("functions") == (
        "broken",
        f"The function photos-0 cannot run: {reason}",
        "make deploy",
    )


@pytest.mark.parametrize(
    ("layers", "own", "fits"),
    [
        ({"CompatibleRuntimes": ["python3.12"]}, {}, False),
        ({"CompatibleRuntimes": ["python3.12", "python3.13"]}, {}, True),
        ({"CompatibleArchitectures": ["x86_64"]}, {}, False),
        ({"CompatibleArchitectures": ["x86_64", "arm64"]}, {}, True),
        ({"CompatibleArchitectures": ["arm64"]}, {"Architectures": ["x86_64"]}, False),
        ({"CompatibleArchitectures": ["arm64"]}, {"Architectures": None}, False),  # the usual one
        ({"CompatibleArchitectures": ["x86_64"]}, {"Architectures": None}, True),
        ({"CompatibleArchitectures": None}, {}, True),
        ({"CompatibleArchitectures": None}, {"Architectures": None}, True),
        ({"CompatibleRuntimes": None}, {}, True),
    ],
)
def test_whether_a_layer_fits(
    account: Account, layers: dict[str, Any], own: dict[str, Any], fits: bool
) -> None:
    functions(account, own)
    layer(account, **layers)
    on = "x86_64" if own else "arm64"
    assert [(each.severity, each.says, each.mend) for each in account.check("functions")] == [
        (
            "broken",
            f"The layer {LAYER} is not for python3.13 on {on}: functions cannot import it.",
            "make deploy",
        )
    ] * (not fits)


def test_a_layer_that_is_deleted(account: Account) -> None:
    functions(account, {})
    account.refuses("lambda", "get_layer_version_by_arn", "ResourceNotFoundException")
    assert account.finding("functions") == (
        "warning",
        f"The layer {LAYER} is deleted: functions run on, but cannot be changed.",
        "make deploy",
    )


def test_functions_on_different_layers(account: Account) -> None:
    other = LAYER[:-1] + "6"
    functions(account, {}, {"Layers": [{"Arn": other}]})
    account.stack()
    for _ in range(2):
        account.answers("lambda", "get_layer_version_by_arn", {})
    severity, says, mend = account.finding("functions")
    assert (severity, says) == (
        "broken",
        f"The functions have different layers: {other}, {LAYER}.",
    )
    assert "REVERT_DRIFT" in mend


@pytest.mark.parametrize(("days", "found"), [(179, 1), (180, 1), (181, 0)])
def test_a_runtime_that_ends_soon(
    account: Account, monkeypatch: pytest.MonkeyPatch, days: int, found: int
) -> None:
    ends = datetime.datetime.now(UTC).date() + datetime.timedelta(days=days)
    monkeypatch.setitem(code.DEPRECATED, "python3.13", ends)
    functions(account, {})
    layer(account)
    faults = account.check("functions")
    assert [each.says for each in faults] == [
        (
            f"The function photos-0 runs on python3.13: AWS patches it until {ends}, and then lets "
            "nobody deploy it."
        )
    ] * found


@pytest.mark.parametrize("runtime", ["python3.9", None])
def test_a_runtime_that_nobody_knows(account: Account, runtime: str | None) -> None:
    functions(account, {"Runtime": runtime, "Layers": None})
    assert account.finding("functions") == (
        "warning",
        (
            f"The function photos-0 runs on {runtime or 'no runtime'}, which this version of "
            "Darkroom does not know."
        ),
        "make deploy",
    )


@pytest.mark.parametrize(
    ("runtime", "ends"),
    [("python3.12", "2028-10-31"), ("python3.13", "2029-06-30"), ("python3.14", "2029-06-30")],
)
def test_until_when_aws_patches_a_runtime(runtime: str, ends: str) -> None:
    """Lambda developer guide, "Lambda runtimes"."""
    assert str(code.DEPRECATED[runtime]) == ends


def test_a_stack_of_another_version(account: Account) -> None:
    account.outputs["Version"] = __version__
    assert account.check("version") == []
    for theirs in ("0.0.9", None):
        account.outputs.pop("Version")
        account.outputs |= {"Version": theirs} if theirs else {}
        assert account.finding("version") == (
            "warning",
            (
                f"The stack is of version {theirs or 'older than 0.1.0'}, this command of "
                f"{__version__}."
            ),
            "make deploy",
        )


# ---------------------------------------------------------------------------- presets


def presets(account: Account, text: str) -> None:
    account.outputs["PresetsParameterName"] = "/photos/presets"
    answer = {"Parameter": {"Name": "/photos/presets", "Value": text, "Version": 1}}
    account.answers("ssm", "get_parameter", answer, Name="/photos/presets")


def test_presets_that_are_valid(account: Account) -> None:
    presets(account, '[{"name": "small", "width": 300}]')
    assert account.check("presets") == []


def test_presets_that_are_not_valid(account: Account) -> None:
    presets(account, "[]")
    severity, says, mend = account.finding("presets")
    assert severity == "broken"
    assert says.startswith("Every upload fails, for /photos/presets is not valid: Expected")
    assert mend == "darkroom presets set presets.json --stack photos"


def test_presets_that_are_gone(account: Account) -> None:
    account.outputs["PresetsParameterName"] = "/photos/presets"
    account.refuses("ssm", "get_parameter", "ParameterNotFound")
    account.stack()
    severity, says, mend = account.finding("presets")
    assert (severity, says) == (
        "broken",
        "The parameter /photos/presets is gone: every upload fails.",
    )
    assert "REVERT_DRIFT" in mend
    assert "--parameters" not in mend  # there are none


# ---------------------------------------------------------------------------- alarms


def alarms(account: Account, *found: dict[str, Any]) -> None:
    listed = [{"ActionsEnabled": True, "StateValue": "OK"} | each for each in found]
    account.answers(
        "cloudwatch",
        "describe_alarms",
        {"MetricAlarms": listed},
        ActionPrefix=ARN.format("sns", "photos-alarms"),
    )
    account.resources(("AWS::CloudWatch::Alarm", "photos-slow"))


def test_alarms_that_are_there(account: Account) -> None:
    alarms(account, {"AlarmName": "photos-slow"})
    assert account.check("alarms") == []


def test_an_alarm_that_is_gone(account: Account) -> None:
    alarms(account, {"AlarmName": "photos-failing"})
    account.stack()
    severity, says, _ = account.finding("alarms")
    assert (severity, says) == (
        "warning",
        "The alarm photos-slow is gone, or tells somebody else.",
    )


# ---------------------------------------------------------------------------- drift


def drifting(account: Account, *statuses: str) -> None:
    begun = {"StackDriftDetectionId": "d" * 36}
    account.answers("cloudformation", "detect_stack_drift", begun, StackName="photos")
    for status in statuses:
        account.answers(
            "cloudformation",
            "describe_stack_drift_detection_status",
            {
                "StackId": "s", "StackDriftDetectionId": "d" * 36, "DetectionStatus": status,
                "DetectionStatusReason": "Not allowed to see Key.", "Timestamp": 0,
            },
            **begun,
        )  # fmt: skip


def drifts(
    account: Account, *found: dict[str, Any], more: str | None = None, after: str | None = None
) -> None:
    usual = {
        "StackId": "s", "LogicalResourceId": "Notify", "PhysicalResourceId": "photos-notify",
        "ResourceType": FUNCTION, "StackResourceDriftStatus": "MODIFIED", "Timestamp": 0,
    }  # fmt: skip
    answer: dict[str, Any] = {"StackResourceDrifts": [usual | each for each in found]}
    account.answers(
        "cloudformation",
        "describe_stack_resource_drifts",
        answer | ({"NextToken": more} if more else {}),
        StackName="photos",
        StackResourceDriftStatusFilters=["MODIFIED", "DELETED"],
        **({"NextToken": after} if after else {}),
    )


def changed(path: str) -> dict[str, Any]:
    difference = {
        "PropertyPath": path, "ExpectedValue": "1", "ActualValue": "2",
        "DifferenceType": "NOT_EQUAL",
    }  # fmt: skip
    return {"PropertyDifferences": [difference]}


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time that passes only in sleep: what was slept."""
    seconds: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: sum(seconds), sleep=seconds.append)
    monkeypatch.setattr(code, "time", clock)
    return seconds


def test_what_was_changed_by_hand(account: Account, slept: list[float]) -> None:
    """But not the presets' value, which is there to be changed."""
    drifting(account, "DETECTION_IN_PROGRESS", "DETECTION_COMPLETE")
    drifts(account, changed("/MemorySize"), more="more")
    account.stack()
    presets = {"ResourceType": "AWS::SSM::Parameter", "LogicalResourceId": "Presets"}
    gone = {"StackResourceDriftStatus": "DELETED", "LogicalResourceId": "Rule"} | changed("/All")
    none = {"ResourceType": "AWS::SSM::Parameter"}  # what says of no property that it changed
    drifts(
        account, presets | changed("/Value"), presets | changed("/Type"), gone, none,
        changed("/Value"), after="more",
    )  # fmt: skip
    found = account.check("drift")
    assert [(each.severity, each.says) for each in found] == [
        ("broken", "Rule (photos-notify) was deleted, but not by the stack."),
        ("warning", "Notify (photos-notify) is not as the template has it: /MemorySize."),
        ("warning", "Presets (photos-notify) is not as the template has it: /Type."),
        ("warning", "Notify (photos-notify) is not as the template has it: /Value."),
    ]
    assert all("REVERT_DRIFT" in each.mend for each in found)
    assert {each.check for each in found} == {"drift"}
    assert slept == [3.0]


def test_a_comparison_that_may_not_see_all(account: Account, slept: list[float]) -> None:
    drifting(account, "DETECTION_FAILED")
    drifts(account)
    assert account.finding("drift") == (
        "unknown",
        "CloudFormation could not compare the whole stack: Not allowed to see Key.",
        "Allow who runs this to read the stack's resources.",
    )


def test_a_comparison_that_takes_more_than_three_minutes(
    account: Account, slept: list[float]
) -> None:
    drifting(account, *["DETECTION_IN_PROGRESS"] * 62)
    assert account.finding("drift") == (
        "unknown",
        "CloudFormation is still comparing the stack with its template.",
        "darkroom doctor --stack photos",
    )
    assert sum(slept) == 183


# ---------------------------------------------------------------------------- what may not be seen


@pytest.mark.parametrize(
    ("message", "needs"),
    [
        (
            (
                "User: arn:aws:iam::1:user/me is not authorized to perform: "
                "lambda:GetAccountSettings on resource: *"
            ),
            "lambda:GetAccountSettings",
        ),
        ("", "the permission for GetAccountSettings"),
    ],
)
@pytest.mark.parametrize(
    "code",
    [
        "403",  # of S3, which has no words for HEAD
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "UnauthorizedOperation",
    ],
)
def test_a_missing_permission_is_named(
    account: Account, message: str, needs: str, code: str
) -> None:
    account.refuses("lambda", "get_account_settings", code, message)
    assert account.finding("concurrency") == (
        "unknown",
        f"Could not look at concurrency: needs {needs}.",
        "Allow it to who runs this: docs/operations.md has the whole policy.",
    )


@pytest.mark.parametrize("status", [500, 501])
def test_aws_lacks_no_call(account: Account, status: int) -> None:
    account.refuses("lambda", "get_account_settings", "Oops", "sorry", http_status_code=status)
    severity, says, _ = account.finding("concurrency")
    assert severity == "unknown"
    assert says.startswith("Could not look at concurrency: An error occurred (Oops)")


@pytest.mark.parametrize(
    ("code", "status", "severity"),
    [
        ("NotImplemented", 501, "elsewhere"),
        ("500", 500, "elsewhere"),
        ("404", 404, "elsewhere"),
        ("NoSuchResourceException", 400, "elsewhere"),
        ("UnknownOperationException", 400, "elsewhere"),
        ("Throttling", 429, "unknown"),
        ("Throttling", 499, "unknown"),
    ],
)
def test_an_emulator_may_lack_a_call(
    account: Account, code: str, status: int, severity: str
) -> None:
    account.at.endpoint = "http://127.0.0.1:1"
    account.refuses("lambda", "get_account_settings", code, "no", http_status_code=status)
    found = account.finding("concurrency")
    assert found[0] == severity
    if severity == "elsewhere":
        assert found[1:] == ("there is no GetAccountSettings here", "")


@pytest.mark.parametrize("error", [NoCredentialsError(), ResponseParserError("what is that?")])
def test_without_credentials_nothing_is_a_finding(account: Account, error: Exception) -> None:
    def check(_: object) -> Any:
        raise error

    with pytest.raises(type(error)):
        examine(account.at, checks={"any": check})
    account.at.endpoint = "http://127.0.0.1:1"
    (found,) = examine(account.at, checks={"any": check})
    assert (found.severity, found.check, found.says) == (
        "elsewhere",
        "any",
        f"the answer could not be read: {type(error).__name__}",
    )


def test_every_check_is_made_under_its_name_and_the_worst_is_told_first(account: Account) -> None:
    heard: list[str] = []

    def named(name: str, severity: Any) -> Any:
        return lambda _: iter([Finding(severity, name, "")])

    severities = ("elsewhere", "broken", "unknown", "warning", "broken")
    checks = {str(n): named(str(n), severity) for n, severity in enumerate(severities)}
    assert [each.check for each in examine(account.at, heard.append, checks)] == [*"14320"]
    assert heard == [*"01234"]


def test_logs_need_the_key_where_it_encrypts_them(account: Account) -> None:
    statements = [
        {"Effect": "Allow", "Principal": {"Service": f"{each}.amazonaws.com"}, "Action": "kms:*"}
        for each in ("cloudwatch", "events")
    ]
    for scope, lost in (("messages", None), ("everything", "functions log nothing")):
        account.answers(
            "kms", "describe_key", {"KeyMetadata": {"KeyId": "1234", "KeyState": "Enabled"}}
        )
        policy = json.dumps({"Statement": statements})
        account.answers("kms", "get_key_policy", {"Policy": policy}, KeyId="1234",
                        PolicyName="default")  # fmt: skip
        account.stack(KeyScope=scope)
        found = account.check("key")
        assert [each.says for each in found] == [
            f"The policy of the key does not let logs.us-east-1.amazonaws.com use it: {lost}."
        ] * (lost is not None)


def test_who_is_told_of_what(account: Account) -> None:
    topics = [OUTPUTS[f"{name}TopicArn"] for name in ("Alerts", "Alarms", "Notifications")]
    confirmed = {"SubscriptionArn": f"{topics[1]}:1", "Protocol": "sms", "Endpoint": "+15550100"}
    gone = {"SubscriptionArn": "Deleted", "Protocol": "email", "Endpoint": "oncall@example.com"}
    for topic, found in zip(topics, ([], [confirmed, gone], []), strict=True):
        account.answers(
            "sns", "list_subscriptions_by_topic", {"Subscriptions": found}, TopicArn=topic
        )
    alerts, alarms = account.check("subscriptions")
    assert (alerts.severity, alerts.says) == (
        "broken",
        "Nobody is subscribed to photos-alerts: no failure reaches anybody.",
    )
    assert alerts.mend == (
        f"aws sns subscribe --topic-arn {topics[0]} --protocol email "
        f"--notification-endpoint YOU@example.com {PLACE}"
    )
    assert (alarms.severity, alarms.says) == (
        "warning",
        "oncall@example.com gets no alarms: the subscription is not confirmed.",
    )
    assert alarms.mend.endswith(
        f": aws sns subscribe --topic-arn {topics[1]} --protocol email "
        f"--notification-endpoint oncall@example.com {PLACE}"
    )


def given(finding: Finding, option: str) -> Any:
    """Return what a command gives for an option, as JSON."""
    words = shlex.split(finding.mend)
    return json.loads(words[words.index(option) + 1])


def test_who_shall_be_let_in_is_let_in_by_a_whole_statement(account: Account) -> None:
    topic, key = OUTPUTS["AlarmsTopicArn"], {"KeyId": "1234"}
    account.answers("sns", "get_topic_attributes", {"Attributes": {}}, TopicArn=topic)
    (alarms,) = account.check("topics")
    assert given(alarms, "--attribute-value")["Statement"] == [
        {
            "Sid": "AlarmsMayAlert",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": topic,
            "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
        }
    ]
    account.answers("kms", "describe_key", {"KeyMetadata": key | {"KeyState": "Enabled"}}, **key)
    account.answers("kms", "get_key_policy", {"Policy": "{}"}, **key, PolicyName="default")
    account.stack()
    for found, sid, service in zip(
        account.check("key"),
        ("AlarmsToTheTopic", "EventsToTheQueues"),
        ("cloudwatch", "events"),
        strict=True,
    ):
        assert given(found, "--policy")["Statement"] == [
            {
                "Sid": sid,
                "Effect": "Allow",
                "Principal": {"Service": f"{service}.amazonaws.com"},
                "Resource": "*",
                "Action": ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"],
            }
        ]
