"""Every error a step can end with. The class name is the error name in the state machine.

Step Functions matches ``ErrorEquals`` against the Python class name, so renaming a class here
changes the workflow: ``tests/template/test_asl.py`` compares both sets.

Permanent errors are about the input. Trying again with the same input gives the same error, so
the state machine never retries them. Transient errors are about the moment, and are retried.
"""

from __future__ import annotations


class DarkroomError(Exception):
    """Base of every error that Darkroom raises on purpose."""


class PermanentError(DarkroomError):
    """Trying again with the same input cannot help."""


class TransientError(DarkroomError):
    """Trying again later may help."""


class InvalidRequest(PermanentError):
    """The input of the execution, or the deployed preset list, is not what was expected."""


class SourceNotFound(PermanentError):
    """The object, or the version of it that the request names, does not exist."""


class SourceChanged(PermanentError):
    """The object was replaced after the event that named it: the newer upload has its own run."""


class SourceArchived(PermanentError):
    """The object lies in an archive of S3, and cannot be read before somebody restores it."""


class ImageError(PermanentError):
    """The image itself is at fault: only another upload can help."""


class UnsupportedImage(ImageError):
    """The bytes are not an image of a supported format."""


class CorruptImage(ImageError):
    """The bytes begin as a supported image but cannot be decoded to the end."""


class ImageTooLarge(ImageError):
    """The image, or a rendition of it, exceeds a limit: of bytes, pixels, sides, pages or time."""


class AccessDenied(PermanentError):
    """A step's role may not do what it tried: the deployment is at fault, not the image."""


class Superseded(PermanentError):
    """A newer run of the same image has written its outputs: this run has nothing more to do."""


class NotificationFailed(PermanentError):
    """All outputs are made and recorded, but the success message could not be sent."""


class StorageError(TransientError):
    """S3 or SSM failed or throttled after the client's own retries."""


class DeliveryError(TransientError):
    """SNS failed or throttled after the client's own retries."""


def named(name: str) -> type[DarkroomError] | None:
    """Return the error of a name, as the state machine knows it; None when it is not ours."""
    error = globals().get(name)
    return error if isinstance(error, type) and issubclass(error, DarkroomError) else None


def is_senders(name: str, state: str) -> bool:
    """Return whether a failure is for who sent the image or the request to mend.

    The others are for who runs the system. What is missing once Prepare has read it, the sender
    did not take away.
    """
    error = named(name) or DarkroomError
    at_the_door = (InvalidRequest, SourceNotFound, SourceChanged, SourceArchived)
    return issubclass(error, ImageError) or (state == "Prepare" and issubclass(error, at_the_door))


def by_class(base: type[DarkroomError]) -> frozenset[str]:
    """Return the names of the concrete errors below a base class."""
    names: set[str] = set()
    for error in base.__subclasses__():
        below = by_class(error)
        names |= below or {error.__name__}
    return frozenset(names)
