"""A stack in which nothing is wrong, whatever tests before it left."""

from __future__ import annotations

import pytest
from moto.sqs.models import sqs_backends

from darkroom_ops.deployment import Deployment
from darkroom_ops.engine import Engine
from darkroom_ops.engine.backends import ACCOUNT
from tests.conftest import REGION


@pytest.fixture
def sound(engine: Engine) -> Deployment:
    """The engine's stack, with no faults to come and no dead letters."""
    at = engine.deployment
    engine.faults.clear()
    assert engine.wait_idle()
    for queue in sqs_backends[ACCOUNT][REGION].queues.values():
        if queue.name.endswith("-dlq"):
            queue.last_purged_at = None
            sqs_backends[ACCOUNT][REGION].purge_queue(queue.name)
            queue.last_purged_at = None  # SQS allows once a minute, which is the test's own
    return at
