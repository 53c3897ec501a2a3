"""The image's record in DynamoDB: the lock of an image, and what became of its last upload.

The state machine writes it, with expressions of its own, and Notify; both use these names and no
others (``tests/template/test_record.py``). What is not set is empty.
"""

from __future__ import annotations

from msgspec import Struct

from darkroom.contract.results import Backup


class RecordedOutput(Struct, frozen=True, rename="camel"):
    """A rendition or the PDF (which has no name here), in the output bucket."""

    key: str
    name: str = ""
    content_type: str = ""
    sha256: str = ""
    bytes: int = 0
    width: int = 0
    height: int = 0
    pages: int | None = None
    quality: int | None = None


class ImageRecord(Struct, frozen=True, rename="camel"):
    """The attributes of an item."""

    image: str = ""  # the key: see darkroom.contract.keys.record_key
    status: str = ""  # IN_PROGRESS, COMPLETE or FAILED
    execution: str = ""  # ARN of the one that claimed the image last; only that one writes
    claim: int = 0  # its number: outputs carry it
    next_claim: int = 0  # the number that the next claim gets, which is larger
    # The upload that was claimed: S3's order of it, padded, and what pins it.
    sequencer: str = ""
    version: str = ""
    etag: str = ""
    started_at: str = ""  # RFC 3339
    finished_at: str = ""
    lease_until: int = 0  # in seconds since the epoch, while the claim is held
    # Of a failure.
    error: str = ""
    message: str = ""
    failed_state: str = ""
    # Of a success: as in darkroom.contract.results.ImageInfo, and what was made.
    format: str = ""
    width: int = 0
    height: int = 0
    bytes: int = 0
    mismatch: str = ""
    renditions: tuple[RecordedOutput, ...] = ()
    document: RecordedOutput | None = None
    backup: Backup | None = None
    # The outcome, execution and number of redrives that a message went out about; the same of one
    # that is just going out, and until when others wait for it, in seconds since the epoch.
    announced: str = ""
    announcing: str = ""
    announcing_until: int = 0
    # Whose fault the last alert told of, and which error, until a success resolves it.
    alerted: str = ""

    @property
    def outputs(self) -> tuple[RecordedOutput, ...]:
        """What was made, the PDF last."""
        return self.renditions if self.document is None else (*self.renditions, self.document)
