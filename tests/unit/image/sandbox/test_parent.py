"""What is said between a function and its decoder's process, without one."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from darkroom.contract import errors
from darkroom.contract.limits import MIB
from darkroom.image.sandbox import child, parent
from darkroom.image.sandbox.parent import Reply, receive, send, shared, shared_file


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def test_a_message_arrives_with_its_file(ends: tuple[socket.socket, socket.socket]) -> None:
    with shared_file() as file:
        file.write(b"the picture")
        send(ends[0], Reply(error="CorruptImage", message="é" * 300), file)
    body, received = receive(ends[1])
    assert body.count("é".encode()) == 300
    assert received is not None
    with received:
        received.seek(0)
        assert received.read() == b"the picture"
        received.write(b" and more")


def test_a_message_without_a_file(ends: tuple[socket.socket, socket.socket]) -> None:
    send(ends[0], Reply(length=7), None)
    body, received = receive(ends[1])
    assert b"length" in body
    assert received is None


def test_a_message_without_a_file_takes_no_descriptors_along() -> None:
    """An ancillary message without descriptors is what macOS may refuse."""
    sent: list[bytes] = []
    send(SimpleNamespace(sendall=sent.append), Reply(length=7), None)  # type: ignore[arg-type]
    assert len(sent[1]) == int.from_bytes(sent[0], "big")


@pytest.mark.parametrize("in_memory", [True, False])
def test_what_is_shared_is_written_at_once(
    in_memory: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into memory where the system can: nothing waits in a buffer of this process's own."""
    if not in_memory:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    with shared_file() as file:
        file.write(b"the picture")
        assert os.pread(file.fileno(), 100, 0) == b"the picture"


@pytest.mark.parametrize(("length", "same"), [(9, True), (10, True), (11, False)])
def test_new_memory_is_taken_only_for_large_files(
    length: int, same: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parent, "KEPT", 10)
    with shared_file() as kept:
        kept.write(b"a longer one was here")
        with shared(kept, b"the ", bytes(length - 4)) as file:
            assert (os.fstat(file.fileno()).st_ino == os.fstat(kept.fileno()).st_ino) == same
            assert os.pread(file.fileno(), length, 0) == b"the " + bytes(length - 4)
        assert file.closed != same


def test_a_file_that_is_written_little_by_little_is_written_whole() -> None:
    """As the system may, of more than 2 GB."""

    class Slow(io.BytesIO):
        def write(self, data: Any) -> int:
            return super().write(data[:3])

    with shared(Slow(), b"the picture", b"!") as file:
        assert file.getvalue() == b"the picture!"  # type: ignore[attr-defined]


def test_a_decoder_ends_with_its_parent_whatever_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a thread of its own, for a file may never end."""
    started: list[Any] = []
    ended: list[int] = []
    monkeypatch.setattr(child, "_harden", lambda: None)
    monkeypatch.setattr(child, "signal", MagicMock())
    threads = SimpleNamespace(
        Thread=lambda **its: SimpleNamespace(start=lambda: started.append(its))
    )
    monkeypatch.setattr(child, "threading", threads)
    ours, theirs = socket.socketpair()
    ours.close()
    child.main(theirs.detach())
    (thread,) = started
    parents = iter([os.getppid(), os.getppid(), -1])
    monkeypatch.setattr(child, "time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr(
        child, "os", SimpleNamespace(getppid=lambda: next(parents), _exit=ended.append)
    )
    thread["target"](*thread["args"])
    assert ended == [1]


@pytest.mark.parametrize("sent", [b"", b"\0\0", b"\0\0\0\5", b"\0\0\0\5four"])
def test_the_other_side_going_away_is_an_empty_message(
    sent: bytes, ends: tuple[socket.socket, socket.socket]
) -> None:
    ends[0].sendall(sent)
    ends[0].close()
    assert receive(ends[1]) == (b"", None)


def test_no_more_than_the_largest_message_is_read(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parent, "MAX_MESSAGE", 10)
    ends[0].sendall(b"\xff\xff\xff\xff" + b"x" * 30)
    assert receive(ends[1])[0] == b"x" * 10


def test_memory_is_what_the_system_says() -> None:
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("this system has no /proc")
    block = bytearray(os.urandom(1)) * (32 * 1024 * 1024)
    before = parent._memory(os.getpid())
    (told,) = [line for line in status.read_text("ascii").splitlines() if "VmRSS" in line]
    assert before == pytest.approx(int(told.split()[1]) * 1024, rel=0.1)
    assert before > len(block)
    assert parent._memory(2**22 + 1) == 0


class MacOs:
    """libSystem's answer: the numbers of rusage_info_v0, in their order."""

    def __init__(self, numbers: range, result: int = 0) -> None:
        self.numbers, self.result = numbers, result
        self.asked: list[tuple[int, int]] = []

    def proc_pid_rusage(self, pid: int, flavor: int, buffer: Any) -> int:
        self.asked.append((pid, flavor))
        answer = bytes(16) + struct.pack("10Q", *self.numbers)
        ctypes.memmove(buffer, answer, len(answer))
        return self.result


def test_memory_is_what_macos_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The eighth number is what a process has of its own, compressed or not; without /proc."""
    system = MacOs(range(1000, 1010))
    monkeypatch.setattr(parent.ctypes, "CDLL", lambda _: system)
    assert parent._memory(2**22 + 1) == 1007
    assert system.asked == [(2**22 + 1, 0)]


def test_a_process_that_is_gone_has_no_memory_on_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parent.ctypes, "CDLL", lambda _: MacOs(range(10), result=-1))
    assert parent._memory(2**22 + 1) == 0


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("CorruptImage", errors.CorruptImage),
        ("UnsupportedImage", errors.UnsupportedImage),
        ("ImageTooLarge", errors.ImageTooLarge),
        ("InvalidRequest", errors.InvalidRequest),  # a watermark's picture
        *((name, errors.CorruptImage) for name in ("Superseded", "StorageError", "named", "", "x")),
    ],
)
def test_an_error_comes_back_as_itself_if_an_image_can_have_it(
    name: str, kind: type[Exception]
) -> None:
    error = parent._reported(Reply(error=name, message="as it is"))
    assert type(error) is kind
    assert str(error) == "as it is"


def test_an_error_is_a_text_for_people() -> None:
    assert len(str(parent._reported(Reply(error="CorruptImage", message="x" * 2001)))) == 2000


@pytest.mark.parametrize(("more", "again"), [(0, True), (1, False)])
def test_up_to_32_mib_lie_where_the_last_file_lay(
    monkeypatch: pytest.MonkeyPatch, more: int, again: bool
) -> None:
    """New memory for each, and giving it back, takes a part of Prepare's CPU."""

    def nowhere() -> Any:
        return contextlib.nullcontext(SimpleNamespace(seek=lambda _: None, write=len))

    monkeypatch.setattr(parent, "shared_file", nowhere)
    with nowhere() as kept, shared(kept, bytes(32 * MIB), b"x" * more) as file:
        assert (file is kept) is again
