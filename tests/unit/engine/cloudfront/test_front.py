"""What viewers get: from the bucket, from the cache, and when something is wrong."""

from __future__ import annotations

import datetime
import json
import logging
import shutil
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse
from werkzeug.wrappers import Response

from darkroom_ops.engine.cloudfront import front as module
from darkroom_ops.engine.cloudfront import functions
from darkroom_ops.engine.cloudfront.distribution import Distribution, read
from darkroom_ops.engine.cloudfront.front import Answer, Front
from darkroom_ops.engine.cloudfront.functions import FunctionFailed
from darkroom_ops.engine.cloudfront.origin import DENIED, origin
from tests.support.aws import client, empty_account
from tests.support.stack import cloudfront

Json = dict[str, Any]

PARAMETERS = {"Stack": "darkroom", "OutputBucketDomainName": "out.s3.us-east-1.amazonaws.com"}
DISTRIBUTION = read(cloudfront(), PARAMETERS)
YEAR = 31536000
NOON = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)
NEEDS_NODE = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")


@dataclass
class Bucket:
    """An origin of one object, and what it was asked for."""

    body: bytes = b"a picture"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def __call__(self, bucket: str, key: str, etag: str | None) -> Answer:
        assert bucket == "out"
        self.asked.append((key, etag))
        if self.status != 200:
            return replace(DENIED, status=self.status)
        mine = f'"{self.body.decode()}"'
        headers = (("ETag", mine), ("Content-Type", "image/jpeg"), *self.headers)
        return Answer(304, headers) if etag == mine else Answer(200, headers, self.body)


@cache
def _answered(code: str, event: str) -> Json:
    return functions.run(code, json.loads(event))


def once(code: str, event: Mapping[str, Any]) -> Json:
    """Run a function in Node, which takes a twentieth of a second, once for the same event."""
    return deepcopy(_answered(code, json.dumps(event)))


class Viewer:
    """A browser, with a clock that stands."""

    def __init__(
        self, bucket: Any, distribution: Distribution = DISTRIBUTION, run: Any = once
    ) -> None:
        self.now = 1000.0
        front = Front(distribution, bucket, run, frozenset({"localhost"}), lambda: self.now)
        self._client = Client(front, Response, use_cookies=False)

    def get(self, path: str, method: str = "GET", **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._client.open(path, method=method, headers=named)


def seen(response: TestResponse) -> tuple[int, str, str | None]:
    cache = response.headers["X-Cache"].partition(" ")[0]
    return response.status_code, cache, response.headers.get("Cache-Control")


BRIEF, FOR_EVER = "public, max-age=60", "public, max-age=31536000, immutable"


def test_an_output_is_asked_for_once_a_minute() -> None:
    bucket = Bucket()
    viewer = Viewer(bucket)
    first = viewer.get("/a.jpg")
    assert (seen(first), first.data) == ((200, "Miss", BRIEF), b"a picture")
    assert first.headers["Content-Type"] == "image/jpeg"
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    assert "Age" not in first.headers
    viewer.now += 59
    again = viewer.get("/a.jpg", "HEAD")
    assert (seen(again), again.data, again.headers["Age"]) == ((200, "Hit", BRIEF), b"", "59")
    viewer.now += 1
    refreshed = viewer.get("/a.jpg")
    assert (seen(refreshed), refreshed.data) == ((200, "RefreshHit", BRIEF), b"a picture")
    assert bucket.asked == [("a.jpg", None), ("a.jpg", '"a picture"')]
    bucket.body = b"another"
    viewer.now += 59
    assert seen(viewer.get("/a.jpg"))[1] == "Hit"
    viewer.now += 1
    assert viewer.get("/a.jpg").data == b"another"


def changed(**how: Any) -> Distribution:
    """Return the distribution with its default behaviour only, which is another."""
    return replace(DISTRIBUTION, behaviours=(replace(DISTRIBUTION.behaviours[-1], **how),))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (frozenset(), ["Miss", "Hit", "Hit", "Hit"]),
        (frozenset("v"), ["Miss", "Hit", "Miss", "Miss"]),
        (None, ["Miss", "Miss", "Miss", "Miss"]),
    ],
)
def test_a_query_counts_where_a_policy_names_it(
    names: frozenset[str] | None, expected: list[str]
) -> None:
    viewer = Viewer(Bucket(), changed(query=names))
    paths = ("/a?x=1", "/a?x=2", "/a?x=2&v=3", "/a?x=2&v=1&v=3")
    assert [seen(viewer.get(path))[1] for path in paths] == expected


