"""What people are sent comes into the inbox."""

from __future__ import annotations

import datetime
import json
from types import SimpleNamespace
from typing import Any

import pytest
from moto.ses.models import ses_backends
from moto.sns.exceptions import SNSInvalidParameter
from moto.sns.models import SNSBackend, Topic, sns_backends

from darkroom_ops.engine.moto import sns
from tests.support.aws import client
from tests.unit.engine.moto.lab import ACCOUNT, REGION, Lab
from tests.unit.engine.moto.probes import probe


def subscription(protocol: str, **more: Any) -> Any:
    given = {
        "protocol": protocol,
        "endpoint": "you@example.com",
        "arn": "arn:aws:sns:us-east-1:1:t:1",
        "topic": SimpleNamespace(name="t", display_name="Darkroom"),
        "_filter_policy_matcher": None,
        "_parse_message_structure": lambda text, protocol: json.loads(text)[protocol],
    }
    return SimpleNamespace(**(given | more))


def test_an_email_is_delivered_to_the_inbox(lab: Lab) -> None:
    attributes = {"outcome": {"Type": "String", "Value": "FAILED"}, "n": {"Value": 3}}
    sns.publish.replacement(
        subscription("email"), "text", "id", subject="s", message_attributes=attributes
    )
    (message,) = lab.inbox.messages()
    age = datetime.datetime.now(datetime.UTC) - message.time
    assert datetime.timedelta(0) <= age < datetime.timedelta(minutes=1)
    assert (message.topic, message.protocol, message.recipient) == ("t", "email", "you@example.com")
    assert (message.subject, message.text, message.sender) == ("s", "text", "Darkroom")
    assert message.attributes == {"outcome": "FAILED", "n": "3"}
    assert message.subscription == "arn:aws:sns:us-east-1:1:t:1"
    assert message.publication == "id"


def test_messages_share_what_is_said_of_all(lab: Lab) -> None:
    for number in range(2):
        attributes = json.loads('{"outcome": {"Value": "FAILED again"}}')
        sns.publish.replacement(
            subscription("sms"), str(number), "id", message_attributes=attributes
        )
    one, other = (next(iter(each.attributes.items())) for each in lab.inbox.messages())
    assert [a is b for a, b in zip(one, other, strict=True)] == [True, True]


def test_a_message_has_what_sns_gives_by_default(lab: Lab) -> None:
    unnamed = {"topic": SimpleNamespace(name="t", display_name="")}
    sns.publish.replacement(subscription("email", **unnamed), "text", "id")
    sns.publish.replacement(subscription("sms", **unnamed), "text", "id", subject="s")
    email, sms = lab.inbox.messages()
    assert (email.subject, email.sender) == ("AWS Notification Message", "AWS Notifications")
    assert (sms.subject, sms.attributes) == (None, {})


def test_each_protocol_gets_its_variant(lab: Lab) -> None:
    text = json.dumps({"email": "long", "sms": "short"})
    for protocol in ("email", "sms"):
        sns.publish.replacement(subscription(protocol), text, "id", message_structure="json")
    assert [message.text for message in lab.inbox.messages()] == ["long", "short"]


def test_a_filter_policy_decides(lab: Lab) -> None:
    matcher = SimpleNamespace(
        matches=lambda attributes, message: attributes["a"]["Value"] == message
    )
    filtered = subscription("sms", _filter_policy_matcher=matcher)
    attributes = {"a": {"Value": "yes"}}
    for message in ("yes", "no"):
        sns.publish.replacement(filtered, message, "id", message_attributes=attributes)
    assert [message.text for message in lab.inbox.messages()] == ["yes"]


def test_an_email_that_a_filter_policy_keeps_back_is_counted_and_an_sms_is_not(lab: Lab) -> None:
    matcher = SimpleNamespace(matches=lambda *_: False)
    for protocol in ("email", "sms"):
        kept_back = subscription(protocol, _filter_policy_matcher=matcher)
        attributes = {"execution": {"Value": f"arn:{protocol}"}}
        sns.publish.replacement(kept_back, "any", "id", message_attributes=attributes)
    assert lab.inbox.per_execution() == {"arn:email": 1}
    assert lab.inbox.messages() == []


def test_other_protocols_are_motos(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[Any] = []
    queue = subscription("sqs")
    given = {
        "subject": "s",
        "message_attributes": {"a": "b"},
        "message_structure": "json",
        "group_id": "g",
    }
    with monkeypatch.context() as patch:  # moto gets back what stands here when the lab ends
        patch.setattr(sns.publish, "original", lambda *args, **more: passed.append((args, more)))
        sns.publish.replacement(queue, "text", "id", **given)
    assert passed == [((queue, "text", "id"), given)]
    assert lab.inbox.messages() == []


@probe(sns.publish)
def test_plain_moto_drops_an_email() -> bool:
    """An e-mail is nowhere: not with the subscription, and not with SES."""
    topics = client("sns")
    topic = topics.create_topic(Name="probe")["TopicArn"]
    topics.subscribe(TopicArn=topic, Protocol="email", Endpoint="you@example.com")
    topics.publish(TopicArn=topic, Message="a message to nobody")
    backend = sns_backends[ACCOUNT][REGION]
    (subscription,) = backend.subscriptions.values()
    kept = [vars(subscription), ses_backends[ACCOUNT][REGION].sent_messages]
    return "a message to nobody" not in repr(kept)


@pytest.mark.parametrize("protocol", ["http", "https"])
def test_no_server_of_this_machine_is_subscribed(protocol: str) -> None:
    with pytest.raises(SNSInvalidParameter, match=f"sends nothing over {protocol}"):
        sns.subscribe.replacement("backend", "arn", "any", protocol)


def test_others_are_subscribed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sns.subscribe, "original", lambda *given: given)
    given = ("backend", "arn", "you@example.com", "email")
    assert sns.subscribe.replacement(*given) == given


@probe(sns.subscribe)
def test_plain_moto_subscribes_any_server() -> bool:
    topic = client("sns").create_topic(Name="t")["TopicArn"]
    given = {"TopicArn": topic, "Protocol": "http", "Endpoint": "http://127.0.0.1:1"}
    return "SubscriptionArn" in client("sns").subscribe(**given)


def remembered() -> list[object]:
    topic = Topic("t", SNSBackend(REGION, ACCOUNT))
    topic.sns_backend = SimpleNamespace(list_subscriptions_by_topic=lambda **_: ([], None))  # type: ignore[assignment]
    topic.publish("any")
    return list(topic.sent_notifications)


def test_what_was_published_is_let_go_of(lab: Lab) -> None:
    assert remembered() == []


@probe(sns.topic)
def test_plain_moto_remembers_what_was_published() -> bool:
    return remembered() != []
