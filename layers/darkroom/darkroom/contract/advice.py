"""What helps after a failure. Messages, commands and the console all say it from here."""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from darkroom.contract import errors
from darkroom.contract.errors import DarkroomError
from darkroom.contract.formats import format_name
from darkroom.contract.results import Failure

Action = Literal["redrive", "rerun", "rerun newest", "rerun edited"]
"""Resume the execution; run its request again; run whatever lies under its key by then; run what a
person makes of its request."""

STATUS_ERRORS = {"TIMED_OUT": "ExecutionTimedOut", "ABORTED": "ExecutionAborted"}
"""The error of an execution that ended as a whole, by its status."""

STATUS_REASONS = {
    "TIMED_OUT": "The execution as a whole did not finish in its time.",
    "ABORTED": "Somebody, or a program, stopped the execution.",
}
"""Why an execution ended that no state of it ended, by its status."""

UNCAUGHT = "unknown"
"""The state of a failure that no Catch saw."""


class Advice(Struct, frozen=True):
    """The answer to "Try again?", in words, and the commands that help, the best first."""

    says: str
    actions: tuple[tuple[Action, str], ...]
    do: str = ""  # the same in an SMS: what to do, and behind a full stop what may be left out
    upload: bool = False  # another file under the same key is what helps

    @property
    def redrive(self) -> bool:
        """Whether resuming the execution is of use."""
        return any(action == "redrive" for action, _ in self.actions)


_RESUME = Advice(
    "Yes: resume it where it stopped, or run it again from the start.",
    (
        ("redrive", "To resume it where it stopped:"),
        ("rerun", "To run it again from the start:"),
    ),
    "redrive it",
)
_RERUN: tuple[Action, str] = ("rerun", "To run it again:")
_ONCE_DONE: tuple[Action, str] = ("rerun", "To run it again, once that is done:")
_ALL_THE_SAME: tuple[Action, str] = ("rerun", "To run it again all the same:")
_EDITED: tuple[Action, str] = ("rerun edited", "To run it, once its input is corrected:")
_NEWEST: tuple[Action, str] = ("rerun newest", "To run by hand whatever lies under this key:")

_BY_ERROR: dict[type[DarkroomError], tuple[str, tuple[Action, str], str]] = {
    DarkroomError: ("Yes, it may help: the cause is likely to pass.", _RERUN, "re-run it"),
    errors.InvalidRequest: (
        "No. Correct the input as the reason says, and run the corrected one.", _EDITED,
        "correct the input. Don't re-run as it is",
    ),
    errors.SourceNotFound: ("Only once the object is there.", _ONCE_DONE, "upload it again"),
    errors.SourceChanged: (
        "No need: the newer upload has a run of its own.", _ALL_THE_SAME,
        "nothing. A newer one runs",
    ),
    errors.SourceArchived: (
        "Only once the object is restored.", _ONCE_DONE, "restore it, then re-run",
    ),
    errors.UnsupportedImage: (
        "No. Upload the image in a supported format; that starts a run by itself.", _NEWEST,
        "upload another format. Don't re-run",
    ),
    errors.CorruptImage: (
        "No. Upload an intact copy; that starts a run by itself.", _NEWEST,
        "upload it again. Don't re-run",
    ),
    errors.ImageTooLarge: (
        "No. Upload a smaller copy; that starts a run by itself.", _NEWEST,
        "upload a smaller copy. Don't re-run",
    ),
    errors.AccessDenied: (
        "Only once the permission is corrected.", _ONCE_DONE, "permit it, then re-run",
    ),
    errors.Superseded: (
        "No need: the newer run has an outcome of its own.", _ALL_THE_SAME,
        "nothing. A newer one runs",
    ),
    errors.NotificationFailed: (
        "No need. Look at the notifications topic and its permissions.", _ALL_THE_SAME,
        "check the topic. Don't re-run",
    ),
}  # fmt: skip

_WRONG_PRESETS = Advice(
    "Only once the deployed presets are corrected, as the reason says.",
    (_ONCE_DONE,),
    "correct the presets, then re-run",
)


def options(action: Action) -> tuple[str, ...]:
    """Return the options of `darkroom rerun` that an action takes."""
    return {"rerun newest": ("--newest",), "rerun edited": ("--edit",)}.get(action, ())


