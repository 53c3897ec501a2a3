"""ARNs of AWS: taken apart, put together, and found in text."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote

# An execution's name has none of these characters (StartExecution, API reference).
NAME = r'[^\s<>{}\[\]?*"#%\\^|~`$&,;:/]+'
_EXECUTION = re.compile(rf"arn:[\w-]+:states:[\w-]*:\d*:execution:{NAME}:{NAME}")


class Arn(NamedTuple):
    """The parts of an ARN (AWS General Reference, "Amazon Resource Names")."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @property
    def name(self) -> str:
        """The last part of the resource: an execution's, a function's, a queue's name."""
        return self.resource.rpartition(":")[2]


def parse(arn: str) -> Arn:
    """Take an ARN apart; a TypeError where it is none."""
    return Arn(*arn.split(":", 5)[1:])


def execution_arn(state_machine: str, name: str) -> str:
    """Return the ARN of a state machine's execution (Standard)."""
    return f"{state_machine.replace(':stateMachine:', ':execution:')}:{name}"


def find_execution(text: str) -> str | None:
    """Return the first ARN of an execution that a text holds, as a console address does."""
    match = _EXECUTION.search(text)
    return match[0] if match else None


def console_url(execution: str) -> str:
    """Return the address of an execution's page in the AWS console."""
    region, arn = parse(execution).region, quote(execution, safe=":/")
    return (
        f"https://{region}.console.aws.amazon.com/states/home?region={region}"
        f"#/v2/executions/details/{arn}"
    )
