"""The console's server on the real engine, without a browser."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from markupsafe import escape
from starlette.testclient import TestClient

from darkroom_ops.console.context import Context
from darkroom_ops.console.routes import create
from darkroom_ops.deployment import Deployment
from tests.support.images import opened, photo, truncated
from tests.support.pipeline import Pipeline, Run, until

PORT = 4600
BASE = f"http://127.0.0.1:{PORT}"
PAGE = {"accept": "text/html"}
OURS = {"origin": BASE}
HOSTILE = "\"><img src=x onerror=alert(1)>'{{7*7}}&\u202e.jpg"
SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40"><script>alert(1)</script>
<rect width="60" height="40" fill="#00ff00"/></svg>"""


def opened_by_user(console: Context) -> TestClient:
    app = create(console, PORT, "token")
    cookies = {f"darkroom-{PORT}": "token"}
    return TestClient(app, BASE, headers=PAGE, cookies=cookies, follow_redirects=False)


@pytest.fixture(scope="module")
def client(deployed: Pipeline) -> Iterator[TestClient]:
    if deployed.engine is None:
        pytest.skip("needs the inside of the local engine")
    console = Context(deployed.at, deployed.engine.inbox)
    with opened_by_user(console) as found:
        yield found


@pytest.fixture(scope="module")
def complete(deployed: Pipeline) -> Run:
    return deployed.upload(photo(), "complete.jpg")


@pytest.fixture(scope="module")
def failed(deployed: Pipeline, complete: Run) -> Run:
    return deployed.upload(truncated(), "failed.jpg")


def address(run: Run) -> str:
    return f"/executions/{quote(run.name, safe='')}"


def listed(client: TestClient, **params: str) -> str:
    """Return a list of executions, once all of them have been looked through."""
    while "data-stop-looking" in (page := client.get("/", params=params).text):
        pass
    return page


def key_of(run: Run) -> str:
    key: str = json.loads(run.described["input"])["detail"]["object"]["key"]
    return key


def test_the_list_shows_filters_and_links(client: TestClient, complete: Run, failed: Run) -> None:
    # By their keys: others' executions may have pushed them off the first page.
    assert address(complete) in listed(client, image=key_of(complete))
    assert address(failed) in listed(client, image=key_of(failed))
    later = complete.described["stopDate"] + datetime.timedelta(milliseconds=1)
    older = listed(client, after=f"{later.isoformat()} {complete.arn}")
    row = older.partition(f'id="x-{complete.name}"')[2].partition("</tr>")[0]
    assert re.search(r'class="num usd">\$0\.000', row)
    assert address(failed) in listed(client, status="FAILED", image=key_of(failed))
    assert address(complete) not in listed(client, status="FAILED", image=key_of(complete))
    for text in (key_of(complete), key_of(complete).removeprefix("uploads/")[:10]):
        found = listed(client, image=text)
        assert address(complete) in found
        assert address(failed) not in found
    nothing = listed(client, image="nothing")
    assert "No matches for text nothing" in nothing
    assert nothing.count("No matches") == 1
    assert nothing.count('href="/">Clear<') == 1


