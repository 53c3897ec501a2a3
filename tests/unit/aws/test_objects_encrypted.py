"""Copies of objects that KMS keys encrypt: their etags are no digests, so they differ by nature."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import pytest
from darkroom.aws.objects import Objects
from darkroom.contract.errors import StorageError
from darkroom.contract.objects import ObjectRef, Source

ORIGINAL, COPY = "a" * 32, "b" * 32
PLAIN = {"ServerSideEncryption": "AES256"}
BY_KMS = {"ServerSideEncryption": "aws:kms"}


def copy(original: dict[str, str], copied: dict[str, str], size: int = 5) -> str:
    """Copy an object without versions; each is looked at by its bucket and key alone."""
    heads: dict[str, Any] = {
        "source": original | {"ETag": f'"{ORIGINAL}"', "ContentLength": 5},
        "target": copied | {"ETag": f'"{COPY}"', "ContentLength": 5},
    }
    client = MagicMock()
    client.head_object.side_effect = lambda Bucket, Key: heads[Bucket] | {"Key": Key}  # noqa: N803
    done = Objects(client).copy(
        Source(bucket="source", key="k", etag=ORIGINAL), size, ObjectRef(bucket="target", key="k")
    )
    return done.etag


@pytest.mark.parametrize(
    ("original", "copied"), [(BY_KMS, PLAIN), (PLAIN, BY_KMS), (BY_KMS, BY_KMS)]
)
def test_an_etag_that_is_no_digest_is_not_compared(
    original: dict[str, str], copied: dict[str, str]
) -> None:
    assert copy(original, copied) == COPY


@pytest.mark.parametrize("head", [PLAIN, {}], ids=["told", "not told"])
def test_an_etag_that_is_one_is(head: dict[str, str]) -> None:
    with pytest.raises(StorageError, match="differs from the original"):
        copy(head, head)


def test_the_size_is_compared_always() -> None:
    with pytest.raises(StorageError, match="differs from the original"):
        copy(BY_KMS, BY_KMS, size=6)


def test_the_copied_version_decides_and_not_the_newest() -> None:
    client = MagicMock()

    def head(Bucket: str, VersionId: str = "", **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's
        if Bucket == "target":
            return PLAIN | {"ETag": f'"{COPY}"', "ContentLength": 5}
        return BY_KMS if VersionId == "v1" else PLAIN

    client.head_object.side_effect = head
    source = Source(bucket="source", key="k", version_id="v1", etag=ORIGINAL)
    assert Objects(client).copy(source, 5, ObjectRef(bucket="target", key="k")).etag == COPY
