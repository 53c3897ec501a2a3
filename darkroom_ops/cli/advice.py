"""Why an execution failed, whether trying it again helps, and the commands for it."""

from __future__ import annotations

from darkroom.contract.advice import Action, options
from rich.text import Text

from darkroom_ops import logs
from darkroom_ops.cli import address
from darkroom_ops.deployment import Deployment
from darkroom_ops.executions.model import Execution
from darkroom_ops.present import words
from darkroom_ops.present.outcomes import error_of
from darkroom_ops.present.reasons import advised, reason


def failure(deployment: Deployment, execution: Execution) -> Text:
    """Return why an execution failed, in words."""
    state = execution.failed_state
    text = Text().append(words.plain(error_of(execution)), "red")
    text.append(f" in step {state.name}" if state else "")
    cause = reason(execution, logs.memory(deployment, execution))
    text.append(f"\n{words.plain(cause)}" if cause else "")
    return text


def command(deployment: Deployment, execution: Execution, action: Action) -> str:
    """Return the command that does what helps after a failure."""
    name, *_ = action.split()
    return address.command(deployment, name, execution.name, *options(action))


def advice(deployment: Deployment, execution: Execution) -> Text:
    """Return whether trying a failed execution again helps, and the commands for it."""
    helps = advised(execution)
    text = Text(f"Try again? {helps.says}")
    for action, title in helps.actions:
        text.append(f"\n\n{title}\n")
        text.append(words.plain(command(deployment, execution, action)), "bold")
    return text
