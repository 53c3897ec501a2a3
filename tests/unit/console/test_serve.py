"""When the console's address is told."""

from __future__ import annotations

import threading
from typing import Any
from unittest.mock import Mock

import pytest

from darkroom_ops.console import serve
from darkroom_ops.console.context import Context
from darkroom_ops.console.serve import serving


@pytest.mark.parametrize(
    ("endpoint", "waits", "order"),
    [("http://127.0.0.1:1", 0.05, ["read", "told"]), (None, 30, ["told", "read"])],
)
def test_of_an_engine_it_is_told_when_the_first_pages_are_ready(
    monkeypatch: pytest.MonkeyPatch, stack: Any, endpoint: str | None, waits: float, order: object
) -> None:
    happened: list[str] = []
    told, read = threading.Event(), threading.Event()
    closing: list[threading.Event] = []

    def read_ahead(context: Context, most: int) -> None:
        assert most == serve.AHEAD
        closing.append(context.closing)
        told.wait(waits)
        happened.append("read")
        read.set()

    monkeypatch.setattr(Context, "read_ahead", read_ahead)
    monkeypatch.setattr(serve, "AHEAD_SECONDS", 30)
    stack.endpoint = endpoint
    with serving(stack, None, 0) as address:
        happened.append("told")
        told.set()
        assert address.startswith("http://127.0.0.1:")
        assert read.wait(30)
        assert not closing[0].is_set()

    assert happened == order
    assert closing[0].is_set(), "what is live must end"


def test_an_inbox_is_read_ahead(monkeypatch: pytest.MonkeyPatch, stack: Any) -> None:
    inbox = Mock(numbered=Mock(return_value=[]))
    monkeypatch.setattr(Context, "read_ahead", Mock())
    stack.endpoint = "http://127.0.0.1:1"
    with serving(stack, inbox, 0):
        inbox.numbered.assert_called_once_with(after=0)


def test_the_token_is_another_one_each_time(monkeypatch: pytest.MonkeyPatch, stack: Any) -> None:
    monkeypatch.setattr(Context, "read_ahead", Mock())
    tokens = set()
    for _ in range(2):
        with serving(stack, None, 0) as address:
            tokens.add(address.partition("?token=")[2])
    assert len(tokens) == 2
    assert min(map(len, tokens)) >= 32  # characters of six bits
