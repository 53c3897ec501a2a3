"""Deploying: what SAM's transform is given, and what is applied beside moto's CloudFormation."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from darkroom_ops.engine import backends
from darkroom_ops.engine import deploy as deploying
from darkroom_ops.engine.deploy import ARTIFACTS_BUCKET, Deployed, deploy, translate
from tests.conftest import ROOT

Json = dict[str, Any]

SESSION = boto3.session.Session("any", "any", region_name="us-east-1")

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Layer:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: layer, LayerName: imaging}
  Resize:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: resize, Handler: app.handler, Runtime: python3.13, Layers: [!Ref Layer]}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: machine.asl.yaml
      Role: arn:aws:iam::1:role/r
"""

DEFINITION = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project of one function, one layer and one state machine."""
    for folder in ("layer/darkroom", "resize"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "layer" / "darkroom" / "b.py").write_text("b = 1\n")
    (tmp_path / "layer" / "a.py").write_text("a = 1\n")
    (tmp_path / "layer" / "notes.txt").write_text("no code\n")
    (tmp_path / "resize" / "app.py").write_text("handler = print\n")
    (tmp_path / "machine.asl.yaml").write_text(json.dumps(DEFINITION))
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    return tmp_path


class Client:
    def __init__(self, operation: Callable[[str], Any]) -> None:
        self._operation = operation

    def __getattr__(self, name: str) -> Any:
        return self._operation(name)


class Aws:
    """A client of every service, that writes down what it is asked for."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Json]] = []
        self.answers: dict[str, Json] = {}
        self.options: set[str] = set()

    def client(self, service: str, **options: str) -> Any:
        self.options |= set(options.values())

        def operation(name: str) -> Any:
            def call(**given: Any) -> Json:
                self.calls.append((service, name, given))
                return self.answers.get(name, {})

            return call

        return Client(operation)

    def made(self, operation: str) -> list[Json]:
        return [given for _, name, given in self.calls if name == operation]


# ---------------------------------------------------------------------------- the transform


def test_the_transform_gets_the_code_and_the_definition(root: Path) -> None:
    source = deploying.read_template(root / "template.yaml")
    uris = {"Resize": "s3://artifacts/Resize", "Layer": "s3://artifacts/Layer"}
    translated = translate(source, root, SESSION, uris)
    by_type: dict[str, Json] = {
        each["Type"]: each["Properties"] for each in translated["Resources"].values()
    }
    code = by_type["AWS::Lambda::Function"]["Code"]
    assert code == {"S3Bucket": "artifacts", "S3Key": "Resize"}
    content = by_type["AWS::Lambda::LayerVersion"]["Content"]
    assert content == {"S3Bucket": "artifacts", "S3Key": "Layer"}
    definition = by_type["AWS::StepFunctions::StateMachine"]["DefinitionString"]
    assert json.loads("".join(definition["Fn::Join"][1])) == DEFINITION
    # What was given is as it was: it says where the code lies.
    assert source["Resources"]["Resize"]["Properties"]["CodeUri"] == "resize"
    assert source["Resources"]["Machine"]["Properties"]["DefinitionUri"] == "machine.asl.yaml"


@pytest.fixture
def translations(monkeypatch: pytest.MonkeyPatch) -> list[Json]:
    """What is translated, each time."""
    made: list[Json] = []
    translated = deploying._translated

    def count(source: Json, session: boto3.Session) -> Json:
        made.append(source)
        return translated(source, session)

    monkeypatch.setattr(deploying, "_translated", count)
    return made


def kept_translation(root: Path, session: boto3.Session = SESSION, uri: str = "s3://a/R") -> Json:
    source = deploying.read_template(root / "template.yaml")
    uris = {"Resize": uri, "Layer": "s3://a/L"}
    found = translate(source, root, session, uris, root / "home" / "translated.json")
    assert found == translate(source, root, session, uris)
    return found


def test_the_same_is_translated_once(root: Path, translations: list[Json]) -> None:
    first = kept_translation(root)
    assert kept_translation(root) == first
    assert len(translations) == 1 + 2  # each is compared with a translation of its own
    assert [path.name for path in (root / "home").iterdir()] == ["translated.json"]


