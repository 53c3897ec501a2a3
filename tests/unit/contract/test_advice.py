"""What helps after a failure: the same from the alert, the commands and the console."""

from __future__ import annotations

import dataclasses
import shlex
from types import SimpleNamespace
from typing import Any

import pytest
from darkroom.contract.advice import Action, Advice, advise, exhausted, status_failure
from darkroom.contract.errors import (
    DarkroomError,
    ImageError,
    PermanentError,
    TransientError,
    by_class,
    named,
)  # fmt: skip
from darkroom.contract.results import Failure, Report
from darkroom.notify.compose import compose

from darkroom_ops.cli import advice, redrive
from darkroom_ops.console.views.execution import failure as failure_of
from darkroom_ops.executions.model import Execution
from darkroom_ops.present.failures import WrongUse
from tests.unit.recorded import recorded

AWS: Any = SimpleNamespace(endpoint=None, stack="photos")

CAUGHT = [
    *sorted(by_class(DarkroomError)), "StatesTimeout", "Sandbox.Timedout", "Lambda.Unknown",
    "KeyError", "",
]  # fmt: skip
UNCAUGHT = [
    ("FAILED", "States.Runtime", "An expression selects nothing."),
    ("FAILED", "StorageError", "It came through in a way that nobody thought of."),
    ("FAILED", None, None),
    ("TIMED_OUT", None, None),
    ("ABORTED", "CorruptImage", "A person may give any reason."),
    ("ABORTED", None, None),
]


REQUEST = {"source": {"bucket": "photos", "key": "a.jpg", "versionId": "1"}, "pdf": "no"}


def ended(status: str, error: str | None, cause: str | None, *, caught: bool) -> Execution:
    """Return an upload's execution that ended so: in its Fail state, or amid another one."""
    found = recorded("corrupt")
    states = found.states if caught else found.states[:2]
    return dataclasses.replace(found, status=status, error=error, cause=cause, states=states)


CASES = (
    [
        pytest.param(
            ended("FAILED", error, "It is so.", caught=True),
            Failure("Prepare", error, "It is so."),
            id=f"caught-{error}",
        )
        for error in CAUGHT
    ]
    + [
        pytest.param(
            dataclasses.replace(ended("FAILED", error, "So.", caught=True), input=REQUEST),
            Failure("Prepare", error, "So."),
            id=f"request-{error}",
        )
        for error in ("InvalidRequest", "CorruptImage")
    ]
    + [
        pytest.param(
            ended(*how, caught=False), status_failure(*how), id=f"uncaught-{how[0]}-{how[1]}"
        )
        for how in UNCAUGHT
    ]
)


@pytest.mark.parametrize(("execution", "failure"), CASES)
def test_all_say_the_same_of_an_execution(execution: Execution, failure: Failure) -> None:
    uploaded = "detail-type" in execution.input
    found = advise(failure.error, caught=failure.caught, uploaded=uploaded)
    titles = [title for _, title in found.actions]
    report = Report(
        outcome=execution.status,  # type: ignore[arg-type]
        execution=execution.arn,
        state_machine=execution.arn.replace(":execution:", ":stateMachine:").rpartition(":")[0],
        started_at=execution.started.isoformat(),
        input=execution.input,
        image="any",
        failure=failure,
    )
    alert = compose(report, (), execution.started.timestamp() + 1)

    assert alert.data["advice"] == found.says
    assert f"\nTry again? {found.says}\n" in alert.email
    _, _, *parts = alert.email.split("\n\n")
    ours, aws = parts[: 2 * len(titles)], parts[-2 * len(titles) :]
    assert ours[::2] == titles
    assert [by_us(command) for command in ours[1::2]] == [a for a, _ in found.actions]
    assert aws[::2] == [f"{title[:-1]}, with the AWS CLI:" for title in titles]
    assert aws[1::2] == alert.data["commands"]
    # What is to be edited is in the command of the AWS CLI.
    done = [a.replace(" edited", "") for a, _ in found.actions]
    assert [by_aws(command) for command in alert.data["commands"]] == done

    shown = advice.advice(AWS, execution).plain.split("\n\n")
    assert shown[0] == f"Try again? {found.says}"
    assert [part.split("\n")[0] for part in shown[1:]] == titles
    assert [by_us(part.split("\n")[1]) for part in shown[1:]] == [a for a, _ in found.actions]

    told = failure_of(execution)
    assert told is not None
    assert told["advice"] == found

    if found.redrive:
        redrive.check(AWS, execution)
    else:
        with pytest.raises(WrongUse) as refused:
            redrive.check(AWS, execution)
        assert found.says in str(refused.value)
        assert all(title in str(refused.value) for title in titles)


