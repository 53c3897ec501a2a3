"""Saying what went wrong: what was expected, what came, what to do. Never a traceback."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Iterator

import typer

from darkroom_ops.present.words import plain, wrapped

FAILED = 1
"""Exit code when an execution failed, or a check found something."""

WRONG_USE = 2
"""Exit code when nothing could be tried: wrong use, bad input, no engine."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


class WrongUse(Exception):
    """The command cannot do what it was asked; the message says why and what to do."""


class LeftRunning(Exception):
    """The user went away while an execution runs on; the message says how to look at it."""


@contextlib.contextmanager
def explained(*, as_json: bool = False) -> Iterator[None]:
    """Turn an error that a person can correct into a message and an exit code.

    As JSON, it is said on standard output as ``{"error": …, "message": …}``, where the result would
    have been; otherwise in words on standard error.
    """
    try:
        yield
    except BrokenPipeError:
        # The reader of a pipe has gone, as `head` does: nobody reads on.
        with contextlib.suppress(OSError):
            sys.stdout.close()
        raise typer.Exit(0) from None
    except LeftRunning as left:
        _say("LeftRunning", str(left), f"\n{left}", as_json=as_json)
        raise typer.Exit(INTERRUPTED) from None
    except (KeyboardInterrupt, typer.Abort):  # Abort is Ctrl-C at a question
        _say("Interrupted", "Stopped.", "\ndarkroom: stopped.", as_json=as_json)
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        words = explain(error)
        if words is None:
            raise
        _say(_name(error), words, f"darkroom: {plain(words)}", as_json=as_json)
        raise typer.Exit(WRONG_USE) from None


def _say(name: str, message: str, text: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"error": name, "message": message}))
    else:
        say(text)


def say(text: str) -> None:
    """Print on standard error: at a terminal in lines of its width, elsewhere as it is."""
    if sys.stderr.isatty():
        text = wrapped(text, shutil.get_terminal_size().columns)
    print(text, file=sys.stderr)


def _name(error: Exception) -> str:
    """Return what programs know an error by: AWS's code, or the class."""
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return str(code or type(error).__name__)


def explain(error: Exception) -> str | None:
    """Return an error in words, or None when it is a bug of ours."""
    # Imported here so that `darkroom --help` does not load boto3.
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError
    from botocore.exceptions import ConnectionError as NoConnection
    from darkroom.contract.errors import DarkroomError

    from darkroom_ops.deployment import NotDeployed
    from darkroom_ops.executions.client import NoSuchExecution

    if isinstance(error, (WrongUse, NotDeployed, NoSuchExecution)):
        return str(error)
    if isinstance(error, DarkroomError):
        return f"{type(error).__name__}: {error}"
    if _name(error) == "StateMachineTypeNotSupported":
        return (
            "This stack runs Express workflows, which keep neither a list of executions nor their "
            "history: none can be followed, shown, run again or stopped. Upload images with `aws "
            "s3 cp`; `darkroom doctor`, `dlq` and `presets` work, and the state machine's log "
            "group has each step. For all commands, deploy the stack with WorkflowType=STANDARD."
        )
    advice: dict[type[Exception], str] = {
        NoConnection: "{} Is the engine still running? Start it with `darkroom up`, or name "
        "another with --endpoint.",
        NoCredentialsError: "Expected AWS credentials, but found none. Set them as for the AWS "
        "CLI (`aws configure`), or leave --stack out to use the local engine.",
        NoRegionError: "Expected an AWS region, but found none. Set AWS_DEFAULT_REGION.",
        ClientError: "AWS refused: {}.",
        BotoCoreError: "AWS cannot be reached: {}.",
    }
    for kind, words in advice.items():
        if isinstance(error, kind):
            return words.format(str(error).rstrip("."))
    return None
