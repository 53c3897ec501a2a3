"""The audit on a stack whose evidence is in memory: what is printed, and the exit code."""

from __future__ import annotations

import contextlib
import datetime
import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from darkroom_ops.audit import evidence
from darkroom_ops.audit.findings import Finding
from darkroom_ops.audit.last import last
from darkroom_ops.cli.audit import _sum_up
from tests.support.cli import invoke
from tests.unit.audit.test_findings import (
    ARN,
    COMMAND,
    DOCUMENT,
    IMAGE,
    NOON,
    RENDITION,
    SECOND,
    Json,
    World,
    run,
    stored,
    upload,
)
from tests.unit.cli.conftest import screen


@pytest.fixture
def world() -> World:
    return World()


class Darkroom:
    """The command, on a stack whose evidence is a :class:`World`."""

    def __init__(self, world: World, patch: pytest.MonkeyPatch) -> None:
        s3 = SimpleNamespace(get_object=self._get)
        self.deployment = SimpleNamespace(
            endpoint="http://engine",
            stack_id="stack",
            source_prefix="uploads/",
            source_bucket_name="bucket",
            s3=s3,
        )
        self.mailbox: bytes | Exception = b"{}"
        self.asked: list[tuple[str, str]] = []
        patch.setattr("darkroom_ops.cli.address.connect", lambda *_: self.deployment)
        patch.setattr(
            evidence, "StackEvidence", lambda at: world if at is self.deployment else None
        )

    def _get(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        self.asked.append((Bucket, Key))
        if isinstance(self.mailbox, Exception):
            raise self.mailbox
        return {"Body": io.BytesIO(self.mailbox)}

    def __call__(self, *words: str) -> tuple[int, str]:
        done = invoke(["audit", *words])
        return done.exit_code, done.stdout

    def json(self, *words: str) -> tuple[int, Json]:
        code, text = self(*words, "--json")
        return code, json.loads(text)


@pytest.fixture
def darkroom(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Darkroom:
    monkeypatch.setenv("DARKROOM_HOME", str(tmp_path))
    return Darkroom(world, monkeypatch)


def test_all_as_promised_is_exit_code_0(darkroom: Darkroom) -> None:
    assert darkroom() == (0, "1 image checked: 1 complete.\n✓ All is as promised.\n")
    assert darkroom.json() == (
        0,
        {"counts": {"images": 1, "complete": 1, "outputs": 2}, "findings": []},
    )


@pytest.mark.parametrize(
    ("endpoint", "words", "seconds"),
    [
        ("http://engine", [], 60),
        (None, [], 960),
        (None, ["--settled", "5"], 5),
        ("http://engine", ["--settled", "0"], 0),
    ],
)
def test_what_was_just_uploaded_may_be_on_its_way(
    world: World, darkroom: Darkroom, monkeypatch: pytest.MonkeyPatch,
    endpoint: str | None, words: list[str], seconds: int,
) -> None:  # fmt: skip
    darkroom.deployment.endpoint = endpoint  # type: ignore[assignment]
    del world.table[IMAGE]

    def found(since: float) -> Any:
        moment = NOON + datetime.timedelta(seconds=since)
        clock = SimpleNamespace(
            datetime=SimpleNamespace(now=lambda _: moment), UTC=datetime.UTC,
            timedelta=datetime.timedelta,
        )  # fmt: skip
        monkeypatch.setattr("darkroom_ops.cli.audit.datetime", clock)
        return darkroom.json("--no-executions", *words)[1]["counts"].get("pending", 0)

    assert (found(seconds - 0.5), found(seconds + 0.5)) == (1, 0)


def test_nothing_to_check_is_as_promised(world: World, darkroom: Darkroom) -> None:
    world.sources, world.table, world.objects = {}, {}, {}

    assert darkroom() == (0, "0 images checked.\n✓ All is as promised.\n")


def test_findings_are_exit_code_1_and_told_with_advice(world: World, darkroom: Darkroom) -> None:
    world.objects[RENDITION] = stored(111, claim="7")
    del world.objects[DOCUMENT]

    code, text = darkroom()

    assert code == 1
    assert text.splitlines() == [
        f"✗ MIXED  s3://outputs/{RENDITION}",
        "  It is not what was recorded: claim is 7, recorded 3.",
        f"  Run it again: {COMMAND}",
        f"  Execution {ARN}",
        "",
        f"✗ LOST  s3://outputs/{DOCUMENT}",
        "  It is recorded, but not there.",
        f"  Run it again: {COMMAND}",
        f"  Execution {ARN}",
        "",
        "1 image checked: 1 complete.",
        "       1  mixed: an output is not the one that the record names",
        "       1  lost: the record says complete, but something it names is not there",
    ]
    code, found = darkroom.json()
    assert code == 1
    assert found["findings"][1] == {
        "kind": "lost",
        "bucket": "outputs",
        "key": DOCUMENT,
        "says": "It is recorded, but not there.",
        "advice": f"Run it again: {COMMAND}",
        "execution": ARN,
    }


def test_the_summary_counts_by_outcome_and_kind_the_most_frequent_first(
    world: World, darkroom: Darkroom
) -> None:
    new = datetime.datetime.now(datetime.UTC)
    names = [f"uploads/{number}.jpg" for number in range(4)]
    world.sources |= {key: upload(key) for key in names}
    world.sources |= {"uploads/new.jpg": upload("uploads/new.jpg", modified=new)}
    failed = {"status": "FAILED", "execution": ARN, "error": "x", "announced": f"FAILED {ARN} 0"}
    world.table[f"source/{names[0]}"] = failed
    del world.objects[RENDITION]

    code, text = darkroom()

    assert code == 1
    *_, counts, first, second = text.splitlines()
    assert counts == "6 images checked: 1 complete, 1 failed, 1 still on their way."
    assert first == "       3  unrecorded: the newest upload was never processed"
    assert second.startswith("       1  lost: ")
    assert "Execution" not in text.partition("LOST")[0].partition("UNRECORDED")[0]


def test_thousands_are_told_as_such() -> None:
    shown = screen(80)
    findings = [Finding("lost", "outputs", DOCUMENT, "", "")] * 1234

    _sum_up(shown, Counter(images=12345, complete=11111), findings)

    assert [line.rstrip() for line in shown.export_text().splitlines()] == [
        "12,345 images checked: 11,111 complete.",
        "   1,234  lost: the record says complete, but something it names is not there",
    ]


@pytest.mark.parametrize(
    ("endpoint", "words", "settled"),
    [
        ("http://engine", [], 60),
        (None, [], 960),
        ("http://engine", ["--settled", "5"], 5),
        (None, ["--settled", "0"], 0),
    ],
)
def test_what_is_young_may_still_be_on_its_way(
    world: World, darkroom: Darkroom, endpoint: str | None, words: list[str], settled: int
) -> None:
    darkroom.deployment.endpoint = endpoint
    now = datetime.datetime.now(datetime.UTC)
    world.table, world.objects = {}, {}
    for age, code in ((settled + 1, 1), (settled - 30, 0)):
        modified = now - age * SECOND
        world.sources = {"uploads/photo.jpg": upload(modified=modified)}
        assert darkroom(*words)[0] == code


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        ([], ["uploads/a.jpg"]),
        (["--prefix", ""], ["elsewhere/b.jpg", "uploads/a.jpg"]),
        (["--prefix", "elsewhere/"], ["elsewhere/b.jpg"]),
        (["--prefix", "s3://source/elsewhere/"], ["elsewhere/b.jpg"]),
    ],
)
def test_the_watched_prefix_is_checked_unless_another_is_named(
    world: World, darkroom: Darkroom, words: list[str], keys: list[str]
) -> None:
    world.table, world.objects = {}, {}
    world.sources = {key: upload(key) for key in ("elsewhere/b.jpg", "uploads/a.jpg")}

    assert [each["key"] for each in darkroom.json(*words)[1]["findings"]] == keys


