"""Connections to the engine, by the bytes that go over them."""

from __future__ import annotations

import io
import logging
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from unittest.mock import MagicMock
from wsgiref.validate import check_environ

import pytest

from darkroom_ops.engine import connections
from darkroom_ops.engine.connections import Server

SECONDS = 20  # for what a server that is held up would never answer


class App:
    """Answers with what it was asked, unless it is told to answer otherwise."""

    def __init__(self) -> None:
        self.reads, self.most = True, 1000
        self.when_failed: Callable[[], object] = lambda: None
        self.status = "200 Fine"
        self.headers: list[tuple[str, str]] = []
        self.chunks: list[bytes] | None = None
        self.error: Exception | None = None
        self.asked: list[dict[str, Any]] = []
        self.when_asked: Callable[[socket.socket], object] = lambda _: None

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        check_environ({**environ, "wsgi.input": io.BytesIO()})  # all else is as WSGI asks for it
        if self.error is not None:
            raise self.error
        self.when_asked(environ["werkzeug.socket"])
        try:
            body = environ["wsgi.input"].read(self.most) if self.reads else b""
        except TimeoutError:
            self.when_failed()
            raise
        self.asked.append({**environ, "body": body})
        start_response(self.status, [("X-Length", str(len(body))), *self.headers])
        return [environ["PATH_INFO"].encode("latin-1")] if self.chunks is None else self.chunks


def limits(client: socket.socket) -> tuple[float, float]:
    """Return how many seconds the system waits at most to receive, and to send."""
    receive, send = (
        struct.unpack("ll", client.getsockopt(socket.SOL_SOCKET, which, 16))
        for which in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO)
    )
    return receive[0] + receive[1] / 1e6, send[0] + send[1] / 1e6


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def server(app: App) -> Iterator[Server]:
    made = Server(socket.create_server(("127.0.0.1", 0)), app, SECONDS, next_seconds=3 * SECONDS)
    yield made
    made.close()


@pytest.fixture
def client(server: Server) -> Iterator[socket.socket]:
    with connected(server) as made:
        yield made


def connected(server: Server) -> socket.socket:
    return socket.create_connection(server._listener.getsockname(), SECONDS)


