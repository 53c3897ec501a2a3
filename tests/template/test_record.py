"""The image's record is the lock: who gets it, and what each state writes into it.

The conditions and updates are the definition's own, run against a table in the engine's DynamoDB.
"""

from __future__ import annotations

import datetime
import json
import re
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

import msgspec
import pytest
from botocore.exceptions import ClientError
from darkroom.aws.records import Records, decoded
from darkroom.contract import keys
from darkroom.contract.model import dump
from darkroom.contract.record import ImageRecord, RecordedOutput
from darkroom.contract.requests import rerun_request
from darkroom.contract.results import Backup, Failure, Output
from darkroom.steps.notify import _image
from moto.dynamodb.models import dynamodb_backends

from darkroom_ops.engine.backends import ACCOUNT
from darkroom_ops.engine.moto import hooks
from tests.conftest import REGION
from tests.support import aws
from tests.support.definition import (
    DEFINITION,
    EXECUTION,
    SOURCE_BUCKET,
    context,
    evaluated,
    states,
)
from tests.support.pipeline import _plain
from tests.unit.engine.moto.lab import Lab

Json = dict[str, Any]

IMAGE = f"{SOURCE_BUCKET}/uploads/a.jpg"
OTHER = EXECUTION.replace("run-1", "another")
TABLE = "images"


@pytest.fixture(scope="module")
def table() -> Iterator[Any]:
    with aws.empty_account():
        hooks.install(Lab().services)  # plain moto takes twice as long for an update
        client = aws.client("dynamodb")
        client.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "image", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "image", "KeyType": "HASH"}],
        )
        yield client
        hooks.uninstall()


@pytest.fixture
def dynamodb(table: Any) -> Any:
    """DynamoDB with a table that is empty."""
    _items().clear()
    return table


def _items() -> Any:
    """Return what moto keeps of the table: to empty it there takes no calls."""
    return dynamodb_backends[ACCOUNT][REGION].tables[TABLE].items


def write(
    dynamodb: Any, state: str, before: Json | None, given: Any = None, **variables: Any
) -> Any:
    """Run a state's update on a record, and return the answer; None when the lock refuses it."""
    arguments = evaluated(
        states()[state]["Arguments"], {"input": given, "context": context(given)}, **variables
    )
    key = arguments["Key"]
    if before is None:
        _items().clear()
    else:
        now = arguments["ExpressionAttributeValues"][":now"].get("N", "0")
        item = {name: _lease(value, int(now)) for name, value in before.items()}
        dynamodb.put_item(TableName=TABLE, Item=key | item)
    try:
        return dynamodb.update_item(**arguments | {"TableName": TABLE})
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return None


def _lease(value: Any, now: int) -> Json:
    """Return an attribute; a number is a lease, in seconds from the moment of the claim."""
    return {"S": value} if isinstance(value, str) else {"N": str(now + value)}


def record(dynamodb: Any, image: str = IMAGE) -> Json:
    del dynamodb  # it is read in moto
    found: Any = dynamodb_backends[ACCOUNT][REGION].get_item(TABLE, {"image": {"S": image}})
    plain: Json = _plain({"M": found.to_json()["Attributes"]})
    return plain


def event(sequencer: str | None = "0B", **item: Any) -> Json:
    found = {"key": "uploads/a.jpg", "version-id": "v2", "etag": "e2", "sequencer": sequencer}
    named = {name: value for name, value in (found | item).items() if value is not None}
    return {
        "detail-type": "Object Created",
        "source": "aws.s3",
        "detail": {"bucket": {"name": SOURCE_BUCKET}, "object": named},
    }


def request(**source: Any) -> Json:
    return {"source": {"bucket": SOURCE_BUCKET, "key": "uploads/a.jpg"} | source}


def held(status: str, sequencer: str = "0B", lease: int | None = None, by: str = OTHER) -> Json:
    found: Json = {"status": status, "execution": by, "sequencer": sequencer.ljust(64, "0")}
    return found if lease is None else found | {"leaseUntil": lease}


# ---------------------------------------------------------------------------- who gets the lock

YES, NO = True, False


