"""TCP ports of this machine: that of the engine and that of the console."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import TypeVar

HOST = "127.0.0.1"

T = TypeVar("T")

HTTP_PORT = 80
"""The one that addresses leave out."""


class PortInUse(Exception):
    """Something else listens on the port that was asked for."""


def listen(port: int) -> socket.socket:
    """Return a socket that listens on a port, of which 0 means any free one."""
    try:
        server = socket.create_server((HOST, port))
    except OSError as error:
        raise PortInUse(
            f"Expected port {port} of {HOST} to be free, but it cannot be used: "
            f"{os.strerror(error.errno or 0)}. Stop what listens there, or choose another with "
            "--port."
        ) from error
    # Connections inherit it. By itself, a body waits 40 ms for the head's acknowledgement.
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return server


def hosts(port: int) -> frozenset[str]:
    """Return what the Host header says of requests to a port that are meant for this machine.

    A name that somebody makes lead to 127.0.0.1 (DNS rebinding) is not among them.
    """
    names = {HOST, "localhost"}
    return frozenset({f"{name}:{port}" for name in names} | (names if port == HTTP_PORT else set()))


def usual_or_any(serve: Callable[[int], T], port: int | None, usual: int) -> T:
    """Return what serves at a port; at None, at the usual one or, if that is taken, at any."""
    try:
        return serve(usual if port is None else port)
    except PortInUse:
        if port is not None:
            raise
        return serve(0)
