"""Resuming an execution: when that makes sense, where it resumes, and when it is seen."""

from __future__ import annotations

import dataclasses
import itertools
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from darkroom_ops.cli import redrive
from darkroom_ops.cli.many import Chosen
from darkroom_ops.cli.target import Target
from darkroom_ops.executions.model import Execution, read
from darkroom_ops.present.failures import WrongUse
from tests.unit.recorded import partly, recorded, recording

AWS: Any = SimpleNamespace(endpoint=None, stack="photos")


def timed_out(name: str = "complete", events: int = 9) -> Execution:
    """Return an execution that AWS ended in the midst of a state."""
    described, history = recording(name)
    ended = described | {"status": "TIMED_OUT", "output": None}
    return with_outputs(read(ended, history[:events]))


def with_outputs(execution: Execution, *, but: str = "") -> Execution:
    """Return an execution whose states have an output where they ended: recordings leave it out."""
    states = (
        dataclasses.replace(state, output="{}")
        if state.exited and not state.error and state.name != but
        else state
        for state in execution.states
    )
    return dataclasses.replace(execution, states=tuple(states))


def test_what_timed_out_or_was_aborted_can_be_resumed() -> None:
    redrive.check(AWS, timed_out())
    redrive.check(AWS, dataclasses.replace(timed_out(), status="ABORTED", states=()))


@pytest.mark.parametrize(
    ("execution", "said"),
    [
        (partly("complete", 9), "still running. Follow it with `darkroom show"),
        (recorded("complete"), "This execution succeeded: nothing is left to resume. To run it"),
        (recorded("corrupt"), "ended in the state ImageFailed. A redrive would resume there"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_helps(execution: Execution, said: str) -> None:
    with pytest.raises(WrongUse) as refused:
        redrive.check(AWS, execution)

    assert said in str(refused.value)
    again = "--follow" if execution.status == "RUNNING" else f"darkroom rerun {execution.name}"
    assert again in str(refused.value)
    assert "--stack photos" in str(refused.value)


@pytest.mark.parametrize(
    ("execution", "names"),
    [
        (timed_out(), ["Prepare"]),  # it runs still
        (with_outputs(recorded("corrupt")), ["Prepare"]),  # it failed
        (with_outputs(recorded("complete"), but="MakePdf"), ["MakePdf"]),  # it was given up
        (with_outputs(recorded("complete")), []),
        (with_outputs(recorded("duplicate")), []),  # the claim is an answer
    ],
)
def test_it_resumes_at_the_innermost_states_that_did_not_end_well(
    execution: Execution, names: list[str]
) -> None:
    fails = [state.name for state in execution.states if state.type == "Fail"]

    assert [each for each in redrive._unfinished(execution) if each not in fails] == names


class Redriven:
    """Step Functions, which says only after some looks that an execution runs again."""

    def __init__(self, *looks: dict[str, Any], error: str | None = None) -> None:
        self.looks = iter(looks)
        self.asked = 0
        self.error = error
        self.redriven: list[str] = []

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        assert executionArn in {"arn", timed_out().arn}
        self.asked += 1
        return next(self.looks)

    def redrive_execution(self, *, executionArn: str) -> None:  # noqa: N803 - boto3's
        if self.error:
            raise ClientError({"Error": {"Code": self.error, "Message": "Too old."}}, "Redrive")
        self.redriven.append(executionArn)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time that passes only in sleep: what was slept."""
    slept: list[float] = []
    monkeypatch.setattr(
        redrive,
        "time",
        SimpleNamespace(monotonic=lambda: sum(slept), sleep=slept.append),
    )
    return slept


ENDED = {"status": "TIMED_OUT", "redriveCount": 1}


@pytest.mark.parametrize(
    "seen", [{"status": "RUNNING"}, {"status": "TIMED_OUT", "redriveCount": 2}]
)
def test_a_redrive_is_waited_for_until_it_is_seen(clock: list[float], seen: dict[str, Any]) -> None:
    client = Redriven(ENDED, ENDED, seen)

    redrive._until_seen(SimpleNamespace(endpoint=None, stepfunctions=client), "arn", 1)  # type: ignore[arg-type]

    assert (client.asked, clock) == (3, [1.0, 1.0])


def test_a_redrive_that_is_never_seen_is_waited_for_ten_seconds(clock: list[float]) -> None:
    client = Redriven(*itertools.repeat(ENDED, 100))

    redrive._until_seen(SimpleNamespace(endpoint=None, stepfunctions=client), "arn", 1)  # type: ignore[arg-type]

    assert (client.asked, sum(clock)) == (10, 10)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> Any:
    """Run the command on a timed-out execution with a client; return what it passed on."""

    def run(client: Redriven, *, as_json: bool = False) -> tuple[int, str]:
        deployment = SimpleNamespace(endpoint=None, stack="photos", stepfunctions=client)
        execution = timed_out()
        shown = Console(record=True, width=100)
        monkeypatch.setattr("darkroom_ops.cli.address.connect", lambda *_: deployment)
        monkeypatch.setattr("darkroom_ops.cli.display.console", lambda: shown)
        found = SimpleNamespace(find=lambda named: f"arn of {named}", get=lambda _: execution)
        monkeypatch.setattr("darkroom_ops.executions.client.Executions", lambda _: found)
        monkeypatch.setattr(
            "darkroom_ops.cli.progress.follow_to_end", lambda *given: 7 + given[2].quiet
        )
        code = redrive.redrive(Target(stack="photos", json=as_json), "it", chosen=Chosen())
        assert client.redriven == [execution.arn]
        return code, shown.export_text()

    return run


def test_the_command_redrives_and_follows(command: Any, capsys: Any) -> None:
    first, seen = {"status": "TIMED_OUT"}, {"status": "TIMED_OUT", "redriveCount": 1}

    assert command(Redriven(first, seen)) == (7, "Resumes at Prepare; what succeeded is kept.\n")
    capsys.readouterr()
    assert command(Redriven(first, seen), as_json=True) == (8, "")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("counts", [(None, None, 1), (0, None, 1), (1, 1, 2)])
def test_the_command_waits_until_there_is_one_redrive_more(
    command: Any, counts: tuple[int | None, ...]
) -> None:
    ended = {"status": "TIMED_OUT"}
    looks = [ended if count is None else ended | {"redriveCount": count} for count in counts]
    client = Redriven(*looks)

    assert command(client)[0] == 7
    assert client.asked == len(counts)


def test_what_step_functions_does_not_resume_says_why(command: Any) -> None:
    with pytest.raises(WrongUse, match=r"cannot resume this execution: Too old\. To run it again"):
        command(Redriven({"status": "TIMED_OUT"}, error="ExecutionNotRedrivable"))
    with pytest.raises(ClientError, match="Throttled"):
        command(Redriven({"status": "TIMED_OUT"}, error="Throttled"))
