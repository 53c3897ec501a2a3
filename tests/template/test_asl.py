"""The state machine's definition, as text: what no run would show until it is too late."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
import yaml
from darkroom.errors import DarkroomError, PermanentError, TransientError, by_class

from tests.conftest import ROOT

DEFINITION: dict[str, Any] = yaml.safe_load(
    (ROOT / "statemachine" / "image_pipeline.asl.yaml").read_text()
)
TEXT = json.dumps(DEFINITION)
TERMINAL = {"Succeed", "Fail"}


def machines(machine: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a machine and all that its Maps and Parallels hold."""
    yield machine
    for state in machine["States"].values():
        inner = state.get("Branches", [])
        inner = [*inner, state["ItemProcessor"]] if "ItemProcessor" in state else inner
        for each in inner:
            yield from machines(each)


def states(kind: str | None = None) -> dict[str, dict[str, Any]]:
    return {
        name: state
        for machine in machines(DEFINITION)
        for name, state in machine["States"].items()
        if kind is None or state["Type"] == kind
    }


def test_the_states_are_those_of_the_design() -> None:
    assert DEFINITION["StartAt"] == "ClaimImage"
    assert DEFINITION["QueryLanguage"] == "JSONata"
    assert set(states()) >= {
        "ClaimImage", "AlreadyProcessed", "Prepare", "ResizeImages", "Resize", "Archive",
        "MakePdf", "BackupOriginal", "RecordResult", "NotifySuccess", "RecordFailure",
        "NotifyFailure", "ImageFailed",
    }  # fmt: skip


def test_an_image_is_billed_at_most_eleven_transitions() -> None:
    """Count along the way of success: each state once, Resize once a preset."""
    count, name = 0, DEFINITION["StartAt"]
    while True:
        state = DEFINITION["States"][name]
        count += 1
        if state["Type"] == "Map":
            count += 3 * len(state["ItemProcessor"]["States"])
        if state["Type"] == "Parallel":
            count += sum(len(branch["States"]) for branch in state["Branches"])
        if state.get("End") or state["Type"] in TERMINAL:
            break
        name = state["Next"]
    assert name == "NotifySuccess"
    assert count <= 11


@pytest.mark.parametrize("name", states())
def test_a_state_says_what_it_is_for(name: str) -> None:
    assert len(states()[name]["Comment"]) > 20


@pytest.mark.parametrize("name", states("Task"))
def test_a_task_has_a_timeout_and_retries(name: str) -> None:
    task = states("Task")[name]
    assert 0 < task["TimeoutSeconds"] < DEFINITION["TimeoutSeconds"]
    assert task["Retry"]


def test_the_lease_outlives_the_execution() -> None:
    (lease,) = re.findall(r"\$millis\(\) / 1000\) \+ (\d+)", TEXT)
    assert int(lease) > DEFINITION["TimeoutSeconds"]


@pytest.mark.parametrize("name", states("Task"))
def test_retries_are_bounded_and_by_class(name: str) -> None:
    permanent = by_class(PermanentError)
    for retrier in states("Task")[name]["Retry"]:
        assert not {"States.ALL", "States.TaskFailed"} & set(retrier["ErrorEquals"])
        assert not permanent & set(retrier["ErrorEquals"])
        assert 1 <= retrier["MaxAttempts"] <= 6
        assert retrier["JitterStrategy"] == "FULL"
        if retrier["MaxAttempts"] > 1:
            assert retrier["IntervalSeconds"] < retrier["MaxDelaySeconds"] <= 60
            assert retrier["BackoffRate"] >= 2


