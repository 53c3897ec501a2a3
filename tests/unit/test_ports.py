"""Which port is taken when none, or one that is in use, was asked for."""

from __future__ import annotations

import socket

import pytest

from darkroom_ops.ports import HOST, PortInUse, hosts, listen, usual_or_any


def test_a_port_that_is_asked_for_is_taken_or_refused() -> None:
    with listen(0) as taken:
        port = taken.getsockname()[1]
        expected = (
            f"Expected port {port} of {HOST} to be free, but it cannot be used: Address already in "
            r"use\. Stop what listens there, or choose another with --port\.$"
        )
        with pytest.raises(PortInUse, match=expected):
            usual_or_any(listen, port, 1)


def test_a_body_does_not_wait_until_its_head_has_been_acknowledged() -> None:
    with listen(0) as server, socket.create_connection(server.getsockname()):
        connection, _ = server.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_without_one_it_is_the_usual_one_or_any() -> None:
    with listen(0) as first:
        usual = first.getsockname()[1]
        with usual_or_any(listen, None, usual) as another:
            assert another.getsockname()[1] != usual
    assert usual_or_any(lambda port: port, None, 4599) == 4599
    asked = []

    def serve(port: int) -> int:
        asked.append(port)
        if port == 4599:
            raise PortInUse
        return port

    assert (usual_or_any(serve, None, 4599), asked) == (0, [4599, 0])


@pytest.mark.parametrize(
    ("port", "meant"),
    [
        (4599, {"127.0.0.1:4599", "localhost:4599"}),
        (81, {"127.0.0.1:81", "localhost:81"}),
        (80, {"127.0.0.1:80", "localhost:80", "127.0.0.1", "localhost"}),
    ],
)
def test_requests_that_are_meant_for_this_machine(port: int, meant: set[str]) -> None:
    """An address with HTTP's own port leaves it out."""
    assert hosts(port) == meant
