"""Faults of AWS itself, injected: throttles, service errors and lost connections.

Chaos tests give this to the engine's gateway, for a share of the calls that functions and the state
machine make. Half of these calls fail through all of their client's own retries, which is what the
state machine's retries are for.
"""

from __future__ import annotations

import collections
import random
import threading
from collections.abc import Mapping

from darkroom_ops.engine.permissions import Call
from darkroom_ops.engine.protocols import ServiceError, ServiceFault

_LOST = ServiceFault(None)
_LOST_AFTERWARDS = ServiceFault(None, served=True)


def _error(status: int, code: str, message: str) -> ServiceFault:
    return ServiceFault(ServiceError(status, code, message))


SERVICE_FAULTS: Mapping[str, tuple[ServiceFault, ...]] = {
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

PERSISTENT = 0.5
"""The share of failing calls that fail through all of their client's retries."""

REMEMBERED = 1000


class RandomFaults:
    """Gives a share of calls, between 0 and 1, a fault at random.

    Which calls those are depends on the seed and on the order in which they come, and so on the
    machine: another run with the same seed is alike, not the same.
    """

    def __init__(self, seed: int, share: float) -> None:
        self._random = random.Random(seed)
        self._share = share
        self._lock = threading.Lock()
        self._persistent: dict[str, ServiceFault] = {}
        self.counts: collections.Counter[str] = collections.Counter()
        """How many calls got a fault, by service and operation."""

    def __call__(self, call: Call, invocation: str) -> ServiceFault | None:
        """Return the fault of a call, or None.

        The client's id of a call is the same for each of its attempts (SDK reference guide, "Retry
        behavior": amz-sdk-invocation-id).
        """
        with self._lock:
            fault = self._persistent.get(invocation)
            if fault is None:
                kinds = SERVICE_FAULTS.get(call.service, ())
                if not kinds or self._random.random() >= self._share:
                    return None
                fault = self._random.choice(kinds)
                if invocation and self._random.random() < PERSISTENT:
                    self._remember(invocation, fault)
            self.counts[f"{call.service}:{call.operation}"] += 1
            return fault

    def _remember(self, invocation: str, fault: ServiceFault) -> None:
        self._persistent[invocation] = fault
        if len(self._persistent) > REMEMBERED:
            del self._persistent[next(iter(self._persistent))]
