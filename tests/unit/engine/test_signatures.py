"""When a signature holds: times and errors are those of S3, and of the other services."""

from __future__ import annotations

import datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config

from darkroom_ops.engine.signatures import Keys, read
from tests.unit.engine.api import KEYS, PORT, Api, policy, request, signed, xml_text

ENGINE = f"http://127.0.0.1:{PORT}"
SECOND = datetime.timedelta(seconds=1)
LIMIT = datetime.timedelta(minutes=15)
NOW = datetime.datetime(2026, 1, 31, 8, 0, 15, tzinfo=datetime.UTC)
WEEK = datetime.timedelta(days=7)

SKEWED = (
    403,
    "RequestTimeTooSkewed",
    "The difference between the request time and the current time is too large.",
)
EXPIRED = (403, "AccessDenied", "Request has expired")
EARLY = (403, "AccessDenied", "Request is not yet valid")


def refused(environ: dict[str, Any]) -> tuple[int, str, str] | None:
    signature = read(environ)
    assert signature is not None
    return signature.untimely(NOW)


def dated(made: datetime.datetime | str, service: str = "s3") -> dict[str, Any]:
    """Return a call that was signed at a time, or with a text in its place."""
    text = made if isinstance(made, str) else f"{made:%Y%m%dT%H%M%SZ}"
    return signed(request(service=service)) | {"HTTP_X_AMZ_DATE": text}


def presigned(made: datetime.datetime, expires: str = "60", service: str = "s3") -> dict[str, Any]:
    """Return a call by an address that was presigned at a time."""
    query = (
        f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=darkroom/20260131/us-east-1/{service}"
        f"/aws4_request&X-Amz-Date={made:%Y%m%dT%H%M%SZ}&X-Amz-Expires={expires}"
        "&X-Amz-SignedHeaders=host&X-Amz-Signature=00"
    )
    return request(uri=f"/photos/a.jpg?{query}") | {"HTTP_AUTHORIZATION": ""}


@pytest.mark.parametrize("made", [NOW, NOW - LIMIT, NOW + LIMIT])
@pytest.mark.parametrize("service", ["s3", "states"])
def test_a_call_may_be_a_quarter_of_an_hour_old_or_early(
    made: datetime.datetime, service: str
) -> None:
    assert refused(dated(made, service)) is None


@pytest.mark.parametrize("made", [NOW - LIMIT - SECOND, NOW + LIMIT + SECOND])
def test_s3_refuses_a_call_of_another_time(made: datetime.datetime) -> None:
    assert refused(dated(made)) == SKEWED


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (
            NOW - LIMIT - SECOND,
            (
                "Signature expired: 20260131T074514Z is now earlier than 20260131T074515Z "
                "(20260131T080015Z - 15 min.)"
            ),
        ),
        (
            NOW + LIMIT + SECOND,
            (
                "Signature not yet current: 20260131T081516Z is still later than 20260131T081515Z "
                "(20260131T080015Z + 15 min.)"
            ),
        ),
    ],
)
def test_other_services_say_which_time_it_was(made: datetime.datetime, says: str) -> None:
    assert refused(dated(made, "states")) == (403, "SignatureDoesNotMatch", says)


@pytest.mark.parametrize("text", ["", "now", "20260131", "20260132T080015Z", "20260131T080015+01"])
def test_a_call_without_a_time_is_refused(text: str) -> None:
    assert refused(dated(text)) == (
        403,
        "AccessDenied",
        "AWS authentication requires a valid Date or x-amz-date header",
    )


@pytest.mark.parametrize(
    ("made", "expires", "expected"),
    [
        (NOW - 60 * SECOND, "60", None),
        (NOW - 61 * SECOND, "60", EXPIRED),
        (NOW - LIMIT - SECOND, "3600", None),  # an address may be older than a call
        (NOW - WEEK, "604800", None),
        (NOW - WEEK - SECOND, "604800", EXPIRED),
        (NOW + LIMIT, "1", None),
        (NOW + LIMIT + SECOND, "1", EARLY),
    ],
)
def test_an_address_holds_until_it_expires(
    made: datetime.datetime, expires: str, expected: tuple[int, str, str] | None
) -> None:
    assert refused(presigned(made, expires)) == expected


@pytest.mark.parametrize(
    ("expires", "says"),
    [
        ("", "X-Amz-Expires should be a number"),
        ("-1", "X-Amz-Expires should be a number"),
        ("1" * 5000, "X-Amz-Expires should be a number"),
        (
            "604801",
            (
                "X-Amz-Expires must be less than a week (in seconds); that is, the given "
                "X-Amz-Expires must be less than 604800 seconds"
            ),
        ),
    ],
)
def test_an_address_says_how_long_it_holds(expires: str, says: str) -> None:
    assert refused(presigned(NOW, expires)) == (400, "AuthorizationQueryParametersError", says)


