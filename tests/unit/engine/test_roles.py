"""Who has which policies and keys, over what moto keeps: in backends that no engine has."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from moto.iam.models import IAMBackend
from moto.s3.models import FakeBucket, S3Backend
from moto.sns.models import SNSBackend
from moto.sqs.models import SQSBackend

from darkroom_ops.engine import backends
from darkroom_ops.engine.permissions import MACHINE, Grant
from darkroom_ops.engine.roles import Roles

Json = dict[str, Any]

REGION, ACCOUNT = "us-east-1", backends.ACCOUNT
KEY = "arn:aws:kms:us-east-1:123456789012:key/k"


def document(action: str) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


@pytest.fixture
def iam(monkeypatch: pytest.MonkeyPatch) -> IAMBackend:
    """Three roles: the machine's with two policies, the function's with one, and one with none."""
    made = IAMBackend("aws", ACCOUNT)
    for role in ("machine", "resize", "idle"):
        made.create_role(role, "{}", "/", None, "", {}, 3600)
    for role, name, action in (
        ("machine", "one", "lambda:Invoke"),
        ("machine", "two", "sns:Publish"),
        ("resize", "one", "s3:GetObject"),
    ):
        made.put_role_policy(role, name, document(action))
    monkeypatch.setattr(backends, "iam_backends", {ACCOUNT: {"aws": made}})
    return made


@pytest.fixture
def roles(iam: IAMBackend, monkeypatch: pytest.MonkeyPatch) -> Roles:
    machines = [SimpleNamespace(roleArn=arn("machine")), SimpleNamespace(roleArn=arn("idle"))]
    machines_backend = {ACCOUNT: {REGION: SimpleNamespace(state_machines=machines)}}
    monkeypatch.setattr(backends, "stepfunctions_parser_backends", machines_backend)
    functions = SimpleNamespace(get_function=lambda name: SimpleNamespace(role=arn(name)))
    monkeypatch.setattr(backends, "lambda_backends", {ACCOUNT: {REGION: functions}})
    return Roles(REGION, lambda name: name == "resize")


def arn(role: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{role}"


def actions(found: Any) -> list[str]:
    return [statement.actions[0] for policy in found for statement in policy.statements]


def test_a_function_has_its_role(roles: Roles) -> None:
    found = roles.role_policies("resize")
    assert actions(found) == ["s3:GetObject"]
    assert [policy.owner for policy in found or ()] == [arn("resize")]


def test_the_machine_has_the_roles_of_the_machines(roles: Roles) -> None:
    assert actions(roles.role_policies(MACHINE)) == ["lambda:Invoke", "sns:Publish"]
    assert backends.machine_roles(REGION) == (arn("machine"), arn("idle"))


def test_nobody_else_has_a_role(roles: Roles) -> None:
    assert roles.role_policies("engine") is None
    assert [roles.has(each) for each in ("resize", MACHINE, "engine")] == [True, True, False]


def test_a_role_that_there_is_not_allows_nothing(roles: Roles) -> None:
    assert roles.policies_of(arn("gone")) == ()


def test_a_policy_that_changes_holds_at_once(roles: Roles, iam: IAMBackend) -> None:
    iam.put_role_policy("resize", "one", document("s3:PutObject"))
    assert actions(roles.policies_of(arn("resize"))) == ["s3:PutObject"]


def test_a_role_that_is_made_anew_has_its_own_policies(roles: Roles, iam: IAMBackend) -> None:
    assert actions(roles.policies_of(arn("resize"))) == ["s3:GetObject"]
    iam.delete_role_policy("resize", "one")
    iam.delete_role("resize")
    assert roles.policies_of(arn("resize")) == ()
    iam.create_role("resize", "{}", "/", None, "", {}, 3600)
    iam.put_role_policy("resize", "two", document("s3:ListBucket"))
    assert actions(roles.policies_of(arn("resize"))) == ["s3:ListBucket"]


def test_a_policy_may_be_kept_as_text_or_as_data(roles: Roles, iam: IAMBackend) -> None:
    (role,) = (role for role in iam.get_roles() if role.name == "resize")
    role.policies["one"] = json.loads(document("s3:PutObject"))
    assert actions(roles.policies_of(arn("resize"))) == ["s3:PutObject"]


def test_a_policy_that_is_data_is_written_once(
    roles: Roles, iam: IAMBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    (role,) = (role for role in iam.get_roles() if role.name == "resize")
    role.policies = {"own": {"Statement": []}}
    (text,) = backends.role_documents(role.arn)
    with monkeypatch.context() as patched:
        patched.delattr(backends.json, "dumps")
        assert backends.role_documents(role.arn)[0] is text
    role.policies = {"own": {"Statement": [], "Version": "2012-10-17"}}
    assert backends.role_documents(role.arn) == ('{"Statement": [], "Version": "2012-10-17"}',)


def test_all_grants_are_those_of_all_roles(roles: Roles) -> None:
    assert roles.grants() == {
        Grant(arn("machine"), "", "lambda:Invoke", "*"),
        Grant(arn("machine"), "", "sns:Publish", "*"),
        Grant(arn("resize"), "", "s3:GetObject", "*"),
    }


# ---------------------------------------------------------------------------- of resources


@pytest.fixture
def sns(monkeypatch: pytest.MonkeyPatch) -> SNSBackend:
    made = SNSBackend(REGION, ACCOUNT)
    monkeypatch.setattr(backends, "sns_backends", {ACCOUNT: {REGION: made}})
    return made


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> SQSBackend:
    made = SQSBackend(REGION, ACCOUNT)
    monkeypatch.setattr(backends, "sqs_backends", {ACCOUNT: {REGION: made}})
    return made


def test_a_topic_has_its_own_policy(roles: Roles, sns: SNSBackend) -> None:
    topic = sns.create_topic("t")
    topic.policy = document("sns:Publish")
    (policy,) = roles.resource_policies(topic.arn)
    assert (policy.owner, actions([policy])) == (topic.arn, ["sns:Publish"])
    assert roles.resource_policies(f"{topic.arn}-gone") == ()


def test_a_queue_has_its_own_policy_or_none(roles: Roles, sqs: SQSBackend) -> None:
    queue = sqs.create_queue("q", None)
    assert roles.resource_policies(queue.queue_arn) == ()
    queue.policy = document("sqs:SendMessage")
    (policy,) = roles.resource_policies(queue.queue_arn)
    assert (policy.owner, actions([policy])) == (queue.queue_arn, ["sqs:SendMessage"])
    assert roles.resource_policies(f"{queue.queue_arn}-gone") == ()


def test_a_function_has_its_own_policy(roles: Roles, monkeypatch: pytest.MonkeyPatch) -> None:
    """moto keeps what CloudFormation said beside each statement's own elements."""
    statement = {
        "Sid": "s", "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*",
        "Principal": {"Service": "events.amazonaws.com"},
        "Condition": {"ArnLike": {"aws:SourceArn": "arn:rule"}},
    }  # fmt: skip
    kept = statement | {"FunctionName": "notify", "SourceArn": "arn:rule"}
    function = SimpleNamespace(policy=SimpleNamespace(statements=[kept]))
    notify = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:notify"
    backend = SimpleNamespace(get_function_by_arn={notify: function}.get)
    monkeypatch.setattr(backends, "lambda_backends", {ACCOUNT: {REGION: backend}})
    found = backends.resource_document(notify)
    assert found is not None
    assert json.loads(found) == {"Statement": [statement]}
    assert backends.resource_document(f"{notify}-gone") is None


