"""The cost estimate, from recorded histories."""

from __future__ import annotations

import dataclasses

import pytest

from ops.cost import PRICES, Cost, Memory, estimate
from ops.executions import read
from tests.unit.recorded import MEMORY, at, recorded, recording


def quantities(cost: Cost) -> dict[str, float]:
    return {item.what: item.quantity for item in cost.items}


def test_every_line_of_a_complete_execution() -> None:
    found = quantities(estimate(recorded("complete"), MEMORY))

    found.pop("Lambda time")
    assert found == {
        "Step Functions": 11,
        "Lambda requests": 7,
        "S3 writes": 7,  # mezzanine, copy of the original, three renditions, PDF, backup
        "S3 reads": 13,
        "DynamoDB writes": 4,  # the claim, a result of more than 1 KB, the announcement's mark
        "DynamoDB reads": 1,
        "SNS requests": 1,
        "SNS e-mail": 1,
    }


def test_lambda_time_is_memory_times_duration_in_whole_milliseconds() -> None:
    described, events = recording("corrupt")
    for event in events:
        failed = event["type"] == "TaskFailed"
        event["timestamp"] = at(20.0004 if failed else 10.0)

    cost = estimate(read(described, events), MEMORY)

    (time,) = (item for item in cost.items if item.what == "Lambda time")
    assert time.quantity == pytest.approx(2 * 10.001)  # Prepare; Notify took no time at all
    assert time.usd == pytest.approx(2 * 10.001 * 0.0000133334)


def test_the_sum_is_that_of_the_lines_and_transitions_dominate() -> None:
    cost = estimate(recorded("complete"), MEMORY)

    assert cost.usd == pytest.approx(sum(item.usd for item in cost.items))
    assert cost.usd < 0.001  # below a dollar per 1,000 images
    assert max(cost.items, key=lambda item: item.usd).what == "Step Functions"
    assert {item.what: item.usd for item in cost.items}["Step Functions"] == pytest.approx(0.000275)


def test_a_retry_costs_a_transition_a_request_and_what_it_read() -> None:
    without, retried = (quantities(estimate(recorded(n), MEMORY)) for n in ("complete", "retried"))

    more = {what: retried[what] - without[what] for what in without if what != "Lambda time"}
    assert more == {
        "Step Functions": 1,
        "Lambda requests": 1,
        "S3 writes": 0,
        "S3 reads": 1,
        "DynamoDB writes": 0,
        "DynamoDB reads": 0,
        "SNS requests": 0,
        "SNS e-mail": 0,
    }


def test_a_duplicate_costs_two_transitions_and_a_write() -> None:
    assert quantities(estimate(recorded("duplicate"), MEMORY)) == {
        "Step Functions": 2,
        "DynamoDB writes": 1,
    }


def test_a_silenced_message_is_published_but_reaches_no_mailbox() -> None:
    found = quantities(estimate(recorded("silent"), MEMORY))

    assert found["SNS requests"] == 1
    assert "SNS e-mail" not in found


def test_an_alert_always_reaches_a_mailbox() -> None:
    assert quantities(estimate(recorded("corrupt"), MEMORY))["SNS e-mail"] == 1


def test_another_price_table_holds() -> None:
    dear = dataclasses.replace(PRICES, transition=1.0)

    cost = estimate(recorded("duplicate"), MEMORY, dear)

    assert cost.usd == pytest.approx(2.0, abs=0.001)
    assert cost.prices is dear


def test_unknown_memory_is_an_error_not_a_low_estimate() -> None:
    with pytest.raises(KeyError, match="darkroom-prepare"):
        estimate(recorded("complete"), {})


def test_a_function_is_asked_for_its_memory_once_and_only_when_it_was_called() -> None:
    client = _Functions({"darkroom-prepare": 2048, "darkroom-notify": 256})
    memory = Memory(client)  # type: ignore[arg-type]

    first, second = (estimate(recorded("corrupt"), memory) for _ in range(2))

    assert client.asked == ["darkroom-prepare", "darkroom-notify"]
    assert first.usd == second.usd
    with pytest.raises(KeyError, match="darkroom-resize"):
        estimate(recorded("complete"), memory)


class _Functions:
    """Lambda, as far as it is asked."""

    class exceptions:  # noqa: N801 - as boto3 names it
        class ResourceNotFoundException(Exception):
            pass

    def __init__(self, memory: dict[str, int]) -> None:
        self._memory = memory
        self.asked: list[str] = []

    def get_function_configuration(self, *, FunctionName: str) -> dict[str, int]:  # noqa: N803
        if FunctionName not in self._memory:
            raise self.exceptions.ResourceNotFoundException
        self.asked.append(FunctionName)
        return {"MemorySize": self._memory[FunctionName]}
