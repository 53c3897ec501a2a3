"""Least privilege, proven: every role is enforced, and every grant is used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from darkroom.aws import objects
from darkroom.contract.errors import SourceNotFound, StorageError
from darkroom.contract.objects import ObjectRef, Source

from darkroom_ops import dlq
from darkroom_ops.engine import Engine, backends
from darkroom_ops.engine.permissions import MACHINE, Call
from darkroom_ops.engine.protocols import ServiceError, ServiceFault
from tests.support.images import photo
from tests.support.pipeline import Pipeline, until

SERVICES_OWN = {
    "DeliverLogs": "Step Functions itself delivers its logs",
}
"""Grants by the id of their statement that no call of ours uses, and who uses them."""


def client_of(engine: Engine, principal: str, service: str) -> Any:
    """Return a client with the identity that a function's code, or the state machine, has."""
    session: Any = boto3.session.Session(
        principal, engine.keys.secret_of(principal), region_name="us-east-1"
    )
    return session.client(
        service, endpoint_url=engine.endpoint, config=Config(retries={"total_max_attempts": 1})
    )


def code_of(call: Any, **parameters: Any) -> str:
    """Return the error code of a call."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return str(caught.value.response["Error"]["Code"])


# ---------------------------------------------------------------------------- what is not granted


def test_prepare_reads_the_source_only(pipeline: Pipeline, engine: Engine) -> None:
    at = engine.deployment
    source = pipeline.put(photo(), prefix="manual/")
    s3 = client_of(engine, at.prepare_function_name, "s3")
    assert s3.get_object(Bucket=source["bucket"], Key=source["key"])["ContentLength"]
    for bucket in (at.output_bucket_name, at.backup_bucket_name):
        assert code_of(s3.get_object, Bucket=bucket, Key="x") == "AccessDenied"
        assert code_of(s3.put_object, Bucket=bucket, Key="x", Body=b"") == "AccessDenied"
    work = at.work_bucket_name
    s3.put_object(Bucket=work, Key="mezzanines/test", Body=b"")
    assert code_of(s3.put_object, Bucket=work, Key="elsewhere/test", Body=b"") == "AccessDenied"


def test_nothing_may_write_the_source(engine: Engine) -> None:
    """So a loop is impossible: only the source bucket is watched."""
    source = engine.deployment.source_bucket_name
    key = f"{engine.deployment.source_prefix}loop.jpg"
    for function in engine.functions.specs():
        s3 = client_of(engine, function.name, "s3")
        assert code_of(s3.put_object, Bucket=source, Key=key, Body=photo()) == "AccessDenied"
        assert code_of(s3.delete_object, Bucket=source, Key=key) == "AccessDenied"
        copy = {"Bucket": source, "Key": f"{key}.jpg"}
        assert code_of(s3.copy_object, Bucket=source, Key=key, CopySource=copy) == "AccessDenied"


def test_only_prepare_reads_the_source(pipeline: Pipeline, engine: Engine) -> None:
    source = pipeline.put(photo(), prefix="manual/")
    for function in engine.functions.specs():
        s3 = client_of(engine, function.name, "s3")
        read = {"Bucket": source["bucket"], "Key": source["key"]}
        if function.name == engine.deployment.prepare_function_name:
            assert s3.get_object(**read)["Body"].read() == photo()
        else:
            assert code_of(s3.get_object, **read) == "AccessDenied"


def test_other_topics_tables_functions_and_parameters(engine: Engine) -> None:
    at = engine.deployment
    topic = at.sns.create_topic(Name="someone-elses")["TopicArn"]
    notify, prepare = at.notify_function_name, at.prepare_function_name
    sns = client_of(engine, notify, "sns")
    assert code_of(sns.publish, TopicArn=topic, Message="hello") == "AuthorizationError"
    assert code_of(sns.publish, PhoneNumber="+15550100", Message="hi") == "AuthorizationError"
    table = {"TableName": at.images_table_name, "Key": {"image": {"S": "x"}}}
    other = {"TableName": "elsewhere", "Key": {"image": {"S": "x"}}}
    machine, function = (client_of(engine, who, "dynamodb") for who in (MACHINE, prepare))
    change = {
        "UpdateExpression": "SET seen = :yes",
        "ExpressionAttributeValues": {":yes": {"S": "yes"}},
    }
    machine.update_item(**table, **change)
    at.dynamodb.delete_item(**table)
    assert code_of(machine.update_item, **other, **change) == "AccessDeniedException"
    assert code_of(machine.delete_item, **table) == "AccessDeniedException"
    assert code_of(function.update_item, **table, **change) == "AccessDeniedException"
    ssm = client_of(engine, prepare, "ssm")
    assert code_of(ssm.get_parameter, Name="/another/presets") == "AccessDeniedException"
    lambda_ = client_of(engine, prepare, "lambda")
    assert code_of(lambda_.invoke, FunctionName=notify) == "AccessDeniedException"
    states = client_of(engine, notify, "stepfunctions")
    start = {"stateMachineArn": at.state_machine_arn, "input": "{}"}
    assert code_of(states.start_execution, **start) == "AccessDeniedException"


def test_a_missing_object_is_hidden_from_who_may_not_list(engine: Engine) -> None:
    """As S3 does: 404 only for who may list the bucket."""
    at = engine.deployment
    prepare = client_of(engine, at.prepare_function_name, "s3")
    backup = client_of(engine, at.backup_original_function_name, "s3")
    assert code_of(prepare.get_object, Bucket=at.source_bucket_name, Key="none") == "NoSuchKey"
    assert code_of(backup.get_object, Bucket=at.backup_bucket_name, Key="none") == "AccessDenied"


def test_an_operator_is_bound_to_no_role(pipeline: Pipeline) -> None:
    assert pipeline.at.s3.list_objects_v2(Bucket=pipeline.at.output_bucket_name)["KeyCount"] >= 0


# ---------------------------------------------------------------------------- a role that lacks it


@pytest.fixture
def without(engine: Engine) -> Iterator[Any]:
    """Return a function that takes an action out of a function's role until the test ends."""
    iam = engine.deployment.client("iam")
    restored: list[dict[str, str]] = []

    def take(function: str, action: str) -> None:
        described = engine.deployment.lambda_.get_function_configuration(FunctionName=function)
        role = described["Role"].rpartition("/")[2]
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        for name, text in zip(names, backends.role_documents(described["Role"]), strict=True):
            restored.append({"RoleName": role, "PolicyName": name, "PolicyDocument": text})
            document = json.loads(text)
            for statement in document["Statement"]:
                actions = statement["Action"]
                listed = actions if isinstance(actions, list) else [actions]
                statement["Action"] = [each for each in listed if each != action]
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))

    yield take
    for policy in restored:
        iam.put_role_policy(**policy)


