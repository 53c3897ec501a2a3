"""The image's record as a model; its names are compared with the definition elsewhere."""

from __future__ import annotations

import msgspec
import pytest
from darkroom.contract.record import ImageRecord, RecordedOutput


def test_what_is_not_set_is_empty() -> None:
    record = msgspec.structs.asdict(ImageRecord())
    assert not any(record.values())
    assert [name for name, value in record.items() if value is None] == ["document", "backup"]
    output = msgspec.structs.asdict(RecordedOutput("k"))
    assert output.pop("key") == "k"
    assert not any(output.values())
    assert [name for name, value in output.items() if value is None] == ["pages", "quality"]


def test_attributes_are_in_camel_case() -> None:
    assert {"leaseUntil", "failedState", "announcingUntil"} < set(
        ImageRecord.__struct_encode_fields__
    )
    assert "contentType" in RecordedOutput.__struct_encode_fields__


SMALL, LARGE, PDF = (RecordedOutput(key) for key in ("small.jpg", "large.jpg", "document.pdf"))


@pytest.mark.parametrize(
    ("record", "outputs"),
    [
        (ImageRecord(), ()),
        (ImageRecord(renditions=(SMALL, LARGE)), (SMALL, LARGE)),
        (ImageRecord(renditions=(SMALL, LARGE), document=PDF), (SMALL, LARGE, PDF)),
    ],
)
def test_the_pdf_is_the_last_output(
    record: ImageRecord, outputs: tuple[RecordedOutput, ...]
) -> None:
    assert record.outputs == outputs
