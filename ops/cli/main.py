"""The `darkroom` command: what can be typed. What is done stands in one module a command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ops.cli.failures import told

# Every command imports its module only when it runs: `darkroom --help` needs none of them, and
# moto, boto3 and Rich take two seconds to load.

app = typer.Typer(
    name="darkroom",
    help=(
        "Film in, prints out: the Darkroom image pipeline, on this machine and on AWS.\n\n"
        "Start the local engine with `darkroom up`, then process an image from another terminal "
        "with `darkroom run photo.jpg`."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", metavar="", help="Print JSON instead of text.")]
Endpoint = Annotated[
    str | None,
    typer.Option(
        "--endpoint",
        metavar="URL",
        help="Where AWS is: an engine or an emulator. By default, the engine that runs.",
        show_default=False,
    ),
]
Stack = Annotated[
    str | None,
    typer.Option(
        "--stack",
        metavar="NAME",
        help="A deployed stack, on AWS unless --endpoint says otherwise.",
        show_default=False,
    ),
]


@app.command(
    epilog=(
        "Examples:\n\n"
        "  darkroom up\n\n"
        "  darkroom up --port 5000\n\n"
        "  darkroom up --json | jq -r 'select(.event) | .outcome'"
    ),
)
def up(
    port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            metavar="NUMBER",
            help="TCP port on 127.0.0.1. By default 4599, or any free one.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Run the local engine: AWS on this machine, with the template deployed. Ctrl-C ends it."""
    with told():
        from ops.cli.up import up as command

        raise typer.Exit(command(port=port, as_json=json))


@app.command(
    epilog=(
        "Examples:\n\n"
        "  darkroom run photo.jpg\n\n"
        '  darkroom run photo.jpg --input \'{"pdf": {"pageSize": "A4"}}\'\n\n'
        "  darkroom run s3://my-bucket/uploads/photo.jpg --input @input.json --stack darkroom"
    ),
)
def run(
    image: Annotated[
        str, typer.Argument(metavar="FILE|s3://BUCKET/KEY", help="The image to process.")
    ],
    given: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="JSON|@FILE",
            help="What the run shall do otherwise: presets, watermark, pdf, notify.",
            show_default=False,
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="Object key to upload FILE to. By default its name, under the source prefix.",
            show_default=False,
        ),
    ] = None,
    endpoint: Endpoint = None,
    stack: Stack = None,
    json: Json = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Process one image, follow its execution, and show what it made.

    Exits with 0 when it succeeded, 1 when it failed, 2 when nothing was started.
    """
    with told():
        from ops.cli.run import run as command

        raise typer.Exit(
            command(image, given=given, key=key, endpoint=endpoint, stack=stack, as_json=json)
        )


@app.command(epilog="Example:  darkroom demo --output my-demo")
def demo(
    output: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER", help="Folder for renditions, PDFs and summary.json; made anew."
        ),
    ] = Path("demo-output"),
) -> None:
    """Watch real photos go through the whole workflow, with a duplicate and a corrupt file."""
    with told():
        from ops.cli.demo import demo as command

        raise typer.Exit(command(output))


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
