"""The presets in force, and others, which are looked at before they are deployed."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from starlette.testclient import TestClient

from darkroom_ops.console.context import Context
from darkroom_ops.console.views.presets import difference, images, values
from darkroom_ops.executions.listed import Listed
from darkroom_ops.executions.model import SourceObject
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
    assert '<input type="hidden" name="version" value="2">' in text
    assert '<span class="added">+     &#34;name&#34;: &#34;small&#34;' in text
    assert '<span class="removed">−     &#34;name&#34;: &#34;large&#34;' in text  # noqa: RUF001


def test_what_would_change_is_shown_and_nothing_is_changed(
    client: TestClient, parameter: Parameter
) -> None:
    answer = send(client)

    assert answer.status_code == 200
    assert "What would change" in answer.text
    assert 'value="deploy"' in answer.text
    assert len(parameter.values) == 2
    same = send(client, presets=SMALL).text
    assert "Nothing changes." in same
    assert 'value="deploy"' not in same


def test_the_editor_has_room_for_what_is_in_it(client: TestClient, parameter: Parameter) -> None:
    for number, rows in ((1, 12), (3, 15), (20, 40)):
        many = [{"name": f"p{each}", "width": 1200 + each} for each in range(number)]
        parameter.values.append(json.dumps(many))
        text = client.get("/presets").text
        assert f'rows="{rows}"' in text
        assert "1200 × any" in text  # noqa: RUF001


def listed(number: int, **changed: Any) -> Listed:
    source = SourceObject("sources", f"uploads/{number}.jpg")
    given: dict[str, Any] = {
        "arn": f"a{number}", "status": "SUCCEEDED", "outcome": "COMPLETE",
        "error": None, "source": source, "started": at(0), "stopped": at(1), "seconds": 1.0,
        "usd": None,
    }  # fmt: skip
    return Listed(**given | changed)


def test_a_preview_is_offered_of_the_newest_images_that_were_complete(
    client: TestClient, context: Context, parameter: Parameter, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/presets/images").json() == {"images": []}
    items = [
        listed(1), listed(2, outcome="FAILED"), listed(3, source=SourceObject("others", "x.jpg")),
        listed(4, source=None), listed(1), *(listed(number) for number in range(5, 30)),
    ]  # fmt: skip
    page = SimpleNamespace(items=items)
    monkeypatch.setattr(context.executions, "recent", lambda **_: page)
    assert images(context) == [f"uploads/{number}.jpg" for number in (1, *range(5, 16))]
    found = client.get("/presets/images").json()["images"]
    assert found[:2] == ["uploads/1.jpg", "uploads/5.jpg"]


def test_what_is_typed_is_previewed_by_the_rules_of_what_is_deployed(
    client: TestClient, context: Context, parameter: Parameter, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(context.previews, "make", lambda *given: asked.append(given) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        client.post(
            "/presets/preview?key=a.jpg&page=p&turn=2&name=large", content=LARGE, headers=OURS
        )
    source = {"bucket": "sources", "key": "a.jpg"}
    given = {"source": source, "presets": [{"name": "large", "width": 900}]}
    assert asked == [(given, "large", "p", 2)]
    for content, said in (
        ("[", "Expected the presets to be JSON"),
        ('{"presets": []}', "Expected"),
        ('[{"name": "Poster"}]', "Poster"),
    ):
        answer = client.post("/presets/preview?key=a.jpg", content=content, headers=OURS)
        assert (answer.status_code, len(asked)) == (422, 1)
        assert said in answer.json()["message"]


def test_presets_are_deployed(client: TestClient, parameter: Parameter) -> None:
    answer = send(client, do="deploy")

    assert (answer.status_code, answer.headers["location"]) == (303, "/presets#deployed")
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
    answer = send(client, do=do, presets='[{"name": "Poster\u202e"}]')

    assert (answer.status_code, len(parameter.values)) == (422, 2)
    said = answer.text.partition('<p id="said"')[2].partition("</p>")[0]
    assert "Expected" in said
    assert r"Poster\u202e" in said
    assert "\u202e" not in said
    long = send(client, presets="x" * 262_144)
    assert (long.status_code, 'href="/presets">Presets</a>' in long.text) == (413, True)


def test_who_may_not_read_the_history_sees_the_newest(
    client: TestClient, parameter: Parameter
) -> None:
    parameter.kept = False

    text = client.get("/presets").text

    assert "Version 2" in text
    assert "Version 1" not in text


def test_what_is_broken_says_so(client: TestClient, parameter: Parameter) -> None:
    parameter.values.append('[{"name": "B\u202e"}]')

    said = client.get("/presets").text.partition("These are not valid:")[2].partition("</p>")[0]
    assert r"B\u202e" in said


def test_other_sites_deploy_nothing(client: TestClient, parameter: Parameter) -> None:
    assert client.post("/presets", data={"presets": LARGE, "do": "deploy"}).status_code == 403
    assert len(parameter.values) == 2


def test_a_difference_is_told_line_by_line() -> None:
    assert difference("a", "b") == [(False, [("removed", "a"), ("added", "b")])]
    assert difference(SMALL, SMALL) == []
    text = [{"name": f"p{number}", "width": 9} for number in range(9)]
    changed = [*text[:-1], {"name": "p8", "width": 8}]
    (fold, alike), (_, rest) = difference(json.dumps(text), json.dumps(changed))
    assert fold
    assert {kind for kind, _ in alike} == {"same"}
    assert [line.strip() for kind, line in rest if kind == "added"] == ['"width": 8']


def test_the_newest_twenty_versions_are_shown_each_beside_the_one_before(
    context: Context, parameter: Parameter
) -> None:
    def sizes(parts: Any) -> list[tuple[str, str]]:
        return [(kind, line.strip()) for _, lines in parts for kind, line in lines
                if '"width"' in line]  # fmt: skip

    parameter.values = [f'[{{"name": "a", "width": {width}}}]' for width in range(1, 22)]
    found = values(context)["versions"]
    assert [each.version for each, _ in found] == list(range(21, 1, -1))
    assert sizes(found[0][1]) == [("removed", '"width": 20'), ("added", '"width": 21')]
    assert sizes(found[-1][1]) == [("removed", '"width": 1'), ("added", '"width": 2')]
    del parameter.values[20]
    found = values(context)["versions"]
    assert (len(found), found[-1][0].version, found[-1][1]) == (20, 1, None)


def test_what_is_typed_stays_as_it_was_and_what_is_deployed_is_a_start(
    client: TestClient, context: Context, parameter: Parameter
) -> None:
    found = values(context)
    assert (found["text"], found["message"], found["change"]) == (found["deployed"], None, None)
    assert json.loads(found["deployed"]) == json.loads(SMALL)
    assert values(context, "")["text"] == ""
    typed = LARGE.replace(", ", ",\r\n")
    assert LARGE.replace(", ", ",\n").replace('"', "&#34;") in send(client, presets=typed).text


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({}, 422),
        ({"presets": LARGE}, 200),
        ({"presets": LARGE, "do": "deploy"}, 409),  # of which version is not said
        ({"presets": LARGE, "version": "2"}, 200),
        ({"presets": LARGE, "version": "2", "do": "deploy"}, 303),
    ],
)
def test_only_what_says_so_is_deployed(
    client: TestClient, parameter: Parameter, form: dict[str, str], code: int
) -> None:
    answer = client.post("/presets", data=form, headers=OURS | {"accept": "text/html"})
    assert (answer.status_code, len(parameter.values)) == (code, 3 if code == 303 else 2)


def test_what_is_offered_for_a_preview_is_looked_for_among_the_newest(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Mock(return_value=SimpleNamespace(items=[]))
    monkeypatch.setattr(context.executions, "recent", asked)
    assert images(context) == []
    asked.assert_called_once_with(limit=60, costs=False, patience=3.0)


def test_the_overview_shows_what_was_deployed(
    client: TestClient, context: Context, parameter: Parameter, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten = Mock()
    monkeypatch.setattr(context, "forget_overview", forgotten)
    send(client)
    assert not forgotten.called
    send(client, do="deploy")
    assert forgotten.called