def test_every_answer_is_shut_off_from_other_sites(client: TestClient, complete: Run) -> None:
    for path in ("/", address(complete), "/inbox", "/static/console.css", "/no such page"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"


def test_other_hosts_and_origins_are_refused(client: TestClient, complete: Run) -> None:
    assert client.get("/", headers={"host": f"evil.example:{PORT}"}).status_code == 403
    before = listed(client).count("<tr id=")
    for headers in ({}, {"origin": "http://evil.example"}, {"origin": "null"}):
        body = {"input": complete.described["input"]}
        answer = client.post(f"{address(complete)}/rerun", data=body, headers=headers)
        assert answer.status_code == 403, headers
    assert listed(client).count("<tr id=") == before


def test_hostile_names_and_errors_are_shown_as_text(client: TestClient, pipeline: Pipeline) -> None:
    run = pipeline.upload(photo(64, 64), HOSTILE)
    for path in ("/", address(run), f"{address(run)}/events", f"{address(run)}/rerun"):
        text = client.get(path).text
        assert "<img src=x" not in text, path
        assert "\u202e" not in text, path
    assert str(escape("onerror=alert(1)>'{{7*7}}&")) in listed(client)
    pipeline.fail("Prepare", "Bad</script><script>", cause="<script>alert(1)</script>")
    bad = pipeline.start_manual(photo(64, 64))
    text = client.get(address(bad)).text
    assert "<script>alert(1)" not in text
    assert str(escape("<script>alert(1)</script>")) in text


def test_pictures_are_pixels_and_sandboxed(client: TestClient, pipeline: Pipeline) -> None:
    run = pipeline.upload(SVG, "drawing.svg")
    answer = client.get(f"{address(run)}/pictures/source")
    assert answer.headers["content-type"] in {"image/jpeg", "image/webp"}
    assert opened(answer.content).convert("RGB").getpixel((30, 20)) == pytest.approx(
        (0, 255, 0), abs=6
    )
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_renditions_are_served_as_they_are_stored(
    client: TestClient, pipeline: Pipeline, complete: Run
) -> None:
    stored = pipeline.outputs(complete.output["source"])
    for made in complete.output["renditions"]:
        answer = client.get(f"{address(complete)}/pictures/output-{made['name']}")
        assert answer.content == stored[made["key"].rpartition("/")[2]]
    assert client.get(f"{address(complete)}/pictures/thumbnail").content == stored["small.jpg"]
    page = opened(client.get(f"{address(complete)}/pictures/document-page").content)
    assert page.width / page.height == pytest.approx(640 / 480, abs=0.02)
    pdf = client.get(f"{address(complete)}/pictures/output-document")
    assert pdf.content == stored["document.pdf"]
    assert "attachment" in pdf.headers["content-disposition"]
    assert client.get(f"{address(complete)}/pictures/output-nothing").status_code == 404


def test_each_format_of_a_size_is_shown_by_its_own_name(
    client: TestClient, pipeline: Pipeline
) -> None:
    both = {"name": "tiny", "width": 20, "format": ["webp", "jpeg"]}
    run = pipeline.start_manual(photo(), presets=[both])
    page = client.get(address(run)).text
    for name, kind in (("tiny.webp", "WEBP"), ("tiny.jpg", "JPEG")):
        assert f"<b>{name}</b>" in page
        assert f"/pictures/output-{name}" in page
        assert opened(client.get(f"{address(run)}/pictures/output-{name}").content).format == kind


def test_a_rendition_that_a_later_run_replaced_is_not_shown_as_this_runs(
    client: TestClient, pipeline: Pipeline
) -> None:
    first = pipeline.upload(
        photo(500, 400), "twice.jpg"
    )  # no other test's bytes, which would be remembered
    preset = {"name": "small", "width": 99}
    pipeline.start({"source": first.output["source"] | {}, "presets": [preset]})
    answer = client.get(f"{address(first)}/pictures/output-small")
    assert (answer.status_code, answer.text) == (404, "A later run has replaced it.")


def test_the_page_of_a_failure_says_why_and_what_helps(client: TestClient, failed: Run) -> None:
    text = unescape(client.get(address(failed)).text)
    assert "CorruptImage" in text
    assert failed.cause in text
    assert "Upload an intact copy" in text
    (state,) = re.findall(r'id="graph"[^>]*data-selected="(\d+)"', text)
    part = unescape(client.get(f"{address(failed)}/states/{state}").text)
    assert "<h2>Prepare</h2>" in part
    logs = client.get(f"{address(failed)}/states/{state}/logs").text
    assert "level-warning" in logs


def test_the_history_is_paged(client: TestClient, complete: Run) -> None:
    text = client.get(f"{address(complete)}/events").text
    assert text.count('id="e-') == len(complete.history)
    later = client.get(f"{address(complete)}/events", params={"from": "11"}).text
    assert later.count('id="e-') == len(complete.history) - 10


def test_an_alert_leads_to_its_execution(client: TestClient, failed: Run) -> None:
    for path in ("/inbox", "/inbox?kind=sms", "/inbox?kind=email"):
        numbers = re.findall(r"message=(\d+)", client.get(path).text)
        pages = [client.get(f"/inbox?message={number}").text for number in numbers]
        assert any(address(failed) in page for page in pages), path


def test_what_an_operator_pastes_is_found(client: TestClient, failed: Run) -> None:
    url = (
        f"https://us-east-1.console.aws.amazon.com/states/home#/v2/executions/details/{failed.arn}"
    )
    for text in (failed.name, failed.arn, url, failed.name[:13]):
        answer = client.get("/find", params={"q": text})
        assert answer.headers["location"] == address(failed), text
    assert client.get("/find", params={"q": "failed.jpg"}).headers["location"].startswith("/?image")
    missing = client.get("/find", params={"q": failed.arn[:-6] + "000000"}, follow_redirects=True)
    assert missing.status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"presets": [{"name": "Poster", "width": 10}]},
        {"presets": [{"name": "a", "width": -1}]},
        {"pdf": {"pageSize": "A5"}},
        {"colour": "red"},
    ],
)
def test_the_editor_says_what_the_workflow_would(
    client: TestClient, pipeline: Pipeline, complete: Run, wrong: dict[str, Any]
) -> None:
    asked = {"source": complete.output["source"], **wrong}
    said = client.post("/check", content=json.dumps(asked), headers=OURS).json()["message"]
    run = pipeline.start(asked)
    assert run.error == "InvalidRequest"
    assert said == run.cause
    page = client.post(
        f"{address(complete)}/rerun", data={"input": json.dumps(asked)}, headers=OURS
    )
    assert page.status_code == 422
    assert said in unescape(page.text)


def test_the_editor_says_where_json_is_wrong(client: TestClient) -> None:
    answer = client.post("/check", content='{"source":\n  nothing}', headers=OURS).json()
    assert "line 2, column 3" in answer["message"]
    deep = client.post("/check", content="[" * 100_000, headers=OURS).json()
    assert deep["message"].startswith("Expected JSON")
    long = client.post("/check", content=" " * 300_000, headers=OURS).json()
    assert "262,144" in long["message"]


