"""`darkroom run`: one image through the workflow, followed to its end."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from darkroom.contracts import parse_request
from rich.console import Console
from rich.text import Text

from ops import cost
from ops.cli import address, display, words
from ops.cli.failures import LeftRunning, WrongUse
from ops.deployment import Deployment
from ops.executions import Execution, SourceObject
from ops.following import AWS_SECONDS, ENGINE_SECONDS, find_started, follow

MANUAL = "manual/"
"""Where a file goes that no event shall start: outside of the watched prefix."""

FAILED = 1


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
    wishes
        The rest of the input.
    """

    source: SourceObject
    upload: Path | None
    by_event: bool
    wishes: dict[str, Any]

    def request(self) -> dict[str, Any]:
        """Return the input of the execution."""
        source = {"bucket": self.source.bucket, "key": self.source.key}
        if self.source.version_id:
            source["versionId"] = self.source.version_id
        return {"source": source, **self.wishes}


def run(
    image: str,
    *,
    given: str | None,
    key: str | None,
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
        The input's other fields, as JSON or as ``@file``.
    key
        Where to upload a file.
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
    wishes = _wishes(given)
    _check(image, key)
    deployment = address.connect(endpoint, stack)
    plan = _plan(image, key, wishes, deployment)
    parse_request(plan.request())
    screen = Console(quiet=True) if as_json else display.console()
    arn = _start(deployment, plan, screen)
    execution = _followed(deployment, arn, screen)
    memory = cost.Memory(deployment.lambda_)
    estimate = cost.estimate(execution, memory)
    if as_json:
        print(json.dumps(display.as_json(execution, estimate)))
    else:
        screen.print()
        screen.print(display.summary(execution, estimate), soft_wrap=True)
        for part in display.results(execution):
            screen.print()
            screen.print(part, soft_wrap=True)
        if execution.outcome == "FAILED":
            screen.print(display.failure(execution), soft_wrap=True)
    return 0 if execution.status == "SUCCEEDED" else FAILED


def _wishes(given: str | None) -> dict[str, Any]:
    """Read ``--input``."""
    if given is None:
        return {}
    name, text = "--input", given
    if given.startswith("@"):
        name = given[1:]
        text = _text(Path(name))
    try:
        found = json.loads(text)
    except ValueError as error:
        raise WrongUse(
            f"Expected {name} to be JSON, but it is not: {error}. An example: "
            '\'{"pdf": {"pageSize": "A4"}, "notify": false}\'.'
        ) from None
    if not isinstance(found, dict):
        raise WrongUse(
            f"Expected {name} to be a JSON object, but received {type(found).__name__}: "
            f"{json.dumps(found)[:60]}."
        )
    if "source" in found:
        raise WrongUse(
            f"Expected {name} to have no 'source': the image is named before it, as FILE or as "
            "s3://bucket/key. Remove it."
        )
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise WrongUse(f"Expected to read the input from {path}, but: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise WrongUse(f"Expected {path} to be JSON text in UTF-8, but it is not text.") from None


def _check(image: str, key: str | None) -> None:
    """Check what can be checked without a stack."""
    if image.startswith("s3://"):
        if not all(_place(image)):
            raise WrongUse(f"Expected s3://bucket/key, but received {image!r}.")
        if key is not None:
            raise WrongUse(
                "Expected --key only with a file: it says where to upload it. Leave it out."
            )
    elif not Path(image).is_file():
        what = "is a folder" if Path(image).is_dir() else "does not exist"
        raise WrongUse(f"Expected an image file or s3://bucket/key, but {image!r} {what}.")


def _place(address: str) -> tuple[str, str]:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return bucket, key


def _plan(image: str, key: str | None, wishes: dict[str, Any], deployment: Deployment) -> _Plan:
    if image.startswith("s3://"):
        return _Plan(SourceObject(*_place(image)), None, by_event=False, wishes=wishes)
    path = Path(image)
    prefix = deployment.source_prefix
    if key is None:
        key = f"{MANUAL if wishes else prefix}{path.name}"
    by_event = key.startswith(prefix)
    if by_event and wishes:
        raise WrongUse(
            f"Expected --key to lie outside of {prefix!r} when there is an --input: an upload "
            f"below it starts a run of its own, without that input. Leave --key out, or use "
            f"{MANUAL + path.name!r}."
        )
    source = SourceObject(deployment.source_bucket_name, key)
    return _Plan(source, path, by_event=by_event, wishes=wishes)


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
        request = _Plan(source, None, by_event=False, wishes=plan.wishes).request()
        started = deployment.stepfunctions.start_execution(
            stateMachineArn=deployment.state_machine_arn, input=json.dumps(request)
        )
        return started["executionArn"]
    arn = find_started(
        deployment.stepfunctions,
        deployment.state_machine_arn,
        source,
        began,
        interval=_interval(deployment),
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


def _interval(deployment: Deployment) -> float:
    return ENGINE_SECONDS if deployment.endpoint else AWS_SECONDS


def _followed(deployment: Deployment, arn: str, screen: Console) -> Execution:
    """Show an execution until it ends; Ctrl-C leaves it running."""
    try:
        screen.print(Text(f"Execution {arn}", "dim"), soft_wrap=True)
        with display.Progress(screen) as progress:
            for execution, happened in follow(deployment.stepfunctions, arn, _interval(deployment)):
                progress.show(execution, happened)
    except KeyboardInterrupt:
        where = f" --endpoint-url {deployment.endpoint}" if deployment.endpoint else ""
        raise LeftRunning(
            "The execution goes on without you. To look at it:\n"
            f"  aws stepfunctions describe-execution{where} --execution-arn {arn}"
        ) from None
    return execution
