"""What the template sets in a function's environment, checked when the function starts.

A missing or impossible setting is a fault of the deployment: the function does not start, and the
message names the variable.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from darkroom.contract.limits import Limits


class PrepareSettings(Struct, frozen=True):
    """Environment of Prepare."""

    source_bucket: str
    work_bucket: str
    presets_parameter: str


class OutputSettings(Struct, frozen=True):
    """Environment of Resize and MakePdf."""

    output_bucket: str


class BackupOriginalSettings(Struct, frozen=True):
    """Environment of BackupOriginal."""

    backup_bucket: str


class NotifySettings(Struct, frozen=True):
    """Environment of Notify: ARNs of the topics, names, and the runbook's address.

    And how long alerts like one that went out wait for a summary, and what sends that.
    """

    notifications_topic: str
    alerts_topic: str
    images_table: str
    source_bucket: str
    output_bucket: str
    stack: str
    runbook: str
    summary_seconds: int
    summary_machine: str


class StartSettings(Struct, frozen=True):
    """Environment of Start.

    The state machine's ARN and type, how many images at once, and the URL of the buffer's queue.
    """

    state_machine: str
    workflow_type: Literal["STANDARD", "EXPRESS"]
    concurrency: int
    buffer_queue: str


SettingsT = TypeVar("SettingsT", bound=Struct)


def from_environment(
    model: type[SettingsT], *, prefix: str = "", environ: Mapping[str, str] | None = None
) -> SettingsT:
    """Read settings from environment variables named like the model's fields, in upper case.

    The prefix, as ``LIMIT_``, precedes each name; fields that are not set keep their defaults. A
    RuntimeError names the variable that is missing or wrong.
    """
    environ = os.environ if environ is None else environ
    names = {field: f"{prefix}{field.upper()}" for field in model.__struct_fields__}
    given = {field: environ[name] for field, name in names.items() if name in environ}
    try:
        return msgspec.convert(given, model, strict=False)
    except msgspec.ValidationError as error:
        text = str(error)
        for field, name in names.items():
            text = text.replace(f"`$.{field}`", f"`{name}`").replace(f"`{field}`", f"`{name}`")
        raise RuntimeError(f"The function's environment is wrong: {text}") from None


def limits() -> Limits:
    """Return the deployment's limits: ``LIMIT_MAX_PIXELS`` and its like, or the defaults."""
    return from_environment(Limits, prefix="LIMIT_")
