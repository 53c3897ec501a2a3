"""The waits between a state's retries: taken in `darkroom up`, only recorded in tests."""

from __future__ import annotations

import time


class RetryWaits:
    """The waits so far.

    Parameters
    ----------
    skip
        Record them only.
    """

    def __init__(self, *, skip: bool) -> None:
        self.seconds: list[float] = []
        self._skip = skip

    def wait(self, seconds: float) -> None:
        """Wait before the next attempt, unless waits are skipped."""
        self.seconds.append(seconds)
        if not self._skip:
            time.sleep(seconds)
