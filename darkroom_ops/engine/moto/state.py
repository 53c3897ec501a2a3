"""What moto and the engine hold, as it is kept from one start to the next, and put back.

Left out: what the template makes, uploads in parts that are not complete, and Express executions.
"""

from __future__ import annotations

import copy
import datetime
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.logs.models import LogEvent, logs_backends
from moto.s3.models import FakeDeleteMarker, FakeKey, s3_backends
from moto.sqs.models import Message as QueuedMessage
from moto.sqs.models import sqs_backends
from moto.ssm.models import ssm_backends
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.asl.eval.program_state import ProgramRunning
from moto.stepfunctions.parser.models import stepfunctions_parser_backends
from moto.utilities.utils import LowercaseDict

from darkroom_ops.engine.data.keeper import Held, NoPlace
from darkroom_ops.engine.data.store import Entry, Key
from darkroom_ops.engine.deploy import ARTIFACTS_BUCKET
from darkroom_ops.engine.eventbridge import EventRouter, Undelivered
from darkroom_ops.engine.inbox import Inbox, Message
from darkroom_ops.engine.moto import items
from darkroom_ops.engine.moto.logs import Lines
from darkroom_ops.engine.moto.stepfunctions import ended, executions
from darkroom_ops.engine.spool import Packed, Place

Json = dict[str, Any]

INTERRUPTED = "Engine.Interrupted"
"""The error of an execution that ran when its engine ended."""


