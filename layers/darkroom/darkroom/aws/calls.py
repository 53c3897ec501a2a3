"""How AWS is called: for how long, and by which of our names its failures go.

Every failure of the services becomes one of the names in :mod:`darkroom.contract.errors`, so that
the state machine knows what to retry.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from darkroom.contract.errors import (
    AccessDenied,
    DarkroomError,
    DeliveryError,
    SourceArchived,
    SourceChanged,
    SourceNotFound,
    StorageError,
)

# The state machine retries with longer waits than a client should, so the client gives up early; a
# call that hangs does so within the shortest time that a function has, 30 s.
CONFIG = Config(
    connect_timeout=5,
    read_timeout=20,
    retries={"mode": "standard", "max_attempts": 3},
)

_DENIED = {"403", "AccessDenied", "AccessDeniedException", "AllAccessDisabled"}
_DELIVERY_DENIED = {
    "AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException",
    "KMSAccessDenied", "KMSAccessDeniedException",
}  # fmt: skip
NO_BUCKET = "NoSuchBucket"
MISSING = {"404", "405", "NoSuchKey", "NoSuchVersion", NO_BUCKET, "MethodNotAllowed"}
CHANGED = {"412", "PreconditionFailed"}
_ARCHIVED = {"InvalidObjectState", "ObjectNotInActiveTierError"}
"""Of GetObject and of CopyObject (their API reference)."""


@contextmanager
def classified(what: str) -> Iterator[None]:
    """Turn what the client raises into one of our errors."""
    try:
        yield
    except ClientError as error:
        raise _error(what, error) from error
    except BotoCoreError as error:
        raise StorageError(f"{what} could not be reached: {error}. Run it again.") from error


@contextmanager
def delivering(what: str) -> Iterator[None]:
    """Turn what the client raises into one of our errors, where a message cannot be sent."""
    try:
        yield
    except ClientError as error:
        refusal = code(error)
        if refusal in _DELIVERY_DENIED:
            raise AccessDenied(
                f"{what} may not be used by this step: {_need(error) or refusal}. Check the step's "
                "role and the topic's policy and key."
            ) from error
        raise DeliveryError(f"{what} could not be used: {refusal}. Run it again.") from error
    except BotoCoreError as error:
        raise DeliveryError(f"{what} could not be reached: {error}. Run it again.") from error


def code(error: ClientError) -> str:
    """Return the code that a service refused a call with."""
    return error.response.get("Error", {}).get("Code", "")


def _error(what: str, error: ClientError) -> DarkroomError:
    """Return our error for a call that a service refused."""
    refusal = code(error)
    if refusal == NO_BUCKET:
        name = error.response["Error"].get("BucketName") or "of that name"
        return SourceNotFound(
            f"{what} cannot be used: the bucket {name} does not exist. Deploy the stack again, or "
            "name a bucket that is there; then run it again."
        )
    if refusal in MISSING:
        return SourceNotFound(
            f"{what} does not exist. Check the bucket, the key (it is case-sensitive) and the "
            "version, or upload the image again."
        )
    if refusal in CHANGED:
        return SourceChanged(
            f"{what} was replaced after this run was asked for. The newer upload has a run of its "
            "own; to process what is there now, start a run without version and etag."
        )
    if refusal in _ARCHIVED:
        return SourceArchived(
            f"{what} is in an archive storage class and cannot be read. Restore it with `aws s3api "
            "restore-object --restore-request Days=7` and its bucket and key (in Intelligent-"
            "Tiering without Days: '{}'), and run it again when that is done: mostly within hours."
        )
    if refusal in _DENIED:
        return AccessDenied(
            f"{what} may not be used by this step: {_need(error) or refusal}. Check the step's "
            "role and the policy of the bucket and its key."
        )
    return StorageError(f"{what} could not be used: {refusal}. Run it again.")


_REFUSAL = re.compile(
    r"(?P<who>\S+) is not authorized to perform: (?P<action>[\w:*]+)"
    r"(?: on (?:the )?resource:? \"?(?P<resource>[^\s\"]+))?"
)
"""How services say it (IAM user guide, "Troubleshoot access denied error messages")."""


def _need(error: ClientError) -> str:
    """Return who lacks which right on what, as far as the service says."""
    said = _REFUSAL.search(error.response.get("Error", {}).get("Message", ""))
    if said is None:
        operation = error.operation_name
        name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        return f"the role of {name} was refused {operation}" if name and operation else ""
    # arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION
    role = said["who"].partition(":assumed-role/")[2].partition("/")[0] or said["who"]
    on = f" on {said['resource']}" if said["resource"] else ""
    return f"the role {role} lacks {said['action']}{on}"
