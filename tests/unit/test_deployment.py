"""A stack's names and clients."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.deployment import Deployment, NotDeployed, _moment


class CloudFormation:
    def __init__(self, *outputs: tuple[str, str]) -> None:
        self.outputs = [{"OutputKey": key, "OutputValue": value} for key, value in outputs]
        self.asked: list[str] = []

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        self.asked.append(StackName)
        if StackName == "none":
            raise ClientError({"Error": {"Code": "ValidationError"}}, "DescribeStacks")
        return {"Stacks": [{"Outputs": self.outputs} if self.outputs else {}]}


@pytest.fixture
def formation(monkeypatch: pytest.MonkeyPatch) -> CloudFormation:
    found = CloudFormation(("SourceBucketName", "sources"), ("Url", "https://x"))
    monkeypatch.setattr(Deployment, "client", lambda *_: found)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")  # nobody else is asked
    return found


def test_names_are_the_stack_s_outputs_asked_for_once(formation: CloudFormation) -> None:
    at = Deployment("photos", "http://127.0.0.1:1")

    assert (at.source_bucket_name, at.url) == ("sources", "https://x")
    assert formation.asked == ["photos"]
    with pytest.raises(AttributeError, match="stack 'photos' has no output OutputBucketName"):
        _ = at.output_bucket_name
    with pytest.raises(AttributeError):
        _ = at._url


def test_a_stack_without_outputs_has_no_names(formation: CloudFormation) -> None:
    formation.outputs = []

    assert Deployment("photos", "http://127.0.0.1:1").outputs == {}


@pytest.mark.parametrize(
    ("endpoint", "where"),
    [("http://127.0.0.1:1", "http://127.0.0.1:1"), (None, "region eu-west-1")],
)
def test_a_stack_that_is_not_there_says_where_it_was_looked_for(
    formation: CloudFormation, endpoint: str | None, where: str
) -> None:
    with pytest.raises(NotDeployed, match=f"named 'none' at {where}, but: .*darkroom up"):
        _ = Deployment("none", endpoint, "eu-west-1").outputs


def test_the_region_is_the_given_one_or_the_environment_s(
    formation: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")

    assert Deployment("photos").region == "eu-central-1"
    assert Deployment("photos", "http://127.0.0.1:1").region == "us-east-1"
    assert Deployment("photos", region="eu-north-1").region == "eu-north-1"


def test_times_in_answers_are_read_whatever_their_form() -> None:
    expected = datetime.datetime(2026, 1, 31, 12, 0, 1, tzinfo=datetime.UTC)

    for value in (1769860801, 1769860801.0, "2026-01-31T12:00:01Z"):
        assert _moment(value) == expected
