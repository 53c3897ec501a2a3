"""Every fault that the doctor looks for, made on the engine: what is said, and what mends it.

Where a command can be carried out here, it is: then all is well again.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.iam.models import iam_backends
from moto.sns.models import sns_backends

from darkroom_ops.cli.address import Address, announced
from darkroom_ops.deployment import Deployment
from darkroom_ops.doctor.examine import CHECKS, examine
from darkroom_ops.doctor.findings import Finding
from darkroom_ops.doctor.stack import Stack
from darkroom_ops.engine import Engine
from darkroom_ops.engine.backends import ACCOUNT
from darkroom_ops.engine.protocols import ServiceError
from tests.conftest import ROOT
from tests.support.aws_cli import carry_out
from tests.support.cli import invoke
from tests.support.pipeline import Json


@pytest.fixture
def at(sound: Deployment) -> Deployment:
    return sound


def found(at: Deployment, check: str) -> list[Finding]:
    """Return what a check finds; not what cannot be looked at here."""
    faults = examine(at, checks={check: CHECKS[check]})
    return [each for each in faults if each.severity != "elsewhere"]


def only(at: Deployment, severity: str, check: str) -> Finding:
    """Return the one thing that is wrong."""
    (finding,) = found(at, check)
    assert (finding.severity, finding.check) == (severity, check)
    return finding


def mended(at: Deployment, finding: Finding) -> None:
    """Type the command that is told, and see that all is well."""
    carry_out(at, finding.mend)
    assert found(at, finding.check) == []


def darkroom(at: Deployment, *words: str) -> tuple[int, str]:
    done = invoke(["doctor", "--endpoint", str(at.endpoint), *words])
    return done.exit_code, done.stdout


# ---------------------------------------------------------------------------- how it answers


def test_a_healthy_stack_says_so_in_two_lines(at: Deployment) -> None:
    code, said = darkroom(at)
    well, elsewhere = said.splitlines()
    assert code == 0
    assert well == "✓ All is well: 18 checks of the stack darkroom."
    assert elsewhere.startswith("Not checked here: ")
    for check in ("alarms", "sms", "concurrency", "rates", "drift"):
        assert f"{check} (" in elsewhere
    code, said = darkroom(at, "--json")
    answer = json.loads(said)
    assert (code, answer["well"]) == (0, True)
    assert {each["severity"] for each in answer["findings"]} == {"elsewhere"}


def test_the_worst_comes_first_with_its_command(at: Deployment) -> None:
    events, name = at.events, at.upload_rule_name
    cloudwatch = at.cloudwatch
    events.disable_rule(Name=name)
    _alarm(at, ActionsEnabled=False)
    try:
        code, said = darkroom(at)
        _, as_json = darkroom(at, "--json")
    finally:
        events.enable_rule(Name=name)
        cloudwatch.delete_alarms(AlarmNames=["darkroom-failing"])
    place = f"--endpoint-url {at.endpoint} --region us-east-1"
    assert code == 1
    assert said.splitlines()[:7] == [
        "✗ The rule darkroom-upload is disabled: uploads start nothing.",
        f"  aws events enable-rule --name darkroom-upload {place}",
        "",
        "! The alarm darkroom-failing is silenced: nobody hears when it rings.",
        f"  aws cloudwatch enable-alarm-actions --alarm-names darkroom-failing {place}",
        "",
        "✗ 2 findings in 18 checks of the stack darkroom.",
    ]
    answer = json.loads(as_json)
    assert answer["well"] is False
    assert answer["findings"][0] == {
        "severity": "broken",
        "check": "rules",
        "says": "The rule darkroom-upload is disabled: uploads start nothing.",
        "mend": f"aws events enable-rule --name darkroom-upload {place}",
    }


def test_a_command_for_the_engine_that_runs_is_pasted_as_it_is(
    at: Deployment, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into a shell that knows nothing of the engine, but runs `aws` with its profile."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DARKROOM_HOME", str(tmp_path))
    running = Address(engine.endpoint, at.stack, os.getpid(), engine.keys.secret)
    at.events.disable_rule(Name=at.upload_rule_name)
    with announced(running):
        _, said = darkroom(at, "--json")
        (finding,) = (e for e in json.loads(said)["findings"] if e["severity"] == "broken")
        config, *typed = shlex.split(finding["mend"])
        monkeypatch.setenv(*config.split("="))
        assert typed[-2:] == ["--profile", "darkroom"]
        session = boto3.session.Session(profile_name="darkroom")
        session.client("events").enable_rule(Name=typed[typed.index("--name") + 1])
    assert found(at, "rules") == []


def test_a_stack_that_is_not_there_is_exit_code_2(at: Deployment) -> None:
    done = invoke(["doctor", "--endpoint", str(at.endpoint), "--stack", "nosuch", "--json"])
    assert done.exit_code == 2
    assert json.loads(done.stdout)["error"] == "NotDeployed"


# ---------------------------------------------------------------------------- from upload to run


def test_a_bucket_that_sends_no_events(at: Deployment) -> None:
    """What else it is told to send to stays."""
    bucket = at.source_bucket_name
    queue = at.sqs.create_queue(QueueName="removals")["QueueUrl"]
    arn = at.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    other: Any = {"Id": "x", "QueueArn": arn["QueueArn"], "Events": ["s3:ObjectRemoved:*"]}
    at.s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [other]}
    )
    finding = only(at, "broken", "bucket")
    assert finding.says == (
        f"The bucket {bucket} sends no events to EventBridge: uploads start nothing."
    )
    mended(at, finding)
    now = at.s3.get_bucket_notification_configuration(Bucket=bucket)
    assert [each["Id"] for each in now["QueueConfigurations"]] == ["x"]
    at.s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )


@pytest.mark.parametrize(
    ("output", "lost"),
    [
        ("darkroom-upload", "uploads start nothing"),
        ("darkroom-status-change", "nobody hears of executions that just end"),
    ],
)
def test_a_rule_that_is_disabled(at: Deployment, output: str, lost: str) -> None:
    at.events.disable_rule(Name=output)
    finding = only(at, "broken", "rules")
    assert finding.says == f"The rule {output} is disabled: {lost}."
    mended(at, finding)


@contextlib.contextmanager
def rule(at: Deployment, name: str, **changed: Any) -> Iterator[Json]:
    """Put a rule, changed, and its targets back afterwards."""
    events = at.events
    given = events.describe_rule(Name=name)
    kept = {key: given[key] for key in ("Name", "EventPattern", "State", "Description")}
    targets = events.list_targets_by_rule(Rule=name)["Targets"]
    if changed:
        events.put_rule(**kept | changed)
    try:
        yield targets[0]
    finally:
        events.put_rule(**kept)
        events.put_targets(Rule=name, Targets=targets)


UNDO = "aws cloudformation create-change-set --stack-name darkroom --change-set-name undo-drift "


def test_a_rule_without_target(at: Deployment) -> None:
    with rule(at, "darkroom-upload") as target:
        at.events.remove_targets(Rule="darkroom-upload", Ids=[target["Id"]])
        finding = only(at, "broken", "rules")
    assert finding.says == "The rule darkroom-upload has no target: uploads start nothing."
    assert finding.mend.startswith(UNDO)
    assert "--deployment-mode REVERT_DRIFT" in finding.mend
    assert "ParameterKey=AlertEmail,UsePreviousValue=true" in finding.mend


def test_a_rule_that_is_gone(at: Deployment) -> None:
    with rule(at, "darkroom-upload") as target:
        events = at.events
        events.remove_targets(Rule="darkroom-upload", Ids=[target["Id"]])
        events.delete_rule(Name="darkroom-upload")
        finding = only(at, "broken", "rules")
    assert finding.says == "The rule darkroom-upload is gone: uploads start nothing."
    assert finding.mend.startswith(UNDO)


@pytest.mark.parametrize("change", ["bucket", "prefix"])
def test_a_rule_that_watches_something_else(at: Deployment, change: str) -> None:
    detail: Json = {
        "bucket": {"name": [at.source_bucket_name]}, "object": {"key": [{"prefix": "uploads/"}]}
    }  # fmt: skip
    if change == "bucket":
        detail["bucket"]["name"] = ["another"]
    else:
        detail["object"]["key"] = [{"prefix": "other/"}]
    with rule(at, "darkroom-upload", EventPattern=json.dumps({"detail": detail})):
        finding = only(at, "broken", "rules")
    assert finding.says == (
        f"The rule darkroom-upload does not watch 'uploads/' of the bucket {at.source_bucket_name}:"
        " uploads there start nothing."
    )
    assert finding.mend.startswith(UNDO)


def test_a_target_without_dead_letter_queue(at: Deployment) -> None:
    with rule(at, "darkroom-upload") as target:
        bare = {key: value for key, value in target.items() if key != "DeadLetterConfig"}
        at.events.put_targets(Rule="darkroom-upload", Targets=[bare])
        finding = only(at, "warning", "rules")
    assert "has no dead-letter queue: what it cannot deliver is lost" in finding.says


@contextlib.contextmanager
def without_policies(role: str) -> Iterator[None]:
    """Take from a role all that it may do."""
    policies = iam_backends[ACCOUNT]["aws"].get_role_by_arn(role).policies
    kept = dict(policies)
    policies.clear()
    try:
        yield
    finally:
        policies.clear()
        policies.update(kept)


@contextlib.contextmanager
def lacking(role: str, sid: str) -> Iterator[None]:
    """Take one statement from the policies of a role."""
    policies = iam_backends[ACCOUNT]["aws"].get_role_by_arn(role).policies
    kept = dict(policies)
    for name, policy in kept.items():
        document = policy if isinstance(policy, dict) else json.loads(policy)
        left = [each for each in document["Statement"] if each.get("Sid") != sid]
        policies[name] = json.dumps(document | {"Statement": left})
    assert policies != kept
    try:
        yield
    finally:
        policies.clear()
        policies.update(kept)


@contextlib.contextmanager
def setting(at: Deployment, function: str, **changed: str) -> Iterator[None]:
    """Change environment variables of a function."""
    told = at.lambda_.get_function_configuration(FunctionName=function)
    kept = {name: str(value) for name, value in told["Environment"]["Variables"].items()}

    def put(variables: Mapping[str, str]) -> None:
        at.lambda_.update_function_configuration(
            FunctionName=function, Environment={"Variables": dict(variables)}
        )

    put(kept | changed)
    try:
        yield
    finally:
        put(kept)


def test_a_rule_that_may_not_start_the_state_machine(at: Deployment) -> None:
    (target,) = at.events.list_targets_by_rule(Rule="darkroom-upload")["Targets"]
    with without_policies(target["RoleArn"]):
        finding = only(at, "broken", "rules")
        name = target["RoleArn"].rpartition("/")[2]
        assert finding.says == (
            "The rule darkroom-upload may not start darkroom-image-pipeline: uploads start nothing."
            f" Its role {name} lacks states:StartExecution."
        )
        mended(at, finding)


def test_a_role_that_is_gone(at: Deployment) -> None:
    with rule(at, "darkroom-upload") as target:
        gone = target | {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/gone"}
        at.events.put_targets(Rule="darkroom-upload", Targets=[gone])
        finding = only(at, "broken", "rules")
    assert finding.says.endswith(": uploads start nothing. Its role gone is gone.")


def test_a_state_machine_that_may_do_nothing(at: Deployment) -> None:
    """Each command mends one thing, and none undoes another's."""
    role = at.stepfunctions.describe_state_machine(stateMachineArn=at.state_machine_arn)["roleArn"]
    with without_policies(role):
        faults = found(at, "steps")
        assert [each.says.partition(":")[0] for each in faults] == [
            *(
                f"The state machine may not call {at.outputs[f'{name}FunctionName']}"
                for name in ("Prepare", "Resize", "MakePdf", "BackupOriginal", "Notify")
            ),
            "The state machine may not write records",
        ]
        for each in faults:
            carry_out(at, each.mend)
        assert found(at, "steps") == []


