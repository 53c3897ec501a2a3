"""Objects in S3, as requests and results name them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from darkroom.contract.fields import BucketName, ObjectKey
from darkroom.contract.model import Contract


class Source(Contract, frozen=True):
    """The uploaded object."""

    bucket: BucketName
    key: ObjectKey
    version_id: Annotated[str, Meta(min_length=1)] | None = None
    etag: Annotated[str, Meta(min_length=1)] | None = None


class ObjectRef(Contract, frozen=True):
    """An object in S3."""

    bucket: BucketName
    key: ObjectKey


class StoredKey(Struct, frozen=True):
    """An object in a listing. ``modified`` is in seconds since the epoch."""

    key: str
    bytes: int
    modified: float