@pytest.mark.parametrize(
    ("kept", "expected"), [(KEY, KEY), ("alias/aws/sns", None), (None, None), ("", None)]
)
def test_a_customers_key_is_told_and_amazons_is_not(
    sns: SNSBackend, sqs: SQSBackend, kept: str | None, expected: str | None
) -> None:
    topic, queue = sns.create_topic("t"), sqs.create_queue("q", None)
    topic.kms_master_key_id = queue.kms_master_key_id = kept
    for each in (topic.arn, queue.queue_arn):
        assert backends.encryption_key(each) == expected
        assert backends.encryption_key(f"{each}-gone") is None


@pytest.fixture
def photos(monkeypatch: pytest.MonkeyPatch) -> FakeBucket:
    """A bucket; made by name, it would take the name from every other backend."""
    backend = S3Backend("aws", ACCOUNT)
    backend.buckets["photos"] = FakeBucket("photos", ACCOUNT, REGION)
    monkeypatch.setattr(backends, "s3_backends", {ACCOUNT: {"aws": backend}})
    found: FakeBucket = backend.buckets["photos"]
    return found


@pytest.mark.parametrize(
    ("encryption", "expected"),
    [
        (None, None),
        ({"Rule": {"ApplyServerSideEncryptionByDefault": {"KMSMasterKeyID": KEY}}}, KEY),
        ({"Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}}, None),
        ({"Rule": {}}, None),
        ({}, None),
    ],
)
def test_a_buckets_key_is_that_of_its_default_encryption(
    photos: FakeBucket, encryption: Json | None, expected: str | None
) -> None:
    photos.encryption = encryption
    assert backends.encryption_key("arn:aws:s3:::photos") == expected


def test_an_object_and_each_of_its_versions_have_their_own_tags(
    photos: FakeBucket,
) -> None:
    photos.versioning_status = "Enabled"
    s3 = backends.s3_backends[ACCOUNT]["aws"]
    tagged = s3.put_object("photos", "a.jpg", b"1")
    s3.put_object_tagging(tagged, {"album": "holiday"})
    plain = s3.put_object("photos", "a.jpg", b"2")
    assert backends.has_tags("photos", "a.jpg", tagged.version_id)
    assert not backends.has_tags("photos", "a.jpg", plain.version_id)
    assert not backends.has_tags("photos", "a.jpg", None)
    assert not backends.has_tags("photos", "gone.jpg", None)
    for each in (tagged, plain):
        each.dispose()  # moto complains of files that are left open
