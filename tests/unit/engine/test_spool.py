"""Bytes of objects, in a file."""

from __future__ import annotations

import copy
import os
import random
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from darkroom_ops.engine import spool
from darkroom_ops.engine.spool import BLOCK, TOGETHER, Packed, PackedList, Space, Spooled


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
    first.seek(0)
    assert (first.read(0), first.whole(), first.read()) == (b"", b"one two", b"one two")


def test_a_copy_has_the_bytes_when_the_first_has_let_go_of_them() -> None:
    first = written(b"these bytes")
    first.read(1)
    copies = [first.copy(), copy.deepcopy(first)]
    first.truncate()
    written(b"other bytes")
    assert [each.whole() for each in (first, *copies)] == [b"", b"these bytes", b"these bytes"]
    assert copies[0].read() == b"these bytes"


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
    monkeypatch.setattr(os, "pread", lambda fd, size, at: pread(fd, max(1, size // 2), at))
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


def test_what_is_let_go_of_leaves_its_place_to_others() -> None:
    """Neighbours become one place, and what is too small for the next is kept for another."""
    space, one = Space(), BLOCK
    places = [(space.take(size * one - 1), size * one - 1) for size in (2, 4, 6, 8)]
    assert [offset // one for offset, _ in places] == [0, 2, 6, 12]
    space.returned += [places[2], places[0]]
    assert (space.take(8 * one), space.take(5 * one), space.take(1)) == (20 * one, 6 * one, 0)
    space.returned += [places[1], (0, 1), (6 * one, 5 * one)]
    assert space.take(12 * one) == 0
    assert space._free == []  # nothing stays of a place that fits
    assert space.take(1) == 28 * one


def test_the_first_place_that_is_large_enough_is_taken() -> None:
    """Whatever was taken and returned before: nobody gets what is another's."""
    chance, space, file = random.Random(0), Space(), bytearray()  # a byte for each block, 0: free
    held: list[tuple[int, int]] = []
    for _ in range(500):
        if chance.random() < len(held) / 20:
            at, size = held.pop(chance.randrange(len(held)))
            space.returned.append((at * BLOCK, size * BLOCK))
            file[at : at + size] = bytes(size)
        size = chance.randint(1, 5)
        at = file.find(bytes(size)) if bytes(size) in file else len(file)
        assert space.take(size * BLOCK) == at * BLOCK
        file[at : at + size] = b"\1" * size
        held.append((at, size))


def test_who_writes_first_makes_the_file_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    space, alone = Space(), []
    monkeypatch.setattr(spool, "_file", lambda: alone.append(space._lock.locked()))
    space.take(1)
    assert alone == [True]


@pytest.mark.parametrize("count", [0, 1, TOGETHER - 1, TOGETHER, 2 * TOGETHER + 1])
def test_a_list_is_read_as_it_was_written(count: int) -> None:
    listed = PackedList()
    for number in range(count):
        listed.append([number, "\ud800"])
    assert list(listed) == [[number, "\ud800"] for number in range(count)]
    assert len(listed) == count


def test_who_reads_a_list_has_what_was_there_at_first() -> None:
    listed = PackedList()
    listed.append("first")
    reading = iter(listed)
    read = [next(reading)]
    listed.append("second")
    assert read + list(reading) == ["first"]


@pytest.mark.parametrize("let_go", ["truncate", "close", "write", "delete"])
def test_the_file_does_not_grow_by_what_was_let_go_of(let_go: str) -> None:
    size = 1_000_003
    kept = [written(bytes(size))]
    grown = os.fstat(spool._file()).st_size
    for number in range(5):
        match let_go:
            case "truncate":
                kept[0].truncate()
            case "close":
                kept[0].close()
            case "delete":
                kept.clear()
                kept.append(Spooled())
        kept[0].write(bytes([number]) * size)
        kept[0].seek(0)
        assert kept[0].read() == bytes([number]) * size
    assert os.fstat(spool._file()).st_size <= grown + size + BLOCK


def test_nobody_writes_where_somebody_still_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    some = written(b"these bytes")
    pread = os.pread

    def interrupted(descriptor: int, size: int, at: int) -> bytes:
        some.truncate()
        written(b"other bytes")
        return pread(descriptor, size, at)

    monkeypatch.setattr(os, "pread", interrupted)
    assert some.read() == b"these bytes"


def test_data_is_packed() -> None:
    said = {"key": "half \ud800 of a pair", "list": [1, None, {"a": 0.5}]}
    before = os.fstat(spool._file()).st_size
    packed = Packed([said] * 1000)
    assert packed.unpacked() == [said] * 1000
    assert os.fstat(spool._file()).st_size < before + 5000


def test_what_lies_there_when_python_ends_is_not_spoken_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python empties modules first, and tells of whatever fails then."""
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    some = written(b"any")
    with monkeypatch.context() as ending:
        ending.setattr(spool, "_space", None)
        del some
    assert told == []
