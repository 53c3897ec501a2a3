"""`darkroom presets`: look at the deployed presets, check and change them, without a redeploy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from darkroom_ops.cli import inputs
from darkroom_ops.cli.command import command
from darkroom_ops.cli.rerun import difference
from darkroom_ops.cli.target import Target
from darkroom_ops.present import words
from darkroom_ops.present.failures import FAILED

if TYPE_CHECKING:
    from darkroom.contract.presets import Preset

PresetFile = Annotated[
    str,
    typer.Argument(
        metavar="FILE|JSON", help="A file with a JSON list of presets, the JSON, or - for input."
    ),
]


@command("darkroom presets get --json | jq .presets > presets.json")
def get(target: Target) -> int:
    """Show the deployed presets. Exits with 1 when they are not valid."""
    from darkroom.contract.errors import InvalidRequest
    from darkroom.contract.model import dump
    from darkroom.contract.presets import parse_presets

    from darkroom_ops import presets

    deployed = presets.get(target.deployment())
    try:
        valid, problem = parse_presets(deployed.text), None
    except InvalidRequest as error:
        valid, problem = (), str(error)
    if target.json:
        print(
            json.dumps(
                {
                    "parameter": deployed.name,
                    "version": deployed.version,
                    "presets": [dump(each) for each in valid],
                    "problem": problem,
                }
            )
        )
    screen = target.screen()
    changed = f", changed {words.moment(deployed.changed)}" if deployed.changed else ""
    title = f"{deployed.name}, version {deployed.version}{changed}\n"
    screen.print(Text(title, "dim"), soft_wrap=True)
    if problem:
        screen.print(words.plain(deployed.text), soft_wrap=True, markup=False)
        screen.print(Text(f"\nThese are not valid: {words.plain(problem)}", "red"), soft_wrap=True)
        return FAILED
    screen.print(_table(valid))
    return 0


@command(
    "darkroom presets set presets.json",
    """darkroom presets set '[{"name": "small", "width": 300, "height": 300}]'""",
    name="set",
)
def put(
    target: Target,
    presets: PresetFile,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change; change nothing.")
    ] = False,
) -> int:
    """Deploy presets, without a redeploy of the stack. They hold within a minute."""
    from darkroom.contract.model import dump
    from darkroom.contract.presets import parse_presets

    from darkroom_ops.presets import get, put

    valid = parse_presets(inputs.text_of(presets, "the argument")[1])
    deployment = target.deployment()
    before = get(deployment)
    new = [dump(each) for each in valid]
    version = before.version if dry_run else put(deployment, valid)
    if target.json:
        print(json.dumps({"parameter": before.name, "version": version, "presets": new}))
    screen = target.screen()
    screen.print(difference(_parsed(before.text), new), soft_wrap=True)
    if dry_run:
        screen.print("\nNothing is changed: this is a dry run.", style="dim")
        return 0
    screen.print(
        f"\n{before.name} is version {version} now. Executions that start in a minute or later use "
        "it;\nimages made before keep their renditions until they are run again.",
        soft_wrap=True,
    )
    return 0


@command("darkroom presets validate presets.json", stack=False)
def validate(target: Target, presets: PresetFile) -> int:
    """Check presets as the workflow does. Needs no stack; exits with 2 when they are not valid."""
    from darkroom.contract.model import dump
    from darkroom.contract.presets import parse_presets

    valid = parse_presets(inputs.text_of(presets, "the argument")[1])
    if target.json:
        print(json.dumps({"valid": True, "presets": [dump(each) for each in valid]}))
    screen = target.screen()
    screen.print(_table(valid))
    made = words.count(sum(len(each.formats) for each in valid), "rendition")
    screen.print(f"\nValid: {made} per image.", style="green")
    return 0


def _parsed(text: str) -> object:
    """Return deployed presets for a comparison; as text when they are broken."""
    from darkroom.contract.errors import InvalidRequest
    from darkroom.contract.model import dump
    from darkroom.contract.presets import parse_presets

    try:
        return [dump(each) for each in parse_presets(text)]
    except InvalidRequest:
        return text


def _table(valid: Sequence[Preset]) -> Table:
    from darkroom.contract.model import dump

    from darkroom_ops.cli import display

    table = display.borderless()
    for title in ("  Name", "Pixels", "Fit", "Format", "Quality", "Else"):
        table.add_column(title, no_wrap=True, justify="right" if title == "Quality" else "left")
    for each in valid:
        usual = {"name", "width", "height", "fit", "format", "quality"}
        more = {name: value for name, value in dump(each).items() if name not in usual}
        table.add_row(
            f"  {each.name}", f"{each.width or 'any'} x {each.height or 'any'}", each.fit,
            ", ".join(each.formats), str(each.quality),
            Text(json.dumps(more) if more else "", "dim"),
        )  # fmt: skip
    return table