def test_a_rerun_makes_what_was_asked(
    client: TestClient, pipeline: Pipeline, complete: Run
) -> None:
    asked = {"source": complete.output["source"], "presets": [{"name": "tiny", "width": 40}]}
    answer = client.post(
        f"{address(complete)}/rerun", data={"input": json.dumps(asked)}, headers=OURS
    )
    assert answer.status_code == 303
    name = answer.headers["location"].rpartition("/")[2]
    arn = complete.arn.rpartition(":")[0] + f":{name}"
    run = pipeline.wait(arn)
    assert [each["name"] for each in run.output["renditions"]] == ["tiny"]


def test_uploads_name_their_execution(client: TestClient, pipeline: Pipeline) -> None:
    answer = client.post(
        "/uploads", params={"name": "../../evil/new.jpg"}, content=photo(32, 32), headers=OURS
    )
    assert answer.status_code == 201
    assert answer.json()["key"] == "uploads/new.jpg"
    run = pipeline.wait(
        pipeline.at.state_machine_arn.replace(":stateMachine:", ":execution:")
        + ":"
        + answer.json()["page"].rpartition("/")[2]
    )
    assert run.status == "SUCCEEDED"
    for name, content in (("", b"x"), ("empty.jpg", b"")):
        refused = client.post(
            "/uploads", params={"name": name}, content=content,
            headers={**OURS, "accept": "application/json"},
        )  # fmt: skip
        assert refused.status_code == 422
        assert refused.json()["message"]


def test_a_failure_that_a_summary_may_tell_of_is_not_said_to_reach_nobody(
    client: TestClient, complete: Run, failed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("darkroom_ops.console.views.execution.deliveries", lambda *_, **__: [])
    assert "Nobody was told." in client.get(address(complete)).text
    text = client.get(address(failed)).text
    assert "Nobody was told." not in text
    assert "A summary of such failures may tell of it." in text


def test_a_running_execution_can_be_stopped(client: TestClient, pipeline: Pipeline) -> None:
    import threading

    gate = threading.Event()
    pipeline.fail("MakePdf", "StorageError", times=0, when=lambda _: not gate.wait(120))
    source = pipeline.put(photo(64, 64))
    try:
        (arn,) = until(lambda: pipeline.executions(source["key"]) or None)
        page = f"/executions/{arn.rpartition(':')[2]}"
        assert "data-stream" in client.get(page).text
        assert client.post(f"{page}/stop", headers=OURS).status_code == 303
    finally:
        gate.set()
    run = pipeline.wait(arn)
    assert run.status == "ABORTED"
    text = client.get(page).text
    assert "Stopped in the console" in text
    assert "/redrive" in text
    listing = listed(client, image=source["key"])
    (how,) = re.findall(r'<td class="how">(.*?)</td>', listing, re.DOTALL)
    assert how.count("Stopped") == 1  # as its badge says; its error is called the same


def test_the_stream_sends_parts_and_ends_with_the_execution(
    client: TestClient, complete: Run
) -> None:
    text = client.get(f"/live{address(complete)}").text
    events = [block.split("\n") for block in text.strip().split("\n\n")]
    assert [event[0] for event in events] == ["event: parts", "event: done"]
    parts = json.loads(events[0][1].removeprefix("data: "))
    assert set(parts) == {"head", "pictures", "overlay", "timeline", "data"}
    for name, html in parts.items():
        assert re.search(rf'id="{name}"', html)


def test_what_is_not_there_is_said(client: TestClient, deployed: Pipeline, complete: Run) -> None:
    answer = client.get("/executions/nothing")
    assert answer.status_code == 404
    main = answer.text.partition("<main")[2]
    assert "No such execution" in main
    assert "The stack darkroom has no execution named nothing. The engine keeps" in main
    # Nothing there is for a terminal, or AWS's name of it.
    assert not re.search(r"arn:|darkroom ls|--stack", main)
    assert client.get("/executions/nothing", headers={"accept": "*/*"}).json()["message"] in main
    assert client.get("/nothing").status_code == 404
    typed = client.get(f"{address(complete)}/stop")
    assert (typed.status_code, "No such page" in typed.text) == (405, True)
    assert "No such action" in client.get("/bulk/nothing").text
    unknown = client.get("/find", params={"q": "s3://bucket/nothing.jpg"}).text.partition("<main")[
        2
    ]
    assert "has no record of it" in unknown
    assert "darkroom run" not in unknown
    nowhere = Context(Deployment("nothing", deployed.at.endpoint))
    with opened_by_user(nowhere) as other:
        answer = other.get("/")
        assert answer.status_code == 502
        assert "deployed stack named" in unescape(answer.text)


def test_a_console_without_an_engine_has_no_inbox_and_says_why(deployed: Pipeline) -> None:
    with opened_by_user(Context(deployed.at)) as other:
        assert "SNS delivers messages and keeps none" in other.get("/inbox").text
