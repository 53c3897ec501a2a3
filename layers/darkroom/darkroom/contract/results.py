"""What passes between the steps: the input of each, and what it returns."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal, TypeAlias

from darkroom.contract.fields import BucketName, FormatName, ObjectKey
from darkroom.contract.model import Contract
from darkroom.contract.objects import ObjectRef, Source
from darkroom.contract.presets import PdfOptions, Preset

Number: TypeAlias = Decimal
"""A whole number of the state machine's, in any form: DynamoDB writes numbers as text, and JSONata
may write long ones as ``1.763723474001E12``."""


class ImageInfo(Contract, frozen=True):
    """What the bytes turned out to be.

    Width and height are as a viewer shows the image; for SVG, which has no pixels, the size at
    which it is rasterised. ``mismatch`` says how its name or declared type contradicts the bytes.
    """

    format: str
    content_type: str
    width: int
    height: int
    bytes: int
    pages: int = 1
    frames: int = 1
    transparent: bool = False
    mismatch: str | None = None


class Rendition(Contract, frozen=True):
    """One rendition to make: sizes and format are already decided, in the source's proportions."""

    name: str
    key: ObjectKey
    width: int
    height: int
    format: FormatName
    preset: Preset

    @property
    def shortfall(self) -> str | None:
        """Say that it is smaller than asked for; None when it is not."""
        wanted = self.preset.width, self.preset.height
        sides = [
            (side, made)
            for side, made in zip(wanted, (self.width, self.height), strict=True)
            if side is not None
        ]
        # What lies inside a frame touches it; every other fit fills it.
        enough = any if self.preset.fit == "inside" else all
        if enough(made >= side for side, made in sides):
            return None
        asked = " x ".join(str(side) for side, _ in sides)
        only = "" if len(sides) > 1 else "width " if self.preset.width else "height "
        return f"{only}{asked} was asked for, but the source is smaller"


class Prepared(Contract, frozen=True):
    """What Prepare returns: the plan that every later step follows."""

    source: Source
    image: ImageInfo
    mezzanine: ObjectRef
    original: Source
    renditions: tuple[Rendition, ...]
    document_key: ObjectKey
    pdf: PdfOptions
    notify: bool


class ResizeTask(Contract, frozen=True):
    """The input of Resize, once per rendition. ``claim`` is the number of the run's claim."""

    source: Source
    claim: Number
    mezzanine: ObjectRef
    rendition: Rendition


class MakePdfTask(Contract, frozen=True):
    """The input of MakePdf."""

    source: Source
    claim: Number
    mezzanine: ObjectRef
    document_key: ObjectKey
    pdf: PdfOptions


class BackupOriginalTask(Contract, frozen=True):
    """The input of BackupOriginal."""

    source: Source
    original: Source
    image: ImageInfo


class Output(Contract, frozen=True):
    """An object that a step made. ``width`` and ``height`` are pixels, or points for a PDF page.

    ``quality`` is the one that it, or a PDF's first page, was encoded at: none where nothing is
    lost, or where the source's own bytes are passed on. ``note`` says what it could not be.
    """

    name: str
    bucket: BucketName
    key: ObjectKey
    content_type: str
    bytes: int
    sha256: str
    width: int
    height: int
    pages: int | None = None
    quality: int | None = None
    note: str | None = None


class Backup(Contract, frozen=True):
    """The copy of the original."""

    bucket: BucketName
    key: ObjectKey
    bytes: int
    etag: str
    version_id: str | None = None


class Success(Contract, frozen=True):
    """What a run made of an image."""

    source: Source
    image: ImageInfo
    renditions: tuple[Output, ...]
    document: Output
    backup: Backup


class Failure(Contract, frozen=True):
    """Why a run failed: in which state, by which error, and in words.

    ``caught`` says whether the workflow handled it: then it ended in a Fail state.
    """

    state: str
    error: str
    message: str
    caught: bool = True


Ending = Literal["COMPLETE", "FAILED", "TIMED_OUT", "ABORTED"]


class Report(Contract, frozen=True):
    """The input of Notify: how an execution ended.

    ``execution`` and ``stateMachine`` are ARNs, ``startedAt`` is RFC 3339, ``input`` is the
    execution's own, ``image`` the key of its record.
    """

    outcome: Ending
    execution: str
    state_machine: str
    started_at: str
    input: Any
    image: str
    redrive_count: Number = Number(0)
    made: Success | None = None
    failure: Failure | None = None
    notify: bool = True


class Window(Contract, frozen=True):
    """The input of the execution that summarises alerts of one kind, after so many seconds.

    ``window`` is the key of its item; the others are what its alerts have in common.
    """

    window: str
    seconds: int
    outcome: str
    error: str
    fault: str
    prefix: str = ""
    caught: bool = True
    express: bool = False


class Announcement(Contract, frozen=True):
    """What Notify returns: whether it published a message now, and which.

    With whose fault a failure was: ``sender`` or ``system``.
    """

    published: bool
    subject: str = ""
    fault: str = ""


class Started(Contract, frozen=True):
    """What Start returns: the execution of an upload, and its status when last looked at."""

    execution: str
    status: str
