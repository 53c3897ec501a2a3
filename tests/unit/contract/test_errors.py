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


@pytest.mark.parametrize("name", ["KeyError", "States.Timeout", "corruptimage", ""])
def test_an_error_of_others_is_none_of_ours(name: str) -> None:
    assert named(name) is None
