"""What is said to the system's allocator."""

from __future__ import annotations

import ctypes
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
