"""Formats of outputs: one entry each, and all else follows."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import get_args

from darkroom.contract import fields
from darkroom.contract.formats import OUTPUT_FORMATS, PDF_TYPE
from darkroom.contract.requests import schema
from darkroom.image.encode import ENCODERS

from tests.conftest import ROOT

ADDED = """
import json
from darkroom.contract.formats import OUTPUT_FORMATS, OutputFormat
OUTPUT_FORMATS["sketch"] = OutputFormat("sketch", "image/x-sketch", "skt", original_of=("tiff",))

from darkroom.contract.requests import parse_request, schema
from darkroom.contract.results import ImageInfo
from darkroom.image import encode
from darkroom.image.metadata import Credit
from darkroom.image.mezzanine import Builder
from darkroom.image.pixels import Pixels
from darkroom.image.plan import plan
from darkroom.image.render import render

encode.ENCODERS["sketch"] = lambda image, quality, **more: f"{image.bands} {quality}".encode()

names = ("sketch", "original")
asked = [{"name": name, "width": 4, "quality": 70, "format": name} for name in names]
request = parse_request({"source": {"bucket": "photos", "key": "a.tif"}, "presets": asked})
builder = Builder()
builder.add_page(Pixels(b"\\xff\\0\\0\\x80" * 16, (4, 4), 4), (4, 4), (4, 4))
mezzanine = b"".join(builder.finish("tiff", 1000, Credit(), graphic=False))
image = ImageInfo("tiff", "image/tiff", 4, 4, 1000, transparent=True)
made = []
for rendition in plan("a.tif", image, request.presets):
    encoded = render(mezzanine, rendition)
    made.append([rendition.key, encoded.content_type, encoded.data.decode()])
listed = schema()["$defs"]["Preset"]["properties"]["format"]["anyOf"][0]["enum"]
print(json.dumps({"made": made, "listed": listed}))
"""


def test_an_entry_and_an_encoder_make_a_format() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ADDED], capture_output=True, text=True, check=True, timeout=60
    )
    found = json.loads(done.stdout)
    assert found["made"] == [
        ["a.tif/sketch.skt", "image/x-sketch", "4 70"],
        ["a.tif/original.skt", "image/x-sketch", "4 70"],
    ]
    assert "sketch" in found["listed"]


def test_each_format_has_its_encoder_and_what_is_asked_for_is_one_of_them() -> None:
    assert set(ENCODERS) == set(OUTPUT_FORMATS)
    assert get_args(fields.Format) == ("auto", *OUTPUT_FORMATS, "original")
    single, several = schema()["$defs"]["Preset"]["properties"]["format"]["anyOf"]
    assert set(single["enum"]) == set(get_args(fields.Format))
    assert set(several["items"]["enum"]) == set(get_args(fields.Format))
    assert several["uniqueItems"]


def test_each_format_is_an_entry_of_its_name_with_a_key_and_a_type_of_its_own() -> None:
    assert [entry.name for entry in OUTPUT_FORMATS.values()] == list(OUTPUT_FORMATS)
    assert len({entry.extension for entry in OUTPUT_FORMATS.values()}) == len(OUTPUT_FORMATS)
    assert len({entry.content_type for entry in OUTPUT_FORMATS.values()}) == len(OUTPUT_FORMATS)


def test_the_document_has_the_settings_of_each_format() -> None:
    lines = (ROOT / "docs" / "imaging.md").read_text("utf-8").splitlines()
    start = lines.index("| format | settings |") + 2
    rows = lines[start : lines.index("", start)]
    assert {row.split("|")[1].strip().lower() for row in rows} == set(OUTPUT_FORMATS)


def test_what_viewers_and_keys_call_a_format() -> None:
    """IANA's registered media types, and what systems know files by."""
    assert {name: (of.content_type, of.extension) for name, of in OUTPUT_FORMATS.items()} == {
        "jpeg": ("image/jpeg", "jpg"),
        "png": ("image/png", "png"),
        "webp": ("image/webp", "webp"),
        "avif": ("image/avif", "avif"),
    }
    assert PDF_TYPE == "application/pdf"
