"""The taxonomy: each error is permanent or transient, and says what it is."""

from __future__ import annotations

from darkroom import errors


def test_the_permanent_errors_of_the_design_are_there() -> None:
    assert errors.by_class(errors.PermanentError) >= {
        "InvalidRequest",
        "SourceNotFound",
        "UnsupportedImage",
        "CorruptImage",
        "ImageTooLarge",
    }


def test_no_error_is_both() -> None:
    permanent = errors.by_class(errors.PermanentError)
    transient = errors.by_class(errors.TransientError)
    assert not permanent & transient
    assert permanent | transient == errors.by_class(errors.DarkroomError)


def test_every_error_says_what_it_is() -> None:
    for name in errors.by_class(errors.DarkroomError):
        assert len(getattr(errors, name).__doc__) > 20
