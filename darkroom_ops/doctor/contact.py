"""First contact with an account: what AWS says to our doubts, and ten histories, in one file.

Where the documentation leaves a doubt, AWS itself is asked; and ten small executions are recorded,
which the engine's are compared with (``tests/recorded``). Nothing of the owner's goes
into the file: names are the template's, and what could name an account or a person is looked for.
"""

from __future__ import annotations

import io
import json
import re
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from darkroom import __version__
from darkroom.contract.arns import parse
from PIL import Image

from darkroom_ops.deployment import Deployment
from darkroom_ops.doctor.findings import Finding
from darkroom_ops.doctor.smoke import FOLDER, remove
from darkroom_ops.doctor.stack import Stack
from darkroom_ops.executions.watch import history, interval

ACCOUNT, REGION, NAME = "123456789012", "us-east-1", "darkroom"
"""What stands in the file for the owner's account, region and stack."""

SECONDS = 300.0
"""How long an execution may take here."""


def picture(kind: str = "JPEG", **options: Any) -> bytes:
    """Return a small picture, the same each time."""
    mode = "RGBA" if kind == "PNG" else "RGB"
    made = Image.linear_gradient("L").resize((96, 64)).convert(mode)
    body = io.BytesIO()
    made.save(body, kind, **options)
    return body.getvalue()


def pages() -> bytes:
    """Return a TIFF of two pages."""
    return picture("TIFF", save_all=True, append_images=[Image.new("RGB", (64, 96), "red")])


@dataclass(frozen=True)
class Scenario:
    """An execution to record."""

    name: str
    body: Callable[[], bytes] | None = picture  # what is uploaded; None for nothing
    request: Mapping[str, Any] = field(default_factory=dict)  # what is asked beside the source
    again: bool = False  # the same input a second time is what is recorded


SCENARIOS = (
    Scenario("complete"),
    Scenario("duplicate", again=True),
    Scenario("quiet", request={"notify": False}),
    Scenario("thumb", request={"presets": [{"name": "thumb", "width": 32, "height": 32}]}),
    Scenario("watermark", request={"watermark": {"text": "Jane"}, "pdf": {"pageSize": "A4"}}),
    Scenario("transparent", lambda: picture("PNG")),
    Scenario("pages", pages),
    Scenario("corrupt", lambda: picture()[:-200]),
    Scenario("unsupported", lambda: b"no picture at all"),
    Scenario("missing", None),
)  # fmt: skip
"""Ten that end in the same way wherever they run. By request, so that each has the input that it
needs; an upload's way is the smoke test's. Four of them send alerts."""

DOUBTS: Mapping[str, str] = {
    "number": "{% $number('1763723474001') %}",
    "number in a text": "{% $string($number('1763723474001')) & ' ' & $number('1763723474001') %}",
    "quotient": "{% 3 / 2 * 2 %}",
}
"""Expressions whose result AWS documents nowhere."""

FAILURES: Mapping[str, Mapping[str, str]] = {
    "of a function": {
        "error": "CorruptImage",
        "cause": json.dumps({"errorMessage": 'A "quoted" café.\nA line.', "errorType": "Corrupt"}),
    },
    "of a timeout": {"error": "States.Timeout", "cause": ""},
    "of a service": {"error": "DynamoDB.ThrottlingException", "cause": "Slow down."},
    "without a cause": {"error": "Unknown", "cause": ""},
}  # fmt: skip


