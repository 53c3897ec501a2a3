"""What the auditor says of what there is: every finding, and nothing else."""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from darkroom.contract.record import ImageRecord

from darkroom_ops.audit.evidence import Stored, Upload
from darkroom_ops.audit.findings import MEANINGS, SETTLED_SECONDS, Auditor, Finding
from darkroom_ops.executions.model import Execution, read

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[3]

NOON = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)
SECOND = datetime.timedelta(seconds=1)
ARN = "arn:aws:states:us-east-1:123456789012:execution:pipeline:run"
IMAGE = "source/uploads/photo.jpg"
RENDITION, DOCUMENT = "uploads/photo.jpg/small.jpg", "uploads/photo.jpg/document.pdf"
COMMAND = "darkroom run s3://source/uploads/photo.jpg"


class World:
    """Buckets, a table and executions, in memory: as promised, until a test breaks something."""

    source_bucket = "source"
    output_bucket = "outputs"

    def __init__(self) -> None:
        self.sources = {"uploads/photo.jpg": upload()}
        self.table: dict[str, Json] = {IMAGE: record()}
        self.objects = {RENDITION: stored(111), DOCUMENT: stored(222)}
        self.written = NOON
        self.backups = {("backups", "uploads/photo.jpg", "b1"): Stored(333, "etag")}
        self.statuses = {ARN: "SUCCEEDED"}
        self.runs: list[Execution] = []
        self.asked: list[int] = []
        self.after: Callable[[], None] = lambda: None
        """Happens when the first batch of records has been read."""

    def uploads(self, prefix: str) -> Iterator[Upload]:
        return (each for key, each in list(self.sources.items()) if key.startswith(prefix))

    def newest(self, bucket: str, key: str) -> Upload | None:
        assert bucket == self.source_bucket
        return self.sources.get(key)

    def outputs(self, prefix: str) -> Iterator[tuple[str, datetime.datetime]]:
        return ((key, self.written) for key in self.objects if key.startswith(prefix))

    def records(self, images: Iterable[str]) -> dict[str, ImageRecord]:
        wanted = list(images)
        self.asked.append(len(wanted))
        found = {
            image: msgspec.convert(self.table[image], ImageRecord)
            for image in wanted
            if image in self.table
        }
        happens, self.after = self.after, lambda: None
        happens()
        return found

    def output(self, key: str) -> Stored | None:
        return self.objects.get(key)

    def stored(self, bucket: str, key: str, version: str = "") -> Stored | None:
        if bucket == self.output_bucket:
            return self.objects.get(key)
        return self.backups.get((bucket, key, version))

    def status(self, arn: str) -> str:
        return self.statuses.get(arn, "unknown")

    def executions(self) -> Iterable[Execution]:
        return self.runs

    def command(self, bucket: str, key: str) -> str:
        return f"darkroom run s3://{bucket}/{key}"

    def removal(self, bucket: str, key: str) -> str:
        return f"aws s3 rm s3://{bucket}/{key}"

    def audited(self, **options: Any) -> list[Finding]:
        """Audit; what was written until noon is settled."""
        return list(Auditor(self, **{"since": NOON} | options).findings())

    def counted(self, **options: Any) -> Counter[str]:
        auditor = Auditor(self, **{"since": NOON} | options)
        list(auditor.findings())
        return auditor.counts


def upload(key: str = "uploads/photo.jpg", **changed: Any) -> Upload:
    return dataclasses.replace(Upload("source", key, "etag", "v1", NOON), **changed)


def record(**changed: Any) -> Json:
    made = [{"key": key, "bytes": size, "sha256": f"sha-{size}"}
            for key, size in ((RENDITION, 111), (DOCUMENT, 222))]  # fmt: skip
    return {
        "image": IMAGE,
        "status": "COMPLETE",
        "execution": ARN,
        "claim": 3,
        "etag": "etag",
        "version": "v1",
        "renditions": made[:1],
        "document": made[1],
        "backup": {
            "bucket": "backups", "key": "uploads/photo.jpg",
            "bytes": 333, "etag": "etag", "versionId": "b1",
        },
        "announced": f"COMPLETE {ARN} 0",
    } | changed  # fmt: skip


