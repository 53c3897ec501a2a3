"""Deploying template.yaml into the engine: the SAM transform, then what CloudFormation would do.

moto's CloudFormation resolves references, conditions and outputs, and creates the resources it
knows. What it leaves out is applied here by the same API calls that CloudFormation would make. What
neither does is returned, to be shown.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
import samtranslator
import yaml
from samtranslator.yaml_helper import intrinsics_multi_constructor

from darkroom_ops.engine import backends
from darkroom_ops.engine.cloudfront import distribution as cloudfront
from darkroom_ops.engine.cloudfront import functions as cloudfront_functions
from darkroom_ops.engine.lambda_.environments import FunctionSpec

ARTIFACTS_BUCKET = "darkroom-engine-artifacts"

NAMED_BY = {"AWS::S3::Bucket": "BucketName", "AWS::DynamoDB::Table": "TableName"}
"""The property that names a resource, of types that may go without."""

LAYER_TYPE = "AWS::Serverless::LayerVersion"
FUNCTION_TYPE = "AWS::Serverless::Function"
MACHINE_TYPE = "AWS::Serverless::StateMachine"
NESTED_TYPE = "AWS::CloudFormation::Stack"

TAKEN_OVER = "Darkroom::Engine::Nested"
"""What a nested stack is declared as to moto, which would look for its template on S3."""


@dataclass(frozen=True)
class Deployed:
    """The functions to run, and why resources (by logical name) were not created."""

    functions: tuple[FunctionSpec, ...]
    left_out: Mapping[str, str]
    distribution: cloudfront.Distribution | None = None


class _Loader(yaml.CSafeLoader):
    """Reads CloudFormation's short forms, ten times as fast as PyYAML's Python does."""


_Loader.add_multi_constructor("!", intrinsics_multi_constructor)


def read_template(path: Path) -> dict[str, Any]:
    """Return a template as it is written, its short forms (``!Ref``) as their long ones."""
    parsed: dict[str, Any] = yaml.load(path.read_text(), Loader=_Loader)  # noqa: S506 - a safe one
    return parsed


def deploy(
    template: Path,
    stack: str,
    parameters: Mapping[str, str],
    session: boto3.Session,
    endpoint: str,
    front: Callable[[], str],
    kept: Path | None = None,
) -> Deployed:
    """Create the stack of a SAM template, whose folders lie beside it.

    `front` gives the host and port of the server before its bucket, if there is to be one; the file
    `kept` keeps the last translation. A RuntimeError has the reason for which it is refused.
    """

    @functools.cache  # making one costs more than what most are asked
    def client(service: str) -> Any:
        return session.client(service, endpoint_url=endpoint)  # type: ignore[call-overload]

    source = read_template(template)
    folders = _folders(source, template.parent)
    translated = translate(source, template.parent, session, _upload(folders, client("s3")), kept)
    nested = {
        name: read_template(
            template.parent / translated["Resources"][name]["Properties"]["TemplateURL"]
        )
        for name, kind in backends.declared_types(
            translated, parameters, session.region_name
        ).items()
        if kind == NESTED_TYPE
    }
    for name, each in nested.items():
        _take_over(translated, name, each, front())
    _name(translated["Resources"], stack)
    cloudformation = client("cloudformation")
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    cloudformation.create_stack(
        StackName=stack,
        TemplateBody=json.dumps(translated),
        Parameters=given,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
    )
    (described,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    if described["StackStatus"] != "CREATE_COMPLETE":
        raise RuntimeError(
            f"The engine could not deploy {template}: {described['StackStatus']}: "
            f"{described.get('StackStatusReason', 'no reason given')}."
        )
    resources = backends.resolved_properties(stack, session.region_name)
    left_out = _apply(client, resources)
    distribution = None
    for name, each in nested.items():
        try:
            distribution = cloudfront.read(each, resources[name][1]["Parameters"])
        except ValueError as error:
            raise RuntimeError(
                f"The engine could not deploy {template}: {name}: {error}."
            ) from error
        if distribution.has_functions and not cloudfront_functions.present():
            left_out[name] = f"CloudFront: {cloudfront_functions.NEEDS_NODE}"
    layers = tuple(
        folders[name]
        for name, resource in source["Resources"].items()
        if resource["Type"] == LAYER_TYPE
    )
    polled_for = {
        properties["FunctionName"]
        for kind, properties in resources.values()
        if kind == "AWS::Lambda::EventSourceMapping"
    }
    functions = tuple(
        _function(properties, folders[name], layers, session.region_name, polled_for)
        for name, (kind, properties) in resources.items()
        if kind == "AWS::Lambda::Function"
    )
    return Deployed(functions, left_out, distribution)


def translate(
    source: dict[str, Any],
    root: Path,
    session: boto3.Session,
    uris: Mapping[str, str],
    kept: Path | None = None,
) -> dict[str, Any]:
    """Return the CloudFormation template that a parsed SAM template stands for.

    Its files lie in the root; the code of functions and layers, by logical name, at the URIs. A
    file keeps the last translation, if there is to be one: the same is not translated twice.
    """
    source = copy.deepcopy(source)
    for name, resource in source["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == FUNCTION_TYPE:
            properties["CodeUri"] = uris[name]
        elif resource["Type"] == LAYER_TYPE:
            properties["ContentUri"] = uris[name]
        elif resource["Type"] == MACHINE_TYPE:
            path = root / properties.pop("DefinitionUri")
            properties["Definition"] = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
    if kept is None:
        return _translated(source, session)
    told = [samtranslator.__version__, session.region_name, source]
    key = hashlib.sha256(json.dumps(told, default=repr).encode()).hexdigest()
    try:
        found: dict[str, dict[str, Any]] = json.loads(kept.read_text())
        return found[key]
    except (OSError, ValueError, TypeError, KeyError):
        translated = _translated(source, session)
    draft = kept.with_name(f"{kept.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps({key: translated}))
        draft.replace(kept)  # a reader never sees half of it
    return translated


def _translated(source: dict[str, Any], session: boto3.Session) -> dict[str, Any]:
    # Importing it takes half a second, a sixth of an engine's start.
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    # The template names no managed policies, so IAM need not be asked for any.
    return dict(Translator({}, Parser(), boto_session=session).translate(source, {}))


def _apply(client: Client, resources: Mapping[str, tuple[str, dict[str, Any]]]) -> dict[str, str]:
    """Do what moto leaves out, and return why resources were not created."""
    left_out: dict[str, str] = {}
    for name, (kind, properties) in resources.items():
        if kind in APPLIERS:
            APPLIERS[kind](client, properties)
        elif kind in NOT_APPLIED:
            left_out[name] = f"{kind}: {NOT_APPLIED[kind]}"
        elif kind != TAKEN_OVER and not backends.creatable(kind):
            left_out[name] = f"{kind}: the engine has no such service"
    return left_out


def _take_over(translated: dict[str, Any], name: str, nested: Mapping[str, Any], at: str) -> None:
    """Declare a nested stack as something of the engine's, and resolve what it is asked for."""
    resource = translated["Resources"][name]
    resource["Type"] = TAKEN_OVER
    outputs = {
        f"{name}.Outputs.{output}": value
        for output, value in cloudfront.outputs(nested, {}, at).items()
    }

    def resolved(node: Any) -> Any:
        if isinstance(node, list):
            return [resolved(each) for each in node]
        if not isinstance(node, dict):
            return node
        if "Fn::GetAtt" in node:
            attribute = node["Fn::GetAtt"]
            path = attribute if isinstance(attribute, str) else ".".join(attribute)
            return outputs.get(path, node)
        if isinstance(node.get("Fn::Sub"), str):
            return {"Fn::Sub": cloudfront.resolve(node, outputs)}
        return {key: resolved(value) for key, value in node.items()}

    for part in ("Resources", "Outputs"):
        translated[part] = resolved(translated[part])


