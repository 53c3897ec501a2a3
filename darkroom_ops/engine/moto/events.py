"""EventBridge: rules deliver to every kind of target."""

from __future__ import annotations

from typing import Any

from moto.events.models import Rule

from darkroom_ops.engine.eventbridge import timestamp
from darkroom_ops.engine.moto.hook import hook, services


@hook(
    Rule,
    "send_to_targets",
    "Moto's rules have no Step Functions or SNS target, no retries, no dead-letter queue.",
)
def deliver(self: Any, original_event: Any, transform_input: bool = True) -> None:  # noqa: ARG001, FBT001, FBT002 - moto's signature
    event = dict(original_event)
    event.pop("ingestion-time", None)
    if isinstance(event["time"], (int, float)):
        event["time"] = timestamp(event["time"])
    services().router.send(self, event)
