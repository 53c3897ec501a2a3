"""What moto does without the engine's hooks: run as a script, it prints one answer a hook, as JSON.

True means that the hook is still needed. It runs in a process of its own, because hooks are
installed in the one that tests the engine.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import json
import os
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import MagicMock, patch

import boto3
from moto import backends, mock_aws
from moto.awslambda.models import LambdaFunction
from moto.core import utils as moto_utils
from moto.moto_server.utilities import RegexConverter
from moto.ses.models import ses_backends
from moto.sns.models import sns_backends
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import iteration_worker
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel import branches_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_dynamodb import (  # noqa: E501
    StateTaskServiceDynamoDB,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_manager import (
    EventHistoryContext,
    EventManager,
)
from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for
from moto.stepfunctions.parser.models import stepfunctions_parser_backends
from moto.stepfunctions.parser.utils import TMP_THREADS

ACCOUNT, REGION = "123456789012", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/any"

Json = dict[str, Any]


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]


def run(definition: Json, *, name: str | None = "probe") -> Json:
    """Run a machine to its end."""
    stepfunctions = client("stepfunctions")
    machine = stepfunctions.create_state_machine(
        name=f"m{time.time_ns()}", definition=json.dumps(definition), roleArn=ROLE
    )["stateMachineArn"]
    named = {"name": name} if name else {}
    arn = stepfunctions.start_execution(stateMachineArn=machine, input="{}", **named)[
        "executionArn"
    ]
    for _ in range(3000):
        described: Json = stepfunctions.describe_execution(executionArn=arn)
        if described["status"] != "RUNNING":
            return described
        time.sleep(0.02)
    raise TimeoutError(arn)


def listening_queue(pattern: Json) -> Callable[[], list[Json]]:
    """Send matching events to a queue, and return a function that reads it."""
    sqs, events = client("sqs"), client("events")
    name = f"q{time.time_ns()}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])

    def received() -> list[Json]:
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in found]

    return received


def machine_with(state: Json, **others: Json) -> Json:
    return {"StartAt": "First", "States": {"First": state, **others}}


def caught(state: Json, error: str) -> Json:
    """Run a state whose error is caught by name, so that it should succeed."""
    catch = [{"ErrorEquals": [error], "Next": "Done"}]
    return run(machine_with(state | {"Catch": catch, "End": True}, Done={"Type": "Succeed"}))


def run_functions() -> bool:
    """A container is asked for; without the Docker SDK, not even that."""
    function, docker = MagicMock(), MagicMock()
    modules = {"docker": docker, "docker.errors": docker.errors, "docker.types": docker.types}
    with patch.dict(sys.modules, modules), contextlib.suppress(Exception):
        LambdaFunction._invoke_lambda(function)
    return bool(function.docker_client.containers.run.called)


def evaluate_jsonata() -> bool:
    state = {"Type": "Pass", "Output": "{% 1 + 1 %}", "End": True}
    described = run(machine_with(state) | {"QueryLanguage": "JSONata"})
    return described.get("output") != "2"


def parse_side_by_side() -> bool:
    first, second = Preprocessor(), Preprocessor()
    return first._query_language_per_scope is second._query_language_per_scope


def parse_once() -> bool:
    definition = json.dumps(machine_with({"Type": "Succeed"}))
    first, second = (AmazonStateLanguageParser.parse(definition)[0] for _ in range(2))
    return first is not second


def list_services_once() -> bool:
    """Every look reads the folder."""
    with patch("os.listdir", side_effect=os.listdir) as reads:
        for _ in range(2):
            list(backends.list_of_moto_modules())
    return reads.call_count == 2


def list_descriptions_once() -> bool:
    return moto_utils.create_loader() is not moto_utils.create_loader()


def deploy_machines_that_run() -> bool:
    definition = json.dumps(machine_with({"Type": "Succeed"}))
    resource = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {"DefinitionString": definition, "RoleArn": ROLE},
    }
    template = json.dumps({"Resources": {"Machine": resource}})
    before = len(stepfunctions_parser_backends[ACCOUNT][REGION].state_machines)
    client("cloudformation").create_stack(StackName="probe", TemplateBody=template)
    return len(stepfunctions_parser_backends[ACCOUNT][REGION].state_machines) == before


def name_executions() -> bool:
    return run(machine_with({"Type": "Succeed"}), name=None)["executionArn"].endswith(":None")


@functools.cache
def announced() -> list[str]:
    """Return the statuses that a queue hears of."""
    received = listening_queue({"source": ["aws.states"]})
    run(machine_with({"Type": "Succeed"}))
    return [event["detail"]["status"] for event in received()]


def announce_starts() -> bool:
    return "RUNNING" not in announced()


def announce_ends() -> bool:
    return "SUCCEEDED" not in announced()


class Stopped(NamedTuple):
    """An execution that was stopped while a retry waited."""

    at_once: Json
    events_at_once: list[str]
    slept: list[float]
    events_later: list[str]
    status_later: str


@functools.cache
def stopped() -> Stopped:
    """Stop an execution while a retry waits; look right then, and when the wait is over."""
    stepfunctions = client("stepfunctions")
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:none"
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sns:publish",
        "Parameters": {"TopicArn": topic, "Message": "any"},
        "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 3, "MaxAttempts": 1}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
        "Next": "Done",
    }
    others: Json = {"Caught": {"Type": "Pass", "End": True}, "Done": {"Type": "Succeed"}}
    definition = json.dumps(machine_with(state, **others))
    machine = stepfunctions.create_state_machine(
        name=f"m{time.time_ns()}", definition=definition, roleArn=ROLE
    )["stateMachineArn"]
    waiting, go, slept = threading.Event(), threading.Event(), []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        waiting.set()
        go.wait(60)

    with patch.object(retrier_decl, "time", SimpleNamespace(sleep=sleep)):
        arn = stepfunctions.start_execution(stateMachineArn=machine, input="{}", name="stop")[
            "executionArn"
        ]
        # A retrier that sleeps in another way never comes here.
        waiting.wait(60)
        stepfunctions.stop_execution(executionArn=arn, error="Probe")
        at_once, events_at_once = stepfunctions.describe_execution(executionArn=arn), events(arn)
        go.set()
        for thread in list(TMP_THREADS):
            thread.join(60)
    later = stepfunctions.describe_execution(executionArn=arn)
    return Stopped(at_once, events_at_once, slept, events(arn), later["status"])


def events(arn: str) -> list[str]:
    found = client("stepfunctions").get_execution_history(executionArn=arn)["events"]
    return [event["type"] for event in found]


def stop_at_once() -> bool:
    found = stopped()
    return found.at_once["status"] == "RUNNING" or found.events_at_once[-1] != "ExecutionAborted"


def stop_as_asked() -> bool:
    return stopped().at_once.get("error") != "Probe"


def describe_redrives() -> bool:
    return "redriveCount" not in stopped().at_once


def wait_for_retries() -> bool:
    """The wait is a sleep: nobody else is asked."""
    return stopped().slept == [3]


def write_histories() -> bool:
    """The first event asked for is not the last one, so the order is not kept."""
    events = client("stepfunctions").get_execution_history(
        executionArn=run(machine_with({"Type": "Succeed"}), name="history")["executionArn"],
        reverseOrder=True,
        maxResults=1,
    )["events"]
    return [event["type"] for event in events] != ["ExecutionSucceeded"]


def list_executions() -> bool:
    """What is listed says nothing of redrives."""
    stepfunctions = client("stepfunctions")
    described = run(machine_with({"Type": "Succeed"}), name="listed")
    found = stepfunctions.list_executions(stateMachineArn=described["stateMachineArn"])
    return "redriveCount" not in found["executions"][0]


def redrive() -> bool:
    failed = run(machine_with({"Type": "Fail"}))
    try:
        client("stepfunctions").redrive_execution(executionArn=failed["executionArn"])
    except NotImplementedError:
        return True
    return False


def end_histories() -> bool:
    """A thread of an execution that has ended still adds to its history."""
    manager, context = EventManager(), EventHistoryContext.of_program_start()
    for kind in (HistoryEventType.ExecutionAborted, HistoryEventType.TaskSucceeded):
        manager.add_event(context=context, event_type=kind)
    return len(manager.get_event_history()) == 2


class Part(EvalComponent):
    """A part of a program, that says whether it was evaluated."""

    evaluated = False

    def _eval_body(self, _: Environment) -> None:
        self.evaluated = True


def leave_stopped_programs() -> bool:
    """A part of a stopped program is skipped, and its whole goes on as if it were done."""
    stopped_program = Environment.__new__(Environment)
    stopped_program._state_mutex = threading.RLock()
    stopped_program._program_state = ProgramStopped(datetime.datetime.now(datetime.UTC), "", "")
    part = Part()
    part.eval(stopped_program)  # the engine leaves the whole here, by an exception
    return not part.evaluated


def end_before(attribute: str) -> bool:
    """A program that has been stopped is told where to go on."""
    environment = MagicMock(_program_state=ProgramStopped(None, None, None))
    try:
        getattr(Environment, attribute).fset(environment, "any")
    except RuntimeError:
        return True
    return False


def share_clients() -> bool:
    return boto_client_for(REGION, "sns") is not boto_client_for(REGION, "sns")


def name_dynamodb_errors() -> bool:
    failure = StateTaskServiceDynamoDB._from_error(MagicMock(), MagicMock(), EvalTimeoutError())
    return failure.error_name.error_name == "DynamoDB.AmazonDynamoDBException"


def refuses_names_of_states(module: Any) -> bool:
    """Ask the name alone: on it, plain moto's worker dies, and what is around it waits for ever."""
    try:
        module.CustomErrorName("States.Timeout")
    except ValueError:
        return True
    return False


