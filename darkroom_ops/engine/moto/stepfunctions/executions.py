"""Every change to moto's inside, each with its reason. Nothing else reaches into moto.

moto is pinned exactly. ``tests/engine/test_moto_hooks.py`` shows, for each hook, what plain moto
does instead, and fails when a newer moto no longer needs it.
"""

from __future__ import annotations

import copy
import datetime
import functools
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from moto import backends
from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.cloudformation.parsing import clean_json, get_model_map
from moto.core import utils as moto_utils
from moto.core.config import default_user_config
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.responses import ActionResult
from moto.events.models import Rule, events_backends
from moto.events.utils import EventTemplateParser
from moto.iam.models import iam_backends
from moto.moto_server.utilities import RegexConverter
from moto.s3 import notifications as s3_notifications
from moto.s3.models import s3_backends
from moto.sns.models import Subscription, sns_backends
from moto.sqs.models import sqs_backends
from moto.stepfunctions.exceptions import AWSError
from moto.stepfunctions.models import StateMachine
from moto.stepfunctions.parser.api import (
    EvaluationFailedEventDetails,
    ExecutionAbortedEventDetails,
    ExecutionStatus,
    HistoryEventType,
    TaskFailedEventDetails,
)
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import (
    CustomErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import (
    ErrorEqualsDecl,
)
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import (
    StatesErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.common.string.string_expression import StringJSONata
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.program.program import Program
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import iteration_worker
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel import branches_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_dynamodb import (  # noqa: E501
    StateTaskServiceDynamoDB,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task import StateTask
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from moto.stepfunctions.parser.asl.eval.program_state import (
    ProgramEnded,
    ProgramRunning,
    ProgramStopped,
    ProgramTimedOut,
)
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.asl.utils import boto_client
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution
from moto.stepfunctions.parser.mocking.mock_config import MockedResponseReturn, MockedResponseThrow
from moto.stepfunctions.parser.models import (
    StepFunctionsParserBackend,
    stepfunctions_parser_backends,
)
from moto.stepfunctions.parser.utils import TMP_THREADS
from moto.stepfunctions.responses import StepFunctionResponse

from darkroom_ops.engine.inbox import Inbox, Message
from darkroom_ops.engine.lambda_.environments import WorkerPool
from darkroom_ops.engine.stepfunctions import jsonata
from darkroom_ops.engine.stepfunctions.task_faults import NOTHING, Faults


class Router(Protocol):
    """Where events go."""

    def put(self, event: dict[str, Any]) -> None:
        """Take an event to every rule."""

    def send(self, rule: Any, event: dict[str, Any]) -> None:
        """Take an event to one rule."""

    def execution_ended(self, arn: str) -> None:
        """Hear that an execution ended."""


@dataclass(frozen=True)
class Services:
    """What the hooks call: the engine's own parts.

    Parameters
    ----------
    endpoint
        The engine's address.
    workers, inbox, router, faults
        Its parts.
    wait
        Takes the seconds that a retry waits.
    object_created, execution_status_change
        Compose AWS's events.
    """

    endpoint: str
    workers: WorkerPool
    inbox: Inbox
    router: Router
    faults: Faults
    wait: Callable[[float], None]
    object_created: Callable[..., dict[str, Any]]
    execution_status_change: Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class Hook:
    """One replaced attribute of moto.

    Parameters
    ----------
    name
        What it does.
    owner, attribute
        What is replaced.
    replacement
        What replaces it.
    """

    name: str
    owner: Any
    attribute: str
    replacement: Any


ACCOUNT: str = DEFAULT_ACCOUNT_ID

_services: Services | None = None
_originals: dict[str, Any] = {}


def install(services: Services) -> None:
    """Put every hook in place. One engine at a time: moto's state is the process's.

    Parameters
    ----------
    services
        The engine's parts.

    Raises
    ------
    RuntimeError
        Another engine runs in this process.
    """
    global _services  # noqa: PLW0603 - moto's backends are global, so this is
    if _services is not None:
        raise RuntimeError("An engine already runs in this process: close it first.")
    _services = services
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    for hook in HOOKS:
        _originals[hook.name] = vars(hook.owner).get(hook.attribute, NOTHING)
        setattr(hook.owner, hook.attribute, hook.replacement)


def uninstall() -> None:
    """Give moto back as it was."""
    global _services  # noqa: PLW0603 - see install
    for hook in HOOKS:
        original = _originals.pop(hook.name, None)
        if original is NOTHING:
            delattr(hook.owner, hook.attribute)
        elif original is not None:
            setattr(hook.owner, hook.attribute, original)
    default_user_config["stepfunctions"] = {"execute_state_machine": False}
    _Clients.made.clear()
    _services = None


def rules(region: str) -> Iterable[Any]:
    """Return the rules of the default event bus."""
    found: Iterable[Any] = events_backends[ACCOUNT][region].event_buses["default"].rules.values()
    return found


def transform(transformer: Mapping[str, Any], event: dict[str, Any]) -> Any:
    """Apply a target's InputTransformer to an event."""
    return EventTemplateParser.parse(
        input_template=transformer["InputTemplate"],
        input_paths_map=transformer.get("InputPathsMap", {}),
        event=event | {"ingestion-time": event["time"]},
    )


def creatable(resource_type: str) -> bool:
    """Tell whether moto's CloudFormation creates a type of resource."""
    return resource_type in get_model_map()


def declared_types(stack: str, region: str) -> dict[str, str]:
    """Return the types of a stack's resources, by name, without those whose condition is false."""
    from moto.cloudformation.models import cloudformation_backends

    resources = cloudformation_backends[ACCOUNT][region].get_stack(stack).resource_map
    return {
        name: declared["Type"]
        for name, declared in resources._resource_json_map.items()
        if "Condition" not in declared or resources.lazy_condition_map[declared["Condition"]]
    }


def resolved_properties(stack: str, region: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return type and properties of a stack's resources, with references and functions resolved.

    Resources whose condition does not hold are left out.
    """
    from moto.cloudformation.models import cloudformation_backends

    found = cloudformation_backends[ACCOUNT][region].get_stack(stack)
    resources = found.resource_map
    resolved = {}
    for name, declared in resources._resource_json_map.items():
        condition = declared.get("Condition")
        if condition is None or resources.lazy_condition_map[condition]:
            properties = clean_json(copy.deepcopy(declared.get("Properties", {})), resources)
            resolved[name] = (declared["Type"], properties)
    return resolved


def running_executions(region: str) -> int:
    """Return how many executions are running, or have ended without a word so far."""
    machines = stepfunctions_parser_backends[ACCOUNT][region].state_machines
    return sum(_under_way(each) for machine in machines for each in machine.executions)


def function_role(name: str, region: str) -> str:
    """Return the ARN of a Lambda function's role."""
    found: str = lambda_backends[ACCOUNT][region].get_function(name).role
    return found


def machine_roles(region: str) -> tuple[str, ...]:
    """Return the ARNs of the state machines' roles."""
    machines = stepfunctions_parser_backends[ACCOUNT][region].state_machines
    return tuple(machine.roleArn for machine in machines)


def roles() -> tuple[str, ...]:
    """Return the ARNs of all roles."""
    return tuple(role.arn for role in iam_backends[ACCOUNT]["aws"].get_roles())


def role_documents(arn: str) -> tuple[str, ...]:
    """Return the policies written into a role, as JSON; none for a role that there is not."""
    roles = iam_backends[ACCOUNT]["aws"].get_roles()
    found = (policy for role in roles if role.arn == arn for policy in role.policies.values())
    return tuple(policy if isinstance(policy, str) else json.dumps(policy) for policy in found)


def resource_document(arn: str) -> str | None:
    """Return the policy of a function, a topic or a queue, as JSON; None when it has none."""
    _, _, service, region, _, name = arn.split(":", 5)
    if service == "sns":
        topic = sns_backends[ACCOUNT][region].topics.get(arn)
        return str(topic.policy) if topic else None
    if service == "sqs":
        queue = sqs_backends[ACCOUNT][region].queues.get(name)
        return queue.policy if queue is not None else None
    function = lambda_backends[ACCOUNT][region].get_function_by_arn(arn)
    if function is None:
        return None
    # Moto keeps what CloudFormation said beside the statement's own elements.
    known = ("Sid", "Effect", "Action", "Resource", "Condition", "Principal")
    statements = [
        {key: value for key, value in statement.items() if key in known}
        for statement in function.policy.statements
    ]
    return json.dumps({"Statement": statements})


def encryption_key(arn: str) -> str | None:
    """Return the ARN of the customer's key that encrypts a topic, a queue or a bucket, if any."""
    _, _, service, region, _, name = arn.split(":", 5)
    if service == "sns":
        topic = sns_backends[ACCOUNT][region].topics.get(arn)
        found = topic.kms_master_key_id if topic else None
    elif service == "sqs":
        queue = sqs_backends[ACCOUNT][region].queues.get(name)
        found = queue.kms_master_key_id if queue is not None else None
    else:
        encryption = s3_backends[ACCOUNT]["aws"].get_bucket(name).encryption or {}
        default = encryption.get("Rule", {}).get("ApplyServerSideEncryptionByDefault", {})
        found = default.get("KMSMasterKeyID")
    return found if found and found.startswith("arn:") else None


def has_tags(bucket: str, key: str, version: str | None) -> bool:
    """Tell whether an object, or a version of it, has tags."""
    backend = s3_backends[ACCOUNT]["aws"]
    found = backend.get_object(bucket, key, version)
    return found is not None and bool(backend.get_object_tagging(found)["Tags"])


def runs(region: str, arn: str) -> bool:
    """Tell whether an execution runs, or has ended without a word so far."""
    machines = stepfunctions_parser_backends[ACCOUNT][region].state_machines
    executions = (each for machine in machines for each in reversed(machine.executions))
    found = next((each for each in executions if each.exec_arn == arn), None)
    return found is not None and _under_way(found)


def executions(region: str) -> dict[str, Any]:
    """Return the input of each execution by its ARN, the oldest first."""
    machines = stepfunctions_parser_backends[ACCOUNT][region].state_machines
    return {
        each.exec_arn: each.input_data for machine in machines for each in list(machine.executions)
    }


def _under_way(execution: Any) -> bool:
    """Tell whether the event of an execution's end is still to come."""
    return bool(getattr(execution, "announced", None) != execution.exec_status)


def _engine() -> Services:
    if _services is None:
        raise RuntimeError("The engine is closed.")
    return _services


# ---------------------------------------------------------------------------- Lambda


def _invoke_lambda(self: Any, event: Any = None) -> tuple[str, bool, str]:
    """Moto runs Lambda functions in Docker; the engine has worker processes."""
    self.logs_backend.ensure_log_group(self.logs_group_name)
    done = _engine().workers.invoke(self.function_name, event)
    self.save_logs(done.log)
    return done.payload, done.failed, done.log[-4096:]


# ---------------------------------------------------------------------------- Step Functions


def _eval_jsonata(self: Any, env: Environment) -> None:
    """Moto has no JSONata evaluator, and would splice variables unescaped into the expression."""
    bindings = {**env.variable_store._outer_scope, **env.variable_store._inner_scope}
    bindings["states"] = {
        # Only what a state has: an absent errorOutput is undefined, not null.
        key: value
        for key, value in env.states._states_data.items()
        if value is not None or key == "input"
    }
    try:
        result = jsonata.evaluate(self.expression, bindings)
    except jsonata.QueryError as error:
        raise _query_failed(
            env, f"The JSONata expression '{self.expression}' failed: {error}"
        ) from error
    if result is jsonata.UNDEFINED:
        cause = f"The JSONata expression '{self.expression}' returned nothing (undefined)."
        raise _query_failed(env, cause)
    env.stack.append(result)


def _query_failed(env: Environment, cause: str) -> FailureEventException:
    name = StatesErrorName(typ=StatesErrorNameType.StatesQueryEvaluationError)
    details = EvaluationFailedEventDetails(cause=cause, error=name.error_name)
    return FailureEventException(
        failure_event=FailureEvent(
            env=env,
            error_name=name,
            event_type=HistoryEventType.EvaluationFailed,
            event_details=EventDetails(evaluationFailedEventDetails=details),
        )
    )


def _preprocessor_init(self: Any) -> None:
    """Moto keeps the parser's scopes on the class: concurrent parsing mixes them up."""
    self._query_language_per_scope = []


@functools.lru_cache(maxsize=16)
def _parse(definition: str) -> Any:
    """Moto parses a definition anew for every execution, which takes longer than running it."""
    return _originals["parse once"].__func__(definition)


def _create_machine(
    cls: Any,  # noqa: ARG001 - a class method's signature
    /,
    resource_name: str,
    cloudformation_json: Any,
    account_id: str,
    region_name: str,
    **_: Any,
) -> Any:
    """Moto's CloudFormation puts machines where they do not run, and ignores substitutions."""
    properties = cloudformation_json["Properties"]
    definition = properties["DefinitionString"]
    for name, value in properties.get("DefinitionSubstitutions", {}).items():
        definition = definition.replace(f"${{{name}}}", str(value))
    backend = stepfunctions_parser_backends[account_id][region_name]
    return backend.create_state_machine(
        name=properties.get("StateMachineName", resource_name),
        definition=definition,
        roleArn=properties["RoleArn"],
        sm_type=properties.get("StateMachineType", "STANDARD"),
        loggingConfiguration=None,
        tracingConfiguration=None,
    )


def _start_execution(
    self: Any, state_machine_arn: str, name: str | None = None, *args: Any, **kwargs: Any
) -> Any:
    """Moto names an execution without a name "None"; AWS gives it a UUID."""
    original = _originals["name executions"]
    return original(self, state_machine_arn, name or str(uuid.uuid4()), *args, **kwargs)


def _execution_start(self: Any) -> None:
    """Moto sends no "Execution Status Change" events."""
    self.exec_status = ExecutionStatus.RUNNING
    _announce(self)  # before it runs: a quick one has ended when the start is over
    _originals["announce starts"](self)


def _execution_terminated(self: Any) -> None:
    """Moto sends no "Execution Status Change" events, and keeps every thread it ever started."""
    TMP_THREADS[:] = [thread for thread in TMP_THREADS if thread.is_alive()]
    execution = self.execution
    with execution.exec_worker.env._state_mutex:
        redriven = isinstance(execution.exec_worker.env.program_state(), ProgramRunning)
        if execution.exec_status != ExecutionStatus.RUNNING or redriven:
            return
        _originals["announce ends"](self)
        if execution.exec_status == ExecutionStatus.TIMED_OUT:
            # Moto writes so only once the call that took too long has come back.
            env = execution.exec_worker.env
            env.event_manager.add_event(
                context=env.event_history_context,
                event_type=HistoryEventType.ExecutionTimedOut,
                event_details=EventDetails(executionTimedOutEventDetails={}),
            )
    _announce(execution)
    _engine().router.execution_ended(execution.exec_arn)


def _stop_execution(
    self: Any, stop_date: datetime.datetime, error: str | None, cause: str | None
) -> None:
    """Moto's stopped execution runs until its task or wait is over; AWS's is over at once."""
    while (env := self.exec_worker.env) is None:  # its thread has only just been started
        time.sleep(0.001)
    with env._state_mutex:
        _originals["stop at once"](self, stop_date, error, cause)
        stopped = isinstance(env.program_state(), ProgramStopped)
        if self.exec_status != ExecutionStatus.RUNNING or not stopped:
            return
        details = ExecutionAbortedEventDetails(error=error, cause=cause)
        env.event_manager.add_event(
            context=env.event_history_context,
            event_type=HistoryEventType.ExecutionAborted,
            event_details=EventDetails(executionAbortedEventDetails=details),
        )
        self.exec_status, self.error, self.cause = ExecutionStatus.ABORTED, error, cause
        self.stop_date = datetime.datetime.now(datetime.UTC)
    _announce(self)
    _engine().router.execution_ended(self.exec_arn)


def _stop_as_asked(self: Any) -> ActionResult:
    """Moto drops the error and the cause that somebody stops an execution with."""
    execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
    execution.stop(
        datetime.datetime.now(datetime.UTC), self._get_param("error"), self._get_param("cause")
    )
    return ActionResult({"stopDate": execution.stop_date})


def _get_execution_history(self: Any) -> tuple[int, dict[str, str], str]:
    """Moto takes 50 ms to write a short history, and knows neither order nor pages of it."""
    arn = self._get_param("executionArn")
    events = list(self.stepfunction_backend.get_execution_history(arn)["events"])
    if self._get_param("reverseOrder"):
        events.reverse()
    start = int(self._get_param("nextToken") or 0)
    end = start + int(self._get_param("maxResults") or 1000)
    shown = [
        event | {"timestamp": datetime.datetime.fromisoformat(event["timestamp"]).timestamp()}
        for event in events[start:end]
    ]
    answer: dict[str, Any] = {"events": shown}
    if end < len(events):
        answer["nextToken"] = str(end)
    return 200, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(answer)


def _list_executions(self: Any) -> tuple[int, dict[str, str], str]:
    """Moto takes long to list many executions, and says nothing of redrives."""
    machine = self.stepfunction_backend.describe_state_machine(self._get_param("stateMachineArn"))
    status, token = self._get_param("statusFilter"), self._get_param("nextToken")
    listed = sorted(machine.executions, key=lambda each: each.start_date, reverse=True)
    if token is not None:  # the ARN that the page before ended with: new ones do not shift it
        ends = [n for n, each in enumerate(listed) if each.exec_arn == token]
        if not ends:
            raise _InvalidToken(f"Invalid Token: {token!r}")
        listed = listed[ends[0] + 1 :]
    found = [each for each in listed if status is None or each.status == status]
    size = int(self._get_param("maxResults") or 100)
    items = []
    for each in found[:size]:
        item = {
            "executionArn": each.exec_arn,
            "stateMachineArn": machine.arn,
            "name": each.name,
            "status": each.status,
            "startDate": each.start_date.timestamp(),
            "redriveCount": redrives(each),
        }
        if each.stop_date is not None and each.status != "RUNNING":
            item["stopDate"] = each.stop_date.timestamp()
        items.append(item)
    answer: dict[str, Any] = {"executions": items}
    if len(found) > size:
        answer["nextToken"] = items[-1]["executionArn"]
    return 200, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(answer)


def _add_event(self: Any, *args: Any, **kwargs: Any) -> int:
    """Moto adds to the history of an ended execution what its threads still do."""
    events = self._history_event_list
    redriven = kwargs.get("event_type") == HistoryEventType.ExecutionRedriven
    if events and events[-1]["type"] in LAST_EVENTS and not redriven:
        return int(events[-1]["id"])
    added: int = _originals["end histories"](self, *args, **kwargs)
    return added


def _describe_execution(self: Any) -> ActionResult:
    """Moto leaves out when an execution timed out, and all about redrives."""
    result: ActionResult = _originals["describe redrives"](self)
    execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
    described: Any = result.result
    described["redriveCount"] = redrives(execution)
    described["redriveStatus"] = "REDRIVABLE" if redrivable(execution) else "NOT_REDRIVABLE"
    if execution.stop_date is not None and execution.exec_status != ExecutionStatus.RUNNING:
        described["stopDate"] = execution.stop_date
    return result


def redrives(execution: Any) -> int:
    """Return how often an execution has been redriven."""
    return int(getattr(execution, "redrive_count", 0))


def redrivable(execution: Any) -> bool:
    """Tell whether an execution may be redriven (Step Functions guide, redrive-executions)."""
    return execution.exec_status in {
        ExecutionStatus.ABORTED,
        ExecutionStatus.FAILED,
        ExecutionStatus.TIMED_OUT,
    }


def _redrive_execution(self: Any) -> ActionResult:
    """Moto has no redrive. The engine resumes at the last state of the top level, with its input.

    A Map or Parallel starts anew as a whole; AWS starts only what failed in it.
    """
    arn = self._get_param("executionArn")
    execution = self.stepfunction_backend.describe_execution(arn)
    if not redrivable(execution):
        raise _NotRedrivable(f"Execution: {arn!r} is {execution.status}: it cannot be redriven.")
    worker = execution.exec_worker
    program, _ = _parse(execution.state_machine.definition)
    before, now = worker.env, worker._get_evaluation_environment()
    start = {"name": program.start_at.start_at_name, "input": execution.execution_input}
    entered = next(
        (
            event["stateEnteredEventDetails"]
            for event in reversed(before.event_manager._history_event_list)
            if event["type"].endswith("StateEntered")
            and event["stateEnteredEventDetails"]["name"] in program.states.states
        ),
        start,  # it was over before it entered any
    )
    # What still runs of the stopped program keeps its own environment, and so stays stopped.
    now.event_manager = before.event_manager
    now.event_history_context.integrate(before.event_history_context)
    now.variable_store._inner_scope.update(before.variable_store._inner_scope)
    now.next_state_name = entered["name"]
    now.states.reset(input_value=json.loads(entered["input"]))
    execution.redrive_count = redrives(execution) + 1
    now.states.context_object.context_object_data["Execution"]["RedriveCount"] = (
        execution.redrive_count
    )
    now.event_manager.add_event(
        context=now.event_history_context,
        event_type=HistoryEventType.ExecutionRedriven,
        event_details=EventDetails(
            executionRedrivenEventDetails={"redriveCount": execution.redrive_count}
        ),
    )
    worker.env = now
    execution.exec_status = ExecutionStatus.RUNNING
    execution.stop_date = execution.error = execution.cause = execution.announced = None
    _announce(execution)

    def resume() -> None:
        thread = threading.Thread(target=lambda: EvalComponent.eval(program, now), daemon=True)
        thread.start()
        thread.join(program.timeout_seconds.timeout_seconds if program.timeout_seconds else None)
        if thread.is_alive():
            now.set_timed_out()
        worker._execution_communication.terminated()

    threading.Thread(target=resume, name=f"redrive {execution.name}", daemon=True).start()
    return ActionResult({"redriveDate": datetime.datetime.now(datetime.UTC)})


class _InvalidToken(AWSError):  # type: ignore[misc]
    TYPE = "InvalidToken"
    STATUS = 400


class _NotRedrivable(AWSError):  # type: ignore[misc]
    TYPE = "ExecutionNotRedrivable"
    STATUS = 400


LAST_EVENTS = {
    HistoryEventType.ExecutionAborted,
    HistoryEventType.ExecutionFailed,
    HistoryEventType.ExecutionSucceeded,
    HistoryEventType.ExecutionTimedOut,
}


class _Stopped(Exception):
    """The program that was evaluated has been stopped."""


class _Left(BaseException):
    """A state of a stopped program has been left; moto makes failures of any mere Exception."""


def _evaluate(self: Any, env: Environment) -> None:
    """Moto skips each part of a stopped program but goes on with the whole, with wrong values."""
    try:
        if _abandoned(env):
            raise _Left if isinstance(self, Program) else _Stopped
        _originals["leave stopped programs"](self, env)
    except _Left:
        if not isinstance(self, Program):
            raise
        if not env.is_frame():
            self._eval_body(env)  # writes how it ended into the history


def _abandoned(env: Environment) -> bool:
    """Tell whether a program was stopped or timed out, or a task's call took too long."""
    state = env._program_state
    return isinstance(state, (ProgramStopped, ProgramTimedOut)) or (
        env.is_frame() and isinstance(state, ProgramEnded)
    )


def _evaluate_state(self: Any, env: Environment) -> None:
    """Moto would take the end of a stopped program for a failure of its state."""
    try:
        _originals["leave stopped states"](self, env)
    except _Stopped:
        raise _Left from None


def _unless_ended(attribute: str) -> property:
    """Return a property of moto's that a program which has ended leaves as it was."""
    plain = vars(Environment)[attribute]

    def assign(self: Any, name: str) -> None:
        with self._state_mutex:  # it may be stopped at this moment
            if self._program_state is None or self.is_running():
                plain.fset(self, name)

    doc = """Moto complains when a branch is stopped as it starts, whose Parallel then waits for
    ever; and makes a failure of a program that is stopped, or runs out of time, between two states.
    """
    return property(plain.fget, assign, doc=doc)


def _announce(execution: Any) -> None:
    described = execution.to_describe_output()
    event = _engine().execution_status_change(
        execution.account_id, execution.region_name, described
    )
    _engine().router.put(event)
    if described["status"] != ExecutionStatus.RUNNING:
        execution.announced = described["status"]


class _Clients:
    """Moto makes a boto3 client for every task, 20 ms each and not safe across threads."""

    made: dict[str, Any] = {}  # noqa: RUF012 - shared on purpose
    lock = threading.Lock()

    @classmethod
    def client(cls, *, service_name: str, region_name: str, config: Config, **_: Any) -> Any:
        with cls.lock:
            if service_name not in cls.made:
                session: Any = boto3.session.Session()
                cls.made[service_name] = session.client(
                    service_name,
                    region_name=region_name,
                    endpoint_url=_engine().endpoint,
                    aws_access_key_id="step-functions",
                    aws_secret_access_key="engine",  # noqa: S106 - nothing is secret here
                    config=config.merge(Config(max_pool_connections=100)),
                )
            return cls.made[service_name]


def _dynamodb_error(self: Any, env: Environment, ex: Exception) -> FailureEvent:
    """Moto calls timeouts and failed queries of DynamoDB tasks AmazonDynamoDBException.

    It also takes a lost connection for States.Runtime, and leaves names as boto3 has them: AWS's
    end in "Exception".
    """
    if isinstance(ex, BotoCoreError):
        unreached = {"Code": "SdkClientException", "Message": str(ex)}
        metadata = {"HTTPStatusCode": 0, "RequestId": "null"}
        ex = ClientError({"Error": unreached, "ResponseMetadata": metadata}, "UpdateItem")  # type: ignore[typeddict-item]
    if isinstance(ex, ClientError):
        code = ex.response["Error"]["Code"]
        ex.response["Error"]["Code"] = code if code.endswith("Exception") else f"{code}Exception"
        named: FailureEvent = _originals["name DynamoDB errors"](self, env, ex)
        return named
    found: FailureEvent = StateTask._from_error(self, env, ex)
    return found


def _branch_error(error_name: str | None) -> ErrorName:
    """Moto refuses a ``States.`` error that leaves a branch or an iteration, and fails uncaught."""
    if error_name is not None and error_name.startswith("States."):
        return StatesErrorName.from_name(error_name)
    return CustomErrorName(error_name)


def _error_equals(self: Any, env: Environment) -> None:
    """Moto lets States.ALL match what it does not match on AWS."""
    error = env.stack[-1].error_name
    if error in NOT_IN_STATES_ALL and not any(
        error == each.error_name for each in self.error_names
    ):
        env.stack[-1] = False
        return
    _originals["match errors"](self, env)


NOT_IN_STATES_ALL = {"States.DataLimitExceeded", "States.Runtime"}
"""Developer guide, "Handling errors in Step Functions workflows"."""


class _RetryTime:
    """Moto sleeps through the waits of retries; tests record them instead."""

    @staticmethod
    def sleep(seconds: float) -> None:
        _engine().wait(seconds)


def _is_mocked_mode(self: Any) -> bool:
    """Let faults be injected per state, through moto's own place for mocked responses.

    The fault is taken here, where the question is asked once a call: another iteration of a Map
    may ask at the same moment.
    """
    state_input = self.states._states_data["input"]
    self.fault = _engine().faults.take(self.next_state_name, state_input)
    return self.fault is not None


def _current_mocked_response(self: Any) -> Any:
    """Raise or return what the fault says."""
    fault = self.fault
    if not fault.error:
        return MockedResponseReturn(0, 0, fault.result)
    if fault.error == StatesErrorNameType.StatesTimeout.to_name():
        raise EvalTimeoutError
    if fault.error.startswith("States."):
        details = TaskFailedEventDetails(error=fault.error, cause=fault.cause)
        raise FailureEventException(
            failure_event=FailureEvent(
                env=self,
                error_name=StatesErrorName.from_name(fault.error),
                event_type=HistoryEventType.TaskFailed,
                event_details=EventDetails(taskFailedEventDetails=details),
            )
        )
    return MockedResponseThrow(0, 0, fault.error, fault.cause)


# ---------------------------------------------------------------------------- EventBridge, S3, SNS


def _send_to_targets(self: Any, original_event: Any, transform_input: bool = True) -> None:  # noqa: ARG001, FBT001, FBT002 - moto's signature
    """Moto's rules have no Step Functions or SNS target, no dead-letter queue, no retries."""
    event = dict(original_event)
    event.pop("ingestion-time", None)
    if isinstance(event["time"], (int, float)):
        moment = datetime.datetime.fromtimestamp(event["time"], datetime.UTC)
        event["time"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    _engine().router.send(self, event)


def _send_event_bridge_message(account_id: str, bucket: Any, event_name: str, key: Any) -> None:
    """Moto's S3 events have one sequencer for all, ``eTag`` for ``etag``, and other reasons."""
    if not event_name.startswith("s3:ObjectCreated:"):
        return
    versioned = bucket.versioning_status == "Enabled"
    event = _engine().object_created(
        account=account_id,
        region=bucket.region_name,
        bucket=bucket.name,
        key=key.name,
        size=key.size,
        etag=key.etag.strip('"'),
        version=key.version_id if versioned else None,
        reason=event_name.rpartition(":")[2],
    )
    _engine().router.put(event)


@functools.cache
def _moto_modules() -> frozenset[str]:
    """Moto lists its own folders for every request."""
    return frozenset(_originals["list services once"]())


@functools.cache
def _model_loader() -> Any:
    """Moto lists botocore's 400 folders for each service that it reads the description of."""
    return _originals["list descriptions once"]()


def _match_path(self: Any, url_map: Any, *items: Any) -> None:
    """Moto's server does not find an object whose key has a line break in it."""
    _originals["match every key"](self, url_map, *items)
    self.regex = f"(?s:{self.regex})"


def _publish_to_subscription(
    self: Any,
    message: str,
    message_id: str,
    subject: str | None = None,
    message_attributes: dict[str, Any] | None = None,
    message_structure: str | None = None,
    **kwargs: Any,
) -> None:
    """Moto drops what goes to e-mail and SMS; the engine has an inbox."""
    if self.protocol not in {"email", "sms"}:
        _originals["deliver messages"](
            self,
            message,
            message_id,
            subject=subject,
            message_attributes=message_attributes,
            message_structure=message_structure,
            **kwargs,
        )
        return
    matcher = self._filter_policy_matcher
    if matcher is not None and not matcher.matches(message_attributes, message):
        return
    if message_structure == "json":
        message = self._parse_message_structure(message, self.protocol)
    _engine().inbox.deliver(
        Message(
            topic=self.topic.name,
            protocol=self.protocol,
            recipient=self.endpoint,
            subject=(subject or "AWS Notification Message") if self.protocol == "email" else None,
            text=message,
            attributes={k: str(v["Value"]) for k, v in (message_attributes or {}).items()},
            sender=self.topic.display_name or "AWS Notifications",
            subscription=self.arn,
            time=datetime.datetime.now(datetime.UTC),
        )
    )


HOOKS = (
    Hook("run functions", LambdaFunction, "_invoke_lambda", _invoke_lambda),
    Hook("evaluate JSONata", StringJSONata, "_eval_body", _eval_jsonata),
    Hook("parse side by side", Preprocessor, "__init__", _preprocessor_init),
    Hook("parse once", AmazonStateLanguageParser, "parse", staticmethod(_parse)),
    Hook(
        "deploy machines that run",
        StateMachine,
        "create_from_cloudformation_json",
        classmethod(_create_machine),
    ),
    Hook("name executions", StepFunctionsParserBackend, "start_execution", _start_execution),
    Hook("announce starts", Execution, "start", _execution_start),
    Hook("announce ends", BaseExecutionWorkerCommunication, "terminated", _execution_terminated),
    Hook("stop at once", Execution, "stop", _stop_execution),
    Hook("stop as asked", StepFunctionResponse, "stop_execution", _stop_as_asked),
    Hook("describe redrives", StepFunctionResponse, "describe_execution", _describe_execution),
    Hook(
        "write histories",
        StepFunctionResponse,
        "get_execution_history",
        _get_execution_history,
    ),
    Hook("list executions", StepFunctionResponse, "list_executions", _list_executions),
    Hook("redrive", StepFunctionResponse, "redrive_execution", _redrive_execution),
    Hook("end histories", EventManager, "add_event", _add_event),
    Hook("leave stopped programs", EvalComponent, "eval", _evaluate),
    Hook("leave stopped states", ExecutionState, "_evaluate_with_timeout", _evaluate_state),
    Hook("end before a state", Environment, "next_state_name", _unless_ended("next_state_name")),
    Hook("end before a field", Environment, "next_field_name", _unless_ended("next_field_name")),
    Hook("share clients", boto_client, "boto3", _Clients),
    Hook("name DynamoDB errors", StateTaskServiceDynamoDB, "_from_error", _dynamodb_error),
    Hook("name errors of branches", branches_decl, "CustomErrorName", _branch_error),
    Hook("name errors of iterations", iteration_worker, "CustomErrorName", _branch_error),
    Hook("match errors", ErrorEqualsDecl, "_eval_body", _error_equals),
    Hook("wait for retries", retrier_decl, "time", _RetryTime),
    Hook("inject faults", Environment, "is_mocked_mode", _is_mocked_mode),
    Hook(
        "say what a fault does",
        Environment,
        "get_current_mocked_response",
        _current_mocked_response,
    ),
    Hook("deliver events", Rule, "send_to_targets", _send_to_targets),
    Hook(
        "send S3 events", s3_notifications, "_send_event_bridge_message", _send_event_bridge_message
    ),
    Hook("list services once", backends, "list_of_moto_modules", _moto_modules),
    Hook("list descriptions once", moto_utils, "create_loader", _model_loader),
    Hook("match every key", RegexConverter, "__init__", _match_path),
    Hook("deliver messages", Subscription, "publish", _publish_to_subscription),
)