def test_one_address_under_two_behaviours_is_cached_twice() -> None:
    """What a function makes of an address is asked for as its behaviour says."""
    (default,) = (each for each in DISTRIBUTION.behaviours if each.pattern == "*")
    long = replace(default, pattern="/long/*", on_request="shorten", least=600, most=600)
    viewer = Viewer(
        bucket := Bucket(),
        replace(DISTRIBUTION, behaviours=(long, default)),
        lambda _, event: event["request"] | {"uri": "/a.jpg"},
    )
    assert [seen(viewer.get(path))[1] for path in ("/long/a.jpg", "/a.jpg")] == ["Miss"] * 2
    viewer.now += 599
    assert [seen(viewer.get(path))[1] for path in ("/long/a.jpg", "/a.jpg")] == [
        "Hit",
        "RefreshHit",
    ]
    assert len(bucket.asked) == 3


@NEEDS_NODE
def test_a_version_is_cached_for_a_year_and_others_are_other_objects() -> None:
    viewer = Viewer(bucket := Bucket())
    assert seen(viewer.get("/v/1/a.jpg")) == (200, "Miss", FOR_EVER)
    viewer.now += YEAR - 1
    assert seen(viewer.get("/v/1/a.jpg?v=2")) == (200, "Hit", FOR_EVER)
    assert seen(viewer.get("/v/2/a.jpg")) == (200, "Miss", FOR_EVER)
    assert bucket.asked == [("a.jpg", None)] * 2


KEYS = {
    "/v/1/a%20b%2B%C3%BC%2Fc.jpg": "a b+ü/c.jpg",
    "/v/1/a+b.jpg": "a b.jpg",  # S3 takes a plus for a space
    "/v/a&v=b/k": "k",
    "/v//k": "k",
    "/v/1/": "",
    "/v/1": "",
    "/v/": "",
}


@pytest.fixture(scope="module")
def rewritten() -> Json:
    """What the function makes of each of their requests, asked of Node at once."""
    asked: dict[str, tuple[str, Any]] = {}
    for path in KEYS:

        def keep(code: str, event: Any, path: str = path) -> Any:
            asked[path] = code, deepcopy(event)
            raise FunctionFailed

        Viewer(Bucket(), run=keep).get(path)
    (code,) = {code for code, _ in asked.values()}
    every = (
        "const one = handler;"
        "handler = all => { for (const path in all) all[path] = one(all[path]); return all; };"
    )
    return functions.run(f"{code}\n{every}", {path: event for path, (_, event) in asked.items()})


@NEEDS_NODE
@pytest.mark.parametrize(("path", "key"), KEYS.items())
def test_odd_characters_and_missing_parts_reach_the_bucket_as_on_aws(
    rewritten: Json, path: str, key: str
) -> None:
    def run(code: str, event: Any) -> Any:
        return rewritten[path] if "response" not in event else event["response"]

    Viewer(bucket := Bucket(), run=run).get(path)
    assert bucket.asked == [(key, None)]


@NEEDS_NODE
def test_what_is_missing_is_looked_for_again_ten_seconds_later_and_cached_by_nobody() -> None:
    viewer = Viewer(bucket := Bucket(status=403))
    assert seen(viewer.get("/v/1/a.jpg")) == (403, "Error", None)
    bucket.status = 200
    viewer.now += 9
    assert seen(viewer.get("/v/1/a.jpg")) == (403, "Error", None)
    viewer.now += 1
    assert seen(viewer.get("/v/1/a.jpg")) == (200, "Miss", FOR_EVER)


def test_old_is_better_than_none() -> None:
    viewer = Viewer(bucket := Bucket())
    viewer.get("/a.jpg")
    bucket.status = 503
    viewer.now += 61
    assert (seen(again := viewer.get("/a.jpg")), again.data) == ((200, "Hit", BRIEF), b"a picture")
    assert seen(viewer.get("/b.jpg"))[:2] == (503, "Error")
    bucket.status = 403  # it has been deleted
    assert seen(viewer.get("/a.jpg"))[:2] == (403, "Error")


