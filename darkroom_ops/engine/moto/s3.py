"""S3: its events, whether a bucket sends them, and where the bytes of objects are."""

from __future__ import annotations

import os
import re
import tempfile
import threading
from typing import Any

from moto.s3 import models, notifications
from moto.s3.responses import S3Response

from darkroom_ops.engine import eventbridge
from darkroom_ops.engine.moto.hook import hook, services


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


class Arena:
    """A nameless file of many objects' bytes, which ends with the process however that ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._file: int | None = None
        self._end = self._bodies = 0

    def add(self, content: bytes) -> int:
        """Write what a body is, and return where it begins."""
        with self._lock:
            if self._file is None:
                self._file, path = tempfile.mkstemp()
                os.unlink(path)  # noqa: PTH108 - a text
            start, self._end = self._end, self._end + len(content)
            self._bodies += 1
        written = 0
        while written < len(content):
            written += os.pwrite(self._file, content[written:], start + written)
        return start

    def read(self, start: int, size: int) -> bytes:
        """Return bytes that were written."""
        return b"" if self._file is None else os.pread(self._file, max(0, size), start)

    def drop(self) -> None:
        """Forget a body; the space of all is free when none is left."""
        with self._lock:
            self._bodies -= 1
            if not self._bodies and self._file is not None:
                self._end = 0
                os.truncate(self._file, 0)


_arena = Arena()


@hook(
    models,
    "tempfile",
    "Moto keeps objects of up to 16 MiB in memory, and a file open for each that is larger.",
)
class Bodies:
    """Stands for the module, of which moto uses `SpooledTemporaryFile` only."""

    class SpooledTemporaryFile:
        """The bytes of one object, written as a whole."""

        def __init__(self, max_size: int) -> None:  # noqa: ARG002 - moto's signature
            self._start: int | None = None
            self._size = self._position = 0

        def seek(self, position: int) -> None:
            """Read from here on."""
            self._position = position

        def truncate(self) -> None:
            """Be empty."""
            if self._start is not None:
                _arena.drop()
            self._start, self._size = None, 0

        close = truncate

        def write(self, content: bytes) -> None:
            """Take all there is to be."""
            self._start, self._size = _arena.add(content), len(content)

        def read(self, size: int | None = None) -> bytes:
            """Return the next bytes; all that follow, without a size."""
            left = self._size - self._position
            found = _arena.read((self._start or 0) + self._position, min(left, size or left))
            self._position += len(found)
            return found
