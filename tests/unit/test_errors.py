"""The taxonomy: each error is permanent or transient, and is found by its name."""

from __future__ import annotations

import pytest
from darkroom.contract import errors
from darkroom.contract.errors import DarkroomError, PermanentError, TransientError, by_class, named


def test_only_faults_of_the_services_may_pass() -> None:
    """Everything else is about the input or the deployment, and would come again."""
    assert by_class(TransientError) == {"StorageError", "DeliveryError"}
    assert by_class(errors.ImageError) == {"CorruptImage", "ImageTooLarge", "UnsupportedImage"}
    assert by_class(DarkroomError) == by_class(PermanentError) | by_class(TransientError)
    assert not by_class(PermanentError) & by_class(TransientError)


@pytest.mark.parametrize("name", sorted(by_class(DarkroomError)))
def test_an_error_is_found_by_its_name(name: str) -> None:
    found = named(name)
    assert found is not None
    assert found.__name__ == name
    # The advice answers "Try again?".
    expected = ("Yes",) if name in by_class(TransientError) else ("No", "Only once")
    assert found.advice.startswith(expected)


@pytest.mark.parametrize("name", ["KeyError", "States.Timeout", "corruptimage", ""])
def test_an_error_of_others_is_none_of_ours(name: str) -> None:
    assert named(name) is None


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (errors.InvalidRequest, "Correct the input"),
        (errors.SourceNotFound, "once the object is there"),
        (errors.SourceChanged, "the newer upload has a run of its own"),
        (errors.UnsupportedImage, "in a supported format"),
        (errors.CorruptImage, "an intact copy"),
        (errors.ImageTooLarge, "a smaller copy"),
        (errors.AccessDenied, "once the permission is mended"),
        (errors.Superseded, "the newer run has an outcome of its own"),
        (errors.NotificationFailed, "the notifications topic and its permissions"),
        (errors.StorageError, "the cause is likely to pass"),
    ],
)
def test_the_advice_is_what_helps(error: type[DarkroomError], advice: str) -> None:
    assert advice in error.advice
