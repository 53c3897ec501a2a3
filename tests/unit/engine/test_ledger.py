"""The lines of what has ended are made once each."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from darkroom_ops.engine import backends
from darkroom_ops.engine.ledger import Ledger
from darkroom_ops.engine.spool import Place
from darkroom_ops.executions.cost import billed
from darkroom_ops.executions.listed import Bill
from tests.unit.recorded import MEMORY, recording


def test_only_what_has_no_line_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    def told() -> tuple[dict[str, Any], list[dict[str, Any]]]:
        nonlocal asked
        asked += 1
        said, events = recording("complete")
        for event in events:
            event["timestamp"] = event["timestamp"].isoformat()
        return said | {"redriveCount": 2}, events

    ledger = Ledger("eu-west-1", lambda: MEMORY)
    known = ledger.line(*told())
    ended = [SimpleNamespace(line=Place(known)), SimpleNamespace(line=None, told=told)]
    monkeypatch.setattr(backends, "ended", lambda region: ended * (region == "eu-west-1"))
    for _ in range(2):
        lines = msgspec.json.decode(ledger.page(), type=list[Bill])
        assert asked == 2
    first, second = lines
    assert first == second
    assert (first.listed.outcome, first.redrives) == ("COMPLETE", 2)
    odd = recording("complete")[0] | {"redriveCount": 0, "status": "FAILED", "error": "\ud800"}
    assert msgspec.json.decode(ledger.line(odd, []), type=Bill).listed.error == r"\ud800"
    assert first.quantities is not None
    assert first.listed.usd == billed(first.quantities).usd