@dataclass
class EngineState:
    """What the engine of a region holds, with its inbox and what its router has not delivered."""

    region: str
    inbox: Inbox
    router: EventRouter

    def __post_init__(self) -> None:
        self.ended: set[str] = set()  # the ARNs of the executions put back that had ended
        self.messages = 0  # put back
        self._definitions: dict[str, str] = {}
        self._clones: dict[tuple[str, str], Any] = {}
        self._running: list[Any] = []
        self._undelivered: list[Undelivered] = []
        self._declared = {name: held[-1].value for name, held in self._parameters().items()}
        self._kinds: Mapping[str, tuple[Callable[[], Iterable[Held]], Callable[[Entry], None]]] = {
            # Events before executions: one that is delivered meanwhile is kept twice, not never.
            "event": (self._events, self._put_event),
            "definition": (self._held_definitions, self._put_definition),
            "execution": (self._executions, self._put_execution),
            "object": (self._objects, self._put_object),
            "item": (self._items, self._put_item),
            "message": (self._messages, self._put_message),
            "withheld": (self._withheld, self._put_withheld),
            "queued": (self._queued, self._put_queued),
            "log": (self._logs, self._put_log),
            "parameter": (self._held_parameters, self._put_parameter),
        }

    def held(self) -> Iterator[Held]:
        """Yield all that is held now."""
        for held, _ in self._kinds.values():
            yield from held()

    def restore(self, entries: Iterable[Entry]) -> Iterator[tuple[Key, NoPlace | None]]:
        """Put entries back; yield the key of each, with the reason where it could not be."""
        for entry in entries:
            try:
                self._kinds[entry.kind][1](entry)
            except NoPlace as reason:
                yield (entry.kind, entry.name), reason
            else:
                yield (entry.kind, entry.name), None

    def resume(self) -> None:
        """Stop the executions that ran, as StopExecution does, and deliver what is not yet."""
        for execution in self._running:
            cause = (
                "The local engine ended while this execution ran; on AWS it would have gone on. "
                f"`darkroom redrive {execution.name}` resumes it."
            )
            execution.exec_worker.env._program_state = ProgramRunning()
            execution.stop(datetime.datetime.now(datetime.UTC), INTERRUPTED, cause)
        for each in self._undelivered:
            self.router.deliver(each)

    # ------------------------------------------------------------------------ EventBridge

    def _events(self) -> Iterator[Held]:
        for name, each in self.router.undelivered().items():
            yield _held("event", name, None, msgspec.to_builtins(each))

    def _put_event(self, entry: Entry) -> None:
        self._undelivered.append(msgspec.convert(entry.document, Undelivered))

    # ------------------------------------------------------------------------ Step Functions

    def _machines(self) -> list[Any]:
        return list(stepfunctions_parser_backends[DEFAULT_ACCOUNT_ID][self.region].state_machines)

    def _standard(self) -> Iterator[Any]:
        for machine in self._machines():
            for each in list(machine.executions):
                started = isinstance(each, ended.Ended) or (
                    each.exec_worker and each.exec_worker.env
                )
                if each.sm_type != executions.EXPRESS and started:
                    yield each

    def _held_definitions(self) -> Iterator[Held]:
        for text in {each.state_machine.definition for each in self._standard()}:
            yield _held("definition", _digest(text), None, {"definition": text})

    def _put_definition(self, entry: Entry) -> None:
        self._definitions[entry.name] = entry.document["definition"]

    def _executions(self) -> Iterator[Held]:
        for each in self._standard():
            state = (each.exec_status, ended.count(each))
            yield Held(("execution", each.exec_arn), state, partial(_execution, each))

    def _put_execution(self, entry: Entry) -> None:
        said = entry.document
        for machine in self._machines():
            if machine.arn == said["machine"]:
                break
        else:
            raise NoPlace(f"the state machine {said['machine'].rpartition(':')[2]}")
        at = machine.arn, said["definition"]
        if (clone := self._clones.get(at)) is None:
            clone = self._clones[at] = copy.copy(machine)
            clone.executions, clone.definition = [], self._definitions[said["definition"]]
        execution = ended.Ended(
            name=said["name"],
            sm_type=machine.type,
            exec_arn=entry.name,
            state_machine=clone,
            exec_status=ExecutionStatus(said["status"]),
            start_date=_date(said["started"]),
            stop_date=_date(said["stopped"]),
            redrive_count=said["redrives"],
            redrive_date=_date(said["redriven"]),
            events=len(said["events"]),
            rest=Packed({name: said[name] for name in ended.REST}),
            line=Place(said["line"].encode()) if said.get("line") else None,
        )
        if execution.exec_status == ExecutionStatus.RUNNING:
            machine.executions.append(whole := execution.whole())
            self._running.append(whole)
        else:
            machine.executions.append(execution)
            self.ended.add(entry.name)

    # ------------------------------------------------------------------------ S3

    def _objects(self) -> Iterator[Held]:
        backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        for bucket in list(backend.buckets.values()):
            if bucket.name == ARTIFACTS_BUCKET:
                continue
            for name, versions in bucket.keys.lists():
                for each in list(versions):
                    key = "object", json.dumps([bucket.name, name, each.version_id])
                    marker = isinstance(each, FakeDeleteMarker)
                    tags = {} if marker else backend.tagger.get_tag_dict_for_resource(each.arn)
                    stored = None if marker else (each.storage_class, each.size)
                    state = (each.last_modified, stored, tuple(tags.items()))
                    yield Held(key, state, partial(_stored, key, each, tags))

    def _put_object(self, entry: Entry) -> None:
        backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        at, name, version = json.loads(entry.name)
        bucket, said = backend.buckets.get(at), entry.document
        if bucket is None:
            raise NoPlace(f"the bucket {at}")
        if "marked" in said:
            marker = FakeDeleteMarker(FakeKey(name, b"", DEFAULT_ACCOUNT_ID, self.region))
            marker._version_id = version
            marker.last_modified = _date(said["marked"])
            bucket.keys[name] = marker
            return
        key = FakeKey(
            name, entry.body, DEFAULT_ACCOUNT_ID, self.region, bucket_name=at, **said["made"]
        )
        key._metadata = LowercaseDict(said["metadata"])
        key.checksum_algorithm = said["checksum_algorithm"]
        key.last_modified = _date(said["modified"])
        bucket.keys[name] = key
        if said["tags"]:
            backend.tagger.tag_resource(
                key.arn, [{"Key": tag, "Value": value} for tag, value in said["tags"].items()]
            )

    # ------------------------------------------------------------------------ DynamoDB

    def _items(self) -> Iterator[Held]:
        for table in list(dynamodb_backends[DEFAULT_ACCOUNT_ID][self.region].tables.values()):
            if isinstance(table.items, items.Items):
                for key, place in table.items.places():
                    name = json.dumps([table.name, key.to_json(), None])
                    yield Held(("item", name), place, partial(_item, name, key, place))
                continue
            for each in list(table.items.values()):
                for item in list(each.values()):
                    said = {"attributes": item.to_json()["Attributes"]}
                    keys = [item.hash_key.to_json(), item.range_key.to_json()]
                    yield _held("item", json.dumps([table.name, *keys]), json.dumps(said), said)

    def _put_item(self, entry: Entry) -> None:
        name = json.loads(entry.name)[0]
        table = dynamodb_backends[DEFAULT_ACCOUNT_ID][self.region].tables.get(name)
        attributes = entry.document["attributes"]
        if table is None or not set(table.table_key_attrs) <= set(attributes):
            raise NoPlace(f"the table {name}")
        table.put_item(attributes, overwrite=True)

    # ------------------------------------------------------------------------ SNS

    def _messages(self) -> Iterator[Held]:
        for number, each in enumerate(self.inbox.messages()):
            yield Held(("message", str(number)), None, partial(_message, str(number), each))

    def _put_message(self, entry: Entry) -> None:
        self.inbox.deliver(msgspec.convert(entry.document, Message))
        self.messages += 1

    def _withheld(self) -> Iterator[Held]:
        for execution, count in self.inbox.withheld().items():
            yield _held("withheld", execution, count, {"count": count})

    def _put_withheld(self, entry: Entry) -> None:
        for _ in range(entry.document["count"]):
            self.inbox.withhold({"execution": entry.name})

    # ------------------------------------------------------------------------ SQS

    def _queued(self) -> Iterator[Held]:
        for queue in list(sqs_backends[DEFAULT_ACCOUNT_ID][self.region].queues.values()):
            for each in list(queue._messages):
                said = {name: getattr(each, name) for name in QUEUED}
                state = (said["approximate_receive_count"], said["visible_at"])
                yield _held("queued", json.dumps([queue.name, each.id]), state, said)

    def _put_queued(self, entry: Entry) -> None:
        name, identity = json.loads(entry.name)
        queue = sqs_backends[DEFAULT_ACCOUNT_ID][self.region].queues.get(name)
        if queue is None:
            raise NoPlace(f"the queue {name}")
        message = QueuedMessage(identity, entry.document["body"])
        vars(message).update(entry.document)
        queue._messages.append(message)

    # ------------------------------------------------------------------------ CloudWatch Logs

    def _logs(self) -> Iterator[Held]:
        for group in list(logs_backends[DEFAULT_ACCOUNT_ID][self.region].groups.values()):
            for stream in list(group.streams.values()):
                name = json.dumps([group.name, stream.log_stream_name])
                yield Held(("log", name), len(stream.events), partial(_log, name, stream))

    def _put_log(self, entry: Entry) -> None:
        name, stream_name = json.loads(entry.name)
        backend, said = logs_backends[DEFAULT_ACCOUNT_ID][self.region], entry.document
        if name not in backend.groups:
            raise NoPlace(f"the log group {name}")
        backend.create_log_stream(name, stream_name)
        stream = backend.groups[name].streams[stream_name]
        stream.creation_time = _date(said["created"])
        stream.last_ingestion_time = _date(said["ingested"])
        stream.stored_bytes, stream.upload_sequence_token = said["bytes"], said["token"]
        stream.events = Lines()
        stream.events += [
            LogEvent(ingested, {"timestamp": at, "message": message})
            for at, ingested, message in said["events"]
        ]

    # ------------------------------------------------------------------------ Parameter Store

    def _parameters(self) -> dict[str, Any]:
        held = ssm_backends[DEFAULT_ACCOUNT_ID][self.region]._parameters
        return {versions[-1].name: versions for versions in list(held.values()) if versions}

    def _held_parameters(self) -> Iterator[Held]:
        for name, versions in self._parameters().items():
            declared = self._declared.get(name)
            said = {
                "declared": declared,
                "versions": [
                    [each.value, each.version, each.last_modified_date.isoformat()]
                    for each in versions
                ],
            }
            yield _held("parameter", name, json.dumps(said), said)

    def _put_parameter(self, entry: Entry) -> None:
        versions = self._parameters().get(entry.name)
        if versions is None:
            raise NoPlace(f"the parameter {entry.name}")
        declared = versions.pop()  # the template's of now
        for value, number, date in entry.document["versions"]:
            each = copy.copy(declared)
            each.value, each.version = value, number
            each.last_modified_date = _date(date)
            versions.append(each)
        if entry.document["declared"] != declared.value:  # the template says something else now
            declared.version = versions[-1].version + 1
            versions.append(declared)


