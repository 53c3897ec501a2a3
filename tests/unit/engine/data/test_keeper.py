"""What changes is kept, and only that; what has no place stays; a full disk is told once."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from darkroom_ops.engine.data import keeper as module
from darkroom_ops.engine.data.keeper import Held, Keeper, NoPlace, Unwritten
from darkroom_ops.engine.data.store import Entry, Key, Store
from tests.support.pipeline import until


class Things:
    """Names with numbers; those in `strange` have no place, and `under_way` is added at resume."""

    def __init__(self, *strange: str, under_way: str = "") -> None:
        self.numbers: dict[str, int] = {}
        self.strange = strange
        self.under_way = under_way

    def held(self) -> Iterator[Held]:
        for name, number in dict(self.numbers).items():
            entry = None if number < 0 else Entry("thing", name, {"number": number})
            yield Held(("thing", name), (name, number), lambda entry=entry: entry)  # type: ignore[misc]

    def restore(self, entries: Iterable[Entry]) -> Iterator[tuple[Key, NoPlace | None]]:
        for each in entries:
            if each.name in self.strange:
                yield (each.kind, each.name), NoPlace("the shelf")
            else:
                self.numbers[each.name] = each.document["number"]
                yield (each.kind, each.name), None

    def resume(self) -> None:
        if self.under_way:
            self.numbers[self.under_way] = 1


class Written(Store):
    """A store that tells what is written, and fails while it is told to."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.writes: list[Any] = []
        self.full = False
        self.during: Callable[[], object] = lambda: None

    def write(self, changed: Iterable[Entry], gone: Iterable[Key]) -> None:
        changed, gone = list(changed), list(gone)
        self.writes.append(([each.name for each in changed], [name for _, name in gone]))
        self.during()
        if self.full:
            raise sqlite3.OperationalError("database or disk is full")
        super().write(changed, gone)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[tuple[Keeper, Things, Written]]:
    store, things = Written(tmp_path), Things()
    keeper = Keeper(store, things)
    yield keeper, things, store
    keeper.close()


def test_only_what_changed_is_written(kept: tuple[Keeper, Things, Written]) -> None:
    keeper, things, store = kept
    things.numbers.update(a=1, b=1, vanished=-1)
    keeper.save()
    keeper.save()
    things.numbers.update(b=2)
    del things.numbers["a"]
    keeper.save()
    assert store.writes == [(["a", "b"], []), (["b"], ["a"])]
    assert [(each.name, each.document) for each in store.read()] == [("b", {"number": 2})]


def test_the_next_start_has_it_and_writes_nothing_anew(tmp_path: Path) -> None:
    things = Things()
    keeper = Keeper(Store(tmp_path), things)
    assert keeper.restore() == {}
    things.numbers.update(a=1, b=2)
    keeper.close()

    store, again = Written(tmp_path), Things()
    keeper = Keeper(store, again)
    keeper.restore()
    keeper.close()
    assert again.numbers == {"a": 1, "b": 2}
    assert store.writes == []


def test_what_was_there_before_and_was_not_kept_is_kept_from_then_on(tmp_path: Path) -> None:
    keeper = Keeper(store := Written(tmp_path), things := Things())
    things.numbers["made"] = 1
    keeper.restore()
    keeper.close()
    assert store.writes == [(["made"], [])]


def test_what_has_no_place_waits_for_a_template_that_has_it(tmp_path: Path) -> None:
    keeper = Keeper(Store(tmp_path), things := Things())
    things.numbers.update(a=1, odd=2)
    keeper.close()

    keeper = Keeper(Store(tmp_path), fewer := Things("odd"))
    assert keeper.restore() == {"the shelf": 1}
    fewer.numbers.clear()
    keeper.close()

    keeper = Keeper(Store(tmp_path), things := Things())
    keeper.restore()
    keeper.close()
    assert things.numbers == {"odd": 2}


def test_what_goes_on_at_a_start_is_kept_at_once_and_more_as_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAVE_SECONDS", 0.001)
    monkeypatch.setattr(module, "SHARE", 0)
    keeper = Keeper(store := Written(tmp_path), things := Things(under_way="new"))
    keeper.restore()
    assert store.writes == [(["new"], [])]
    assert keeper._thread.daemon  # or a process whose engine nobody closes would never end
    things.numbers["newer"] = 2
    until(lambda: len(store.writes) > 1 or None)
    assert store.writes[1:] == [(["newer"], [])]
    keeper.close()


def test_closing_waits_for_what_is_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAVE_SECONDS", 0.001)
    keeper = Keeper(store := Written(tmp_path), things := Things())
    keeper.restore()
    store.during = lambda: until(lambda: keeper._closing.is_set() or None)
    things.numbers["new"] = 1
    until(lambda: store.writes or None)
    keeper.close()
    assert store.writes == [(["new"], [])]


def test_a_full_disk_is_told_once_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = Keeper(store := Written(tmp_path), things := Things())
    full = [True, True, True, True, False, True, False]

    def wait(_: float) -> bool:
        if full:
            store.full = full.pop(0)
            if store.full:  # what could not be written is, later, though it is the same then
                things.numbers["a"] = 7 - len(full)
            return False
        return True

    monkeypatch.setattr(keeper, "_closing", SimpleNamespace(wait=wait, set=lambda: None))
    with caplog.at_level(logging.WARNING):
        keeper._run()
    assert [each.getMessage() for each in caplog.records] == 2 * [
        f"nothing new is kept in {store.folder}: database or disk is full"
    ]
    keeper.close()
    keeper = Keeper(Store(tmp_path), again := Things())
    keeper.restore()
    keeper.close()
    assert again.numbers == {"a": 6}


def test_a_look_takes_a_twentieth_of_the_time_at_most(
    kept: tuple[Keeper, Things, Written], monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, _, _ = kept
    clock = iter([0, 0.05, 1, 1.06, 3, 5])
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) == 4

    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(keeper, "_closing", SimpleNamespace(wait=wait, set=lambda: None))
    keeper._run()
    assert waits == pytest.approx([1, 1, 1.2, 40])


def test_what_cannot_be_written_at_the_end_is_told(tmp_path: Path) -> None:
    keeper = Keeper(store := Written(tmp_path), things := Things())
    keeper.restore()
    store.full = True
    things.numbers.update(a=1)
    with pytest.raises(Unwritten, match=r"what changed last to .*disk is full.*before is there"):
        keeper.close()
    Store(tmp_path).close()  # it is unlocked all the same