def test_whatever_changes_is_translated_anew(
    root: Path, translations: list[Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_translation(root)
    template, machine = root / "template.yaml", root / "machine.asl.yaml"
    changes: list[Callable[[], Any]] = [
        lambda: template.write_text(TEMPLATE.replace("imaging", "other")),
        lambda: machine.write_text(json.dumps(DEFINITION | {"Comment": "other"})),
        lambda: monkeypatch.setattr(deploying.samtranslator, "__version__", "other"),
    ]
    for change in changes:
        change()
        translations.clear()
        kept_translation(root)
        assert len(translations) == 2
    translations.clear()
    kept_translation(root, uri="s3://a/other")
    kept_translation(root, boto3.session.Session("any", "any", region_name="eu-central-1"))
    assert len(translations) == 4


@pytest.mark.parametrize("damaged", [b"", b'{"a', b"[]", b"{}", b"\xff\xfe"])
def test_a_damaged_translation_is_made_anew(
    root: Path, translations: list[Json], damaged: bytes
) -> None:
    whole = kept_translation(root)
    kept = root / "home" / "translated.json"
    text = kept.read_bytes()
    kept.write_bytes(damaged)
    assert kept_translation(root) == whole
    assert len(translations) == 2 + 2
    assert kept.read_bytes() == text


def test_where_nothing_can_be_kept_it_is_translated_each_time(
    root: Path, translations: list[Json]
) -> None:
    (root / "home").write_text("no folder")
    assert kept_translation(root) == kept_translation(root)
    assert len(translations) == 2 + 2


# ---------------------------------------------------------------------------- the whole


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    """CloudFormation that creates all, and says that it declared the functions alone."""
    made = Aws()
    made.answers["describe_stacks"] = {"Stacks": [{"StackStatus": "CREATE_COMPLETE"}]}
    monkeypatch.setattr(SESSION, "client", made.client, raising=False)
    known(monkeypatch, {})
    return made


FUNCTION: Json = {
    "FunctionName": "darkroom-resize", "Handler": "app.handler", "Layers": ["arn"],
    "MemorySize": "1024", "Timeout": "30", "DeadLetterConfig": {"TargetArn": "arn:q"},
    "Environment": {"Variables": {"BUCKET": "out", "QUALITY": 80}},
}  # fmt: skip


def known(monkeypatch: pytest.MonkeyPatch, resources: dict[str, tuple[str, Json]]) -> None:
    found = {"Resize": ("AWS::Lambda::Function", FUNCTION), **resources}
    monkeypatch.setattr(
        backends, "declared_types", lambda *_: {name: kind for name, (kind, _) in found.items()}
    )
    monkeypatch.setattr(backends, "resolved_properties", lambda *_: found)
    monkeypatch.setattr(backends, "creatable", lambda kind: kind == "AWS::Lambda::Function")


def deployed(root: Path, **parameters: str) -> Deployed:
    return deploy(
        root / "template.yaml",
        "stack",
        parameters,
        SESSION,
        "http://engine",
        lambda: "127.0.0.1:80",
    )


def test_code_is_uploaded_and_the_stack_created(root: Path, aws: Aws) -> None:
    deployed(root, SourcePrefix="in/", KeyScope="none")
    assert aws.options == {"http://engine"}
    assert aws.made("create_bucket") == [{"Bucket": ARTIFACTS_BUCKET}]
    uploads = {each["Key"]: each for each in aws.made("put_object")}
    assert {each["Bucket"] for each in uploads.values()} == {ARTIFACTS_BUCKET}
    names = {
        name: zipfile.ZipFile(io.BytesIO(each["Body"])).namelist() for name, each in uploads.items()
    }
    assert names == {"Layer": ["a.py", "darkroom/b.py"], "Resize": ["app.py"]}
    (created,) = aws.made("create_stack")
    assert created["StackName"] == "stack"
    assert created["Parameters"] == [
        {"ParameterKey": "SourcePrefix", "ParameterValue": "in/"},
        {"ParameterKey": "KeyScope", "ParameterValue": "none"},
    ]
    assert created["Capabilities"] == ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
    code = json.loads(created["TemplateBody"])["Resources"]["Resize"]["Properties"]["Code"]
    assert code == {"S3Bucket": ARTIFACTS_BUCKET, "S3Key": "Resize"}


def test_what_the_template_does_not_name_has_the_same_name_at_every_start(
    root: Path, aws: Aws
) -> None:
    with (root / "template.yaml").open("a") as template:
        template.write("""
  Photos: {Type: AWS::S3::Bucket}
  Named: {Type: AWS::S3::Bucket, Properties: {BucketName: mine}}
  Records: {Type: AWS::DynamoDB::Table, Properties: {BillingMode: PAY_PER_REQUEST}}
""")
    deployed(root)
    (created,) = aws.made("create_stack")
    made = json.loads(created["TemplateBody"])["Resources"]
    assert made["Photos"]["Properties"] == {"BucketName": f"stack-photos-{backends.ACCOUNT}"}
    assert made["Named"]["Properties"] == {"BucketName": "mine"}
    assert made["Records"]["Properties"] == {
        "BillingMode": "PAY_PER_REQUEST",
        "TableName": f"stack-records-{backends.ACCOUNT}",
    }


def test_a_function_runs_as_the_template_declares_it(root: Path, aws: Aws) -> None:
    (spec,) = deployed(root).functions
    assert spec.name == "darkroom-resize"
    assert spec.arn == "arn:aws:lambda:us-east-1:123456789012:function:darkroom-resize"
    assert (spec.handler, spec.code) == ("app.handler", root / "resize")
    assert spec.layers == (root / "layer",)
    assert spec.variables == {"BUCKET": "out", "QUALITY": "80"}
    assert (spec.memory_mb, spec.timeout, spec.dead_letters) == (1024, 30.0, "arn:q")


def test_a_function_has_lambdas_defaults(
    root: Path, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    least = {"FunctionName": "f", "Handler": "app.handler"}
    known(monkeypatch, {"Resize": ("AWS::Lambda::Function", least)})
    (spec,) = deployed(root).functions
    assert (spec.memory_mb, spec.timeout, spec.dead_letters) == (128, 3.0, None)
    assert (spec.layers, spec.variables) == ((), {})


def test_a_function_that_a_queue_is_polled_for_has_its_own_limit(
    root: Path, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapping = ("AWS::Lambda::EventSourceMapping", {"FunctionName": FUNCTION["FunctionName"]})
    known(monkeypatch, {"Source": mapping})
    assert [spec.polled_for for spec in deployed(root).functions] == [True]
    known(monkeypatch, {})
    assert [spec.polled_for for spec in deployed(root).functions] == [False]


def test_what_is_left_out_is_named_with_the_reason(
    root: Path, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(
        monkeypatch,
        {
            "Alarm": ("AWS::CloudWatch::Alarm", {}),
            "Odd": ("AWS::Odd::Thing", {}),
            "Topic": ("AWS::SNS::Topic", {"TopicName": "t"}),
        },
    )
    assert deployed(root).left_out == {
        "Alarm": "AWS::CloudWatch::Alarm: the engine measures nothing",
        "Odd": "AWS::Odd::Thing: the engine has no such service",
    }


NESTED = """
  Front:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: front.yaml, Parameters: {Stack: s, OutputBucketDomainName: b}}
Outputs:
  Url: {Value: !GetAtt Front.Outputs.Url}
  Both: {Value: !Sub "${Front.Outputs.DistributionId} of ${AWS::StackName}"}
  Other: {Value: !GetAtt Resize.Arn}
"""


def nests(root: Path, monkeypatch: pytest.MonkeyPatch, template: str) -> None:
    with (root / "template.yaml").open("a") as file:
        file.write(NESTED)
    (root / "front.yaml").write_text(template)
    given = {"Stack": "s", "OutputBucketDomainName": "out.s3.us-east-1.amazonaws.com"}
    known(monkeypatch, {"Front": (deploying.NESTED_TYPE, {})})
    made = {"Front": (deploying.TAKEN_OVER, {"Parameters": given})}
    monkeypatch.setattr(backends, "resolved_properties", lambda *_: made)


@pytest.mark.parametrize("node", ["/bin", ""])
def test_the_front_is_the_engines_own(
    root: Path, aws: Aws, monkeypatch: pytest.MonkeyPatch, node: str
) -> None:
    nests(root, monkeypatch, (ROOT / "cloudfront.yaml").read_text())
    monkeypatch.setattr(shutil, "which", lambda _: node or None)
    done = deployed(root)
    (created,) = aws.made("create_stack")
    made = json.loads(created["TemplateBody"])
    assert made["Resources"]["Front"]["Type"] == deploying.TAKEN_OVER
    assert made["Outputs"] == {
        "Url": {"Value": "http://127.0.0.1:80"},
        "Both": {"Value": {"Fn::Sub": "ENGINE of ${AWS::StackName}"}},
        "Other": {"Value": {"Fn::GetAtt": ["Resize", "Arn"]}},
    }
    assert done.distribution is not None
    assert {each.bucket for each in done.distribution.behaviours} == {"out"}
    told = done.left_out.get("Front", "none")
    assert told == "none" if node else "need Node.js" in told


def test_a_nested_stack_of_something_else_is_refused(
    root: Path, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    nests(root, monkeypatch, "Resources: {B: {Type: AWS::S3::Bucket}}\nOutputs: {}\n")
    with pytest.raises(RuntimeError, match=r"yaml: Front: .* this has AWS::S3::Bucket"):
        deployed(root)


@pytest.mark.parametrize(
    ("said", "reason"),
    [({"StackStatusReason": "no role"}, "no role"), ({}, "no reason given")],
)
def test_what_cloudformation_refuses_is_told(root: Path, aws: Aws, said: Json, reason: str) -> None:
    aws.answers["describe_stacks"] = {"Stacks": [{"StackStatus": "ROLLBACK_COMPLETE", **said}]}
    with pytest.raises(RuntimeError, match=f"template.yaml: ROLLBACK_COMPLETE: {reason}\\.$"):
        deployed(root)
    assert aws.made("describe_stacks") == [{"StackName": "stack"}]


# ---------------------------------------------------------------------------- what moto leaves out


@pytest.mark.parametrize(
    ("kind", "properties", "calls"),
    [
        ("AWS::S3::Bucket", {}, []),
        (
            "AWS::S3::Bucket",
            {"VersioningConfiguration": {"Status": "Enabled"}},
            [("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Enabled"}})],
        ),
        (
            "AWS::S3::Bucket",
            {"PublicAccessBlockConfiguration": {"a": True, "b": "TRUE", "c": "false", "d": False}},
            [
                (
                    "put_public_access_block",
                    {
                        "PublicAccessBlockConfiguration": {
                            "a": True, "b": True, "c": False, "d": False,
                        }
                    },
                )
            ],
        ),
        (
            "AWS::S3::Bucket",
            {"OwnershipControls": {"Rules": []}},
            [("put_bucket_ownership_controls", {"OwnershipControls": {"Rules": []}})],
        ),
        (
            "AWS::S3::Bucket",
            {
                "NotificationConfiguration": {
                    "EventBridgeConfiguration": {"EventBridgeEnabled": "true"}
                }
            },
            [
                (
                    "put_bucket_notification_configuration",
                    {"NotificationConfiguration": {"EventBridgeConfiguration": {}}},
                )
            ],
        ),
        (
            "AWS::S3::Bucket",
            {
                "NotificationConfiguration": {
                    "EventBridgeConfiguration": {"EventBridgeEnabled": False}
                }
            },
            [],
        ),
        ("AWS::S3::Bucket", {"NotificationConfiguration": {"EventBridgeConfiguration": {}}}, []),
    ],
)  # fmt: skip
def test_a_bucket_is_as_the_template_says(
    kind: str, properties: Json, calls: list[tuple[str, Json]]
) -> None:
    aws = Aws()
    deploying.APPLIERS[kind](aws.client, {"BucketName": "b", **properties})
    assert aws.calls == [("s3", name, {"Bucket": "b", **given}) for name, given in calls]


@pytest.mark.parametrize("enabled", [True, "true", False, None])
def test_a_table_is_recovered_where_the_template_says_so(enabled: object) -> None:
    aws = Aws()
    said = {} if enabled is None else {"PointInTimeRecoveryEnabled": enabled}
    properties = {"TableName": "t", "PointInTimeRecoverySpecification": said}
    deploying.APPLIERS["AWS::DynamoDB::Table"](aws.client, properties)
    recovery = {"PointInTimeRecoveryEnabled": True}
    expected = [{"TableName": "t", "PointInTimeRecoverySpecification": recovery}]
    assert aws.made("update_continuous_backups") == (expected if enabled in {True, "true"} else [])


def test_lifecycle_rules_are_translated_to_the_apis_names() -> None:
    aws = Aws()
    rules = [
        {"Id": "expire", "Status": "Enabled", "ExpirationInDays": "1"},
        {
            "Id": "all",
            "Status": "Disabled",
            "NoncurrentVersionExpiration": {"NoncurrentDays": "30", "NewerNoncurrentVersions": 2},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": "7"},
            "Transitions": [{"StorageClass": "GLACIER", "TransitionInDays": "90"}],
        },
    ]
    properties = {"BucketName": "b", "LifecycleConfiguration": {"Rules": rules}}
    deploying.APPLIERS["AWS::S3::Bucket"](aws.client, properties)
    (made,) = aws.made("put_bucket_lifecycle_configuration")
    everything = {"Prefix": ""}
    assert made == {
        "Bucket": "b",
        "LifecycleConfiguration": {
            "Rules": [
                {
                    "ID": "expire",
                    "Status": "Enabled",
                    "Filter": everything,
                    "Expiration": {"Days": 1},
                },
                {
                    "ID": "all",
                    "Status": "Disabled",
                    "Filter": everything,
                    "NoncurrentVersionExpiration": {
                        "NoncurrentDays": 30,
                        "NewerNoncurrentVersions": 2,
                    },
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                    "Transitions": [{"StorageClass": "GLACIER", "Days": 90}],
                },
            ]
        },
    }


POLICY = {"Statement": [{"Effect": "Allow"}]}


@pytest.mark.parametrize(
    ("kind", "properties", "calls"),
    [
        (
            "AWS::SNS::Subscription",
            {"TopicArn": "arn:t", "Protocol": "email", "Endpoint": "a@b"},
            [("subscribe", {"TopicArn": "arn:t", "Protocol": "email", "Endpoint": "a@b",
                            "Attributes": {}})],
        ),
        (
            "AWS::SNS::Subscription",
            {"TopicArn": "t", "Protocol": "sms", "Endpoint": "+1", "FilterPolicy": {"a": ["b"]}},
            [("subscribe", {"TopicArn": "t", "Protocol": "sms", "Endpoint": "+1",
                            "Attributes": {"FilterPolicy": '{"a": ["b"]}'}})],
        ),
        ("AWS::SNS::Topic", {"TopicName": "t"}, []),
        (
            "AWS::SNS::Topic",
            {"TopicName": "t", "DisplayName": "Darkroom"},
            [
                ("create_topic", {"Name": "t"}),
                ("set_topic_attributes", {"TopicArn": "arn:made", "AttributeName": "DisplayName",
                                          "AttributeValue": "Darkroom"}),
            ],
        ),
        (
            "AWS::SNS::TopicPolicy",
            {"Topics": ["t1", "t2"], "PolicyDocument": POLICY},
            [
                ("set_topic_attributes", {"TopicArn": topic, "AttributeName": "Policy",
                                          "AttributeValue": json.dumps(POLICY)})
                for topic in ("t1", "t2")
            ],
        ),
        (
            "AWS::SQS::QueuePolicy",
            {"Queues": ["q1", "q2"], "PolicyDocument": POLICY},
            [
                ("set_queue_attributes", {"QueueUrl": queue,
                                          "Attributes": {"Policy": json.dumps(POLICY)}})
                for queue in ("q1", "q2")
            ],
        ),
    ],
)  # fmt: skip
def test_topics_and_queues_are_as_the_template_says(
    kind: str, properties: Json, calls: list[tuple[str, Json]]
) -> None:
    aws = Aws()
    aws.answers["create_topic"] = {"TopicArn": "arn:made"}
    deploying.APPLIERS[kind](aws.client, properties)
    service = "sqs" if "SQS" in kind else "sns"
    assert aws.calls == [(service, name, given) for name, given in calls]
