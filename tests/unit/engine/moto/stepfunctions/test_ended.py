"""What has ended is out of memory, and all of it can still be read."""

from __future__ import annotations

import dataclasses
import itertools
import json
import weakref
from types import SimpleNamespace
from typing import Any

import pytest
from moto.core.exceptions import JsonRESTError
from moto.logs.models import logs_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from darkroom_ops import allocator
from darkroom_ops.engine import backends
from darkroom_ops.engine.data.store import Entry
from darkroom_ops.engine.inbox import Inbox
from darkroom_ops.engine.moto import hook, state
from darkroom_ops.engine.moto.stepfunctions import ended
from darkroom_ops.engine.stepfunctions.task_faults import Fault
from tests.unit.engine.moto.lab import (
    ACCOUNT,
    PASS,
    REGION,
    Held,
    Json,
    Lab,
    chain,
    in_memory,
    settle,
    task,
)
from tests.unit.engine.moto.probes import machine_with, probe, run

TOKEN = "x" * 40_000
"""What only an execution's data holds."""


def listed(lab: Lab) -> list[Any]:
    return [each for machine in lab.backend.state_machines for each in machine.executions]


def line_of(each: Any) -> bytes:
    return bytes(each.line.read())


def run_and_forget(lab: Lab, definition: Json, given: Any = None) -> str:
    """Run a machine to its end, of which nobody holds moto's execution then."""
    execution = lab.run(definition, given)
    arn, was = str(execution.exec_arn), weakref.ref(execution)
    del execution
    settle()
    lab.router.events.clear()
    assert was() is None
    return arn


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED"])
def test_memory_holds_no_history_of_what_has_ended(lab: Lab, status: str) -> None:
    if status == "FAILED":
        lab.faults.inject(Fault("A", "Odd"))
    lab.faults.inject(Fault("A", result={}))
    arn = run_and_forget(lab, chain(B=PASS, A=task(ResultPath="$.a")), {"token": TOKEN})
    (each,) = listed(lab)
    assert (each.exec_arn, each.status) == (arn, status)
    assert sum(map(len, in_memory(each.name, each.exec_arn, each.rest))) < 1000
    assert TOKEN not in "".join(in_memory(each))
    assert each.rest.unpacked()["input"] == f'{{"token": "{TOKEN}"}}'
    assert each.newest == each.stop_date.timestamp() > each.start_date.timestamp()