@pytest.mark.parametrize(
    ("before", "older", "same", "newer", "person"),
    [
        pytest.param(None, YES, YES, YES, YES, id="no record"),
        pytest.param(held("COMPLETE"), NO, NO, YES, YES, id="complete"),
        pytest.param(held("FAILED"), NO, YES, YES, YES, id="failed"),
        pytest.param(held("IN_PROGRESS", lease=600), NO, NO, YES, YES, id="in progress"),
        pytest.param(held("IN_PROGRESS", lease=0), NO, NO, YES, YES, id="the lease's last second"),
        pytest.param(held("IN_PROGRESS", lease=-1), NO, YES, YES, YES, id="the lease is over"),
        pytest.param(held("COMPLETE", lease=-1), NO, NO, YES, YES, id="complete, an old lease"),
        pytest.param(held("COMPLETE", ""), YES, YES, YES, YES, id="only ever run by hand"),
        pytest.param(
            held("IN_PROGRESS", lease=600, by=EXECUTION), YES, YES, YES, YES, id="its own claim"
        ),
    ],
)
def test_the_lock(
    dynamodb: Any, before: Json | None, older: bool, same: bool, newer: bool, person: bool
) -> None:
    """By record, and by who asks: an event older than, equal to, newer than it; a person."""
    for given, allowed in (
        (event("0A"), older),
        (event("0B"), same),
        (event("0C"), newer),
        (request(), person),
    ):
        claimed = write(dynamodb, "ClaimImage", before, given) is not None
        assert claimed == allowed, given
        if claimed:
            assert record(dynamodb)["execution"] == EXECUTION
        elif before is not None:
            assert record(dynamodb)["execution"] == before["execution"]


@pytest.mark.parametrize(("older", "newer"), [("0A", "0A1"), ("00FF", "01"), ("9", "A")])
def test_sequencers_are_compared_as_text_padded_on_the_right(
    dynamodb: Any, older: str, newer: str
) -> None:
    """S3 user guide, "Event ordering"."""
    for first, second, allowed in ((older, newer, True), (newer, older, False)):
        write(dynamodb, "ClaimImage", None, event(first))
        before = {"sequencer": record(dynamodb)["sequencer"], "status": "COMPLETE"}
        assert (write(dynamodb, "ClaimImage", before, event(second)) is not None) == allowed
    # An S3 sequencer has at most 64 digits, whose zeros at the end mean nothing.
    before = held("COMPLETE", "0B")
    assert write(dynamodb, "ClaimImage", before, event("0B".ljust(64, "0"))) is None


FORGED = [
    event("ZZZ"), event(""), event("0G"), event("0" * 65), event("F" * 65), event({}),
    event("FF") | {"source": "mine"}, event(None),
]  # fmt: skip


@pytest.mark.parametrize("given", FORGED, ids=lambda given: json.dumps(given)[-90:])
def test_what_s3_cannot_have_sent_keeps_no_later_upload_away(dynamodb: Any, given: Json) -> None:
    """Its sequencer is no upload's: it takes no record of one, and none is kept of it."""
    assert write(dynamodb, "ClaimImage", held("COMPLETE"), given) is None
    assert write(dynamodb, "ClaimImage", None, given) is not None
    assert record(dynamodb)["sequencer"] == ""


@pytest.mark.parametrize(
    ("key", "size", "folder"),
    [
        ("uploads/new/", 0, True),
        ("uploads/new/", 1, False),
        ("uploads/new.jpg", 0, False),
        ("uploads/new/", None, False),
    ],
)
def test_a_folder_is_no_upload(dynamodb: Any, key: str, size: int | None, folder: bool) -> None:
    """The S3 console's "Create folder" puts an empty object; only a person may have it run."""
    given = event(key=key, size=size)
    assert (write(dynamodb, "ClaimImage", None, given) is None) == folder
    assert (write(dynamodb, "ClaimImage", held("FAILED"), given) is None) == folder
    by_hand = request(key=key) | {"detail": {"object": {"key": key, "size": size}}}
    assert write(dynamodb, "ClaimImage", None, by_hand) is not None


# ---------------------------------------------------------------------------- what a claim writes

OF_A_RUN = (
    "error", "message", "failedState", "finishedAt", "format", "width", "height", "bytes",
    "mismatch", "renditions", "document", "backup",
)  # fmt: skip


