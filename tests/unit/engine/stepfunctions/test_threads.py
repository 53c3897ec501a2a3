"""Threads that run one thing after another."""

from __future__ import annotations

import os
import queue
import threading
import time
import weakref
from typing import Any

import pytest

from darkroom_ops.engine.stepfunctions import threads
from darkroom_ops.engine.stepfunctions.threads import Thread

SECONDS = 120


@pytest.fixture(autouse=True)
def nobody_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_idle", [])
    monkeypatch.setattr(threads, "IDLE_SECONDS", 0.05)  # so that none is left


def wait_until_idle(count: int) -> None:
    last = time.monotonic() + SECONDS
    while len(threads._idle) != count:
        assert time.monotonic() < last
        os.sched_yield()


def test_a_thread_runs_and_ends() -> None:
    go, ran = threading.Event(), []
    thread = Thread(target=lambda *given: (go.wait(SECONDS), ran.append(given)), args=(1, 2))
    assert not thread.is_alive()
    thread.start()
    thread.join(0.001)
    assert thread.is_alive()
    go.set()
    thread.join(SECONDS)
    assert (ran, thread.is_alive()) == ([(1, 2)], False)
    thread.join()  # of one that has ended


def test_one_that_is_idle_runs_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "IDLE_SECONDS", SECONDS)
    found = []
    for _ in range(3):
        thread = Thread(target=lambda: found.append(threading.get_native_id()))
        thread.start()
        thread.join()
        wait_until_idle(1)
        assert thread.native_id == found[-1]
    assert len(set(found)) == 1
    monkeypatch.setattr(threads, "IDLE_SECONDS", 0)
    Thread(target=lambda: None).start()  # it ends


def test_those_at_once_have_threads_of_their_own() -> None:
    together = threading.Barrier(3, timeout=SECONDS)
    started = [Thread(target=together.wait) for _ in range(3)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    assert len({thread.native_id for thread in started}) == 3


def test_a_fault_is_told_and_the_thread_runs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "IDLE_SECONDS", SECONDS)
    told = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    failing, fine = Thread(target=lambda: 1 / 0), Thread(target=lambda: None)
    failing.start()
    failing.join()
    wait_until_idle(1)
    fine.start()
    fine.join()
    assert [each.exc_type for each in told] == [ZeroDivisionError]
    assert failing.native_id == fine.native_id
    wait_until_idle(1)
    monkeypatch.setattr(threads, "IDLE_SECONDS", 0)
    Thread(target=lambda: None).start()


def test_one_that_nobody_needs_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "IDLE_SECONDS", 0)
    found = []
    thread = Thread(target=lambda: found.append(threading.current_thread()))
    thread.start()
    thread.join()
    found[0].join(SECONDS)
    assert (found[0].is_alive(), threads._idle) == (False, [])
    assert (found[0].name, found[0].daemon) == ("states", True)


def test_one_that_is_taken_at_its_end_runs_on_and_keeps_nothing_of_what_it_ran() -> None:
    ran: list[int] = []

    class Jobs:
        """Is found empty when its thread has just been taken, and after what it was taken for."""

        waits = 0
        held: weakref.ref[Thread]

        def get(self, timeout: float) -> Thread:
            assert timeout == threads.IDLE_SECONDS
            self.waits += 1
            if self.waits == 2:
                thread = Thread(target=ran.append, args=(1,))
                thread._running.acquire()
                self.held = weakref.ref(thread)
                return thread
            assert self.waits == 1 or self.held() is None
            raise queue.Empty

    jobs: Any = Jobs()
    idle: list[Any] = []
    threads._work(jobs, idle)

    assert (jobs.waits, ran, idle) == (3, [1], [])
