"""What tests leave behind in an engine that others use after them."""

from __future__ import annotations

from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import s3_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from darkroom_ops.engine import backends
from darkroom_ops.engine.backends import ACCOUNT
from darkroom_ops.engine.deploy import ARTIFACTS_BUCKET
from darkroom_ops.engine.moto.stepfunctions.ended import moving
from tests.conftest import REGION
from tests.support.pipeline import until


def wait_idle(services: Any) -> None:
    """Wait until no event is on its way and no execution runs."""
    until(lambda: (services.router.idle() and not backends.running_executions(REGION)) or None)


def remove(services: Any) -> None:
    """Remove all executions, records and objects, once none is worked at."""
    wait_idle(services)
    with moving:  # one that has ended may be put away at this moment
        for machine in stepfunctions_parser_backends[ACCOUNT][REGION].state_machines:
            machine.executions.clear()
    for table in dynamodb_backends[ACCOUNT][REGION].tables.values():
        table.items.clear()
    for name, bucket in s3_backends[ACCOUNT]["aws"].buckets.items():
        if name != ARTIFACTS_BUCKET:
            bucket.keys.clear()