def test_a_notify_that_may_not_publish(at: Deployment) -> None:
    role = at.lambda_.get_function(FunctionName=at.notify_function_name)["Configuration"]["Role"]
    with without_policies(role):
        first, second, third = found(at, "steps")
        assert first.says == (
            "Notify may not publish to darkroom-notifications: nobody is told. Its role "
            f"{role.rpartition('/')[2]} lacks sns:Publish."
        )
        assert third.says == (
            "Notify may not encrypt messages with the stack's key: nobody is told. Its role "
            f"{role.rpartition('/')[2]} lacks kms:GenerateDataKey."
        )
        carry_out(at, first.mend)
        carry_out(at, second.mend)
        mended(at, third)


@pytest.fixture
def summaries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack that tells of many alerts in one: in tests, each is told at once."""
    monkeypatch.setattr(Stack, "parameters", {"SummarySeconds": "300"})


def summary_machine(at: Deployment) -> Any:
    """Return the state machine that tells of many alerts in one."""
    machines = at.stepfunctions.list_state_machines()["stateMachines"]
    (arn,) = (e["stateMachineArn"] for e in machines if e["name"] == "darkroom-alert-summary")
    return at.stepfunctions.describe_state_machine(stateMachineArn=arn)


@pytest.mark.usefixtures("summaries")
def test_a_notify_that_may_not_start_the_summary_of_alerts(at: Deployment) -> None:
    """It publishes and marks as before, so nothing else is wrong; and each alert goes out alone."""
    role = at.lambda_.get_function(FunctionName=at.notify_function_name)["Configuration"]["Role"]
    with lacking(role, "StartTheSummary"):
        finding = only(at, "warning", "steps")
        assert finding.says == (
            "Notify may not start darkroom-alert-summary: people get each alert by itself, however "
            f"many there are. Its role {role.rpartition('/')[2]} lacks states:StartExecution."
        )
        mended(at, finding)


@pytest.mark.usefixtures("summaries")
def test_a_summary_of_alerts_that_may_do_nothing(at: Deployment) -> None:
    role = summary_machine(at)["roleArn"]
    with without_policies(role):
        finding = only(at, "broken", "steps")
        assert finding.says == (
            "darkroom-alert-summary may not call darkroom-notify: nobody is told of the alerts that"
            f" wait for their summary. Its role {role.rpartition('/')[2]} lacks "
            "lambda:InvokeFunction."
        )
        mended(at, finding)


@pytest.mark.usefixtures("summaries")
def test_a_summary_of_alerts_that_is_gone(at: Deployment) -> None:
    name, gone = at.notify_function_name, "arn:aws:states:us-east-1:123456789012:stateMachine:gone"
    with setting(at, name, SUMMARY_MACHINE=gone):
        first, second = found(at, "steps")
    assert first.says.startswith("Notify may not start gone: ")
    assert second.says == (
        "The state machine gone is gone: people get each alert by itself, however many there are."
    )
    assert (second.severity, second.mend[: len(UNDO)]) == ("warning", UNDO)


def test_without_summaries_nobody_needs_a_right_to_them(at: Deployment) -> None:
    assert Stack(at).parameters["SummarySeconds"] == "0"
    with without_policies(summary_machine(at)["roleArn"]):
        assert found(at, "steps") == []


def test_a_rule_that_may_not_invoke_notify(at: Deployment) -> None:
    lambda_, name = at.lambda_, at.notify_function_name
    (kept,) = json.loads(lambda_.get_policy(FunctionName=name)["Policy"])["Statement"]
    lambda_.remove_permission(FunctionName=name, StatementId=kept["Sid"])
    finding = only(at, "broken", "rules")
    assert finding.says == (
        "The rule darkroom-status-change may not invoke darkroom-notify: nobody hears of executions"
        " that just end."
    )
    mended(at, finding)


def test_rules_that_may_not_use_the_dead_letter_queue(at: Deployment) -> None:
    """Both are told, each with a policy that lets it in; what is in the policy already stays."""
    sqs, url = at.sqs, at.events_dead_letter_queue_url
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
    tls = [e for e in json.loads(policy["Policy"])["Statement"] if e["Sid"] == "TlsOnly"]
    bare = json.dumps({"Version": "2012-10-17", "Statement": tls})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": bare})
    try:
        first, second = found(at, "rules")
        assert first.says == (
            "The rule darkroom-upload may not send to the queue darkroom-events-dlq: what it cannot"
            " deliver is lost."
        )
        carry_out(at, first.mend)
        (again,) = found(at, "rules")
        assert again.says == second.says
        mended(at, again)
        now = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
        sids = [each["Sid"] for each in json.loads(now["Policy"])["Statement"]]
        assert sids == ["TlsOnly", "DoctorDarkroomUpload", "DoctorDarkroomStatusChange"]
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=policy)


def test_a_function_that_is_throttled_to_nothing(at: Deployment) -> None:
    name = at.resize_function_name
    at.lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    finding = only(at, "broken", "paused")
    assert finding.says == f"The function {name} is throttled to nothing: its step fails."
    mended(at, finding)


# --------------------------------------------------------------------------- from outcome to people


@contextlib.contextmanager
def unconfirmed(topic: str, *protocols: str) -> Iterator[None]:
    """Have subscriptions wait for their confirmation, as e-mail's do on AWS."""
    backend = sns_backends[ACCOUNT]["us-east-1"]
    waiting = [
        each
        for each in backend.subscriptions.values()
        if each.topic.arn == topic and each.protocol in protocols
    ]
    arns = [each.arn for each in waiting]
    for each in waiting:
        each.arn = "PendingConfirmation"
    try:
        yield
    finally:
        for each, arn in zip(waiting, arns, strict=True):
            each.arn = arn


