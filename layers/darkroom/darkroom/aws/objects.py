"""Objects in S3: read as they were asked for; no older run replaces what a newer one wrote."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError
from msgspec import Struct

from darkroom.aws.calls import CHANGED, CONFIG, MISSING, NO_BUCKET, classified, code
from darkroom.contract.errors import ImageTooLarge, StorageError, Superseded
from darkroom.contract.limits import Limits, check_bytes
from darkroom.contract.objects import ObjectRef, Source, StoredKey
from darkroom.contract.results import Backup

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef, HeadObjectOutputTypeDef

GIB = 1024**3

COPY_PART_BYTES = 512 * 1024**2
SINGLE_COPY_BYTES = 5 * GIB
"""CopyObject takes at most 5 GB (S3 API reference, CopyObject); more is copied in parts."""

_OVERTAKEN = (CHANGED | MISSING | {"409", "ConditionalRequestConflict"}) - {NO_BUCKET}

CLAIM = "claim"
"""Metadata of an output: the number of the claim that wrote it."""

WRITE_ATTEMPTS = 5
"""How often a write is tried again because another run wrote the same object meanwhile."""


class StoredObject(Struct, frozen=True):
    """An object's bytes, and what S3 says of it."""

    data: bytes
    etag: str
    version_id: str | None
    content_type: str