def stored(size: int, **told: str) -> Stored:
    metadata = {"claim": "3", "source-etag": "etag", "source-version-id": "v1"} | told
    return Stored(size, "any", f"sha-{size}", metadata)


def without(told: Stored, name: str) -> Stored:
    metadata = {key: value for key, value in told.metadata.items() if key != name}
    return dataclasses.replace(told, metadata=metadata)


@pytest.fixture
def world() -> World:
    return World()


# ---------------------------------------------------------------------------- as promised


def test_what_is_as_promised_is_counted(world: World) -> None:
    assert world.audited() == []
    assert world.counted() == {"images": 1, "complete": 1, "outputs": 2}


def test_a_failure_of_which_somebody_was_told_is_as_promised(world: World) -> None:
    failed = {"image": IMAGE, "status": "FAILED", "execution": ARN, "error": "CorruptImage",
              "etag": "etag", "version": "v1", "announced": f"FAILED {ARN} 1"}  # fmt: skip
    world.table[IMAGE] = failed

    assert world.audited() == []
    assert world.counted() == {"images": 1, "failed": 1}


def test_an_image_without_a_pdf_is_complete(world: World) -> None:
    del world.table[IMAGE]["document"], world.objects[DOCUMENT]

    assert world.audited() == []
    assert world.counted()["outputs"] == 1


def test_only_what_has_the_prefix_is_looked_at(world: World) -> None:
    world.table.clear()

    assert world.audited(prefix="elsewhere/") == []
    assert {each.key for each in world.audited(prefix="uploads/p")} == {
        "uploads/photo.jpg", RENDITION, DOCUMENT,
    }  # fmt: skip


def test_the_documents_name_every_kind_of_finding() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text()
    table = text.partition("| kind | means |")[2].partition("\n\n")[0]

    rows = dict(re.findall(r"^\| ([a-z ]+) \| (.+) \|$", table, flags=re.MULTILINE))
    assert rows.keys() == MEANINGS.keys()
    for kind, meaning in MEANINGS.items():
        assert rows[kind].startswith(meaning)


# ---------------------------------------------------------------------------- uploads


@pytest.mark.parametrize(("age", "pending"), [(SECOND, 0), (0 * SECOND, 0), (-SECOND, 1)])
def test_an_upload_without_a_record_is_unrecorded_once_it_is_settled(
    world: World, age: datetime.timedelta, pending: int
) -> None:
    world.sources = {"uploads/photo.jpg": upload(modified=NOON - age)}
    world.table, world.objects = {}, {}

    counts = {"images": 1, "pending": 1} if pending else {"images": 1}
    assert world.counted() == counts
    assert world.audited() == (
        []
        if pending
        else [
            Finding(
                "unrecorded",
                "source",
                "uploads/photo.jpg",
                "It has no record.",
                "Look for its event with `darkroom dlq list`. S3 sent none if it was uploaded "
                f"within five minutes of the bucket's creation. Run it: {COMMAND}",
            )
        ]
    )