def test_a_claim_keeps_nothing_of_the_run_before(dynamodb: Any) -> None:
    """But what was announced, which names its execution."""
    before = held("FAILED") | dict.fromkeys(OF_A_RUN, "any") | {"announced": "FAILED another 0"}
    start = int(time.time())
    answer = write(dynamodb, "ClaimImage", before, event())
    found = record(dynamodb)
    lease, claim = found.pop("leaseUntil"), found.pop("claim")
    assert found.pop("nextClaim") == claim + 1
    assert found == {
        "image": IMAGE,
        "status": "IN_PROGRESS",
        "execution": EXECUTION,
        "sequencer": "0B".ljust(64, "0"),
        "startedAt": "2026-01-31T12:00:00.123Z",
        "version": "v2",
        "etag": "e2",
        "announced": "FAILED another 0",
    }
    assert start <= lease - 960 <= time.time()
    assert assigned(event(), answer) == {"image": IMAGE, "claim": str(claim), "before": {}}


def assigned(given: Any, answer: Any) -> Json:
    """Return what the states after a claim know of it."""
    found: Json = evaluated(
        states()["ClaimImage"]["Assign"],
        {"input": given, "context": context(given), "result": answer},
    )
    return found


def test_a_lease_is_compared_with_the_clock() -> None:
    """In seconds since the epoch, as it is kept."""
    given = {"input": event(), "context": context()}
    values = evaluated(states()["ClaimImage"]["Arguments"]["ExpressionAttributeValues"], given)
    assert abs(int(values[":now"]["N"]) - time.time()) < 60


def test_the_lease_outlives_the_execution_but_not_by_much(dynamodb: Any) -> None:
    """A killed execution's image waits for its lease, if its alert cannot give it back."""
    write(dynamodb, "ClaimImage", None, event())
    length = record(dynamodb)["leaseUntil"] - time.time()
    assert DEFINITION["TimeoutSeconds"] < length <= DEFINITION["TimeoutSeconds"] + 120


def test_claims_are_numbered_upwards_whatever_became_of_the_record(dynamodb: Any) -> None:
    numbers = []
    for _ in range(3):
        arguments = evaluated(
            states()["ClaimImage"]["Arguments"], {"input": event(), "context": context()}
        )
        answer = dynamodb.update_item(**arguments | {"TableName": TABLE})
        numbers.append(record(dynamodb)["claim"])
        # DynamoDB's own text, as soon as there is one: no number that JSONata made.
        assert assigned(event(), answer)["claim"] == str(numbers[-1])
    # The first is the time at which its execution started: a record that is deleted starts above
    # all before.
    first = datetime.datetime.fromisoformat(context()["Execution"]["StartTime"])
    assert numbers == [round(first.timestamp() * 1000) + n for n in range(3)]


@pytest.mark.parametrize(
    ("given", "version", "etag", "sequencer"),
    [
        (event(), "v2", "e2", "0B".ljust(64, "0")),
        (event(**{"version-id": None, "etag": None}, sequencer=None), "", "", ""),
        (event("0b"), "v2", "e2", "0B".ljust(64, "0")),
        (event("F" * 64), "v2", "e2", "F" * 64),
        (request(), "", "", ""),
        (request(versionId="v1", etag="e1"), "v1", "e1", ""),
    ],
)
def test_a_claim_says_which_upload_it_is_for(
    dynamodb: Any, given: Json, version: str, etag: str, sequencer: str
) -> None:
    write(dynamodb, "ClaimImage", None, given)
    found = record(dynamodb)
    assert (found["version"], found["etag"], found["sequencer"]) == (version, etag, sequencer)


@pytest.mark.parametrize(("given", "after"), [(event("0C"), "0C"), (request(), "0B")])
def test_an_upload_raises_the_sequencer_and_a_person_never_lowers_it(
    dynamodb: Any, given: Json, after: str
) -> None:
    write(dynamodb, "ClaimImage", held("COMPLETE", "0B"), given)
    assert record(dynamodb)["sequencer"] == after.ljust(64, "0")


@pytest.mark.parametrize(
    "given",
    [
        event(), request(), request(key="é/\n %2F+~.jpg"), request(key="k"),
        request(key="k" * 1024), request(key="é" * 512),
        request() | {"detail": {"object": {"key": "another.jpg"}}},
    ],
    ids=["event", "request", "odd", "shortest", "longest", "longest odd one", "with a detail"],
)  # fmt: skip
def test_a_record_s_key_is_the_code_s(dynamodb: Any, given: Json) -> None:
    source = rerun_request(given)["source"]
    image = keys.record_key(source["bucket"], source["key"])
    write(dynamodb, "ClaimImage", held("COMPLETE", "0A"), given)
    assert record(dynamodb, image)["execution"] == EXECUTION
    assert assigned(given, {})["image"] == _image(given, "run-1", SOURCE_BUCKET) == image


