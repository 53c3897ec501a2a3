"""Threads that run one thing after another: an execution starts fifteen, for milliseconds each."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable
from typing import Any

IDLE_SECONDS = 10.0
"""How long a thread waits for the next to run."""


class Thread:
    """As much of threading.Thread as moto's interpreter needs."""

    def __init__(
        self,
        *,
        target: Callable[..., object],
        args: tuple[Any, ...] = (),
        daemon: bool = True,  # noqa: ARG002 - they all are
    ) -> None:
        self._target, self._args = target, args
        self._running = threading.Lock()
        self.native_id: int | None = None

    def start(self) -> None:
        """Run it in a thread that is idle, or else in a new one."""
        self._running.acquire()
        try:
            _idle.pop().put(self)
        except IndexError:
            jobs: queue.SimpleQueue[Thread] = queue.SimpleQueue()
            jobs.put(self)
            work = threading.Thread(target=_work, args=(jobs, _idle), name="states", daemon=True)
            work.start()

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""
        if self._running.acquire(timeout=-1 if timeout is None else timeout):
            self._running.release()

    def is_alive(self) -> bool:
        """Return whether it runs."""
        return self._running.locked()

    def run(self) -> None:
        """Run it in this thread."""
        self.native_id = threading.get_native_id()
        try:
            self._target(*self._args)
        except BaseException:  # noqa: BLE001 - told as threading does, and the thread lives on
            told = (*sys.exc_info(), threading.current_thread())
            threading.excepthook(threading.ExceptHookArgs(told))
        finally:
            self._running.release()


class Threading:
    """Stands for the module, of which moto uses `Thread` only."""

    Thread = Thread


_idle: list[queue.SimpleQueue[Thread]] = []
"""How idle threads are reached; the last to become idle is the first to run again."""


def _work(jobs: queue.SimpleQueue[Thread], idle: list[queue.SimpleQueue[Thread]]) -> None:
    while True:
        try:
            job = jobs.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            try:
                idle.remove(jobs)
            except ValueError:  # somebody has just taken it, and will say what to run
                continue
            return
        job.run()
        del job  # which holds what it ran
        idle.append(jobs)