def test_an_old_error_is_not_better_than_a_new_one() -> None:
    viewer = Viewer(bucket := Bucket(status=403))
    assert seen(viewer.get("/a.jpg"))[:2] == (403, "Error")
    viewer.now += 60
    bucket.status = 503
    assert seen(viewer.get("/a.jpg"))[:2] == (503, "Error")


@pytest.mark.parametrize(
    ("told", "least", "seconds"),
    [
        ("max-age=5", 0, 5),
        ("max-age=5", 6, 6),
        ("max-age=5, s-maxage=7", 0, 7),
        ("max-age=99", 0, 60),
        ("no-store", 0, 0),
        ("no-store", 6, 6),
    ],
)
def test_an_objects_own_cache_control_holds_within_the_policys_limits(
    told: str, least: int, seconds: int
) -> None:
    viewer = Viewer(Bucket(headers=(("Cache-Control", told),)), changed(least=least))
    viewer.get("/a.jpg")
    if seconds:
        viewer.now += seconds - 1
        assert seen(viewer.get("/a.jpg"))[1] == "Hit"
        viewer.now += 1
    assert seen(viewer.get("/a.jpg"))[1] == "RefreshHit"


def test_viewers_have_conditions_and_ranges() -> None:
    viewer = Viewer(Bucket())
    assert viewer.get("/a.jpg", If_None_Match='"a picture"').status_code == 304
    part = viewer.get("/a.jpg", Range="bytes=2-4")
    assert (part.status_code, part.data) == (206, b"pic")
    assert "Date" not in part.headers  # the server's is enough
    assert Viewer(Bucket(status=403)).get("/a.jpg", Range="bytes=2-4").status_code == 403


@pytest.mark.parametrize(("overrides", "told"), [(False, "the object's"), (True, "the policy's")])
def test_a_policys_header_replaces_the_objects_where_it_says_so(overrides: bool, told: str) -> None:
    bucket = Bucket(headers=(("x-amz-meta-by", "the object's"),))
    policy = (("x-amz-meta-by", "the policy's", overrides), ("x-other", "new", False))
    headers = Viewer(bucket, changed(headers=policy)).get("/a.jpg").headers
    assert (headers["x-amz-meta-by"], headers["x-other"]) == (told, "new")


def test_only_reading_is_allowed() -> None:
    viewer = Viewer(bucket := Bucket())
    refused = viewer.get("/a.jpg", "PUT")
    assert refused.status_code == 403
    assert "allows GET, HEAD" in refused.text
    viewer = Viewer(bucket, changed(methods=frozenset({"GET"})))
    assert viewer.get("/a.jpg", "HEAD").status_code == 403
    assert bucket.asked == []


def test_a_name_that_leads_here_is_refused() -> None:
    viewer = Viewer(bucket := Bucket())
    assert "Expected the Host" in viewer.get("/a.jpg", Host="evil.example").text
    assert bucket.asked == []


def test_the_cache_forgets_what_came_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 18)
    viewer = Viewer(Bucket())
    for key in "abc":
        viewer.get(f"/{key}")
    assert [seen(viewer.get(f"/{key}"))[1] for key in "cba"] == ["Hit", "Hit", "Miss"]
    viewer.now += 60
    viewer.get("/c")  # which is asked for anew, and now the last
    viewer.get("/d")
    assert [seen(viewer.get(f"/{key}"))[1] for key in "dca"] == ["Hit", "Hit", "Miss"]


# ---------------------------------------------------------------------------- functions


