"""Executions: how they start, end, are stopped and redriven, and the events of that."""

from __future__ import annotations

import contextlib
import copy
import datetime
import json
import math
import re
import threading
import time
import uuid
from typing import Any

from darkroom.contract.arns import NAME
from moto.logs.models import logs_backends
from moto.stepfunctions.exceptions import (
    InvalidExecutionInput,
    InvalidName,
    NameTooLongException,
    ValidationException,
)
from moto.stepfunctions.parser.api import ExecutionStatus, HistoryEventType
from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import TimeoutSeconds
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.program import program
from moto.stepfunctions.parser.asl.component.program.program import Program
from moto.stepfunctions.parser.asl.component.state.exec import execute_state
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.exec.state_map import state_map
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import (
    inline_iteration_component,
    job,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel import state_parallel
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.branch_worker import (
    BranchWorker,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service,
    state_task_service_callback,
    state_task_service_dynamodb,
    state_task_service_lambda,
    state_task_service_sns,
)
from moto.stepfunctions.parser.asl.eval import environment, states
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from moto.stepfunctions.parser.asl.eval.event.logging import (
    CloudWatchLoggingConfiguration,
    is_logging_enabled_for,
)
from moto.stepfunctions.parser.asl.eval.program_state import (
    ProgramEnded,
    ProgramRunning,
    ProgramState,
    ProgramStopped,
    ProgramTimedOut,
)
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.backend import execution_worker
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.parser.utils import TMP_THREADS

from darkroom_ops.engine import eventbridge
from darkroom_ops.engine.moto.hook import Closed, hook, services
from darkroom_ops.engine.moto.logs import stream_of
from darkroom_ops.engine.moto.stepfunctions.ended import (
    history,
    put_away,
    redrives,
    taken_out,
)
from darkroom_ops.engine.stepfunctions.copies import Copying
from darkroom_ops.engine.stepfunctions.threads import Thread, Threading

EXPRESS = "EXPRESS"

LONGEST_NAME, LARGEST_INPUT = 80, 262_144
"""Of an execution, in characters and in bytes (API reference, StartExecution)."""

EXPRESS_SECONDS = 300
"""How long an Express execution may take (Step Functions developer guide, "Quotas")."""

# ---------------------------------------------------------------------------- starts and ends


@hook(
    StepFunctionsParserBackend,
    "start_execution",
    (
        'Moto names an execution without a name "None", where AWS gives it a UUID; takes any other '
        "name, and has no error for an input that is no JSON."
    ),
    report='An execution without a name is called "None"',
)
def start_named(
    self: Any, state_machine_arn: str, name: str | None = None, *args: Any, **kwargs: Any
) -> Any:
    _check_start(name, kwargs.get("execution_input", args[0] if args else None))
    given = name or str(uuid.uuid4())
    if self.describe_state_machine(state_machine_arn).type == EXPRESS:
        given += f":{uuid.uuid4()}"  # any number of executions may have a name
    return start_named.original(self, state_machine_arn, given, *args, **kwargs)


def _check_start(name: str | None, given: str | None) -> None:
    """Refuse what StartExecution refuses (API reference, with its request parameters)."""
    if name is not None and len(name) > LONGEST_NAME:
        raise NameTooLongException(name)
    if name is not None and not (re.fullmatch(NAME, name) and name.isprintable()):
        raise InvalidName(f"Invalid Name: '{name}'")
    if given is None:
        return
    if len(given.encode()) > LARGEST_INPUT:
        raise ValidationException(
            "1 validation error detected: Value at 'input' failed to satisfy constraint: Member "
            f"must have length less than or equal to {LARGEST_INPUT}"
        )
    try:
        json.loads(given, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InvalidExecutionInput(f"Invalid State Machine Execution Input: '{error}'") from None


def _refuse(word: str) -> None:
    """Refuse NaN and Infinity, which Python takes: they are no JSON."""
    raise ValueError(f"{word} is no JSON")


@hook(Execution, "start", 'Moto sends no "Execution Status Change" events.')
def start(self: Any) -> None:
    self.exec_status = ExecutionStatus.RUNNING
    self.sm_type = self.state_machine.type  # moto has it from another field, which is never set
    if self.sm_type == EXPRESS:
        self.name = self.name.partition(":")[0]
        self.exec_arn = self.execution_arn = self.exec_arn.replace(":execution:", ":express:", 1)
    _announce(self)  # before it runs: a quick one has ended when the start is over
    start.original(self)


@hook(
    BaseExecutionWorkerCommunication,
    "terminated",
    'Moto sends no "Execution Status Change" events, and keeps every thread it started.',
)
def terminated(self: Any) -> None:
    TMP_THREADS[:] = [thread for thread in TMP_THREADS if thread.is_alive()]
    execution = self.execution
    env = execution.exec_worker.env
    with env._state_mutex:  # a stop may come now
        redriven = isinstance(env.program_state(), ProgramRunning)
        if execution.exec_status != ExecutionStatus.RUNNING or redriven:
            return
        terminated.original(self)
        if execution.exec_status == ExecutionStatus.TIMED_OUT:
            # Moto writes so only once the call that took too long has come back.
            _add_event(env, HistoryEventType.ExecutionTimedOut, executionTimedOutEventDetails={})
    with contextlib.suppress(Closed):  # what ends after the engine has nobody to tell
        _announce_end(execution)


@hook(
    Execution,
    "stop",
    "Moto's stopped execution runs until its task or wait is over; AWS's ends at once.",
    report="A stopped execution runs on",
)
def stop(self: Any, stop_date: datetime.datetime, error: str | None, cause: str | None) -> None:
    while (env := self.exec_worker.env) is None:  # its thread has only just been started
        time.sleep(0.001)
    with env._state_mutex:  # it may end by itself now
        stop.original(self, stop_date, error, cause)
        stopped = isinstance(env.program_state(), ProgramStopped)
        if self.exec_status != ExecutionStatus.RUNNING or not stopped:
            return
        details = {"error": error, "cause": cause}
        _add_event(env, HistoryEventType.ExecutionAborted, executionAbortedEventDetails=details)
        self.exec_status, self.error, self.cause = ExecutionStatus.ABORTED, error, cause
        self.stop_date = datetime.datetime.now(datetime.UTC)
    _announce_end(self)


@hook(
    ExecutionWorker,
    "_get_evaluation_entrypoint",
    "Moto lets Express executions take as long as Standard ones.",
)
def entrypoint(self: Any) -> Any:
    program = entrypoint.original(self)
    said = program.timeout_seconds
    if self._evaluation_details.state_machine_details.typ != EXPRESS or (
        said is not None and said.timeout_seconds <= EXPRESS_SECONDS
    ):
        return program
    limited = copy.copy(program)  # others share it
    limited.timeout_seconds = TimeoutSeconds(EXPRESS_SECONDS)
    return limited


def _log(execution: Any) -> None:
    """Write what came since the last time into the log group, as far as the machine's level goes.

    AWS does it while it runs (Step Functions guide, "Using CloudWatch Logs to log execution
    history").
    """
    machine = execution.state_machine
    to = CloudWatchLoggingConfiguration.from_logging_configuration(
        machine.arn, machine.loggingConfiguration
    )
    if to is None:
        return
    events = history(execution)
    before, execution.logged = getattr(execution, "logged", 0), len(events)
    lines = [
        _line(execution, event, data=to.include_execution_data)
        for event in events[before:]
        if is_logging_enabled_for(to.log_level, event["type"])
    ]
    logs = logs_backends[to.log_account_id][to.log_region]
    if lines and to.log_group_name in logs.groups:
        minute = execution.start_date.strftime("%Y-%m-%d-%H-%M")
        stream = stream_of(logs, to.log_group_name, f"states/{machine.name}/{minute}/")
        logs.put_log_events(to.log_group_name, stream, lines)


EXECUTION_DATA = ("input", "inputDetails", "output", "outputDetails", "parameters")
"""What includeExecutionData is for (API reference, LoggingConfiguration)."""


def _line(execution: Any, event: Any, *, data: bool) -> dict[str, Any]:
    (details,) = [each for each in event.values() if isinstance(each, dict)] or [{}]
    hidden = () if data else EXECUTION_DATA
    moment = int(datetime.datetime.fromisoformat(event["timestamp"]).timestamp() * 1000)
    said = {
        "id": str(event["id"]),
        "type": event["type"],
        "details": {name: value for name, value in details.items() if name not in hidden},
        "redrive_count": str(redrives(execution)),
        "previous_event_id": str(event["previousEventId"]),
        "event_timestamp": str(moment),
        "execution_arn": execution.exec_arn,
    }
    return {"timestamp": moment, "message": json.dumps(said)}


def _announce_end(execution: Any) -> None:
    _log(execution)
    _announce(execution)
    put_away(execution)
    services().router.execution_ended(execution.exec_arn)


def _announce(execution: Any) -> None:
    described = {**execution.to_describe_output(), "redriveCount": redrives(execution)}
    event = eventbridge.execution_status_change(
        execution.account_id, execution.region_name, described
    )
    if execution.sm_type != EXPRESS:  # of which EventBridge is told nothing
        services().router.put(event)
    if described["status"] != ExecutionStatus.RUNNING:
        execution.announced = described["status"]


def _add_event(env: Environment, kind: HistoryEventType, **details: Any) -> None:
    env.event_manager.add_event(
        context=env.event_history_context, event_type=kind, event_details=details
    )


LAST_EVENTS = {
    HistoryEventType.ExecutionAborted,
    HistoryEventType.ExecutionFailed,
    HistoryEventType.ExecutionSucceeded,
    HistoryEventType.ExecutionTimedOut,
}


@hook(
    EventManager,
    "add_event",
    "Moto adds to the history of an ended execution what its threads still do.",
)
def add_event(self: Any, *args: Any, **kwargs: Any) -> int:
    events = self._history_event_list
    redriven = kwargs.get("event_type") == HistoryEventType.ExecutionRedriven
    if events and events[-1]["type"] in LAST_EVENTS and not redriven:
        return int(events[-1]["id"])
    return int(add_event.original(self, *args, **kwargs))


# ---------------------------------------------------------------------------- redrives


def redrivable(execution: Any) -> bool:
    """Return whether an execution may be redriven (Step Functions guide, redrive-executions)."""
    return execution.exec_status in {
        ExecutionStatus.ABORTED,
        ExecutionStatus.FAILED,
        ExecutionStatus.TIMED_OUT,
    }


def redrive(execution: Any) -> None:
    """Resume an execution at the last state of the top level, with its input.

    A Map or Parallel runs again as a whole; AWS starts only what failed in it.
    """
    worker = execution.exec_worker
    program, _ = AmazonStateLanguageParser.parse(execution.state_machine.definition)
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
    # What still runs of the stopped program keeps its own environment, and so stays stopped, and a
    # history that has ended, so that it adds nothing to this one.
    now.event_manager = copy.copy(before.event_manager)
    now.event_manager._history_event_list = list(before.event_manager._history_event_list)
    now.event_history_context.integrate(before.event_history_context)
    now.variable_store._inner_scope.update(before.variable_store._inner_scope)
    now.next_state_name = entered["name"]
    now.states.reset(input_value=json.loads(entered["input"]))
    with taken_out(execution):
        count = execution.redrive_count = redrives(execution) + 1
        execution.redrive_date = datetime.datetime.now(datetime.UTC)
        now.states.context_object.context_object_data["Execution"]["RedriveCount"] = count
        details = {"redriveCount": count}
        _add_event(now, HistoryEventType.ExecutionRedriven, executionRedrivenEventDetails=details)
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


# ---------------------------------------------------------------------------- threads


_NEW_THREADS = "Moto starts a thread for every state, iteration and branch."


class _StateThread(Thread):
    """Runs a state in the thread that waits for it, unless that may have to leave it."""

    def start(self) -> None:
        """Run it."""
        if _state.may_be_left:
            super().start()
        else:
            self._target(*self._args)


class _State(threading.local):
    """The state that a thread evaluates."""

    may_be_left = True


_state = _State()

SHORT = (
    state_task_service_dynamodb.StateTaskServiceDynamoDB,
    state_task_service_sns.StateTaskServiceSns,
)
"""Tasks whose calls the engine answers at once."""

threads = tuple(
    hook(owner, attribute, _NEW_THREADS)(replacement)
    for owner, attribute, replacement in (
        (execute_state, "Thread", _StateThread),
        (execution_worker, "Thread", Thread),
        (inline_iteration_component, "threading", Threading),
        (program, "threading", Threading),
    )
)


@hook(BranchWorker, "start", "Moto names a branch's thread by the branch's whole definition.")
def start_branch(self: Any) -> None:
    self._worker_thread = Thread(target=self._thread_routine)
    TMP_THREADS.append(self._worker_thread)
    self._worker_thread.start()


@hook(Program, "eval", "Moto starts a thread for every iteration and branch that has one already.")
def run_program(self: Any, env: Environment) -> None:
    if self.timeout_seconds is None:
        env.next_state_name = self.start_at.start_at_name
        EvalComponent.eval(self, env)
    else:
        run_program.original(self, env)


# ---------------------------------------------------------------------------- copies


class _Copying(Copying):
    """Copies how a program goes on, too, whose parts never change."""

    @staticmethod
    def deepcopy(value: Any) -> Any:
        """Return a copy that may be changed."""
        return copy.copy(value) if isinstance(value, ProgramState) else Copying.deepcopy(value)


copies = tuple(
    hook(owner, "copy", "Moto copies what is JSON by copy.deepcopy, several times a state.")(
        _Copying
    )
    for owner in (
        environment,
        execute_state,
        job,
        result_path,
        state_map,
        state_parallel,
        state_task_service,
        states,
    )
)


# ---------------------------------------------------------------------------- stopped programs


class _Stopped(Exception):
    """The program that was evaluated has been stopped."""


class _Left(BaseException):
    """A state of a stopped program has been left; moto makes failures of any mere Exception."""


@hook(
    EvalComponent,
    "eval",
    (
        "Moto skips the parts of a stopped program but goes on, with wrong values; and takes a "
        "lock for each, to note what is evaluated."
    ),
)
def evaluate(self: Any, env: Environment) -> None:
    state = env._program_state  # the getter copies it
    try:
        if type(state) is ProgramRunning:
            state.next_field_name = self._field_name()
            self._eval_body(env)
        elif _abandoned(env):
            raise _Left if isinstance(self, Program) else _Stopped
        else:
            evaluate.original(self, env)
    except _Left:
        if not isinstance(self, Program):
            raise
        if not env.is_frame():
            self._eval_body(env)  # writes how it ended into the history


def _abandoned(env: Environment) -> bool:
    """Return whether a program was stopped or timed out, or a task's call took too long."""
    state = env._program_state  # the getter copies it
    return isinstance(state, (ProgramStopped, ProgramTimedOut)) or (
        env.is_frame() and isinstance(state, ProgramEnded)
    )


def _may_be_left(state: Any) -> bool:
    """Return whether a state may have to be left before what it waits for is over."""
    callback = state_task_service_callback.StateTaskServiceCallback
    if isinstance(state, callback) and state._is_integration_pattern():
        return True
    if isinstance(state, SHORT) or state.timeout.is_default_value():
        return False
    seconds = getattr(state.timeout, "timeout_seconds", 0)  # an expression may give any
    return bool(seconds < _function_seconds(state))


def _function_seconds(state: Any) -> float:
    """Return how long the function that a state invokes may run; if it names none, for ever."""
    if isinstance(state, state_task_service_lambda.StateTaskServiceLambda):
        for each in getattr(state.parargs.template_eval_component, "bindings", ()):
            given = getattr(each.value, "value", None)  # else an expression
            if each.identifier == "FunctionName" and isinstance(given, str):
                functions, name = services().functions, given.rpartition(":")[2]
                return functions.spec(name).timeout if functions.knows(name) else math.inf
    return math.inf


@hook(
    ExecutionState,
    "_evaluate_with_timeout",
    (
        "Moto would take the end of a stopped program for a failure of its state; and starts a "
        "thread for each, as if every state might have to be left."
    ),
)
def evaluate_state(self: Any, env: Environment) -> None:
    _state.may_be_left = _may_be_left(self)
    try:
        evaluate_state.original(self, env)
    except _Stopped:
        raise _Left from None


@hook(
    state_task_service.StateTaskService,
    "_after_eval_execution",
    "Moto tells in the history of the late result of a call that was given up.",
)
def tell_result(self: Any, env: Environment, *args: Any, **kwargs: Any) -> None:
    if not env.is_running():
        raise _Stopped
    tell_result.original(self, env, *args, **kwargs)


def _go_on(self: Any, name: str) -> None:
    """Say where a program goes on, unless it has ended."""
    with self._state_mutex:  # it may be stopped at this moment
        if self._program_state is None or self.is_running():
            next_state_name.original.fset(self, name)


next_state_name = hook(
    Environment,
    "next_state_name",
    (
        "Moto raises an error when a branch is stopped as it starts, whose Parallel then waits for "
        "ever; and makes a failure of a program that is stopped, or runs out of time, between two "
        "states."
    ),
)(property(vars(Environment)["next_state_name"].fget, _go_on))
