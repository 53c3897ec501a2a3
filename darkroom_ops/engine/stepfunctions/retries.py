"""The waits between a state's retries: taken in `darkroom up`, only recorded in tests."""

from __future__ import annotations

import time


class RetryWaits:
    """The waits so far, which are recorded only if they are skipped."""

    def __init__(self, *, skip: bool) -> None:
        self.seconds: list[float] = []
        self._skip = skip

    def wait(self, seconds: float) -> None:
        """Wait before the next attempt, unless waits are skipped."""
        self.seconds.append(seconds)
        if not self._skip:
            time.sleep(seconds)
