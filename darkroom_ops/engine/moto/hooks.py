"""Every hook, put in place while an engine runs."""

from __future__ import annotations

from moto.core.config import default_user_config

from darkroom_ops.engine.moto import (
    cloudformation,
    dynamodb,
    events,
    hook,
    iam,
    items,
    kms,
    lambda_,
    logs,
    objects,
    s3,
    server,
    sns,
    sqs,
)
from darkroom_ops.engine.moto.stepfunctions import definitions, ended, executions, responses, tasks

MODULES = (
    cloudformation,
    dynamodb,
    events,
    iam,
    items,
    kms,
    lambda_,
    logs,
    objects,
    s3,
    server,
    sns,
    sqs,
    definitions,
    ended,
    executions,
    responses,
    tasks,
)
"""Importing them registered their hooks."""

MISSING = object()


def install(services: hook.Services) -> None:
    """Put every hook in place; moto's state is the process's, so a second engine is an error."""
    if hook.running is not None:
        raise RuntimeError("An engine already runs in this process: close it first.")
    hook.running = services
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    for each in hook.HOOKS:
        each.original = vars(each.owner).get(each.attribute, MISSING)
        setattr(each.owner, each.attribute, each.replacement)


def uninstall() -> None:
    """Give moto back as it was."""
    for each in hook.HOOKS if hook.running else ():
        if each.original is MISSING:
            delattr(each.owner, each.attribute)
        else:
            setattr(each.owner, each.attribute, each.original)
    default_user_config["stepfunctions"] = {"execute_state_machine": False}
    hook.running = None