def test_transient_errors_are_retried_by_the_functions_that_raise_them() -> None:
    functions = {
        name: task for name, task in states("Task").items() if "lambda:invoke" in task["Resource"]
    }
    raised = dict.fromkeys(("Prepare", "Resize", "MakePdf", "BackupOriginal"), "StorageError")
    raised |= dict.fromkeys(("NotifySuccess", "NotifyFailure"), "DeliveryError")
    assert set(functions) == set(raised)
    assert set(raised.values()) == by_class(TransientError)
    for name, task in functions.items():
        retried = {error for retrier in task["Retry"] for error in retrier["ErrorEquals"]}
        assert raised[name] in retried
        assert {"Lambda.TooManyRequestsException", "Lambda.ServiceException"} <= retried


def test_every_error_name_is_one_that_can_come() -> None:
    """A misspelt name is never matched, and nothing says so."""
    words = re.compile(r"(Lambda|DynamoDB)\.[A-Z]\w+|(States|Runtime|Sandbox)\.[A-Z]\w+")
    for state in states().values():
        for clause in (*state.get("Retry", []), *state.get("Catch", [])):
            for name in clause["ErrorEquals"]:
                assert name in by_class(DarkroomError) or words.fullmatch(name), name


@pytest.mark.parametrize("name", states("Task"))
def test_a_task_calls_an_action_that_exists_with_parameters_that_it_has(name: str) -> None:
    """As AWS's own description of the service says: no validator of the language looks."""
    task = states("Task")[name]
    _, service, action = task["Resource"].rsplit(":", 2)
    model = botocore.session.get_session().get_service_model(service)
    given, shape = task["Arguments"], model.operation_model(_pascal(action)).input_shape
    assert set(shape.required_members) <= set(given) <= set(shape.members)


def _pascal(action: str) -> str:
    return action[0].upper() + action[1:]


def test_no_error_of_the_code_begins_with_states() -> None:
    assert not [name for name in by_class(DarkroomError) if name.startswith("States")]


def test_whatever_fails_is_caught_and_ends_in_fail() -> None:
    """Every top-level state that can fail leads, by its last Catch, to a failure."""
    top = DEFINITION["States"]
    for name, state in top.items():
        if state["Type"] in {"Task", "Map", "Parallel"}:
            last = state["Catch"][-1]
            assert last["ErrorEquals"] == ["States.ALL"], name
            at = last["Next"]
            while top[at]["Type"] not in TERMINAL:
                at = top[at]["Next"]
            assert top[at]["Type"] == "Fail", name


def test_states_all_comes_alone_and_last() -> None:
    for state in states().values():
        for clauses in (state.get("Catch", []), state.get("Retry", [])):
            for clause in clauses[:-1]:
                assert "States.ALL" not in clause["ErrorEquals"]


def test_every_state_is_reached() -> None:
    for machine in machines(DEFINITION):
        reached, to_visit = set(), [machine["StartAt"]]
        while to_visit:
            name = to_visit.pop()
            if name in reached:
                continue
            reached.add(name)
            state = machine["States"][name]
            to_visit += [state["Next"]] if "Next" in state else []
            to_visit += [catch["Next"] for catch in state.get("Catch", [])]
        assert reached == set(machine["States"])


def test_every_variable_is_assigned_somewhere() -> None:
    """A misspelt variable is undefined at run time, and nothing says so before."""
    assigned = {"states"}
    for state in states().values():
        for holder in (state, *state.get("Catch", [])):
            assigned |= set(holder.get("Assign", {}))
    for expression in re.findall(r"\{%(.*?)%\}", TEXT.replace("\\n", " "), flags=re.DOTALL):
        local = set(re.findall(r"\$(\w+) :=", expression))
        for arguments in re.findall(r"function\(([^)]*)\)", expression):
            local |= set(re.findall(r"\$(\w+)", arguments))
        used = set(re.findall(r"\$(\w+)(?!\w*\()", expression))
        used = {name for name in used if not re.search(rf"\${name}\(", expression) or name in local}
        assert used <= assigned | local, (used - assigned - local, expression[:80])


def test_only_substitutions_tie_it_to_a_deployment() -> None:
    assert not re.findall(r"arn:aws:(?!states:::)[a-z]", TEXT)
    assert re.findall(r"\$\{(\w+)\}", TEXT)