def by_aws(command: str) -> Action:
    """Return what a command of the AWS CLI does."""
    if "redrive-execution" in command:
        return "redrive"
    assert shlex.split(command)[2] == "start-execution"
    return "rerun" if "versionId" in command else "rerun newest"


def by_us(command: str) -> Action:
    """Return what a command of ours does."""
    words = shlex.split(command)
    if words[1] == "redrive":
        return "redrive"
    assert words[1] == "rerun"
    if "--edit" in words:
        return "rerun edited"
    return "rerun newest" if "--newest" in words else "rerun"


@pytest.mark.parametrize("error", CAUGHT)
def test_what_was_caught_is_never_resumed(error: str) -> None:
    """A redrive would resume in the Fail state, and fail at once."""
    assert not advise(error, caught=True).redrive
    assert advise(error, caught=False).redrive


@pytest.mark.parametrize("error", sorted(by_class(DarkroomError)))
def test_the_answer_follows_from_the_kind_of_error(error: str) -> None:
    found, kind = advise(error, caught=True), named(error)
    assert kind is not None
    expected = ("Yes",) if issubclass(kind, TransientError) else ("No", "Only once")
    assert found.says.startswith(expected)
    ((action, title),) = found.actions
    assert (action == "rerun newest") == issubclass(kind, ImageError)
    assert (title == "To run it again:") == (not issubclass(kind, PermanentError))
    assert ("all the same" in title) == found.says.startswith("No need")


AGAIN = ("rerun", "To run it again:")
ONCE_DONE = ("rerun", "To run it again, once that is done:")
EDITED = ("rerun edited", "To run it, once its input is corrected:")
ALL_THE_SAME = ("rerun", "To run it again all the same:")
NEWEST = ("rerun newest", "To run by hand whatever lies under this key:")
PASSES = "Yes, it may help: the cause is likely to pass."


@pytest.mark.parametrize(
    ("error", "says", "action", "do"),
    [
        ("InvalidRequest",
         "No. Correct the input as the reason says, and run the corrected one.", EDITED,
         "correct the input. Don't re-run as it is"),
        ("SourceNotFound", "Only once the object is there.", ONCE_DONE,
         "upload it again"),
        ("SourceChanged", "No need: the newer upload has a run of its own.", ALL_THE_SAME,
         "nothing. A newer one runs"),
        ("SourceArchived", "Only once the object is restored.", ONCE_DONE,
         "restore it, then re-run"),
        ("UnsupportedImage",
         "No. Upload the image in a supported format; that starts a run by itself.", NEWEST,
         "upload another format. Don't re-run"),
        ("CorruptImage", "No. Upload an intact copy; that starts a run by itself.", NEWEST,
         "upload it again. Don't re-run"),
        ("ImageTooLarge", "No. Upload a smaller copy; that starts a run by itself.", NEWEST,
         "upload a smaller copy. Don't re-run"),
        ("AccessDenied", "Only once the permission is corrected.", ONCE_DONE,
         "permit it, then re-run"),
        ("Superseded", "No need: the newer run has an outcome of its own.", ALL_THE_SAME,
         "nothing. A newer one runs"),
        ("NotificationFailed",
         "No need. Look at the notifications topic and its permissions.", ALL_THE_SAME,
         "check the topic. Don't re-run"),
        ("StorageError", PASSES, AGAIN,
         "re-run it"),
        ("DeliveryError", PASSES, AGAIN,
         "re-run it"),
        ("KeyError", PASSES, AGAIN,
         "re-run it"),
        ("", PASSES, AGAIN,
         "re-run it"),
    ],
)  # fmt: skip
def test_the_advice_is_what_helps(error: str, says: str, action: tuple[str, str], do: str) -> None:
    found = advise(error, caught=True)
    assert (found.says, found.actions, found.do) == (says, (action,), do)


