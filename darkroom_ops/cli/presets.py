"""`darkroom presets`: look at the deployed presets, check and change them, without a redeploy."""

from __future__ import annotations

import json
from collections.abc import Sequence

from darkroom.contract.errors import InvalidRequest
from darkroom.contract.model import dump
from darkroom.contract.presets import Preset
from rich.table import Table
from rich.text import Text

from darkroom_ops import presets
from darkroom_ops.cli import address, display, inputs
from darkroom_ops.cli.rerun import difference
from darkroom_ops.present import words
from darkroom_ops.present.failures import FAILED


def get(*, endpoint: str | None, stack: str | None, as_json: bool) -> int:
    """Show the deployed presets.

    Returns
    -------
    int
        0, or 1 when they are not valid.
    """
    deployment = address.connect(endpoint, stack)
    found = presets.get(deployment)
    try:
        valid, problem = presets.validate(found.text), None
    except InvalidRequest as error:
        valid, problem = (), str(error)
    if as_json:
        print(
            json.dumps(
                {
                    "parameter": found.name,
                    "version": found.version,
                    "presets": [dump(each) for each in valid],
                    "problem": problem,
                }
            )
        )
        return FAILED if problem else 0
    screen = display.console()
    changed = f", changed {words.moment(found.changed)}" if found.changed else ""
    screen.print(Text(f"{found.name}, version {found.version}{changed}\n", "dim"), soft_wrap=True)
    if problem:
        screen.print(words.plain(found.text), soft_wrap=True, markup=False)
        screen.print(Text(f"\nThese are not valid: {words.plain(problem)}", "red"), soft_wrap=True)
        return FAILED
    screen.print(_table(valid))
    return 0


def validate(given: str, *, as_json: bool) -> int:
    """Check presets as the workflow does; no stack is needed.

    Parameters
    ----------
    given
        As :func:`darkroom_ops.cli.inputs.text_of` reads it.
    as_json
        Print JSON.

    Raises
    ------
    InvalidRequest
        They are not valid, and why.
    """
    valid = presets.validate(inputs.text_of(given, "the argument")[1])
    if as_json:
        print(json.dumps({"valid": True, "presets": [dump(each) for each in valid]}))
        return 0
    screen = display.console()
    screen.print(_table(valid))
    screen.print(f"\nValid: {words.count(len(valid), 'rendition')} an image.", style="green")
    return 0


def put(
    given: str, *, dry_run: bool, endpoint: str | None, stack: str | None, as_json: bool
) -> int:
    """Deploy presets, showing what changes.

    Parameters
    ----------
    given
        As :func:`darkroom_ops.cli.inputs.text_of` reads it.
    dry_run
        Only show what would change.
    endpoint, stack
        Where the stack is.
    as_json
        Print JSON.

    Raises
    ------
    InvalidRequest
        They are not valid, and why. Nothing is changed.
    """
    valid = presets.validate(inputs.text_of(given, "the argument")[1])
    deployment = address.connect(endpoint, stack)
    before = presets.get(deployment)
    new = [dump(each) for each in valid]
    version = before.version if dry_run else presets.put(deployment, valid)
    if as_json:
        print(json.dumps({"parameter": before.name, "version": version, "presets": new}))
        return 0
    screen = display.console()
    screen.print(difference(_parsed(before.text), new), soft_wrap=True)
    if dry_run:
        screen.print("\nNothing is changed: this is a dry run.", style="dim")
        return 0
    screen.print(
        f"\n{before.name} is version {version} now. Executions that start in a minute or later use "
        "it;\nimages made before keep their renditions until they are run again.",
        soft_wrap=True, markup=False,
    )  # fmt: skip
    return 0


def _parsed(text: str) -> object:
    """Return deployed presets for a comparison; as text when they are broken."""
    try:
        return [dump(each) for each in presets.validate(text)]
    except InvalidRequest:
        return text


def _table(valid: Sequence[Preset]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for title in ("  Name", "Pixels", "Fit", "Format", "Quality", "Else"):
        table.add_column(title, no_wrap=True, justify="right" if title == "Quality" else "left")
    for each in valid:
        usual = {"name", "width", "height", "fit", "format", "quality"}
        more = {name: value for name, value in dump(each).items() if name not in usual}
        table.add_row(
            f"  {each.name}", f"{each.width or 'any'} x {each.height or 'any'}", each.fit,
            each.format, str(each.quality), Text(json.dumps(more) if more else "", "dim"),
        )  # fmt: skip
    return table