def answer(client: socket.socket) -> tuple[str, dict[str, str], bytes]:
    """Read one answer, and nothing behind it."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = client.recv(1)
        assert byte, head
        head += byte
    status, *lines = head.decode().split("\r\n")[:-2]
    headers = dict(line.split(": ", 1) for line in lines)
    assert len({name.lower() for name in headers}) == len(lines)  # none is there twice
    body = b""
    while len(body) < int(headers.get("Content-Length", 0)):
        body += client.recv(int(headers["Content-Length"]) - len(body))
    return status, headers, body


def ended(client: socket.socket) -> bool:
    return client.recv(1) == b""


def test_a_connection_serves_one_request_after_another(client: socket.socket, app: App) -> None:
    client.sendall(b"PUT /a%2Fb%ff?x=%20 HTTP/1.1\r\nContent-Length: 3\r\n\r\none")
    status, headers, body = answer(client)
    assert (status, body) == ("HTTP/1.1 200 Fine", b"/a/b\xff")
    assert headers["Date"].endswith(" GMT")
    client.sendall(b"GET //b HTTP/1.1\nX-Any:  v \n\nGET /c HTTP/1.1\r\n\r\n")
    assert [answer(client)[2] for _ in range(2)] == [b"//b", b"/c"]
    asked = app.asked[0]
    assert (asked["body"], asked["QUERY_STRING"]) == (b"one", "x=%20")
    assert asked["RAW_URI"] == asked["REQUEST_URI"] == "/a%2Fb%ff?x=%20"
    assert asked["SERVER_PORT"] == str(client.getpeername()[1])
    assert app.asked[1]["HTTP_X_ANY"] == "v"


def test_what_is_not_read_of_a_request_is_no_other_one(client: socket.socket, app: App) -> None:
    """A page could send one within what is refused of it."""
    inner = b"GET /inner HTTP/1.1\r\n\r\n"
    app.reads = False
    client.sendall(b"POST /outer HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(inner) + inner)
    assert answer(client)[2] == b"/outer"
    assert ended(client)
    assert [each["PATH_INFO"] for each in app.asked] == ["/outer"]


def test_a_client_that_is_still_sending_reads_the_answer(client: socket.socket, app: App) -> None:
    app.reads = False
    client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 5000000\r\n\r\n")
    assert answer(client)[2] == b"/"
    client.sendall(b"." * 5_000_000)
    client.shutdown(socket.SHUT_WR)
    assert ended(client)


def test_a_client_is_told_to_go_on_when_its_body_is_wanted(client: socket.socket, app: App) -> None:
    head = b"PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    client.sendall(head)
    assert answer(client)[0] == "HTTP/1.1 100 Continue"
    client.sendall(b"abc")
    assert answer(client)[1]["X-Length"] == "3"
    app.reads = False
    client.sendall(head)
    assert answer(client)[0] == "HTTP/1.1 200 Fine"


def test_a_body_may_come_in_chunks(client: socket.socket, app: App) -> None:
    client.sendall(b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
    assert answer(client)[0] == "HTTP/1.1 100 Continue"
    client.sendall(b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
    assert answer(client)[1]["X-Length"] == "3"
    assert (app.asked[0]["body"], app.asked[0]["wsgi.input_terminated"]) == (b"abc", True)
    assert ended(client)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x1b[2J\r\n\r\n",
        b"GET http://elsewhere/ HTTP/1.1\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nno header\r\n\r\n",
        b"GET / HTTP/1.1\r\nName : spaced\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: folded\r\n  line\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"GET /" + b"a" * 65_536 + b" HTTP/1.1\r\n\r\n",
        b"PUT / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"PUT / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        b"PUT / HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc",
        b"PUT / HTTP/1.1\r\nContent-Length:\r\n\r\nabc",
        b"PUT / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"PUT / HTTP/1.1\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused(
    client: socket.socket, app: App, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    client.sendall(sent)
    assert answer(client)[0] == "HTTP/1.1 400 Bad Request"
    client.shutdown(socket.SHUT_WR)
    assert ended(client)
    assert (app.asked, caplog.records) == ([], [])


def test_as_many_headers_as_may_be_are_taken(client: socket.socket, app: App) -> None:
    client.sendall(b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 199 + b"\r\n")
    assert answer(client)[0] == "HTTP/1.1 200 Fine"
    assert app.asked[0]["HTTP_A"] == ",".join(["b"] * 199)


def test_a_name_with_an_underscore_stands_for_no_name_with_dashes(
    client: socket.socket, app: App
) -> None:
    client.sendall(
        b"GET / HTTP/1.1\r\nContent_Length: 5\r\nX_Amz_Target: evil\r\nContent-Type: a\r\n"
        b"x-amz-meta-my_key: one\r\nx-amz-meta-my_key: two\r\n"
        b"x-amz-meta-a_b: other\r\nx-amz-meta-a-b: dashed\r\n\r\n"
    )
    answer(client)
    (asked,) = app.asked
    assert "CONTENT_LENGTH" not in asked
    assert "HTTP_X_AMZ_TARGET" not in asked
    assert asked["CONTENT_TYPE"] == "a"
    assert asked["HTTP_X_AMZ_META_MY_KEY"] == "one,two"
    assert asked["HTTP_X_AMZ_META_A_B"] == "dashed"
    assert asked[connections.PRESERVED_HEADER_NAMES_ENVIRON_KEY] == {
        "HTTP_X_AMZ_META_MY_KEY": "x-amz-meta-my_key"
    }


@pytest.mark.parametrize(
    ("size", "pieces"), [(0, 1), (connections.CHUNK_BYTES, 1), (connections.CHUNK_BYTES + 1, 2)]
)
def test_a_small_answer_is_sent_in_one_piece(
    server: Server, app: App, size: int, pieces: int
) -> None:
    app.chunks = [b"a" * size]
    client = MagicMock(getsockname=lambda: ("127.0.0.1", 1))
    assert server._answer(client, io.BytesIO(b"GET / HTTP/1.1\r\n\r\n"))
    sent = [call.args[0] for call in client.sendall.mock_calls]
    assert len(sent) == pieces
    assert b"".join(sent).endswith(b"\r\n\r\n" + app.chunks[0])


def test_an_answer_says_how_long_it_is(client: socket.socket, app: App) -> None:
    app.chunks = [b"ab", b"", b"cde"]
    client.sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert answer(client)[2] == b"abcde"
    app.headers = [("Content-Length", "5")]  # said once, whoever says it
    client.sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert answer(client)[2] == b"abcde"
    app.chunks, app.headers = [], [("content-length", "7")]
    client.sendall(b"HEAD / HTTP/1.1\r\n\r\n")
    assert answer(client)[1]["content-length"] == "7"
    app.headers = []
    client.sendall(b"HEAD / HTTP/1.1\r\n\r\n")
    assert "Content-Length" not in answer(client)[1]
    for app.status in ("204 No Content", "304 Not Modified"):
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        status, headers, _ = answer(client)
        assert (status, "Content-Length" in headers) == (f"HTTP/1.1 {app.status}", False)


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb", "a\rb", "\u20ac"])
def test_a_header_is_one_line_that_http_can_carry(
    client: socket.socket, app: App, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Which the address of an object may ask for: S3 refuses it, and no client asks again."""
    app.headers = [("Content-Disposition", value)]
    client.sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert answer(client)[0] == "HTTP/1.1 400 Bad Request"
    assert ended(client)
    assert caplog.records == []


