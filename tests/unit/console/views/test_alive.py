"""Whether what the console shows is there."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from starlette.testclient import TestClient

from darkroom_ops.console.views import alive


def test_an_engine_that_is_gone_is_told(client: TestClient, stack: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as engine:
        stack.endpoint = f"http://127.0.0.1:{engine.getsockname()[1]}"
        assert client.get("/alive").status_code == 204
    gone = client.get("/alive")
    assert gone.status_code == 503
    assert gone.json() == {
        "message": "The engine does not answer. Start it again with darkroom up."
    }


def test_nothing_is_asked_of_aws(client: TestClient, stack: Any) -> None:
    assert stack.endpoint is None
    assert client.get("/alive").status_code == 204


@pytest.mark.parametrize(
    ("endpoint", "asked"),
    [("http://127.0.0.1:4599", ("127.0.0.1", 4599)), ("http://engine", ("engine", 80))],
)
def test_an_engine_has_a_second_to_answer(
    client: TestClient, stack: Any, monkeypatch: pytest.MonkeyPatch, endpoint: str,
    asked: tuple[str, int],
) -> None:  # fmt: skip
    stack.endpoint = endpoint
    connect = Mock()
    monkeypatch.setattr(alive, "socket", SimpleNamespace(create_connection=connect))
    assert client.get("/alive").status_code == 204
    connect.assert_called_once_with(asked, 1.0)
    connect.return_value.close.assert_called_once_with()
