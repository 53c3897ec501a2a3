"""The request of a re-run, and what can be typed for it."""

from __future__ import annotations

import dataclasses
import json
import shlex
from types import SimpleNamespace
from typing import Any

import pytest
from darkroom.contract.errors import InvalidRequest

from darkroom_ops import rerun
from tests.unit.recorded import recorded

ENGINE = SimpleNamespace(stack="darkroom", endpoint="http://127.0.0.1:4599")
AWS = SimpleNamespace(stack="prod", endpoint=None)


def test_an_upload_is_run_again_at_its_version_and_without_its_etag() -> None:
    execution = recorded("complete")

    source = rerun.request_of(execution)["source"]

    assert source.keys() == {"bucket", "key", "versionId"}
    assert source["versionId"] == execution.input["detail"]["object"]["version-id"]


def test_a_request_is_run_again_as_it_was() -> None:
    execution = recorded("silent")

    assert rerun.request_of(execution) == execution.input
    assert rerun.request_of(execution)["notify"] is False


def test_an_input_that_is_no_object_cannot_be_run_again() -> None:
    with pytest.raises(InvalidRequest, match="darkroom run"):
        rerun.request_of(dataclasses.replace(recorded("silent"), input="nonsense"))


def test_fields_are_replaced_removed_and_left_alone() -> None:
    request = {"source": {"bucket": "b", "key": "k"}, "watermark": {"text": "a"}, "notify": True}

    found = rerun.changed(request, presets=[{"name": "s", "width": 1}], watermark={}, notify=False)

    assert found == {
        "source": {"bucket": "b", "key": "k"},
        "presets": [{"name": "s", "width": 1}],
        "notify": False,
    }
    assert request["watermark"] == {"text": "a"}
    assert rerun.changed(request) == request


@pytest.mark.parametrize(
    ("deployment", "end"), [(ENGINE, []), (AWS, ["--stack", "prod"])], ids=["engine", "aws"]
)
def test_the_command_says_the_same_request(deployment: Any, end: list[str]) -> None:
    key = "uploads/it's [a] photo.jpg"
    request = {
        "source": {"bucket": "my-bucket", "key": key, "versionId": "v1"},
        "watermark": {"text": "it's © mine"},
    }

    words = shlex.split(rerun.command(deployment, request))

    assert words[:5] == ["darkroom", "run", f"s3://my-bucket/{key}", "--version-id", "v1"]
    assert json.loads(words[6]) == {"watermark": {"text": "it's © mine"}}
    assert words[7:] == end


def test_what_cannot_be_run_again_is_shown_in_short() -> None:
    execution = dataclasses.replace(recorded("silent"), input=["x" * 100], name="run-1")

    with pytest.raises(InvalidRequest) as refused:
        rerun.request_of(execution)

    shown = json.dumps(["x" * 100])[:60]
    assert str(refused.value).startswith(
        f"Expected execution run-1 to have a JSON object as its input, but it has {shown}. Run"
    )


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"presets": []}, {"pdf": {"quality": 3}, "notify": True}),
        ({"pdf": {}}, {"presets": [1], "notify": True}),
        ({"pdf": {"quality": 9}}, {"presets": [1], "pdf": {"quality": 9}, "notify": True}),
        ({"notify": True}, {"presets": [1], "pdf": {"quality": 3}, "notify": True}),
        ({"notify": False}, {"presets": [1], "pdf": {"quality": 3}, "notify": False}),
        (
            {"watermark": {"text": "a"}},
            {"presets": [1], "pdf": {"quality": 3}, "notify": True, "watermark": {"text": "a"}},
        ),
        ({"watermark": {}}, {"presets": [1], "pdf": {"quality": 3}, "notify": True}),
    ],
)
def test_each_field_is_changed_by_itself(given: dict[str, Any], found: dict[str, Any]) -> None:
    request = {"presets": [1], "pdf": {"quality": 3}, "notify": True}

    assert rerun.changed(request, **given) == found


