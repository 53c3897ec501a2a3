"""Keys follow from the source alone, and never collide."""

from __future__ import annotations

import pytest
from darkroom import keys
from darkroom.contracts import Source
from darkroom.errors import InvalidRequest
from hypothesis import given
from hypothesis import strategies as st

KEYS = st.text(min_size=1, max_size=200)


def test_the_whole_source_key_is_the_folder() -> None:
    assert keys.rendition_key("uploads/a.png", "small", "jpeg") == "uploads/a.png/small.jpg"
    assert keys.document_key("uploads/a.png") == "uploads/a.png/document.pdf"
    assert keys.rendition_key("uploads/a.jpg", "small", "webp") == "uploads/a.jpg/small.webp"


@given(KEYS, KEYS)
def test_two_images_never_share_a_key(first: str, second: str) -> None:
    same = keys.document_key(first) == keys.document_key(second)
    assert same == (first == second)


@given(KEYS)
def test_a_mezzanine_key_is_short_and_the_executions_own(key: str) -> None:
    source = Source(bucket="my-bucket", key=key)
    mine = keys.mezzanine_key(source, "execution-1")
    assert mine == keys.mezzanine_key(source, "execution-1")
    assert mine != keys.mezzanine_key(source, "execution-2")
    assert mine.startswith("mezzanines/")
    assert len(mine.encode()) < 200


@pytest.mark.parametrize("key", ["k" * 1024, "é" * 510])
def test_a_source_key_must_leave_room(key: str) -> None:
    with pytest.raises(InvalidRequest, match="shorter key"):
        keys.document_key(key)