NAMELESS = [
    {}, [], "text", None, {"source": None}, request(key=""), request(key="k" * 1025),
    request(key="é" * 512 + "k"), request(key="\U0001f4f7" * 257),
    request(bucket="another"), request(bucket=f"{SOURCE_BUCKET}/uploads", key="a.jpg"),
    request(bucket="", key=IMAGE),
    request(key=7), request(bucket=7), {"detail": event()["detail"]}, {"detail-type": "any"},
    request() | {"detail-type": "any"},
]  # fmt: skip


@pytest.mark.parametrize("given", NAMELESS, ids=lambda given: json.dumps(given)[:60])
def test_a_request_that_names_no_source_has_a_record_of_its_own(dynamodb: Any, given: Any) -> None:
    write(dynamodb, "ClaimImage", None, given)
    assert record(dynamodb, "invalid request/run-1")["execution"] == EXECUTION
    assert assigned(given, {})["image"] == "invalid request/run-1"
    assert _image(given, "run-1", SOURCE_BUCKET) == "invalid request/run-1"


# ---------------------------------------------------------------------------- results and failures

PREPARED = {
    "image": {
        "format": "jpeg", "contentType": "image/jpeg", "width": 1600, "height": 1200, "bytes": 4096
    },
}  # fmt: skip


def output(name: str, **more: Any) -> Json:
    made = Output(
        name=name,
        bucket="outputs",
        key=f"uploads/a.jpg/{name}",
        content_type=f"type/{name}",
        bytes=len(name),
        sha256=name * 4,
        width=300,
        height=225,
        **more,
    )
    return dump(made)


RESULT: Json = {
    "image": IMAGE,
    "prepared": PREPARED,
    "renditions": [output("small", quality=72), output("large")],
    "document": output("document", pages=3, quality=80),
    "backup": dump(
        Backup(bucket="backups", key="uploads/a.jpg", bytes=4096, etag="e2", version_id="b1")
    ),
}
FAILURE = {
    "image": IMAGE,
    "failure": {"state": "Prepare", "error": "CorruptImage", "message": "It is torn."},
    "restored": {},
}
MINE = held("IN_PROGRESS", lease=600, by=EXECUTION)


@pytest.mark.parametrize(("state", "given"), [("RecordResult", RESULT), ("RecordFailure", FAILURE)])
@pytest.mark.parametrize("status", ["IN_PROGRESS", "COMPLETE", "FAILED"])
def test_only_the_run_that_holds_the_record_writes_it(
    dynamodb: Any, state: str, given: Json, status: str
) -> None:
    """Whoever took it over: also one that has ended already."""
    taken_over = held(status, lease=600)
    assert write(dynamodb, state, taken_over, **given) is None
    assert record(dynamodb)["execution"] == OTHER
    assert write(dynamodb, state, None, **given) is None  # its record was deleted
    assert write(dynamodb, state, held(status, lease=600, by=EXECUTION), **given) is not None


def without_bucket(made: Json) -> Json:
    return {name: value for name, value in made.items() if name != "bucket"}


def test_a_result_is_recorded_whole(dynamodb: Any) -> None:
    """A redriven run's first failure, too, is over then."""
    failed = {"error": "ExecutionAborted", "message": "It was stopped.", "failedState": "unknown"}
    write(dynamodb, "RecordResult", MINE | failed, **RESULT)
    found = record(dynamodb)
    assert abs(_seconds(found.pop("finishedAt")) - time.time()) < 60
    assert found == {
        "image": IMAGE,
        "status": "COMPLETE",
        "execution": EXECUTION,
        "sequencer": "0B".ljust(64, "0"),
        "format": "jpeg",
        "width": 1600,
        "height": 1200,
        "bytes": 4096,
        "mismatch": "",
        "renditions": [without_bucket(each) for each in RESULT["renditions"]],
        "document": {k: v for k, v in without_bucket(RESULT["document"]).items() if k != "name"},
        "backup": RESULT["backup"],
    }


