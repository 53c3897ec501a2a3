"""A picture through the engine: found, whatever goes wrong with it, and never left behind.

What each fault is told as, tests/unit/doctor/test_smoke.py has.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from darkroom.contract.record import ImageRecord

from darkroom_ops.deployment import Deployment
from darkroom_ops.doctor import smoke
from darkroom_ops.doctor.findings import Finding
from darkroom_ops.doctor.smoke import Smoke, ended_by_signals
from darkroom_ops.engine import Engine
from darkroom_ops.engine.stepfunctions.task_faults import Fault
from tests.support.cli import invoke


@pytest.fixture
def at(engine: Engine, sound: Deployment) -> Iterator[Deployment]:
    """A stack, in which nothing more is after the test than was before."""
    before = everything(sound)
    yield sound
    engine.faults.clear()
    assert engine.wait_idle()
    assert everything(engine.deployment) == before


def everything(at: Deployment) -> list[str]:
    """Return all that a picture leaves, by name."""
    found = []
    for bucket in ("source", "output", "backup", "work"):
        name = at.outputs[f"{bucket.title()}BucketName"]
        for page in at.s3.get_paginator("list_object_versions").paginate(Bucket=name):
            versions = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            found += [f"{bucket} {each['Key']} {each['VersionId']}" for each in versions]
    pages = at.dynamodb.get_paginator("scan").paginate(TableName=at.images_table_name)
    found += [f"record {item['image']['S']}" for page in pages for item in page["Items"]]
    for topic in (at.alerts_topic_arn, at.notifications_topic_arn):
        listed = at.sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        found += [each["SubscriptionArn"] for page in listed for each in page["Subscriptions"]]
    return sorted(found + at.sqs.list_queues().get("QueueUrls", []))


def through(at: Deployment) -> list[Finding]:
    with Smoke(at, hurry=30) as sent:
        found = list(sent.findings())
    return found + sent.left


def only(at: Deployment) -> tuple[str, str]:
    (finding,) = through(at)
    assert finding.check == "smoke"
    assert finding.mend
    return finding.severity, finding.says


def test_a_picture_goes_through_and_nothing_is_left(at: Deployment) -> None:
    done = invoke(["doctor", "--smoke", "--endpoint", str(at.endpoint)])
    assert done.stdout.splitlines()[0] == (
        "✓ All is well: 18 checks of the stack darkroom, and a picture's way through it."
    )
    assert done.exit_code == 0


def test_an_upload_that_starts_nothing(at: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke, "STARTS", 3)
    at.events.disable_rule(Name=at.upload_rule_name)
    try:
        severity, says = only(at)
    finally:
        at.events.enable_rule(Name=at.upload_rule_name)
    assert severity == "broken"
    assert says.startswith(f"The upload of s3://{at.source_bucket_name}/uploads/darkroom-doctor/")
    assert says.endswith(".jpg started nothing within 0.1 s.")


def test_a_step_that_fails(at: Deployment, engine: Engine) -> None:
    """The log of what came after it is missing, too, and is not asked for."""
    engine.faults.inject(Fault("Resize", "AccessDenied", json.dumps({"errorMessage": "No."})))
    severity, says = only(at)
    assert severity == "broken"
    assert says.startswith("The picture failed: AccessDenied in ResizeImages: ")


def test_an_output_that_is_not_what_is_recorded(
    at: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rendition, the PDF and the backup, each replaced when all is done."""
    ended = Smoke._ended

    def spoil(sent: Smoke) -> Any:
        record = ended(sent)
        if not spoiled:
            spoiled.append(record)
            for bucket, key in (
                (at.output_bucket_name, record.renditions[0].key),
                (at.output_bucket_name, f"{sent.key}/document.pdf"),
                (at.backup_bucket_name, sent.key),
            ):
                at.s3.put_object(Bucket=bucket, Key=key, Body=b"other")
        return record

    spoiled: list[Any] = []
    monkeypatch.setattr(Smoke, "_ended", spoil)
    says = "\n".join(each.says for each in through(at))
    name = spoiled[0].renditions[0].key
    assert f"{name} is recorded as 64 x 64 pixels, but is no picture." in says
    assert "/document.pdf is no PDF." in says
    assert f"The backup s3://{at.backup_bucket_name}/" in says
    assert says.count(f"{name}: It is not what was recorded") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_interrupts_leaves_nothing_behind(
    at: Deployment, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """Right after the upload, when the run is about to begin."""
    monkeypatch.setattr(Smoke, "_ended", lambda sent: _interrupted(number, sent))
    # As the command does when it starts: a background job has SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), ended_by_signals():
            through(at)
    finally:
        signal.signal(signal.SIGINT, before)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


ENDED = Smoke._ended


def _interrupted(number: signal.Signals, sent: Smoke) -> ImageRecord:
    """Be interrupted the first time."""
    if not vars(sent).setdefault("interrupted", False):
        vars(sent)["interrupted"] = True
        os.kill(os.getpid(), number)
        signal.sigtimedwait([], 10)  # until the signal is handled
    return ENDED(sent)


def test_what_cannot_be_removed_is_told_and_the_rest_is_removed(
    at: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a backup that is locked."""
    emptied = smoke.empty

    def locked(at: Deployment, bucket: str, prefix: str) -> None:
        emptied(at, "not-ours" if bucket == at.backup_bucket_name else bucket, prefix)

    monkeypatch.setattr(smoke, "empty", locked)
    (finding,) = through(at)
    assert finding.severity == "warning"
    assert finding.says.startswith(f"Could not remove s3://{at.backup_bucket_name}/uploads/dark")
    assert finding.says.endswith(": The specified bucket does not exist")
    assert finding.mend.startswith(f"aws s3 rm --recursive s3://{at.backup_bucket_name}/uploads/")
    monkeypatch.undo()
    key = finding.says.partition(f"{at.backup_bucket_name}/")[2].partition(":")[0]
    smoke.empty(at, at.backup_bucket_name, key)


def test_a_missing_permission_is_a_finding(at: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was made until then is removed."""
    says = "User: me is not authorized to perform: s3:PutObject on resource: any"
    refusal: Any = {"Error": {"Code": "AccessDenied", "Message": says}}

    def refuse(sent: Smoke) -> None:
        raise ClientError(refusal, "PutObject")

    listen = Smoke._listen
    monkeypatch.setattr(Smoke, "_listen", lambda sent: (listen(sent), refuse(sent)))
    done = invoke(["doctor", "--smoke", "--endpoint", str(at.endpoint)])
    assert done.stdout.splitlines()[0] == "? Could not look at smoke: needs s3:PutObject."
    assert done.exit_code == 1
