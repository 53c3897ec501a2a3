"""The origin: a bucket that only the distribution may read, and may not list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from darkroom_ops.engine.cloudfront.front import Answer, Fetch

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PASSED = {
    name.lower(): name
    for name in (
        "Cache-Control",
        "Content-Disposition",
        "Content-Encoding",
        "Content-Language",
        "Content-Type",
        "ETag",
        "Expires",
        "Last-Modified",
        "x-amz-server-side-encryption",
        "x-amz-version-id",
    )
}
"""Headers of S3 that reach the viewer, with those of the object's own metadata."""

HIDDEN = "NoSuchKey"
"""What S3 says of a missing object to those only who may list the bucket."""

DENIED, UNREADABLE = (
    Answer(
        status,
        (("Content-Type", "application/xml"),),
        f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode(),
    )
    for status, code, message in (
        (403, "AccessDenied", "Access Denied"),
        (400, "InvalidURI", "Couldn't parse the specified URI."),
    )
)


def origin(s3: S3Client) -> Fetch:
    """Return what gets objects."""

    def fetch(bucket: str, key: str, etag: str | None) -> Answer:
        if not key:
            return DENIED  # it would be a list
        if not _is_text(key):
            return UNREADABLE
        condition: Any = {} if etag is None else {"IfNoneMatch": etag}
        try:
            got = s3.get_object(Bucket=bucket, Key=key, **condition)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            return DENIED if code == HIDDEN else Answer(status)
        headers = got["ResponseMetadata"]["HTTPHeaders"]
        passed = (
            (PASSED.get(name.lower(), name), value)
            for name, value in headers.items()
            if name.lower() in PASSED or name.lower().startswith("x-amz-meta-")
        )
        return Answer(200, tuple(passed), got["Body"].read())

    return fetch


def _is_text(key: str) -> bool:
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True