def test_a_record_tells_a_contradiction_and_a_backup_without_version(dynamodb: Any) -> None:
    image = PREPARED["image"] | {"mismatch": "Named .png, but it is a JPEG."}
    backup = {name: value for name, value in RESULT["backup"].items() if name != "versionId"}
    changed = {"prepared": {"image": image}, "backup": backup, "renditions": [output("only")]}
    write(dynamodb, "RecordResult", MINE, **RESULT | changed)
    found = record(dynamodb)
    assert found["mismatch"] == "Named .png, but it is a JPEG."
    assert found["backup"] == backup | {"versionId": ""}
    assert [each["name"] for each in found["renditions"]] == ["only"]


AT_FAULT = ["InvalidRequest", "SourceNotFound", "SourceChanged", "SourceArchived"]


@pytest.mark.parametrize(
    ("given", "state", "error", "status", "restored"),
    [
        *((request(), "Prepare", error, "COMPLETE", True) for error in AT_FAULT),
        (request(), "Prepare", "InvalidRequest", "FAILED", True),
        (request(), "Prepare", "InvalidRequest", "IN_PROGRESS", True),
        (request(), "Prepare", "CorruptImage", "COMPLETE", False),
        (request(), "Prepare", "CorruptImage", "IN_PROGRESS", False),
        # The mezzanine, after others wrote.
        (request(), "Resize", "SourceNotFound", "COMPLETE", False),
        (event("0C"), "Prepare", "SourceNotFound", "COMPLETE", False),
    ],
)
def test_a_request_at_fault_leaves_the_record_as_it_found_it(
    dynamodb: Any, given: Json, state: str, error: str, status: str, restored: bool
) -> None:
    of_the_claim = ("startedAt", "version", "etag", "announced")
    before = held(status) | dict.fromkeys(OF_A_RUN + of_the_claim, "any")
    before |= {"leaseUntil": 600} if status == "IN_PROGRESS" else {}
    dynamodb.put_item(
        TableName=TABLE,
        Item={"image": {"S": IMAGE}, "claim": {"N": "7"}, "nextClaim": {"N": "8"}}
        | {name: _lease(value, int(time.time())) for name, value in before.items()},
    )
    found = record(dynamodb)
    claim = evaluated(
        states()["ClaimImage"]["Arguments"], {"input": given, "context": context(given)}
    )
    variables = assigned(given, dynamodb.update_item(**claim | {"TableName": TABLE}))
    assert record(dynamodb)["execution"] == EXECUTION
    fail(dynamodb, state, error, **variables)
    after = record(dynamodb)
    assert (after == found) == restored
    if not restored:
        assert (after["status"], after["error"], after["claim"]) == ("FAILED", error, 8)


def fail(dynamodb: Any, state: str, error: str, **variables: Any) -> None:
    """Describe and record a failure, as the states after it do."""
    failed = {"state": state, "error": error, "cause": "why"}
    described = evaluated(states()["DescribeFailure"]["Assign"], {}, failed=failed, **variables)
    arguments = evaluated(
        states()["RecordFailure"]["Arguments"],
        {"context": context()},
        **variables | described,
    )
    dynamodb.update_item(**arguments | {"TableName": TABLE})


def test_the_first_request_of_an_image_and_one_that_meets_itself_are_recorded_as_failed(
    dynamodb: Any,
) -> None:
    """There is nothing to put back, or only its own claim."""
    for _ in range(2):
        claim = evaluated(
            states()["ClaimImage"]["Arguments"], {"input": request(), "context": context()}
        )
        variables = assigned(request(), dynamodb.update_item(**claim | {"TableName": TABLE}))
        assert variables["before"] == {}
    fail(dynamodb, "Prepare", "InvalidRequest", **variables)
    assert record(dynamodb)["status"] == "FAILED"


def test_a_record_that_was_taken_over_meanwhile_is_not_put_back(dynamodb: Any) -> None:
    before = {"image": {"S": IMAGE}, "status": {"S": "COMPLETE"}, "execution": {"S": "another"}}
    variables = {"image": IMAGE, "before": before}
    write(dynamodb, "ClaimImage", None, event())
    dynamodb.update_item(
        TableName=TABLE,
        Key={"image": {"S": IMAGE}},
        UpdateExpression="SET #e = :e",
        ExpressionAttributeNames={"#e": "execution"},
        ExpressionAttributeValues={":e": {"S": OTHER}},
    )
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        fail(dynamodb, "Prepare", "InvalidRequest", **variables)


