"""What each option of the template changes, and that all are off by default."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.support.stack import Json, cloudfront, of_type, references, source
from tests.support.stack import stack as decide

FUNCTIONS = {
    "PrepareFunction", "ResizeFunction", "MakePdfFunction", "BackupOriginalFunction",
    "NotifyFunction",
}  # fmt: skip


@cache
def stack(**parameters: str) -> Json:
    return decide(**parameters)


NODE = shutil.which("node")


def properties(template: Json, name: str) -> Json:
    found: Json = template["Resources"][name]["Properties"]
    return found


def statements(template: Json, role: str) -> list[Json]:
    inline = properties(template, role).get("Policies", [])
    attached = [
        policy
        for policy in of_type(template, "AWS::IAM::Policy").values()
        if {"Ref": role} in policy["Roles"]
    ]
    return [s for policy in (*inline, *attached) for s in policy["PolicyDocument"]["Statement"]]


OPTIONAL = {
    "BufferConcurrency": "10",
    "CloudFront": "yes",
    "KeyScope": "everything",
    "BackupLockDays": "30",
    "WorkflowType": "EXPRESS",
    "ReservedConcurrency": "20",
}


def test_every_option_is_off_by_default() -> None:
    template = stack()
    assert set(of_type(template, "AWS::Lambda::Function")) == FUNCTIONS
    assert not [
        name
        for name, each in template["Resources"].items()
        if each["Type"] in {"AWS::CloudFormation::Stack", "AWS::Lambda::EventSourceMapping"}
    ]
    (target,) = properties(template, "UploadRule")["Targets"]
    assert target["Arn"] == {"Ref": "ImagePipeline"}
    assert properties(template, "ImagePipeline")["StateMachineType"] == {"Ref": "WorkflowType"}


@pytest.mark.parametrize(
    "options",
    [{}, {"ExistingSourceBucket": "photos"}, OPTIONAL, *({k: v} for k, v in OPTIONAL.items())],
    ids=lambda options: ",".join(options) or "none",
)
def test_no_option_leaves_a_dangling_reference(options: dict[str, str]) -> None:
    """CloudFormation refuses a stack that refers to a resource that is not created."""
    template = stack(**options)
    machine = properties(template, "ImagePipeline")
    substituted = {*machine["DefinitionSubstitutions"], "Name", "Alarms"}
    assert dangling(template, set(source()["Parameters"])) <= substituted


def test_the_nested_template_has_all_that_it_refers_to() -> None:
    nested = cloudfront()
    assert not dangling(nested, set(nested["Parameters"]))


def dangling(template: Json, parameters: set[str]) -> set[str]:
    """Return the names that a template refers to and does not have."""
    known = parameters | {"AWS::StackName", "AWS::AccountId", "AWS::Region", "AWS::Partition"}
    named = re.findall(r"\$\{(\w+)(?:\.[\w.]+)?\}", json.dumps(template))
    return (references(template) | set(named)) - known - set(template["Resources"])


# ---------------------------------------------------------------------------- an existing bucket


def test_an_existing_bucket_is_watched_instead() -> None:
    template = stack(ExistingSourceBucket="photos")
    assert "SourceBucket" not in template["Resources"]
    assert "SourceBucketPolicy" not in template["Resources"]
    name = {"Ref": "ExistingSourceBucket"}
    pattern = properties(template, "UploadRule")["EventPattern"]["detail"]
    assert pattern["bucket"] == {"name": [name]}
    assert template["Outputs"]["SourceBucketName"]["Value"] == name
    (read,) = [
        s for s in statements(template, "PrepareFunctionRole") if s["Sid"] == "ReadTheSource"
    ]
    assert read["Resource"] == {"Fn::Sub": ["arn:${AWS::Partition}:s3:::${Name}/*", {"Name": name}]}


# ---------------------------------------------------------------------------- the buffer


def test_the_buffer_bounds_how_many_run_at_once() -> None:
    template = stack(BufferConcurrency="10")
    (target,) = properties(template, "UploadRule")["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["BufferQueue", "Arn"]}
    assert "RoleArn" not in target  # a queue lets the rule in by its own policy
    (mapping,) = of_type(template, "AWS::Lambda::EventSourceMapping").values()
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "BufferConcurrency"}}
    assert mapping["EventSourceArn"] == target["Arn"]
    assert mapping["BatchSize"] == 1


def test_a_buffered_upload_is_never_lost_and_never_taken_twice_at_once() -> None:
    template = stack(BufferConcurrency="10")
    queue = properties(template, "BufferQueue")
    assert queue["VisibilityTimeout"] > properties(template, "StartFunction")["Timeout"]
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {
        "Fn::GetAtt": ["EventsDeadLetterQueue", "Arn"]
    }
    allowed = properties(template, "BufferQueuePolicy")["PolicyDocument"]["Statement"][1]
    assert (allowed["Effect"], allowed["Action"]) == ("Allow", "sqs:SendMessage")
    assert allowed["Resource"] == {"Fn::GetAtt": ["BufferQueue", "Arn"]}
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    assert allowed["Condition"] == {
        "ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["UploadRule", "Arn"]}}
    }


@pytest.mark.parametrize(
    ("asked", "taken"),
    [("0", True), ("1", False), ("2", True), ("10", True), ("1000", True), ("1001", False)],
)
def test_what_lambda_refuses_as_a_limit_is_refused_before_anything_is_created(
    asked: str, taken: bool
) -> None:
    """MaximumConcurrency is 2 to 1,000 (Lambda API, ScalingConfig)."""
    declared = source()["Parameters"]["BufferConcurrency"]
    assert (re.fullmatch(declared["AllowedPattern"], asked) is not None) is taken
    assert "2 to 1000" in declared["ConstraintDescription"]


def test_turning_the_buffer_off_deletes_no_waiting_upload_and_somebody_hears_of_it() -> None:
    off, on = stack(), stack(BufferConcurrency="10")
    for name in ("BufferQueue", "BufferQueuePolicy", "BufferOldAlarm"):
        assert off["Resources"][name] == on["Resources"][name]
    assert off["Outputs"]["BufferQueueUrl"] == on["Outputs"]["BufferQueueUrl"]


# ---------------------------------------------------------------------------- Express, concurrency


def test_another_type_is_another_state_machine() -> None:
    """CloudFormation cannot replace what keeps its name."""
    given = [properties(stack(WorkflowType=t), "ImagePipeline") for t in ("STANDARD", "EXPRESS")]
    standard, express = (each["StateMachineName"]["Fn::Sub"] for each in given)
    assert standard == "${AWS::StackName}-image-pipeline"
    assert express == "${AWS::StackName}-image-pipeline-express"


def test_no_parameter_changes_what_a_named_resource_cannot_change() -> None:
    """Such an update fails with "already exists"; cfn-lint has what AWS says of each type."""
    found = find_spec("cfnlint")  # only its files are read: to import it takes a second
    assert found is not None
    assert found.origin is not None
    schemas = Path(found.origin).parent / "data" / "schemas"
    kinds = json.loads((schemas / "providers" / "us-east-1.json").read_text())
    parameters = set(source()["Parameters"])
    checked = set()
    for name, each in {**stack(**OPTIONAL)["Resources"], **cloudfront()["Resources"]}.items():
        if each["Type"] not in NAMED_BY or name == "ImagePipeline":  # its name follows its type
            continue
        schema = json.loads((schemas / "resources" / f"{kinds[each['Type']]}.json").read_text())
        fixed = {path.rpartition("/")[2] for path in schema.get("createOnlyProperties", [])}
        checked |= fixed & set(each["Properties"])
        for key in fixed & set(each["Properties"]):
            assert not references(each["Properties"][key]) & parameters, (name, key)
    assert {"FunctionName", "QueueName"} <= checked


def test_express_logs_what_it_has_no_history_of() -> None:
    logging = properties(stack(WorkflowType="EXPRESS"), "ImagePipeline")["LoggingConfiguration"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ALL", False)
    logging = properties(stack(), "ImagePipeline")["LoggingConfiguration"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ERROR", False)


def test_reserved_concurrency_is_for_each_step_and_not_for_the_buffer() -> None:
    template = stack(ReservedConcurrency="20", BufferConcurrency="10")
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        expected = None if name == "StartFunction" else {"Ref": "ReservedConcurrency"}
        assert function.get("ReservedConcurrentExecutions") == expected, name
    for function in of_type(stack(), "AWS::Lambda::Function").values():
        assert "ReservedConcurrentExecutions" not in function


# ---------------------------------------------------------------------------- the key


def test_the_key_encrypts_everything_when_asked() -> None:
    template = stack(KeyScope="everything", BufferConcurrency="10")
    key = {"Fn::GetAtt": ["Key", "Arn"]}
    for bucket in of_type(template, "AWS::S3::Bucket").values():
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == key
        assert rule["BucketKeyEnabled"] is True
    assert properties(template, "ImagesTable")["SSESpecification"]["KMSMasterKeyId"] == key
    for queue in of_type(template, "AWS::SQS::Queue").values():
        assert queue["KmsMasterKeyId"] == key
        assert "SqsManagedSseEnabled" not in queue
    for group in of_type(template, "AWS::Logs::LogGroup").values():
        assert group["KmsKeyId"] == key


def test_every_role_that_meets_the_key_may_use_it() -> None:
    template = stack(KeyScope="everything", BufferConcurrency="10")
    roles = [f"{name}Role" for name in of_type(template, "AWS::Lambda::Function")]
    for role in [*roles, "ImagePipelineRole"]:
        (use,) = [s for s in statements(template, role) if s.get("Sid") == "UseTheKey"]
        assert use["Resource"] == {"Fn::GetAtt": ["Key", "Arn"]}
        assert "kms:Decrypt" in use["Action"]


def test_by_default_the_key_encrypts_the_topics_only() -> None:
    template = stack()
    key = {"Fn::GetAtt": ["Key", "Arn"]}
    for topic in of_type(template, "AWS::SNS::Topic").values():
        assert topic["KmsMasterKeyId"] == key
    elsewhere = [
        name
        for name, each in template["Resources"].items()
        if "Key" in references(each) and each["Type"] not in {"AWS::SNS::Topic", "AWS::KMS::Alias"}
    ]
    assert elsewhere == ["NotifyFunctionRole"]


def test_services_that_send_to_what_the_key_encrypts_may_use_it() -> None:
    """Without this, EventBridge and alarms drop what they send, and nobody is told."""
    policy = properties(stack(CloudFront="yes"), "Key")["KeyPolicy"]["Statement"]
    by_sid: dict[str, Json] = {each["Sid"]: each for each in policy}
    for sid, service in (
        ("AlarmsToTheTopic", "cloudwatch.amazonaws.com"),
        ("EventsToTheQueues", "events.amazonaws.com"),
    ):
        assert by_sid[sid]["Principal"] == {"Service": service}
        assert set(by_sid[sid]["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
    assert by_sid["CloudFrontReads"]["Action"] == "kms:Decrypt"
    # EventBridge's requests to KMS carry no source to compare.
    assert "Condition" not in by_sid["EventsToTheQueues"]
    assert "CloudFrontReads" not in [
        each["Sid"] for each in properties(stack(), "Key")["KeyPolicy"]["Statement"]
    ]


def test_the_account_decides_who_else_may_use_the_key_and_services_only_for_this_stack() -> None:
    template = stack(KeyScope="everything", BufferConcurrency="10")
    key = properties(template, "Key")
    policy = {each.pop("Sid"): each for each in key["KeyPolicy"]["Statement"]}
    assert key["EnableKeyRotation"] is True
    assert {(each["Effect"], each["Resource"]) for each in policy.values()} == {("Allow", "*")}
    root = {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}
    assert (policy["TheAccountDecides"]["Principal"], policy["TheAccountDecides"]["Action"]) == (
        root, "kms:*",
    )  # fmt: skip
    assert policy["AlarmsToTheTopic"]["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    }
    logs = policy["Logs"]
    assert logs["Principal"] == {"Service": {"Fn::Sub": "logs.${AWS::Region}.amazonaws.com"}}
    assert set(logs["Action"]) == {
        "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey",
    }  # fmt: skip
    arns = logs["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
    patterns = {each["Fn::Sub"].partition(":log-group:")[2] for each in arns}
    groups = {
        g["LogGroupName"]["Fn::Sub"] for g in of_type(template, "AWS::Logs::LogGroup").values()
    }
    assert len(patterns) == 2
    for group in groups:
        assert any(group.startswith(pattern.removesuffix("*")) for pattern in patterns), group


def policies(value: Any) -> list[Json]:
    """Return every policy document in a part of the template."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    found = [each for part in parts for each in policies(part)]
    return [value, *found] if isinstance(value, dict) and "Statement" in value else found


