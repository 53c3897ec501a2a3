"""Keeping what an engine holds: it is written as it changes, and read at the next start."""

from __future__ import annotations

import collections
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from darkroom_ops.engine.data.store import Entry, Key, Store

LOG = logging.getLogger(__name__)

SAVE_SECONDS = 1.0
"""How often it is looked at what has changed: what a crash loses at most."""

SHARE = 20
"""A look is followed by so many times its own time: it takes a twentieth of a core at most."""


class NoPlace(Exception):
    """The resource that an entry belongs to is not in the template."""


class Unwritten(Exception):
    """Why the last changes could not be written."""


@dataclass(frozen=True)
class Held:
    """One thing that an engine holds. What tells its states apart; `entry` is what is kept of it.

    An entry of None is of what has gone meanwhile.
    """

    key: Key
    state: object
    entry: Callable[[], Entry | None]


class State(Protocol):
    """What an engine holds, in the order in which it is to be looked at."""

    def held(self) -> Iterable[Held]:
        """Return all that is held now."""

    def restore(self, entries: Iterable[Entry]) -> Iterable[tuple[Key, NoPlace | None]]:
        """Put entries back; yield the key of each, with the reason where it could not be."""

    def resume(self) -> None:
        """Go on with what was under way."""


class Keeper:
    """Keeps the state of an engine in a store, from :meth:`restore` until it is closed."""

    def __init__(self, store: Store, state: State) -> None:
        self._store = store
        self._state = state
        self._known: dict[Key, object] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
        self._failed = False

    def restore(self) -> Mapping[str, int]:
        """Put back what is kept; return how much has no place in the template, by the reason.

        That stays in the store, for a template that has its place again.
        """
        unplaced: collections.Counter[str] = collections.Counter()
        restored: set[Key] = set()
        for key, reason in self._state.restore(self._store.read()):
            if reason is None:
                restored.add(key)
            else:
                unplaced[str(reason)] += 1
        states: dict[Key, Any] = {each.key: each.state for each in self._state.held()}
        self._known = {key: states.get(key) for key in restored}
        self._state.resume()
        self.save()
        self._thread.start()
        return unplaced

    def save(self) -> None:
        """Write what has changed since the last time."""
        held = {each.key: each for each in self._state.held()}
        changed = [
            each
            for key, each in held.items()
            if key not in self._known or self._known[key] != each.state
        ]
        gone = self._known.keys() - held.keys()
        if changed or gone:
            entries = (each.entry() for each in changed)
            self._store.write((entry for entry in entries if entry is not None), gone)
        self._known = {key: each.state for key, each in held.items()}

    def close(self) -> None:
        """Write the last changes, and unlock the store. Unwritten says why it cannot."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        try:
            self.save()
        except sqlite3.Error as error:
            raise Unwritten(
                f"The engine could not write what changed last to {self._store.folder}: {error}. "
                "What it wrote before is there."
            ) from error
        finally:
            self._store.close()

    def _run(self) -> None:
        wait = SAVE_SECONDS
        while not self._closing.wait(wait):
            started = time.monotonic()
            try:
                self.save()
                self._failed = False
            except sqlite3.Error as error:  # as of a full disk: tried again
                if not self._failed:
                    LOG.warning("nothing new is kept in %s: %s", self._store.folder, error)
                self._failed = True
            wait = max(SAVE_SECONDS, SHARE * (time.monotonic() - started))
