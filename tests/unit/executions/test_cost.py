"""The cost estimate, from recorded histories."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from darkroom_ops.executions.cost import PRICES, Cost, Memory, billed, estimate
from darkroom_ops.executions.history import Attempt, StateRun
from darkroom_ops.executions.model import Execution, read
from tests.unit.recorded import MEMORY, at, recorded, recording


def quantities(cost: Cost) -> dict[str, float]:
    return {item.what: item.quantity for item in cost.items}


def dollars(cost: Cost) -> dict[str, float]:
    return {item.what: item.usd for item in cost.items}


def ran(*calls: tuple[str, Attempt]) -> Execution:
    """Return an execution that went through these states, each with one call."""
    states = tuple(
        StateRun(number, name, "Task", at(0), at(1), None, None, "", None, (attempt,), None, None)
        for number, (name, attempt) in enumerate(calls, 1)
    )
    described = {
        "executionArn": "arn", "name": "name", "status": "SUCCEEDED",
        "startDate": at(0), "stopDate": at(1),
    }  # fmt: skip
    return dataclasses.replace(read(described, []), states=states)


def invoked(seconds: float = 0.0, **payload: Any) -> Attempt:
    """Return a call of the function ``notify``."""
    parameters = json.dumps({"FunctionName": "notify", "Payload": payload})
    return Attempt("lambda:invoke", "notify", parameters, at(0), at(seconds))


def wrote(parameters: str) -> Attempt:
    """Return a call of DynamoDB."""
    return Attempt("dynamodb:updateItem", None, parameters, at(0), at(0))


def test_a_complete_image_is_billed_as_worked_out_by_hand() -> None:
    """With the figures of AWS's price pages for us-east-1, in millionths of a dollar."""
    described, events = recording("complete")
    for event in events:
        event["timestamp"] = at(1.0)
    for event in (each for each in events if each["type"] == "TaskSucceeded"):
        event["timestamp"] = at(2.0)

    found = dollars(estimate(read(described, events), MEMORY))

    assert {what: usd * 1e6 for what, usd in found.items()} == pytest.approx(
        {
            "Step Functions": 11 * 25,  # $0.025 per 1,000
            # A second each: 2 GiB, three of 1, 1, a half, and a quarter; $0.0000133334 per GB-s.
            "Lambda time": (2 + 3 * 1 + 1 + 0.5 + 0.25) * 13.3334,
            "Lambda requests": 7 * 0.2,  # $0.20 per million
            "S3 writes": 7 * 5,  # $0.005 per 1,000
            "S3 reads": 13 * 0.4,  # $0.0004 per 1,000
            "DynamoDB writes": 5 * 0.625,  # $0.625 per million
            "DynamoDB reads": 0.125,  # $0.125 per million
            "SNS requests": 0.5,  # $0.50 per million
            "SNS e-mail": 20,  # $2 per 100,000
        },
        rel=1e-9,
    )


def test_each_line_names_its_unit() -> None:
    assert {item.what: item.unit for item in estimate(recorded("complete"), MEMORY).items} == {
        "Step Functions": "transitions",
        "Lambda time": "GB-s",
        "Lambda requests": "requests",
        "S3 writes": "PUT",
        "S3 reads": "GET",
        "DynamoDB writes": "write units",
        "DynamoDB reads": "read units",
        "SNS requests": "requests",
        "SNS e-mail": "e-mails",
    }


def test_a_failure_is_billed_for_what_was_called_until_then() -> None:
    """Prepare failed on the first thing that it read; the alert lists the outputs."""
    found = quantities(estimate(recorded("corrupt"), MEMORY))

    found.pop("Lambda time")
    assert found == {
        "Step Functions": 6,
        "Lambda requests": 2,
        "S3 writes": 1,
        "S3 reads": 1,
        "DynamoDB writes": 3,
        "DynamoDB reads": 1,
        "SNS requests": 1,
        "SNS e-mail": 1,
    }


def test_an_announcement_that_failed_is_not_published() -> None:
    failed = dataclasses.replace(invoked(), error="DeliveryError")

    found = quantities(estimate(ran(("NotifySuccess", failed)), {"notify": 256}))

    assert found == {"Step Functions": 1, "Lambda requests": 1, "DynamoDB reads": 1}


