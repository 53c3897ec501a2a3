"""Bytes of objects, in a file."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from darkroom_ops.engine import spool
from darkroom_ops.engine.spool import Spooled


def written(data: bytes) -> Spooled:
    made = Spooled(max_size=1)
    made.write(data)
    made.seek(0)
    return made


def test_what_is_written_is_read() -> None:
    first, second = written(b"one two"), written(b"three")
    assert (first.read(4), first.read(), first.read(), first.read(1)) == (b"one ", b"two", b"", b"")
    first.seek(1)
    assert (first.read(2), second.read(99)) == (b"ne", b"three")
    first.seek(8)
    assert first.read() == b""


def test_what_is_written_anew_takes_its_place() -> None:
    some, other = written(b"longer"), written(b"other")
    some.seek(0)
    some.truncate()
    assert some.read() == b""
    some.write(b"new")
    assert (some.read(), other.read()) == (b"new", b"other")
    other.close()
    other.seek(0)
    assert other.read() == b""


def test_a_system_may_take_and_give_a_part_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does from two gigabytes on."""
    pwrite, pread = os.pwrite, os.pread
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: pwrite(fd, data[:2], at))
    monkeypatch.setattr(os, "pread", lambda fd, size, at: pread(fd, min(size, 3), at))
    assert written(b"abcdefg").read() == b"abcdefg"


def test_many_write_at_once() -> None:
    texts = [bytes([number]) * 1000 for number in range(100)]
    with ThreadPoolExecutor(8) as pool:
        assert [each.read() for each in pool.map(written, texts)] == texts


def test_the_file_has_no_name() -> None:
    written(b"secret")
    there = os.fstat(spool._file())
    assert (there.st_nlink, spool._file()) == (0, spool._file())
    assert not os.get_inheritable(spool._file())
