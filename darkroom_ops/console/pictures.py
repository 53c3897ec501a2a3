"""What an execution's pictures are, and bytes that are safe to show.

The source is a stranger's file. The browser never gets it: it goes through the workflow's own
decoder, in a process without credentials (:mod:`darkroom.image.sandbox.parent`), and a JPEG or
WebP made of its pixels is shown. Renditions are the workflow's own work; they are shown as they are
if their bytes begin as a picture that browsers draw. Of a PDF, its first page is drawn.
"""

from __future__ import annotations

import hashlib
import io
import math
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from botocore.exceptions import ClientError
from darkroom.aws.objects import Objects
from darkroom.contract import formats
from darkroom.contract.errors import DarkroomError, InvalidRequest
from darkroom.contract.fields import MAX_SIDE
from darkroom.contract.formats import OUTPUT_FORMATS, PDF_TYPE
from darkroom.contract.keys import DOCUMENT
from darkroom.contract.limits import MIB, Limits
from darkroom.contract.model import parse
from darkroom.contract.objects import Source
from darkroom.contract.presets import Preset
from darkroom.contract.results import Rendition
from darkroom.image.geometry import Size, place
from darkroom.image.input.sniff import CONTENT_TYPES, sniff
from darkroom.image.plan import plan
from darkroom.image.sandbox.parent import decode
from darkroom.image.spec import DecodeSpec

from darkroom_ops.cache import Room, Shared
from darkroom_ops.console.tiles import Large, Tiles, Undecodable
from darkroom_ops.deployment import Deployment
from darkroom_ops.executions.history import StateRun, parsed
from darkroom_ops.executions.model import Execution, Image, Made, image_of, made_of

PREVIEW = Preset(name="preview", width=1600, height=1600, quality=85)
"""How the source is shown."""

PAGE_PIXELS = 1000
"""Height of the picture of a PDF page."""

VIEWED_PIXELS = 16_000_000
"""Most that is sent of a picture at once, which all formats take: of a larger one a reduced copy,
and tiles of what is looked at."""

_ANOTHER = {"jpeg": "webp", "webp": "png"}
"""Formats for sources that browsers draw themselves."""

FRAME_PIXELS = 160
"""Side of the frame that renditions are drawn in: smaller ones are not enlarged to fill it."""

MAX_OUTPUT = 100 * MIB
"""A larger output is not loaded into the console."""


class NoPicture(Exception):
    """There is nothing to show; the message says why."""


@dataclass(frozen=True)
class Picture:
    """Bytes that are safe to show, in a type of :func:`drawable` or as a PDF."""

    data: bytes
    content_type: str


@dataclass(frozen=True)
class Outputs:
    """What an execution has made so far, and the names of what is still to come."""

    image: Image | None
    renditions: tuple[Made, ...]
    document: Made | None
    expected: tuple[str, ...]

    def find(self, name: str) -> Made | None:
        """Return an output by its name."""
        every = (*self.renditions, *((self.document,) if self.document else ()))
        return next((made for made in every if made.name == name), None)


def shown(execution: Execution) -> Outputs:
    """Return what an execution has made, also before its end and when it failed later."""
    planned: list[str] = []
    image = execution.image
    outputs: list[object] = []
    for run in execution.states:
        output = _output(run)
        outputs.append(output)
        if run.name == "Prepare" and isinstance(output.get("renditions"), list):
            planned = [str(each.get("name")) for each in output["renditions"]]
            image = image or image_of(output.get("image"))
    # The execution's output says the same again, where the history leaves data out.
    read = (*map(made_of, outputs), *execution.outputs)
    made = {each.name: each for each in read if each is not None and each.sha256}
    document = made.pop("document", None)
    order = {name: index for index, name in enumerate(planned)}
    missing = [name for name in planned if name not in made]
    if planned and document is None:
        missing.append("PDF")
    return Outputs(
        image=image,
        renditions=tuple(sorted(made.values(), key=lambda m: order.get(m.name, len(order)))),
        document=document,
        expected=() if execution.ended else tuple(missing),
    )


def drawn(made: Made, longest: int) -> float:
    """Return how wide a rendition is drawn, in percent of its frame, where `longest` fills that."""
    return round(100 * (made.width or 0) / longest, 2)


def longest_side(
    renditions: Iterable[Made | Rendition], *, frame: int = FRAME_PIXELS, ratio: float = 1
) -> int:
    """Return how many pixels are as wide as a frame, so that renditions fit at one scale.

    The frame is `frame` pixels wide as a rule, and its width `ratio` times its height.
    """
    sides = (max(each.width or 0, ratio * (each.height or 0)) for each in renditions)
    return math.ceil(max((frame, *sides)))


def format_name(kind: str) -> str:
    """Return what people call a format, which is given by its name here or by its media type."""
    by_type = {content_type: name for name, content_type in CONTENT_TYPES.items()}
    return formats.format_name(by_type.get(kind, kind))


