"""What the doctor says of the way from an outcome to a person."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from tests.unit.doctor.conftest import ARN, OUTPUTS, Account

PLACE = "--region us-east-1"
YES = {"SubscriptionArn": "arn:confirmed", "Protocol": "email", "Endpoint": "a@example.com"}
PENDING = {"SubscriptionArn": "PendingConfirmation", "Protocol": "sms", "Endpoint": "+15550100"}
DELETED = PENDING | {"SubscriptionArn": "Deleted"}


def subscribed(account: Account, **found: list[dict[str, str]]) -> None:
    for topic in ("Alerts", "Alarms", "Notifications"):
        account.answers(
            "sns",
            "list_subscriptions_by_topic",
            {"Subscriptions": found.get(topic, [YES])},
            TopicArn=OUTPUTS[f"{topic}TopicArn"],
        )


def test_everybody_is_told(account: Account) -> None:
    subscribed(account)
    assert account.check("subscriptions") == []


def test_nobody_need_hear_of_successes(account: Account) -> None:
    subscribed(account, Notifications=[])
    assert account.check("subscriptions") == []


@pytest.mark.parametrize(
    ("topic", "says"),
    [
        ("Alerts", "Nobody is subscribed to photos-alerts: no failure reaches anybody."),
        ("Alarms", "Nobody is subscribed to photos-alarms: no alarm reaches anybody."),
    ],
)
def test_nobody_is_told_of_what_breaks(account: Account, topic: str, says: str) -> None:
    subscribed(account, **{topic: []})
    severity, said, mend = account.finding("subscriptions")
    assert (severity, said) == ("broken", says)
    assert mend == (
        f"aws sns subscribe --topic-arn {OUTPUTS[f'{topic}TopicArn']} --protocol email "
        f"--notification-endpoint YOU@example.com {PLACE}"
    )


@pytest.mark.parametrize("gone", [PENDING, DELETED], ids=["pending", "deleted"])
@pytest.mark.parametrize(
    ("topic", "others", "severity", "says"),
    [
        ("Alerts", [], "broken", "+15550100 gets no alerts"),
        ("Alerts", [YES], "warning", "+15550100 gets no alerts"),
        ("Alarms", [], "broken", "+15550100 gets no alarms"),
        ("Notifications", [], "warning", "+15550100 gets no messages"),
    ],
)
def test_who_has_not_said_yes_hears_nothing(
    account: Account,
    gone: dict[str, str],
    topic: str,
    others: list[dict[str, str]],
    severity: str,
    says: str,
) -> None:
    """It is broken where nobody else hears of what breaks."""
    subscribed(account, **{topic: [*others, gone]})
    assert account.finding("subscriptions") == (
        severity,
        f"{says}: the subscription is not confirmed.",
        (
            "Click the link in the mail from no-reply@sns.amazonaws.com. Another mail: aws sns "
            f"subscribe --topic-arn {OUTPUTS[f'{topic}TopicArn']} --protocol sms "
            f"--notification-endpoint +15550100 {PLACE}"
        ),
    )


def test_phones_of_every_topic_are_looked_at_once_and_nothing_but_phones(account: Account) -> None:
    phones = [PENDING | {"Endpoint": f"+1555010{number}"} for number in range(3)]
    subscribed(
        account, Alerts=phones[:1], Alarms=[*phones[:2], YES], Notifications=[*phones[1:], YES]
    )
    account.answers("sns", "get_sms_sandbox_account_status", {"IsInSandbox": True})
    account.answers("sns", "list_sms_sandbox_phone_numbers", {"PhoneNumbers": []})
    account.answers("sns", "get_sms_attributes", {"attributes": {"MonthlySpendLimit": "2"}})
    found = account.check("sms")
    assert [each.says.partition(" ")[0] for each in found] == [e["Endpoint"] for e in phones]
    assert {each.severity for each in found} == {"warning"}
    assert {each.check for each in found} == {"sms"}


def test_little_money_for_sms_is_a_warning(account: Account) -> None:
    subscribed(account, Alerts=[PENDING])
    account.answers("sns", "get_sms_sandbox_account_status", {"IsInSandbox": False})
    account.answers("sns", "get_sms_attributes", {"attributes": {"MonthlySpendLimit": "1"}})
    severity, _, mend = account.finding("sms")
    assert severity == "warning"
    assert mend == (
        "Ask AWS Support for a higher SMS spending quota; then: aws sns set-sms-attributes "
        f"--attributes MonthlySpendLimit=20 {PLACE}"
    )


# ---------------------------------------------------------------------------- policies

TOPIC = OUTPUTS["AlarmsTopicArn"]


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def let(service: str, action: str, **more: Any) -> dict[str, Any]:
    principal = {"Service": f"{service}.amazonaws.com"}
    return {"Sid": service, "Effect": "Allow", "Principal": principal, "Action": action} | more


def said(mend: str, option: str) -> str:
    words = shlex.split(mend)
    return words[words.index(option) + 1]


@pytest.mark.parametrize(
    ("alarm", "found"), [("photos-failing", 0), ("photos-*", 0), ("*", 0), ("another", 1)]
)
def test_alarms_publish_where_a_policy_names_them(account: Account, alarm: str, found: int) -> None:
    source = {"ArnLike": {"aws:SourceArn": ARN.format("cloudwatch", f"alarm:{alarm}")}}
    document = policy(let("cloudwatch", "sns:Publish", Condition=source))
    account.answers(
        "sns", "get_topic_attributes", {"Attributes": {"Policy": document}}, TopicArn=TOPIC
    )
    assert len(account.check("topics")) == found


def test_alarms_that_may_not_publish(account: Account) -> None:
    """The command keeps what the policy says else."""
    document = policy(let("events", "sns:Publish"))
    account.answers("sns", "get_topic_attributes", {"Attributes": {"Policy": document}})
    severity, says, mend = account.finding("topics")
    assert (severity, says) == (
        "broken",
        "Alarms may not publish to photos-alarms: nobody hears of them.",
    )
    assert mend.startswith(
        f"aws sns set-topic-attributes --topic-arn {TOPIC} --attribute-name Policy "
        "--attribute-value "
    )
    wanted = json.loads(said(mend, "--attribute-value"))
    assert [each["Sid"] for each in wanted["Statement"]] == ["events", "AlarmsMayAlert"]


def key(account: Account, state: str, *statements: dict[str, Any]) -> None:
    account.answers(
        "kms", "describe_key", {"KeyMetadata": {"KeyId": "1234", "KeyState": state}}, KeyId="1234"
    )
    account.answers(
        "kms", "get_key_policy", {"Policy": policy(*statements)}, KeyId="1234", PolicyName="default"
    )
    account.stack()


ENABLE = f"aws kms enable-key --key-id 1234 {PLACE}"
LETS = (let("cloudwatch", "kms:*"), let("events", "kms:Decrypt"))


@pytest.mark.parametrize(
    ("state", "mend"),
    [
        ("Disabled", ENABLE),
        ("PendingDeletion", f"aws kms cancel-key-deletion --key-id 1234 {PLACE} && {ENABLE}"),
    ],
)
def test_a_key_that_encrypts_nothing(account: Account, state: str, mend: str) -> None:
    key(account, state, *LETS)
    assert account.finding("key") == (
        "broken",
        f"The key of the stack is {state}: no message is sent.",
        mend,
    )


def test_a_key_that_lets_in_whoever_needs_it(account: Account) -> None:
    key(account, "Enabled", *LETS)
    assert account.check("key") == []


@pytest.mark.parametrize(
    ("lets", "says"),
    [
        (
            LETS[1],
            (
                "The policy of the key does not let cloudwatch.amazonaws.com use it: no alarm "
                "reaches anybody."
            ),
        ),
        (
            LETS[0],
            (
                "The policy of the key does not let events.amazonaws.com use it: no event "
                "reaches an encrypted queue."
            ),
        ),
    ],
)
def test_a_key_that_keeps_somebody_out(account: Account, lets: dict[str, Any], says: str) -> None:
    key(account, "Enabled", lets)
    severity, said_, mend = account.finding("key")
    assert (severity, said_) == ("broken", says)
    assert mend.startswith("aws kms put-key-policy --key-id 1234 --policy-name default --policy ")
    kept, added = json.loads(said(mend, "--policy"))["Statement"]
    assert kept == lets
    assert added["Principal"] != lets["Principal"]
