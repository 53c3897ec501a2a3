"""Windows of alerts: who opens one, who waits in it, and that nothing is forgotten untold."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from darkroom.aws import items, windows
from darkroom.aws.windows import Waiting, Windows
from darkroom.contract.errors import AccessDenied, StorageError
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.dynamodb.models import dynamodb_backends

from tests.conftest import REGION
from tests.support.aws import client, empty_account

WINDOW = "alert window/FAILED sender CorruptImage uploads/"
NOW = 1_800_000_000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    clock = SimpleNamespace(now=NOW + 0.5)
    monkeypatch.setattr(windows, "time", SimpleNamespace(time=lambda: clock.now))
    return clock


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    with empty_account():
        made = client("dynamodb")
        made.create_table(
            TableName="images",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "image", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "image", "KeyType": "HASH"}],
        )
        yield made


@pytest.fixture
def table(clock: Any, dynamodb: Any) -> Windows:
    dynamodb_backends[ACCOUNT][REGION].tables["images"].items.clear()
    return Windows(dynamodb, "images")


def test_the_first_opens_it_and_those_after_it_wait(table: Windows) -> None:
    assert table.open(WINDOW, "first", 300)
    assert not table.open(WINDOW, "second", 300)
    assert table.join(WINDOW, "second")
    assert table.open(WINDOW, "first", 300)  # a retry meets its own
    assert table.open(f"{WINDOW}cats/", "second", 300)
    assert table.close(WINDOW) == Waiting(frozenset({"second"}))


def test_nobody_waits_in_what_is_not_open(table: Windows, clock: Any) -> None:
    assert not table.join(WINDOW, "any")
    table.open(WINDOW, "first", 300)
    clock.now += 299
    assert not table.open(WINDOW, "second", 300)
    assert table.join(WINDOW, "second")
    clock.now += 1
    assert not table.join(WINDOW, "third")
    assert table.open(WINDOW, "third", 300)


def test_who_comes_twice_waits_once(table: Windows) -> None:
    table.open(WINDOW, "first", 300)
    assert table.join(WINDOW, "second")
    assert table.join(WINDOW, "second")
    assert table.close(WINDOW) == Waiting(frozenset({"second"}))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many are listed, instead of 50."""
    monkeypatch.setattr(windows, "LISTED", 4)
    return windows.LISTED


def test_so_many_are_listed_and_the_others_counted(table: Windows, few: int) -> None:
    table.open(WINDOW, "first", 300)
    for number in range(few + 3):
        assert table.join(WINDOW, str(number))
    assert table.close(WINDOW) == Waiting(frozenset(map(str, range(few))), 3)


def test_what_is_closed_is_kept_until_it_is_told(table: Windows) -> None:
    table.open(WINDOW, "first", 300)
    table.join(WINDOW, "second")
    told = table.close(WINDOW)
    assert not table.join(WINDOW, "third")  # it alerts by itself, and opens the next one
    assert table.open(WINDOW, "third", 300)
    assert table.join(WINDOW, "fourth")
    table.forget(WINDOW, told)
    assert table.close(WINDOW) == Waiting(frozenset({"fourth"}))


def test_what_was_counted_is_told_once(table: Windows, few: int) -> None:
    table.open(WINDOW, "first", 300)
    for number in range(few + 3):
        table.join(WINDOW, str(number))
    told = table.close(WINDOW)
    table.forget(WINDOW, told)
    assert table.close(WINDOW) == Waiting()


def test_what_was_only_counted_since_the_list_was_full_is_told_once(
    table: Windows, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More fail between a summary and its forgetting: the list that it told is still there."""
    update = items.update

    def strictly(*given: Any) -> Any:
        assert {"SS": []} not in given[5].values(), "DynamoDB refuses empty sets; moto takes them"
        return update(*given)

    monkeypatch.setattr(items, "update", strictly)
    table.open(WINDOW, "first", 300)
    for number in range(few):
        table.join(WINDOW, str(number))
    told = table.close(WINDOW)
    table.open(WINDOW, "next", 300)
    assert table.join(WINDOW, "one more")
    table.forget(WINDOW, told)
    told = table.close(WINDOW)
    assert told == Waiting(frozenset(), 1)
    table.forget(WINDOW, told)
    assert table.close(WINDOW) == Waiting()


def test_a_window_that_nobody_opened_is_empty(table: Windows) -> None:
    assert table.close(WINDOW) == Waiting()


@pytest.mark.parametrize(
    ("code", "error"),
    [("AccessDeniedException", AccessDenied), ("ThrottlingException", StorageError)],
)
def test_what_dynamodb_refuses_gets_our_name(code: str, error: type[Exception]) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code, "Message": code}}, "UpdateItem")

    table = Windows(SimpleNamespace(update_item=refuse), "images")  # type: ignore[arg-type]
    for call in (
        lambda: table.open(WINDOW, "first", 300),
        lambda: table.join(WINDOW, "second"),
        lambda: table.close(WINDOW),
        lambda: table.forget(WINDOW, Waiting(frozenset({"a"}), 1)),
    ):
        with pytest.raises(error, match="The alerts of alert window"):
            call()
