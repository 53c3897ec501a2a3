"""S3: its events."""

from __future__ import annotations

from typing import Any

from moto.s3 import notifications

from darkroom_ops.engine import eventbridge
from darkroom_ops.engine.moto.hook import hook, services


@hook(
    notifications,
    "_send_event_bridge_message",
    "Moto's events have one sequencer for all, ``eTag`` for ``etag``, and other reasons.",
    report="S3's events to EventBridge differ from AWS's",
)
def send_event(account_id: str, bucket: Any, event_name: str, key: Any) -> None:
    if not event_name.startswith("s3:ObjectCreated:"):
        return
    versioned = bucket.versioning_status == "Enabled"
    event = eventbridge.object_created(
        account=account_id,
        region=bucket.region_name,
        bucket=bucket.name,
        key=key.name,
        size=key.size,
        etag=key.etag.strip('"'),
        version=key.version_id if versioned else None,
        reason=event_name.rpartition(":")[2],
    )
    services().router.put(event)