def name_errors_of_branches() -> bool:
    return refuses_names_of_states(branches_decl)


def name_errors_of_iterations() -> bool:
    return refuses_names_of_states(iteration_worker)


def match_errors() -> bool:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sns:publish",
        "Parameters": {"TopicArn": "arn", "Message.$": "$.never"},
    }
    return bool(caught(state, "States.ALL")["status"] == "SUCCEEDED")


def inject_faults() -> bool:
    """Faults come from a test case that no API can set, so none is ever in force."""
    environment = MagicMock(mock_test_case=None)
    return Environment.is_mocked_mode(environment) is False


def say_what_a_fault_does() -> bool:
    """Not even to who asks."""
    environment = Environment.__new__(Environment)
    environment.mock_test_case = None
    try:
        environment.get_current_mocked_response()
    except RuntimeError:
        return True
    return False


def deliver_events() -> bool:
    """A rule that targets a machine starts nothing."""
    stepfunctions, events = client("stepfunctions"), client("events")
    definition = json.dumps(machine_with({"Type": "Succeed"}))
    arn = stepfunctions.create_state_machine(name="target", definition=definition, roleArn=ROLE)
    events.put_rule(Name="states", EventPattern=json.dumps({"source": ["probe"]}))
    target = {"Id": "machine", "Arn": arn["stateMachineArn"], "RoleArn": ROLE}
    events.put_targets(Rule="states", Targets=[target])
    try:
        events.put_events(Entries=[{"Source": "probe", "DetailType": "any", "Detail": "{}"}])
    except NotImplementedError:
        return True
    finally:
        events.remove_targets(Rule="states", Ids=["machine"])
    found = stepfunctions.list_executions(stateMachineArn=arn["stateMachineArn"])
    return not found["executions"]


