"""AWS as the doctor sees it: each answer in AWS's own shape, which botocore checks."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import pytest
from botocore.stub import Stubber

from darkroom_ops.deployment import Deployment
from darkroom_ops.doctor.examine import CHECKS, examine
from darkroom_ops.doctor.findings import Finding
from tests.support.aws import client

ARN = "arn:aws:{}:us-east-1:123456789012:{}"
OLD = datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC)
OUTPUTS = {
    "AlertsTopicArn": ARN.format("sns", "photos-alerts"),
    "AlarmsTopicArn": ARN.format("sns", "photos-alarms"),
    "NotificationsTopicArn": ARN.format("sns", "photos-notifications"),
    "SourceBucketName": "photos-source",
    "SourcePrefix": "uploads/",
    "StateMachineArn": ARN.format("states", "stateMachine:photos"),
    "UploadRuleName": "photos-upload",
    "KeyArn": ARN.format("kms", "key/1234"),
    "EventsDeadLetterQueueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/photos-dlq",
}


@cache
def _deployment() -> Deployment:
    """Return what others are copies of: reading the AWS CLI's configuration takes 0.1 s."""
    return Deployment("photos", region="us-east-1")


class Account:
    """What AWS answers, in the order of the calls; and what the doctor says then."""

    def __init__(self, undo: ExitStack) -> None:
        self.at = Deployment.__new__(Deployment)
        vars(self.at).update(vars(_deployment()))
        self.outputs = dict(OUTPUTS)
        vars(self.at)["outputs"] = self.outputs
        self._undo = undo
        self._stubs: dict[str, Stubber] = {}

    def answers(self, service: str, method: str, answer: Any, **given: Any) -> None:
        stub = self._stub(service)
        stub.add_response(method, answer, given or None)

    def refuses(self, service: str, method: str, code: str, message: str = "", **more: Any) -> None:
        self._stub(service).add_client_error(method, code, message, **more)

    def _stub(self, service: str) -> Stubber:
        if service not in self._stubs:
            made = client(service)
            stub = self._stubs[service] = Stubber(made)
            names = {"service-quotas": "quotas", "lambda": "lambda_"}
            vars(self.at)[names.get(service, service)] = made
            self._undo.enter_context(stub)
        return self._stubs[service]

    def stack(self, status: str = "CREATE_COMPLETE", **parameters: str) -> None:
        """What CloudFormation says of the stack."""
        given = [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()]
        described = {
            "StackName": "photos", "CreationTime": 0, "StackStatus": status, "Parameters": given,
        }  # fmt: skip
        answer = {"Stacks": [described]}
        self.answers("cloudformation", "describe_stacks", answer, StackName="photos")

    def resources(self, *found: tuple[str, str], made: datetime.datetime = OLD) -> None:
        summaries = [
            {
                "LogicalResourceId": name, "PhysicalResourceId": name, "ResourceType": kind,
                "LastUpdatedTimestamp": made, "ResourceStatus": "CREATE_COMPLETE",
            }
            for kind, name in found
        ]  # fmt: skip
        answer = {"StackResourceSummaries": summaries}
        self.answers("cloudformation", "list_stack_resources", answer, StackName="photos")

    def check(self, name: str) -> list[Finding]:
        found = examine(self.at, checks={name: CHECKS[name]})
        for stub in self._stubs.values():
            stub.assert_no_pending_responses()
        return found

    def finding(self, name: str) -> tuple[str, str, str]:
        """Return severity, sentence and command of the only finding."""
        (found,) = self.check(name)
        assert found.check == name
        return found.severity, found.says, found.mend


@pytest.fixture
def account() -> Iterator[Account]:
    with ExitStack() as undo:
        yield Account(undo)
