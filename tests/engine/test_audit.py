"""The auditor finds what is not as promised, and nothing else."""

from __future__ import annotations

import datetime
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from darkroom_ops.audit.evidence import StackEvidence, mailbox
from darkroom_ops.audit.findings import Auditor, Finding
from darkroom_ops.engine import Engine
from tests.support.cli import invoke
from tests.support.images import photo, truncated
from tests.support.pipeline import Json, Pipeline

Breaks = Callable[[Pipeline, Json], Callable[[], None]]
"""Breaks something about an image and returns what puts it back."""


@pytest.fixture(scope="module")
def image(engine: Engine, deployed: Pipeline) -> Json:
    """An upload that is complete."""
    source = deployed.put(photo(), "audited.jpg")
    assert deployed.run_of(source).status == "SUCCEEDED"
    return source


def auditor(engine: Engine, source: Json, *, settled: float = 0.0, **options: Any) -> Auditor:
    """Return an auditor of one image; nothing that happened counts as recent."""
    engine.wait_idle()
    since = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=settled)
    return Auditor(StackEvidence(engine.deployment), prefix=source["key"], since=since, **options)


def audited(engine: Engine, source: Json, *, settled: float = 0.0) -> list[Finding]:
    """Return what is found about one image."""
    return list(auditor(engine, source, settled=settled).findings())


def change(pipeline: Pipeline, source: Json, expression: str, value: str | None = None) -> None:
    """Change an image's record; ``:v`` in the expression is the value."""
    names = {f"#{name}": name for name in ("status", "backup") if f"#{name}" in expression}
    given: Json = {"ExpressionAttributeNames": names} if names else {}
    if value is not None:
        given["ExpressionAttributeValues"] = {":v": {"S": value}}
    pipeline.at.dynamodb.update_item(
        TableName=pipeline.at.images_table_name,
        Key={"image": {"S": f"{source['bucket']}/{source['key']}"}},
        UpdateExpression=expression,
        **given,
    )


def test_a_complete_image_is_found_as_promised(engine: Engine, image: Json) -> None:
    audit = auditor(engine, image)
    assert list(audit.findings()) == []
    assert audit.counts == {"images": 1, "complete": 1, "outputs": 4}


def test_a_failed_image_with_its_alert_is_as_promised(pipeline: Pipeline, engine: Engine) -> None:
    source = pipeline.put(truncated())
    pipeline.run_of(source)
    assert audited(engine, source) == []


def lose_a_rendition(pipeline: Pipeline, source: Json) -> Callable[[], None]:
    key = f"{source['key']}/small.jpg"
    return _without(pipeline, pipeline.at.output_bucket_name, key)


def swap_a_rendition(pipeline: Pipeline, source: Json) -> Callable[[], None]:
    """Another run's bytes under the same key, as an interrupted run might leave them."""
    bucket, key = pipeline.at.output_bucket_name, f"{source['key']}/medium.jpg"
    found = pipeline.at.s3.get_object(Bucket=bucket, Key=key)
    pipeline.at.s3.put_object(Bucket=bucket, Key=key, Body=photo(60, 40))
    return lambda: _put(pipeline, bucket, key, found["Metadata"], found["Body"].read())


def change_the_claim(pipeline: Pipeline, source: Json) -> Callable[[], None]:
    """The same bytes, but of another run."""
    bucket, key = pipeline.at.output_bucket_name, f"{source['key']}/large.jpg"
    found = pipeline.at.s3.get_object(Bucket=bucket, Key=key)
    data, metadata = found["Body"].read(), found["Metadata"]
    _put(pipeline, bucket, key, metadata | {"claim": "7"}, data)
    return lambda: _put(pipeline, bucket, key, metadata, data)


def leave_an_output(pipeline: Pipeline, source: Json) -> Callable[[], None]:
    bucket, key = pipeline.at.output_bucket_name, f"{source['key']}/thumb.jpg"
    pipeline.at.s3.put_object(Bucket=bucket, Key=key, Body=photo(60, 40))
    return lambda: _delete(pipeline, bucket, key)


def forget_to_tell(pipeline: Pipeline, source: Json) -> Callable[[], None]:
    announced = (pipeline.record(source) or {})["announced"]
    change(pipeline, source, "REMOVE announced")
    return lambda: change(pipeline, source, "SET announced = :v", announced)


def leave_in_progress(pipeline: Pipeline, source: Json) -> Callable[[], None]:
    change(pipeline, source, "SET #status = :v", "IN_PROGRESS")
    return lambda: change(pipeline, source, "SET #status = :v", "COMPLETE")


def forget_the_newest_upload(pipeline: Pipeline, source: Json) -> Callable[[], None]:
    """A newer version whose event never arrived."""
    version = (pipeline.record(source) or {})["version"]
    change(pipeline, source, "SET version = :v", "an-older-version")
    return lambda: change(pipeline, source, "SET version = :v", version)


def lose_the_backup(pipeline: Pipeline, source: Json) -> Callable[[], None]:
    etag = (pipeline.record(source) or {})["backup"]["etag"]
    change(pipeline, source, "SET #backup.etag = :v", "0" * 32)
    return lambda: change(pipeline, source, "SET #backup.etag = :v", etag)


