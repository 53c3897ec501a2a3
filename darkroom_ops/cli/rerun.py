"""`darkroom rerun`: an execution's input again, changed where asked, shown before it starts."""

from __future__ import annotations

import difflib
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from darkroom.contract.errors import InvalidRequest
from rich.console import Console
from rich.text import Text

from darkroom_ops.cli import address, display, inputs, progress
from darkroom_ops.executions.client import Executions
from darkroom_ops.present import words
from darkroom_ops.present.failures import WrongUse
from darkroom_ops.rerun import Request, changed, check_request, request_of, start


def rerun(
    named: str,
    *,
    presets: Sequence[str] = (),
    watermark: str | None = None,
    notify: bool | None = None,
    given: str | None = None,
    newest: bool = False,
    edit: bool = False,
    dry_run: bool = False,
    endpoint: str | None = None,
    stack: str | None = None,
    as_json: bool = False,
) -> int:
    """Run an execution's image again and follow it.

    Parameters
    ----------
    named
        As :meth:`darkroom_ops.executions.client.Executions.find` takes it.
    presets, watermark, notify
        What shall be otherwise.
    given
        Fields to replace, as :func:`darkroom_ops.cli.inputs.json_of` reads them; with a ``source``,
        the whole request.
    newest
        Take the newest version of the object instead of the very one.
    edit
        Open the request in an editor.
    dry_run
        Only show the request.
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
    WrongUse, NoSuchExecution, InvalidRequest
        Nothing was started, and why.
    LeftRunning
        The user pressed Ctrl-C while the execution ran.
    """
    asked = inputs.json_of(given, "--input") if given is not None else {}
    asked = changed(
        asked,
        presets=[inputs.preset(each) for each in presets] or None,
        watermark=None if watermark is None else {"text": watermark} if watermark else {},
        notify=notify,
    )
    deployment = address.connect(endpoint, stack)
    executions = Executions(deployment)
    before = executions.get(executions.find(named))
    original = request_of(before)
    request = dict(asked) if "source" in asked else {**original, **asked}
    if watermark == "":
        request.pop("watermark", None)
    if newest and isinstance(request.get("source"), dict):
        pinned = {"versionId", "etag"}
        request["source"] = {k: v for k, v in request["source"].items() if k not in pinned}
    if edit:
        request = _edited(request)
    screen = Console(quiet=True) if as_json else display.console()
    screen.print(_title(before.name, before.outcome or before.status, before.error), soft_wrap=True)
    screen.print(difference(original, request), soft_wrap=True)
    check_request(request)
    if dry_run:
        if as_json:
            print(json.dumps({"rerun_of": before.arn, "request": request, "started": False}))
        screen.print("\nNothing is started: this is a dry run.", style="dim")
        return 0
    arn = start(deployment, request)
    screen.print()
    execution = progress.followed(deployment, arn, screen)
    return progress.finish(
        deployment, execution, screen, as_json=as_json,
        more={"rerun_of": before.arn, "request": request},
    )  # fmt: skip


def difference(before: object, now: object) -> Text:
    """Return JSON with what was taken out and put in, line by line.

    Parameters
    ----------
    before, now
        JSON-like data.
    """
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


def _title(name: str, outcome: str, error: str | None) -> Text:
    ended = words.plain(f"{outcome.replace('_', ' ')} {error or ''}".strip())
    return Text(f"The request of {name} ({ended}), as it will run:\n", "dim")


def _edited(request: Request) -> Request:
    """Return the request as a person leaves it in an editor; again, until it is valid."""
    text = json.dumps(request, indent=2, ensure_ascii=False) + "\n"
    while True:
        text = _editor(text)
        if not text.strip():
            raise WrongUse("Expected a request, but the file was left empty. Nothing is started.")
        try:
            found = json.loads(text)
            check_request(found)
        except (ValueError, InvalidRequest) as error:
            if not sys.stdin.isatty():
                raise WrongUse(f"The edited request is not valid: {error}") from None
            print(words.plain(f"That is not valid: {error}"), file=sys.stderr)
            input("Press Enter to edit it again, Ctrl-C to give up. ")
        else:
            edited: dict[str, Any] = found
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