@pytest.mark.parametrize(
    ("upload_", "recorded", "about"),
    [
        ({}, {}, None),
        # The version decides, where both have one.
        ({"version": "v2"}, {}, "version v1, but the newest is v2"),
        ({"version": "v2", "etag": "other"}, {}, "version v1, but the newest is v2"),
        # A bucket without versions, or a record of a request that named none: then the etag does.
        ({"version": None}, {}, None),
        ({"version": None, "etag": "other"}, {}, "version v1, but the newest is other"),
        ({}, {"version": ""}, None),
        ({"version": None}, {"version": ""}, None),
        ({"version": None, "etag": "other"}, {"version": ""}, "unknown, but the newest is other"),
        ({"etag": "other"}, {"version": ""}, "version unknown, but the newest is v1"),
        # A record that knows neither.
        ({}, {"version": "", "etag": ""}, None),
        ({"version": None, "etag": "other"}, {"version": "v1", "etag": ""}, None),
    ],
)
@pytest.mark.parametrize("fresh", [False, True])
def test_a_record_is_compared_by_version_or_else_by_etag(
    world: World,
    upload_: Json,
    recorded: Json,
    about: str | None,
    fresh: bool,
) -> None:
    world.table[IMAGE] |= {"status": "FAILED"} | recorded
    modified = NOON + SECOND if fresh else NOON
    world.sources = {"uploads/photo.jpg": upload(**upload_, modified=modified)}

    found = world.audited()

    if about is None or fresh:
        assert found == []
        assert world.counted()["pending"] == (1 if about else 0)
        return
    (finding,) = found
    assert (finding.kind, finding.bucket, finding.key, finding.execution) == (
        "unrecorded", "source", "uploads/photo.jpg", ARN,
    )  # fmt: skip
    assert finding.says.startswith("Its record is about another upload: ")
    assert finding.says.endswith(f"{about}.")
    assert COMMAND in finding.advice


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "unknown"])
def test_a_claim_is_stuck_when_its_execution_runs_no_more(world: World, status: str) -> None:
    world.table[IMAGE] |= {"status": "IN_PROGRESS", "leaseUntil": 1}
    world.statuses = {ARN: status}

    assert world.audited() == [
        Finding(
            "stuck claim",
            "source",
            "uploads/photo.jpg",
            f"Its record says IN_PROGRESS, but its execution is {status}.",
            f"Run it again: {COMMAND}",
            ARN,
        )
    ]
    assert world.counted() == {"images": 1, "in_progress": 1}


def test_a_claim_whose_execution_runs_is_pending_even_behind_its_lease(world: World) -> None:
    world.table[IMAGE] |= {"status": "IN_PROGRESS", "leaseUntil": 1}
    world.statuses = {ARN: "RUNNING"}

    assert world.audited() == []
    assert world.counted() == {"images": 1, "in_progress": 1, "pending": 1}


# ---------------------------------------------------------------------------- what was made


def swapped(size: int = 111, **changed: Any) -> Stored:
    return dataclasses.replace(stored(size), **changed)


@pytest.mark.parametrize(
    ("there", "says"),
    [
        (swapped(bytes=0), "size is 0, recorded 111"),
        (swapped(sha256="other"), "SHA-256 is other, recorded sha-111"),
        (swapped(sha256=""), "SHA-256 is missing, recorded sha-111"),
        (stored(111, claim="7"), "claim is 7, recorded 3"),
        (without(stored(111), "claim"), "claim is missing, recorded 3"),
        (stored(111, **{"source-etag": "older"}), "source etag is older, recorded etag"),
        (without(stored(111), "source-etag"), "source etag is missing, recorded etag"),
        (stored(111, **{"source-version-id": "v0"}), "source version is v0, recorded v1"),
        (without(stored(111), "source-version-id"), "source version is missing, recorded v1"),
        (
            stored(112),
            "size is 112, recorded 111; SHA-256 is sha-112, recorded sha-111",
        ),
    ],
)
def test_an_output_that_differs_from_its_record_is_mixed(
    world: World, there: Stored, says: str
) -> None:
    world.objects[RENDITION] = there

    assert world.audited() == [
        Finding(
            "mixed",
            "outputs",
            RENDITION,
            f"It is not what was recorded: {says}.",
            f"Run it again: {COMMAND}",
            ARN,
        )
    ]


def test_a_record_without_a_version_says_nothing_of_its_outputs_version(world: World) -> None:
    world.table[IMAGE] |= {"version": "", "etag": ""}

    assert world.audited() == []


def test_the_etag_of_an_output_s_source_is_the_recorded_one(world: World) -> None:
    """A request may name the version without its etag, and a listing may say it otherwise."""
    world.sources = {"uploads/photo.jpg": upload(etag="as listed")}

    assert world.audited() == []