def test_an_unconfirmed_subscription(at: Deployment) -> None:
    topic = at.alerts_topic_arn
    with unconfirmed(topic, "email"):
        finding = only(at, "warning", "subscriptions")
    assert finding.says == "oncall@example.com gets no alerts: the subscription is not confirmed."
    assert f"aws sns subscribe --topic-arn {topic} --protocol email" in finding.mend
    assert "--notification-endpoint oncall@example.com" in finding.mend


def test_nobody_confirmed_the_alerts(at: Deployment) -> None:
    backend = sns_backends[ACCOUNT]["us-east-1"]
    kept = dict(backend.subscriptions)
    for arn, each in kept.items():
        if each.topic.arn == at.alerts_topic_arn and each.protocol != "email":
            del backend.subscriptions[arn]
    try:
        with unconfirmed(at.alerts_topic_arn, "email"):
            finding = only(at, "broken", "subscriptions")
    finally:
        backend.subscriptions.clear()
        backend.subscriptions.update(kept)
    assert finding.says == "oncall@example.com gets no alerts: the subscription is not confirmed."


def test_nobody_is_subscribed_to_the_alerts(at: Deployment) -> None:
    topic = at.alerts_topic_arn
    backend = sns_backends[ACCOUNT]["us-east-1"]
    kept = dict(backend.subscriptions)
    for arn, each in kept.items():
        if each.topic.arn == topic:
            del backend.subscriptions[arn]
    try:
        finding = only(at, "broken", "subscriptions")
    finally:
        backend.subscriptions.clear()
        backend.subscriptions.update(kept)
    assert finding.says == ("Nobody is subscribed to darkroom-alerts: no failure reaches anybody.")
    assert "--notification-endpoint YOU@example.com" in finding.mend


