"""`darkroom rerun`: an execution's input again, changed where asked, shown before it starts."""

from __future__ import annotations

import difflib
import json
import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from darkroom_ops.cli import inputs
from darkroom_ops.cli.command import WORK, command
from darkroom_ops.cli.many import Chosen, many, one_or_many, people_read
from darkroom_ops.cli.options import (
    MaybeExecution,
    Presets,
    Watermark,
    Yes,
)
from darkroom_ops.cli.target import Target
from darkroom_ops.present import words
from darkroom_ops.present.failures import WrongUse, say
from darkroom_ops.present.outcomes import ending

if TYPE_CHECKING:
    from darkroom_ops.executions.model import Execution
    from darkroom_ops.rerun import Request


@command(
    "darkroom rerun 3f2a9c41",
    "darkroom rerun 3f2a9c41 --preset banner=1200x400,fit=cover --watermark 'Jane Doe'",
    "darkroom rerun s3://my-bucket/uploads/photo.jpg --newest",
    "darkroom rerun 3f2a9c41 --edit --dry-run",
    "darkroom rerun --status failed --error StorageError --since 1h --dry-run",
    panel=WORK,
)
def rerun(
    target: Target,
    execution: MaybeExecution = None,
    *,
    chosen: Chosen,
    preset: Presets = None,
    watermark: Watermark = None,
    notify: Annotated[
        bool | None,
        typer.Option(
            "--notify/--no-notify",
            help="Whether people hear of the success.",
        ),
    ] = None,
    fields: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="JSON|FILE",
            help="Fields to replace; with a source, the whole request. A file, or - for standard "
            "input.",
        ),
    ] = None,
    newest: Annotated[
        bool,
        typer.Option("--newest", help="Take the newest version of the object, not the very one."),
    ] = False,
    edit: Annotated[
        bool, typer.Option("--edit", help="Change the request in $VISUAL or $EDITOR.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show and check the request; start nothing."),
    ] = False,
    yes: Yes = False,
) -> int:
    """Run an execution's image again, changed where asked; shows the request first, then follows.

    Exits with 0 when it succeeded, 1 when it failed, 2 when nothing was started.
    """
    from darkroom.contract.requests import parse_request

    from darkroom_ops.cli import progress
    from darkroom_ops.rerun import request_of, start

    if one_or_many(execution, chosen, "rerun"):
        if preset or watermark is not None or notify is not None or fields or newest or edit:
            raise WrongUse(
                "Many are run again as they were: --preset, --watermark, --notify, --input, "
                "--newest and --edit are for one. Nothing was started."
            )
        return many(target, "rerun", chosen, dry_run=dry_run, yes=yes)
    assert execution is not None  # noqa: S101 - one_or_many has said so
    asked = inputs.fields_of(fields, preset, watermark, notify=notify)
    deployment = target.deployment()
    before = target.execution(deployment, execution)
    original = request_of(before)
    request = dict(asked) if "source" in asked else {**original, **asked}
    if watermark == "":
        request.pop("watermark", None)
    if newest and isinstance(request.get("source"), dict):
        pinned = {"versionId", "etag"}
        request["source"] = {k: v for k, v in request["source"].items() if k not in pinned}
    if edit:
        request = _edited(request)
    screen = target.screen()
    screen.print(_title(before), soft_wrap=True)
    screen.print(difference(original, request), soft_wrap=True)
    parse_request(request)
    more = {"rerun_of": before.arn, "request": request}
    if dry_run:
        if target.json:
            print(json.dumps({**more, "started": False}))
        screen.print("\nNothing is started: this is a dry run.", style="dim")
        return 0
    arn = start(deployment, request)
    screen.print()
    return progress.follow_to_end(deployment, arn, screen, more)


def difference(before: object, now: object) -> Text:
    """Return JSON with what was taken out and put in, line by line."""
    old, new = (json.dumps(each, indent=2).splitlines() for each in (before, now))
    # A comma at the end of a line says nothing of it, but of what follows.
    compared = difflib.SequenceMatcher(
        None, [line.rstrip(",") for line in old], [line.rstrip(",") for line in new], autojunk=False
    )
    text = Text()
    for kind, old_first, old_last, first, last in compared.get_opcodes():
        if kind != "equal":
            for line in old[old_first:old_last]:
                text.append(f"  - {line}\n", "red")
        for line in new[first:last]:
            same = kind == "equal"
            text.append(f"  {' ' if same else '+'} {line}\n", "" if same else "green")
    text.rstrip()
    return text


def _title(before: Execution) -> Text:
    outcome = ending(before).replace("_", " ")
    ended = words.plain(f"{outcome} {before.error or ''}".strip())
    return Text(f"The request of {words.plain(before.name)} ({ended}), as it will run:\n", "dim")


def _edited(request: Request) -> Request:
    """Return the request as a person leaves it in an editor; again, until it is valid."""
    from darkroom.contract.errors import InvalidRequest
    from darkroom.contract.requests import parse_request

    text = json.dumps(request, indent=2, ensure_ascii=False) + "\n"
    while True:
        text = _editor(text)
        if not text.strip():
            raise WrongUse("Expected a request, but the file was left empty. Nothing is started.")
        try:
            edited: dict[str, Any] = json.loads(text)
            parse_request(edited)
        except (ValueError, InvalidRequest) as error:
            if not people_read():
                raise WrongUse(f"The edited request is not valid: {error}") from None
            say(words.plain(f"That is not valid: {error}"))
            input("Press Enter to edit it again, Ctrl-C to give up. ")
        else:
            return edited


def _editor(text: str) -> str:
    """Let a person edit a text with $VISUAL, $EDITOR or vi."""
    command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with tempfile.TemporaryDirectory(prefix="darkroom-") as folder:
        path = Path(folder, "request.json")
        path.write_text(text, encoding="utf-8")
        try:
            done = subprocess.run([*command, str(path)], check=False)
        except OSError as error:
            raise WrongUse(
                f"Expected an editor, but {command[0]!r} cannot be started: {error.strerror}. Set "
                "EDITOR to one, or use --input with a file."
            ) from None
        if done.returncode:
            raise WrongUse(
                f"The editor {command[0]!r} ended with code {done.returncode}. Nothing is started."
            )
        return path.read_text(encoding="utf-8")
