"""ARNs: taken apart, put together, and found in text."""

from __future__ import annotations

import pytest
from darkroom.contract.arns import console_url, execution_arn, find_execution, parse

MACHINE = "arn:aws-cn:states:cn-north-1:123456789012:stateMachine:darkroom"
RUN = "arn:aws-cn:states:cn-north-1:123456789012:execution:darkroom:run-1"


def test_an_execution_s_arn_is_taken_apart() -> None:
    found = parse(RUN)
    assert (found.partition, found.service, found.region) == ("aws-cn", "states", "cn-north-1")
    assert (found.account, found.resource) == ("123456789012", "execution:darkroom:run-1")
    assert found.name == "run-1"


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        ("arn:aws:sqs:us-east-1:123456789012:queue", "queue"),
        ("arn:aws:lambda:us-east-1:123456789012:function:resize", "resize"),
        ("arn:aws:s3:::bucket", "bucket"),
    ],
)
def test_a_resource_s_name_is_its_last_part(arn: str, name: str) -> None:
    assert parse(arn).name == name


@pytest.mark.parametrize("text", ["", "run-1", "arn:aws:states"])
def test_what_is_no_arn_is_refused(text: str) -> None:
    with pytest.raises(TypeError):
        parse(text)


def test_an_execution_is_named_after_its_state_machine() -> None:
    assert execution_arn(MACHINE, "run-1") == RUN


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (RUN, RUN),
        (f"see https://console/#/v2/executions/details/{RUN}?tab=1", RUN),
        (f'"{RUN}", "{RUN}2"', RUN),
        (f"{RUN}: it failed", RUN),
        (MACHINE, None),
        (f"{MACHINE}:live", None),  # an alias
        ("run-1", None),
    ],
)
def test_an_execution_is_found_in_text(text: str, found: str | None) -> None:
    assert find_execution(text) == found


def test_the_console_s_address_holds_nothing_that_could_end_it() -> None:
    assert console_url(RUN) == (
        "https://cn-north-1.console.aws.amazon.com/states/home?region=cn-north-1"
        f"#/v2/executions/details/{RUN}"
    )
    assert console_url(f"{RUN} é").endswith(":run-1%20%C3%A9")