def _name(resources: dict[str, Any], stack: str) -> None:
    """Name what the template leaves to CloudFormation: the same at every start."""
    for name, resource in resources.items():
        if resource["Type"] in NAMED_BY:
            made = f"{stack}-{name}-{backends.ACCOUNT}".lower()
            properties = resource.setdefault("Properties", {})
            properties.setdefault(NAMED_BY[resource["Type"]], made)


def _folders(source: Mapping[str, Any], root: Path) -> dict[str, Path]:
    """Return the folder of each function's and layer's code, by logical name."""
    keys = {FUNCTION_TYPE: "CodeUri", LAYER_TYPE: "ContentUri"}
    return {
        name: (root / resource["Properties"][keys[resource["Type"]]]).resolve()
        for name, resource in source["Resources"].items()
        if resource["Type"] in keys
    }


def _upload(folders: Mapping[str, Path], s3: Any) -> dict[str, str]:
    """Zip and upload each folder, as ``sam package`` does."""
    s3.create_bucket(Bucket=ARTIFACTS_BUCKET)
    for name, folder in folders.items():
        s3.put_object(Bucket=ARTIFACTS_BUCKET, Key=name, Body=_zip(folder))
    return {name: f"s3://{ARTIFACTS_BUCKET}/{name}" for name in folders}


def _zip(folder: Path) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(folder.rglob("*.py")):
            archive.write(path, path.relative_to(folder))
    return buffer.getvalue()