def test_a_failure_is_recorded_and_gives_the_claim_back(dynamodb: Any) -> None:
    write(dynamodb, "RecordFailure", MINE | {"etag": "e2"}, **FAILURE)
    found = record(dynamodb)
    assert abs(_seconds(found.pop("finishedAt")) - time.time()) < 60
    assert found == {
        "image": IMAGE,
        "status": "FAILED",
        "execution": EXECUTION,
        "sequencer": "0B".ljust(64, "0"),
        "etag": "e2",
        "error": "CorruptImage",
        "message": "It is torn.",
        "failedState": "Prepare",
    }


def _seconds(moment: str) -> float:
    return datetime.datetime.fromisoformat(moment).timestamp()


# ---------------------------------------------------------------------------- attribute names

NAMES = set(ImageRecord.__struct_encode_fields__)
_WORD = re.compile(r"(?<![:\w])#?[A-Za-z_]\w*(?!\w*\()")
_KEYWORDS = {"SET", "REMOVE", "ADD", "DELETE", "AND", "OR", "NOT", "IN", "BETWEEN"}


def attributes(call: Json) -> set[str]:
    """Return the attributes that a call of UpdateItem or GetItem names."""
    named = call.get("ExpressionAttributeNames", {})
    texts = [call[name] for name in call if name.endswith("Expression")]
    words = {word for text in texts for word in _WORD.findall(text)} - _KEYWORDS
    assert {word for word in words if word.startswith("#")} == set(named)
    return {named.get(word, word) for word in words} | set(call["Key"])


def calls_of_the_definition() -> Iterator[Json]:
    for state in states("Task").values():
        if "dynamodb" in state["Resource"]:
            for given in (event(), request()):
                reserved = {"input": given, "context": context(given)}
                yield evaluated(state["Arguments"], reserved, **RESULT | FAILURE)


def calls_of_notify() -> Iterator[Json]:
    client = MagicMock()
    client.get_item.return_value = {}
    records = Records(client, TABLE)
    records.read(IMAGE)
    records.reserve(IMAGE, "mark", 50)
    records.release(IMAGE, "mark")
    records.mark(IMAGE, EXECUTION, "mark", "sender CorruptImage")
    records.resolve(IMAGE, EXECUTION)
    records.fail(IMAGE, EXECUTION, Failure(**FAILURE["failure"]))  # type: ignore[arg-type]
    assert len(client.method_calls) == 6
    return (call.kwargs for call in client.method_calls)


def test_the_definition_and_notify_name_what_a_record_has_and_all_of_it() -> None:
    of_definition = set().union(*map(attributes, calls_of_the_definition()))
    of_notify = set().union(*map(attributes, calls_of_notify()))
    assert of_definition | of_notify == NAMES
    assert of_notify - of_definition == {
        "alerted", "announced", "announcing", "announcingUntil",
    }  # fmt: skip


def test_what_the_definition_reads_of_a_record_are_attributes() -> None:
    read = re.findall(r"Attributes\.(\w+)", json.dumps(DEFINITION))
    assert set(read) == {"image", "execution", "nextClaim"}
    assert set(read) <= NAMES


@pytest.mark.parametrize("state", ["ClaimImage", "RecordResult", "RecordFailure"])
def test_what_a_state_writes_is_read_back_whole(dynamodb: Any, state: str) -> None:
    """Types and the names within renditions, document and backup, too."""
    before = None if state == "ClaimImage" else MINE
    write(dynamodb, state, before, event(), **RESULT | FAILURE)
    item = dynamodb.get_item(TableName=TABLE, Key={"image": {"S": IMAGE}})["Item"]
    found = json.loads(msgspec.json.encode(decoded(item)))
    assert {name: found[name] for name in item} == _with_defaults(record(dynamodb))
    listed = {name for each in [*found["renditions"], found["document"] or {}] for name in each}
    assert listed in (set(), set(RecordedOutput.__struct_encode_fields__))


def _with_defaults(kept: Json) -> Json:
    """Return what a table holds, with the fields beside that have a default in the model."""
    merged = dict(kept)
    if "renditions" in kept:
        defaults = {"pages": None, "quality": None}
        merged["renditions"] = [defaults | each for each in kept["renditions"]]
        merged["document"] = {"name": ""} | kept["document"]
    return merged
