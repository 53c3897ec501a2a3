"""What can be done: started, stopped, redriven, checked, uploaded."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.unit.console.conftest import MACHINE, OURS, PREFIX


def test_stopping_and_redriving(client: TestClient, stack: Any) -> None:
    for what, given in (
        ("stop", {"error": "Stopped", "cause": "Stopped in the console"}),
        ("redrive", {}),
    ):
        answer = client.post(f"/executions/complete/{what}", headers=OURS)
        assert (answer.status_code, answer.headers["location"]) == (303, "/executions/complete")
        assert stack.done.pop() == (what, {"executionArn": f"{PREFIX}complete"} | given)
        assert client.post(f"/executions/none/{what}", headers=OURS).status_code == 404
        assert client.post(f"/executions/complete/{what}").status_code == 403
    assert stack.done == []


GOOD = {"source": {"bucket": "sources", "key": "uploads/a.jpg"}}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (json.dumps(GOOD), None),
        ("{", "Expected JSON, but line 1, column 2 says otherwise"),
        ("[" * 100_000, "Expected JSON, but this cannot be read as such."),
        ("{}", "source"),
        (json.dumps(GOOD) + " " * 262_144, "Expected at most 262,144 bytes"),
        (json.dumps(GOOD).ljust(262_144), None),
        (json.dumps(GOOD).ljust(262_145), "Expected at most 262,144 bytes"),
    ],
)
def test_an_input_is_checked_in_the_workflow_s_words(
    client: TestClient, body: str, said: str | None
) -> None:
    answer = client.post("/check", content=body, headers=OURS).json()

    if said is None:
        assert answer == {
            "message": None, "command": "darkroom run s3://sources/uploads/a.jpg --stack photos",
        }  # fmt: skip
    else:
        assert said in answer["message"]


def test_a_re_run_starts_what_is_in_the_editor(client: TestClient, stack: Any) -> None:
    def send(text: str) -> Any:
        return client.post("/executions/complete/rerun", data={"input": text}, headers=OURS)

    answer = send(json.dumps(GOOD, indent=1).replace("\n", "\r\n"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/executions/new%20one")
    assert stack.done == [("start", GOOD)]

    assert send("{}").status_code == 422
    assert send("x" * 4 * 262_144).status_code == 413
    assert stack.done == [("start", GOOD)]


def test_the_editor_begins_with_the_request_and_the_deployed_presets(
    client: TestClient, stack: Any
) -> None:
    assert "versionId" in client.get("/executions/complete/rerun").text
    stack.presets = "nonsense"
    assert client.get("/executions/complete/rerun").status_code == 200


@pytest.mark.parametrize(
    ("name", "key"),
    [("a.jpg", "uploads/a.jpg"), ("C:\\photos\\a b.jpg", "uploads/a b.jpg"),
     ("../../a.jpg", "uploads/a.jpg")],
)  # fmt: skip
def test_an_upload_is_put_and_its_execution_is_named(
    client: TestClient, stack: Any, monkeypatch: pytest.MonkeyPatch, name: str, key: str
) -> None:
    looked: list[Any] = []

    def find(*given: Any, **more: Any) -> str | None:
        looked.append((given[1:3], more))
        return f"{PREFIX}found" if len(looked) == 1 else None

    monkeypatch.setattr("darkroom_ops.console.actions.find_started", find)
    for page in ("/executions/found", None):
        answer = client.post("/uploads", params={"name": name}, content=b"data", headers=OURS)
        assert (answer.status_code, answer.json()) == (201, {"key": key, "page": page})
        assert stack.done.pop() == ("put", {"Bucket": "sources", "Key": key, "Body": b"data"})
    (machine, source), more = looked[0]
    assert machine == MACHINE
    assert (source.bucket, source.key, source.version_id, source.etag) == (
        "sources", key, "v1", "etag",
    )  # fmt: skip
    assert more == {"seconds": 10, "interval": 2}


@pytest.mark.parametrize(
    ("name", "data", "code", "said"),
    [
        ("", b"x", 422, "Expected a file with a name"),
        ("photos/", b"x", 422, "Expected a file with a name"),
        ("a.jpg", b"", 422, "a.jpg is empty"),
        ("a.jpg", b"x" * 11, 413, "a.jpg is larger than the 0 MB"),
        ("a.jpg", b"x" * 10, 201, None),
    ],
)
def test_an_upload_has_a_name_and_a_size(
    client: TestClient,
    stack: Any,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    data: bytes,
    code: int,
    said: str | None,
) -> None:
    monkeypatch.setattr(
        "darkroom_ops.console.actions.Limits", lambda: SimpleNamespace(max_bytes=10)
    )
    monkeypatch.setattr("darkroom_ops.console.actions.find_started", lambda *_, **__: None)

    answer = client.post("/uploads", params={"name": name}, content=data, headers=OURS)

    assert answer.status_code == code
    assert said is None or said in answer.json()["message"]
    assert len(stack.done) == (code == 201)
