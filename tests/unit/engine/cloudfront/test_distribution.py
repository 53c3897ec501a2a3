"""Which behaviour takes a path, and what the template says of each."""

from __future__ import annotations

import pytest

from darkroom_ops.engine.cloudfront.distribution import Behaviour, outputs, read
from tests.support.stack import cloudfront

PARAMETERS = {"Stack": "darkroom", "OutputBucketDomainName": "out.s3.us-east-1.amazonaws.com"}


def behaviour(pattern: str) -> Behaviour:
    return Behaviour(
        pattern, "b", frozenset(), least=0, usual=0, most=0, query=frozenset(), headers=(),
        on_request=None, on_response=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "path", "taken"),
    [
        ("v/*", "/v/1/a.jpg", True),
        ("/v/*", "/v/", True),
        ("v/*", "/v", False),
        ("v/*", "/V/1", False),
        ("v/*", "/a/v/1", False),
        ("*.jp?", "/a/b.jpg", True),
        ("*.jp?", "/a/b.jp", False),
        ("a.b", "/axb", False),
        ("*", "/a\nb", True),
    ],
)
def test_patterns_have_two_wildcards(pattern: str, path: str, taken: bool) -> None:
    assert behaviour(pattern).takes(path) is taken


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/v/1/a.jpg", "v/*"),
        ("/%76/1/a.jpg", "v/*"),  # an escape that nobody needs
        ("/x/../v/1", "v/*"),
        ("/./v/1", "v/*"),
        ("/v/..", "*"),
        ("/v/../a", "*"),
        ("/v%2F1", "*"),  # a slash that is none
        ("/", "*"),
    ],
)
def test_paths_are_compared_in_their_normal_form(path: str, pattern: str) -> None:
    """Developer guide, "Path pattern": CloudFront normalizes paths as RFC 3986 has it."""
    assert read(cloudfront(), PARAMETERS).behaviour(path).pattern == pattern


def test_each_behaviour_has_the_policies_that_it_names() -> None:
    found = read(cloudfront(), PARAMETERS)
    versioned, brief = found.behaviours
    assert (versioned.least, versioned.usual, versioned.most) == (31536000,) * 3
    assert (brief.least, brief.usual, brief.most) == (0, 60, 60)
    assert {each.bucket for each in found.behaviours} == {"out"}
    assert {each.methods for each in found.behaviours} == {frozenset({"GET", "HEAD"})}
    assert (versioned.query, brief.query) == (frozenset({"v"}), frozenset())
    assert versioned.on_request == versioned.on_response is not None
    assert brief.on_request is None
    assert brief.headers[0] == ("Cache-Control", "public, max-age=60", True)
    security = [
        ("X-Content-Type-Options", "nosniff", True),
        ("Strict-Transport-Security", "max-age=31536000", True),
    ]
    assert list(brief.headers[1:]) == list(versioned.headers) == security
    assert found.error_seconds == {403: 10}
    assert found.has_functions


def test_its_outputs_lead_to_the_engine() -> None:
    assert outputs(cloudfront(), {}, "127.0.0.1:80") == {
        "DistributionId": "ENGINE",
        "Url": "http://127.0.0.1:80",
    }


def test_a_nested_template_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="CloudFront only, and this has AWS::S3::Bucket"):
        read({"Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}}}, {})
