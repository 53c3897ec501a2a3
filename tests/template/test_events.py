"""The example inputs are right, and the schema in the repository is the code's."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from darkroom.contract.errors import InvalidRequest
from darkroom.contract.requests import parse_request

from tools.schema import PATH, rendered

EVENTS = PATH.parent
REQUESTS = sorted(EVENTS.glob("rerun*.json"))


def test_the_schema_is_the_codes() -> None:
    assert PATH.read_text() == rendered(), "run `make schema`"


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.name)
def test_an_example_satisfies_the_schema_and_the_code(path: Path) -> None:
    request = json.loads(path.read_text())
    jsonschema.validate(request, json.loads(PATH.read_text()))
    assert parse_request(request).source.key == request["source"]["key"]


def test_the_invalid_example_is_refused_by_both() -> None:
    request = json.loads((EVENTS / "invalid.json").read_text())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(request, json.loads(PATH.read_text()))
    with pytest.raises(InvalidRequest, match=r"presets\[0\]\.width.*received 90000"):
        parse_request(request)


def test_the_example_event_is_read_like_a_request() -> None:
    event = json.loads((EVENTS / "object-created.json").read_text())
    request = parse_request(event)
    assert request.source.key == event["detail"]["object"]["key"]
    assert request.source.etag == event["detail"]["object"]["etag"]
