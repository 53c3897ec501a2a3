"""The auditor: every upload against its record, its outputs, its execution and its message.

The promise is that every upload ends in exactly one outcome. This looks whether it did, from
outside: nothing is changed. Images are read a hundred at a time and forgotten again, so that memory
does not grow with the bucket. Facts are only judged here: :class:`StackEvidence` reads them.
"""

from __future__ import annotations

import collections
import datetime
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from darkroom.contract.keys import record_key
from darkroom.contract.record import ImageRecord, RecordedOutput
from darkroom.contract.requests import is_event

from darkroom_ops.audit.evidence import BATCH, StackEvidence, Upload
from darkroom_ops.executions.model import RUNNING, Execution

T = TypeVar("T")

Kind = Literal[
    "unrecorded", "lost", "mixed", "doubled", "stuck claim", "alert missing", "orphaned output"
]

MEANINGS: Mapping[Kind, str] = {
    "unrecorded": "the newest upload was never processed",
    "lost": "the record says complete, but something it names is not there",
    "mixed": "an output is not the one that the record names",
    "doubled": "something happened twice: a run of one upload, or a message",
    "stuck claim": "an execution has ended, but its image is still in progress",
    "alert missing": "nobody was told how it ended",
    "orphaned output": "an output that no record names",
}
"""What each kind of finding means."""

THREADS = 16

UNANNOUNCED = "Look at `darkroom dlq list`, and at the topics' permissions and keys."
TWICE = (
    "Its outputs are right, as both wrote the same. Report it: the claim should have kept the "
    "second away."
)
UNNAMED = "No record names it, and no earlier run of its image made it, or its record was deleted."

SETTLED_SECONDS = 960.0
"""How long an upload may be on its way: a lease lasts so long, and no execution longer."""


@dataclass(frozen=True)
class Finding:
    """Something that is not as promised."""

    kind: Kind
    bucket: str
    key: str
    says: str
    advice: str
    execution: str | None = None  # ARN of the one concerned


