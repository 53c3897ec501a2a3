"""S3's objects: their bytes are in the spool, and what is said of each is packed."""

from __future__ import annotations

import datetime
import functools
import hashlib
import threading
import weakref
from collections import deque
from types import SimpleNamespace
from typing import Any

import msgspec
from moto.s3 import models
from moto.s3.models import FakeKey, S3Backend
from moto.utilities.tagging_service import TaggingService
from moto.utilities.utils import LowercaseDict

from darkroom_ops.deployment import DEFAULT_REGION
from darkroom_ops.engine.backends import ACCOUNT
from darkroom_ops.engine.moto.hook import hook
from darkroom_ops.engine.spool import Spooled

Json = dict[str, Any]


@hook(
    models,
    "tempfile",
    "Moto keeps objects of less than 5 MB in memory, and has a file open for each larger one.",
)
class Files:
    """Stands for the module, of which moto uses `SpooledTemporaryFile` only."""

    SpooledTemporaryFile = Spooled


SHARED: Json = {
    "acl": models.get_canned_acl("private"),
    "lock": None,  # whoever reads an object's bytes needs none
    "multipart": None,
    "_tick": 0,
    "_time_progressed": datetime.datetime.min,  # of a change which nobody asks for
    "_transitions": [(None, "IN_PROGRESS"), ("IN_PROGRESS", "RESTORED")],
    "disposed": False,
}
"""What moto says of all objects when they are made."""

PLAIN: Json = {
    "_status": None,
    "model_name": "s3::keyrestore",
    "account_id": ACCOUNT,
    "region_name": DEFAULT_REGION,
    "partition": "aws",
    "website_redirect_location": None,
    "checksum_algorithm": None,
    "_storage_class": "STANDARD",
    "_expiry": None,
    "_is_versioned": True,
    "_max_buffer_size": models.get_s3_default_key_buffer_size(),
    "encryption": None,
    "kms_key_id": None,
    "bucket_key_enabled": None,
    "lock_mode": None,
    "lock_legal_status": None,
    "lock_until": None,
    "checksum_value": None,
    "checksum_type": None,
    "checksum_parts": None,
    "bucket_name": None,
    "contentsize": 0,
    "last_modified": None,
    "_etag": None,
    "_metadata": {},
    "_version_id": None,
}
"""What it says of most. Where it says something else, that is packed, under the number in here."""

_NAMES = list(PLAIN)
_DATES = {"_expiry", "last_modified"}
_writing = threading.RLock()  # an object that is gone says so at any moment

NEW = 64
"""Objects that are not packed yet: much is said and asked of those made last."""

_new: deque[weakref.ref[Any]] = deque()

_OF_MOST = "Moto says some thirty things of each object, nearly all of which are true of every one."


class _Blank(FakeKey):  # type: ignore[misc]  # moto has no types
    """Is told what moto says of a new object, and has nothing to let go of."""

    __setattr__ = object.__setattr__

    def __del__(self) -> None:
        """Leave the bytes to the object."""


@hook(FakeKey, "__init__", _OF_MOST)
def key(self: Any, *args: Any, **kwargs: Any) -> None:
    blank = object.__new__(_Blank)
    source, value = getattr(_copied, "source", None), kwargs.get("value")
    key.original(blank, *args, **(kwargs if source is None else kwargs | {"value": b""}))
    if source is not None:
        blank._value_buffer, blank.contentsize = source._value_buffer.copy(), source.contentsize
        if source.multipart is None:  # else it is that of the parts
            blank._etag = source._etag
    if blank._etag is None and isinstance(value, bytes):  # else it would be read again for it
        blank._etag = hashlib.md5(value, usedforsecurity=False).hexdigest()
    self.__dict__ = {
        name: value
        for name, value in vars(blank).items()
        if name not in SHARED and (name not in PLAIN or PLAIN[name] != value)
    }
    if blank.multipart is not None:
        self.multipart = blank.multipart
    _new.append(weakref.ref(self))
    if len(_new) > NEW and (settled := _new.popleft()()) is not None:
        pack(settled)


_copied = threading.local()
"""The object that a thread copies, to another that has the same bytes."""


@hook(S3Backend, "copy_object", "Moto writes the bytes of a copy again, and hashes them again.")
def copy_object(self: Any, src_key: Any, *args: Any, **kwargs: Any) -> None:
    _copied.source = src_key
    try:
        copy_object.original(self, src_key, *args, **kwargs)
    finally:
        _copied.source = None


@hook(FakeKey, "__getattr__", _OF_MOST)
def of_most(self: Any, name: str) -> Any:  # its own attributes come first
    if name in PLAIN:
        packed = self.__dict__.get("_packed")
        value = PLAIN[name] if packed is None else _unpacked(packed)[name]
        return LowercaseDict(value) if name == "_metadata" else value
    if name in SHARED:
        return SHARED[name]
    raise AttributeError(name)


@hook(FakeKey, "__setattr__", _OF_MOST)
def say(self: Any, name: str, value: Any) -> None:
    with _writing:  # not while it is packed
        object.__setattr__(self, name, value)
    if name in PLAIN and "_packed" in self.__dict__:
        pack(self)


def pack(self: Any) -> None:
    """Put what is said of an object, without what is plain, into as few bytes as may be."""
    with _writing:
        said = self.__dict__
        told = _unpacked(said["_packed"]) if "_packed" in said else PLAIN
        numbered = {}
        for number, (name, plain) in enumerate(PLAIN.items()):
            value = said.get(name, told[name])
            if value is not plain and value != plain:
                if name in _DATES:
                    value = value.isoformat()
                numbered[number] = dict(value) if name == "_metadata" else value
        own = {name: said[name] for name in said.keys() - PLAIN.keys()}
        packed = {"_packed": msgspec.msgpack.encode(numbered)}
        object.__setattr__(self, "__dict__", own | packed)


@functools.lru_cache(maxsize=NEW)
def _unpacked(packed: bytes) -> Json:
    """Return what is said of an object; of one that is read, much is asked at once."""
    told = {_NAMES[number]: value for number, value in msgspec.msgpack.decode(packed).items()}
    for name in _DATES & told.keys():
        told[name] = datetime.datetime.fromisoformat(told[name])
    return PLAIN | told


@hook(FakeKey, "set_metadata", "Moto changes an object's metadata where they are.")
def set_metadata(self: Any, metadata: Any, replace: bool = False) -> None:  # noqa: FBT001, FBT002 - moto's signature
    changed = SimpleNamespace(_metadata=self._metadata)
    set_metadata.original(changed, metadata, replace)
    self._metadata = changed._metadata


def _whole(self: Any) -> bytes:
    whole: bytes = self._value_buffer.whole()
    return whole


value = hook(FakeKey, "value", "Moto lets nobody else read an object's bytes meanwhile.")(
    property(_whole, FakeKey.value.fset)
)


@hook(FakeKey, "__deepcopy__", "Moto copies the bytes of all objects to list their versions.")
def copied(self: Any, memo: dict[int, Any]) -> Any:  # noqa: ARG001 - Python's signature
    made = object.__new__(FakeKey)
    made.__dict__ = vars(self) | {"_value_buffer": self._value_buffer.copy()}
    return made


@hook(TaggingService, "tag_resource", "Moto remembers of each object that it has no tags.")
def tag(self: Any, arn: str, tags: list[dict[str, str]] | None) -> None:
    if tags or arn in self.tags:
        tag.original(self, arn, tags)
