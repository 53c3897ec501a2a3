"""`darkroom run`: one image through the workflow, followed to its end."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from darkroom_ops import rerun
from darkroom_ops.cli import address, display, inputs, progress
from darkroom_ops.deployment import Deployment
from darkroom_ops.executions.model import SourceObject
from darkroom_ops.executions.watch import find_started
from darkroom_ops.present import words
from darkroom_ops.present.failures import WrongUse

MANUAL = "manual/"
"""Where a file goes that no event shall start: outside of the watched prefix."""


@dataclass(frozen=True)
class _Plan:
    """What will be done: an upload, a start, or both.

    Parameters
    ----------
    source
        The object.
    upload
        The file to put there; None when it is there already.
    by_event
        Whether the upload starts the execution.
    asked
        The rest of the input.
    """

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


def run(
    image: str,
    *,
    given: str | None = None,
    presets: Sequence[str] = (),
    watermark: str | None = None,
    key: str | None = None,
    version: str | None = None,
    endpoint: str | None,
    stack: str | None,
    as_json: bool,
) -> int:
    """Process one image and show what came of it.

    Parameters
    ----------
    image
        A file, or ``s3://bucket/key``.
    given
        The input's other fields: JSON, ``@file``, a file, or ``-``.
    presets, watermark
        The renditions to make, as :func:`darkroom_ops.cli.inputs.preset` reads them; a text on
        each.
    key
        Where to upload a file.
    version
        Version of an object.
    endpoint, stack
        Where the stack is.
    as_json
        Print one JSON object at the end, and nothing else.

    Returns
    -------
    int
        0 when the execution succeeded, 1 when it failed.

    Raises
    ------
    WrongUse, InvalidRequest
        Nothing was started, and why.
    LeftRunning
        The user pressed Ctrl-C while the execution ran.
    """
    asked = _fields(given, presets, watermark)
    _check(image, key, version)
    deployment = address.connect(endpoint, stack)
    plan = _plan(image, key, version, asked, deployment)
    rerun.check_request(plan.request())
    screen = Console(quiet=True) if as_json else display.console()
    arn = _start(deployment, plan, screen)
    execution = progress.followed(deployment, arn, screen)
    return progress.finish(deployment, execution, screen, as_json=as_json)


def _fields(given: str | None, presets: Sequence[str], watermark: str | None) -> dict[str, Any]:
    """Read what the run shall do otherwise."""
    found = inputs.json_of(given, "--input") if given is not None else {}
    if "source" in found:
        raise WrongUse(
            "Expected --input to have no 'source': the image is named before it, as FILE or as "
            "s3://bucket/key. Remove it."
        )
    return rerun.changed(
        found,
        presets=[inputs.preset(each) for each in presets] or None,
        watermark=None if watermark is None else {"text": watermark},
    )


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
    elif not Path(image).is_file():
        what = "is a folder" if Path(image).is_dir() else "does not exist"
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
        return rerun.start(deployment, request)
    arn = find_started(
        deployment.stepfunctions,
        deployment.state_machine_arn,
        source,
        began,
        interval=progress.interval(deployment),
    )
    if arn is None:
        _not_started(deployment, where)
    return arn


def _uploaded(deployment: Deployment, path: Path, source: SourceObject) -> SourceObject:
    """Upload a file and return the very version that it became."""
    try:
        body = path.read_bytes()
    except OSError as error:
        raise WrongUse(f"Expected to read {path}, but: {error.strerror}.") from None
    put = deployment.s3.put_object(Bucket=source.bucket, Key=source.key, Body=body)
    return SourceObject(source.bucket, source.key, put.get("VersionId"), put["ETag"].strip('"'))


def _not_started(deployment: Deployment, where: str) -> NoReturn:
    raise WrongUse(
        f"{where} is uploaded, but no execution has begun within a minute. Is the rule "
        f"{deployment.upload_rule_name} enabled? Events that could not be delivered lie in "
        f"{deployment.events_dead_letter_queue_url}."
    )