def test_an_upload_asks_for_nothing_so_the_deployed_presets_are_wrong() -> None:
    assert advise("InvalidRequest", caught=True, uploaded=True) == Advice(
        "Only once the deployed presets are corrected, as the reason says.",
        (ONCE_DONE,),
        "correct the presets, then re-run",
    )
    assert advise("CorruptImage", caught=True, uploaded=True) == advise("CorruptImage", caught=True)


def test_what_nothing_caught_is_resumed_or_run_again() -> None:
    assert advise("CorruptImage", caught=False) == Advice(
        "Yes: resume it where it stopped, or run it again from the start.",
        (
            ("redrive", "To resume it where it stopped:"),
            ("rerun", "To run it again from the start:"),
        ),
        "redrive it",
    )


STOPPED = "Somebody, or a program, stopped the execution."
BROKE = "The workflow itself failed, outside of any step's error handling."
OVER = "The execution as a whole did not finish in its time."


@pytest.mark.parametrize(
    ("given", "failure"),
    [
        (("TIMED_OUT", None, None), ("ExecutionTimedOut", OVER)),
        (("TIMED_OUT", "States.Timeout", "It was late."), ("ExecutionTimedOut", OVER)),
        (("ABORTED", None, None), ("ExecutionAborted", STOPPED)),
        (("ABORTED", "Test", None), ("ExecutionAborted", f"{STOPPED} They said: Test.")),
        (("ABORTED", None, "Plan X."), ("ExecutionAborted", f"{STOPPED} They said: Plan X.")),
        (("FAILED", "States.Runtime", "No."), ("StatesRuntime", f"{BROKE} States.Runtime: No.")),
        (("FAILED", "Odd", None), ("Odd", f"{BROKE} Odd")),
        (("FAILED", None, None), ("StatesRuntime", BROKE)),
    ],
)
def test_an_end_as_a_whole_is_put_into_words(
    given: tuple[str, str | None, str | None], failure: tuple[str, str]
) -> None:
    found = status_failure(*given)
    assert (found.error, found.message) == failure
    assert (found.state, found.caught) == ("unknown", False)


def test_a_long_cause_is_cut() -> None:
    assert len(status_failure("FAILED", "E", "x" * 2000).message) == 1000


TIME = ["States.Timeout", "StatesTimeout", "Sandbox.Timedout"]
MEMORY = ["Runtime.ExitError", "Runtime.OutOfMemory", "Lambda.Unknown"]


@pytest.mark.parametrize("error", TIME + MEMORY)
def test_what_the_workflow_tried_twice_is_not_just_run_again(error: str) -> None:
    found = advise(error, caught=True)

    assert found.says.startswith("Not as it is: the workflow has tried again itself. Upload a")
    assert "where a rendition was made, ask for a smaller one" in found.says  # not of a PDF
    assert "MemorySize" in found.says
    assert ("AVIF" in found.says) == (error in TIME)
    assert found.actions == (("rerun", "To run it again, once that is done:"),)


@pytest.mark.parametrize(
    ("error", "facts", "says"),
    [
        ("States.Timeout", {}, "Resize did not finish in its time, in 1 attempt."),
        (
            "States.Timeout",
            {"item": "large (9 x 9, AVIF)", "limit": 120, "attempts": 2},
            "Resize of large (9 x 9, AVIF) did not finish within 120 s, in each of 2 attempts.",
        ),
        (
            "Sandbox.Timedout",
            {"cause": "RequestId: 1 Error: Task timed out after 60.00 seconds", "limit": 120},
            "Resize did not finish within 60 s, in 1 attempt.",
        ),
        (
            "Runtime.ExitError",
            {"attempts": 2, "memory": "used 1280 of 1280 MB", "limit": 120},
            (
                "Resize ran out of memory, or its process died, in each of 2 attempts. It used "
                "1280 of 1280 MB."
            ),
        ),
        (
            "Lambda.Unknown",
            {},
            "Resize ran out of memory, or its process died, in 1 attempt.",
        ),
        ("CorruptImage", {"limit": 120}, None),
    ],
)
def test_what_ran_out_is_said_with_its_figures(
    error: str, facts: dict[str, Any], says: str | None
) -> None:
    assert exhausted(error, step="Resize", **facts) == says


def test_another_file_helps_where_the_file_was_at_fault() -> None:
    helped = {error for error in CAUGHT if advise(error, caught=True).upload}
    assert helped == {*by_class(ImageError), "SourceNotFound"}
    assert not advise("CorruptImage", caught=False).upload
