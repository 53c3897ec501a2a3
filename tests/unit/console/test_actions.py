"""What can be done: started, stopped, redriven, checked, uploaded."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient

from darkroom_ops.console import requests
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


def test_a_stop_says_why(client: TestClient, stack: Any) -> None:
    client.post("/executions/complete/stop", data={"reason": " wrong\nfolder "}, headers=OURS)
    assert stack.done.pop()[1]["cause"] == "wrong folder"
    client.post("/executions/complete/stop", content=b"reason=a&reason=b", headers=OURS)
    assert stack.done.pop()[1]["cause"] == "a"
    long = {"reason": "x" * 262_144}
    assert client.post("/executions/complete/stop", data=long, headers=OURS).status_code == 413
    assert stack.done == []


GOOD = {"source": {"bucket": "sources", "key": "uploads/a.jpg"}}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (json.dumps(GOOD), None),
        ("{", "Expected JSON, but line 1, column 2 says otherwise"),
        ("[" * 100_000, "Expected JSON, but this cannot be read as such."),
        ("1" * 5_000, "Expected JSON, but this cannot be read as such."),
        ("{}", "source"),
        ('{"source": {"bucket": "a\u202eb", "key": "a"}}', r'received "a\u202eb"'),
        (json.dumps(GOOD) + " " * 262_144, "Expected at most 262,144 bytes"),
        (json.dumps(GOOD).ljust(262_144), None),
        (json.dumps(GOOD).ljust(262_145), "Expected at most 262,144 bytes"),
    ],
)
def test_an_input_is_checked_in_the_workflow_s_words(
    client: TestClient, body: str, said: str | None
) -> None:
    answer = client.post("/check", content=body, headers=OURS)

    assert answer.status_code == 200  # it is an answer, and nothing went wrong
    if said is None:
        assert answer.json() == {
            "message": None, "command": "darkroom run s3://sources/uploads/a.jpg --stack photos",
        }  # fmt: skip
    else:
        assert said in answer.json()["message"]


@pytest.mark.parametrize(
    ("path", "before", "code"),
    [
        ("/check", b"", 200),
        ("/preview", b"", 422),
        ("/executions/complete/rerun", b"input=", 422),
        ("/executions/complete/stop", b"reason=", 303),
    ],
)
def test_what_is_no_text_is_no_reason_to_fail(
    client: TestClient, stack: Any, path: str, before: bytes, code: int
) -> None:
    answer = client.post(path, content=before + b"\xff", headers=OURS)
    assert answer.status_code == code
    assert [given["cause"] for _, given in stack.done] == (["\ufffd"] if code == 303 else [])


def test_a_re_run_takes_as_long_an_input_as_step_functions(client: TestClient, stack: Any) -> None:
    """However much longer a form makes it: a browser sends six bytes for the end of a line."""

    def send(text: str, **given: str) -> Any:
        form = {"input": text} | given
        return client.post("/executions/complete/rerun", data=form, headers=OURS)

    lines = json.dumps(GOOD) + "\r\n" * 140_000
    assert send(lines).status_code == 303
    assert send(json.dumps(GOOD).ljust(262_144)).status_code == 303
    assert stack.done == [("start", GOOD)] * 2
    refused = send(json.dumps(GOOD).ljust(262_145))
    assert refused.status_code == 422
    assert "Expected at most 262,144 bytes" in refused.text
    assert "Expected at most 262,144 bytes" in send("é" * 131_073).text
    nothing = client.post("/executions/complete/rerun", headers=OURS)
    assert nothing.status_code == 422
    assert "Expected JSON, but line 1, column 1 says otherwise" in nothing.text
    assert 'aria-invalid="true"></textarea>' in nothing.text
    assert stack.done == [("start", GOOD)] * 2
    # Ends of lines count as one character, as Step Functions gets them.
    assert send(json.dumps(GOOD).ljust(262_143) + "\r\n").status_code == 303


def test_a_body_is_read_no_further_than_its_limit() -> None:
    read: list[bytes] = []

    async def stream() -> AsyncIterator[bytes]:
        for part in (b"12", b"34", b"56"):
            read.append(part)
            yield part

    request: Any = SimpleNamespace(stream=stream)
    with pytest.raises(requests.TooLarge):
        requests.body(request, 3).send(None)
    assert read == [b"12", b"34"]


def test_a_re_run_starts_what_is_in_the_editor(client: TestClient, stack: Any) -> None:
    def send(text: str) -> Any:
        return client.post("/executions/complete/rerun", data={"input": text}, headers=OURS)

    answer = send(json.dumps(GOOD, indent=1).replace("\n", "\r\n"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/executions/new%20one")
    assert stack.done == [("start", GOOD)]

    by_script = {**OURS, "accept": "application/json"}
    hidden = '{"source": {"bucket": "a\u202eb", "key": "a"}}'
    given = {"input": json.dumps(GOOD)}
    answer = client.post("/executions/complete/rerun", data=given, headers=by_script)
    assert (answer.status_code, answer.json()) == (201, {"page": "/executions/new%20one"})
    assert stack.done.pop() == ("start", GOOD)
    answer = client.post("/executions/complete/rerun", data={"input": hidden}, headers=by_script)
    assert answer.status_code == 422
    assert r'"a\u202eb"' in answer.json()["message"]

    said = send(hidden).text.partition("data-verdict>")[2].partition("</p>")[0]
    assert r"a\u202eb" in said
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
        ("a.jpg", b"", 422, "The file is empty (0 bytes)"),
        ("a.jpg", b"x" * 11, 413, "The file is larger than the 0 MB"),
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


def test_an_upload_that_names_nothing_is_not_put(client: TestClient, stack: Any) -> None:
    assert client.post("/uploads", content=b"x", headers=OURS).status_code == 422
    assert stack.done == []


CORRECT = "/executions/corrupt/source"


def source_of(stack: Any, name: str) -> tuple[str, str]:
    given = json.loads(stack.stepfunctions.describe_execution(executionArn=name)["input"])
    return given["detail"]["bucket"]["name"], given["detail"]["object"]["key"]


def test_a_corrected_copy_goes_under_the_very_key_and_its_execution_is_named(
    client: TestClient, stack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Any] = []

    def find(*given: Any, **_: Any) -> str:
        looked.append(given[2])
        return f"{PREFIX}found"

    monkeypatch.setattr("darkroom_ops.console.actions.find_started", find)
    bucket, key = source_of(stack, "corrupt")
    stack.source_bucket_name, stack.source_prefix = bucket, key[:3]

    answer = client.post(CORRECT, params={"name": "other.png"}, content=b"data", headers=OURS)

    assert (answer.status_code, answer.json()) == (201, {"key": key, "page": "/executions/found"})
    assert stack.done == [("put", {"Bucket": bucket, "Key": key, "Body": b"data"})]
    assert (looked[0].key, looked[0].version_id) == (key, "v1")


def test_a_corrected_copy_where_no_upload_starts_anything_is_run_as_was_asked(
    client: TestClient, stack: Any
) -> None:
    bucket, key = source_of(stack, "corrupt")
    stack.source_bucket_name, stack.source_prefix = bucket, "elsewhere/"
    asked = {"source": {"bucket": bucket, "key": key}, "notify": False}
    describe = stack.stepfunctions.describe_execution
    stack.stepfunctions.describe_execution = lambda **given: (
        describe(**given) | {"input": json.dumps(asked)}
    )
    for put, named in (
        ({"ETag": '"etag"', "VersionId": "v2"}, {"versionId": "v2"}),
        ({"ETag": '"etag"'}, {}),
    ):
        stack.s3.put_object = lambda put=put, **_: put

        answer = client.post(CORRECT, params={"name": "other.png"}, content=b"data", headers=OURS)

        assert (answer.status_code, answer.json()) == (
            201, {"key": key, "page": "/executions/new%20one"},
        )  # fmt: skip
        source = {"bucket": bucket, "key": key} | named
        assert stack.done == [("start", {"source": source, "notify": False})]
        stack.done.clear()


@pytest.mark.parametrize(
    ("name", "data", "ours", "code", "said"),
    [
        ("", b"x", True, 422, "Expected a file with a name"),
        ("a.jpg", b"", True, 422, "The file is empty (0 bytes)"),
        ("a.jpg", b"x" * 11, True, 413, "The file is larger than the 0 MB"),
        ("a.jpg", b"x", False, 422, "Expected an execution of an image in sources"),
    ],
)
def test_a_corrected_copy_is_checked_as_any_upload(
    client: TestClient,
    stack: Any,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    data: bytes,
    ours: bool,
    code: int,
    said: str,
) -> None:
    limits = SimpleNamespace(max_bytes=10)
    monkeypatch.setattr("darkroom_ops.console.actions.Limits", lambda: limits)
    if ours:
        stack.source_bucket_name, _ = source_of(stack, "corrupt")

    answer = client.post(CORRECT, params={"name": name}, content=data, headers=OURS)

    assert (answer.status_code, stack.done) == (code, [])
    assert said in answer.json()["message"]
    assert client.post(CORRECT, params={"name": "a.jpg"}, content=b"x").status_code == 403


@pytest.mark.parametrize(
    ("name", "ours", "offered"),
    [("corrupt", True, True), ("corrupt", False, False), ("complete", True, False)],
)
def test_a_corrected_copy_is_asked_for_where_a_re_run_cannot_help(
    client: TestClient, stack: Any, name: str, ours: bool, offered: bool
) -> None:
    if ours:
        stack.source_bucket_name, _ = source_of(stack, name)

    page = client.get(f"/executions/{name}").text

    assert (f'data-corrects="/executions/{name}/source"' in page) is offered
    assert ('<a class="button primary" href="/executions/' in page) is not offered
