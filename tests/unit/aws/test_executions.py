"""What Notify reads of an execution's history."""

from __future__ import annotations

from unittest.mock import MagicMock

import pytest
from darkroom.aws.executions import LOOKED_AT, Executions, FailedCall
from darkroom.contract.advice import item_of

from tests.unit.recorded import recording


def read(name: str, error: str) -> FailedCall | None:
    client = MagicMock()
    events = recording(name)[1][::-1]
    client.get_execution_history.return_value = {"events": events}
    found = Executions(client).failed_call("arn", error)
    client.get_execution_history.assert_called_once_with(
        executionArn="arn", reverseOrder=True, maxResults=LOOKED_AT
    )
    return found


def test_a_call_that_timed_out_is_read_with_its_attempts_and_its_limit() -> None:
    found = read("timed_out", "StatesTimeout")

    assert found == FailedCall("Prepare", "", "", 2, 180)


def test_an_item_that_failed_is_read_with_what_it_was_to_make() -> None:
    found = read("item_failed", "ImageTooLarge")

    assert found is not None
    assert (found.step, found.attempts, found.limit) == ("Resize", 1, 120)
    assert '"name":"medium"' in found.input.replace(" ", "")
    assert "Too many pixels." in found.cause


@pytest.mark.parametrize(("name", "error"), [("complete", "StatesTimeout"), ("corrupt", "")])
def test_what_did_not_fail_so_is_not_found(name: str, error: str) -> None:
    assert read(name, error) is None


def test_a_history_that_does_not_reach_back_tells_nothing() -> None:
    client = MagicMock()
    failed = {"id": 9, "previousEventId": 8, "taskTimedOutEventDetails": {"error": "E"}}
    another = {"id": 1, "stateEnteredEventDetails": {"name": "Another"}}
    for before in ([], [{"id": 8}, another]):
        client.get_execution_history.return_value = {"events": [failed, *before]}

        assert Executions(client).failed_call("arn", "E") is None


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (
            {"rendition": {"name": "a", "width": 9, "height": 8, "format": "avif"}},
            "a (9 x 8, AVIF)",
        ),
        ({"rendition": {"name": 1}}, ""),
        ({"rendition": "a"}, ""),
        ({}, ""),
        (None, ""),
    ],
)
def test_an_item_is_named_with_size_and_format(task: object, said: str) -> None:
    assert item_of(task) == said
