"""The file that keeps an engine's data: whole, its owner's, and refused when it is another."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom_ops.engine.data import store as module
from darkroom_ops.engine.data.store import FILE, Entry, Store, Unusable

ROCKET = Entry("object", "rocket", {"tags": {"of": "\ud800"}}, b"bytes")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "some" / "data"


def kept(folder: Path) -> list[Entry]:
    store = Store(folder)
    try:
        return list(store.read())
    finally:
        store.close()


def keep(folder: Path, *entries: Entry) -> None:
    store = Store(folder)
    store.write(entries, ())
    store.close()


def test_what_was_written_is_read_in_the_order_in_which_it_came(folder: Path) -> None:
    second, changed = Entry("object", "b", {}), Entry("object", "rocket", {"n": 2}, b"")
    keep(folder, ROCKET, second, Entry("item", "gone", {}))
    assert kept(folder)[0] == ROCKET

    store = Store(folder)
    store.write([changed, Entry("item", "rocket", {})], [("item", "gone")])
    store.close()

    assert kept(folder) == [changed, second, Entry("item", "rocket", {}, b"")]


def test_bytes_may_be_more_than_a_row_holds(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 4)
    keep(folder, Entry("object", "a", {}, b"0123456789"), Entry("object", "b", {}, b"0123"))
    assert [entry.body for entry in kept(folder)] == [b"0123456789", b"0123"]
    keep(folder, Entry("object", "a", {}, b"01"))
    assert [entry.body for entry in kept(folder)] == [b"01", b"0123"]


def test_what_is_removed_takes_no_room(folder: Path) -> None:
    keep(folder, ROCKET)
    store = Store(folder)
    store.write([], [(ROCKET.kind, ROCKET.name)])
    store.close()
    with sqlite3.connect(folder / FILE) as database:
        assert database.execute("SELECT count(*) FROM chunk").fetchall() == [(0,)]
    database.close()


def test_only_its_owner_may_look(folder: Path) -> None:
    keep(folder, ROCKET)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    file = folder / "engine.sqlite"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes()[68:72] == b"Dark"


def test_a_write_that_fails_leaves_what_was(folder: Path) -> None:
    store = Store(folder)
    store.write([ROCKET], ())
    with pytest.raises(TypeError):
        store.write([Entry("object", "rocket", {}), Entry("object", "b", {"no": b"json"})], ())
    assert list(store.read()) == [ROCKET]
    store.write([Entry("object", "b", {})], ())  # and the next one is as good as any
    store.close()
    assert len(kept(folder)) == 2


def test_a_crash_in_the_middle_of_a_write_leaves_what_was(folder: Path) -> None:
    keep(folder, ROCKET)
    # A package without what its `__init__` imports: moto takes a second, and has no part in this.
    program = f"""
import os, sys, types
from pathlib import Path
import darkroom_ops
engine = sys.modules["darkroom_ops.engine"] = types.ModuleType("darkroom_ops.engine")
engine.__path__ = [os.path.join(darkroom_ops.__path__[0], "engine")]
from darkroom_ops.engine.data.store import Entry, Store
store = Store(Path({str(folder)!r}))
store._database.execute("PRAGMA cache_size = 1")  # written to the file before the end
def entries():
    for number in range(50):
        yield Entry("object", f"{{number}}", {{}}, bytes(100_000))
    os._exit(9)
store.write(entries(), [("object", "rocket")])
"""
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 9
    assert (folder / FILE).stat().st_size > 1_000_000
    assert kept(folder) == [ROCKET]


def test_two_engines_share_no_folder(folder: Path) -> None:
    for _ in range(2):  # it is made, and there
        first = Store(folder)
        with pytest.raises(Unusable, match=f"Another engine keeps its data in {folder}. End it"):
            Store(folder)
        first.close()
    assert kept(folder) == []


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(Unusable, match=r"Expected a folder .*notes is a file"):
        Store(tmp_path / "notes")
    with pytest.raises(Unusable, match=r"cannot keep its data in .*notes/below"):
        Store(tmp_path / "notes" / "below")


def test_a_folder_of_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(Unusable, match="holds files, but no data of an engine"):
        Store(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["notes"]


def others_database(folder: Path) -> None:
    with sqlite3.connect(folder / FILE) as database:
        database.execute("CREATE TABLE contacts (name TEXT)")
    database.close()


def newer_format(folder: Path) -> None:
    keep(folder, ROCKET)
    with sqlite3.connect(folder / FILE) as database:
        database.execute("PRAGMA user_version = 16777217")
    database.close()


def no_database(folder: Path) -> None:
    (folder / FILE).write_bytes(b"notes")


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (others_database, "is no data of an engine"),
        (no_database, "is no data of an engine"),
        (newer_format, "has format 16777217, and this Darkroom reads format 1"),
    ],
)
def test_a_foreign_file_is_refused_and_left_as_it_is(
    tmp_path: Path, make: object, expected: str
) -> None:
    make(tmp_path)  # type: ignore[operator]
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(Unusable, match=expected):
        Store(tmp_path)
    assert (tmp_path / FILE).read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("damage", ["cut", "page", "index", "bytes"])
def test_a_damaged_file_is_refused_and_left_as_it_is(folder: Path, damage: str) -> None:
    keep(folder, Entry("object", "a", {}, b"a picture" * 2000))
    path = folder / FILE
    whole = path.read_bytes()
    damaged = {
        "cut": whole[:-8192],
        "page": whole[:4096] + bytes(4096) + whole[8192:],
        "index": whole[:8192] + bytes(4096) + whole[12288:],  # which no read looks at
        "bytes": whole.replace(b"a picture", b"A picture", 1000),
    }[damage]
    path.write_bytes(damaged)

    told = f"The data in {folder} is damaged: .*put a sound copy of engine.sqlite"
    for _ in range(
        2
    ):  # who looks first unlocks it, though the error and its frames are still there
        with pytest.raises(Unusable, match=told) as caught:
            kept(folder)
        assert caught.value

    assert path.read_bytes() == damaged