def test_alarms_that_may_not_publish(at: Deployment) -> None:
    sns, topic = at.sns, at.alarms_topic_arn
    policy = sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]
    tls = [each for each in json.loads(policy)["Statement"] if each["Sid"] == "TlsOnly"]
    bare = json.dumps({"Version": "2012-10-17", "Statement": tls})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=bare)
    try:
        finding = only(at, "broken", "topics")
        assert finding.says == "Alarms may not publish to darkroom-alarms: nobody hears of them."
        mended(at, finding)
    finally:
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)


def test_a_key_that_is_disabled_or_deleted(at: Deployment) -> None:
    kms, key = at.kms, at.key_arn.rpartition("/")[2]
    kms.disable_key(KeyId=key)
    finding = only(at, "broken", "key")
    assert finding.says == "The key of the stack is Disabled: no message is sent."
    mended(at, finding)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    finding = only(at, "broken", "key")
    assert finding.says == "The key of the stack is PendingDeletion: no message is sent."
    mended(at, finding)


@pytest.mark.parametrize(
    ("service", "lost"),
    [
        ("cloudwatch.amazonaws.com", "no alarm reaches anybody"),
        ("events.amazonaws.com", "no event reaches an encrypted queue"),
    ],
)
def test_a_key_that_keeps_a_service_out(at: Deployment, service: str, lost: str) -> None:
    kms, key = at.kms, at.key_arn.rpartition("/")[2]
    policy = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    kept = [e for e in json.loads(policy)["Statement"] if e["Principal"] != {"Service": service}]
    bare = json.dumps({"Version": "2012-10-17", "Statement": kept})
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=bare)
    try:
        finding = only(at, "broken", "key")
        assert finding.says == f"The policy of the key does not let {service} use it: {lost}."
        mended(at, finding)
    finally:
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy)