def test_a_record_without_an_etag_means_that_of_the_upload(world: World) -> None:
    world.table[IMAGE]["etag"] = ""
    world.sources = {"uploads/photo.jpg": upload(etag="newer")}

    assert [each.says for each in world.audited()] == [
        "It is not what was recorded: source etag is etag, recorded newer."
    ] * 2


@pytest.mark.parametrize("key", [RENDITION, DOCUMENT])
def test_an_output_that_is_recorded_but_not_there_is_lost(world: World, key: str) -> None:
    del world.objects[key]

    assert world.audited() == [
        Finding(
            "lost",
            "outputs",
            key,
            "It is recorded, but not there.",
            f"Run it again: {COMMAND}",
            ARN,
        )
    ]
    assert world.counted() == {"images": 1, "complete": 1, "outputs": 2}


@pytest.mark.parametrize(
    "there", [None, Stored(333, "other"), Stored(334, "etag")], ids=["gone", "etag", "size"]
)
def test_a_backup_that_differs_is_lost(world: World, there: Stored | None) -> None:
    world.table[IMAGE]["backup"]["bytes"] = 4333
    world.backups = {("backups", "uploads/photo.jpg", "b1"): Stored(4333, "etag")}
    assert world.audited() == []

    world.backups = {("backups", "uploads/photo.jpg", "b1"): there} if there else {}

    assert world.audited() == [
        Finding(
            "lost",
            "backups",
            "uploads/photo.jpg",
            "No backup of 4,333 bytes with etag etag is there.",
            f"Run it again: {COMMAND}",
            ARN,
        )
    ]


def test_a_backup_without_a_version_is_looked_for_by_its_key(world: World) -> None:
    world.backups = {("backups", "uploads/photo.jpg", ""): Stored(333, "etag")}
    world.table[IMAGE]["backup"]["versionId"] = ""
    assert world.audited() == []

    del world.table[IMAGE]["backup"]["versionId"]
    assert world.audited() == []


def test_everything_that_is_wrong_with_an_image_is_told(world: World) -> None:
    world.objects, world.backups = {}, {}
    world.table[IMAGE]["announced"] = ""

    assert [each.kind for each in world.audited()] == ["lost", "lost", "lost", "alert missing"]


# ---------------------------------------------------------------------------- messages


@pytest.mark.parametrize(
    ("status", "error", "ended"),
    [("COMPLETE", None, "COMPLETE"), ("FAILED", "CorruptImage", "CorruptImage"),
     ("FAILED", None, "FAILED")],
)  # fmt: skip
@pytest.mark.parametrize("announced", [None, "", f"COMPLETE {ARN}-2 0", "COMPLETE another 0"])
def test_an_end_of_which_nobody_was_told_misses_its_alert(
    world: World, status: str, error: str | None, ended: str, announced: str | None
) -> None:
    world.table[IMAGE] |= {"status": status} | ({"error": error} if error else {})
    del world.table[IMAGE]["announced"]
    if announced is not None:
        world.table[IMAGE]["announced"] = announced

    assert world.audited() == [
        Finding(
            "alert missing",
            "source",
            "uploads/photo.jpg",
            f"It ended as {ended}, but its record does not say that anybody was told.",
            "Look at `darkroom dlq list`, and at the topics' permissions and keys.",
            ARN,
        )
    ]


def test_a_message_that_is_only_about_to_go_out_is_not_missing(world: World) -> None:
    world.table[IMAGE]["announced"] = ""
    world.statuses = {ARN: "RUNNING"}

    assert world.audited() == []


def test_a_message_that_the_record_does_not_say_is_known_from_the_mailbox(world: World) -> None:
    world.table[IMAGE]["announced"] = ""

    assert world.audited(messages=lambda: {ARN: 1}) == []
    assert [each.kind for each in world.audited(messages=lambda: {ARN: 0})] == ["alert missing"]


# ---------------------------------------------------------------------------- the second look


def unrecorded(world: World) -> None:
    del world.table[IMAGE]


def stuck(world: World) -> None:
    world.table[IMAGE]["status"] = "IN_PROGRESS"