class Objects:
    """Objects in S3. Where S3 does not serve it, a method raises AccessDenied or StorageError."""

    def __init__(self, client: S3Client | None = None) -> None:
        self._s3: S3Client = client or boto3.client("s3", config=CONFIG)

    def read_source(self, source: Source, limits: Limits) -> StoredObject:
        """Read an uploaded object.

        With a version, that version is read; with only an etag, the object must still have it
        (SourceNotFound, SourceChanged). One that lies in an archive is SourceArchived. A larger one
        than the limits allow is refused before its bytes are read (ImageTooLarge).
        """
        pin: dict[str, str] = {}
        if source.version_id is not None:
            pin["VersionId"] = source.version_id
        elif source.etag is not None:
            pin["IfMatch"] = f'"{source.etag}"'
        with classified(_named(source)):
            answer = self._s3.get_object(Bucket=source.bucket, Key=source.key, **pin)  # type: ignore[arg-type]
            try:
                check_bytes(answer["ContentLength"], limits)
            except ImageTooLarge:
                answer["Body"].close()
                raise
            data = answer["Body"].read()
        return StoredObject(
            data=data,
            etag=answer["ETag"].strip('"'),
            version_id=answer.get("VersionId"),
            content_type=answer.get("ContentType", ""),
        )

    def read(self, ref: ObjectRef) -> bytes:
        """Read an object that an earlier step wrote.

        SourceNotFound says that it is gone: the work bucket keeps a mezzanine for a day.
        """
        with classified(f"The working copy s3://{ref.bucket}/{ref.key}"):
            return self._s3.get_object(Bucket=ref.bucket, Key=ref.key)["Body"].read()

    def write(
        self,
        ref: ObjectRef,
        data: bytes,
        content_type: str,
        metadata: dict[str, str],
        claim: int | None = None,
    ) -> str:
        """Write an object, verified by S3 against the SHA-256 of its bytes; return that, in hex.

        With the number of a claim, what a newer claim wrote is never replaced (Superseded): the
        object carries the number of the claim that wrote it, and S3 replaces only the object that
        was looked at (S3 user guide, conditional writes). The metadata is ASCII.
        """
        digest = hashlib.sha256(data)
        what = f"The output s3://{ref.bucket}/{ref.key}"
        fence = {} if claim is None else {CLAIM: str(claim)}
        for _ in range(WRITE_ATTEMPTS):
            condition = {} if claim is None else self._still_older(ref, claim, what)
            with classified(what):
                try:
                    self._s3.put_object(
                        Bucket=ref.bucket,
                        Key=ref.key,
                        Body=data,
                        ContentType=content_type,
                        Metadata=metadata | fence,
                        ChecksumSHA256=base64.b64encode(digest.digest()).decode(),
                        **condition,  # type: ignore[arg-type]
                    )
                except ClientError as error:
                    if claim is None or code(error) not in _OVERTAKEN:
                        raise
                else:
                    return digest.hexdigest()
        raise StorageError(
            f"{what} is being written by another run at the same time. Run it again."
        )

    def _still_older(self, ref: ObjectRef, claim: int, what: str) -> dict[str, str]:
        """Return the condition under which an object may be written: it is as it is now."""
        with classified(what):
            try:
                now = self._s3.head_object(Bucket=ref.bucket, Key=ref.key)
            except ClientError as error:
                if code(error) in MISSING:
                    return {"IfNoneMatch": "*"}
                raise
        written = now["Metadata"].get(CLAIM, "")
        if written.isdecimal() and int(written) > claim:
            raise Superseded(f"{what} was written by a newer run of the same image.")
        return {"IfMatch": now["ETag"]}

    def copy(self, source: Source, size: int, target: ObjectRef) -> Backup:
        """Copy an object inside S3, pinned to its version and etag, and compare.

        A copy that differs from the original, whose size is given in bytes, is a StorageError; an
        original that is gone or replaced is SourceNotFound or SourceChanged. Its annotations stay
        behind: S3 would copy them by default, and want a permission to read and to write them
        (S3 API reference, CopyObject).
        """
        # The managed transfer is imported here: only this step needs it.
        from boto3.s3.transfer import TransferConfig

        copy_from: CopySourceTypeDef = {"Bucket": source.bucket, "Key": source.key}
        if source.version_id is not None:
            copy_from["VersionId"] = source.version_id
        extra = {"AnnotationDirective": "EXCLUDE"}
        if source.etag is not None:
            extra["CopySourceIfMatch"] = f'"{source.etag}"'
        with classified(_named(source)):
            self._s3.copy(
                copy_from,
                target.bucket,
                target.key,
                ExtraArgs=extra,
                Config=TransferConfig(
                    multipart_threshold=SINGLE_COPY_BYTES, multipart_chunksize=COPY_PART_BYTES
                ),
            )
        with classified(f"The backup s3://{target.bucket}/{target.key}"):
            copied = self._s3.head_object(Bucket=target.bucket, Key=target.key)
        etag = copied["ETag"].strip('"')
        same_size = copied["ContentLength"] == size
        # An etag with a dash names parts, not bytes: then S3 has checked each part it copied.
        comparable = source.etag is not None and "-" not in source.etag and "-" not in etag
        differs = comparable and etag != source.etag
        if differs and (_by_kms(copied) or _by_kms(self._head(source))):
            differs = False  # such an etag is not a digest; S3 compares checksums when it copies
        if not same_size or differs:
            raise StorageError(
                f"The backup s3://{target.bucket}/{target.key} differs from the original: "
                f"{copied['ContentLength']:,} bytes with etag {etag}, expected {size:,} with "
                f"{source.etag}. Run it again."
            )
        return Backup(
            bucket=target.bucket,
            key=target.key,
            bytes=size,
            etag=etag,
            version_id=copied.get("VersionId"),
        )

    def _head(self, source: Source) -> HeadObjectOutputTypeDef:
        pin = {} if source.version_id is None else {"VersionId": source.version_id}
        with classified(_named(source)):
            return self._s3.head_object(Bucket=source.bucket, Key=source.key, **pin)  # type: ignore[arg-type]

    def listed(self, bucket: str, folder: str) -> list[StoredKey]:
        """Return the objects directly in a folder, a key that ends with ``/``; at most 1,000."""
        with classified(f"The bucket {bucket}"):
            answer = self._s3.list_objects_v2(Bucket=bucket, Prefix=folder, Delimiter="/")
        return [
            StoredKey(
                key=item["Key"], bytes=item["Size"], modified=item["LastModified"].timestamp()
            )
            for item in answer.get("Contents", [])
        ]


def _by_kms(head: HeadObjectOutputTypeDef) -> bool:
    """Return whether an object is encrypted with a KMS key (S3 API reference, "Object": ETag)."""
    return head.get("ServerSideEncryption", "AES256") != "AES256"


def _named(source: Source) -> str:
    version = f" (version {source.version_id})" if source.version_id else ""
    return f"The object s3://{source.bucket}/{source.key}{version}"
