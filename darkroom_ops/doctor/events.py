"""From an upload to an execution: the bucket, the rules, their targets and their permissions."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from darkroom.contract.arns import parse

from darkroom_ops.doctor.findings import Finding, Severity, permits, with_statement
from darkroom_ops.doctor.stack import Stack

EVENTS = "events.amazonaws.com"

BRIDGE_BEGINS = datetime.timedelta(minutes=5)
"""S3 user guide, "Enabling Amazon EventBridge": how long it takes until events are sent."""


def bucket(stack: Stack) -> Iterator[Finding]:
    """Look whether the source bucket sends its events, and has for long enough."""
    name = stack.at.source_bucket_name
    said = stack.at.s3.get_bucket_notification_configuration(Bucket=name)
    if said.get("EventBridgeConfiguration") is None:
        others = {key: value for key, value in said.items() if key != "ResponseMetadata" and value}
        wanted = json.dumps(others | {"EventBridgeConfiguration": {}})
        yield Finding(
            "broken",
            "bucket",
            f"The bucket {name} sends no events to EventBridge: uploads start nothing.",
            stack.aws(
                "s3api",
                "put-bucket-notification-configuration",
                "--bucket",
                name,
                "--notification-configuration",
                wanted,
            ),
        )
        return
    since = _since(stack, name)
    if stack.at.endpoint is None and since is not None:
        begins = since + BRIDGE_BEGINS
        if begins > datetime.datetime.now(datetime.UTC):
            yield Finding(
                "warning",
                "bucket",
                f"The bucket {name} sends events to EventBridge since {since:%H:%M:%S} UTC only: "
                "what is uploaded in the first five minutes may start nothing.",
                f"Wait until {begins:%H:%M} UTC; then {stack.darkroom('audit')} finds what was "
                "missed.",
            )


def _since(stack: Stack, bucket: str) -> datetime.datetime | None:
    """Return when the bucket's notifications were last set; None where nobody knows.

    CloudTrail remembers 90 days, and takes some minutes to show a call; until then, the stack knows
    when it made the bucket.
    """
    made: list[datetime.datetime] = [
        each["LastUpdatedTimestamp"]
        for each in stack.resources
        if each["PhysicalResourceId"] == bucket
    ]
    try:
        found = stack.at.cloudtrail.lookup_events(
            LookupAttributes=[{"AttributeKey": "ResourceName", "AttributeValue": bucket}]
        )["Events"]
    except (ClientError, BotoCoreError):
        found = []
    made += [e["EventTime"] for e in found if e["EventName"].startswith("PutBucketNotification")]
    return max(made, default=None)


def rules(stack: Stack) -> Iterator[Finding]:
    """Look whether every rule is enabled, watches the right thing, and reaches its targets."""
    events = stack.at.events
    named = dict.fromkeys([stack.at.upload_rule_name, *stack.of_type("AWS::Events::Rule")])
    for name in named:
        upload = name == stack.at.upload_rule_name
        lost = "uploads start nothing" if upload else "nobody hears of executions that just end"
        try:
            rule = events.describe_rule(Name=name)
        except events.exceptions.ResourceNotFoundException:
            yield Finding(
                "broken", "rules", f"The rule {name} is gone: {lost}.", stack.undo_drift()
            )
            continue
        if rule["State"] == "DISABLED":
            yield Finding(
                "broken",
                "rules",
                f"The rule {name} is disabled: {lost}.",
                stack.aws("events", "enable-rule", "--name", name),
            )
        if upload and not _watches(stack, rule):
            yield Finding(
                "broken",
                "rules",
                f"The rule {name} does not watch {stack.at.source_prefix!r} of the bucket "
                f"{stack.at.source_bucket_name}: uploads there start nothing.",
                stack.undo_drift(),
            )
        yield from _targets(stack, rule, lost)


def _watches(stack: Stack, rule: Mapping[str, Any]) -> bool:
    detail = json.loads(rule.get("EventPattern", "{}")).get("detail", {})
    buckets = detail.get("bucket", {}).get("name", [])
    keys = detail.get("object", {}).get("key", [])
    prefixes = [each["prefix"] for each in keys if isinstance(each, dict) and "prefix" in each]
    prefix = stack.at.source_prefix
    return stack.at.source_bucket_name in buckets and prefix in (prefixes or [""])


def _targets(stack: Stack, rule: Mapping[str, Any], lost: str) -> Iterator[Finding]:
    targets = stack.at.events.list_targets_by_rule(Rule=rule["Name"]).get("Targets", [])
    if not targets:
        yield Finding(
            "broken", "rules", f"The rule {rule['Name']} has no target: {lost}.", stack.undo_drift()
        )
    for target in targets:
        service = parse(target["Arn"]).service
        if "RoleArn" in target:
            yield from missing(
                stack,
                "rules",
                target["RoleArn"],
                "states:StartExecution",
                target["Arn"],
                f"The rule {rule['Name']} may not start {parse(target['Arn']).name}: {lost}.",
            )
        elif service == "lambda":
            yield from _may_invoke(stack, rule, target["Arn"], lost)
        elif service == "sqs":
            yield from _may_send(stack, rule, target["Arn"], f"{lost}.")
        letters = target.get("DeadLetterConfig", {}).get("Arn")
        if letters is None:
            yield Finding(
                "warning",
                "rules",
                f"The rule {rule['Name']} has no dead-letter queue: what it cannot deliver is "
                "lost after a day.",
                stack.undo_drift(),
            )
        else:
            yield from _may_send(stack, rule, letters, "what it cannot deliver is lost.")


def _may_invoke(stack: Stack, rule: Mapping[str, Any], arn: str, lost: str) -> Iterator[Finding]:
    try:
        policy = stack.at.lambda_.get_policy(FunctionName=arn)["Policy"]
    except stack.at.lambda_.exceptions.ResourceNotFoundException:
        policy = ""
    if not permits(policy, EVENTS, "lambda:InvokeFunction", rule["Arn"]):
        yield Finding(
            "broken",
            "rules",
            f"The rule {rule['Name']} may not invoke {parse(arn).name}: {lost}.",
            stack.aws(
                "lambda",
                "add-permission",
                "--function-name",
                arn,
                "--statement-id",
                "Events",
                "--action",
                "lambda:InvokeFunction",
                "--principal",
                EVENTS,
                "--source-arn",
                rule["Arn"],
            ),
        )


def _may_send(stack: Stack, rule: Mapping[str, Any], arn: str, lost: str) -> Iterator[Finding]:
    name = parse(arn).name
    sqs = stack.at.sqs
    try:
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    except sqs.exceptions.QueueDoesNotExist:
        yield Finding("broken", "rules", f"The queue {name} is gone: {lost}", stack.undo_drift())
        return
    said = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
    policy = said.get("Attributes", {}).get("Policy", "")
    if permits(policy, EVENTS, "sqs:SendMessage", rule["Arn"]):
        return
    wanted = with_statement(
        policy,
        {
            "Sid": f"Doctor{rule['Name'].title().replace('-', '')}",
            "Effect": "Allow",
            "Principal": {"Service": EVENTS},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": rule["Arn"]}},
        },
    )
    yield Finding(
        "broken",
        "rules",
        f"The rule {rule['Name']} may not send to the queue {name}: {lost}",
        stack.aws(
            "sqs",
            "set-queue-attributes",
            "--queue-url",
            url,
            "--attributes",
            json.dumps({"Policy": wanted}),
        ),
    )


def missing(
    stack: Stack,
    check: str,
    role: str,
    action: str,
    resource: str,
    says: str,
    severity: Severity = "broken",
) -> Iterator[Finding]:
    """Yield a finding when a role lacks a right, by IAM's own judgement.

    IAM user guide, "Policy simulator": boundaries and service control policies count, policies of
    resources do not, so that a bucket's refusal is only seen by the smoke test.
    """
    iam = stack.at.iam
    name = parse(role).name.rpartition("/")[2]
    try:
        results = iam.simulate_principal_policy(
            PolicySourceArn=role, ActionNames=[action], ResourceArns=[resource]
        )["EvaluationResults"]
    except iam.exceptions.NoSuchEntityException:
        yield Finding(severity, check, f"{says} Its role {name} is gone.", stack.undo_drift())
        return
    if all(each["EvalDecision"] == "allowed" for each in results):
        return
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    resource_name = parse(resource).name.rpartition("/")[2]  # a policy for each, as each is put
    yield Finding(
        severity,
        check,
        f"{says} Its role {name} lacks {action}.",
        stack.aws(
            "iam",
            "put-role-policy",
            "--role-name",
            name,
            "--policy-name",
            f"Doctor-{action.replace(':', '-')}-{resource_name}",
            "--policy-document",
            document,
        ),
    )


def steps(stack: Stack) -> Iterator[Finding]:
    """Look whether state machines may call what they call, and Notify may tell people."""
    at, role = stack.at, stack.machine["roleArn"]
    for output in ("Prepare", "Resize", "MakePdf", "BackupOriginal", "Notify"):
        name = at.outputs[f"{output}FunctionName"]
        arn = stack.function(name)["Configuration"]["FunctionArn"]
        yield from missing(
            stack,
            "steps",
            role,
            "lambda:InvokeFunction",
            arn,
            f"The state machine may not call {name}: every image fails.",
        )
    table = at.dynamodb.describe_table(TableName=at.images_table_name)["Table"]["TableArn"]
    yield from missing(
        stack,
        "steps",
        role,
        "dynamodb:UpdateItem",
        table,
        "The state machine may not write records: every image fails.",
    )
    notify = stack.function(at.notify_function_name)["Configuration"]
    for topic in (at.notifications_topic_arn, at.alerts_topic_arn):
        yield from missing(
            stack,
            "steps",
            notify["Role"],
            "sns:Publish",
            topic,
            f"Notify may not publish to {parse(topic).name}: nobody is told.",
        )
    yield from missing(
        stack,
        "steps",
        notify["Role"],
        "kms:GenerateDataKey",
        at.key_arn,
        "Notify may not encrypt messages with the stack's key: nobody is told.",
    )
    yield from _summary(stack, notify)


def _summary(stack: Stack, notify: Mapping[str, Any]) -> Iterator[Finding]:
    """Look whether Notify may start the summary of alerts, and that may call Notify."""
    if stack.parameters.get("SummarySeconds", "0") == "0":
        return
    arn = notify["Environment"]["Variables"]["SUMMARY_MACHINE"]
    name = parse(arn).name
    alone = "people get each alert by itself, however many there are."
    yield from missing(
        stack,
        "steps",
        notify["Role"],
        "states:StartExecution",
        arn,
        f"Notify may not start {name}: {alone}",
        "warning",
    )
    stepfunctions = stack.at.stepfunctions
    try:
        machine = stepfunctions.describe_state_machine(stateMachineArn=arn)
    except stepfunctions.exceptions.StateMachineDoesNotExist:
        says = f"The state machine {name} is gone: {alone}"
        yield Finding("warning", "steps", says, stack.undo_drift())
        return
    yield from missing(
        stack,
        "steps",
        machine["roleArn"],
        "lambda:InvokeFunction",
        notify["FunctionArn"],
        f"{name} may not call {notify['FunctionName']}: nobody is told of the alerts that wait for "
        "their summary.",
    )


def buffer(stack: Stack) -> Iterator[Finding]:
    """Look whether something takes the uploads out of the buffer, if there is one, and may."""
    if "BufferQueueUrl" not in stack.at.outputs:
        return
    if stack.parameters.get("BufferConcurrency", "0") == "0":
        return
    url = stack.at.outputs["BufferQueueUrl"]
    said = stack.at.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    found = stack.at.lambda_.list_event_source_mappings(
        EventSourceArn=said["Attributes"]["QueueArn"]
    )["EventSourceMappings"]
    if not found:
        yield Finding(
            "broken",
            "buffer",
            "Nothing takes uploads out of the buffer: they wait.",
            stack.undo_drift(),
        )
    express = stack.parameters.get("WorkflowType") == "EXPRESS"
    for each in found:
        start = stack.at.lambda_.get_function(FunctionName=each["FunctionArn"])["Configuration"]
        yield from missing(
            stack,
            "buffer",
            start["Role"],
            "states:StartSyncExecution" if express else "states:StartExecution",
            stack.at.state_machine_arn,
            f"{start['FunctionName']} may not start {parse(stack.at.state_machine_arn).name}: "
            "uploads end with the dead letters.",
        )
        if each["State"] not in {"Enabled", "Enabling", "Updating", "Creating"}:
            yield Finding(
                "broken",
                "buffer",
                f"The buffer's event source mapping is {each['State'].lower()}: uploads wait.",
                stack.aws(
                    "lambda", "update-event-source-mapping", "--uuid", each["UUID"], "--enabled"
                ),
            )
