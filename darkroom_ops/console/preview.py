"""What a re-run would make, before it is started: by Prepare's and Resize's code, on this machine.

The plan is Prepare's, the picture Resize's, from the same mezzanine: an execution makes the same
bytes. What a page has asked for last is made; what it asked for before and still waits, is not.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import ClientError
from darkroom.aws.objects import Objects, StoredObject
from darkroom.aws.parameters import Parameters
from darkroom.contract.limits import MIB, Limits
from darkroom.contract.objects import Source
from darkroom.contract.results import Rendition
from darkroom.image.geometry import Size, place
from darkroom.image.sandbox import parent
from darkroom.image.spec import Decoded, DecodeSpec
from darkroom.steps.prepare import Examined, examine
from darkroom.steps.settings import PrepareSettings, from_environment

from darkroom_ops.cache import Recent, Room, Shared
from darkroom_ops.deployment import Deployment
from darkroom_ops.present import words

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TOO_LARGE = "the picture is too large to be shown here; an execution makes it all the same."

PAGES = 100
"""Pages whose last turn is remembered."""

VCPU_MB = 1769
"""Memory at which a function has one processor (Lambda's developer guide, "Configure memory")."""

LIBRARIES_MB = 75
"""What the function takes besides (docs/imaging.md)."""

PER_MEGAPIXEL = {"jpeg": (0.2, 8), "png": (0.15, 7.8), "webp": (0.65, 27), "avif": (1.7, 26)}
"""Processor's seconds and MiB for a megapixel of a rendition whose picture is hard to encode."""

NOTICED = 0.1
"""Seconds below which a figure tells nobody anything."""

THOROUGH = (1.3, 10)
"""The same of a JPEG with high effort."""


class Overtaken(Exception):
    """The page has asked for another preview meanwhile."""


@dataclass(frozen=True)
class Made:
    """A picture of a preview."""

    data: bytes
    content_type: str
    quality: int | None
    cpu_seconds: float


@dataclass(frozen=True)
class Preview:
    """One rendition as it would be, with the names of all, and what to know before the start."""

    rendition: Rendition
    names: tuple[str, ...]
    made: Made
    digest: str
    warnings: tuple[str, ...]
    needs: str


@dataclass(frozen=True)
class Resize:
    """What the function has that makes renditions: seconds, and MiB."""

    seconds: int
    memory_mb: int

    def takes(self, cpu_seconds: float) -> float:
        """Return how long it takes for what takes a whole processor so many seconds.

        It has a share of one by its memory.
        """
        return cpu_seconds * max(1.0, VCPU_MB / self.memory_mb)


@dataclass(frozen=True)
class Needs:
    """What making a rendition takes: seconds of a processor, and MiB at most."""

    cpu_seconds: float
    memory_mb: int


class Previews:
    """Makes previews, one at a time. Threads may share it.

    As far as the room goes, a source is got once, and decoded once for the same presets.
    """

    def __init__(self, deployment: Deployment, room: Room) -> None:
        self._deployment = deployment
        self._storage = _Remembering(deployment.s3, room)
        self._parameters = Parameters(deployment.ssm)
        self._decoded: Shared[Decoded] = room.cache(lambda each: len(each.mezzanine))
        self._made: Shared[Made] = room.cache(lambda each: len(each.data))
        self._functions: Recent[Any] = Recent(2)
        self._asked: Recent[int] = Recent(PAGES)
        self._asking = threading.Lock()
        self._one_at_a_time = threading.Lock()

    def make(
        self, request: Mapping[str, Any], name: str | None, page: str = "", turn: int = 0
    ) -> Preview:
        """Return a rendition of a request's plan, or the first without a name.

        A page counts what it asks for, in turns: what it asked for last may come first. Overtaken
        says that it has asked again; whatever an execution would fail with, is raised alike.
        """
        with self._turn(page, turn):
            found = self._examined(request)
            by_name = {each.name: each for each in found.renditions}
            rendition = by_name.get(name or "", found.renditions[0])
            digest = _digest(found.decoded.mezzanine, rendition)
            made = self._made.get(digest) or self._made.put(digest, _render(found, rendition))
        size = found.decoded.image.width, found.decoded.image.height
        # Of a preset in several formats once.
        short = dict.fromkeys(w for each in found.renditions for w in shortcomings(each, size))
        warnings = list(short)
        if self.picture(digest) is None:
            warnings.append(f"{rendition.name}: {TOO_LARGE}")
        function, mezzanine = self._resize(), len(found.decoded.mezzanine)
        needed = {each.name: needs(each, mezzanine) for each in found.renditions}
        shown = Needs(made.cpu_seconds, needed[rendition.name].memory_mb)  # that was measured
        for each, its in (needed | {rendition.name: shown}).items():
            warnings += excesses(each, its, function)
        return Preview(
            rendition, tuple(by_name), made, digest, tuple(warnings), told(shown, function)
        )

    def picture(self, digest: str) -> Made | None:
        """Return a picture that was made, while it is remembered."""
        return self._made.get(digest)

    @contextlib.contextmanager
    def _turn(self, page: str, turn: int) -> Iterator[None]:
        with self._asking:
            self._asked.put(page, max(turn, self._asked.get(page) or 0))
        with self._one_at_a_time:
            if (self._asked.get(page) or 0) > turn:
                raise Overtaken
            yield

    def _examined(self, request: Mapping[str, Any]) -> Examined:
        at = self._deployment
        settings = PrepareSettings(
            source_bucket=at.source_bucket_name,
            work_bucket="",  # nothing is written
            presets_parameter=at.presets_parameter_name,
        )
        return examine(
            request, self._storage, self._parameters, settings, self._limits(), self._decode
        )

    def _decode(self, data: bytes, spec: DecodeSpec) -> Decoded:
        key = _digest(data, spec)
        return self._decoded.get(key) or self._decoded.put(key, parent.decode(data, spec))

    def _limits(self) -> Limits:
        """Return the deployment's limits: those that Prepare has in its environment."""
        variables = self._function("prepare").get("Environment", {}).get("Variables", {})
        return from_environment(Limits, prefix="LIMIT_", environ=variables)

    def _resize(self) -> Resize:
        function = self._function("resize")
        return Resize(function["Timeout"], function["MemorySize"])

    def _function(self, step: str) -> Mapping[str, Any]:
        name = f"{self._deployment.stack}-{step}"
        known = self._functions.get(name)
        if known is None:
            asked = self._deployment.lambda_.get_function_configuration(FunctionName=name)
            known = self._functions.put(name, asked)
        found: Mapping[str, Any] = known
        return found


class _Remembering(Objects):
    """Objects that are got once each, by their version."""

    def __init__(self, client: S3Client, room: Room) -> None:
        super().__init__(client)
        self._client = client
        self._known: Shared[StoredObject] = room.cache(lambda each: len(each.data))

    def read_source(self, source: Source, limits: Limits) -> StoredObject:
        """Read an object, unless its very version was read before."""
        version = source.version_id or self._version(source)
        known = self._known.get((source.bucket, source.key, version))
        if known is not None:
            return known
        read = super().read_source(source, limits)
        return self._known.put((source.bucket, source.key, read.version_id or read.etag), read)

    def _version(self, source: Source) -> str | None:
        """Return the version that lies there now; None leaves it to the reading to say why not."""
        try:
            head = self._client.head_object(Bucket=source.bucket, Key=source.key)
        except ClientError:
            return None
        etag = head["ETag"].strip('"')
        return None if source.etag not in {None, etag} else head.get("VersionId", etag)


def shortcomings(rendition: Rendition, source: Size) -> Iterator[str]:
    """Yield what a rendition will not be: as large as asked, or the whole picture."""
    if rendition.shortfall:
        gets = f"{rendition.width} x {rendition.height}"
        yield f"{rendition.preset.name}: {rendition.shortfall}; it becomes {gets}."
    placement = place(source, rendition.preset)
    for side, whole, shown in zip(
        ("width", "height"), placement.whole, placement.shown, strict=True
    ):
        lost = 100 * (whole - shown) / whole
        if lost >= 1:
            yield f"{rendition.preset.name}: {lost:.0f} % of the picture's {side} is cut off."


def needs(rendition: Rendition, mezzanine: int) -> Needs:
    """Estimate what making a rendition takes at most, from a mezzanine of so many bytes.

    Beside the mezzanine there are the rows that are reduced, and what the encoder keeps
    (docs/imaging.md, "Memory of Resize").
    """
    pixels = rendition.width * rendition.height
    seconds, memory = PER_MEGAPIXEL[rendition.format]
    if rendition.format == "jpeg" and rendition.preset.effort == "high":
        seconds, memory = THOROUGH
    reduced = 4 * pixels < mezzanine
    held = mezzanine / MIB * (15 / 8 if reduced else 1)
    return Needs(seconds * pixels / 1e6, round(LIBRARIES_MB + held + memory * pixels / 1e6))


def told(needed: Needs, function: Resize) -> str:
    """Say what making a rendition takes of what the function has."""
    seconds = function.takes(needed.cpu_seconds)
    took = f"about {words.duration(seconds)}" if seconds >= NOTICED else f"less than {NOTICED} s"
    return (
        f"Resize needs {took} of its {function.seconds} s, and at most "
        f"{needed.memory_mb} of its {function.memory_mb} MB."
    )


def excesses(name: str, needed: Needs, function: Resize) -> Iterator[str]:
    """Yield what will not do for a rendition: the function's time, or its memory.

    It may be slower than this machine, so that half of its time is too near.
    """
    seconds = function.takes(needed.cpu_seconds)
    if seconds >= function.seconds / 2:
        yield (
            f"{name}: making it takes about {seconds:.0f} s with {function.memory_mb} MB, and "
            f"the function stops after {function.seconds} s. Ask for a smaller one, JPEG or WebP, "
            "or normal effort."
        )
    if needed.memory_mb > function.memory_mb:
        yield (
            f"{name}: making it may take {needed.memory_mb} MB, and the function has "
            f"{function.memory_mb}. Ask for a smaller one, or JPEG or PNG."
        )


def _render(found: Examined, rendition: Rendition) -> Made:
    from darkroom.image.render import render  # loads libvips, which the lists do without

    began = time.process_time()
    encoded = render(found.decoded.mezzanine, rendition)
    seconds = time.process_time() - began
    return Made(encoded.data, encoded.content_type, encoded.quality, seconds)


def _digest(data: bytes, how: msgspec.Struct) -> str:
    return hashlib.sha256(hashlib.sha256(data).digest() + msgspec.msgpack.encode(how)).hexdigest()