@pytest.mark.parametrize(
    ("sent", "headers"),
    [
        (b"GET / HTTP/1.1\r\nConnection: Close\r\n\r\n", []),
        (b"GET / HTTP/1.0\r\n\r\n", []),
        (b"GET / HTTP/1.1\r\n\r\n", [("Connection", "close")]),
    ],
)
def test_a_connection_ends_as_either_side_wishes(
    client: socket.socket, app: App, sent: bytes, headers: list[tuple[str, str]]
) -> None:
    app.headers = headers
    client.sendall(sent)
    assert answer(client)[0] == "HTTP/1.1 200 Fine"
    assert ended(client)


def test_a_fault_is_told_the_client_and_the_log(
    client: socket.socket, app: App, caplog: pytest.LogCaptureFixture
) -> None:
    app.error = RuntimeError("odd")
    client.sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert answer(client)[0] == "HTTP/1.1 500 Internal Server Error"
    assert ended(client)
    assert ended(client)
    (record,) = caplog.records
    assert (record.levelno, record.exc_info and record.exc_info[1]) == (logging.ERROR, app.error)


def test_a_client_that_says_nothing_is_left(app: App) -> None:
    server = Server(socket.create_server(("127.0.0.1", 0)), app, idle_seconds=0.01)
    with connected(server) as client:
        client.sendall(b"GET / HT")
        assert ended(client)
    server.close()


def test_a_connection_over_which_nothing_more_comes_is_ended_with_its_thread(
    server: Server, app: App
) -> None:
    waited: list[tuple[float, float]] = []

    def soon(client: socket.socket) -> None:
        waited.append(limits(client))
        server._next_seconds = 0.001

    before = set(threading.enumerate())
    app.when_asked = soon
    with connected(server) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert answer(client)[2] == b"/"
        assert ended(client)
        for thread in set(threading.enumerate()) - before:
            thread.join(SECONDS)
            assert not thread.is_alive()
        assert not server._clients
    assert waited == [(SECONDS, SECONDS)]  # the rest may take its time, and so may the answer


def test_a_part_of_a_second_is_one() -> None:
    """Less than a second would else be none, and none is for ever."""
    with socket.socket() as made:
        connections._limit(made, socket.SO_RCVTIMEO, 1.5)
        connections._limit(made, socket.SO_SNDTIMEO, 0.5)
        assert limits(made) == (1.5, 0.5)


def test_a_large_body_is_read_whole_however_it_comes(client: socket.socket, app: App) -> None:
    app.most, body = 300_000, bytes(range(250)) * 1000
    client.sendall(b"PUT / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:9000])
    client.sendall(body[9000:100_000])
    client.sendall(body[100_000:] + b"GET /next HTTP/1.1\r\n\r\n")
    assert (answer(client)[2], answer(client)[2]) == (b"/", b"/next")
    assert app.asked[0]["body"] == body


def test_a_client_that_sends_half_of_a_large_body_is_left(app: App) -> None:
    app.most, failed = 300_000, threading.Event()
    app.when_failed = failed.set
    server = Server(socket.create_server(("127.0.0.1", 0)), app, idle_seconds=0.05)
    with connected(server) as client:
        client.sendall(b"PUT / HTTP/1.1\r\nContent-Length: 200000\r\n\r\n" + b"." * 90_000)
        assert failed.wait(SECONDS)
    server.close()


def test_a_client_that_never_says_anything_is_left(app: App) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(listener, app, idle_seconds=SECONDS, next_seconds=0.001)
    with connected(server) as client:
        assert ended(client)
    server.close()


def test_a_closed_server_has_no_connections(server: Server, client: socket.socket) -> None:
    where = client.getpeername()
    client.sendall(b"GET / HTTP/1.1\r\n\r\n")
    answer(client)
    server.close()
    assert ended(client)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(where, SECONDS)


class Full(socket.socket):
    """A listener of a process that has too many files open at first."""

    failed = False

    def accept(self) -> Any:
        if not self.failed:
            self.failed = True
            raise OSError(24, "Too many open files")
        return super().accept()


def test_a_connection_waits_while_too_many_are_open(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "FULL_SECONDS", 0)
    listener = Full()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = Server(listener, app)
    with connected(server) as client:
        client.sendall(b"GET /late HTTP/1.1\r\n\r\n")
        assert answer(client)[2] == b"/late"
    server.close()