def test_every_policy_is_of_the_current_language() -> None:
    """Without a version, variables as ${aws:username} are text (IAM user guide, Version)."""
    versions = [each.get("Version") for each in policies(stack(**OPTIONAL))]
    assert set(versions) == {"2012-10-17", "2021-06-01"}  # the latter: CloudWatch's data protection


NAMED_BY = {
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SSM::Parameter": "Name",
    "AWS::KMS::Alias": "AliasName",
    "AWS::Events::Rule": "Name",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Lambda::LayerVersion": "LayerName",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Logs::QueryDefinition": "Name",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
}


def test_two_stacks_live_side_by_side() -> None:
    """Whatever has a name in the account has the stack's in it."""
    nested = cloudfront()["Resources"]
    for name, each in nested.items():
        assert "${Stack}" in json.dumps(each), name
    assert properties(stack(CloudFront="yes"), "Delivery")["Parameters"]["Stack"] == {
        "Ref": "AWS::StackName"
    }
    for name, each in stack(**OPTIONAL)["Resources"].items():
        if each["Type"] in NAMED_BY:
            given = each["Properties"][NAMED_BY[each["Type"]]]
            assert "AWS::StackName" in json.dumps(given), name


def test_a_stack_lives_in_two_regions() -> None:
    """Names of dashboards and of CloudFront's things are the account's, not the region's."""
    dashboard = properties(stack(), "Dashboard")["DashboardName"]
    assert dashboard == {"Fn::Sub": "${AWS::StackName}-${AWS::Region}"}
    for name, each in cloudfront()["Resources"].items():
        assert "${Stack}-${AWS::Region}" in json.dumps(each) or name == "Distribution", name