class Auditor:
    """Checks a deployment, where the source keys have a prefix.

    What is newer than `since` may still be on its way. Reading every execution, too, and keeping a
    line of each is slow on AWS, where DescribeExecution is limited to a few dozen calls a second.
    `messages` gives how many went out about each execution, by ARN; None when nobody knows.
    `progress` hears the counts after each hundred images.
    """

    def __init__(
        self,
        evidence: StackEvidence,
        *,
        since: datetime.datetime,
        prefix: str = "",
        executions: bool = False,
        messages: Callable[[], Mapping[str, int]] | None = None,
        progress: Callable[[Mapping[str, int]], None] = lambda _: None,
    ) -> None:
        self._evidence = evidence
        self._since = since
        self._prefix = prefix
        self._executions = executions
        self._messages = messages
        self._sent: Mapping[str, int] = messages() if messages is not None else {}
        self._progress = progress
        self._lock = threading.Lock()
        self.counts: collections.Counter[str] = collections.Counter()
        """How many images were seen, by ``images`` and by outcome, ``outputs``, and ``replaced``:
        those that an earlier run made and that no later one wrote over."""

    def findings(self) -> Iterator[Finding]:
        """Yield what is not as promised, while it is found."""
        with ThreadPoolExecutor(THREADS, thread_name_prefix="audit") as pool:
            for uploads in _batches(self._evidence.uploads(self._prefix)):
                records = self._evidence.records(_image_of(each) for each in uploads)
                for findings in pool.map(self._image, uploads, itertools.repeat(records)):
                    yield from findings
                self._progress(self.counts)
            for outputs in _batches(self._evidence.outputs(self._prefix)):
                yield from self._orphans(outputs)
        if self._executions:
            yield from self._runs()

    # ------------------------------------------------------------------ one image

    def _image(self, upload: Upload, records: Mapping[str, ImageRecord]) -> list[Finding]:
        record = records.get(_image_of(upload))
        self._count("images")
        if record is not None:
            self._count(record.status.lower())
        findings = self._judge(upload, record)
        if findings is None or (findings and self._went_on(upload, record)):
            self._count("pending")
            return []
        return findings

    def _count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

    def _went_on(self, upload: Upload, record: ImageRecord | None) -> bool:
        """Return whether an image has changed since it was listed, so that nothing can be said."""
        image = _image_of(upload)
        return (
            self._evidence.records([image]).get(image) != record
            or self._evidence.newest(upload.bucket, upload.key) != upload
        )

    def _judge(self, upload: Upload, record: ImageRecord | None) -> list[Finding] | None:
        """Return what is wrong with an image; None while it is on its way."""
        fresh = upload.modified > self._since
        if record is None:
            return None if fresh else [self._unrecorded(upload, "It has no record.")]
        if record.status == "IN_PROGRESS":
            return self._in_progress(upload, record)
        if not _same(upload, record):
            says = (
                f"Its record is about another upload: version {record.version or 'unknown'},"
                f" but the newest is {upload.version or upload.etag}."
            )
            return None if fresh else [self._unrecorded(upload, says, record.execution)]
        made = self._made(upload, record) if record.status == "COMPLETE" else []
        return made + self._announced(upload, record)

    def _unrecorded(self, upload: Upload, says: str, execution: str | None = None) -> Finding:
        advice = (
            "Look for its event with `darkroom dlq list`. S3 sent none if it was uploaded within "
            f"five minutes of the bucket's creation. Run it: {self._command(upload)}"
        )
        return Finding("unrecorded", upload.bucket, upload.key, says, advice, execution)

    def _in_progress(self, upload: Upload, record: ImageRecord) -> list[Finding] | None:
        arn = record.execution
        status = self._evidence.status(arn)
        if status == RUNNING:
            return None
        says = f"Its record says IN_PROGRESS, but its execution is {status}."
        advice = f"Run it again: {self._command(upload)}"
        return [Finding("stuck claim", upload.bucket, upload.key, says, advice, arn)]

    def _announced(self, upload: Upload, record: ImageRecord) -> list[Finding]:
        arn = record.execution
        if arn in record.announced.split() or self._sent.get(arn):
            return []
        if self._evidence.status(arn) == RUNNING:
            return []
        outcome = record.error or record.status
        says = f"It ended as {outcome}, but its record does not say that anybody was told."
        return [Finding("alert missing", upload.bucket, upload.key, says, UNANNOUNCED, arn)]

    # ------------------------------------------------------------------ what was made

    def _made(self, upload: Upload, record: ImageRecord) -> list[Finding]:
        findings = []
        for output in record.outputs:
            self._count("outputs")
            findings += self._output(upload, record, output)
        return findings + self._backup(upload, record)

    def _output(self, upload: Upload, record: ImageRecord, output: RecordedOutput) -> list[Finding]:
        bucket, key, arn = self._evidence.output_bucket, output.key, record.execution
        again = f"Run it again: {self._command(upload)}"
        stored = self._evidence.output(key)
        if stored is None:
            return [Finding("lost", bucket, key, "It is recorded, but not there.", again, arn)]
        metadata = stored.metadata
        version = metadata.get("source-version-id", "")
        wrong = [
            f"{name} is {came or 'missing'}, recorded {expected}"
            for name, came, expected in (
                ("size", str(stored.bytes), str(output.bytes)),
                ("SHA-256", stored.sha256, output.sha256),
                ("claim", metadata.get("claim"), str(record.claim)),
                ("source etag", metadata.get("source-etag"), record.etag or upload.etag),
                ("source version", version, record.version or version),
            )
            if came != expected
        ]
        if not wrong:
            return []
        says = f"It is not what was recorded: {'; '.join(wrong)}."
        return [Finding("mixed", bucket, key, says, again, arn)]

    def _backup(self, upload: Upload, record: ImageRecord) -> list[Finding]:
        backup = record.backup
        assert backup is not None  # noqa: S101 - RecordResult always writes it
        bucket, key = backup.bucket, backup.key
        # Another upload's backup may lie above it, under the same key.
        stored = self._evidence.stored(bucket, key, backup.version_id or "")
        if stored is not None and (stored.etag, stored.bytes) == (backup.etag, backup.bytes):
            return []
        says = f"No backup of {backup.bytes:,} bytes with etag {backup.etag} is there."
        again = f"Run it again: {self._command(upload)}"
        return [Finding("lost", bucket, key, says, again, record.execution)]

    def _orphans(self, outputs: list[tuple[str, datetime.datetime]]) -> Iterator[Finding]:
        source, bucket = self._evidence.source_bucket, self._evidence.output_bucket
        folders = {key: record_key(source, key.rpartition("/")[0]) for key, _ in outputs}
        records = self._evidence.records(set(folders.values()))
        for key, modified in outputs:
            record = records.get(folders[key])
            if record is not None and record.status != "COMPLETE":
                continue  # its run has not ended in success: nobody takes these for done
            named = () if record is None else tuple(each.key for each in record.outputs)
            if key in named or modified > self._since:
                continue
            if self._is_of_an_earlier_run(key, record):
                self._count("replaced")
            else:
                advice = f"Delete it if nothing uses it: {self._evidence.removal(bucket, key)}"
                yield Finding("orphaned output", bucket, key, UNNAMED, advice)

    def _is_of_an_earlier_run(self, key: str, record: ImageRecord | None) -> bool:
        """Return whether an output is left of a run before the recorded one, with other presets."""
        stored = self._evidence.stored(self._evidence.output_bucket, key)
        if stored is None:
            return True  # it has gone meanwhile
        claim = stored.metadata.get("claim", "")
        return record is not None and claim.isdecimal() and int(claim) < record.claim

    # ------------------------------------------------------------------ executions and messages

    def _runs(self) -> Iterator[Finding]:
        """Check that each execution was announced as often as it should be, and ran but once."""
        complete: dict[tuple[str, str], str] = {}
        for run in self._evidence.executions():
            self._count("executions")
            if run.source is None or not run.ended:
                continue
            bucket, key = run.source.bucket, run.source.key
            if not key.startswith(self._prefix):
                continue
            yield from self._messages_of(run, bucket, key)
            sequencer = _sequencer(run.input)
            if run.outcome == "COMPLETE" and sequencer is not None:
                first = complete.setdefault((record_key(bucket, key), sequencer), run.arn)
                if first != run.arn:
                    says = f"Two executions completed the same upload: the other is {first}."
                    yield Finding("doubled", bucket, key, says, TWICE, run.arn)

    def _messages_of(self, run: Execution, bucket: str, key: str) -> Iterator[Finding]:
        if self._messages is None:
            return
        sent = self._sent.get(run.arn, 0)
        silent = run.outcome in {"ALREADY_PROCESSED", "SUPERSEDED"}
        # Each end that it was redriven after had an alert.
        if sent > run.redriven + (0 if silent else 1):
            says = f"{sent} messages went out about an execution that ended as {run.outcome}."
            advice = "Its topic delivers at least once: if it is a repetition, nothing is to do."
            yield Finding("doubled", bucket, key, says, advice, run.arn)
        elif run.outcome == "FAILED" and not sent and not self._messages().get(run.arn):
            says = "It failed, and no alert went out."
            yield Finding("alert missing", bucket, key, says, UNANNOUNCED, run.arn)

    def _command(self, upload: Upload) -> str:
        return self._evidence.command(upload.bucket, upload.key)


def _image_of(upload: Upload) -> str:
    return record_key(upload.bucket, upload.key)


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(itertools.islice(rest, BATCH)):
        yield batch


def _same(upload: Upload, record: ImageRecord) -> bool:
    """Return whether a record is about the newest upload, as far as it says."""
    version, etag = record.version, record.etag
    if version and upload.version:
        return version == upload.version
    return not etag or etag == upload.etag


def _sequencer(payload: object) -> str | None:
    """Return the sequencer of the event that started an execution, if one did."""
    if not is_event(payload):
        return None
    detail: Any = payload.get("detail")
    sequencer = detail.get("object", {}).get("sequencer") if isinstance(detail, Mapping) else None
    return sequencer if isinstance(sequencer, str) else None
