"""Trouble with AWS itself, made on purpose: throttles, service errors and broken connections.

Chaos tests give this to the engine's edge. It disturbs a share of the calls that functions and the
state machine make. Half of the troubled calls stay so through all of their client's own retries,
which is what the state machine's retries are for.
"""

from __future__ import annotations

import collections
import random
import threading
from collections.abc import Mapping

from darkroom_ops.engine.gateway import Answer, Fault
from darkroom_ops.engine.permissions import Call

_LOST = Fault(None)
_LOST_AFTERWARDS = Fault(None, served=True)


def _error(status: int, code: str, message: str) -> Fault:
    return Fault(Answer(status, code, message))


TROUBLE: Mapping[str, tuple[Fault, ...]] = {
    "s3": (
        _error(503, "SlowDown", "Please reduce your request rate."),
        _error(500, "InternalError", "We encountered an internal error. Please try again."),
        _LOST,
        _LOST_AFTERWARDS,
    ),
    "dynamodb": (
        _error(400, "ProvisionedThroughputExceededException", "Throughput exceeded."),
        _error(400, "ThrottlingException", "Rate of requests exceeds the allowed throughput."),
        _error(500, "InternalServerError", "An error occurred on the server side."),
        _LOST_AFTERWARDS,
    ),
    "lambda": (
        _error(429, "TooManyRequestsException", "Rate Exceeded."),
        _error(500, "ServiceException", "The Lambda service encountered an internal error."),
    ),
    # Only before it is served: a message whose confirmation is lost is sent again, as SNS's topics
    # deliver at least once.
    "sns": (
        _error(429, "Throttled", "Rate exceeded."),
        _error(500, "InternalError", "Internal error."),
        _LOST,
    ),
    "ssm": (
        _error(400, "ThrottlingException", "Rate exceeded"),
        _error(500, "InternalServerError", "An error occurred on the server side."),
    ),
    "states": (_error(400, "ThrottlingException", "Rate exceeded"),),
}
"""What each service does at times (its API reference, "Common errors")."""

STUBBORN = 0.5
"""The share of troubled calls that stay so through their client's retries."""

REMEMBERED = 1000


class Disturbances:
    """Gives some calls a fault, at random.

    Which calls those are depends on the seed and on the order in which they come, and so on the
    machine: another run with the same seed is alike, not the same.

    Parameters
    ----------
    seed
        Of the random numbers.
    share
        The share of calls that get a fault, between 0 and 1.
    """

    def __init__(self, seed: int, share: float) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._share = share
        self._lock = threading.Lock()
        self._stubborn: dict[str, Fault] = {}
        self.counts: collections.Counter[str] = collections.Counter()
        """How many calls got a fault, by service and operation."""

    def __call__(self, call: Call, invocation: str) -> Fault | None:
        """Return the fault of a call, or None.

        Parameters
        ----------
        call
            What is called.
        invocation
            The client's id of the call, the same for each of its attempts (SDK reference guide,
            "Retry behavior": amz-sdk-invocation-id).
        """
        with self._lock:
            fault = self._stubborn.get(invocation)
            if fault is None:
                kinds = TROUBLE.get(call.service, ())
                if not kinds or self._random.random() >= self._share:
                    return None
                fault = self._random.choice(kinds)
                if invocation and self._random.random() < STUBBORN:
                    self._remember(invocation, fault)
            self.counts[f"{call.service}:{call.operation}"] += 1
            return fault

    def _remember(self, invocation: str, fault: Fault) -> None:
        self._stubborn[invocation] = fault
        if len(self._stubborn) > REMEMBERED:
            del self._stubborn[next(iter(self._stubborn))]