@pytest.mark.parametrize(
    ("endpoint", "words", "read_"),
    [
        ("http://engine", [], True),
        ("http://engine", ["--no-executions"], False),
        (None, [], False),
        (None, ["--executions"], True),
    ],
)
def test_executions_are_read_on_the_engine_or_when_asked_for(
    world: World, darkroom: Darkroom, endpoint: str | None, words: list[str], read_: bool
) -> None:
    darkroom.deployment.endpoint = endpoint
    world.runs = [run("a"), run("b")]

    code, found = darkroom.json(*words)

    assert (code, found["counts"].get("executions")) == ((1, 2) if read_ else (0, None))


def test_the_engine_is_asked_for_its_messages(world: World, darkroom: Darkroom) -> None:
    world.runs = [run("a")]
    darkroom.mailbox = b'{"a": 2}'

    assert [each["says"].partition(" ")[0] for each in darkroom.json()[1]["findings"]] == ["2"]
    assert set(darkroom.asked) == {("darkroom", "messages")}


@pytest.mark.parametrize(
    "mailbox",
    [
        b"no JSON",
        b"[]",
        EndpointConnectionError(endpoint_url="http://engine"),
        ClientError({"Error": {"Code": "NoSuchBucket"}}, "GetObject"),
    ],
)
def test_another_emulator_says_nothing_of_messages(
    world: World, darkroom: Darkroom, mailbox: bytes | Exception
) -> None:
    world.runs = [run("a", status="FAILED")]
    darkroom.mailbox = mailbox

    assert darkroom.json()[0] == 0


def test_aws_is_not_asked_for_messages(darkroom: Darkroom) -> None:
    darkroom.deployment.endpoint = None

    assert darkroom()[0] == 0
    assert darkroom.asked == []


def test_what_could_deceive_a_terminal_is_made_visible(world: World, darkroom: Darkroom) -> None:
    key = "uploads/photo.jpg/\x1b[31mred.jpg"
    world.objects = {RENDITION: stored(111, claim="\x1b[31m7"), key: stored(1)}
    world.table[IMAGE] |= {"execution": f"{ARN}\x1b[31m", "document": None}

    text = darkroom()[1]

    assert "\x1b" not in text
    for told in (r"red.jpg", r"[31m7, recorded 3", rf"{ARN}\x1b[31m"):
        assert told in text
    assert darkroom.json()[1]["findings"][-1]["key"] == key


def test_a_terminal_sees_how_far_the_audit_is(
    world: World, darkroom: Darkroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []

    @contextlib.contextmanager
    def telling(_: Any, line: str) -> Iterator[Any]:
        yield lambda what: told.append(line.format(what))

    monkeypatch.setattr("darkroom_ops.cli.display.telling", telling)

    world.sources["uploads/new.jpg"] = upload("uploads/new.jpg")

    assert darkroom()[0] == 1
    assert told == ["Reading the source bucket", "2 images checked"]


def test_the_last_audit_of_the_whole_is_remembered_and_not_that_of_a_part(
    world: World, darkroom: Darkroom
) -> None:
    del world.objects[DOCUMENT]
    world.sources["uploads/new.jpg"] = upload("uploads/new.jpg")
    darkroom("--prefix", "uploads/")
    assert last(darkroom.deployment) is None  # type: ignore[arg-type]

    darkroom()

    found = last(darkroom.deployment)  # type: ignore[arg-type]
    assert found is not None
    assert (found.images, found.findings) == (2, {"lost": 1, "unrecorded": 1})
