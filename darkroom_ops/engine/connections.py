"""HTTP/1.1 for a WSGI application, over connections that stay open.

AWS's do, and its clients count on it. werkzeug's server closes each after one answer, and a new one
(a thread and a handshake on both sides, and the wait for what may still come) costs more than most
calls do. Sources: RFC 9112 (HTTP/1.1), PEP 3333 (WSGI).
"""

from __future__ import annotations

import contextlib
import email.utils
import io
import logging
import re
import socket
import struct
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from io import BufferedReader
from typing import Any, BinaryIO
from wsgiref.types import WSGIApplication, WSGIEnvironment

from moto.core.request import (
    PRESERVED_HEADER_NAMES_ENVIRON_KEY,
    should_preserve_original_header_name,
)
from werkzeug.serving import DechunkedInput

LOG = logging.getLogger(__name__)

IDLE_SECONDS = 60.0
"""How long the server waits for the rest of a request."""

NEXT_SECONDS = 15.0
"""How long it waits for a client's next one: a burst leaves more than a hundred connections behind,
each with a thread; a client opens another."""

LINGER_SECONDS = 2.0
"""How long a client may still send what nobody reads: else it would see its connection break, and
never the answer."""

FULL_SECONDS = 0.05
"""How long to wait when the system gives no more descriptors."""

LONGEST_LINE = 1 << 16
MOST_HEADERS = 200
CHUNK_BYTES = 1 << 16

_REQUEST = re.compile(rb"([A-Z]+) (/\S*) (HTTP/1\.[01])\r?\n")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*\r?\n")

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_NO_HTTP, _FAILED = (
    f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
    for status in ("400 Bad Request", "500 Internal Server Error")
)

_BODILESS = {"204", "304"}


class Server:
    """Serves an application at a socket that listens. Each connection has a thread."""

    def __init__(
        self,
        listener: socket.socket,
        app: WSGIApplication,
        idle_seconds: float = IDLE_SECONDS,
        next_seconds: float = NEXT_SECONDS,
    ) -> None:
        self._listener = listener
        self._app = app
        self._idle_seconds = idle_seconds
        self._next_seconds = next_seconds
        self._address: tuple[str, int] = listener.getsockname()
        self._clients: set[socket.socket] = set()
        self._closed = False
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Take no more connections, and end those that there are."""
        self._closed = True
        with contextlib.suppress(OSError):  # who waits for a connection looks when one comes
            socket.create_connection(self._listener.getsockname()).close()
        self._accepting.join()
        for client in list(self._clients):
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with self._listener:
            while not self._closed:
                try:
                    client, _ = self._listener.accept()
                except OSError:  # too many are open: one of them will close
                    time.sleep(FULL_SECONDS)
                    continue
                self._clients.add(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):  # it is late, or gone
            _limit(client, socket.SO_SNDTIMEO, self._idle_seconds)
            with BufferedReader(_Received(client)) as stream:
                while self._comes(client, stream) and self._answer(client, stream):
                    pass
            _linger(client)
        self._clients.discard(client)

    def _comes(self, client: socket.socket, stream: BufferedReader[Any]) -> bool:
        """Wait for the next request; return whether it has begun to come."""
        _limit(client, socket.SO_RCVTIMEO, self._next_seconds)
        begun = bool(stream.peek(1))
        _limit(client, socket.SO_RCVTIMEO, self._idle_seconds)
        return begun

    def _answer(self, client: socket.socket, stream: BinaryIO) -> bool:
        """Answer the next request; return whether another may follow."""
        try:
            request = _read_head(stream)
            body = _Body(client, stream, request)
        except ValueError:
            client.sendall(_NO_HTTP)
            return False
        host, port = self._address
        request |= {
            "SERVER_NAME": host,
            "SERVER_PORT": str(port),
            "wsgi.input": DechunkedInput(body) if body.in_chunks else body,  # type: ignore[arg-type]
            "wsgi.input_terminated": body.in_chunks,
            "werkzeug.socket": client,
        }
        try:
            head, chunks, stays = _ask(self._app, request)
        except _NoHeader:  # which its address asked for: no log is to tell of that
            client.sendall(_NO_HTTP)
            return False
        except Exception:  # whatever it is, the client waits for an answer
            LOG.exception("a request could not be answered")
            client.sendall(_FAILED)
            return False
        # Together, if they are small: each wakes up who waits for them.
        size = sum(map(len, chunks))
        for each in (head + b"".join(chunks),) if size <= CHUNK_BYTES else (head, *chunks):
            client.sendall(each)
        return stays and body.is_read


def _limit(client: socket.socket, which: int, seconds: float) -> None:
    """Have the system wait so long at most, at each call.

    With a timeout of Python's, it waits for each of the pieces that a large body comes in.
    """
    whole = int(seconds)
    client.setsockopt(
        socket.SOL_SOCKET, which, struct.pack("ll", whole, int((seconds - whole) * 1e6))
    )


class _Received(io.RawIOBase):
    """What a client sends."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client

    def readable(self) -> bool:
        """Say that it is."""
        return True

    def readinto(self, into: Any) -> int:
        """Fill what is there for a body, which is large; else take what comes."""
        try:
            whole = socket.MSG_WAITALL if len(into) > io.DEFAULT_BUFFER_SIZE else 0
            return self._client.recv_into(into, flags=whole)
        except BlockingIOError:
            raise TimeoutError("timed out") from None


