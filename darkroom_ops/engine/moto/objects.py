"""S3's objects: their bytes are in the spool, and what is said of each is packed."""

from __future__ import annotations

import datetime
import hashlib
import threading
from types import SimpleNamespace
from typing import Any

import msgspec
from moto.s3 import models
from moto.s3.models import FakeKey
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

_NUMBERS = {name: number for number, name in enumerate(PLAIN)}
_DATES = {"_expiry", "last_modified"}
_writing = threading.Lock()

_OF_MOST = "Moto says some thirty things of each object, nearly all of which are true of every one."


@hook(FakeKey, "__init__", _OF_MOST)
def key(self: Any, *args: Any, **kwargs: Any) -> None:
    key.original(self, *args, **kwargs)
    value = kwargs.get("value")
    if self._etag is None and isinstance(value, bytes):  # else it would be read again for it
        self._etag = hashlib.md5(value, usedforsecurity=False).hexdigest()
    said = vars(self)
    self.__dict__ = {name: said[name] for name in said if name not in {*SHARED, *PLAIN}}
    if said["multipart"] is not None:
        self.multipart = said["multipart"]
    self.__dict__["_packed"] = _packed({name: said[name] for name in PLAIN if name in said}, {})


@hook(FakeKey, "__getattr__", _OF_MOST)
def of_most(self: Any, name: str) -> Any:  # its own attributes come first
    if name in SHARED:
        return SHARED[name]
    if name not in PLAIN or "_packed" not in vars(self):
        raise AttributeError(name)
    value = _unpacked(self).get(_NUMBERS[name], PLAIN[name])
    if name == "_metadata":
        return LowercaseDict(value)
    return datetime.datetime.fromisoformat(value) if value and name in _DATES else value


@hook(FakeKey, "__setattr__", _OF_MOST)
def say(self: Any, name: str, value: Any) -> None:
    if name not in PLAIN or "_packed" not in vars(self):
        object.__setattr__(self, name, value)
        return
    with _writing:  # who says another thing of it at once does so after this
        vars(self)["_packed"] = _packed({name: value}, _unpacked(self))


def _packed(said: Json, before: dict[int, Any]) -> bytes:
    """Return what is said of an object, without what is plain, in as few bytes as may be."""
    for name, value in said.items():
        if value == PLAIN[name]:
            before.pop(_NUMBERS[name], None)
        elif name == "_metadata":
            before[_NUMBERS[name]] = dict(value)
        else:
            before[_NUMBERS[name]] = value.isoformat() if name in _DATES else value
    return msgspec.msgpack.encode(before)


def _unpacked(self: Any) -> dict[int, Any]:
    told: dict[int, Any] = msgspec.msgpack.decode(vars(self)["_packed"])
    return told


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