QUEUED = (
    "body",
    "message_attributes",
    "sender_id",
    "sent_timestamp",
    "approximate_first_receive_timestamp",
    "approximate_receive_count",
    "visible_at",
    "delayed_until",
    "system_attributes",
)
"""What is kept of a message in a queue; a receipt is its receiver's, who is gone."""

STORED = {
    "storage": "_storage_class",
    "etag": "_etag",
    "is_versioned": "_is_versioned",
    "version_id": "_version_id",
    "encryption": "encryption",
    "kms_key_id": "kms_key_id",
    "bucket_key_enabled": "bucket_key_enabled",
    "lock_mode": "lock_mode",
    "lock_legal_status": "lock_legal_status",
    "lock_until": "lock_until",
    "checksum_value": "checksum_value",
    "checksum_type": "checksum_type",
    "checksum_parts": "checksum_parts",
}
"""What an object of moto's is made with, and the attribute that holds it."""


def _held(kind: str, name: str, state: object, document: Json) -> Held:
    return Held((kind, name), state, lambda: Entry(kind, name, document))


def _stored(key: Key, version: Any, tags: Json) -> Entry | None:
    if isinstance(version, FakeDeleteMarker):
        return Entry(*key, {"marked": version.last_modified.isoformat()})
    try:
        body = version.value
    except ValueError:  # its file is closed: it has been deleted meanwhile
        return None
    document = {
        "made": {name: getattr(version, attribute) for name, attribute in STORED.items()},
        "metadata": dict(version.metadata),
        "checksum_algorithm": version.checksum_algorithm,
        "modified": version.last_modified.isoformat(),
        "tags": tags,
    }
    return Entry(*key, document, body)


