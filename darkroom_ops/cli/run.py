"""`darkroom run`: one image through the workflow, followed to its end."""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from darkroom_ops.cli import inputs
from darkroom_ops.cli.command import WORK, command
from darkroom_ops.cli.options import Presets, Watermark
from darkroom_ops.cli.target import Target
from darkroom_ops.present import words
from darkroom_ops.present.failures import WrongUse

if TYPE_CHECKING:
    from rich.console import Console

    from darkroom_ops.deployment import Deployment
    from darkroom_ops.executions.model import SourceObject

MANUAL = "manual/"
"""Where a file goes that no event shall start: outside of the watched prefix."""


@dataclass(frozen=True)
class _Plan:
    """What will be done with an object: a file put there, its event awaited, or a start."""

    source: SourceObject
    upload: Path | None
    by_event: bool
    asked: dict[str, Any]

    def request(self) -> dict[str, Any]:
        """Return the input of the execution."""
        source = {"bucket": self.source.bucket, "key": self.source.key}
        if self.source.version_id:
            source["versionId"] = self.source.version_id
        return {"source": source, **self.asked}


@command(
    "darkroom run photo.jpg",
    "darkroom run photo.jpg --preset thumb=160x160,fit=cover --watermark 'Jane Doe'",
    """darkroom run photo.jpg --input '{"pdf": {"pageSize": "A4"}}'""",
    "darkroom run s3://my-bucket/uploads/photo.jpg --input input.json --stack darkroom",
    panel=WORK,
)
def run(
    target: Target,
    image: Annotated[
        str, typer.Argument(metavar="FILE|s3://BUCKET/KEY", help="The image to process.")
    ],
    *,
    fields: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="JSON|FILE",
            help="What the run shall do otherwise: presets, watermark, pdf, notify. A file, or - "
            "for standard input.",
        ),
    ] = None,
    preset: Presets = None,
    watermark: Watermark = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="Object key to upload FILE to. By default its name, under the source prefix.",
        ),
    ] = None,
    version_id: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="A version of the object. By default the newest.",
        ),
    ] = None,
) -> int:
    """Process one image, follow its execution, and show what it made.

    Exits with 0 when it succeeded, 1 when it failed, 2 when nothing was started.
    """
    from darkroom.contract.requests import parse_request

    from darkroom_ops.cli import progress
    from darkroom_ops.executions.client import Executions

    asked = inputs.fields_of(fields, preset, watermark)
    if "source" in asked:
        raise WrongUse(
            "Expected --input to have no 'source': the image is named before it, as FILE or as "
            "s3://bucket/key. Remove it."
        )
    _check(image, key, version_id)
    deployment = target.deployment()
    plan = _plan(image, key, version_id, asked, deployment)
    parse_request(plan.request())
    Executions(deployment).require_list()  # before anything is uploaded: it is followed by it
    screen = target.screen()
    return progress.follow_to_end(deployment, _start(deployment, plan, screen), screen)


def _check(image: str, key: str | None, version: str | None) -> None:
    """Check what can be checked without a stack."""
    if image.startswith("s3://"):
        if not all(_place(image)):
            raise WrongUse(f"Expected s3://bucket/key, but received {image!r}.")
        if key is not None:
            raise WrongUse(
                "Expected --key only with a file: it says where to upload it. Leave it out."
            )
    elif version is not None:
        raise WrongUse(
            "Expected --version-id only with s3://bucket/key: a file becomes a new version. Leave "
            "it out."
        )
    elif not os.path.isfile(image):  # noqa: PTH113 - Path fails at a name that is too long
        what = "does not exist"
        if os.path.exists(image):  # noqa: PTH110
            what = "is a folder" if Path(image).is_dir() else "is no file"
        raise WrongUse(f"Expected an image file or s3://bucket/key, but {image!r} {what}.")


def _place(address: str) -> tuple[str, str]:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return bucket, key


def _plan(
    image: str,
    key: str | None,
    version: str | None,
    asked: dict[str, Any],
    deployment: Deployment,
) -> _Plan:
    from darkroom_ops.executions.model import SourceObject

    if image.startswith("s3://"):
        source = SourceObject(*_place(image), version)
        return _Plan(source, None, by_event=False, asked=asked)
    path = Path(image)
    prefix = deployment.source_prefix
    if key is None:
        key = f"{MANUAL if asked else prefix}{path.name}"
    by_event = key.startswith(prefix)
    if by_event and asked:
        raise WrongUse(
            f"Expected --key to lie outside of {prefix!r} when there is an --input, --preset or "
            "--watermark: an upload below it starts a run of its own, without them. Leave --key "
            f"out, or use {MANUAL + path.name!r}."
        )
    source = SourceObject(deployment.source_bucket_name, key)
    return _Plan(source, path, by_event=by_event, asked=asked)


def _start(deployment: Deployment, plan: _Plan, screen: Console) -> str:
    """Upload, start, and return the ARN of the execution."""
    from darkroom_ops.executions.watch import find_started, interval
    from darkroom_ops.rerun import start

    began = datetime.datetime.now(datetime.UTC)
    source = plan.source
    where = f"s3://{source.bucket}/{source.key}"
    if plan.upload is not None:
        shown = words.plain(f"{plan.upload} → {where}")
        screen.print(shown, soft_wrap=True, markup=False)
        source = _uploaded(deployment, plan.upload, source)
    else:
        screen.print(words.plain(where), soft_wrap=True, markup=False)
    if not plan.by_event:
        request = _Plan(source, None, by_event=False, asked=plan.asked).request()
        return start(deployment, request)
    arn = find_started(
        deployment.stepfunctions,
        deployment.state_machine_arn,
        source,
        began,
        interval=interval(deployment),
    )
    if arn is None:
        _not_started(deployment, source)
    return arn


def _uploaded(deployment: Deployment, path: Path, source: SourceObject) -> SourceObject:
    """Upload a file and return the very version that it became."""
    import msgspec

    try:
        body = path.read_bytes()
    except OSError as error:
        raise WrongUse(f"Expected to read {path}, but: {error.strerror}.") from None
    put = deployment.s3.put_object(Bucket=source.bucket, Key=source.key, Body=body)
    return msgspec.structs.replace(
        source, version_id=put.get("VersionId"), etag=put["ETag"].strip('"')
    )


def _not_started(deployment: Deployment, source: SourceObject) -> NoReturn:
    from darkroom_ops.cli import address

    where = f"s3://{source.bucket}/{source.key}"
    raise WrongUse(
        f"{where} is uploaded, but no execution has begun within a minute. S3 sends no events for "
        f"five minutes after a bucket was created. Otherwise, is the rule "
        f"{deployment.upload_rule_name} enabled? Events that could not be delivered lie in "
        f"{deployment.events_dead_letter_queue_url}. To run it without its event: "
        f"{address.command(deployment, 'run', where)}"
    )