def test_what_outlives_the_stack_keeps_no_name_from_the_next() -> None:
    """Neither from a stack of the same name after it, nor from one in another region."""
    for name, each in stack(**OPTIONAL)["Resources"].items():
        if each.get("DeletionPolicy", "Delete") != "Delete":
            assert not {"BucketName", "TableName"} & set(each["Properties"]), name


LONGEST = {
    "AWS::SNS::Topic": 256,
    "AWS::SQS::Queue": 80,
    "AWS::KMS::Alias": 256,
    "AWS::Events::Rule": 64,
    "AWS::Lambda::Function": 64,
    "AWS::Lambda::LayerVersion": 140,
    "AWS::StepFunctions::StateMachine": 80,
    "AWS::CloudFront::Function": 64,
    "AWS::CloudFront::OriginAccessControl": 64,
}
"""How many characters a name may have, of the types that may have few."""


def test_the_longest_name_of_a_stack_is_told() -> None:
    """A longer one fails when half of the stack is there."""
    left = set()
    for each in [*stack(**OPTIONAL)["Resources"].values(), *cloudfront()["Resources"].values()]:
        for given in re.findall(r'Name": {"Fn::Sub": "([^"]+)"}', json.dumps(each)):
            filled = re.sub(r"\$\{AWS::Region\}", "ap-northeast-1", given)
            rest = re.sub(r"\$\{(AWS::StackName|Stack)\}", "", filled)
            left.add(LONGEST.get(each["Type"], 999) - len(rest))
    operations = (ROOT / "docs" / "operations.md").read_text()
    assert f"at most {min(left)} characters" in operations


