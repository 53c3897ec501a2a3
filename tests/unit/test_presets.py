"""The deployed presets: what is accepted."""

from __future__ import annotations

import datetime
import json
from types import SimpleNamespace
from typing import Any

import pytest
from darkroom.contract.errors import InvalidRequest
from darkroom.contract.presets import parse_presets

from darkroom_ops import presets

GOOD = '[{"name": "small", "width": 300, "height": 300, "fit": "inside", "quality": 80}]'


def test_what_is_valid_is_written_without_what_is_a_default() -> None:
    written: dict[str, Any] = {}

    def put_parameter(**given: Any) -> dict[str, int]:
        written.update(given)
        return {"Version": 2}

    deployment = SimpleNamespace(
        ssm=SimpleNamespace(put_parameter=put_parameter), presets_parameter_name="/darkroom/presets"
    )

    valid = parse_presets(f'{GOOD[:-1]}, {{"name": "box", "height": 9}}]')
    assert presets.put(deployment, valid) == 2  # type: ignore[arg-type]
    assert json.loads(written["Value"]) == [
        {"name": "small", "width": 300, "height": 300}, {"name": "box", "height": 9},
    ]  # fmt: skip
    assert (written["Name"], written["Overwrite"]) == ("/darkroom/presets", True)


class Parameters:
    """The parameter, with its history in two pages, as SSM has them: in no order."""

    def __init__(self, **more: Any) -> None:
        self.one = {"Name": "/darkroom/presets", "Value": GOOD, "Version": 3} | more
        old = [self.one | {"Value": f"[{n}]", "Version": n} for n in (1, 2)]
        self.pages = [{"Parameters": [old[0], self.one]}, {"Parameters": [old[1]]}]

    def get_parameter(self, *, Name: str) -> Any:  # noqa: N803 - boto3's
        assert Name == "/darkroom/presets"
        return {"Parameter": self.one}

    def get_paginator(self, name: str) -> Any:
        assert name == "get_parameter_history"
        return self

    def paginate(self, *, Name: str) -> Any:  # noqa: N803 - boto3's
        assert Name == "/darkroom/presets"
        return self.pages


@pytest.mark.parametrize("changed", [datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC), None])
def test_what_is_deployed_and_was(changed: datetime.datetime | None) -> None:
    ssm = Parameters(**({"LastModifiedDate": changed} if changed else {}))
    at: Any = SimpleNamespace(ssm=ssm, presets_parameter_name="/darkroom/presets")

    newest = presets.Parameter("/darkroom/presets", GOOD, 3, changed)
    assert presets.get(at) == newest
    found = presets.versions(at)
    assert found[0] == newest
    assert [(each.version, each.text) for each in found[1:]] == [(2, "[2]"), (1, "[1]")]
    assert {each.changed for each in found} == {changed}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("small: 300", "to be JSON"),
        ('{"name": "small"}', "to be a list"),
        ("null", "to be a list"),
        ("[]", "presets"),
        ('[{"name": "Small", "width": 1}]', "lower-case"),
        ('[{"name": "a", "width": 1}, {"name": "a", "width": 2}]', "repeats 'a'"),
        ('[{"name": "a", "width": 1, "fit": "cover"}]', "both width and height"),
    ],
)
def test_what_is_not_valid_is_said_in_words(text: str, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        parse_presets(text)


def test_more_than_a_parameter_holds_is_refused_before_it_is_written() -> None:
    many = [
        {"name": f"{n}{'x' * 28}", "width": 1, "watermark": {"text": "w" * 200}} for n in range(20)
    ]

    with pytest.raises(InvalidRequest, match=r"4096 bytes.*Use fewer"):
        presets.put(SimpleNamespace(), parse_presets(json.dumps(many)))  # type: ignore[arg-type]


@pytest.mark.parametrize("letter", ["w", "ü"])
def test_the_limit_is_reached_in_bytes_and_not_in_letters(letter: str) -> None:
    """A parameter's value is UTF-8, where letters that are not English take two bytes or more."""
    written: list[str] = []

    def put_parameter(**given: Any) -> dict[str, int]:
        written.append(given["Value"])
        return {"Version": 1}

    deployment: Any = SimpleNamespace(
        ssm=SimpleNamespace(put_parameter=put_parameter), presets_parameter_name="/darkroom/presets"
    )

    def of(size: int) -> tuple[Any, ...]:
        """Return presets of so many bytes, by the length of the last one's text."""
        found = [
            {"name": f"preset{n:02}", "width": 1, "watermark": {"text": "w" * 200}}
            for n in range(15)
        ] + [{"name": "last", "width": 1, "watermark": {"text": letter * 10}}]
        missing = size - len(json.dumps(found, ensure_ascii=False).encode())
        found[-1]["watermark"] = {"text": letter * 10 + "w" * missing}
        return parse_presets(json.dumps(found))

    presets.put(deployment, of(presets.MAX_BYTES))
    assert len(written[-1].encode()) == presets.MAX_BYTES
    with pytest.raises(InvalidRequest, match=r"4096 bytes.*they take 4097"):
        presets.put(deployment, of(presets.MAX_BYTES + 1))


def test_presets_that_fill_the_parameter_fit_and_a_byte_more_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[str] = []

    def put_parameter(*, Name: str, Value: str, Overwrite: bool) -> dict[str, int]:  # noqa: N803
        assert (Name, Overwrite) == ("/presets", True)
        written.append(Value)
        return {"Version": 3}

    at: Any = SimpleNamespace(
        ssm=SimpleNamespace(put_parameter=put_parameter), presets_parameter_name="/presets"
    )
    made = parse_presets('[{"name": "s", "width": 1, "watermark": {"text": "é"}}]')
    presets.put(at, made)
    size = len(written[0].encode())

    monkeypatch.setattr(presets, "MAX_BYTES", size)
    assert presets.put(at, made) == 3
    monkeypatch.setattr(presets, "MAX_BYTES", size - 1)
    with pytest.raises(InvalidRequest, match=f"{size - 1} bytes.*they take {size}"):
        presets.put(at, made)


def test_what_is_deployed_is_told_as_it_is() -> None:
    found = {"Value": "nonsense", "Version": 7}
    at: Any = SimpleNamespace(
        ssm=SimpleNamespace(get_parameter=lambda **given: {"Parameter": found | given}),
        presets_parameter_name="/presets",
    )

    assert presets.get(at) == presets.Parameter("/presets", "nonsense", 7, None)