def _function(
    properties: Mapping[str, Any],
    code: Path,
    layers: tuple[Path, ...],
    region: str,
    polled_for: set[str],
) -> FunctionSpec:
    name = properties["FunctionName"]
    variables = properties.get("Environment", {}).get("Variables", {})
    return FunctionSpec(
        name=name,
        arn=f"arn:aws:lambda:{region}:{backends.ACCOUNT}:function:{name}",
        handler=properties["Handler"],
        code=code,
        layers=layers if properties.get("Layers") else (),
        variables={key: str(value) for key, value in variables.items()},
        memory_mb=int(properties.get("MemorySize", 128)),
        timeout=float(properties.get("Timeout", 3)),
        dead_letters=properties.get("DeadLetterConfig", {}).get("TargetArn"),
        polled_for=name in polled_for,
    )


# ---------------------------------------------------------------------------- what moto leaves out

Client = Callable[[str], Any]


def _bucket(client: Client, properties: dict[str, Any]) -> None:
    s3, bucket = client("s3"), properties["BucketName"]
    for name, (method, to_api) in BUCKET_CONFIGURATIONS.items():
        if name in properties:
            getattr(s3, method)(Bucket=bucket, **{name: to_api(properties[name])})
    bridge = properties.get("NotificationConfiguration", {}).get("EventBridgeConfiguration", {})
    if _boolean(bridge.get("EventBridgeEnabled", False)):
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """Translate CloudFormation's names to the S3 API's."""
    made: dict[str, Any] = {"ID": rule["Id"], "Status": rule["Status"], "Filter": {"Prefix": ""}}
    if "ExpirationInDays" in rule:
        made["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    for name in ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"):
        if name in rule:  # numbers that CloudFormation passes as text
            made[name] = {key: int(value) for key, value in rule[name].items()}
    if "Transitions" in rule:
        made["Transitions"] = [
            {"StorageClass": each["StorageClass"], "Days": int(each["TransitionInDays"])}
            for each in rule["Transitions"]
        ]
    return made


def _boolean(value: object) -> bool:
    return value is True or str(value).lower() == "true"


BUCKET_CONFIGURATIONS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "VersioningConfiguration": ("put_bucket_versioning", dict),
    "PublicAccessBlockConfiguration": (
        "put_public_access_block",
        lambda given: {key: _boolean(value) for key, value in given.items()},
    ),
    "OwnershipControls": ("put_bucket_ownership_controls", dict),
    "LifecycleConfiguration": (
        "put_bucket_lifecycle_configuration",
        lambda given: {"Rules": [_lifecycle_rule(rule) for rule in given["Rules"]]},
    ),
}
"""What sets each property of a bucket, and how the API takes it."""


def _subscription(client: Client, properties: dict[str, Any]) -> None:
    given = {name: properties[name] for name in ("TopicArn", "Protocol", "Endpoint")}
    policy = properties.get("FilterPolicy")
    attributes = {"FilterPolicy": json.dumps(policy)} if policy else {}
    client("sns").subscribe(**given, Attributes=attributes)


def _topic(client: Client, properties: dict[str, Any]) -> None:
    if "DisplayName" in properties:
        sns = client("sns")
        arn = sns.create_topic(Name=properties["TopicName"])["TopicArn"]
        sns.set_topic_attributes(
            TopicArn=arn, AttributeName="DisplayName", AttributeValue=properties["DisplayName"]
        )


def _topic_policy(client: Client, properties: dict[str, Any]) -> None:
    policy = json.dumps(properties["PolicyDocument"])
    for topic in properties["Topics"]:
        client("sns").set_topic_attributes(
            TopicArn=topic, AttributeName="Policy", AttributeValue=policy
        )


def _table(client: Client, properties: dict[str, Any]) -> None:
    recovery = properties.get("PointInTimeRecoverySpecification", {})
    if _boolean(recovery.get("PointInTimeRecoveryEnabled", False)):
        client("dynamodb").update_continuous_backups(
            TableName=properties["TableName"],
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )


def _queue_policy(client: Client, properties: dict[str, Any]) -> None:
    policy = json.dumps(properties["PolicyDocument"])
    for queue in properties["Queues"]:
        client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})


APPLIERS: Mapping[str, Callable[[Client, dict[str, Any]], None]] = {
    "AWS::DynamoDB::Table": _table,
    "AWS::S3::Bucket": _bucket,
    "AWS::SNS::Subscription": _subscription,
    "AWS::SNS::Topic": _topic,
    "AWS::SNS::TopicPolicy": _topic_policy,
    "AWS::SQS::QueuePolicy": _queue_policy,
}
"""What to call for each type that moto's CloudFormation does not create, or not wholly."""

NOT_APPLIED = {
    "AWS::CloudWatch::Alarm": "the engine measures nothing",
    "AWS::Logs::QueryDefinition": "the engine has no Logs Insights",
    "AWS::S3::BucketPolicy": "it refuses plain HTTP, which the engine speaks on 127.0.0.1",
}
"""What the engine leaves out on purpose, and why."""