# ---------------------------------------------------------------------------- backups


def test_backups_can_be_locked() -> None:
    bucket = properties(stack(BackupLockDays="30"), "BackupBucket")
    assert bucket["ObjectLockEnabled"] is True
    assert bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"] == {
        "Mode": "GOVERNANCE",
        "Days": {"Ref": "BackupLockDays"},
    }
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}  # object lock needs it
    assert not [key for key in properties(stack(), "BackupBucket") if key.startswith("ObjectLock")]


# ---------------------------------------------------------------------------- CloudFront


def test_only_this_distribution_reads_the_outputs() -> None:
    config = properties(cloudfront(), "Distribution")["DistributionConfig"]
    (origin,) = config["Origins"]
    assert origin["OriginAccessControlId"] == {"Ref": "OriginAccess"}
    template = stack(CloudFront="yes")
    _, reads = properties(template, "OutputBucketPolicy")["PolicyDocument"]["Statement"]
    assert reads["Action"] == "s3:GetObject"
    source = reads["Condition"]["StringEquals"]["aws:SourceArn"]["Fn::Sub"]
    assert source.endswith(":distribution/${Delivery.Outputs.DistributionId}")
    assert cloudfront()["Outputs"]["DistributionId"]["Value"] == {"Ref": "Distribution"}
    assert len(properties(stack(), "OutputBucketPolicy")["PolicyDocument"]["Statement"]) == 1
    for behaviour in (config["DefaultCacheBehavior"], *config["CacheBehaviors"]):
        assert behaviour["ViewerProtocolPolicy"] == "redirect-to-https"