OUT_OF_TIME = {"States.Timeout", "StatesTimeout", "Sandbox.Timedout"}
OUT_OF_MEMORY = {"Runtime.ExitError", "Runtime.OutOfMemory", "Lambda.Unknown"}
_EXHAUSTED = {
    **dict.fromkeys(
        OUT_OF_TIME,
        "Not as it is: the workflow has tried again itself. Upload a smaller copy; or, where a "
        "rendition was made, ask for a smaller one, or JPEG or WebP in place of AVIF; or raise "
        "the function's MemorySize, and with it its share of a processor.",
    ),
    **dict.fromkeys(
        OUT_OF_MEMORY,
        "Not as it is: the workflow has tried again itself. Upload a smaller copy; or, where a "
        "rendition was made, ask for a smaller one; or raise the function's MemorySize.",
    ),
}
"""What helps after errors that are retried once, since time or memory ran out."""


def item_of(task: object) -> str:
    """Return what a step's input asks it to make, as ``large (4000 x 3000, AVIF)``, if anything."""
    asked = task.get("rendition") if isinstance(task, dict) else None
    if not isinstance(asked, dict) or not isinstance(asked.get("name"), str):
        return ""
    size = f"{asked.get('width')} x {asked.get('height')}"
    return f"{asked['name']} ({size}, {format_name(str(asked.get('format')))})"


_TIMED_OUT = re.compile(r"timed out after ([\d.]+) seconds")


def exhausted(
    error: str,
    *,
    step: str,
    item: str = "",
    cause: str = "",
    limit: int | None = None,
    attempts: int = 1,
    memory: str = "",
) -> str | None:
    """Say what ran out of time or memory, and after how much; None when it was another error.

    The item is what the step made, the limit its seconds, and memory what it used and was allowed.
    A function's own limit is in Lambda's cause.
    """
    what = f"{step} of {item}" if item else step
    tries = "1 attempt" if attempts == 1 else f"each of {attempts} attempts"
    if error in OUT_OF_TIME:
        said = _TIMED_OUT.search(cause)
        seconds = f"{float(said[1]):g}" if said else limit
        within = f"within {seconds} s" if seconds else "in its time"
        return f"{what} did not finish {within}, in {tries}."
    if error in OUT_OF_MEMORY:
        used = f" It {memory}." if memory else ""
        return f"{what} ran out of memory, or its process died, in {tries}.{used}"
    return None


def advise(error: str, *, caught: bool, uploaded: bool = False) -> Advice:
    """Return what helps after a failure, by its error's name.

    `uploaded` says whether an upload's event was the input. It asks for nothing: what is invalid
    then are the deployed presets.
    `caught` says whether the workflow handled it, recorded it and ended in a Fail state: a redrive
    would resume there and fail at once (Step Functions guide, redriving). Otherwise a redrive
    resumes where the execution stopped.
    """
    if not caught:
        return _RESUME
    if error in _EXHAUSTED:
        return Advice(_EXHAUSTED[error], (_ONCE_DONE,), "upload a smaller copy. Don't re-run")
    found = errors.named(error) or DarkroomError
    if uploaded and found is errors.InvalidRequest:
        return _WRONG_PRESETS
    says, action, do = _BY_ERROR.get(found, _BY_ERROR[DarkroomError])
    upload = issubclass(found, (errors.ImageError, errors.SourceNotFound))
    return Advice(says, (action,), do, upload)


def status_failure(status: str, error: str | None, cause: str | None) -> Failure:
    """Put into words why an execution ended as a whole: TIMED_OUT, ABORTED or FAILED.

    Error and cause are those of DescribeExecution.
    """
    reason = STATUS_REASONS.get(
        status, "The workflow itself failed, outside of any step's error handling."
    )
    if details := ": ".join(part for part in (error, cause) if part):
        reason += f" They said: {details.rstrip('.')}." if status == "ABORTED" else ""
        reason += f" {details}" if status == "FAILED" else ""
    name = STATUS_ERRORS.get(status, error or "States.Runtime")
    # A custom error name must not begin with "States." (Amazon States Language, Errors).
    return Failure(UNCAUGHT, name.replace("States.", "States"), reason[:1000], caught=False)