def test_an_execution_meets_what_its_role_lacks(
    pipeline: Pipeline, engine: Engine, without: Any
) -> None:
    """A grant that someone forgets fails here as it would on AWS: named, alerted, not retried."""
    without(engine.deployment.resize_function_name, "s3:PutObject")
    run = pipeline.upload(photo())
    (message,) = pipeline.messages(run)
    assert (run.status, run.error) == ("FAILED", "AccessDenied")
    assert message["outcome"] == "FAILED"
    assert any(
        denial.principal == engine.deployment.resize_function_name
        and denial.need.action == "s3:PutObject"
        for denial in engine.authorizer.denials
    )


def test_a_rule_delivers_only_with_its_roles_permission(pipeline: Pipeline, engine: Engine) -> None:
    """EventBridge sends such an event to the dead-letter queue at once."""
    events, at = engine.deployment.client("events"), engine.deployment
    (target,) = events.list_targets_by_rule(Rule=at.upload_rule_name)["Targets"]
    iam = at.client("iam")
    role = iam.create_role(RoleName="without-rights", AssumeRolePolicyDocument="{}")["Role"]
    events.put_targets(Rule=at.upload_rule_name, Targets=[target | {"RoleArn": role["Arn"]}])
    try:
        source = pipeline.put(photo())
        letter = until(lambda: dead_letter(pipeline, source["key"]))
    finally:
        events.put_targets(Rule=at.upload_rule_name, Targets=[target])
        iam.delete_role(RoleName="without-rights")
    assert letter.error == "AccessDeniedException"
    assert "states:StartExecution" in letter.reason
    assert pipeline.executions(source["key"]) == []


def dead_letter(pipeline: Pipeline, about: str) -> dlq.DeadLetter | None:
    """Look for an event in the dead-letter queue."""
    found = (letter for letter in dlq.dead_letters(pipeline.at) if about in letter.about)
    return next(found, None)


# ---------------------------------------------------------------------------- what is granted


def test_every_grant_is_used(pipeline: Pipeline, engine: Engine, monkeypatch: Any) -> None:
    """One scenario for each thing that a role is for; what none of them needs is too much."""
    # Neither what other tests needed, nor what their environments know already.
    monkeypatch.setattr(engine.authorizer, "_used", set())
    for spec in engine.functions.specs():
        engine.functions.register(spec)
    at = engine.deployment
    tagged = pipeline.put(photo())  # an upload, by its version
    assert pipeline.run_of(tagged).status == "SUCCEEDED"
    _tagged_uploads(pipeline)
    missing = {"bucket": at.source_bucket_name, "key": "manual/missing.jpg"}
    assert pipeline.start({"source": missing}).error == "SourceNotFound"
    _working_copies_that_are_gone(pipeline, engine)
    _unversioned_source(pipeline, engine)
    _lost_status_change(pipeline, engine)
    _summary(pipeline, engine)
    _large_copy_that_breaks(pipeline, engine, monkeypatch)

    unused = sorted(
        f"{grant.owner.rpartition('/')[2]}: {grant.sid}: {grant.action} on {grant.resource}"
        for grant in engine.roles.grants() - engine.authorizer.used
        if grant.sid not in SERVICES_OWN
    )
    assert unused == [], "\n".join(unused)