# ---------------------------------------------------------------------------- what went wrong


def _alarm(at: Deployment, **more: Any) -> None:
    at.cloudwatch.put_metric_alarm(
        AlarmName="darkroom-failing", AlarmActions=[at.alarms_topic_arn], Namespace="AWS/States",
        MetricName="ExecutionsFailed", Statistic="Sum", Period=300, EvaluationPeriods=1,
        ComparisonOperator="GreaterThanThreshold", Threshold=5, **more,
    )  # fmt: skip


def test_an_alarm_that_rings(at: Deployment) -> None:
    cloudwatch = at.cloudwatch
    _alarm(at)
    cloudwatch.put_metric_alarm(
        AlarmName="anothers", Namespace="X", MetricName="x", Statistic="Sum", Period=300,
        EvaluationPeriods=1, ComparisonOperator="GreaterThanThreshold", Threshold=5,
    )  # fmt: skip
    for name in ("darkroom-failing", "anothers"):
        cloudwatch.set_alarm_state(
            AlarmName=name, StateValue="ALARM", StateReason="7 > 5 within five minutes."
        )
    try:
        finding = only(at, "broken", "alarms")
    finally:
        cloudwatch.delete_alarms(AlarmNames=["darkroom-failing", "anothers"])
    assert finding.says.startswith("The alarm darkroom-failing rings since 20")
    assert finding.says.endswith(" UTC: 7 > 5 within five minutes.")
    assert finding.mend.startswith(f"darkroom ls --status failed --endpoint {at.endpoint} ")