def test_memory_is_given_back_after_so_many(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    did: list[str] = []
    monkeypatch.setattr(ended, "gc", SimpleNamespace(collect=lambda: did.append("circles broken")))
    monkeypatch.setattr(allocator, "give_back", lambda: did.append("given back"))
    monkeypatch.setattr(ended, "_ends", itertools.count(1))
    monkeypatch.setattr(ended, "GIVEN_BACK_AFTER", 2)
    after = []
    for _ in range(4):
        lab.run(chain(Only=PASS))
        after.append(list(did))
    once = ["circles broken", "given back"]
    assert after == [[], once, once, once * 2]


def test_everything_is_told_of_it_as_of_one_that_is_still_there(lab: Lab) -> None:
    lab.faults.inject(Fault("A", result={"made": "ü\ud800"}))
    execution = lab.run(chain(A=task(ResultPath="$.a")), {"given": [1, None]})
    arn = {"executionArn": execution.exec_arn}
    asked: list[tuple[str, Json]] = [
        ("describe_execution", arn),
        ("get_execution_history", arn),
        ("get_execution_history", {**arn, "reverseOrder": True, "maxResults": 2}),
        ("list_executions", {"stateMachineArn": execution.state_machine.arn}),
    ]
    was = [lab.call(operation, **given) for operation, given in asked]
    gone = weakref.ref(execution)
    del execution
    settle()
    assert gone() is None
    assert [lab.call(operation, **given) for operation, given in asked] == was
    assert was[0]["output"].endswith('{"made": "\\u00fc\\ud800"}}')
    assert was[1]["events"][-1]["type"] == "ExecutionSucceeded"


def test_what_has_ended_is_redriven(lab: Lab) -> None:
    """Twice, and it is put away again each time."""
    lab.faults.inject(Fault("B", "Odd", times=2))
    lab.faults.inject(Fault("A", result={"made": 1}))
    lab.faults.inject(Fault("B", result={}))
    arn = run_and_forget(lab, chain(A=task(), B=task(ResultPath="$.b")), {"x": 1})
    for count in (2, 3):
        lab.call("redrive_execution", executionArn=arn)
        lab.router.wait_for(arn, count)
        settle()
        assert isinstance(listed(lab)[0], ended.Ended)
    said = lab.call("describe_execution", executionArn=arn)
    assert (said["status"], said["redriveCount"]) == ("SUCCEEDED", 2)
    assert json.loads(said["output"]) == {"made": 1, "b": {}}
    types = [each["type"] for each in lab.call("get_execution_history", executionArn=arn)["events"]]
    assert types.count("ExecutionRedriven") == 2
    assert types[-1] == "ExecutionSucceeded"


def test_a_redrive_has_its_variables_and_logs_what_is_new(lab: Lab) -> None:
    call = {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Arguments": {}}
    kept = {"Assign": {"kept": "{% $states.result.made %}"}}
    definition = chain(A=call | kept, B=call | {"Output": "{% $kept %}"})
    lab.faults.inject(Fault("A", result={"made": 1}))
    lab.faults.inject(Fault("B", "Odd", times=1))
    held = Held(lab, "B")
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/states/m:*"
    logs = logs_backends[ACCOUNT][REGION]
    logs.ensure_log_group("/states/m")
    try:
        machine = lab.backend.create_state_machine(
            "logged",
            json.dumps(definition | {"QueryLanguage": "JSONata"}),
            f"arn:aws:iam::{ACCOUNT}:role/any",
            loggingConfiguration={
                "level": "ALL",
                "includeExecutionData": False,
                "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}],
            },
        )
        arn = lab.backend.start_execution(machine.arn, "run", "{}").exec_arn
        lab.router.wait_for(arn)
        lab.router.events.clear()
        settle()
        assert isinstance(listed(lab)[0], ended.Ended)
        lab.call("redrive_execution", executionArn=arn)
        held.wait()
        (runs,) = lab.call("list_executions", stateMachineArn=machine.arn)["executions"]
        held.go.set()
        lab.router.wait_for(arn, 2)
        settle()
        streams = logs.groups["/states/m"].streams.values()
        lines = [json.loads(each.message)["id"] for stream in streams for each in stream.events]
    finally:
        logs.delete_log_group("/states/m")
    assert runs["status"] == "RUNNING"
    assert lab.call("describe_execution", executionArn=arn)["output"] == "1"
    assert sorted(map(int, lines)) == list(range(1, len(lines) + 1))


def test_a_name_is_taken_and_a_stop_too_late(lab: Lab) -> None:
    lab.faults.inject(Fault("A", result={}))
    execution = lab.run(chain(A=task()), {"x": 1})
    arn, machine = execution.exec_arn, execution.state_machine.arn
    del execution
    settle()
    with pytest.raises(JsonRESTError, match="Already"):
        lab.backend.start_execution(machine, "run", '{"x": 1}')
    stopped = lab.call("stop_execution", executionArn=arn, error="Late", cause="any")
    said = lab.call("describe_execution", executionArn=arn)
    assert (said["status"], stopped["stopDate"]) == ("SUCCEEDED", said["stopDate"])


def test_its_line_in_the_ledger_is_made_once(lab: Lab) -> None:
    lab.faults.inject(Fault("A", "Odd", times=1))
    lab.faults.inject(Fault("A", result={}))
    arn = run_and_forget(lab, chain(A=task()))
    assert line_of(listed(lab)[0]) == b"FAILED 6"
    lab.call("redrive_execution", executionArn=arn)
    lab.router.wait_for(arn, 2)
    assert line_of(listed(lab)[0]) == b"SUCCEEDED 13"
    said, events = listed(lab)[0].told()
    answer = lab.call("describe_execution", executionArn=arn)
    assert (said["startDate"], said["stopDate"]) == (answer["startDate"], answer["stopDate"])
    assert (said["redriveCount"], said["stopDate"] > said["startDate"], len(events)) == (
        1,
        True,
        13,
    )


def test_what_the_ledger_cannot_read_has_ended_all_the_same(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    odd = dataclasses.replace(lab.services, line=lambda *_: bytes([256]))
    with monkeypatch.context() as patch:
        patch.setattr(hook, "running", odd)
        execution = lab.run(chain(A=PASS))
    assert listed(lab)[0].line is None
    assert f"the ledger cannot read {execution.exec_arn}" in caplog.text


def test_all_executions_of_one_definition_share_it(lab: Lab) -> None:
    machine = lab.machine(chain(A=PASS))
    for name in ("one", "two", "three"):
        if name == "three":
            other = f"arn:aws:iam::{ACCOUNT}:role/other"
            lab.backend.update_state_machine(machine, role_arn=other)
        arn = lab.backend.start_execution(machine, name, "{}").exec_arn
        lab.router.wait_for(arn)
    settle()
    one, two, three = listed(lab)
    assert one.state_machine is two.state_machine
    assert one.state_machine is not three.state_machine
    assert (one.whole().role_arn, three.whole().role_arn) == (
        f"arn:aws:iam::{ACCOUNT}:role/any",
        f"arn:aws:iam::{ACCOUNT}:role/other",
    )


def test_the_end_of_a_machine_that_was_deleted_is_no_failure(lab: Lab) -> None:
    lab.faults.inject(
        Fault("A", result={}, when=lambda _: lab.backend.state_machines.clear() or True)
    )
    execution = lab.run(chain(A=task()))
    settle()
    assert execution.status == "SUCCEEDED"


def test_a_token_is_looked_for_in_what_runs_only(lab: Lab) -> None:
    run_and_forget(lab, chain(A=PASS))
    with pytest.raises(Exception, match="InvalidToken"):
        lab.backend.send_task_failure("none", "Odd")


class Kept:
    """What an engine keeps of a lab's executions, and its next start."""

    def __init__(self, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
        backends = {ACCOUNT: {REGION: lab.backend}}
        monkeypatch.setattr(state, "stepfunctions_parser_backends", backends)
        self.lab = lab
        self.entries, self.states = self._look(self._state())

    def _state(self) -> state.EngineState:
        return state.EngineState(REGION, Inbox(), self.lab.router)  # type: ignore[arg-type]

    def _look(self, held: state.EngineState) -> tuple[list[Entry], Json]:
        every = [*held._held_definitions(), *held._executions()]
        entries = [each for held in every if (each := held.entry()) is not None]
        for each in entries:
            json.loads(json.dumps(each.document))  # it can be written
        return entries, {each.key: each.state for each in every}

    def put_back(self) -> Json:
        for machine in self.lab.backend.state_machines:
            machine.executions.clear()
        again = self._state()
        assert all(reason is None for _, reason in again.restore(self.entries))
        again.resume()
        return self._look(again)[1]


def test_what_had_ended_is_put_back_as_it_was(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.faults.inject(Fault("A", result={"made": 1}))
    lab.faults.inject(Fault("B", "Odd", cause="It is odd.", times=1))
    lab.faults.inject(Fault("B", result={}))
    arn = run_and_forget(lab, chain(A=task(ResultPath="$.a"), B=task(ResultPath="$.b")), {"x": 1})
    asked = ("describe_execution", "get_execution_history")
    was = [lab.call(operation, executionArn=arn) for operation in asked]
    line = line_of(listed(lab)[0])

    kept = Kept(lab, monkeypatch)
    assert kept.put_back() == kept.states
    (each,) = listed(lab)  # neither waits for an event of its end, which has come
    assert not backends._running(each)
    whole = each.whole()
    assert not backends._running(whole)
    assert each.whole() is whole  # read once, while somebody has it
    assert [lab.call(operation, executionArn=arn) for operation in asked] == was
    assert (was[0]["error"], was[0]["cause"]) == ("Odd", "It is odd.")
    assert line_of(listed(lab)[0]) == line
    assert listed(lab)[0].whole().role_arn.endswith(":role/any")

    lab.call("redrive_execution", executionArn=arn)
    lab.router.wait_for(arn, 2)
    settle()
    assert json.loads(lab.call("describe_execution", executionArn=arn)["output"]) == {
        "x": 1, "a": {"made": 1}, "b": {},
    }  # fmt: skip


def test_what_ran_is_put_back_as_interrupted(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its log, which is written at an end, has all that it did, too."""
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/states/m:*"
    logs = logs_backends[ACCOUNT][REGION]
    logs.ensure_log_group("/states/m")
    held = Held(lab, "A")
    machine = lab.machine(chain(A=task()))
    lab.backend.update_state_machine(
        machine,
        logging_configuration={
            "level": "ALL",
            "includeExecutionData": False,
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}],
        },
    )
    execution = lab.backend.start_execution(machine, "run", "{}")
    held.wait()
    events = lab.history(execution)
    kept = Kept(lab, monkeypatch)
    kept.put_back()
    try:
        said = lab.call("describe_execution", executionArn=execution.exec_arn)
        told = lab.call("get_execution_history", executionArn=execution.exec_arn)["events"]
        assert (said["status"], said["error"]) == ("ABORTED", state.INTERRUPTED)
        assert (told[: len(events)], told[-1]["type"]) == (events, "ExecutionAborted")
        streams = logs.groups["/states/m"].streams.values()
        lines = [json.loads(each.message)["type"] for stream in streams for each in stream.events]
        assert lines == [each["type"] for each in told]
    finally:
        logs.delete_log_group("/states/m")
        held.go.set()
        settle()


@probe(ended.describe_execution, ended.with_workers)
def test_plain_moto_keeps_executions_in_memory() -> bool:
    arn = run(machine_with({"Type": "Succeed"}))["executionArn"]
    machines = stepfunctions_parser_backends[ACCOUNT][REGION].state_machines
    (kept,) = (e for machine in machines for e in machine.executions if e.exec_arn == arn)
    return bool(kept.exec_worker.env.event_manager._history_event_list)
