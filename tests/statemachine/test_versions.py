"""Never a mix of two versions: re-uploads while a run works, stale writes, unpinned sources."""

from __future__ import annotations

import dataclasses
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from darkroom.contract import keys

from tests.support.images import opened, photo
from tests.support.pipeline import Json, Pipeline

EVERY = {"small.jpg", "medium.jpg", "large.jpg", "document.pdf"}


def versions_of(pipeline: Pipeline, source: Json) -> set[str]:
    """Return the source versions that an image's outputs were made of."""
    found = set()
    for name in pipeline.outputs(source):
        head = pipeline.at.s3.head_object(
            Bucket=pipeline.at.output_bucket_name, Key=f"{source['key']}/{name}"
        )
        found.add(head["Metadata"]["source-version-id"])
    return found


def test_a_run_that_was_overtaken_replaces_nothing_and_tells_nobody(pipeline: Pipeline) -> None:
    """The first upload's Resize is held until the second upload is complete."""
    reached, released = threading.Event(), threading.Event()
    key = f"{pipeline.at.source_prefix}{uuid.uuid4().hex[:8]}/twice.jpg"

    def hold(given: Any) -> bool:
        if given["source"]["key"] == key and not reached.is_set():
            reached.set()
            released.wait(120)
        return False

    pipeline.fail("Resize", "never", when=hold)
    first = pipeline.put_at(key, photo(800, 600))
    assert reached.wait(120)
    second = pipeline.put_at(key, photo(600, 800))
    newer, older = sorted(
        (arn for arn in wait_for_two(pipeline, key)),
        key=lambda arn: version_in(pipeline, arn) != second["versionId"],
    )
    newer_run = pipeline.wait(newer)
    released.set()
    older_run = pipeline.wait(older)
    pipeline.settle()

    record = pipeline.record(second)
    outputs = pipeline.outputs(second)
    assert first["versionId"] != second["versionId"]
    assert newer_run.output["outcome"] == "COMPLETE"
    assert older_run.output["outcome"] == "SUPERSEDED"
    assert versions_of(pipeline, second) == {second["versionId"]}
    assert opened(outputs["large.jpg"]).size == (600, 800)
    assert record is not None
    assert (record["status"], record["version"]) == ("COMPLETE", second["versionId"])
    assert len(pipeline.messages(newer_run)) == 1
    assert pipeline.messages(older_run, expected=0) == []


def wait_for_two(pipeline: Pipeline, key: str) -> list[str]:
    def both() -> list[str] | None:
        found = pipeline.executions(key)
        return found if len(found) == 2 else None

    return pipeline._until(both)


def version_in(pipeline: Pipeline, arn: str) -> str:
    described = pipeline.at.stepfunctions.describe_execution(executionArn=arn)
    return str(json.loads(described["input"])["detail"]["object"]["version-id"])


def test_a_late_event_reads_the_version_it_names(pipeline: Pipeline) -> None:
    """By hand, for an older version: the outputs are of that version, all of them."""
    key = f"manual/{uuid.uuid4().hex[:8]}/versions.jpg"
    older = pipeline.put_at(key, photo(640, 480))
    pipeline.put_at(key, photo(480, 640))
    run = pipeline.start({"source": older})
    assert run.output["image"]["width"] == 640
    assert versions_of(pipeline, older) == {older["versionId"]}
    assert run.output["source"]["versionId"] == older["versionId"]


def test_an_object_replaced_in_an_unversioned_bucket_is_explained(
    pipeline: Pipeline, allow: Callable[[str], None]
) -> None:
    """The event names an etag; what lies there now has another: nothing is made of it."""
    bucket = f"unversioned-{uuid.uuid4().hex[:8]}"
    pipeline.at.s3.create_bucket(Bucket=bucket)
    key = "a.jpg"
    allow(bucket)
    etag = pipeline.at.s3.put_object(Bucket=bucket, Key=key, Body=photo(320, 240))["ETag"].strip(
        '"'
    )
    pipeline.at.s3.put_object(Bucket=bucket, Key=key, Body=photo(240, 320))
    run = pipeline.start({"source": {"bucket": bucket, "key": key, "etag": etag}})
    (email,) = pipeline.inbox(run, "email")
    now = pipeline.start({"source": {"bucket": bucket, "key": key}})
    assert (run.status, run.error) == ("FAILED", "SourceChanged")
    assert "was replaced after this run was asked for" in email.text
    assert now.output["image"]["width"] == 240


@pytest.fixture
def allow(pipeline: Pipeline) -> Iterator[Callable[[str], None]]:
    """Make another bucket Prepare's source until the test ends, as whoever deploys for it does."""
    engine = pipeline.engine
    if engine is None:
        pytest.skip("needs the inside of the local engine")
    iam = pipeline.at.client("iam")
    configured = pipeline.at.lambda_.get_function_configuration(
        FunctionName=pipeline.at.prepare_function_name
    )
    role = configured["Role"].rpartition("/")[2]
    spec = engine.functions.spec(pipeline.at.prepare_function_name)
    allowed: list[str] = []

    def allow(bucket: str) -> None:
        statement = {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:ListBucket", "s3:GetObjectTagging"],
            "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName=role, PolicyName=bucket, PolicyDocument=document)
        allowed.append(bucket)
        variables = {**spec.variables, "SOURCE_BUCKET": bucket}
        engine.functions.register(dataclasses.replace(spec, variables=variables))

    yield allow
    engine.functions.register(spec)
    for bucket in allowed:
        iam.delete_role_policy(RoleName=role, PolicyName=bucket)


def test_a_re_run_gives_the_same_bytes(pipeline: Pipeline) -> None:
    source = pipeline.put(photo(1600, 1200), prefix="manual/")
    pipeline.start({"source": source})
    first = pipeline.outputs(source)
    pipeline.start({"source": source})
    assert set(first) == EVERY
    assert pipeline.outputs(source) == first


def test_claims_on_an_image_are_numbered_upwards(pipeline: Pipeline) -> None:
    """Even after somebody deleted its record."""
    source = pipeline.put(photo(320, 240), prefix="manual/")
    numbers = []
    for deleted in (False, False, True):
        if deleted:
            pipeline.at.dynamodb.delete_item(
                TableName=pipeline.at.images_table_name,
                Key={"image": {"S": keys.record_key(source["bucket"], source["key"])}},
            )
        run = pipeline.start({"source": source})
        record = pipeline.record(source)
        assert record is not None
        assert run.output["outcome"] == "COMPLETE"
        numbers.append(record["claim"])
    assert numbers == sorted(set(numbers))
