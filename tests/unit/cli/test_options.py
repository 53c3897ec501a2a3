"""What the shell offers after Tab."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from darkroom_ops.cli import options


@pytest.mark.parametrize("fails", [False, True])
def test_names_are_offered_and_what_is_wrong_fills_no_prompt(
    executions: Any, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    asked: list[Any] = []

    def names(begun: str) -> list[tuple[str, str]]:
        asked.append(begun)
        if fails:
            raise RuntimeError
        return [("abcd-1", "RUNNING")]

    def connect(*place: str | None) -> Any:
        asked.append(place)
        return executions.deployment

    executions.names = names
    monkeypatch.setattr("darkroom_ops.cli.address.connect", connect)
    typed: Any = SimpleNamespace(params={"endpoint": "http://127.0.0.1:1", "stack": "photos"})

    found = options.ExecutionName.__metadata__[0].autocompletion(typed, "ab")

    assert found == ([] if fails else [("abcd-1", "RUNNING")])
    assert asked == [("http://127.0.0.1:1", "photos"), "ab"]
