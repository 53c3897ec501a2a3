"""How many damaged files are tried: some in the suite, many by ``make fuzz``."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import HealthCheck, settings

COMMON = settings(
    deadline=timedelta(seconds=20), suppress_health_check=list(HealthCheck), print_blob=True
)
settings.register_profile("suite", COMMON, max_examples=150, derandomize=True)
settings.register_profile("long", COMMON, max_examples=5_000)