def test_an_address_of_another_service_is_as_old_as_a_call() -> None:
    assert refused(presigned(NOW - LIMIT, service="sqs")) is None
    found = refused(presigned(NOW - LIMIT - SECOND, "3600", service="sqs"))
    assert found is not None
    assert found[1] == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        (f"{NOW.timestamp():.0f}", None),
        (f"{NOW.timestamp() - 1:.0f}", EXPIRED),
        ("", EXPIRED),
        ("soon", EXPIRED),
    ],
)
def test_an_address_of_version_2_ends_at_a_moment(
    ends: str, expected: tuple[int, str, str] | None
) -> None:
    query = f"AWSAccessKeyId=darkroom&Signature=x&Expires={ends}"
    assert refused(request(uri=f"/photos/a.jpg?{query}") | {"HTTP_AUTHORIZATION": ""}) == expected


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_the_engine_answers_an_address_until_it_expires(version: str) -> None:
    """One that boto3 makes, by the engine's clock."""
    api = Api()
    session = boto3.session.Session("darkroom", KEYS.secret, region_name="us-east-1")
    s3 = session.client("s3", endpoint_url=ENGINE, config=Config(signature_version=version))
    where = {"Bucket": "photos", "Key": "a.jpg", "Metadata": {"by": "me  too"}}
    address = s3.generate_presigned_url("put_object", Params=where, ExpiresIn=60)
    uri = address.removeprefix(ENGINE)
    signature = read(request(uri=uri, HTTP_AUTHORIZATION=""))
    assert signature is not None
    ends = (
        datetime.datetime.fromisoformat(signature.time) + 60 * SECOND
        if signature.time
        else datetime.datetime.fromtimestamp(signature.expires or 0, datetime.UTC)
    )
    for api.now, status in ((ends, 200), (ends + SECOND, 403)):
        got, body = api(request("PUT", uri, HTTP_AUTHORIZATION="", HTTP_X_AMZ_META_BY="me  too"))
        assert got == status
    assert (xml_text(body, "Code"), xml_text(body, "Message")) == EXPIRED[1:]
    assert len(api.server.served) == 1


def test_an_address_of_version_2_holds_for_what_was_signed() -> None:
    """Not for another end, nor in another hour: botocore alone would sign for one from now."""
    api = Api()
    session = boto3.session.Session("darkroom", KEYS.secret, region_name="us-east-1")
    s3 = session.client("s3", endpoint_url=ENGINE, config=Config(signature_version="s3"))
    address = s3.generate_presigned_url("get_object", Params={"Bucket": "photos", "Key": "a.jpg"})
    head, _, ends = address.removeprefix(ENGINE).rpartition("=")
    for uri, status in ((f"{head}={ends}", 200), (f"{head}={int(ends) + 1}", 403)):
        assert api(request(uri=uri, HTTP_AUTHORIZATION=""))[0] == status


@pytest.mark.parametrize("version", ["s3", "s3v4"])
@pytest.mark.parametrize("header", ["ContentType", "ContentMD5"])
def test_an_address_may_fix_what_is_sent(version: str, header: str) -> None:
    api = Api()
    session = boto3.session.Session("darkroom", KEYS.secret, region_name="us-east-1")
    s3 = session.client("s3", endpoint_url=ENGINE, config=Config(signature_version=version))
    where = {"Bucket": "photos", "Key": "a.jpg", header: "agreed"}
    uri = s3.generate_presigned_url("put_object", Params=where).removeprefix(ENGINE)
    name = {"ContentType": "CONTENT_TYPE", "ContentMD5": "HTTP_CONTENT_MD5"}[header]
    for value, status in (("agreed", 200), ("another", 403)):
        assert api(request("PUT", uri, HTTP_AUTHORIZATION="", **{name: value}))[0] == status


@pytest.mark.parametrize(
    "query",
    [
        "AWSAccessKeyId=darkroom&Expires=1795320582",
        "Signature=x&Expires=1795320582",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        "X-Amz-Algorithm=AWS4-HMAC-SHA1&X-Amz-Credential=darkroom/20260131/us-east-1/s3/aws4_request",
        "",
    ],
)
def test_half_of_a_signature_is_none(query: str) -> None:
    assert read(request(uri=f"/photos/a.jpg?{query}", HTTP_AUTHORIZATION="")) is None


def test_what_was_sent_is_what_was_signed_and_not_what_the_server_made_of_it() -> None:
    environ = signed(request(uri="/photos/a%2Bb.jpg"))
    api = Api()
    api.policies.roles["reader"] = (policy("r", ("s3:GetObject", "*")),)
    for uri, status in (("/photos/a%2Bb.jpg", 200), ("/photos/a+b.jpg", 403)):
        assert api(environ | {"RAW_URI": uri, "REQUEST_URI": "/photos/a b.jpg"})[0] == status


def test_who_signs_twice_has_signed_in_no_way() -> None:
    """S3 takes one mechanism only."""
    environ = presigned(NOW)
    assert read(environ) is not None
    assert read(environ | {"HTTP_AUTHORIZATION": "Basic eA=="}) is None


@pytest.mark.parametrize("service", ["lambda", "s3"])
def test_only_s3_signs_a_path_as_it_is_sent(service: str) -> None:
    uri = "/2015-03-31/functions/a%3Ab~c/invocations?b=1&a=2&a=10&a=1"
    assert Api()(request("POST", uri, who="darkroom", service=service))[0] == 200


def test_each_engine_has_a_secret_of_its_own() -> None:
    made = {Keys().secret for _ in range(2)}
    assert {len(each) for each in made} == {40}  # as AWS's
    assert len(made) == 2
    assert KEYS.secret == "secret"  # noqa: S105 - of tests, as it was given