def send_s3_events() -> bool:
    s3 = client("s3")
    s3.create_bucket(Bucket="probe")
    bridge: Json = {"EventBridgeConfiguration": {}}
    s3.put_bucket_notification_configuration(Bucket="probe", NotificationConfiguration=bridge)
    received = listening_queue({"source": ["aws.s3"]})
    for key in ("a", "b"):
        s3.put_object(Bucket="probe", Key=key, Body=b"x")
    items = [event["detail"]["object"] for event in received()]
    return "etag" not in items[0] or items[0]["sequencer"] == items[1]["sequencer"]


def match_every_key() -> bool:
    converter = RegexConverter(MagicMock(), ".+")
    return re.fullmatch(converter.regex, "a\nb") is None


def deliver_messages() -> bool:
    """An e-mail is nowhere: not with the subscription, and not with SES."""
    sns = client("sns")
    topic = sns.create_topic(Name="probe")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="you@example.com")
    sns.publish(TopicArn=topic, Message="a message to nobody")
    backend = sns_backends[ACCOUNT][REGION]
    (subscription,) = backend.subscriptions.values()
    kept = [vars(subscription), ses_backends[ACCOUNT][REGION].sent_messages]
    return "a message to nobody" not in repr(kept)


PROBES: dict[str, Callable[[], bool]] = {
    "run functions": run_functions,
    "evaluate JSONata": evaluate_jsonata,
    "parse side by side": parse_side_by_side,
    "parse once": parse_once,
    "list services once": list_services_once,
    "list descriptions once": list_descriptions_once,
    "deploy machines that run": deploy_machines_that_run,
    "name executions": name_executions,
    "announce starts": announce_starts,
    "announce ends": announce_ends,
    "stop at once": stop_at_once,
    "stop as asked": stop_as_asked,
    "describe redrives": describe_redrives,
    "write histories": write_histories,
    "list executions": list_executions,
    "redrive": redrive,
    "end histories": end_histories,
    "leave stopped programs": leave_stopped_programs,
    "leave stopped states": leave_stopped_programs,
    "end before a state": lambda: end_before("next_state_name"),
    "end before a field": lambda: end_before("next_field_name"),
    "share clients": share_clients,
    "name DynamoDB errors": name_dynamodb_errors,
    "name errors of branches": name_errors_of_branches,
    "name errors of iterations": name_errors_of_iterations,
    "match errors": match_errors,
    "wait for retries": wait_for_retries,
    "inject faults": inject_faults,
    "say what a fault does": say_what_a_fault_does,
    "deliver events": deliver_events,
    "send S3 events": send_s3_events,
    "match every key": match_every_key,
    "deliver messages": deliver_messages,
}


def main() -> None:
    answers = {}
    quiet = contextlib.redirect_stdout(sys.stderr)  # moto says there that it found no Docker
    with quiet, mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        for name, probe in PROBES.items():
            try:
                answers[name] = probe()
            except Exception:  # noqa: BLE001 - moto does something else by now
                traceback.print_exc()
                answers[name] = False
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
