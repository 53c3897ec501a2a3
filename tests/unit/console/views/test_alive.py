"""Whether what the console shows is there."""

from __future__ import annotations

import socket
from typing import Any

from starlette.testclient import TestClient


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
