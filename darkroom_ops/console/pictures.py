"""What an execution's pictures are, and bytes that are safe to show.

The source is a stranger's file. The browser never gets it: it goes through the workflow's own
decoder, in a process without credentials (:mod:`darkroom.image.sandbox.parent`), and a JPEG or
WebP made of its pixels is shown. Renditions are the workflow's own work; they are shown as they are
if their bytes begin as a picture that browsers draw. Of a PDF, its first page is drawn.
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from darkroom.aws.objects import Objects
from darkroom.contract.errors import DarkroomError
from darkroom.contract.formats import OUTPUT_FORMATS
from darkroom.contract.limits import MIB, Limits
from darkroom.contract.objects import Source
from darkroom.contract.presets import Preset
from darkroom.image.input.sniff import sniff
from darkroom.image.plan import plan
from darkroom.image.sandbox.parent import decode
from darkroom.image.spec import DecodeSpec

from darkroom_ops.deployment import Deployment
from darkroom_ops.executions.history import StateRun, parsed
from darkroom_ops.executions.model import Execution, Image, Made

PREVIEW = Preset(name="preview", width=1600, height=1600, quality=85)
"""How the source is shown."""

PAGE_PIXELS = 1000
"""Height of the picture of a PDF page."""

KEPT_BYTES = 128 * MIB
"""Previews and thumbnails that are remembered, in bytes."""

MAX_OUTPUT = 100 * MIB
"""A larger output is not loaded into the console."""


class NoPicture(Exception):
    """There is nothing to show; the message says why."""


@dataclass(frozen=True)
class Picture:
    """Bytes that are safe to show.

    Parameters
    ----------
    data
        A picture in `content_type`.
    content_type
        One of those in :func:`drawable`, or ``application/pdf``.
    """

    data: bytes
    content_type: str


@dataclass(frozen=True)
class Shown:
    """What an execution has made so far.

    Parameters
    ----------
    image
        What the source turned out to be; None until that is known.
    renditions, document
        Made so far.
    expected
        Names of what is still to come.
    digests
        SHA-256 of each output, by its name, in hexadecimal digits.
    """

    image: Image | None
    renditions: tuple[Made, ...]
    document: Made | None
    expected: tuple[str, ...]
    digests: Mapping[str, str]

    def find(self, name: str) -> Made | None:
        """Return an output by its name."""
        every = (*self.renditions, *((self.document,) if self.document else ()))
        return next((made for made in every if made.name == name), None)


def shown(execution: Execution) -> Shown:
    """Return what an execution has made, also before its end and when it failed later.

    Parameters
    ----------
    execution
        With its states.
    """
    outputs = {run.id: _output(run) for run in execution.states}
    planned: list[str] = []
    image = execution.image
    for run in execution.states:
        plan_made = outputs[run.id]
        if run.name == "Prepare" and isinstance(plan_made.get("renditions"), list):
            planned = [str(each.get("name")) for each in plan_made["renditions"]]
            image = image or _image(plan_made.get("image"))
    # The execution's output says the same again, where the history leaves data out.
    whole = execution.output if isinstance(execution.output, dict) else {}
    listed = [*(whole.get("renditions") or ()), whole.get("document") or {}]
    made = {
        str(found["name"]): found
        for found in (*outputs.values(), *listed)
        if isinstance(found.get("sha256"), str) and isinstance(found.get("name"), str)
    }
    every = {name: _made(found) for name, found in made.items()}
    document = every.pop("document", None)
    order = {name: index for index, name in enumerate(planned)}
    renditions = sorted(every.values(), key=lambda each: order.get(each.name, len(order)))
    missing = [name for name in planned if name not in every]
    if planned and document is None:
        missing.append("PDF")
    return Shown(
        image=image,
        renditions=tuple(renditions),
        document=document,
        expected=() if execution.ended else tuple(missing),
        digests={name: str(found["sha256"]) for name, found in made.items()},
    )


def drawable(data: bytes) -> str | None:
    """Return the media type of a picture that browsers draw, told from its first bytes alone."""
    try:
        found = OUTPUT_FORMATS.get(sniff(data))
    except DarkroomError:
        return None
    return found.content_type if found else None


class Pictures:
    """Loads what the pages show. Threads may share it.

    Parameters
    ----------
    deployment
        The stack.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._kept = _Kept(KEPT_BYTES)

    def source(self, execution: Execution) -> Picture:
        """Return the source as pixels.

        Raises
        ------
        NoPicture
            It is gone, or cannot be decoded, and why.
        """
        at = execution.source
        if at is None:
            raise NoPicture("The input names no image.")
        prepared = next((_output(run) for run in execution.states if run.name == "Prepare"), {})
        used = prepared.get("source")
        etag = used.get("etag") if isinstance(used, dict) else None
        source = Source(at.bucket, at.key, at.version_id, at.etag or etag)

        def make() -> Picture:
            try:
                stored = Objects(self._deployment.s3).read_source(source, Limits())
                spec = DecodeSpec(presets=(PREVIEW,), name=at.key)
                decoded = decode(stored.data, spec)
            except DarkroomError as error:
                raise NoPicture(str(error)) from None
            from darkroom.image.render import render  # loads libvips, which the lists do without

            (rendition,) = plan("preview", decoded.image, (PREVIEW,))
            encoded = render(decoded.mezzanine, rendition)
            return Picture(encoded.data, encoded.content_type)

        return self._kept.get((source, "preview"), make)

    def output(self, execution: Execution, name: str) -> Picture:
        """Return a rendition or the PDF as it lies in the output bucket.

        Raises
        ------
        NoPicture
            It is gone, or another run has written it since, or it is no picture.
        """
        found = shown(execution)
        made = found.find(name)
        if made is None:
            raise NoPicture(f"This execution has made no {name!r}.")
        digest = found.digests[name]
        data = self._kept.get(digest, lambda: Picture(self._read(made, digest), "")).data
        if made is found.document and data.startswith(b"%PDF-"):
            return Picture(data, "application/pdf")
        kind = drawable(data)
        if kind is None:
            raise NoPicture(f"{made.key} is not a picture that browsers draw.")
        return Picture(data, kind)

    def page(self, execution: Execution) -> Picture:
        """Return the first page of the PDF as a picture.

        Raises
        ------
        NoPicture
            As :meth:`output` does.
        """
        document = self.output(execution, "document")

        def make() -> Picture:
            return Picture(_first_page(document.data), "image/png")

        return self._kept.get((hashlib.sha256(document.data).hexdigest(), "page"), make)

    def thumbnail(self, execution: Execution) -> Picture:
        """Return the smallest rendition.

        Raises
        ------
        NoPicture
            There is none, or as :meth:`output` does.
        """
        renditions = shown(execution).renditions
        if not renditions:
            raise NoPicture("This execution has made no rendition.")
        return self.output(execution, min(renditions, key=lambda each: each.bytes).name)

    def _read(self, made: Made, digest: str) -> bytes:
        if made.bytes > MAX_OUTPUT:
            raise NoPicture(f"{made.key} is larger than the console shows.")
        try:
            found = self._deployment.s3.get_object(Bucket=made.bucket, Key=made.key)
            data = found["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in {"NoSuchKey", "NoSuchBucket"}:
                raise NoPicture("It is no longer stored.") from None
            raise
        if hashlib.sha256(data).hexdigest() != digest:
            raise NoPicture("A later run has replaced it.")
        return data


class _Kept:
    """What was used last, up to a size in bytes."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held = 0
        self._pictures: OrderedDict[Any, Picture] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Any, make: Any) -> Picture:
        with self._lock:
            found: Picture | None = self._pictures.get(key)
            if found is not None:
                self._pictures.move_to_end(key)
                return found
        made: Picture = make()
        with self._lock:
            if key not in self._pictures:
                self._pictures[key] = made
                self._held += len(made.data)
            while self._held > self._size:
                _, old = self._pictures.popitem(last=False)
                self._held -= len(old.data)
        return made


# PDFium is not safe to use from several threads at once (pypdfium2, README).
_pdfium = threading.Lock()


def _first_page(data: bytes) -> bytes:
    import pypdfium2

    with _pdfium:
        document = pypdfium2.PdfDocument(data)
        try:
            page = document[0]
            image = page.render(scale=PAGE_PIXELS / page.get_height()).to_pil()
        finally:
            document.close()
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _output(run: StateRun) -> dict[str, Any]:
    found = parsed(run.output)
    return found if isinstance(found, dict) else {}


def _image(found: object) -> Image | None:
    names = ("width", "height", "bytes")
    if not isinstance(found, dict) or not all(isinstance(found.get(n), int) for n in names):
        return None
    return Image(str(found.get("format")), *(found[n] for n in names))


def _made(found: Mapping[str, Any]) -> Made:
    return Made(
        name=str(found["name"]),
        bucket=str(found["bucket"]),
        key=str(found["key"]),
        bytes=int(found["bytes"]),
        content_type=str(found.get("contentType", "")),
        width=found.get("width"),
        height=found.get("height"),
        pages=found.get("pages"),
    )


def places(execution: Execution) -> Iterator[tuple[str, str]]:
    """Yield where things lie, as pairs of a label and an S3 address."""
    if execution.source:
        yield "Source", f"s3://{execution.source.bucket}/{execution.source.key}"
    outputs = shown(execution).renditions
    if outputs:
        yield "Outputs", f"s3://{outputs[0].bucket}/{outputs[0].key.rpartition('/')[0]}/"
    if execution.backup:
        yield "Backup", f"s3://{execution.backup.bucket}/{execution.backup.key}"