def _source_of(execution: Execution) -> Source:
    """Return the version of the source that an execution read; NoPicture where it names none."""
    at = execution.source
    if at is None:
        raise NoPicture("The input names no image.")
    prepared = next((_output(run) for run in execution.states if run.name == "Prepare"), {})
    used = prepared.get("source")
    etag = used.get("etag") if isinstance(used, dict) else None
    return Source(at.bucket, at.key, at.version_id, at.etag or etag)


def planned(execution: Execution) -> dict[str, Rendition]:
    """Return the renditions that Prepare planned, by name; none where its answer says otherwise."""
    for run in execution.states:
        planned = _output(run).get("renditions") if run.name == "Prepare" else None
        if isinstance(planned, list):
            try:
                return {each.name: each for each in (parse(item, Rendition) for item in planned)}
            except InvalidRequest:  # another version's
                return {}
    return {}


def of_source(execution: Execution, name: str) -> Size | None:
    """Return how large what a rendition shows is in the source; None where nobody planned it."""
    rendition, image = planned(execution).get(name), shown(execution).image
    if rendition is None or image is None:
        return None
    return own_size((image.width, image.height), rendition.preset)


def own_size(source: Size, preset: Preset) -> Size:
    """Return the size of what a preset shows of a picture, with the picture's own pixels."""
    placement = place(source, preset)
    sides = list(zip(placement.canvas, source, placement.whole, strict=True))
    # A side that fits tells the scale exactly; one that was rounded, nearly.
    ratios = [side / whole for canvas, side, whole in sides if canvas == whole]
    ratio = min(ratios or [side / whole for _, side, whole in sides])
    width, height = (max(1, round(canvas * ratio)) for canvas, _, _ in sides)
    if placement.canvas == placement.whole:
        return source
    return width, height


def viewed(size: Size) -> Size:
    """Return the size at which what is so large is shown: with :data:`VIEWED_PIXELS` at most.

    No side is longer than a preset may ask for.
    """
    scale = min(1.0, (VIEWED_PIXELS / (size[0] * size[1])) ** 0.5, MAX_SIDE / max(size))
    return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))


def in_full(source: Size, preset: Preset) -> Preset:
    """Return the preset that shows the same of a picture, as large as it is there."""
    width, height = own_size(source, preset)
    return Preset(
        name="source",
        width=width,
        height=height,
        fit=preset.fit,
        position=preset.position,
        background=preset.background,
        quality=90,
    )


def as_viewed(preset: Preset) -> Preset:
    """Return a preset that :func:`in_full` made, or of all of a picture, as large as is viewed."""
    width, height = viewed((preset.width or 1, preset.height or 1))
    return msgspec.structs.replace(preset, width=width, height=height)


def size_of(made: Made) -> Size:
    """Return a rendition's size."""
    return made.width or 1, made.height or 1


def _all_of(made: Made) -> Preset:
    return Preset(name="rendition", width=made.width, height=made.height)


def _planned(execution: Execution, name: str) -> tuple[Rendition, Size]:
    """Return a rendition of the plan, and the source's size; NoPicture where there is none."""
    rendition, image = planned(execution).get(name), shown(execution).image
    if rendition is None or image is None:
        raise NoPicture(f"This execution has planned no {name!r}.")
    return rendition, (image.width, image.height)


def _made(execution: Execution, name: str) -> Made:
    """Return a rendition that was made; NoPicture where there is none."""
    made = shown(execution).find(name)
    if made is None or made.name == DOCUMENT:
        raise NoPicture(f"This execution has made no rendition {name!r}.")
    return made


def _reduced(data: bytes, preset: Preset) -> Picture:
    """Return what a preset shows of a picture."""
    # Never the source's own format: its very bytes could be passed on.
    return _rendered(
        data, msgspec.structs.replace(preset, format=_ANOTHER.get(sniff(data), "auto"))
    )


def _rendered(data: bytes, preset: Preset) -> Picture:
    """Return the rendition of a picture that a preset asks for."""
    decoded = decode(data, DecodeSpec(presets=(preset,)))
    from darkroom.image.render import render  # loads libvips, which the lists do without

    (made,) = plan("view", decoded.image, (preset,))
    encoded = render(decoded.mezzanine, made)
    return Picture(encoded.data, encoded.content_type)


def drawable(data: bytes) -> str | None:
    """Return the media type of a picture that browsers draw, known by its first bytes alone."""
    try:
        kind = OUTPUT_FORMATS.get(sniff(data))
    except DarkroomError:
        return None
    return kind.content_type if kind else None