@pytest.mark.parametrize(
    ("break_it", "kind", "key", "says"),
    [
        (lose_a_rendition, "lost", "/small.jpg", "not there"),
        (swap_a_rendition, "mixed", "/medium.jpg", "SHA-256"),
        (change_the_claim, "mixed", "/large.jpg", "claim is 7"),
        (leave_an_output, "orphaned output", "/thumb.jpg", "No record names it"),
        (forget_to_tell, "alert missing", "", "anybody was told"),
        (leave_in_progress, "stuck claim", "", "IN_PROGRESS, but its execution is SUCCEEDED"),
        (forget_the_newest_upload, "unrecorded", "", "an-older-version"),
        (lose_the_backup, "lost", "", "No backup"),
    ],
)
def test_what_is_broken_is_found(
    pipeline: Pipeline,
    engine: Engine,
    image: Json,
    break_it: Breaks,
    kind: str,
    key: str,
    says: str,
) -> None:
    mend = break_it(pipeline, image)
    found = audited(engine, image)
    mend()
    assert [finding.kind for finding in found] == [kind]
    assert found[0].key == image["key"] + key
    assert says in found[0].says
    assert found[0].advice
    assert audited(engine, image) == []


def test_a_lost_event_is_found_once_it_is_no_more_on_its_way(
    pipeline: Pipeline, engine: Engine
) -> None:
    """An upload outside of the watched prefix has no event: as if it had been lost."""
    source = pipeline.put(photo(), prefix="elsewhere/")
    assert audited(engine, source, settled=60) == []
    (finding,) = audited(engine, source)
    assert finding.kind == "unrecorded"
    assert f"darkroom run s3://{source['bucket']}/{source['key']}" in finding.advice


def test_a_second_message_and_a_second_run_are_found(
    pipeline: Pipeline, engine: Engine, image: Json
) -> None:
    (arn,) = pipeline.executions(image["key"])
    event = json.loads(pipeline.wait(arn).described["input"])
    change(pipeline, image, "SET sequencer = :v", "0")
    again = pipeline.start(event)  # as if the claim had not held
    audit = auditor(engine, image, executions=True, messages=lambda: {arn: 1, again.arn: 2})
    found = [each for each in audit.findings() if each.key == image["key"]]
    assert [each.kind for each in found] == ["doubled", "doubled"]
    assert {each.says.partition(" ")[0] for each in found} == {"2", "Two"}


def _without(pipeline: Pipeline, bucket: str, key: str) -> Callable[[], None]:
    found = pipeline.at.s3.get_object(Bucket=bucket, Key=key)
    data, metadata = found["Body"].read(), found["Metadata"]
    _delete(pipeline, bucket, key)
    return lambda: _put(pipeline, bucket, key, metadata, data)


def _put(pipeline: Pipeline, bucket: str, key: str, metadata: Json, data: bytes) -> None:
    pipeline.at.s3.put_object(Bucket=bucket, Key=key, Body=data, Metadata=metadata)


def _delete(pipeline: Pipeline, bucket: str, key: str) -> None:
    pipeline.at.s3.delete_object(Bucket=bucket, Key=key)


def test_the_command_tells_what_it_finds(pipeline: Pipeline, engine: Engine, image: Json) -> None:
    def run(*words: str) -> tuple[int, str]:
        given = ["audit", "--endpoint", engine.endpoint, "--prefix", image["key"], *words]
        done = invoke(given)
        return done.exit_code, done.stdout

    engine.wait_idle()
    code, text = run("--no-executions")
    assert (code, text) == (0, "1 image checked: 1 complete.\n✓ All is as promised.\n")
    mend = lose_a_rendition(pipeline, image)
    code, text = run("--no-executions")
    _, machine = run("--no-executions", "--json")
    mend()
    assert code == 1
    assert f"LOST  s3://{engine.deployment.output_bucket_name}/{image['key']}/small.jpg" in text
    assert f"darkroom run s3://{image['bucket']}/{image['key']}" in text
    found = json.loads(machine)
    assert found["counts"] == {"images": 1, "complete": 1, "outputs": 4}
    assert [each["kind"] for each in found["findings"]] == ["lost"]


def test_the_command_asks_the_engine_for_its_messages(
    pipeline: Pipeline, engine: Engine, image: Json
) -> None:
    arn = pipeline.executions(image["key"])[0]
    engine.inbox.deliver(engine.inbox.messages(protocol="email", execution=arn)[0])
    done = invoke(["audit", "--endpoint", engine.endpoint, "--prefix", image["key"], "--json"])
    found = [each for each in json.loads(done.stdout)["findings"] if each["key"] == image["key"]]
    assert "2 messages went out" in str(found)


def test_the_audit_is_quiet_after_a_stop_a_redrive_and_a_rerun_with_other_presets(
    pipeline: Pipeline, engine: Engine
) -> None:
    reached, gate = threading.Event(), threading.Event()
    pipeline.fail("MakePdf", "StorageError", times=0, when=lambda _: reached.set() or gate.wait(60))
    source = pipeline.put(photo(64, 64), "ordinary.jpg")
    assert reached.wait(60)
    (arn,) = pipeline.executions(source["key"])
    client = engine.deployment.stepfunctions
    client.stop_execution(executionArn=arn, error="Stopped")
    gate.set()
    pipeline.reset()
    pipeline.wait(arn)
    assert engine.wait_idle(60)  # its alert goes out
    client.redrive_execution(executionArn=arn)
    assert pipeline.wait(arn).status == "SUCCEEDED"
    only = [{"name": "poster", "width": 40}]
    assert pipeline.start({"source": source, "presets": only}).status == "SUCCEEDED"
    assert engine.wait_idle(60)

    audit = auditor(engine, source, executions=True, messages=mailbox(engine.deployment))
    found = [each for each in audit.findings() if each.key.startswith(source["key"])]

    assert found == []
    assert audit.counts["replaced"] == 3