def made_by(answer: Any) -> Any:
    def run(_: str, event: Mapping[str, Any]) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return run


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (FunctionFailed("it failed"), "it failed"),
        ({"uri": "no-slash"}, "'no-slash', which has no slash first"),
        ({}, "URI None"),
    ],
)
def test_a_function_that_fails_answers_503(
    answer: Any, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    viewer = Viewer(bucket := Bucket(), run=made_by(answer))
    with caplog.at_level(logging.WARNING):
        response = viewer.get("/v/1/a.jpg")
    assert (response.status_code, bucket.asked) == (503, [])
    assert told in response.text
    assert told in caplog.text
    assert seen(viewer.get("/a.jpg"))[0] == 200


def test_a_function_may_answer_itself() -> None:
    made = {"statusCode": 302, "headers": {"location": {"value": "/b"}}, "body": "there"}
    response = Viewer(Bucket(), run=made_by(made)).get("/v/1/a")
    assert (response.status_code, response.headers["Location"]) == (302, "/b")
    assert response.text == "there"


def test_a_function_sees_the_request_and_may_take_headers_away() -> None:
    events: list[Any] = []

    def run(_: str, event: Any) -> Any:
        events.append(event)
        if "response" not in event:
            return event["request"]
        return {"statusCode": 200, "headers": {"x-mine": {"value": "1"}}}

    response = Viewer(Bucket(), run=run).get("/v/1/a?b=%20&c=1&c=2", Cookie="d=e")
    request = events[0]["request"]
    assert (request["method"], request["uri"]) == ("GET", "/v/1/a")
    assert request["querystring"] == {
        "b": {"value": "%20"},
        "c": {"value": "2", "multiValue": [{"value": "1"}, {"value": "2"}]},
    }
    assert request["cookies"] == {"d": {"value": "e"}}
    assert [each["context"]["eventType"] for each in events] == [
        "viewer-request",
        "viewer-response",
    ]
    assert [each["viewer"] for each in events] == [{"ip": "127.0.0.1"}] * 2
    seen_by_it = events[1]["response"]
    assert (seen_by_it["statusCode"], seen_by_it["statusDescription"]) == (200, "OK")
    assert seen_by_it["headers"]["etag"] == {"value": '"a picture"'}
    assert response.headers["X-Mine"] == "1"
    assert "ETag" not in response.headers


@NEEDS_NODE
@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("function handler(e) { return missing; }", "ReferenceError: missing is not defined"),
        ("function handler(e) { require('fs'); }", "require is not defined"),
        ("function handler(e) { }", "returned nothing"),
        ("function handler(e) { return 1; }", "returned no object, but 1"),
    ],
)
def test_a_function_has_nothing_but_its_event(code: str, told: str) -> None:
    with pytest.raises(FunctionFailed, match=told):
        functions.run(code, {})


@NEEDS_NODE
def test_a_function_may_wait_and_log() -> None:
    assert functions.present()
    code = "async function handler(e) { console.log(1); await null; return {got: e.é}; }"
    assert functions.run(code, {"é": "\u2028"}) == {"got": "\u2028"}


def test_without_node_functions_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert not functions.present()
    response = Viewer(Bucket(), run=functions.run).get("/v/1/a.jpg")
    assert response.status_code == 503
    assert "need Node.js (`node`), which is not on the PATH" in response.text


# ---------------------------------------------------------------------------- the bucket


def test_the_bucket_hides_what_it_lacks_from_who_may_not_list() -> None:
    with empty_account():
        s3 = client("s3")
        s3.create_bucket(Bucket="out")
        enabled: Any = {"Status": "Enabled"}
        s3.put_bucket_versioning(Bucket="out", VersioningConfiguration=enabled)
        s3.put_object(
            Bucket="out", Key="ü", Body=b"1", ContentType="image/png", Metadata={"a": "b"},
            CacheControl="no-cache", ContentDisposition="inline", ContentEncoding="identity",
            ContentLanguage="de", Expires=NOON, ServerSideEncryption="AES256",
        )  # fmt: skip
        fetch = origin(s3)
        got = fetch("out", "ü", None)
        headers = dict(got.headers)
        assert (got.status, got.body, got.etag) == (200, b"1", headers.pop("ETag"))
        assert {"Last-Modified", "x-amz-version-id"} <= set(headers)
        del headers["Last-Modified"], headers["x-amz-version-id"]
        assert headers == {
            "Content-Type": "image/png", "x-amz-meta-a": "b", "Cache-Control": "no-cache",
            "Content-Disposition": "inline", "Content-Encoding": "identity",
            "Content-Language": "de", "Expires": "Sat, 31 Jan 2026 12:00:00 GMT",
            "x-amz-server-side-encryption": "AES256",
        }  # fmt: skip
        assert fetch("out", "ü", got.etag).status == 304
        assert fetch("out", "missing", None) == fetch("out", "", None) == DENIED
        assert (DENIED.status, b"AccessDenied" in DENIED.body) == (403, True)
        assert fetch("out", "\udcff", None).status == 400
