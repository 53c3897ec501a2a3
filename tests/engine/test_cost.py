"""The cost estimate counts the calls that functions really make."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from darkroom_ops.engine.permissions import Call
from darkroom_ops.executions import cost
from darkroom_ops.executions.watch import fetch
from tests.support.images import photo, truncated
from tests.support.pipeline import Pipeline, until

LINES = {
    ("s3", "PutObject"): "S3 writes",
    ("s3", "CopyObject"): "S3 writes",
    ("s3", "ListObjectsV2"): "S3 writes",
    ("s3", "GetObject"): "S3 reads",
    ("s3", "HeadObject"): "S3 reads",
    ("dynamodb", "GetItem"): "DynamoDB reads",
    ("dynamodb", "UpdateItem"): "DynamoDB writes",
    ("sns", "Publish"): "SNS requests",
    ("lambda", "Invoke"): "Lambda requests",
}
"""The line of the estimate that a call belongs to."""

FREE = {("ssm", "GetParameter"), ("logs", "PutLogEvents")}
"""Not billed: standard parameters (AWS Systems Manager pricing); logs are left out."""


@pytest.mark.parametrize("picture", [photo, truncated], ids=["complete", "failed"])
def test_each_line_is_what_was_called(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, picture: Any
) -> None:
    if pipeline.engine is None:
        pytest.skip("needs the inside of the local engine")
    authorizer, made = pipeline.engine.authorizer, Counter[tuple[str, str]]()
    check = authorizer.check

    def counted(call: Call) -> Any:
        made[call.service, call.operation] += 1
        return check(call)

    pipeline.settle()  # what others left under way is not counted
    until(lambda: pipeline.engine.functions.idle() or None)
    monkeypatch.setattr(authorizer, "check", counted)
    run = pipeline.upload(picture())
    pipeline.settle()
    called = Counter(made)
    for each in FREE | {("states", "DescribeExecution"), ("states", "GetExecutionHistory")}:
        called.pop(each, None)

    client = pipeline.at.stepfunctions
    execution = fetch(client, run.arn)
    estimate = cost.estimate(execution, cost.Memory(lambda: pipeline.at.lambda_))

    billed = Counter[str]()
    for each, number in called.items():
        billed[LINES[each]] += number
    counts = {item.what: item.quantity for item in estimate.items if item.what in billed}
    # A big item takes more than one write unit, so units are compared with calls from below.
    writes = "DynamoDB writes"
    assert billed.pop(writes) <= counts.pop(writes) <= 2 * called["dynamodb", "UpdateItem"]
    assert counts == dict(billed)