class _Body:
    """What comes behind a request's head: so many bytes as it says, or chunks.

    ValueError if it says neither clearly: its body must not be taken for the next request (RFC
    9112, sections 6.1 and 6.3).
    """

    def __init__(self, client: socket.socket, stream: BinaryIO, request: WSGIEnvironment) -> None:
        self._client = client
        self._stream = stream
        self._awaited = request.get("HTTP_EXPECT", "").lower() == "100-continue"
        coding = request.get("HTTP_TRANSFER_ENCODING")
        length = request.get("CONTENT_LENGTH", "0")
        self.in_chunks = coding is not None
        if coding is not None and coding.lower() != "chunked":
            raise ValueError(coding)
        if not re.fullmatch(r"[0-9]+", length):
            raise ValueError(length)
        self._left = int(length)

    @property
    def is_read(self) -> bool:
        """Whether the next byte is another request's; with chunks, nobody counts."""
        return self._left == 0 and not self.in_chunks

    def read(self, size: int) -> bytes:
        """Return so many bytes, or fewer at the end."""
        self._continue()
        data = self._stream.read(size if self.in_chunks else min(size, self._left))
        self._left -= len(data)
        return data

    def readline(self, size: int) -> bytes:
        """Return a line, which begins a chunk or ends it."""
        self._continue()
        return self._stream.readline(size)

    def _continue(self) -> None:
        """Tell a client that waits for it that its body will be read."""
        if self._awaited:
            self._awaited = False
            self._client.sendall(_CONTINUE)


def _read_head(stream: BinaryIO) -> WSGIEnvironment:
    """Read a request as far as its body; ValueError if it is no HTTP."""
    line = stream.readline(LONGEST_LINE)
    request = _REQUEST.fullmatch(line)
    if request is None:
        raise ValueError(line)
    method, target, version = (each.decode("latin-1") for each in request.groups())
    return environ(method, target, list(_headers(stream))) | {"SERVER_PROTOCOL": version}


def environ(method: str, target: str, headers: list[tuple[str, str]]) -> WSGIEnvironment:
    """Return what WSGI says of a request, as far as its head does."""
    path, _, query = target.partition("?")
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": urllib.parse.unquote_to_bytes(path.encode("latin-1")).decode("latin-1"),
        "QUERY_STRING": query,
        "REQUEST_URI": target,
        "RAW_URI": target,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    } | _variables(headers)


def _headers(stream: BinaryIO) -> Iterator[tuple[str, str]]:
    for _ in range(MOST_HEADERS):
        line = stream.readline(LONGEST_LINE)
        if line in {b"\r\n", b"\n"}:
            return
        header = _HEADER.fullmatch(line)
        if header is None:
            break
        yield header[1].decode("latin-1"), header[2].decode("latin-1")
    raise ValueError(line)


def _variables(headers: list[tuple[str, str]]) -> WSGIEnvironment:
    """Return headers as WSGI has them, which cannot tell an underscore from a dash.

    So names with one are left out, but for those of S3's metadata, which moto has spelt as they
    came; and none of these stands for a name with dashes.
    """
    named: dict[str, Any] = {}
    spelt: dict[str, str] = {}
    for name, value in sorted(headers, key=lambda each: "_" in each[0]):
        key = name.upper().replace("-", "_")
        key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
        if "_" in name:
            taken = key in named and key not in spelt
            if taken or not should_preserve_original_header_name(name):
                continue
            spelt.setdefault(key, name)
        named[key] = f"{named[key]},{value}" if key in named else value
    return named | {PRESERVED_HEADER_NAMES_ENVIRON_KEY: spelt}


class _NoHeader(Exception):
    """A header that is to be answered is none that HTTP can carry."""


def _ask(app: WSGIApplication, request: WSGIEnvironment) -> tuple[bytes, list[bytes], bool]:
    """Return an answer's head and body, and whether the connection stays open."""
    status, headers = "", []

    def start_response(*given: Any) -> Any:
        nonlocal status, headers
        status, headers = given

    chunks = list(app(request, start_response))
    said = {name.lower(): value for name, value in headers}
    lines = [f"HTTP/1.1 {status}", f"Date: {email.utils.formatdate(usegmt=True)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    bodiless = request["REQUEST_METHOD"] == "HEAD" or status[:3] in _BODILESS
    if "content-length" not in said and not bodiless:
        lines.append(f"Content-Length: {sum(map(len, chunks))}")
    wishes = {said.get("connection", ""), request.get("HTTP_CONNECTION", "").lower()}
    stays = request["SERVER_PROTOCOL"] == "HTTP/1.1" and "close" not in wishes
    if any("\r" in line or "\n" in line for line in lines):  # as an address may say for an object
        raise _NoHeader
    try:
        return "\r\n".join([*lines, "", ""]).encode("latin-1"), chunks, stays
    except UnicodeEncodeError:
        raise _NoHeader from None


def _linger(client: socket.socket) -> None:
    """Read what a client still sends, so that it reads the answer."""
    client.shutdown(socket.SHUT_WR)
    client.settimeout(LINGER_SECONDS)
    end = time.monotonic() + LINGER_SECONDS
    while client.recv(CHUNK_BYTES) and time.monotonic() < end:
        pass
