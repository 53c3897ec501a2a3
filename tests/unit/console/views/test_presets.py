"""The presets in force, and others, which are looked at before they are deployed."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from starlette.testclient import TestClient

from darkroom_ops.console.views.presets import difference
from tests.unit.console.conftest import OURS
from tests.unit.recorded import at

SMALL = '[{"name": "small", "width": 300}]'
LARGE = '[{"name": "large", "width": 900}]'


class Parameter:
    """The parameter of a stack, with its versions."""

    def __init__(self) -> None:
        self.values = [LARGE, SMALL]
        self.kept = True
        """Whether somebody may read the history."""

    def get_parameter(self, **_: Any) -> dict[str, Any]:
        return {"Parameter": self._version(len(self.values))}

    def put_parameter(self, *, Value: str, **_: Any) -> dict[str, int]:  # noqa: N803
        self.values.append(Value)
        return {"Version": len(self.values)}

    def get_paginator(self, operation: str) -> SimpleNamespace:
        assert operation == "get_parameter_history"
        return SimpleNamespace(paginate=self._history)

    def _history(self, **_: Any) -> list[dict[str, Any]]:
        if not self.kept:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "History")
        return [{"Parameters": [self._version(n)]} for n in range(1, len(self.values) + 1)]

    def _version(self, number: int) -> dict[str, Any]:
        return {"Value": self.values[number - 1], "Version": number, "LastModifiedDate": at(number)}


@pytest.fixture
def parameter(stack: Any) -> Parameter:
    stack.ssm = Parameter()
    found: Parameter = stack.ssm
    return found


def send(client: TestClient, **form: str) -> Any:
    given = {"version": "2", "presets": LARGE, "do": "look"} | form
    return client.post("/presets", data=given, headers=OURS | {"accept": "text/html"})


def test_the_page_has_those_in_force_and_what_each_version_changed(
    client: TestClient, parameter: Parameter
) -> None:
    text = client.get("/presets").text

    assert "300 × any" in text  # noqa: RUF001
    assert "Version 2" in text
    assert "(in force)" in text
    assert '<span class="added">+     &#34;name&#34;: &#34;small&#34;' in text
    assert '<span class="removed">−     &#34;name&#34;: &#34;large&#34;' in text  # noqa: RUF001


def test_what_would_change_is_shown_and_nothing_is_changed(
    client: TestClient, parameter: Parameter
) -> None:
    answer = send(client)

    assert answer.status_code == 200
    assert "What would change" in answer.text
    assert ">Deploy<" in answer.text
    assert len(parameter.values) == 2
    assert "Nothing changes." in send(client, presets=SMALL).text


def test_presets_are_deployed(client: TestClient, parameter: Parameter) -> None:
    answer = send(client, do="deploy")

    assert (answer.status_code, answer.headers["location"]) == (303, "/presets")
    assert json.loads(parameter.values[-1]) == json.loads(LARGE)


def test_what_was_deployed_meanwhile_is_not_overwritten(
    client: TestClient, parameter: Parameter
) -> None:
    answer = send(client, do="deploy", version="1")

    assert (answer.status_code, len(parameter.values)) == (409, 2)
    assert "Version 2 was deployed meanwhile" in answer.text
    assert "large" in answer.text


@pytest.mark.parametrize("do", ["look", "deploy"])
def test_what_is_not_valid_is_said_and_kept_in_the_editor(
    client: TestClient, parameter: Parameter, do: str
) -> None:
    answer = send(client, do=do, presets='[{"name": "Poster"}]')

    assert (answer.status_code, len(parameter.values)) == (422, 2)
    assert "Expected" in answer.text
    assert "Poster" in answer.text
    assert send(client, presets="x" * 262_144).status_code == 413


def test_who_may_not_read_the_history_sees_the_newest(
    client: TestClient, parameter: Parameter
) -> None:
    parameter.kept = False

    text = client.get("/presets").text

    assert "Version 2" in text
    assert "Version 1" not in text


def test_what_is_broken_says_so(client: TestClient, parameter: Parameter) -> None:
    parameter.values.append("nonsense")

    assert "These are not valid:" in client.get("/presets").text


def test_other_sites_deploy_nothing(client: TestClient, parameter: Parameter) -> None:
    assert client.post("/presets", data={"presets": LARGE, "do": "deploy"}).status_code == 403
    assert len(parameter.values) == 2


def test_a_difference_is_told_line_by_line() -> None:
    assert difference("a", "b") == [("removed", "a"), ("added", "b")]
    assert {kind for kind, _ in difference(SMALL, SMALL)} == {"same"}
