"""The waits between a state's retries, and of states: taken in `darkroom up`, skipped in tests."""

from __future__ import annotations

import time


class RetryWaits:
    """The waits so far, which are recorded only if they are skipped."""

    def __init__(self, *, skip: bool) -> None:
        self.seconds: list[float] = []
        self.skip = skip

    def wait(self, seconds: float) -> None:
        """Wait before the next attempt, unless waits are skipped."""
        self.seconds.append(seconds)
        if not self.skip:
            time.sleep(seconds)