def test_dead_letters_that_wait(at: Deployment) -> None:
    sqs, url = at.sqs, at.events_dead_letter_queue_url
    for number, says in ((1, "An event in darkroom-events-dlq has "), (2, "2 events in ")):
        sqs.send_message(QueueUrl=url, MessageBody=f"doctor {number}")
        try:
            finding = only(at, "broken", "dead letters")
        except AssertionError:
            sqs.purge_queue(QueueUrl=url)
            raise
        assert finding.says.startswith(says)
        assert "reached nobody" in finding.says
    sqs.purge_queue(QueueUrl=url)
    first, _, second = finding.mend.partition(" says why; when that is mended: ")
    assert first == f"darkroom dlq list --endpoint {at.endpoint}"
    assert second == f"darkroom dlq redrive --endpoint {at.endpoint}"


# ---------------------------------------------------------------------------- what is deployed


def test_presets_that_are_broken_or_gone(at: Deployment) -> None:
    ssm, name = at.ssm, at.presets_parameter_name
    kept = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    try:
        ssm.put_parameter(Name=name, Value="[]", Overwrite=True)
        finding = only(at, "broken", "presets")
        assert finding.says.startswith(f"Every upload fails, for {name} is not valid: Expected ")
        assert finding.mend == f"darkroom presets set presets.json --endpoint {at.endpoint}"
        ssm.delete_parameter(Name=name)
        finding = only(at, "broken", "presets")
        assert finding.says == f"The parameter {name} is gone: every upload fails."
        assert finding.mend.startswith(UNDO)
    finally:
        ssm.put_parameter(Name=name, Value=kept, Type="String", Overwrite=True)