class Contact:
    """A conversation with the account that a stack is in."""

    def __init__(
        self, deployment: Deployment, progress: Callable[[str], None] = lambda _: None
    ) -> None:
        self._at = deployment
        self._stack = Stack(deployment)
        self._progress = progress
        self._folder = f"manual/{FOLDER}{uuid.uuid4().hex[:12]}/"
        self._running: str | None = None
        self.refused: list[str] = []
        """What could not be asked."""
        self.left: list[Finding] = []
        """What could not be removed."""

    def file(self) -> str:
        """Return what AWS said, as the text of the file; it is a Secret if there is one in it."""
        machine = self._stack.machine
        try:
            histories = {each.name: self._recorded(each) for each in SCENARIOS}
        finally:
            self._clean()
        told = {
            "darkroom": __version__,
            "definition": json.loads(machine["definition"]),
            "valid": {kind: self._valid(machine, kind) for kind in ("STANDARD", "EXPRESS")},
            "expressions": {
                name: self._tested({"Type": "Pass", "Output": text, "End": True})
                for name, text in DOUBTS.items()
            },
            "failures": {name: self._described(machine, of) for name, of in FAILURES.items()},
            "timeouts": {
                "caught without a cause": self._caught(machine, {"error": "States.Timeout"}),
                "caught with one": self._caught(
                    machine, {"error": "States.Timeout", "cause": "Slow."}
                ),
                "real": self._timeout(machine),
            },
            "histories": histories,
        }
        self._progress("writing")
        return cleaned(told, self._names())

    # ------------------------------------------------------------------ ask

    def _asked(self, operation: str, /, **given: Any) -> dict[str, Any]:
        """Return an answer of Step Functions, or why there is none."""
        self._progress(operation)
        try:
            answer = dict(getattr(self._at.stepfunctions, operation)(**given))
        except (ClientError, BotoCoreError) as error:
            return self._refused(operation, error)
        answer.pop("ResponseMetadata", None)
        return answer

    def _refused(self, what: str, error: Exception) -> dict[str, Any]:
        said = f"{type(error).__name__}: {error}"
        told = f"Could not ask about {what}: {said}"
        if told not in self.refused:
            self.refused.append(told)
        return {"refused": said}

    def _valid(self, machine: Mapping[str, Any], kind: str) -> dict[str, Any]:
        return self._asked(
            "validate_state_machine_definition",
            definition=machine["definition"], type=kind, severity="WARNING",
        )  # fmt: skip

    def _tested(self, state: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        definition = json.dumps({"QueryLanguage": "JSONata"} | dict(state))
        return self._asked("test_state", definition=definition, inspectionLevel="DEBUG", **more)

    def _described(self, machine: Mapping[str, Any], of: Mapping[str, str]) -> dict[str, Any]:
        state = json.loads(machine["definition"])["States"]["DescribeFailure"]
        variables = {"failed": {"state": "Prepare"} | dict(of)}
        return self._tested(state, variables=json.dumps(variables), input="{}")

    def _caught(self, machine: Mapping[str, Any], error: Mapping[str, str]) -> dict[str, Any]:
        """Have Prepare time out, after its retries, as TestState mocks it."""
        state = json.loads(machine["definition"])["States"]["Prepare"]
        execution = {"Execution": {"Id": "arn:execution", "Input": {}}}
        return self._tested(
            state, mock={"errorOutput": dict(error)}, context=json.dumps(execution), input="{}",
            stateConfiguration={"retrierRetryCount": 1},
        )  # fmt: skip

    def _timeout(self, machine: Mapping[str, Any]) -> dict[str, Any]:
        """Have a task time out that nobody works on, and return what its catcher gets."""
        client = self._at.stepfunctions
        name = f"{self._at.stack}-doctor-{uuid.uuid4().hex[:8]}"
        made = {}
        try:
            made["activity"] = client.create_activity(name=name)["activityArn"]
            caught = "{% $states.errorOutput %}"
            catch = {"ErrorEquals": ["States.ALL"], "Next": "Done", "Output": caught}
            task = {
                "Type": "Task", "Resource": made["activity"], "TimeoutSeconds": 1, "Catch": [catch],
                "End": True,
            }  # fmt: skip
            definition = {
                "QueryLanguage": "JSONata", "StartAt": "Wait",
                "States": {"Wait": task, "Done": {"Type": "Succeed"}},
            }  # fmt: skip
            made["machine"] = client.create_state_machine(
                name=name, definition=json.dumps(definition), roleArn=machine["roleArn"]
            )["stateMachineArn"]
            started = client.start_execution(stateMachineArn=made["machine"], input="{}")
            return self._ended(started["executionArn"])
        except (ClientError, BotoCoreError) as error:
            return self._refused("a real timeout", error)
        finally:
            if "machine" in made:
                client.delete_state_machine(stateMachineArn=made["machine"])
            if "activity" in made:
                client.delete_activity(activityArn=made["activity"])

    # ------------------------------------------------------------------ record

    def _recorded(self, scenario: Scenario) -> dict[str, Any]:
        self._progress(scenario.name)
        source = {"bucket": self._at.source_bucket_name, "key": f"{self._folder}{scenario.name}"}
        if scenario.body is not None:
            self._at.s3.put_object(Bucket=source["bucket"], Key=source["key"], Body=scenario.body())
        given: Any = {"source": source, **scenario.request}
        if scenario.again:  # only an event's second run has nothing to do
            given = event(source["bucket"], source["key"], self._at.region)
        told = self._run(given)
        return self._run(given) if scenario.again else told

    def _clean(self) -> None:
        """Remove what was recorded, once nothing more is made of it."""
        self._progress("cleaning up")
        if self._running is not None:
            self._ended(self._running)
        for each in SCENARIOS:
            key = f"{self._folder}{each.name}"
            self.left += remove(self._stack, self._at.source_bucket_name, key)

    def _run(self, given: Mapping[str, Any]) -> dict[str, Any]:
        started = self._at.stepfunctions.start_execution(
            stateMachineArn=self._at.state_machine_arn, input=json.dumps(given)
        )
        return self._ended(started["executionArn"])

    def _ended(self, arn: str) -> dict[str, Any]:
        """Wait for an execution, and return what it was."""
        self._running = arn
        client, deadline = self._at.stepfunctions, time.monotonic() + SECONDS
        while (told := client.describe_execution(executionArn=arn))["status"] == "RUNNING":
            if time.monotonic() > deadline:
                client.stop_execution(executionArn=arn, error="Darkroom.Contact")
            time.sleep(interval(self._at))
        self._running = None
        kept = ("status", "input", "output", "error", "cause")
        return {
            "described": {name: told[name] for name in kept if name in told},  # type: ignore[literal-required]
            "events": [dict(each) for each in history(client, arn)],
        }

    def _names(self) -> dict[str, str]:
        """Return what is the owner's, with what stands for it in the file."""
        names = {}
        for each in self._stack.resources:
            name = re.split("[:/]", each["PhysicalResourceId"])[-1]
            made = self._at.stack.lower() in name.lower() and name != self._at.stack
            if made and each["ResourceType"] != "AWS::Logs::LogGroup":  # called as its function is
                names[name] = each["LogicalResourceId"]
        names[self._at.source_bucket_name] = "SourceBucket"
        names[parse(self._at.state_machine_arn).account] = ACCOUNT
        names[self._folder.rstrip("/")] = "manual"
        return names | {self._at.region: REGION, self._at.stack: NAME}


def event(bucket: str, key: str, region: str) -> dict[str, Any]:
    """Return the event of an upload, of those parts that the state machine reads."""
    return {
        "version": "0", "id": "0", "detail-type": "Object Created", "source": "aws.s3",
        "region": region, "detail": {
            "bucket": {"name": bucket}, "object": {"key": key, "sequencer": "18A0"},
        },
    }  # fmt: skip


# ---------------------------------------------------------------------------- nothing private

HIDDEN = {
    "AllHttpHeaders", "HttpHeaders", "RequestId", "requestId", "request-id", "requester",
    "source-ip-address", "xrayTraceHeader", "traceHeader", "stackTrace",
}  # fmt: skip
"""Fields whose value says who asked, from where and when, and nothing about the workflow."""

HIDES = "hidden"

SECRETS: Mapping[str, str] = {
    "an access key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a signature or a session's token": r"(?i)x-amz-(?:signature|security-token)",
    "an e-mail address": r"[\w.+-]+@[\w-]+\.[\w.]+",
    "a phone number": r"\+\d{7,15}\b",
    "an IP address": r"\b(?!127\.0\.0\.1\b)(?:\d{1,3}\.){3}\d{1,3}\b",
    "an account": rf"(?<![\w.-])(?!{ACCOUNT})\d{{12}}(?![\w.-])",
}


class Secret(Exception):
    """Something is left in the file that is the owner's; it is not written."""


def cleaned(told: Any, names: Mapping[str, str]) -> str:
    """Return JSON with our names for the owner's; a Secret if something else is the owner's."""
    text = json.dumps(_without_hidden(told), indent=1, default=str, ensure_ascii=False)
    for name in sorted(filter(None, names), key=len, reverse=True):
        text = re.sub(rf"(?<![\w]){re.escape(name)}(?![\w])", names[name], text)
    for what, pattern in SECRETS.items():
        if found := re.search(pattern, text):
            around = text[max(0, found.start() - 30) : found.start()].replace("\n", " ")
            raise Secret(
                f"The file was not written, for there is {what} in it, after {around!r}. Report it "
                "with that text: what is recorded should have none."
            )
    left = [name for name, ours in names.items() if name != ours and _in(name, text)]
    if left:
        raise Secret(f"The file was not written, for a name of yours is still in it: {left[0]}.")
    return text + "\n"


def _in(name: str, text: str) -> bool:
    return re.search(rf"(?<![\w]){re.escape(name)}(?![\w])", text) is not None


def _without_hidden(told: Any) -> Any:
    """Hide fields, within JSON that is a text, too."""
    if isinstance(told, Mapping):
        return {
            key: HIDES if key in HIDDEN else _without_hidden(value) for key, value in told.items()
        }
    if isinstance(told, str):
        return _within_text(told)
    if isinstance(told, Iterable):
        return [_without_hidden(each) for each in told]
    return told


def _within_text(text: str) -> str:
    """Hide fields of JSON as they are written there, so that its numbers stay as AWS wrote them."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    names = "|".join(map(re.escape, sorted(HIDDEN)))
    plain = re.compile(rf'("(?:{names})"\s*:\s*)"(?:[^"\\]|\\.)*"')
    text = plain.sub(rf'\1"{HIDES}"', text)
    nested = re.compile(rf'("(?:{names})"\s*:\s*)(\{{[^{{}}]*\}}|\[[^\[\]]*\])')
    return nested.sub(rf'\1"{HIDES}"', text)
