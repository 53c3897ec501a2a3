"""Source and rendition, one over the other; and all outputs as one file."""

from __future__ import annotations

import dataclasses
import io
import zipfile
from typing import Any

import pytest
from starlette.responses import HTMLResponse
from starlette.testclient import TestClient

from darkroom_ops.console import pictures
from darkroom_ops.console.context import Context
from darkroom_ops.console.pictures import NoPicture, Picture
from darkroom_ops.console.views import viewer
from darkroom_ops.console.views.viewer import zipped
from darkroom_ops.executions.model import SourceObject
from darkroom_ops.present import words
from tests.unit.recorded import recorded


def outputs(context: Context, monkeypatch: pytest.MonkeyPatch, gone: set[str]) -> None:
    def output(_: object, name: str) -> Picture:
        if name in gone:
            raise NoPicture("A later run has replaced it.")
        return Picture(f"bytes of {name}".encode(), "image/jpeg")

    monkeypatch.setattr(context.pictures, "output", output)


def read(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


ALL = ["small.jpg", "medium.jpg", "large.jpg", "document.pdf"]


@pytest.mark.parametrize(
    ("gone", "names"),
    [
        (set(), ALL),
        ({"small"}, [*ALL[1:], "not included.txt"]),
        ({"document"}, [*ALL[:3], "not included.txt"]),
    ],
)
def test_all_outputs_are_one_file_that_says_what_is_missing(
    client: TestClient,
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
    gone: set[str],
    names: list[str],
) -> None:
    outputs(context, monkeypatch, gone)
    answer = client.get("/executions/complete/outputs.zip")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''rocket.jpg.zip"
    assert answer.headers["content-type"] == "application/zip"
    found = read(answer.content)
    assert list(found) == names
    assert found["medium.jpg"] == b"bytes of medium"
    if gone:
        said = found["not included.txt"].decode()
        assert said.endswith(": A later run has replaced it.\n")
        assert said.startswith(next(iter(gone)))


def test_nothing_to_download_is_said(
    client: TestClient, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs(context, monkeypatch, {"small", "medium", "large", "document"})
    answer = client.get("/executions/complete/outputs.zip")
    assert answer.status_code == 404
    assert "small.jpg: A later run has replaced it." in answer.json()["message"]
    answer = client.get("/executions/corrupt/outputs.zip")
    assert answer.json()["message"].endswith("This execution has made none.")


def test_what_is_missing_is_named_whatever_its_name() -> None:
    (found,) = viewer._with_missing([("a\ud800", NoPicture("Gone."))], [])
    assert found == ("not included.txt", b"a?: Gone.\n")


def test_a_file_is_sent_before_the_next_is_read() -> None:
    read_so_far = []

    def files() -> Any:
        for name in ("a", "b"):
            read_so_far.append(name)
            yield name, b"x" * 1000

    parts = zipped(files())
    assert len(next(parts)) > 1000
    assert read_so_far == ["a"]


@pytest.mark.parametrize(
    ("name", "others"),
    [("small", {"next": "medium"}), ("medium", {"prev": "small", "next": "large"}),
     ("large", {"prev": "medium"})],
)  # fmt: skip
def test_a_rendition_is_compared_with_its_source_and_leads_to_the_others(
    client: TestClient, name: str, others: dict[str, str]
) -> None:
    page = client.get(f"/executions/complete/view/{name}").text
    for side in ("prev", "next"):
        link = f'rel="{side}" href="/executions/complete/view/{others.get(side)}"'
        assert (link in page) is (side in others)
        assert (f'rel="{side}"' in page) is (side in others)
    assert f'src="/executions/complete/pictures/output-{name}"' in page
    assert f'src="/executions/complete/pictures/source-{name}"' in page


def test_what_was_not_made_is_not_compared(client: TestClient) -> None:
    for path, names, name in (
        ("complete/view/none", "small, medium, large", "none"),
        ("corrupt/view/small", "none", "small"),
        ("complete/view/document", "small, medium, large", "document"),
    ):
        answer = client.get(f"/executions/{path}")
        assert (answer.status_code, answer.json()["message"]) == (
            404, f"Expected a rendition of this execution, one of {names}, but received {name!r}.",
        )  # fmt: skip
    html = {"accept": "text/html"}
    for path in ("complete/view/none", "corrupt/outputs.zip"):
        back = f'href="/executions/{path.partition("/")[0]}">Back to the execution</a>'
        assert back in client.get(f"/executions/{path}", headers=html).text
    assert client.get("/executions/complete/pictures/source-none").status_code == 404


def test_formats_are_called_alike(client: TestClient) -> None:
    page = client.get("/executions/complete/view/small").text
    assert page.count("<td>JPEG") == 2
    assert "image/jpeg" not in page
    assert 'data-own="640"' in page
    assert "data-tiles" not in page


def test_of_large_pictures_a_copy_is_sent_and_tiles_are_offered(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = "/executions/complete/pictures"
    monkeypatch.setattr(pictures, "VIEWED_PIXELS", 640 * 427 // 4)
    page = client.get("/executions/complete/view/small").text
    assert f'data-tiles="{base}/source-small" data-width="640" data-height="427"' in page
    assert 'data-viewed="320"' in page
    assert f'src="{base}/output-small"' in page
    monkeypatch.setattr(pictures, "VIEWED_PIXELS", 300)
    page = client.get("/executions/complete/view/small").text
    assert f'src="{base}/reduced-small"' in page
    assert f'data-tiles="{base}/output-small" data-width="300" data-height="200"' in page


@pytest.mark.parametrize(
    ("which", "said"),
    [
        ("output-none/0/0", "This execution has made no rendition 'none'."),
        ("output-document/0/0", "This execution has made no rendition 'document'."),
        ("source-none/0/0", "This execution has planned no 'none'."),
        ("reduced-none", "This execution has made no rendition 'none'."),
    ],
)
def test_why_there_is_no_tile_is_said(client: TestClient, which: str, said: str) -> None:
    answer = client.get(f"/executions/complete/pictures/{which}")
    assert (answer.status_code, answer.text) == (404, said)


def test_a_rendition_is_measured_against_its_source(
    client: TestClient, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: dict[str, Any] = {}
    monkeypatch.setattr(context, "page", lambda _, **given: shown.update(given) or HTMLResponse(""))

    client.get("/executions/complete/view/medium")

    assert (shown["image"].width, shown["image"].height, shown["made"].name) == (640, 427, "medium")
    assert (shown["pixels"], shown["saving"]) == ("-12 %", words.saving(shown["made"], 112_525))
    assert (shown["own"], shown["source_viewed"], shown["made_viewed"]) == (
        (640, 427), (640, 427), (600, 400),
    )  # fmt: skip
    assert (shown["names"], shown["before"], shown["after"]) == (
        ["small", "medium", "large"], "small", "large",
    )  # fmt: skip
    assert (shown["here"], shown["base"]) == ("executions", "/executions/complete")
    assert shown["execution"].name == "complete"
    monkeypatch.setattr(viewer, "of_source", lambda _, name: (9, len(name)))
    client.get("/executions/complete/view/medium")
    assert (shown["own"], shown["source_viewed"]) == ((9, 6), (9, 6))


@pytest.mark.parametrize(
    ("key", "name"),
    [("a/b/c d.jpg", "c%20d.jpg.zip"), ("\u00e9.jpg", "%C3%A9.jpg.zip"), (None, "complete.zip")],
)
def test_a_file_of_all_outputs_is_named_after_the_image(
    client: TestClient, context: Context, monkeypatch: pytest.MonkeyPatch,
    key: str | None, name: str,
) -> None:  # fmt: skip
    outputs(context, monkeypatch, set())
    source = None if key is None else SourceObject("b", key)
    execution = dataclasses.replace(recorded("complete"), name="complete", source=source)
    monkeypatch.setattr(context.executions, "get", lambda _: execution)

    answer = client.get("/executions/complete/outputs.zip")

    assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{name}"