def _item(name: str, key: Any, place: Place) -> Entry:
    said = items.read(key, place).to_json()
    return Entry("item", name, {"attributes": said["Attributes"]})


def _message(number: str, message: Message) -> Entry:
    return Entry("message", number, msgspec.to_builtins(message))


def _execution(execution: Any) -> Entry:
    document = {
        "machine": execution.state_machine.arn,
        "definition": _digest(execution.state_machine.definition),
        "name": execution.name,
        "started": execution.start_date.isoformat(),
        "stopped": execution.stop_date and execution.stop_date.isoformat(),
        "status": execution.exec_status.value,
        "redrives": ended.redrives(execution),
        "redriven": (date := ended.redrive_date(execution)) and date.isoformat(),
        "line": (line := getattr(execution, "line", None)) and line.read().decode(),
        **ended.rest(execution),
    }
    return Entry("execution", execution.exec_arn, document)


def _log(name: str, stream: Any) -> Entry:
    document = {
        "created": stream.creation_time.isoformat(),
        "ingested": stream.last_ingestion_time and stream.last_ingestion_time.isoformat(),
        "bytes": stream.stored_bytes,
        "token": stream.upload_sequence_token,
        "events": [[each.timestamp, each.ingestion_time, each.message] for each in stream.events],
    }
    return Entry("log", name, document)


def _date(text: str | None) -> Any:
    return text and datetime.datetime.fromisoformat(text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