def another(world: World) -> None:
    world.table[IMAGE]["version"] = "v0"


def lost(world: World) -> None:
    del world.objects[RENDITION]


BROKEN = [unrecorded, stuck, another, lost]


@pytest.mark.parametrize("break_it", BROKEN)
@pytest.mark.parametrize(
    ("now", "table", "pending"),
    [
        (upload(), None, 0),
        # S3 tells fractions of a second in a list, but not of an object.
        (upload(modified=NOON + SECOND), None, 0),
        (upload(), {IMAGE: record(claim=4)}, 1),
        (upload(version="v2"), None, 1),
        (upload(etag="newer"), None, 1),
        (None, None, 1),
    ],
    ids=["same", "same second", "recorded", "new version", "new etag", "deleted"],
)
def test_what_changes_while_it_is_looked_at_is_pending(
    world: World,
    break_it: Callable[[World], None],
    now: Upload | None,
    table: dict[str, Json] | None,
    pending: int,
) -> None:
    break_it(world)

    def meanwhile() -> None:
        world.sources = {"uploads/photo.jpg": now} if now else {}
        world.table = table or world.table

    world.after = meanwhile
    auditor = Auditor(world, since=NOON)

    found = [each.kind for each in auditor.findings() if each.kind != "orphaned output"]

    assert (len(found), auditor.counts["pending"]) == (1 - pending, pending)


def test_what_is_as_promised_is_not_looked_at_twice(world: World) -> None:
    world.after = world.table.clear

    assert [each.kind for each in world.audited()] == ["orphaned output"] * 2
    assert world.asked == [1, 1]  # of the upload, and of the outputs' folder


# ---------------------------------------------------------------------------- orphans


def test_an_output_that_no_record_names_is_orphaned(world: World) -> None:
    key = "uploads/photo.jpg/old.jpg"
    world.objects[key] = stored(5)

    assert world.audited() == [
        Finding(
            "orphaned output",
            "outputs",
            key,
            "No record names it, and no earlier run of its image made it, or its record was "
            "deleted.",
            f"Delete it if nothing uses it: aws s3 rm s3://outputs/{key}",
        )
    ]


@pytest.mark.parametrize(
    ("claim", "found"),
    [("2", 0), ("3", 1), ("4", 1), ("two", 1), ("²", 1), ("", 1)],
)
def test_what_an_earlier_run_made_with_other_presets_is_ordinary(
    world: World, claim: str, found: int
) -> None:
    """The record's claim is 3."""
    key = "uploads/photo.jpg/poster.jpg"
    world.objects[key] = dataclasses.replace(stored(5), metadata={"claim": claim})

    assert [each.key for each in world.audited()] == [key] * found
    assert world.counted()["replaced"] == 1 - found


def test_an_output_that_goes_during_the_audit_is_not_orphaned(world: World) -> None:
    """Alone, or with its record."""
    for folder in ("uploads/photo.jpg", "uploads/unknown.jpg"):
        world.objects[f"{folder}/gone.jpg"] = None  # type: ignore[assignment]

    assert world.audited() == []


@pytest.mark.parametrize(("written", "found"), [(NOON - SECOND, 2), (NOON, 2), (NOON + SECOND, 0)])
def test_an_output_without_a_record_is_orphaned_once_it_is_settled(
    world: World, written: datetime.datetime, found: int
) -> None:
    world.sources, world.table, world.written = {}, {}, written

    assert [each.kind for each in world.audited()] == ["orphaned output"] * found


@pytest.mark.parametrize("status", ["IN_PROGRESS", "FAILED"])
def test_an_output_of_a_run_that_is_not_complete_is_nobodys(world: World, status: str) -> None:
    world.sources = {}
    world.table[IMAGE] = {"status": status}

    assert world.audited() == []


