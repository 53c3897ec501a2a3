"""What is said to the system's allocator."""

from __future__ import annotations

import ctypes
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from darkroom_ops import allocator


def test_glibc_is_told_to_have_few_arenas_and_to_give_back(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []
    library = SimpleNamespace(mallopt=lambda *given: told.append(given))
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    allocator.settle()
    assert told == [(-8, 2), (-3, 4_194_304), (-1, 8_388_608)]


def test_glibc_gives_back_all_that_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(malloc_trim=told.append))
    allocator.give_back()
    assert told == [0]


@pytest.mark.parametrize(
    ("system", "said", "after", "again"),
    [
        ("linux", None, None, True),
        ("linux", allocator.NO_CACHES, None, False),
        ("linux", "another", "another", False),
        ("darwin", None, None, False),
    ],
)
def test_a_program_starts_anew_once_to_have_no_caches(
    monkeypatch: pytest.MonkeyPatch,
    system: str,
    said: str | None,
    after: str | None,
    *,
    again: bool,
) -> None:
    """What it starts in turn has them, and what its user says to glibc holds."""
    started: list[tuple[str, list[str], dict[str, str]]] = []
    environ = {"HOME": "/home"} | ({allocator.TUNABLES: said} if said else {})
    monkeypatch.setattr(
        allocator,
        "os",
        SimpleNamespace(environ=environ, execve=lambda *given: started.append(given)),
    )
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "any", "up"])
    allocator.restart()
    told = {"HOME": "/home", "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
    command = [sys.executable, "-m", "any", "up"]
    assert started == ([(sys.executable, command, told)] if again else [])
    assert environ.get(allocator.TUNABLES) == after


@pytest.mark.parametrize("error", [None, OSError, TypeError])
def test_another_allocator_is_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception] | None
) -> None:
    """A Mac has none, and neither has musl; Windows does not even say what is there."""

    def library(_: Any) -> Any:
        if error is not None:
            raise error
        return SimpleNamespace()

    monkeypatch.setattr(ctypes, "CDLL", library)
    allocator.settle()
    allocator.give_back()
