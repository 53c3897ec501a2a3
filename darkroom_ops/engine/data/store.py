"""The file that an engine's data is kept in: one SQLite database, which a crash cannot tear.

Each entry is of a kind, has a name, a JSON document, and bytes. A write takes place as a whole or
not at all. The file is locked while it is open.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = "engine.sqlite"

FORMAT = 1
"""Of what is written. A change of it needs a reader of what was written before."""

APPLICATION = 0x4461726B
"""Whose file it is, in SQLite's header: "Dark"."""

HEADER = 72
"""Bytes of the header as far as the application (SQLite, "Database File Format")."""

CHUNK = 64 * 1024 * 1024
"""Bytes in one row: SQLite's rows are below 1 GB."""

SCHEMA = f"""
    BEGIN;
    CREATE TABLE entry (
        number INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL,
        document TEXT NOT NULL, checksum INTEGER NOT NULL, UNIQUE (kind, name)
    );
    CREATE TABLE chunk (
        entry INTEGER NOT NULL REFERENCES entry ON DELETE CASCADE, place INTEGER NOT NULL,
        bytes BLOB NOT NULL, PRIMARY KEY (entry, place)
    );
    PRAGMA application_id = {APPLICATION};
    PRAGMA user_version = {FORMAT};
    COMMIT;
"""

Key = tuple[str, str]
"""The kind and the name of an entry."""


class Unusable(Exception):
    """Why an engine cannot keep its data in a folder, and what to do."""


@dataclass(frozen=True)
class Entry:
    """What is kept of one thing."""

    kind: str
    name: str
    document: dict[str, Any]
    body: bytes = b""


class Store:
    """The data in a folder, which is made if need be; nobody else can open it meanwhile.

    Unusable says that the folder is another's, locked or damaged; it is left as it was.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            path = _prepared(folder)
        except OSError as error:
            raise Unusable(f"The engine cannot keep its data in {folder}: {error}.") from error
        self._database = sqlite3.connect(
            path, timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            with self._explained():
                self._open()
        except BaseException:
            self.close()
            raise

    def read(self) -> Iterator[Entry]:
        """Yield every entry, in the order in which they came."""
        with self._explained():
            rows = self._database.execute(
                "SELECT number, kind, name, document, checksum FROM entry ORDER BY number"
            )
            for number, kind, name, document, checksum in rows:
                chunks = self._database.execute(
                    "SELECT bytes FROM chunk WHERE entry = ? ORDER BY place", (number,)
                )
                body = b"".join(chunk for (chunk,) in chunks)
                if _checksum(document, body) != checksum:
                    raise sqlite3.DatabaseError(f"the {kind} {name} is not what was written")
                yield Entry(kind, name, json.loads(document), body)

    def write(self, changed: Iterable[Entry], gone: Iterable[Key]) -> None:
        """Put entries in the place of those of their names, and remove others."""
        self._database.execute("BEGIN")
        try:
            for entry in changed:
                self._put(entry)
            self._database.executemany("DELETE FROM entry WHERE kind = ? AND name = ?", gone)
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def close(self) -> None:
        """Unlock the file. Closing twice is fine."""
        self._database.close()

    def _open(self) -> None:
        for setting in ("locking_mode = EXCLUSIVE", "foreign_keys = ON", "synchronous = FULL"):
            self._database.execute(f"PRAGMA {setting}")
        self._database.execute("BEGIN EXCLUSIVE")
        self._database.execute("COMMIT")  # it stays locked, for its mode
        ((version,),) = self._database.execute("PRAGMA user_version")
        if not version:
            self._database.executescript(SCHEMA)
        ((found,),) = self._database.execute("PRAGMA quick_check(1)")
        if found != "ok":
            raise sqlite3.DatabaseError("its pages do not fit together")

    def _put(self, entry: Entry) -> None:
        document = json.dumps(entry.document)
        ((number,),) = self._database.execute(
            "INSERT INTO entry (kind, name, document, checksum) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (kind, name) DO UPDATE "
            "SET document = excluded.document, checksum = excluded.checksum RETURNING number",
            (entry.kind, entry.name, document, _checksum(document, entry.body)),
        ).fetchall()
        self._database.execute("DELETE FROM chunk WHERE entry = ?", (number,))
        for place, start in enumerate(range(0, len(entry.body), CHUNK)):
            row = (number, place, entry.body[start : start + CHUNK])
            self._database.execute("INSERT INTO chunk VALUES (?, ?, ?)", row)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise Unusable(
                    f"Another engine keeps its data in {self.folder}. End it, or name another "
                    "folder."
                ) from error
            raise Unusable(f"The engine cannot use {self.folder}: {error}.") from error
        except sqlite3.DatabaseError as error:
            raise Unusable(
                f"The data in {self.folder} is damaged: {error}. It is left as it is: put a sound "
                f"copy of {FILE} in its place, or name another folder."
            ) from error


def _prepared(folder: Path) -> Path:
    """Return the file in a folder; both are made, for their owner alone, if need be."""
    path = folder / FILE
    if folder.exists() and not folder.is_dir():
        raise Unusable(f"Expected a folder to keep data in, but {folder} is a file.")
    if not path.exists():
        if folder.exists() and any(folder.iterdir()):
            raise Unusable(
                f"{folder} holds files, but no data of an engine ({FILE}). Expected a new or empty "
                "folder, or one that `darkroom up --data` made."
            )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    with path.open("rb") as file:
        header = file.read(HEADER)
    if header:  # else it was never written to
        _check(header, path)
    return path


def _check(header: bytes, path: Path) -> None:
    version, application = int.from_bytes(header[60:64]), int.from_bytes(header[68:])
    if application != APPLICATION:
        raise Unusable(
            f"{path} is no data of an engine. It is left as it is: name a new or empty folder."
        )
    if version != FORMAT:
        raise Unusable(
            f"{path} has format {version}, and this Darkroom reads format {FORMAT}. It is left as "
            "it is: use the Darkroom that wrote it, or name another folder."
        )


def _checksum(document: str, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(document.encode()))
