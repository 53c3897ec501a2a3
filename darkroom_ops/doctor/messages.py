"""From an outcome to a person: subscriptions, SMS, topics, and the key that encrypts them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from darkroom.contract.arns import parse

from darkroom_ops.doctor.findings import Finding, permits, with_statement
from darkroom_ops.doctor.stack import Stack

ALARMS = "cloudwatch.amazonaws.com"
EVENTS = "events.amazonaws.com"

PENDING = {"PendingConfirmation", "Deleted"}
"""What stands in place of a subscription's ARN (ListSubscriptionsByTopic, API reference)."""

SPENDS_USD = 1
"""SNS developer guide, "Requesting increases": what an account may spend on SMS in a month, unless
asked for."""


def subscriptions(stack: Stack) -> Iterator[Finding]:
    """Look whether somebody is told of failures, and all who shall be told have said yes."""
    at = stack.at
    for topic, what, lost in (
        (at.alerts_topic_arn, "alerts", "failure"),
        (at.alarms_topic_arn, "alarms", "alarm"),
        (at.notifications_topic_arn, "messages", ""),
    ):
        found = _subscribed(stack, topic)
        confirmed = [each for each in found if each["SubscriptionArn"] not in PENDING]
        for each in found:
            if each["SubscriptionArn"] in PENDING:
                again = stack.aws(
                    "sns",
                    "subscribe",
                    "--topic-arn",
                    topic,
                    "--protocol",
                    each["Protocol"],
                    "--notification-endpoint",
                    each["Endpoint"],
                )
                yield Finding(
                    "broken" if lost and not confirmed else "warning",
                    "subscriptions",
                    f"{each['Endpoint']} gets no {what}: the subscription is not confirmed.",
                    "Click the link in the mail from no-reply@sns.amazonaws.com. Another mail: "
                    f"{again}",
                )
        if lost and not found:
            yield Finding(
                "broken",
                "subscriptions",
                f"Nobody is subscribed to {parse(topic).name}: no {lost} reaches anybody.",
                stack.aws(
                    "sns",
                    "subscribe",
                    "--topic-arn",
                    topic,
                    "--protocol",
                    "email",
                    "--notification-endpoint",
                    "YOU@example.com",
                ),
            )


def _subscribed(stack: Stack, topic: str) -> list[Any]:
    pages = stack.at.sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    return [each for page in pages for each in page["Subscriptions"]]


def sms(stack: Stack) -> Iterator[Finding]:
    """Look whether SNS sends to the phones that are subscribed."""
    at = stack.at
    topics = (at.alerts_topic_arn, at.alarms_topic_arn, at.notifications_topic_arn)
    phones = dict.fromkeys(
        each["Endpoint"]
        for topic in topics
        for each in _subscribed(stack, topic)
        if each["Protocol"] == "sms"
    )
    if not phones:
        return
    sns = stack.at.sns
    if sns.get_sms_sandbox_account_status()["IsInSandbox"]:
        verified = {
            each["PhoneNumber"]
            for page in sns.get_paginator("list_sms_sandbox_phone_numbers").paginate()
            for each in page["PhoneNumbers"]
            if each["Status"] == "Verified"
        }
        for phone in phones:
            if phone not in verified:
                yield Finding(
                    "warning",
                    "sms",
                    f"{phone} gets no SMS: this account is in SNS's SMS sandbox, and the number is "
                    "not verified.",
                    stack.aws("sns", "create-sms-sandbox-phone-number", "--phone-number", phone)
                    + " && "
                    + stack.aws(
                        "sns",
                        "verify-sms-sandbox-phone-number",
                        "--phone-number",
                        phone,
                        "--one-time-password",
                        "CODE",
                    ),
                )
    limit = sns.get_sms_attributes()["attributes"].get("MonthlySpendLimit")
    if limit is not None and float(limit) <= SPENDS_USD:
        yield Finding(
            "warning",
            "sms",
            f"SNS sends SMS for ${float(limit):g} a month, and then none until the month ends.",
            "Ask AWS Support for a higher SMS spending quota; then: "
            + stack.aws("sns", "set-sms-attributes", "--attributes", "MonthlySpendLimit=20"),
        )


def topics(stack: Stack) -> Iterator[Finding]:
    """Look whether alarms may publish to the alerts topic."""
    topic = stack.at.alarms_topic_arn
    policy = stack.at.sns.get_topic_attributes(TopicArn=topic)["Attributes"].get("Policy", "")
    prefix = topic.replace(":sns:", ":cloudwatch:").rpartition(":")[0] + ":alarm:"
    if not permits(policy, ALARMS, "sns:Publish", f"{prefix}{stack.at.stack}-failing"):
        account = parse(topic).account
        wanted = with_statement(
            policy,
            {
                "Sid": "AlarmsMayAlert",
                "Effect": "Allow",
                "Principal": {"Service": ALARMS},
                "Action": "sns:Publish",
                "Resource": topic,
                "Condition": {"StringEquals": {"aws:SourceAccount": account}},
            },
        )
        yield Finding(
            "broken",
            "topics",
            f"Alarms may not publish to {parse(topic).name}: nobody hears of them.",
            stack.aws(
                "sns",
                "set-topic-attributes",
                "--topic-arn",
                topic,
                "--attribute-name",
                "Policy",
                "--attribute-value",
                wanted,
            ),
        )


def key(stack: Stack) -> Iterator[Finding]:
    """Look whether the key is enabled, and lets in who publishes to what it encrypts."""
    key_id = parse(stack.at.key_arn).resource.removeprefix("key/")
    kms = stack.at.kms
    state = kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"]
    if state != "Enabled":
        mend = stack.aws("kms", "enable-key", "--key-id", key_id)
        if state == "PendingDeletion":
            mend = f"{stack.aws('kms', 'cancel-key-deletion', '--key-id', key_id)} && {mend}"
        yield Finding(
            "broken", "key", f"The key of the stack is {state}: no message is sent.", mend
        )
    policy = kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"]
    wanted = {
        "AlarmsToTheTopic": (ALARMS, "no alarm reaches anybody"),
        "EventsToTheQueues": (EVENTS, "no event reaches an encrypted queue"),
    }
    if stack.parameters.get("KeyScope") == "everything":
        wanted["Logs"] = (f"logs.{stack.at.region}.amazonaws.com", "functions log nothing")
    for sid, (service, lost) in wanted.items():
        if not permits(policy, service, "kms:Decrypt"):
            statement = {
                "Sid": sid,
                "Effect": "Allow",
                "Principal": {"Service": service},
                "Resource": "*",
                "Action": ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"],
            }
            yield Finding(
                "broken",
                "key",
                f"The policy of the key does not let {service} use it: {lost}.",
                stack.aws(
                    "kms",
                    "put-key-policy",
                    "--key-id",
                    key_id,
                    "--policy-name",
                    "default",
                    "--policy",
                    json.dumps(json.loads(with_statement(policy, statement))),
                ),
            )