def _summary(pipeline: Pipeline, engine: Engine) -> None:
    """Notify starts it with an alert; this one finds nothing to tell."""
    at = engine.deployment
    machine = at.state_machine_arn.replace("-image-pipeline", "-alert-summary")
    given = {"window": "alert window/any", "seconds": 300, "outcome": "FAILED", "error": "Any",
             "fault": "sender"}  # fmt: skip
    notify = client_of(engine, at.notify_function_name, "stepfunctions")
    run = notify.start_execution(stateMachineArn=machine, input=json.dumps(given))
    assert pipeline.wait(run["executionArn"]).status == "SUCCEEDED"


def _tagged_uploads(pipeline: Pipeline) -> None:
    """A copy takes the tags along: of a version, and of the object as it is now."""
    for prefix in (pipeline.at.source_prefix, "manual/"):
        source = pipeline.put(photo(), prefix="manual/", name="tagged.jpg")
        key = source["key"].replace("manual/", prefix)
        pipeline.at.s3.put_object(
            Bucket=source["bucket"], Key=key, Body=photo(), Tagging="album=holiday"
        )
        named = {"bucket": source["bucket"], "key": key}
        run = pipeline.run_of(named) if prefix != "manual/" else pipeline.start({"source": named})
        assert run.status == "SUCCEEDED"


def _working_copies_that_are_gone(pipeline: Pipeline, engine: Engine) -> None:
    """The work bucket keeps them for a day; a redrive may come later."""
    at = engine.deployment
    gone = ObjectRef(bucket=at.work_bucket_name, key="mezzanines/gone")
    for function in (at.resize_function_name, at.make_pdf_function_name):
        with pytest.raises(SourceNotFound):
            objects.Objects(client_of(engine, function, "s3")).read(gone)
    backup = objects.Objects(client_of(engine, at.backup_original_function_name, "s3"))
    with pytest.raises(SourceNotFound):
        backup.copy(
            Source(bucket=at.work_bucket_name, key="originals/gone"),
            1,
            ObjectRef(bucket=at.backup_bucket_name, key="gone"),
        )


def _unversioned_source(pipeline: Pipeline, engine: Engine) -> None:
    """A source bucket that somebody else made may have no versions, but tags."""
    at = engine.deployment
    key = "manual/unversioned.jpg"
    at.s3.put_object(Bucket=at.source_bucket_name, Key=key, Body=photo(), Tagging="album=holiday")
    prepare = objects.Objects(client_of(engine, at.prepare_function_name, "s3"))
    original = ObjectRef(bucket=at.work_bucket_name, key="originals/unversioned")
    source = Source(bucket=at.source_bucket_name, key=key)
    assert prepare.copy(source, len(photo()), original).bytes == len(photo())


def _lost_status_change(pipeline: Pipeline, engine: Engine) -> None:
    """Lambda puts an event that Notify fails on into the dead-letter queue."""
    arn = f"{pipeline.at.state_machine_arn.replace(':stateMachine:', ':execution:')}:gone"
    described = {"executionArn": arn, "stateMachineArn": pipeline.at.state_machine_arn}
    detail = described | {"name": "gone", "status": "ABORTED"}
    event = {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "account": "123456789012",
        "region": "us-east-1",
        "time": "2026-01-01T00:00:00Z",
        "resources": [arn],
        "detail": detail,
    }
    engine.router.put(event)
    assert until(lambda: dead_letter(pipeline, arn)).kind == "status change"


def _large_copy_that_breaks(pipeline: Pipeline, engine: Engine, monkeypatch: Any) -> None:
    """A copy above 5 GB is made in parts; here one above 5 MB, that breaks off."""
    monkeypatch.setattr(objects, "SINGLE_COPY_BYTES", 5 * 2**20)
    monkeypatch.setattr(objects, "COPY_PART_BYTES", 5 * 2**20)
    at, data = engine.deployment, bytes(6 * 2**20)
    at.s3.put_object(Bucket=at.work_bucket_name, Key="originals/large", Body=data)
    monkeypatch.setattr(engine, "inject_fault", _no_second_part)
    backup = objects.Objects(client_of(engine, at.backup_original_function_name, "s3"))
    source = Source(bucket=at.work_bucket_name, key="originals/large")
    with pytest.raises(StorageError):
        backup.copy(source, len(data), ObjectRef(bucket=at.backup_bucket_name, key="large"))
    assert "Uploads" not in at.s3.list_multipart_uploads(Bucket=at.backup_bucket_name)


def _no_second_part(call: Call, invocation: str) -> ServiceFault | None:
    second = call.operation == "UploadPartCopy" and call.parameters.get("PartNumber") == "2"
    return ServiceFault(ServiceError(500, "InternalError", "try again")) if second else None
