"""SNS: e-mail and SMS are delivered to the engine's inbox."""

from __future__ import annotations

import datetime
import sys
from collections import deque
from typing import Any

from moto.sns.exceptions import SNSInvalidParameter
from moto.sns.models import SNSBackend, Subscription, Topic

from darkroom_ops.engine.inbox import Message
from darkroom_ops.engine.moto.hook import hook, services

WEB = {"http", "https"}


@hook(SNSBackend, "subscribe", "Moto would send what is published to any server of this machine.")
def subscribe(self: Any, topic_arn: str, endpoint: str, protocol: str) -> Any:
    if protocol in WEB:
        raise SNSInvalidParameter(
            f"Invalid parameter: Protocol: the engine sends nothing over {protocol}. Expected "
            "email, sms, sqs or lambda."
        )
    return subscribe.original(self, topic_arn, endpoint, protocol)


@hook(Subscription, "publish", "Moto drops what goes to e-mail and SMS; the engine has an inbox.")
def publish(self: Any, message: str, message_id: str, **given: Any) -> None:
    if self.protocol not in {"email", "sms"}:
        publish.original(self, message, message_id, **given)
        return
    attributes = given.get("message_attributes")
    matcher = self._filter_policy_matcher
    named = {
        sys.intern(name): sys.intern(str(value["Value"]))  # many messages have the same
        for name, value in (attributes or {}).items()
    }
    if matcher is not None and not matcher.matches(attributes, message):
        if self.protocol == "email":
            services().inbox.withhold(named)
        return
    if given.get("message_structure") == "json":
        message = self._parse_message_structure(message, self.protocol)
    subject = given.get("subject") or "AWS Notification Message"
    services().inbox.deliver(
        Message(
            topic=self.topic.name,
            protocol=self.protocol,
            recipient=self.endpoint,
            subject=subject if self.protocol == "email" else None,
            text=message,
            attributes=named,
            sender=self.topic.display_name or "AWS Notifications",
            subscription=self.arn,
            time=datetime.datetime.now(datetime.UTC),
            publication=message_id,
        )
    )


@hook(Topic, "__init__", "Moto remembers every message that was ever published.")
def topic(self: Any, *args: Any, **kwargs: Any) -> None:
    topic.original(self, *args, **kwargs)
    self.sent_notifications = deque(maxlen=0)
