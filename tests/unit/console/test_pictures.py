"""What an execution has made, and what browsers may be shown."""

from __future__ import annotations

import pytest

from darkroom_ops.console.pictures import drawable, shown
from tests.support.images import encoded, picture
from tests.unit.recorded import recorded


def test_pictures_are_known_from_the_states_before_the_execution_ends() -> None:
    found = shown(recorded("complete"))
    assert [made.name for made in found.renditions] == ["small", "medium", "large"]
    assert found.document is not None
    assert found.expected == ()
    made = (*found.renditions, found.document)
    assert all(len(each.sha256) == 64 for each in made)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (encoded(picture(8, 8)), "image/jpeg"),
        (encoded(picture(8, 8), "PNG"), "image/png"),
        (encoded(picture(8, 8), "WEBP"), "image/webp"),
        (encoded(picture(8, 8), "AVIF"), "image/avif"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", None),
        (b"<!doctype html><script>alert(1)</script>", None),
        (b"", None),
    ],
)
def test_only_pictures_are_drawable(data: bytes, kind: str | None) -> None:
    assert drawable(data) == kind