def test_a_request_is_the_input_of_the_execution_that_it_starts() -> None:
    started: list[tuple[str, Any]] = []

    def start_execution(*, stateMachineArn: str, input: str) -> dict[str, str]:  # noqa: N803, A002
        started.append((stateMachineArn, json.loads(input)))
        return {"executionArn": "arn:new"}

    deployment: Any = SimpleNamespace(
        state_machine_arn="arn:machine",
        stepfunctions=SimpleNamespace(start_execution=start_execution),
    )
    request = {"source": {"bucket": "bucket", "key": "k"}}

    assert rerun.start(deployment, request) == "arn:new"
    assert started == [("arn:machine", request)]


@pytest.mark.parametrize(
    ("request_", "command"),
    [
        ({"source": {"bucket": "b", "key": "k"}}, "darkroom run s3://b/k"),
        ({"source": {"bucket": "b", "key": "a b"}}, "darkroom run 's3://b/a b'"),
        ({"source": {"bucket": "b"}}, "darkroom run s3://b/KEY"),
        ({"source": {"key": "k"}}, "darkroom run s3://BUCKET/k"),
        ({"source": "photo.jpg"}, "darkroom run s3://BUCKET/KEY"),
        ({}, "darkroom run s3://BUCKET/KEY"),
        (
            {"source": {"bucket": "b", "key": "k", "versionId": 7}},
            "darkroom run s3://b/k --version-id 7",
        ),
        (
            {"source": {"bucket": "b", "key": "k"}, "notify": False},
            "darkroom run s3://b/k --input '{\"notify\": false}'",
        ),
        (
            {"source": {"bucket": "b", "key": "k"}, "watermark": {"text": "©"}},
            'darkroom run s3://b/k --input \'{"watermark": {"text": "©"}}\'',
        ),
    ],
)
def test_the_command_of_a_request_also_of_half_a_one(
    request_: dict[str, Any], command: str
) -> None:
    assert rerun.command(ENGINE, request_) == command  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stack", "endpoint", "named"),
    [
        ("darkroom", "http://127.0.0.1:4599", False),
        ("darkroom", None, True),
        ("photos", "http://127.0.0.1:4599", True),
        ("photos", None, True),
    ],
)
def test_the_command_names_the_stack_unless_it_is_the_engine_s(
    stack: str, endpoint: str | None, named: bool
) -> None:
    deployment: Any = SimpleNamespace(stack=stack, endpoint=endpoint)

    found = rerun.command(deployment, {"source": {"bucket": "b", "key": "k"}})

    assert found == "darkroom run s3://b/k" + (f" --stack {stack}" if named else "")


@pytest.mark.parametrize(
    ("request_", "deployment", "command"),
    [
        ({}, ("darkroom", "http://x"), "darkroom run s3://BUCKET/KEY"),
        ({"source": "x"}, ("darkroom", "http://x"), "darkroom run s3://BUCKET/KEY"),
        (
            {"source": {"bucket": "b", "key": "k"}},
            ("other", "http://x"),
            "darkroom run s3://b/k --stack other",
        ),
        (
            {"source": {"bucket": "b", "key": "k"}},
            ("darkroom", None),
            "darkroom run s3://b/k --stack darkroom",
        ),
    ],
)
def test_the_command_of_a_request(
    request_: Any, deployment: tuple[str, str | None], command: str
) -> None:
    at: Any = SimpleNamespace(stack=deployment[0], endpoint=deployment[1])

    assert rerun.command(at, request_) == command


def test_a_request_is_started_as_it_is() -> None:
    started: dict[str, Any] = {}

    def start_execution(**given: Any) -> dict[str, str]:
        started.update(given)
        return {"executionArn": "arn"}

    at: Any = SimpleNamespace(
        state_machine_arn="machine", stepfunctions=SimpleNamespace(start_execution=start_execution)
    )

    assert rerun.start(at, {"source": {"key": "é"}}) == "arn"
    assert started["stateMachineArn"] == "machine"
    assert json.loads(started["input"]) == {"source": {"key": "é"}}
