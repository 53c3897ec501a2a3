"""Throttles, service errors and lost connections, as chaos tests inject them."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.retries.standard import (
    RetryContext,
    ThrottledRetryableChecker,
    TransientRetryableChecker,
)
from botocore.session import get_session

from darkroom_ops.engine.permissions import Call
from tests.support import service_faults
from tests.support.service_faults import SERVICE_FAULTS, RandomFaults


def call(service: str = "s3") -> Call:
    return Call("prepare", service, "GetObject")


def test_the_same_seed_makes_the_same_trouble() -> None:
    def made(seed: int) -> list[Any]:
        faults = RandomFaults(seed, 0.5)
        return [faults(call(), "") for _ in range(50)]

    assert made(1) == made(1)
    assert made(1) != made(2)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_of_calls_fails_and_is_counted(share: float) -> None:
    faults = RandomFaults(1, share)
    met = sum(faults(call(), "") is not None for _ in range(1000))
    assert met == pytest.approx(1000 * share, abs=50 if share == 0.3 else 0)
    assert faults.counts == Counter({"s3:GetObject": met} if met else {})


@pytest.mark.parametrize("service", sorted(SERVICE_FAULTS))
def test_every_kind_of_a_services_trouble_is_met(service: str) -> None:
    faults = RandomFaults(1, 1.0)
    assert {faults(call(service), "") for _ in range(200)} == set(SERVICE_FAULTS[service])


def test_other_services_are_left_alone() -> None:
    faults = RandomFaults(1, 1.0)
    assert faults(call("logs"), "id") is None
    assert faults.counts == Counter()


def test_no_message_is_sent_whose_confirmation_is_lost() -> None:
    """SNS would deliver it twice; every other service's calls can be repeated without harm."""
    lost = {
        service for service, kinds in SERVICE_FAULTS.items() if any(kind.served for kind in kinds)
    }
    assert lost == {"s3", "dynamodb"}
    assert all(
        kind.error is None for kinds in SERVICE_FAULTS.values() for kind in kinds if kind.served
    )


@pytest.mark.parametrize("service", sorted(SERVICE_FAULTS))
def test_trouble_has_the_status_that_the_service_gives_it(service: str) -> None:
    """As in botocore's model of the service, as far as that knows the error."""
    model = get_session().get_service_model({"states": "stepfunctions"}.get(service, service))
    known = {
        shape.metadata["error"].get("code", shape.name): shape.metadata["error"]["httpStatusCode"]
        for shape in model.error_shapes
        if "httpStatusCode" in shape.metadata.get("error", {})
    }
    for answer in (kind.error for kind in SERVICE_FAULTS[service] if kind.error is not None):
        status = 500 if "Internal" in answer.code else 503 if answer.code == "SlowDown" else 400
        assert answer.status == known.get(answer.code, status), answer


@pytest.mark.parametrize("service", sorted(SERVICE_FAULTS))
def test_trouble_is_what_clients_take_for_a_passing_fault(service: str) -> None:
    """botocore repeats each; SNS's throttle, which it does not know, the state machine does."""
    checkers = (ThrottledRetryableChecker(), TransientRetryableChecker())
    for answer in (kind.error for kind in SERVICE_FAULTS[service] if kind.error is not None):
        context = RetryContext(
            attempt_number=1,
            parsed_response={"Error": {"Code": answer.code}},
            http_response=SimpleNamespace(status_code=answer.status),
        )
        passes = any(checker.is_retryable(context) for checker in checkers)
        assert passes or answer.code == "Throttled", answer


def test_half_of_the_troubled_calls_stay_so_through_their_retries() -> None:
    faults = RandomFaults(1, 0.5)
    troubled = {}
    for number in range(400):
        fault = faults(call(), f"call {number}")
        if fault is not None:
            troubled[f"call {number}"] = fault
    again = RandomFaults(2, 0.0)
    again._persistent = faults._persistent
    for invocation, fault in faults._persistent.items():
        assert [again(call(), invocation) for _ in range(4)] == [fault] * 4
        assert troubled[invocation] == fault
    assert len(faults._persistent) == pytest.approx(len(troubled) / 2, rel=0.2)
    assert again.counts["s3:GetObject"] == 4 * len(faults._persistent)


def test_a_call_without_an_id_is_never_persistent() -> None:
    faults = RandomFaults(1, 1.0)
    for _ in range(20):
        faults(call(), "")
    assert faults._persistent == {}


def test_the_oldest_stubborn_call_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_faults, "REMEMBERED", 3)
    monkeypatch.setattr(service_faults, "PERSISTENT", 1.0)
    faults = RandomFaults(1, 1.0)
    for number in range(5):
        faults(call(), f"call {number}")
    assert list(faults._persistent) == ["call 2", "call 3", "call 4"]
