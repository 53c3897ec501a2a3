"""What moto does without the engine's hooks: run as a script, it prints one answer a hook, as JSON.

True means that the hook is still needed. It runs in a process of its own, because hooks are
installed in the one that tests the engine.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock

import boto3
from moto import backends, mock_aws
from moto.awslambda.models import LambdaFunction
from moto.core import utils as moto_utils
from moto.moto_server.utilities import RegexConverter
from moto.sns.models import Subscription
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_dynamodb import (  # noqa: E501
    StateTaskServiceDynamoDB,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for
from moto.stepfunctions.parser.models import stepfunctions_parser_backends
from moto.stepfunctions.responses import StepFunctionResponse

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
    for _ in range(200):
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


def failing_choice() -> Json:
    """A branch that ends with States.NoChoiceMatched."""
    choice = {"Variable": "$.never", "IsPresent": True, "Next": "Done"}
    return machine_with({"Type": "Choice", "Choices": [choice]}, Done={"Type": "Succeed"})


def caught(state: Json, error: str) -> Json:
    """Run a state whose error is caught by name, so that it should succeed."""
    catch = [{"ErrorEquals": [error], "Next": "Done"}]
    return run(machine_with(state | {"Catch": catch, "End": True}, Done={"Type": "Succeed"}))


def run_functions() -> bool:
    return "docker" in inspect.getsource(LambdaFunction._invoke_lambda)


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
    return inspect.isgeneratorfunction(backends.list_of_moto_modules)


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


def announce() -> bool:
    received = listening_queue({"source": ["aws.states"]})
    run(machine_with({"Type": "Succeed"}))
    return received() == []


def stopped() -> tuple[Json, list[Json]]:
    """Stop an execution while a retry waits, and read status and history right then."""
    stepfunctions = client("stepfunctions")
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:none"
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sns:publish",
        "Parameters": {"TopicArn": topic, "Message": "any"},
        "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 3, "MaxAttempts": 1}],
        "End": True,
    }
    machine = stepfunctions.create_state_machine(
        name=f"m{time.time_ns()}", definition=json.dumps(machine_with(state)), roleArn=ROLE
    )["stateMachineArn"]
    arn = stepfunctions.start_execution(stateMachineArn=machine, input="{}", name="stop")[
        "executionArn"
    ]

    def events() -> list[Json]:
        found: list[Json] = stepfunctions.get_execution_history(executionArn=arn)["events"]
        return found

    while "TaskFailed" not in {event["type"] for event in events()}:
        time.sleep(0.02)
    stepfunctions.stop_execution(executionArn=arn, error="Probe")
    return stepfunctions.describe_execution(executionArn=arn), events()


def stop_at_once() -> bool:
    described, events = stopped()
    return described["status"] == "RUNNING" or events[-1]["type"] != "ExecutionAborted"


def stop_as_asked() -> bool:
    return stopped()[0].get("error") != "Probe"


def describe_redrives() -> bool:
    return "redriveCount" not in stopped()[0]


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
    return not hasattr(StepFunctionResponse, "redrive_execution")


def end_histories() -> bool:
    return "ExecutionAborted" not in inspect.getsource(EventManager)


def leave_stopped_programs() -> bool:
    return "Pruning" in inspect.getsource(EvalComponent.eval)


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


def name_errors_of_branches() -> bool:
    state = {"Type": "Parallel", "Branches": [failing_choice()]}
    return bool(caught(state, "States.NoChoiceMatched")["status"] == "FAILED")


def name_errors_of_iterations() -> bool:
    # Plain moto's worker dies on the name, and the Map waits for ever: ask the name alone.
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import (
        iteration_worker,
    )

    try:
        iteration_worker.CustomErrorName("States.NoChoiceMatched")
    except ValueError:
        return True
    return False


def match_errors() -> bool:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sns:publish",
        "Parameters": {"TopicArn": "arn", "Message.$": "$.never"},
    }
    return bool(caught(state, "States.ALL")["status"] == "SUCCEEDED")


def wait_for_retries() -> bool:
    return bool(retrier_decl.time is time)


def inject_faults() -> bool:
    """Faults come from a test case that no API can set, so none is ever in force."""
    environment = MagicMock(mock_test_case=None)
    return Environment.is_mocked_mode(environment) is False


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
    return "email" not in inspect.getsource(Subscription.publish)


PROBES: dict[str, Callable[[], bool]] = {
    "run functions": run_functions,
    "evaluate JSONata": evaluate_jsonata,
    "parse side by side": parse_side_by_side,
    "parse once": parse_once,
    "list services once": list_services_once,
    "list descriptions once": list_descriptions_once,
    "deploy machines that run": deploy_machines_that_run,
    "name executions": name_executions,
    "announce starts": announce,
    "announce ends": announce,
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
    "say what a fault does": inject_faults,
    "deliver events": deliver_events,
    "send S3 events": send_s3_events,
    "match every key": match_every_key,
    "deliver messages": deliver_messages,
}


def main() -> None:
    answers = {}
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        for name, probe in PROBES.items():
            answers[name] = probe()
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
