"""The state machine's definition, as text: what no run would show until it is too late."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
import yaml
from darkroom.contract.errors import DarkroomError, PermanentError, TransientError, by_class

from tests.conftest import ROOT
from tests.statemachine.matrix import MATRIX
from tests.support import stack
from tests.support.definition import DEFINITION, handler, machines, states

TEXT = json.dumps(DEFINITION)
TEMPLATE = stack.source()["Resources"]
TERMINAL = {"Succeed", "Fail"}
STEPS = {
    "Prepare": "PrepareFunction",
    "Resize": "ResizeFunction",
    "MakePdf": "MakePdfFunction",
    "BackupOriginal": "BackupOriginalFunction",
    "NotifySuccess": "NotifyFunction",
    "NotifyFailure": "NotifyFunction",
}
"""The function that each Lambda task calls."""


def way_of_success() -> Iterator[str]:
    """Yield the states that an image takes one after the other when nothing fails."""
    name = DEFINITION["StartAt"]
    while True:
        yield name
        state = DEFINITION["States"][name]
        if state.get("End") or state["Type"] in TERMINAL:
            return
        name = state["Next"]


def test_an_image_takes_these_states_in_this_order() -> None:
    assert DEFINITION["QueryLanguage"] == "JSONata"
    assert list(way_of_success()) == [
        "ClaimImage", "Prepare", "ResizeImages", "Archive", "RecordResult", "NotifySuccess",
    ]  # fmt: skip


def test_an_image_is_billed_at_most_eleven_transitions() -> None:
    """Count along the way of success: each state once, Resize once per preset."""
    count = 0
    for name in way_of_success():
        state = DEFINITION["States"][name]
        count += 1
        if state["Type"] == "Map":
            count += 3 * len(state["ItemProcessor"]["States"])
        if state["Type"] == "Parallel":
            count += sum(len(branch["States"]) for branch in state["Branches"])
    assert count <= 11


@pytest.mark.parametrize("name", states())
def test_a_state_says_what_it_is_for(name: str) -> None:
    assert states()[name]["Comment"].endswith(".")


# ---------------------------------------------------------------------------- time


@pytest.mark.parametrize("name", states("Task"))
def test_a_task_that_hangs_is_seen(name: str) -> None:
    """After its function had its time, and long before the execution's is over."""
    timeout, function = states("Task")[name]["TimeoutSeconds"], STEPS.get(name)
    if function is None:  # an update of one item
        assert 10 <= timeout <= 60
    else:
        own = TEMPLATE[function]["Properties"]["Timeout"]
        assert own + 30 <= timeout <= own + 120  # room for a cold start


def test_the_times_are_those_of_the_documentation() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text()
    rows = re.findall(r"^\| ([\w, ]+) \| (\d+) s \|$", text, flags=re.MULTILINE)
    told = {name: int(seconds) for names, seconds in rows for name in names.split(", ")}
    assert told == {name: task["TimeoutSeconds"] for name, task in states("Task").items()}


def test_an_execution_has_time_for_every_step_and_no_more_than_start_can_wait() -> None:
    """Lambda's longest, 900 s: the buffer's function waits for an execution's end."""
    one_after_the_other = [*way_of_success(), "Resize", "BackupOriginal"]
    longest = sum(states()[name].get("TimeoutSeconds", 0) for name in one_after_the_other)
    start = TEMPLATE["StartFunction"]["Properties"]["Timeout"]
    assert longest <= DEFINITION["TimeoutSeconds"] == start == 900


# ---------------------------------------------------------------------------- retries and catches


def kinds_of(name: str) -> Iterator[tuple[str, str]]:
    """Yield each error that a state's integration can raise, with its kind in the fault matrix."""
    for line in MATRIX["states"]:
        if line["state"] == name:
            for ending in MATRIX["endings"]:
                for kind in line.get(ending, []):
                    yield from ((kind, error) for error in MATRIX["classes"][kind]["errors"])


