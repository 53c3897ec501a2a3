"""How many executions there are of each kind: what a list can be narrowed to, and by how much."""

from __future__ import annotations

import dataclasses
import datetime
from collections import Counter
from collections.abc import Callable, Iterable

from darkroom_ops.executions.listed import FAILURES, Filter, Listed

FACETS: dict[str, Callable[[Listed], str | None]] = {
    "status": lambda each: "FAILED" if each.status in FAILURES else each.outcome or each.status,
    "error": lambda each: each.error,
    "step": lambda each: each.step,
    "folder": lambda each: each.folder or None,
}
"""What each is counted by, under the name of the filter's field."""

SPANS = {"1h": 1, "24h": 24, "7d": 168}
"""How far back, as `--since` takes it, in hours."""


def facets(
    listed: Iterable[Listed], only: Filter, now: datetime.datetime
) -> dict[str, Counter[str]]:
    """Count executions by each facet: those that fit all that is chosen in the other facets."""
    items = list(listed)
    found = {}
    for name, value in FACETS.items():
        others = dataclasses.replace(only, **{name: None})
        found[name] = Counter(v for e in items if others.wants(e) and (v := value(e)) is not None)
    others = dataclasses.replace(only, since=None)
    begun = [each.started for each in items if others.wants(each)]
    found["since"] = Counter(
        {
            name: sum(started >= now - datetime.timedelta(hours=hours) for started in begun)
            for name, hours in SPANS.items()
        }
    )
    return found
