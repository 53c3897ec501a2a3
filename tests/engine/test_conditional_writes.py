"""What the engine's door makes of a call, beside deciding about it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from darkroom_ops.engine import Engine

AT_ONCE = 8
ROUNDS = 12


@pytest.fixture
def hasty() -> Iterator[None]:
    """Let threads take turns as often as they can, so that a race is met and not missed."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def winners(attempt: Callable[[int], object]) -> int:
    """Return how many of several attempts at the same moment succeed."""

    def succeeds(number: int) -> bool:
        try:
            attempt(number)
        except ClientError:
            return False
        return True

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(succeeds, range(AT_ONCE)))


def test_one_of_many_claims_at_the_same_moment_holds(engine: Engine, hasty: None) -> None:
    """As in DynamoDB; moto lets several hold."""
    at = engine.deployment

    def claim(image: str) -> Callable[[int], object]:
        return lambda number: at.dynamodb.update_item(
            TableName=at.images_table_name,
            Key={"image": {"S": image}},
            UpdateExpression="SET holder = :holder",
            ConditionExpression="attribute_not_exists(image)",
            ExpressionAttributeValues={":holder": {"N": str(number)}},
        )

    images = [f"race/{number}" for number in range(ROUNDS)]
    assert [winners(claim(image)) for image in images] == [1] * ROUNDS
    for image in images:
        at.dynamodb.delete_item(TableName=at.images_table_name, Key={"image": {"S": image}})


def test_one_of_many_first_writes_at_the_same_moment_holds(engine: Engine, hasty: None) -> None:
    """As in S3, with If-None-Match."""
    at = engine.deployment

    def write(key: str) -> Callable[[int], object]:
        return lambda number: at.s3.put_object(
            Bucket=at.work_bucket_name, Key=key, Body=bytes([number]), IfNoneMatch="*"
        )

    keys = [f"race/{number}" for number in range(ROUNDS)]
    assert [winners(write(key)) for key in keys] == [1] * ROUNDS
