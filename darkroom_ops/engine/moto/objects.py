"""S3's objects: their bytes are in the spool, and so is what is said of each, packed."""

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
from moto.s3.models import FakeKey, S3Backend, s3_backends
from moto.s3.utils import _VersionedKeyStore
from moto.utilities.tagging_service import TaggingService
from moto.utilities.utils import LowercaseDict

from darkroom_ops.deployment import DEFAULT_REGION
from darkroom_ops.engine.backends import ACCOUNT
from darkroom_ops.engine.moto.hook import hook
from darkroom_ops.engine.spool import Place, Spooled

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


class Object(FakeKey):  # type: ignore[misc]  # moto has no types
    """One that the engine made: it asks nothing of the hooks, which may be gone, when it goes."""

    def __del__(self) -> None:
        """Let go of the bytes as of all else."""


class _Blank(Object):
    """Is told what moto says of a new object, and has nothing to let go of."""

    __setattr__ = object.__setattr__


@hook(FakeKey, "__init__", _OF_MOST)
def key(self: Any, *args: Any, **kwargs: Any) -> None:
    self.__class__ = Object
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
    _note(self)


_copied = threading.local()
"""The object that a thread copies, to another that has the same bytes."""


def _note(new: Any) -> None:
    """Note that an object is new, and put away the oldest of those."""
    _new.append(weakref.ref(new))
    if len(_new) > NEW and (oldest := _new.popleft()()) is not None:
        among = _versions(oldest)
        restored = oldest._expiry is not None  # it is counted how often these are read
        pack(oldest)
        if among is not None and not restored:
            among.settle(oldest)


def _versions(key: Any) -> Versions | None:
    """Return the objects of the bucket that an object is made for, if it has one."""
    bucket = s3_backends[ACCOUNT]["aws"].buckets.get(key.bucket_name)
    return bucket.keys if bucket is not None and isinstance(bucket.keys, Versions) else None


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
    settled = self.__dict__.get("_settled")
    if settled is not None and name not in _UNKEPT and (among := _versions(self)) is not None:
        among.wake(self, settled, name, value)


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
        packed = {"_packed": Place(msgspec.msgpack.encode(numbered))}
        object.__setattr__(self, "__dict__", own | packed)


@functools.lru_cache(maxsize=NEW)
def _unpacked(packed: Place) -> Json:
    """Return what is said of an object; of one that is read, much is asked at once."""
    told = {
        _NAMES[number]: value for number, value in msgspec.msgpack.decode(packed.read()).items()
    }
    for name in _DATES & told.keys():
        told[name] = datetime.datetime.fromisoformat(told[name])
    return PLAIN | told


_UNKEPT = {"_tick", "disposed"}
"""How often an object was read, of which moto asks while one is restored; and that it is gone."""


class Settled:
    """Stands for an object in its bucket, once newer ones are there: it is made when asked for.

    Of what is said of the object that it was, or of one that was made, the bucket hears all the
    same: it has that one then.
    """

    __slots__ = ("acl", "body", "key", "said")

    def __init__(self, key: Any) -> None:
        self.acl = key.acl  # nearly always the bucket's
        self.key: Any = None  # what the bucket has in its stead
        self.body: Place | None = key._value_buffer.place
        self.said: Place = key._packed

    def made(self, name: str) -> Any:
        """Return the object, made anew."""
        made: Any = object.__new__(Object)
        vars(made).update(
            name=name,
            acl=self.acl,
            _value_buffer=Spooled(place=self.body),
            _packed=self.said,
            _settled=self,
        )
        return made


_ALL_SAID = {"name", "acl", "_value_buffer", "_packed"}


class Versions(_VersionedKeyStore):  # type: ignore[misc]  # moto has no types
    """The objects of a bucket by their keys: of each all versions, the oldest first."""

    def __sgetitem__(self, key: str) -> list[Any]:
        return [each.made(key) if type(each) is Settled else each for each in self._kept(key)]

    def __setitem__(self, key: str, value: Any) -> None:
        with _writing:
            self._keep(key, [*self._kept(key), value] if key in self else [value])

    def setlist(self, key: str, list_: Any) -> None:
        """Have these as the versions of a key."""
        with _writing:
            before = self._kept(key) if key in self else []
            self._keep(key, now := [_standing(each) for each in list_])
            for each in before:
                if isinstance(each, FakeKey) and not any(each is other for other in now):
                    each.dispose()

    def settle(self, key: Any) -> None:
        """Have what stands for an object, if all that is said of it is packed."""
        with _writing:
            if vars(key).keys() - _UNKEPT <= _ALL_SAID:
                settled = Settled(key)
                if self._replace(key.name, key, settled):
                    vars(key)["_settled"] = settled

    def wake(self, key: Any, settled: Settled, name: str, value: Any) -> None:
        """Have an object itself again: something was said of it after it had settled."""
        with _writing:
            woken = settled.key is None and self._replace(key.name, settled, key)
            if woken:
                settled.key = key
                vars(key).pop("_settled")
        if woken:
            _note(key)
        elif settled.key is not None:  # of another that was made something had been said before
            setattr(settled.key, name, value)

    def _kept(self, key: str) -> list[Any]:
        kept: Any = dict.__getitem__(self, key)
        return [kept] if type(kept) is Settled else list(kept)

    def _keep(self, key: str, versions: list[Any]) -> None:
        # Most keys have one version, and a list is as large as what stands for it.
        alone = len(versions) == 1 and type(versions[0]) is Settled
        dict.__setitem__(self, key, versions[0] if alone else versions)

    def _replace(self, key: str, old: Any, new: Any) -> bool:
        """Have one in place of another, and return whether that was there."""
        kept = self._kept(key) if key in self else []
        there = any(each is old for each in kept)
        if there:
            self._keep(key, [new if each is old else each for each in kept])
        return there


def _standing(version: Any) -> Any:
    """Return what a bucket has of an object or delete marker."""
    while (settled := vars(version).get("_settled")) is not None:
        if settled.key is None:
            return settled
        version = settled.key
    return version


versions = hook(
    models,
    "_VersionedKeyStore",
    "Moto has an object and a list in memory for each version of each key.",
)(Versions)


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
    made: Any = object.__new__(Object)
    said = vars(self) | {"_value_buffer": self._value_buffer.copy()}
    said.pop("_settled", None)  # nothing that is said of a copy is of the object
    vars(made).update(said)
    return made


@hook(TaggingService, "tag_resource", "Moto remembers of each object that it has no tags.")
def tag(self: Any, arn: str, tags: list[dict[str, str]] | None) -> None:
    if tags:
        tag.original(self, arn, tags)
