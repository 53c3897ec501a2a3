"""S3: its events, whether a bucket sends them, and lists of versions."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from moto.core.responses import ActionResult
from moto.s3 import notifications
from moto.s3.exceptions import InvalidContinuationToken, NoSuchUpload, S3ClientError
from moto.s3.models import MultipartDict, S3Backend
from moto.s3.responses import S3Response

from darkroom_ops.engine import eventbridge
from darkroom_ops.engine.moto.hook import hook, services

Json = dict[str, Any]


@hook(
    notifications,
    "_send_event_bridge_message",
    (
        "Moto's events have one sequencer for all, ``eTag`` for ``etag``, and other reasons; and a "
        "multipart upload has two."
    ),
    report="S3's events to EventBridge differ from AWS's",
)
def send_event(account_id: str, bucket: Any, event_name: str, key: Any) -> None:
    if not event_name.startswith("s3:ObjectCreated:"):
        return
    reason = event_name.rpartition(":")[2]
    if reason == "Put" and key.multipart is not None:
        _completed.key = key  # that of the other event is by then perhaps a later upload's
        return
    if reason == "CompleteMultipartUpload":
        key = _completed.key
    versioned = bucket.versioning_status == "Enabled"
    event = eventbridge.object_created(
        account=account_id,
        region=bucket.region_name,
        bucket=bucket.name,
        key=key.name,
        size=key.size,
        etag=key.etag.strip('"'),
        version=key.version_id if versioned else None,
        reason=reason,
    )
    services().router.put(event)


_completed = threading.local()
"""The object of the upload that a thread completes, between moto's two events of it."""


@hook(
    MultipartDict,
    "__missing__",
    "Moto fails in a part of an upload that it does not know, such as one from before a restart.",
)
def unknown_upload(self: Any, upload: str) -> Any:  # noqa: ARG001 - it is in none
    raise NoSuchUpload(upload)


LONGEST_KEY = 1024
"""Of an object, in bytes of UTF-8 (S3 user guide, "Naming Amazon S3 objects")."""


@hook(
    S3Response,
    "parse_key_name",
    "Moto takes keys of any length.",
    report="An object's key may be of any length",
)
def key_name(self: Any) -> str:
    key: str = key_name.original(self)
    if len(key.encode(errors="surrogatepass")) > LONGEST_KEY:
        raise S3ClientError("KeyTooLongError", "Your key is too long")
    return key


@hook(
    S3Backend,
    "list_objects_v2",
    "Moto fails at a token that it has not given.",
    report="A wrong continuation token is no error of the client",
)
def list_objects(self: Any, *args: Any, continuation_token: str | None, **given: Any) -> Any:
    if continuation_token and continuation_token not in self._pagination_tokens:
        raise InvalidContinuationToken
    return list_objects.original(self, *args, continuation_token=continuation_token, **given)


names_bucket = hook(
    S3Response,
    "subdomain_based_buckets",
    "Moto asks four times a call, by eight patterns, whether the host names a bucket.",
)(staticmethod(lambda request: False))  # noqa: ARG005 - the gateway lets in this machine's only


@hook(
    S3Response,
    "get_bucket_notification",
    "Moto does not say that a bucket sends its events to EventBridge.",
    report="A bucket does not say that it sends events to EventBridge",
)
def bucket_notification(self: Any) -> Any:
    answer = bucket_notification.original(self)
    configured = self.backend.get_bucket_notification_configuration(self.bucket_name)
    if configured is None or configured.event_bridge is None:
        return answer
    status, headers, body = answer
    name, bridge = "NotificationConfiguration", "<EventBridgeConfiguration/>"
    opened = re.sub(rf"<({name}\b[^>]*)/>", rf"<\1></{name}>", body)
    return status, headers, opened.replace(f"</{name}>", f"{bridge}</{name}>")


@hook(
    S3Response,
    "list_object_versions",
    "Moto encodes no key here, and fails at one with a character that XML has no place for.",
    report="A list of versions does not encode its keys",
)
def list_versions(self: Any) -> Any:
    if self.querystring.get("encoding-type", [None])[0] != "url":
        return list_versions.original(self)

    def serialized(answer: ActionResult) -> Any:
        result = answer.result
        if not isinstance(result, dict):  # an error
            return type(self).serialized(self, answer)
        result["EncodingType"] = "url"
        for fields in (result, *_entries(result)):
            for name in _ENCODED & set(fields):
                fields[name] = quote(fields[name] or "")
        return type(self).serialized(self, answer)

    self.serialized = serialized
    return list_versions.original(self)


_ENCODED = {"Delimiter", "Key", "KeyMarker", "NextKeyMarker", "Prefix"}
"""What EncodingType is for, by S3's reference of ListObjectVersions."""


def _entries(result: Json) -> Iterator[Json]:
    for name in ("Versions", "DeleteMarkers", "CommonPrefixes"):
        yield from result.get(name, ())
