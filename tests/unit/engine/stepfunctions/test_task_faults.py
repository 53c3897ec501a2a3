"""Faults that tests inject into states."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from darkroom_ops.engine.stepfunctions.task_faults import Fault, Faults


@pytest.fixture
def faults() -> Iterator[Faults]:
    made = Faults()
    yield made
    made.clear()


def test_a_fault_is_for_its_state_until_it_is_cleared(faults: Faults) -> None:
    fault = faults.inject(Fault("Prepare", "Odd"))
    assert faults.take("Resize", {}) is None
    assert [faults.take("Prepare", {}) for _ in range(3)] == [fault] * 3
    assert fault.taken == 3
    assert (fault.error, fault.cause) == ("Odd", "")
    faults.clear()
    assert faults.take("Prepare", {}) is None


def test_a_fault_takes_so_many_calls_and_then_the_next_one_does(faults: Faults) -> None:
    first = faults.inject(Fault("Prepare", "First", times=2))
    second = faults.inject(Fault("Prepare", "Second", times=1))
    assert [faults.take("Prepare", {}) for _ in range(4)] == [first, first, second, None]
    assert (first.taken, second.taken) == (2, 1)


def test_a_fault_without_calls_takes_none(faults: Faults) -> None:
    faults.inject(Fault("Prepare", "Odd", times=0))
    assert faults.take("Prepare", {}) is None


def test_a_fault_may_be_for_some_inputs_only(faults: Faults) -> None:
    small = faults.inject(Fault("Resize", "Odd", times=1, when=lambda given: given == "small"))
    other = faults.inject(Fault("Resize", "Other"))
    taken = [faults.take("Resize", name) for name in ("large", "small", "small")]
    assert taken == [other, small, other]


def test_a_condition_may_use_the_faults_itself(faults: Faults) -> None:
    """No lock is held while a test's condition is asked: it may wait for another thread."""
    faults.inject(Fault("Prepare", "Odd", when=lambda _: faults.take("Resize", {}) is not None))
    assert faults.take("Prepare", {}) is None


@pytest.mark.parametrize("result", [None, {}, False])
def test_a_result_may_be_anything(faults: Faults, result: Any) -> None:
    faults.inject(Fault("Prepare", result=result))
    taken = faults.take("Prepare", {})
    assert taken is not None
    assert (taken.error, taken.result) == ("", result)


def test_a_fault_must_say_how_the_call_ends(faults: Faults) -> None:
    with pytest.raises(ValueError, match=r"^Expected an error or a result for state Prepare\.$"):
        faults.inject(Fault("Prepare", cause="because"))
    assert faults.take("Prepare", {}) is None