def test_an_announcement_marks_the_record_and_that_is_a_write_of_the_whole_item() -> None:
    announced = ("NotifyFailure", invoked())
    large = ("RecordFailure", wrote(json.dumps({"ExpressionAttributeValues": "x" * 2046})))

    small = ("RecordFailure", wrote("{}"))

    for before, written in (((), 1), ((large,), 2 + 2), ((large, small), 2 + 1 + 1)):
        found = quantities(estimate(ran(*before, announced), {"notify": 256}))
        assert found["DynamoDB writes"] == written


def test_a_state_of_another_version_calls_nothing_that_is_known() -> None:
    found = quantities(estimate(ran(("Sharpen", invoked())), {"notify": 256}))

    assert found == {"Step Functions": 1, "Lambda requests": 1}


@pytest.mark.parametrize(
    ("parameters", "units"),
    [
        (json.dumps({"ExpressionAttributeValues": "x" * 1022}), 1),  # 1,024 bytes with its quotes
        (json.dumps({"ExpressionAttributeValues": "x" * 1023}), 2),
        (json.dumps({"ExpressionAttributeValues": "x" * 2046}), 2),
        (json.dumps({"ExpressionAttributeValues": "x" * 2047}), 3),
        (json.dumps({"ExpressionAttributeValues": {}}), 1),
        (json.dumps({"Key": {}}), 1),
        ("[1]", 1),
        ("", 1),
    ],
)
def test_a_write_is_billed_by_the_kilobyte(parameters: str, units: int) -> None:
    found = quantities(estimate(ran(("ClaimImage", wrote(parameters))), {}))

    assert found == {"Step Functions": 1, "DynamoDB writes": units}


@pytest.mark.parametrize(
    ("seconds", "billed"), [(0.0, 0), (0.001, 1), (0.00101, 2), (0.0019, 2), (1.0, 1000)]
)
def test_a_started_millisecond_is_billed_whole(seconds: float, billed: int) -> None:
    found = quantities(estimate(ran(("Sharpen", invoked(seconds))), {"notify": 512}))

    assert found.get("Lambda time", 0) == pytest.approx(billed / 1000 / 2)


@pytest.mark.parametrize(
    ("payload", "emails"),
    [
        ({"input": {"notify": True}}, 1),
        ({"input": {"notify": False}}, 0),
        ({"input": {}}, 1),
        ({"input": None}, 1),
        ({}, 1),
    ],
)
def test_a_message_goes_to_the_mailboxes_unless_it_is_silenced(
    payload: dict[str, Any], emails: int
) -> None:
    found = quantities(estimate(ran(("NotifySuccess", invoked(**payload))), {"notify": 256}))

    assert (found["SNS requests"], found.get("SNS e-mail", 0)) == (1, emails)


def test_a_message_of_which_nothing_is_told_goes_to_the_mailboxes() -> None:
    untold = dataclasses.replace(invoked(), parameters="")

    found = quantities(estimate(ran(("NotifySuccess", untold)), {"notify": 256}))

    assert (found["SNS requests"], found["SNS e-mail"]) == (1, 1)


def test_every_line_of_a_complete_execution() -> None:
    found = quantities(estimate(recorded("complete"), MEMORY))

    found.pop("Lambda time")
    assert found == {
        "Step Functions": 11,
        "Lambda requests": 7,
        "S3 writes": 7,  # mezzanine, copy of the original, three renditions, PDF, backup
        "S3 reads": 13,
        "DynamoDB writes": 5,  # the claim, a result of more than 1 KB, and the mark on that
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
    cost = estimate(recorded("duplicate"), MEMORY)

    assert quantities(cost) == {"Step Functions": 2, "DynamoDB writes": 1}
    assert cost.quantities == (2, 0, 0, 0, 0, 1, 0, 0, 0)
    assert billed(cost.quantities) == cost


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
    memory = Memory(lambda: client)  # type: ignore[arg-type, return-value]

    first, second = (estimate(recorded("corrupt"), memory) for _ in range(2))

    assert client.asked == ["darkroom-prepare", "darkroom-notify"]
    assert first == second == estimate(recorded("corrupt"), MEMORY)
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