@pytest.mark.parametrize("name", states("Task"))
def test_an_error_is_retried_as_its_kind_is(name: str) -> None:
    """As the fault matrix says, which the engine runs: how often, after which waits, drawn anew."""
    assert list(kinds_of(name))
    for kind, error in kinds_of(name):
        told, retrier = MATRIX["classes"][kind], handler(name, "Retry", error)
        if not told["retries"]:
            assert retrier is None, error
            continue
        assert retrier is not None, error
        assert retrier["MaxAttempts"] == told["retries"]
        assert retrier["IntervalSeconds"] == told["first"]
        assert retrier["JitterStrategy"] == "FULL"
        if told["retries"] > 1:
            assert (retrier["BackoffRate"], retrier["MaxDelaySeconds"]) == (2, told["ceiling"])


@pytest.mark.parametrize("name", states("Task"))
def test_retries_are_by_class_and_name_only_what_can_come(name: str) -> None:
    """A misspelt name is never matched, and nothing says so."""
    known = {error for _, error in kinds_of(name)}
    for retrier in states("Task")[name]["Retry"]:
        assert set(retrier["ErrorEquals"]) <= known
        assert not by_class(PermanentError) & set(retrier["ErrorEquals"])


def test_one_kind_of_error_has_one_policy() -> None:
    """The definition has no way to name a retry policy, so each state repeats it, to the letter."""
    policies: dict[frozenset[str], list[Any]] = {}
    for task in states("Task").values():
        for retrier in task["Retry"]:
            policies.setdefault(frozenset(retrier["ErrorEquals"]), []).append(retrier)
    assert len(policies) == 6
    for error, (first, *others) in policies.items():
        assert all(other == first for other in others), error


def test_the_definition_has_no_anchors() -> None:
    """Python reads an alias as what it stands for; Step Functions takes it for a string."""
    for event in yaml.parse((ROOT / "statemachine" / "image_pipeline.asl.yaml").read_text()):
        assert getattr(event, "anchor", None) is None, event.start_mark


def test_a_transient_error_is_retried_wherever_it_is_raised() -> None:
    retried = {
        error: {name for name in STEPS if handler(name, "Retry", error)}
        for error in by_class(TransientError)
    }
    notify = {"NotifySuccess", "NotifyFailure"}
    assert retried == {"StorageError": set(STEPS) - notify, "DeliveryError": notify}


TAKEN_OVER = {
    "ClaimImage": ("DynamoDB.ConditionalCheckFailedException", "AlreadyProcessed"),
    "RecordResult": ("DynamoDB.ConditionalCheckFailedException", "Superseded"),
    "ResizeImages": ("Superseded", "Superseded"),
    "Archive": ("Superseded", "Superseded"),
}
"""Errors that are no failure, by state, and where they lead."""

FAILING = {
    "RecordFailure": "NotifyFailure",
    "NotifyFailure": "AlertNotSent",
    "NotifySuccess": "NotifyFailure",
}
"""Where a failure leads, where that is not to be described first."""

CATCHING = [name for name, state in DEFINITION["States"].items() if "Catch" in state]


def test_whatever_can_fail_is_caught() -> None:
    risky = {"Task", "Map", "Parallel"}
    assert set(CATCHING) == {n for n, s in DEFINITION["States"].items() if s["Type"] in risky}


@pytest.mark.parametrize("name", CATCHING)
def test_whatever_fails_leads_to_an_alert_and_a_failure(name: str) -> None:
    top = DEFINITION["States"]
    caught = handler(name, "Catch", "AnyError")
    assert caught is not None
    assert caught["Next"] == FAILING.get(name, "DescribeFailure")
    at, passed = caught["Next"], {name}
    while top[at]["Type"] not in TERMINAL:
        passed.add(at)
        at = top[at]["Next"]
    assert top[at]["Type"] == "Fail"
    assert "NotifyFailure" in passed