# ---------------------------------------------------------------------------- batches


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 200, 201])
def test_every_upload_and_every_output_is_looked_at_a_hundred_at_a_time(
    world: World, count: int
) -> None:
    keys = [f"uploads/{number}.jpg" for number in range(count)]
    world.sources = {key: upload(key) for key in keys}
    world.table = {}
    world.objects = {f"{key}/small.jpg": stored(1) for key in keys}
    heard: list[int] = []

    found = world.audited(progress=lambda counts: heard.append(counts["images"]))

    assert [each.key for each in found] == keys + list(world.objects)
    assert heard == [*range(100, count, 100), count][: -(-count // 100)]
    assert max(world.asked, default=0) <= 100


def test_outputs_of_a_run_do_not_hide_orphans_behind_them(world: World) -> None:
    world.sources = {}
    world.table = {"source/a": {"status": "IN_PROGRESS"}}
    world.objects = {f"{name}/small.jpg": stored(1) for name in ("0", "a", "b")}

    assert [each.key for each in world.audited()] == ["0/small.jpg", "b/small.jpg"]


def test_outputs_of_one_image_ask_for_one_record(world: World) -> None:
    world.sources = {}
    world.audited()

    assert world.asked == [1]


# ---------------------------------------------------------------------------- executions


def run(
    name: str,
    outcome: str = "COMPLETE",
    *,
    key: str = "uploads/photo.jpg",
    sequencer: object = "5",
    event: bool = True,
    status: str = "SUCCEEDED",
) -> Execution:
    detail = {"bucket": {"name": "source"}, "object": {"key": key, "sequencer": sequencer}}
    by_event = {"detail-type": "Object Created", "source": "aws.s3", "detail": detail}
    payload = by_event if event else {"source": {"bucket": "source", "key": key}}
    described = {
        "executionArn": name,
        "name": name,
        "status": status,
        "startDate": NOON,
        "input": json.dumps(payload),
        "output": json.dumps({"outcome": outcome}),
    }
    return read(described, [])


def test_executions_are_read_only_when_asked_for(world: World) -> None:
    world.runs = [run("a"), run("b")]

    assert world.audited(messages=dict) == []
    assert world.counted(executions=True)["executions"] == 2


def test_two_runs_that_completed_one_upload_are_doubled(world: World) -> None:
    world.runs = [run("a"), run("b"), run("c")]

    found = world.audited(executions=True)

    assert [(each.kind, each.bucket, each.key, each.execution) for each in found] == [
        ("doubled", "source", "uploads/photo.jpg", "b"),
        ("doubled", "source", "uploads/photo.jpg", "c"),
    ]
    assert {each.says for each in found} == {
        "Two executions completed the same upload: the other is a."
    }
    assert all(each.advice.startswith("Its outputs are right, as both") for each in found)
    assert all(each.advice.endswith("have kept the second away.") for each in found)


@pytest.mark.parametrize(
    "other",
    [
        run("b", sequencer="6"),
        run("b", key="uploads/other.jpg"),
        run("b", "ALREADY_PROCESSED"),
        run("b", "SUPERSEDED"),
        run("b", status="FAILED"),
        run("b", status="RUNNING"),
        run("b", event=False),
        run("b", sequencer=None),
        dataclasses.replace(run("b"), input={"detail-type": "x", "detail": "nothing"}),
        dataclasses.replace(run("b"), input={"detail": {"object": {"sequencer": "5"}}}),
        dataclasses.replace(run("b"), input="nonsense"),
        dataclasses.replace(run("b"), source=None),
    ],
)
def test_two_runs_of_different_uploads_are_not_doubled(world: World, other: Execution) -> None:
    world.runs = [run("a"), other]

    assert world.audited(executions=True) == []


def test_an_upload_may_be_on_its_way_for_as_long_as_a_claim_is_leased() -> None:
    definition = (ROOT / "statemachine" / "image_pipeline.asl.yaml").read_text()
    (lease,) = re.findall(r"leaseUntil\": \{N: .*\$millis\(\) / 1000\) \+ (\d+)\)", definition)

    assert float(lease) == SETTLED_SECONDS


def test_what_runs_does_not_keep_what_is_behind_it_from_being_judged(world: World) -> None:
    behind = run("c", status="FAILED")
    world.runs = [run("a", status="RUNNING"), run("b", key="elsewhere/x.jpg"), behind]

    found = world.audited(executions=True, prefix="uploads/", messages=dict)

    assert [(each.kind, each.execution) for each in found] == [("alert missing", "c")]


@pytest.mark.parametrize("asked", [{"event": False}, {"sequencer": None}, {"sequencer": 5}])
def test_what_a_person_runs_twice_is_not_doubled(world: World, asked: Json) -> None:
    world.runs = [run("a", **asked), run("b", **asked)]

    assert world.audited(executions=True) == []


def test_runs_of_other_keys_are_counted_but_not_judged(world: World) -> None:
    key = "elsewhere/photo.jpg"
    world.runs = [run("a", key=key), run("b", key=key)]

    assert world.audited(executions=True, prefix="uploads/") == []
    assert world.counted(executions=True, prefix="uploads/")["executions"] == 2


@pytest.mark.parametrize(
    ("outcome", "status", "sent", "kind"),
    [
        ("COMPLETE", "SUCCEEDED", 0, None),  # silenced, or found by its record
        ("COMPLETE", "SUCCEEDED", 1, None),
        ("COMPLETE", "SUCCEEDED", 2, "doubled"),
        ("ALREADY_PROCESSED", "SUCCEEDED", 0, None),
        ("ALREADY_PROCESSED", "SUCCEEDED", 1, "doubled"),
        ("SUPERSEDED", "SUCCEEDED", 0, None),
        ("SUPERSEDED", "SUCCEEDED", 1, "doubled"),
        ("FAILED", "FAILED", 0, "alert missing"),
        ("FAILED", "TIMED_OUT", 0, "alert missing"),
        ("FAILED", "ABORTED", 1, None),
        ("FAILED", "FAILED", 2, "doubled"),
        ("COMPLETE", "RUNNING", 2, None),
    ],
)
def test_each_execution_is_announced_as_often_as_it_should_be(
    world: World, outcome: str, status: str, sent: int, kind: str | None
) -> None:
    world.runs = [run("a", outcome, status=status)]

    found = world.audited(executions=True, messages=lambda: {"a": sent} if sent else {})

    assert [(each.kind, each.bucket, each.key, each.execution) for each in found] == (
        [(kind, "source", "uploads/photo.jpg", "a")] if kind else []
    )
    if kind == "doubled":
        assert found[0].says == (
            f"{sent} messages went out about an execution that ended as {outcome}."
        )
        assert "nothing is to do" in found[0].advice
    if kind == "alert missing":
        assert found[0].says == "It failed, and no alert went out."
        assert "topics" in found[0].advice


@pytest.mark.parametrize(
    ("outcome", "redriven", "sent", "doubled"),
    [
        ("COMPLETE", 1, 2, False),
        ("COMPLETE", 1, 3, True),
        ("COMPLETE", 2, 3, False),
        ("FAILED", 1, 2, False),
        ("SUPERSEDED", 1, 1, False),
        ("SUPERSEDED", 1, 2, True),
    ],
)
def test_each_end_before_a_redrive_has_an_alert_of_its_own(
    world: World, outcome: str, redriven: int, sent: int, doubled: bool
) -> None:
    world.runs = [dataclasses.replace(run("a", outcome), redriven=redriven)]

    found = world.audited(executions=True, messages=lambda: {"a": sent})

    assert [each.kind for each in found] == ["doubled"] * doubled


def test_without_a_mailbox_nothing_is_said_of_messages(world: World) -> None:
    world.runs = [run("a", status="FAILED")]

    assert world.audited(executions=True) == []


def test_an_alert_that_goes_out_during_the_audit_is_not_missing(world: World) -> None:
    world.runs = [run("a", status="FAILED")]
    for looks in ([{}, {"a": 1}], [{"a": 1}]):  # asked once more only where there was none
        assert world.audited(executions=True, messages=iter(looks).__next__) == []