def test_a_runtime_that_is_not_known(at: Deployment) -> None:
    name = at.prepare_function_name
    at.lambda_.update_function_configuration(FunctionName=name, Runtime="python3.9")
    try:
        finding = only(at, "warning", "functions")
    finally:
        at.lambda_.update_function_configuration(FunctionName=name, Runtime="python3.13")
    assert f"The function {name} runs on python3.9, which this version" in finding.says
    assert finding.mend == "make deploy"


def test_another_version_of_the_stack(at: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darkroom_ops.doctor.code.__version__", "9.9.9")
    finding = only(at, "warning", "version")
    assert finding.says == "The stack is of version 0.1.0, this command of 9.9.9."
    assert finding.mend == "make deploy"


# ---------------------------------------------------------------------------- what may not be seen


def test_a_missing_permission_is_a_finding_and_the_others_are_looked_at(
    engine: Engine, at: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As who has Notify's role, which may look at next to nothing."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", at.notify_function_name)
    secret = engine.keys.secret_of(at.notify_function_name)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    monkeypatch.setattr(
        engine.authorizer, "check", _forbid("ssm", "GetParameter", "ssm:GetParameter")
    )
    finding = only(Deployment(at.stack, at.endpoint), "unknown", "presets")
    assert finding.says == "Could not look at presets: needs ssm:GetParameter."
    assert "docs/operations.md" in finding.mend


def _forbid(service: str, operation: str, action: str) -> Callable[[Any], ServiceError | None]:
    def check(call: Any) -> ServiceError | None:
        if (call.service, call.operation) != (service, operation):
            return None
        says = f"User: me is not authorized to perform: {action} on resource: any"
        return ServiceError(400, "AccessDeniedException", says)

    return check


def test_what_is_told_to_be_typed_is_one_shell_command_each(at: Deployment) -> None:
    """A policy within a command survives the shell."""
    at.events.disable_rule(Name="darkroom-upload")
    finding = only(at, "broken", "rules")
    assert shlex.split(finding.mend)[:3] == ["aws", "events", "enable-rule"]
    mended(at, finding)


NAMES = {"monitoring": "cloudwatch"}
ACTIONS = {
    "s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "dynamodb:DescribeTable": "dynamodb:DescribeTable",
    "lambda:GetLayerVersionByArn": "lambda:GetLayerVersion",
}
"""Where IAM calls a service or an operation otherwise."""


def documented() -> set[str]:
    """Return the actions of the policy in the runbook."""
    text = (ROOT / "docs" / "operations.md").read_text().partition("## Does it work?")[2]
    (policy,) = re.findall(r"```json\n(.*?)```", text.partition("\n## ")[0], flags=re.DOTALL)
    return set(json.loads(policy)["Statement"][0]["Action"])


def test_every_call_is_in_the_policy_that_is_documented(at: Deployment) -> None:
    made: set[str] = set()
    fresh = Deployment(at.stack, at.endpoint)

    def note(model: Any, **_: Any) -> None:
        service = model.service_model.signing_name
        action = f"{NAMES.get(service, service)}:{model.name}"
        made.add(ACTIONS.get(action, action))

    fresh._session.register("before-call", note)
    examine(fresh)
    assert len(made) > 20
    assert made <= documented()