@pytest.mark.parametrize("name", CATCHING)
def test_only_a_run_that_was_overtaken_ends_without_an_alert(name: str) -> None:
    others = states()[name]["Catch"][:-1]
    found = [(error, clause["Next"]) for clause in others for error in clause["ErrorEquals"]]
    assert found == ([TAKEN_OVER[name]] if name in TAKEN_OVER else [])
    assert {states()[to]["Type"] for _, to in TAKEN_OVER.values()} == {"Succeed"}


def test_states_all_comes_alone_and_last() -> None:
    for state in states().values():
        for clauses in (state.get("Catch", []), state.get("Retry", [])):
            for clause in clauses[:-1]:
                assert "States.ALL" not in clause["ErrorEquals"]


def test_no_error_of_the_code_begins_with_states() -> None:
    assert not [name for name in by_class(DarkroomError) if name.startswith("States")]


# ---------------------------------------------------------------------------- integrations, ways


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


@pytest.mark.parametrize("name", states("Task"))
def test_a_task_calls_its_own_function_or_the_table(name: str) -> None:
    machine = TEMPLATE["ImagePipeline"]["Properties"]
    arguments, given = states("Task")[name]["Arguments"], machine["DefinitionSubstitutions"]
    if name in STEPS:
        variable = arguments["FunctionName"].removeprefix("${").removesuffix("}")
        assert given[variable] == {"Fn::GetAtt": [STEPS[name], "Arn"]}
    else:
        assert arguments["TableName"] == "${ImagesTableName}"
        assert given["ImagesTableName"] == {"Ref": "ImagesTable"}


def test_every_rendition_is_made_at_once() -> None:
    """An inline Map runs forty at a time when it is not told otherwise."""
    (mapped,) = states("Map").values()
    assert mapped["ItemProcessor"]["ProcessorConfig"] == {"Mode": "INLINE"}
    assert "MaxConcurrency" not in mapped
    assert not {"ToleratedFailureCount", "ToleratedFailurePercentage"} & set(mapped)


def test_every_state_goes_on_or_ends() -> None:
    for name, state in states().items():
        assert state["Type"] in {"Task", "Pass", "Map", "Parallel", *TERMINAL}, name
        ways = [state.get("Next"), state.get("End") is True, state["Type"] in TERMINAL]
        assert sum(map(bool, ways)) == 1, name


def test_every_state_is_reached() -> None:
    for machine in machines():
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


def variables_at() -> dict[str, set[str]]:
    """Return the variables that are surely assigned when a top-level state begins."""
    top: dict[str, Any] = DEFINITION["States"]
    known: dict[str, set[str]] = {DEFINITION["StartAt"]: set()}
    to_visit = [DEFINITION["StartAt"]]
    while to_visit:
        name = to_visit.pop()
        state = top[name]
        ways = [(state.get("Next"), state), *((c["Next"], c) for c in state.get("Catch", []))]
        for target, holder in ways:
            if target is None:
                continue
            assigned = known[name] | set(holder.get("Assign", {}))
            narrowed = known[target] & assigned if target in known else assigned
            if narrowed != known.get(target):
                known[target] = narrowed
                to_visit.append(target)
    return known


def test_every_variable_is_assigned_on_every_way_to_its_use() -> None:
    """A misspelt variable, or one of another way, is undefined at run time: nothing says so."""
    for name, known in variables_at().items():
        text = json.dumps(DEFINITION["States"][name]).replace("\\n", " ")
        for expression in re.findall(r"\{%(.*?)%\}", text, flags=re.DOTALL):
            local = set(re.findall(r"\$(\w+) :=", expression)) | {"states"}
            for parameters in re.findall(r"function\(([^)]*)\)", expression):
                local |= set(re.findall(r"\$(\w+)", parameters))
            used = set(re.findall(r"\$(\w+)\b(?!\()", expression))
            assert used <= known | local, (name, used - known - local)


def test_only_substitutions_tie_it_to_a_deployment() -> None:
    assert not re.findall(r"arn:aws:(?!states:::)[a-z]", TEXT)
