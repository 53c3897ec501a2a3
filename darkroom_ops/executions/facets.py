"""How many executions there are of each kind: what a list can be narrowed to, and by how much."""

from __future__ import annotations

import bisect
import dataclasses
import datetime
from collections import Counter, defaultdict
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


TOTAL = "total"
"""The name under which all that fit are counted."""


def facets(
    listed: Iterable[Listed], only: Filter, now: datetime.datetime
) -> dict[str, Counter[str]]:
    """Count executions by each facet: those that fit all that is chosen in the other facets."""
    spans = {name: now - datetime.timedelta(hours=hours) for name, hours in SPANS.items()}
    found: dict[str, Counter[str]] = {name: Counter() for name in (*FACETS, "since", TOTAL)}
    alone = {name: Filter(**{name: getattr(only, name)}) for name in (*FACETS, "since")}
    # What is chosen in no facet wants all: only what is chosen is asked.
    chosen = [(name, each) for name, each in alone.items() if each != Filter()]
    rest = dataclasses.replace(only, **dict.fromkeys(alone))
    begins = sorted({*spans.values(), *([only.since] if only.since else [])})
    fitting = listed if rest == Filter() else filter(rest.wants, listed)
    # Of thousands, most are alike in all that is looked at: one stands for them.
    kinds: defaultdict[tuple[object, ...], list[Listed]] = defaultdict(list)
    for each in fitting:
        age = bisect.bisect(begins, each.started)
        kinds[each.status, each.outcome, each.error, each.step, each.folder, age].append(each)
    for alike in kinds.values():
        each, number = alike[0], len(alike)
        against = {name for name, one in chosen if not one.wants(each)}
        if not against:
            found[TOTAL][TOTAL] += number
        for name, value_of in FACETS.items():
            if against <= {name} and (value := value_of(each)) is not None:
                found[name][value] += number
        if against <= {"since"}:
            for name, begin in spans.items():
                found["since"][name] += number * (each.started >= begin)
    return found
