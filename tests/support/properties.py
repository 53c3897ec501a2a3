"""Properties that hold however busy the machine is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis
from hypothesis import HealthCheck, settings


def given(*values: Any, **named: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Check a test with many examples, as Hypothesis does, whatever time an example takes.

    Its own limits, 0.2 s for an example and a second to make some, are passed where others work.
    """
    told = [*settings.default.suppress_health_check, HealthCheck.too_slow]
    patient = settings(deadline=None, suppress_health_check=told)
    return lambda test: patient(hypothesis.given(*values, **named)(test))
