"""Keys follow from the source alone, and never collide."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from darkroom.contract import keys
from darkroom.contract.errors import InvalidRequest
from darkroom.contract.formats import OUTPUT_FORMATS
from darkroom.contract.model import parse
from darkroom.contract.objects import Source
from darkroom.contract.presets import Preset
from hypothesis import strategies as st

from tests.support.properties import given

KEYS = st.text(min_size=1, max_size=200)


SOURCE = Source(bucket="my-bucket", key="uploads/a.png", version_id="any")


@pytest.mark.parametrize(
    ("image_format", "extension"),
    [("jpeg", "jpg"), ("png", "png"), ("webp", "webp"), ("avif", "avif")],
)
def test_the_whole_source_key_is_the_folder(image_format: str, extension: str) -> None:
    made = keys.rendition_key("uploads/a.png", "small", image_format)
    assert made == f"uploads/a.png/small.{extension}"
    assert keys.document_key("uploads/a.png") == "uploads/a.png/document.pdf"


def test_files_of_one_preset_are_told_apart_by_their_format() -> None:
    """And none is called as a preset can be: those names have no dot."""
    files = {keys.rendition_file("small", each) for each in OUTPUT_FORMATS}
    assert len(files) == len(OUTPUT_FORMATS)
    for each in files:
        with pytest.raises(InvalidRequest):
            parse({"name": each, "width": 1}, Preset)


def test_the_record_goes_by_the_source() -> None:
    assert keys.record_key("my-bucket", "uploads/a.png") == "my-bucket/uploads/a.png"


@given(KEYS, KEYS)
def test_two_images_never_share_a_key(first: str, second: str) -> None:
    same = keys.document_key(first) == keys.document_key(second)
    assert same == (first == second)


@pytest.mark.parametrize(
    ("key_of", "folder"), [(keys.mezzanine_key, "mezzanines"), (keys.original_key, "originals")]
)
def test_a_work_key_is_short_and_the_executions_own(
    key_of: Callable[[Source, str], str], folder: str
) -> None:
    mine = key_of(SOURCE, "execution-1")
    assert re.fullmatch(rf"{folder}/[0-9a-f]{{32}}/execution-1", mine)
    assert mine == key_of(SOURCE, "execution-1")
    others = {
        key_of(SOURCE, "execution-2"),
        key_of(Source(bucket="my-bucket", key="uploads/b.png"), "execution-1"),
        key_of(Source(bucket="other-bucket", key="uploads/a.png"), "execution-1"),
    }
    assert len(others | {mine}) == 4


LONGEST = 1024 - len("/document.pdf")


@pytest.mark.parametrize("key", ["k" * LONGEST, "é" * (LONGEST // 2)])
def test_a_source_key_may_be_as_long_as_leaves_room(key: str) -> None:
    assert keys.document_key(key) == f"{key}/document.pdf"


@pytest.mark.parametrize("key", ["k" * (LONGEST + 1), "é" * (LONGEST // 2 + 1)])
def test_a_source_key_must_leave_room(key: str) -> None:
    with pytest.raises(
        InvalidRequest, match=r"leaves room for '/document\.pdf' .* shorter key"
    ) as caught:
        keys.document_key(key)
    assert f"but it is {len(key.encode())} bytes long" in str(caught.value)