def test_the_outputs_are_what_is_served() -> None:
    nested, delivery = cloudfront(), properties(stack(CloudFront="yes"), "Delivery")
    assert (ROOT / delivery["TemplateURL"]).samefile(ROOT / "cloudfront.yaml")
    assert set(delivery["Parameters"]) == set(nested["Parameters"])
    assert delivery["Parameters"]["OutputBucketDomainName"] == {
        "Fn::GetAtt": ["OutputBucket", "RegionalDomainName"]
    }
    (origin,) = properties(nested, "Distribution")["DistributionConfig"]["Origins"]
    assert origin["DomainName"] == {"Ref": "OutputBucketDomainName"}
    assert nested["Outputs"]["Url"]["Value"] == {"Fn::Sub": "https://${Distribution.DomainName}"}


def test_only_the_nested_template_needs_cloudfront() -> None:
    """A partition without it refuses a template that names its types, whatever the condition."""
    types = {each["Type"] for each in source()["Resources"].values()}
    assert not [each for each in types if each.startswith("AWS::CloudFront::")]


def test_a_version_is_cached_for_a_year_and_a_plain_address_for_a_minute() -> None:
    template = cloudfront()
    config = properties(template, "Distribution")["DistributionConfig"]
    (versioned,) = config["CacheBehaviors"]
    for behaviour, seconds in ((config["DefaultCacheBehavior"], 60), (versioned, 31536000)):
        cache = properties(template, behaviour["CachePolicyId"]["Ref"])["CachePolicyConfig"]
        assert cache["DefaultTTL"] == cache["MaxTTL"] == seconds
    assert versioned["PathPattern"] == "v/*"


def test_an_error_is_not_cached_as_a_version_is() -> None:
    """A headers policy is for every response; and what is missing may be made in a moment."""
    template = cloudfront()
    told = {
        name: config["ResponseHeadersPolicyConfig"].get("CustomHeadersConfig")
        for name, config in of_type(template, "AWS::CloudFront::ResponseHeadersPolicy").items()
    }
    cached = {"Header": "Cache-Control", "Value": "public, max-age=60", "Override": True}
    assert told == {"BriefHeaders": {"Items": [cached]}, "VersionedHeaders": None}
    config = properties(template, "Distribution")["DistributionConfig"]
    assert config["CustomErrorResponses"] == [{"ErrorCode": 403, "ErrorCachingMinTTL": 10}]


def run_function(*events: Json) -> list[Json]:
    """Return what the function of CloudFront makes of each event."""
    code = properties(cloudfront(), "Versioned")["FunctionCode"]
    program = (
        f"{code}\nconsole.log(JSON.stringify({json.dumps(events)}.map(each => handler(each))));"
    )
    done = subprocess.run([str(NODE), "-e", program], capture_output=True, text=True, check=True)
    found: list[Json] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(NODE is None, reason="needs Node.js")
def test_what_is_there_by_its_version_stays_in_caches_for_a_year() -> None:
    (versioned,) = properties(cloudfront(), "Distribution")["DistributionConfig"]["CacheBehaviors"]
    function = {"Fn::GetAtt": ["Versioned", "FunctionMetadata.FunctionARN"]}
    assert versioned["FunctionAssociations"] == [
        {"EventType": "viewer-request", "FunctionARN": function},
        {"EventType": "viewer-response", "FunctionARN": function},
    ]
    etag = {"etag": {"value": '"e"'}}
    event = {"request": {"uri": "/a.jpg"}, "response": {"statusCode": 200, "headers": etag}}
    assert run_function(event) == [
        {
            "statusCode": 200,
            "headers": etag | {"cache-control": {"value": "public, max-age=31536000, immutable"}},
        }
    ]


@pytest.mark.skipif(NODE is None, reason="needs Node.js")
def test_the_version_moves_from_the_path_to_the_cache_key() -> None:
    paths = {
        "/v/3f2a/uploads/a.jpg/small.jpg": "/uploads/a.jpg/small.jpg",
        "/v/3f2a/v/v/b.png": "/v/v/b.png",
        "/v/3f2a/a%20b/c%2Fd.jpg": "/a%20b/c%2Fd.jpg",
    }
    query = {"any": {"value": "x"}}
    made = run_function(*({"request": {"uri": path, "querystring": query}} for path in paths))
    assert [each["uri"] for each in made] == list(paths.values())
    assert [each["querystring"] for each in made] == [{"v": {"value": "3f2a"}}] * len(paths)