class Pictures:
    """Loads what the pages show. Threads may share it."""

    def __init__(self, deployment: Deployment, room: Room) -> None:
        self._deployment = deployment
        self._tiles = Tiles()
        self._recent: Shared[Picture] = room.cache(lambda picture: len(picture.data))

    def source(self, execution: Execution) -> Picture:
        """Return the source as pixels.

        NoPicture says that it is gone, or why it cannot be decoded.
        """
        source = _source_of(execution)
        return self._kept((source, PREVIEW), lambda: _rendered(self._stored(source), PREVIEW))

    def beside(self, execution: Execution, name: str) -> Picture:
        """Return what a rendition shows of the source, with the source's own pixels.

        NoPicture says that there is nothing to show, and why.
        """
        rendition, size = _planned(execution, name)
        source = _source_of(execution)
        preset = as_viewed(in_full(size, rendition.preset))
        return self._kept((source, preset), lambda: _reduced(self._stored(source), preset))

    def reduced(self, execution: Execution, name: str) -> Picture:
        """Return a rendition as large as it is viewed; NoPicture says what :meth:`output` says."""
        made = _made(execution, name)
        preset = as_viewed(_all_of(made))
        return self._kept(
            (made.sha256, preset), lambda: _reduced(self.output(execution, name).data, preset)
        )

    def tile(self, execution: Execution, which: str, corner: tuple[int, int]) -> Picture:
        """Return a tile: of a rendition, ``output-NAME``, or of what it shows, ``source-NAME``.

        NoPicture says that there is none, and why.
        """
        side, _, name = which.partition("-")
        key: Hashable
        if side == "source":
            rendition, size = _planned(execution, name)
            source = _source_of(execution)
            large = Large(size, in_full(size, rendition.preset))
            key, read = (source, large.shown.position), lambda: self._stored(source)
        else:
            made = _made(execution, name)
            large = Large(size_of(made), _all_of(made))
            key, read = made.sha256, lambda: self.output(execution, name).data
        try:
            data = self._tiles.cut(key, read, large, corner)
        except (DarkroomError, Undecodable) as error:
            raise NoPicture(str(error)) from None
        if data is None:
            raise NoPicture("The picture ends before this tile.")
        return Picture(data, "image/png")

    def every(self, execution: Execution) -> Iterator[tuple[str, bytes | NoPicture]]:
        """Yield each output's file name and its bytes, or why it cannot be had."""
        outputs = shown(execution)
        for made in (*outputs.renditions, *((outputs.document,) if outputs.document else ())):
            name = made.key.rpartition("/")[2]
            try:
                yield name, self.output(execution, made.name).data
            except NoPicture as error:
                yield name, error

    def output(self, execution: Execution, name: str) -> Picture:
        """Return a rendition or the PDF as it lies in the output bucket.

        NoPicture says that it is gone, that another run has written it since, or that it is no
        picture.
        """
        outputs = shown(execution)
        made = outputs.find(name)
        if made is None:
            raise NoPicture(f"This execution has made no {name!r}.")
        data = self._kept(made.sha256, lambda: Picture(self._read(made), "")).data
        if made is outputs.document and data.startswith(b"%PDF-"):
            return Picture(data, PDF_TYPE)
        kind = drawable(data)
        if kind is None:
            raise NoPicture(f"{made.key} is not a picture that browsers draw.")
        return Picture(data, kind)

    def page(self, execution: Execution) -> Picture:
        """Return the first page of the PDF as a picture."""
        document = self.output(execution, "document")

        def make() -> Picture:
            return Picture(_first_page(document.data), "image/png")

        return self._kept((hashlib.sha256(document.data).hexdigest(), "page"), make)

    def thumbnail(self, execution: Execution) -> Picture:
        """Return the smallest rendition."""
        renditions = shown(execution).renditions
        if not renditions:
            raise NoPicture("This execution has made no rendition.")
        return self.output(execution, min(renditions, key=lambda each: each.bytes).name)

    def _stored(self, source: Source) -> bytes:
        return Objects(self._deployment.s3).read_source(source, Limits()).data

    def _kept(self, key: Hashable, make: Callable[[], Picture]) -> Picture:
        try:
            return self._recent.get(key) or self._recent.put(key, make())
        except DarkroomError as error:
            raise NoPicture(str(error)) from None

    def _read(self, made: Made) -> bytes:
        if made.bytes > MAX_OUTPUT:
            raise NoPicture(f"{made.key} is larger than the console shows.")
        try:
            answer = self._deployment.s3.get_object(Bucket=made.bucket, Key=made.key)
            data = answer["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in {"NoSuchKey", "NoSuchBucket"}:
                raise NoPicture("It is no longer stored.") from None
            raise
        if hashlib.sha256(data).hexdigest() != made.sha256:
            raise NoPicture("A later run has replaced it.")
        return data


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
    output = parsed(run.output)
    return output if isinstance(output, dict) else {}


def places(execution: Execution) -> Iterator[tuple[str, str]]:
    """Yield where things lie, as pairs of a label and an S3 address."""
    if execution.source:
        yield "Source", f"s3://{execution.source.bucket}/{execution.source.key}"
    outputs = shown(execution).renditions
    if outputs:
        yield "Outputs", f"s3://{outputs[0].bucket}/{outputs[0].key.rpartition('/')[0]}/"
    if execution.backup:
        yield "Backup", f"s3://{execution.backup.bucket}/{execution.backup.key}"
