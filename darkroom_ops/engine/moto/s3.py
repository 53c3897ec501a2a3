"""S3: its events, whether a bucket sends them, and lists of versions."""

from __future__ import annotations

import datetime
import hashlib
import re
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from moto.core.responses import ActionResult
from moto.s3 import models, notifications
from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeKey
from moto.s3.responses import S3Response

from darkroom_ops.deployment import DEFAULT_REGION
from darkroom_ops.engine import eventbridge
from darkroom_ops.engine.backends import ACCOUNT
from darkroom_ops.engine.moto.hook import hook, services
from darkroom_ops.engine.spool import Spooled

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
    models,
    "tempfile",
    "Moto keeps objects of less than 5 MB in memory, and has a file open for each larger one.",
)
class Files:
    """Stands for the module, of which moto uses `SpooledTemporaryFile` only."""

    SpooledTemporaryFile = Spooled


PLAIN: Json = {
    "_transitions": [(None, "IN_PROGRESS"), ("IN_PROGRESS", "RESTORED")],
    "_status": None,
    "_tick": 0,
    "model_name": "s3::keyrestore",
    "account_id": ACCOUNT,
    "region_name": DEFAULT_REGION,
    "partition": "aws",
    "website_redirect_location": None,
    "checksum_algorithm": None,
    "_storage_class": "STANDARD",
    "_expiry": None,
    "_is_versioned": True,
    "multipart": None,
    "_max_buffer_size": models.get_s3_default_key_buffer_size(),
    "disposed": False,
    "encryption": None,
    "kms_key_id": None,
    "bucket_key_enabled": None,
    "lock_mode": None,
    "lock_legal_status": None,
    "lock_until": None,
    "checksum_value": None,
    "checksum_type": None,
    "checksum_parts": None,
}
"""What moto says of most objects."""

_SAME: Json = {"acl": models.get_canned_acl("private"), "_time_progressed": datetime.datetime.min}
"""What it says of all when they are made; the time is that of a change which nobody asks for."""

_OF_MOST = "Moto says some thirty things of each object, nearly all of which are true of every one."


@hook(FakeKey, "__init__", _OF_MOST)
def key(self: Any, *args: Any, **kwargs: Any) -> None:
    key.original(self, *args, **kwargs)
    value = kwargs.get("value")
    if self._etag is None and isinstance(value, bytes):  # else it would be read again for it
        self._etag = hashlib.md5(value, usedforsecurity=False).hexdigest()
    self.__dict__ = {
        name: value
        for name, value in vars(self).items()
        if name not in _SAME and (name not in PLAIN or PLAIN[name] != value)
    }


@hook(FakeKey, "__getattr__", _OF_MOST)
def of_most(self: Any, name: str) -> Any:  # noqa: ARG001 - its own attributes come first
    for said in (PLAIN, _SAME):
        if name in said:
            return said[name]
    raise AttributeError(name)


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
