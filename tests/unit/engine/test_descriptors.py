"""How many files the engine may have open."""

from __future__ import annotations

import resource
from resource import RLIM_INFINITY

import pytest

from darkroom_ops.engine import descriptors


@pytest.mark.parametrize(
    ("limits", "made"),
    [
        pytest.param((256, RLIM_INFINITY), (10_240, RLIM_INFINITY), id="a Mac"),
        pytest.param((1024, 524_288), (10_240, 524_288), id="Linux"),
        pytest.param((256, 4096), (4096, 4096), id="a low hard limit"),
        pytest.param((10_239, 10_240), (10_240, 10_240), id="one too few"),
        pytest.param((10_240, RLIM_INFINITY), None, id="enough"),
        pytest.param((20_000, 20_000), None, id="more than enough"),
        pytest.param((4096, 4096), None, id="all that there is"),
        pytest.param((RLIM_INFINITY, RLIM_INFINITY), None, id="no limit"),
    ],
)
def test_the_soft_limit_is_raised_as_far_as_it_may_and_needs(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], made: tuple[int, int] | None
) -> None:
    """Never to what macOS refuses: more than 10,240, or infinity."""
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, given: asked.append(given))
    descriptors.allow()
    assert asked == ([] if made is None else [made])


@pytest.mark.parametrize("refused", [OSError, ValueError])
def test_a_system_that_refuses_is_put_up_with(
    monkeypatch: pytest.MonkeyPatch, refused: type[Exception]
) -> None:
    def refuse(*_: object) -> None:
        raise refused

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4096))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    descriptors.allow()
