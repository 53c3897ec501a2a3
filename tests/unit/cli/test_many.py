"""Many at once: told before, told after, and nothing half done without saying so."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from darkroom_ops import many
from darkroom_ops.executions.model import read
from tests.unit.cli.conftest import ARN, NOON, darkroom, listed

RUNNING: dict[str, Any] = {"status": "RUNNING", "outcome": None}
MINUTE = datetime.timedelta(minutes=1)


class Stack:
    """The executions of a stack, and what was done to them."""

    def __init__(self, executions: Any) -> None:
        self.executions = executions
        self.done: list[tuple[str, str]] = []
        self.refused: set[str] = set()
        """The names of executions to which nothing can be done."""
        self.unreachable: set[str] = set()
        """The names of those at which the network fails."""
        self.records: dict[str, str] = {}
        """The execution that a record names, by its image."""
        at = executions.deployment
        at.stepfunctions = SimpleNamespace(
            start_execution=self._start, stop_execution=self._stop, redrive_execution=self._redrive
        )
        at.source_bucket_name, at.output_bucket_name = "bucket", "outputs"
        at.images_table_name = "images"
        at.dynamodb = SimpleNamespace(batch_get_item=self._records)
        executions.find = lambda name: name if ":" in name else ARN + name

    def add(self, name: str, *, caught: bool = True, **changed: Any) -> Any:
        failed = {"outcome": "FAILED", "status": "FAILED", "error": "StorageError"}
        each = listed(name, **(failed | changed))
        source = {"bucket": "bucket", "key": f"uploads/{name}.jpg"}
        described = {
            "executionArn": each.arn, "name": name, "status": each.status, "startDate": NOON,
            "input": json.dumps({"source": source} if each.source else 5),
        }  # fmt: skip
        whole = read(described, [])
        self.executions.whole[each.arn] = SimpleNamespace(
            **{n: getattr(whole, n) for n in ("arn", "name", "input", "status", "outcome")},
            error=each.error, source=each.source, started=NOON, stopped=NOON, seconds=1.0,
            caught=caught, states=(),
        )  # fmt: skip
        self.executions.items.append(each)
        return each

    def _do(self, what: str, name: str) -> None:
        if name in self.refused:
            raise ClientError({"Error": {"Code": "Throttling", "Message": "too much"}}, what)
        if name in self.unreachable:
            raise EndpointConnectionError(endpoint_url="https://states")
        self.done.append((what, name))

    def _start(self, **given: str) -> dict[str, str]:
        key = json.loads(given["input"])["source"]["key"]
        name = key.rpartition("/")[2].removesuffix(".jpg")
        self._do("rerun", name)
        return {"executionArn": f"{ARN}again-{name}"}

    def _stop(self, *, executionArn: str, error: str, cause: str) -> None:  # noqa: N803
        assert error == "Stopped"
        assert executionArn.startswith(ARN)
        self._do(f"stop: {cause}", executionArn.removeprefix(ARN))

    def _redrive(self, *, executionArn: str) -> None:  # noqa: N803
        assert executionArn.startswith(ARN)
        self._do("redrive", executionArn.removeprefix(ARN))

    def _records(self, *, RequestItems: Any) -> Any:  # noqa: N803
        images = [key["image"]["S"] for key in RequestItems["images"]["Keys"]]
        return {
            "Responses": {
                "images": [
                    {"image": {"S": image}, "execution": {"S": self.records[image]}}
                    for image in images
                    if image in self.records
                ]
            }
        }


@pytest.fixture
def stack(executions: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stack:
    monkeypatch.setenv("DARKROOM_HOME", str(tmp_path / "not" / "yet"))
    return Stack(executions)


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_dry_run_tells_what_would_be_done_and_does_nothing(stack: Stack) -> None:
    stack.add("a")
    stack.add("0123456789ab")
    stack.add("b", error="CorruptImage")
    stack.add("c", status="SUCCEEDED", outcome="COMPLETE", error=None)

    code, text = darkroom("rerun", "--status", "failed", "--error", "StorageError", "--dry-run")

    assert (code, stack.done) == (0, [])
    assert lines(text) == [
        "2 executions to be run again, about $0.50 on AWS if all succeed",
        "a uploads/a.jpg StorageError",
        "01234567 uploads/0123456789ab.jpg StorageError",
        "Nothing is done: this is a dry run.",
    ]


def test_a_plan_gives_its_reasons_the_most_frequent_first() -> None:
    skipped = tuple((listed(why), why[0]) for why in ("a", "b1", "b2"))

    assert many.Plan("stop", (), skipped, 0.0).reasons == [("b", 2), ("a", 1)]


def test_a_plan_says_of_which_nothing_better_can_come(stack: Stack) -> None:
    for name, error in (("a", "StorageError"), ("b", "CorruptImage"), ("c", "CorruptImage")):
        stack.add(name, error=error)

    _, text = darkroom("rerun", "--status", "failed", "--dry-run")

    assert lines(text)[-2] == (
        "2 of them failed with CorruptImage, and will again: only a corrected file helps. "
        "Upload that under the same key."
    )
    _, text = darkroom("rerun", "--error", "StorageError", "--dry-run")
    assert "corrected" not in text
    stack.add("d", error="CorruptImage", status="TIMED_OUT", caught=False)
    _, text = darkroom("redrive", "--status", "failed", "--dry-run")
    assert "1 execution to be redriven" in text
    assert "corrected" not in text


def test_each_image_is_run_again_once_and_not_if_a_later_run_has_it(stack: Stack) -> None:
    stack.add("a")
    old = stack.add("old", started=NOON - MINUTE)
    stack.executions.items[-1] = old = listed(
        "old", "FAILED", status="FAILED", started=NOON - MINUTE,
        source=stack.executions.items[0].source,
    )  # fmt: skip
    over, mine = stack.add("over"), stack.add("mine")
    stack.add("running", **RUNNING)
    stack.add("nameless", source=None)
    stack.records = {
        f"bucket/{over.source.key}": f"{ARN}later",
        f"bucket/{mine.source.key}": mine.arn,
    }

    code, text = darkroom("rerun", "--match", "", "--since", "2020-01-01", "--yes", "--json")

    found = json.loads(text)
    assert code == 0
    assert stack.done == [("rerun", "a"), ("rerun", "mine")]
    assert [each["result"] for each in found["done"]] == [f"{ARN}again-a", f"{ARN}again-mine"]
    assert {each["execution"]: each["why"] for each in found["skipped"]} == {
        old.arn: "older than another one of the same image",
        over.arn: "taken over by a later run",
        f"{ARN}running": "still running",
        f"{ARN}nameless": "without an image in the input",
    }
    assert (found["left"], found["command"], found["cost_usd"]) == ([], None, 0.5)


@pytest.mark.parametrize(
    ("status", "record", "again"),
    [
        ("FAILED", f"{ARN}later", False),
        ("TIMED_OUT", f"{ARN}later", False),
        ("SUCCEEDED", f"{ARN}later", True),  # who asks for that wants it anew
        ("FAILED", "", True),
    ],
)
def test_what_a_later_run_has_taken_over(
    stack: Stack, status: str, record: str, again: bool
) -> None:
    one = stack.add("a", status=status)
    stack.records = {f"bucket/{one.source.key}": record}

    assert darkroom("rerun", "--since", "2020-01-01", "--yes")[0] == 0

    assert stack.done == [("rerun", "a")] * again


def test_what_could_not_be_done_is_told_with_the_command_that_goes_on(
    stack: Stack, tmp_path: Path
) -> None:
    for name in "abc":
        stack.add(name)
    stack.refused = {"b"}

    code, text = darkroom("rerun", "--status", "failed", "--yes")

    assert (code, stack.done) == (1, [("rerun", "a"), ("rerun", "c")])
    left = tmp_path / "not" / "yet" / "left-to-rerun.txt"
    assert lines(text)[-2:] == [
        "2 executions run again.",
        f"1 could not be. To go on with these: darkroom rerun --from {left} --stack photos",
    ]
    stack.refused = set()
    code, text = darkroom("rerun", "--from", str(left), "--yes")
    assert (code, stack.done[2:]) == (0, [("rerun", "b")])


def test_when_nothing_works_the_rest_is_not_tried(stack: Stack) -> None:
    names = [f"n{number}" for number in range(many.IN_A_ROW + 3)]
    for name in names:
        stack.add(name)
    stack.refused = {*names} - {"n1"}  # the first failure is not in a row with the others

    code, text = darkroom("rerun", "--status", "failed", "--yes")

    assert (code, stack.done) == (1, [("rerun", "n1")])
    assert "6 could not be. 1 not tried." in text


def test_what_cannot_be_done_to_some_is_done_to_the_others(stack: Stack) -> None:
    invalid = stack.add("invalid")
    stack.executions.whole[invalid.arn].input["presets"] = 5
    for name in ("unreachable", "refused", "good"):
        stack.add(name)
    stack.unreachable, stack.refused = {"unreachable"}, {"refused"}

    code, text = darkroom("rerun", "--status", "failed", "--yes", "--json")

    why = {each["execution"].removeprefix(ARN): each["error"] for each in json.loads(text)["done"]}
    assert (code, stack.done) == (1, [("rerun", "good")])
    assert "presets" in why["invalid"]
    assert "https://states" in why["unreachable"]
    assert "too much" in why["refused"]
    assert why["good"] is None


@pytest.mark.parametrize(
    "words",
    [
        ("--status", "timed_out"),
        ("--error", "StorageError"),
        ("--step", "Resize"),
        ("--since", "2026-01-31T11:00Z"),
        ("--prefix", "uploads/a"),
        ("--prefix", "s3://bucket/uploads/a"),
        ("--match", "A.jpg"),
    ],
)
def test_each_option_alone_says_which_are_meant(stack: Stack, words: tuple[str, ...]) -> None:
    stack.add("a", status="TIMED_OUT", step="Resize")
    stack.add("b", error="CorruptImage", step="Prepare", started=NOON - 60 * MINUTE - MINUTE)

    assert darkroom("rerun", *words, "--yes")[0] == 0

    assert stack.done == [("rerun", "a")]


def test_who_stops_it_hears_what_was_done_and_how_to_go_on(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        stack.add(name)
    carry_out = many.carry_out

    def interrupted(*given: Any) -> Iterator[Any]:
        yield next(carry_out(*given))
        raise KeyboardInterrupt

    monkeypatch.setattr(many, "carry_out", interrupted)

    code, text = darkroom("rerun", "--status", "failed", "--yes")

    assert (code, stack.done) == (130, [("rerun", "a")])
    assert "1 execution run again." in text
    assert "2 not tried. To go on with these: darkroom rerun --from" in text


def test_many_stops_need_a_reason_and_carry_it(stack: Stack) -> None:
    stack.add("a", **RUNNING, error=None)
    stack.add("b")

    assert darkroom("stop", "--prefix", "uploads/", "--reason", " ", "--yes")[0] == 2
    assert stack.done == []
    code, text = darkroom("stop", "--prefix", "uploads/", "--reason", "wrong folder", "--yes")

    assert (code, stack.done) == (0, [("stop: wrong folder", "a")])
    assert "1 left out: already ended" in lines(text)


def test_only_what_can_be_resumed_is(stack: Stack) -> None:
    stack.add("timed-out", status="TIMED_OUT", caught=False)
    stack.add("caught")
    stack.add("running", **RUNNING)
    stack.add("fine", status="SUCCEEDED", outcome="COMPLETE", error=None)

    code, text = darkroom("redrive", "--since", "2020-01-01", "--yes")

    assert (code, stack.done) == (0, [("redrive", "timed-out")])
    assert lines(text)[0] == "1 execution to be redriven, about $0.25 on AWS if all succeed"
    assert lines(text)[-1] == "1 execution redriven."
    assert {line for line in lines(text) if "left out" in line} == {
        "1 left out: the workflow caught the failure, so only a re-run helps",
        "1 left out: still running",
        "1 left out: succeeded",
    }


EITHER = "Expected either an execution, or which ones: "
FAILED = ("--status", "failed")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rerun"], (EITHER, "but received neither. `darkroom rerun --help`")),
        (["rerun", "a", *FAILED], (EITHER, "but received both.")),
        (["rerun", *FAILED], ("Expected --yes or --dry-run, since nobody", "Nothing was done.")),
        (["rerun", "--from", "/no/such/file", "--yes"], ("Expected --from to be", "No such file")),
        (["redrive"], (EITHER, "but received neither. `darkroom redrive --help`")),
        (["redrive", "a", *FAILED], (EITHER, "but received both.")),
        (["stop"], (EITHER, "but received neither. `darkroom stop --help`")),
        (["stop", "a", *FAILED], (EITHER, "but received both.")),
        (["stop", *FAILED, "--yes"], ("Expected --reason TEXT: ", "Nothing was done.")),
        (["stop", *FAILED, "--reason", "", "--yes"], ("Expected --reason TEXT: ", "")),
        *(
            (["rerun", *FAILED, "--yes", *words], ("Many are run again as they were: ", ""))
            for words in (
                ["--preset", "x=1x1"], ["--watermark", "x"], ["--watermark", ""], ["--notify"],
                ["--no-notify"], ["--input", "{}"], ["--newest"], ["--edit"],
            )
        ),
    ],
)  # fmt: skip
def test_wrong_use_does_nothing(stack: Stack, words: list[str], said: tuple[str, str]) -> None:
    stack.add("a")

    code, text = darkroom(*words, "--json")

    assert (code, stack.done) == (2, [])
    message = json.loads(text.splitlines()[-1])["message"]
    assert message.startswith(said[0])
    assert said[1] in message


@pytest.mark.parametrize(
    ("person", "words", "typed", "code"),
    [
        (True, [], "y\n", 0),
        (True, [], "n\n", 2),
        (True, [], "\n", 2),  # no is what is meant by nothing
        (True, ["--json"], "y\n", 2),  # a program reads the answer
        (False, [], "y\n", 2),
        (False, ["--yes"], "", 0),
    ],
)
def test_a_person_is_asked(
    stack: Stack, monkeypatch: pytest.MonkeyPatch,
    person: bool, words: list[str], typed: str, code: int,
) -> None:  # fmt: skip
    stack.add("a")
    monkeypatch.setattr("darkroom_ops.cli.many.people_read", lambda: person)

    exit_code, text = darkroom("rerun", *FAILED, *words, typed=typed)

    assert (exit_code, len(stack.done)) == (code, code == 0)
    assert ("Go on? [y/N]" in text) is (person and not words)
    assert stack.executions.asked == {"costs": False}  # what each cost is nothing to go by


def test_more_than_a_few_are_counted_and_not_named(stack: Stack) -> None:
    for number in range(12):
        stack.add(f"n{number}")

    assert "and 2 more" in lines(darkroom("rerun", "--status", "failed", "--dry-run")[1])


def test_nothing_to_do_is_no_failure(stack: Stack) -> None:
    code, text = darkroom("rerun", "--status", "failed")

    assert (code, lines(text)) == (0, ["Nothing to re-run."])
