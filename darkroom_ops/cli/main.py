"""The `darkroom` command: what can be typed. What is done stands in one module a command."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from darkroom_ops.present.failures import WrongUse, told

# Every command imports its module only when it runs: `darkroom --help` needs none of them, and
# moto, boto3 and Rich take two seconds to load.

app = typer.Typer(
    name="darkroom",
    help=(
        "Film in, prints out: the Darkroom image pipeline, on this machine and on AWS.\n\n"
        "Start the local engine with `darkroom up`, then process an image from another terminal "
        "with `darkroom run photo.jpg`. With `--stack NAME`, every command works on AWS, with the "
        "credentials and the region of the AWS CLI."
    ),
    epilog=(
        "Exit codes: 0 done, 1 the execution failed or a check found something, 2 nothing was "
        "tried and the message says why, 130 stopped with Ctrl-C. With --json, an error is "
        '{"error": …, "message": …} on standard output.'
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

presets_app = typer.Typer(
    help="The deployed presets: the renditions that are made of every image.",
    no_args_is_help=True,
)
app.add_typer(presets_app, name="presets", rich_help_panel="Configure")
dlq_app = typer.Typer(
    help="Events that reached nobody: look at them, and send them once more.", no_args_is_help=True
)
app.add_typer(dlq_app, name="dlq", rich_help_panel="Put right")

MACHINE, WORK, LOOK = "On this machine", "Process images", "Look"


def _executions(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Complete the name of an execution with the recent ones."""
    from darkroom_ops.cli.completion import executions

    return executions(incomplete, ctx.params.get("endpoint"), ctx.params.get("stack"))


def _statuses(incomplete: str) -> list[str]:
    """Complete a status."""
    from darkroom_ops.executions.client import STATUSES

    known = [s.lower() for s in STATUSES] if incomplete.islower() else STATUSES
    return [status for status in known if status.startswith(incomplete)]


Named = Annotated[
    str,
    typer.Argument(
        metavar="EXECUTION|s3://BUCKET/KEY",
        help="An execution: its name or the beginning of it, its ARN, or its address in the "
        "console. An image stands for its newest execution.",
        autocompletion=_executions,
        show_default=False,
    ),
]
Given = Annotated[
    str | None,
    typer.Option(
        "--input",
        metavar="JSON|FILE",
        help="What the run shall do otherwise: presets, watermark, pdf, notify. A file, or - for "
        "standard input.",
        show_default=False,
    ),
]
PresetList = Annotated[
    list[str] | None,
    typer.Option(
        "--preset",
        metavar="NAME=WxH",
        help="Make this rendition, and only those given so. Pixels, either may be left out; more "
        "fields after commas: thumb=160x160,fit=cover,format=webp.",
        show_default=False,
    ),
]
Mark = Annotated[
    str | None,
    typer.Option(
        "--watermark",
        metavar="TEXT",
        help="A text on every rendition. Empty for none.",
        show_default=False,
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        metavar="WHEN",
        help="Only those started since then: 30m, 2h or 7d ago, or a date such as 2026-01-31.",
        show_default=False,
    ),
]
Prefix = Annotated[
    str | None,
    typer.Option(
        metavar="KEY", help="Only images whose key begins so: uploads/2026/.", show_default=False
    ),
]
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


def _version(asked: bool) -> None:  # noqa: FBT001 - Typer passes it so
    if asked:
        from darkroom import __version__

        print(f"darkroom {__version__}")
        raise typer.Exit


@app.callback()
def darkroom(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, metavar="", help="Print the version."
        ),
    ] = False,
) -> None:
    """Take the options that belong to no command."""


@app.command(
    rich_help_panel=MACHINE,
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
    json: Json = False,
) -> None:
    """Run the local engine: AWS on this machine, with the template deployed. Ctrl-C ends it."""
    with told(as_json=json):
        from darkroom_ops.cli.up import up as command

        raise typer.Exit(command(port=port, as_json=json))


@app.command(
    rich_help_panel=WORK,
    epilog=(
        "Examples:\n\n"
        "  darkroom run photo.jpg\n\n"
        "  darkroom run photo.jpg --preset thumb=160x160,fit=cover --watermark 'Jane Doe'\n\n"
        '  darkroom run photo.jpg --input \'{"pdf": {"pageSize": "A4"}}\'\n\n'
        "  darkroom run s3://my-bucket/uploads/photo.jpg --input input.json --stack darkroom"
    ),
)
def run(
    image: Annotated[
        str, typer.Argument(metavar="FILE|s3://BUCKET/KEY", help="The image to process.")
    ],
    given: Given = None,
    preset: PresetList = None,
    watermark: Mark = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="Object key to upload FILE to. By default its name, under the source prefix.",
            show_default=False,
        ),
    ] = None,
    version_id: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="A version of the object. By default the newest.",
            show_default=False,
        ),
    ] = None,
    endpoint: Endpoint = None,
    stack: Stack = None,
    json: Json = False,
) -> None:
    """Process one image, follow its execution, and show what it made.

    Exits with 0 when it succeeded, 1 when it failed, 2 when nothing was started.
    """
    with told(as_json=json):
        from darkroom_ops.cli.run import run as command

        raise typer.Exit(
            command(
                image,
                given=given,
                presets=preset or (),
                watermark=watermark,
                key=key,
                version=version_id,
                endpoint=endpoint,
                stack=stack,
                as_json=json,
            )
        )


@app.command(
    rich_help_panel=LOOK,
    epilog=(
        "Examples:\n\n"
        "  darkroom ls --status failed --since 24h\n\n"
        "  darkroom ls --prefix uploads/2026/ --stack darkroom\n\n"
        "  darkroom ls --json | jq -r '.executions[].source'"
    ),
)
def ls(
    status: Annotated[
        str | None,
        typer.Option(
            metavar="STATUS",
            help="RUNNING, COMPLETE, FAILED (every failure), TIMED_OUT, ABORTED, "
            "ALREADY_PROCESSED, SUPERSEDED or SUCCEEDED.",
            autocompletion=_statuses,
            show_default=False,
        ),
    ] = None,
    since: Since = None,
    prefix: Prefix = None,
    limit: Annotated[int, typer.Option(min=1, metavar="NUMBER", help="The newest ones.")] = 20,
    endpoint: Endpoint = None,
    stack: Stack = None,
    json: Json = False,
) -> None:
    """List executions, newest first: image, outcome, time, cost."""
    with told(as_json=json):
        from darkroom_ops.cli.ls import ls as command

        raise typer.Exit(
            command(
                status=status,
                since=since,
                prefix=prefix,
                limit=limit,
                endpoint=endpoint,
                stack=stack,
                as_json=json,
            )
        )


@app.command(
    rich_help_panel=LOOK,
    epilog=(
        "Examples:\n\n"
        "  darkroom show 3f2a9c41\n\n"
        "  darkroom show s3://my-bucket/uploads/photo.jpg --logs\n\n"
        "  darkroom show 3f2a9c41 --state 'Resize small'\n\n"
        "  darkroom show 'https://…/v2/executions/details/arn:aws:states:…' --stack darkroom"
    ),
)
def show(
    execution: Named,
    state: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A state's calls, input and output: Prepare, or 'Resize small'.",
            show_default=False,
        ),
    ] = None,
    given: Annotated[
        bool, typer.Option("--input", metavar="", help="The input of the execution, or of --state.")
    ] = False,
    made: Annotated[
        bool,
        typer.Option("--output", metavar="", help="The output of the execution, or of --state."),
    ] = False,
    logs: Annotated[
        bool, typer.Option("--logs", metavar="", help="The log lines of the execution.")
    ] = False,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow", metavar="", help="Wait until it ends; then exit with 1 if it failed."
        ),
    ] = False,
    endpoint: Endpoint = None,
    stack: Stack = None,
    json: Json = False,
) -> None:
    """Show one execution: its states in time, what it made, why it failed and what helps."""
    with told(as_json=json):
        from darkroom_ops.cli.show import Parts
        from darkroom_ops.cli.show import show as command

        raise typer.Exit(
            command(
                execution,
                Parts(state=state, given=given, made=made, lines=logs),
                follow=follow,
                endpoint=endpoint,
                stack=stack,
                as_json=json,
            )
        )


@app.command(
    rich_help_panel=WORK,
    epilog=(
        "Examples:\n\n"
        "  darkroom rerun 3f2a9c41\n\n"
        "  darkroom rerun 3f2a9c41 --preset banner=1200x400,fit=cover --watermark 'Jane Doe'\n\n"
        "  darkroom rerun s3://my-bucket/uploads/photo.jpg --newest\n\n"
        "  darkroom rerun 3f2a9c41 --edit --dry-run"
    ),
)
def rerun(
    execution: Named,
    preset: PresetList = None,
    watermark: Mark = None,
    notify: Annotated[
        bool | None,
        typer.Option(
            "--notify/--no-notify",
            metavar="",
            help="Whether people hear of the success.",
            show_default=False,
        ),
    ] = None,
    given: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="JSON|FILE",
            help="Fields to replace; with a source, the whole request. A file, or - for standard "
            "input.",
            show_default=False,
        ),
    ] = None,
    newest: Annotated[
        bool,
        typer.Option(
            "--newest", metavar="", help="Take the newest version of the object, not the very one."
        ),
    ] = False,
    edit: Annotated[
        bool, typer.Option("--edit", metavar="", help="Change the request in $VISUAL or $EDITOR.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", metavar="", help="Show and check the request; start nothing."),
    ] = False,
    endpoint: Endpoint = None,
    stack: Stack = None,
    json: Json = False,
) -> None:
    """Run an execution's image again, changed where asked; shows the request first, then follows.

    Exits with 0 when it succeeded, 1 when it failed, 2 when nothing was started.
    """
    with told(as_json=json):
        from darkroom_ops.cli.rerun import rerun as command

        raise typer.Exit(
            command(
                execution,
                presets=preset or (),
                watermark=watermark,
                notify=notify,
                given=given,
                newest=newest,
                edit=edit,
                dry_run=dry_run,
                endpoint=endpoint,
                stack=stack,
                as_json=json,
            )
        )


@app.command(rich_help_panel=WORK, epilog="Example:  darkroom redrive 3f2a9c41")
def redrive(
    execution: Named, endpoint: Endpoint = None, stack: Stack = None, json: Json = False
) -> None:
    """Resume an execution where it stopped: one that timed out, was stopped, or died uncaught.

    A failure that the workflow caught cannot be resumed; `darkroom rerun` starts it anew. Exits
    with 0 when it succeeded, 1 when it failed, 2 when nothing was resumed.
    """
    with told(as_json=json):
        from darkroom_ops.cli.redrive import redrive as command

        raise typer.Exit(command(execution, endpoint=endpoint, stack=stack, as_json=json))


@app.command(
    rich_help_panel=WORK, epilog="Example:  darkroom stop 3f2a9c41 --reason 'wrong folder'"
)
def stop(
    execution: Named,
    reason: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="For the alert and the record.", show_default=False),
    ] = None,
    endpoint: Endpoint = None,
    stack: Stack = None,
    json: Json = False,
) -> None:
    """Stop a running execution. Asks nothing; an alert tells people, and it can be resumed."""
    with told(as_json=json):
        from darkroom_ops.cli.stop import stop as command

        raise typer.Exit(
            command(execution, reason=reason, endpoint=endpoint, stack=stack, as_json=json)
        )


@app.command(
    rich_help_panel=LOOK,
    epilog="Examples:\n\n  darkroom cost --since 7d --stack darkroom\n\n  darkroom cost --json",
)
def cost(
    since: Since = None,
    prefix: Prefix = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="NUMBER", help="The newest ones only.", show_default=False),
    ] = None,
    endpoint: Endpoint = None,
    stack: Stack = None,
    json: Json = False,
) -> None:
    """Add up what executions cost on AWS: an image, and 1,000 images, by measured durations."""
    with told(as_json=json):
        from darkroom_ops.cli.cost import show_cost as command

        raise typer.Exit(
            command(
                since=since,
                prefix=prefix,
                limit=limit,
                endpoint=endpoint,
                stack=stack,
                as_json=json,
            )
        )


PresetFile = Annotated[
    str,
    typer.Argument(
        metavar="FILE|JSON", help="A file with a JSON list of presets, the JSON, or - for input."
    ),
]


@presets_app.command(epilog="Example:  darkroom presets get --json | jq .presets > presets.json")
def get(endpoint: Endpoint = None, stack: Stack = None, json: Json = False) -> None:
    """Show the deployed presets. Exits with 1 when they are not valid."""
    with told(as_json=json):
        from darkroom_ops.cli.presets import get as command

        raise typer.Exit(command(endpoint=endpoint, stack=stack, as_json=json))


@presets_app.command(
    name="set",
    epilog=(
        "Examples:\n\n"
        "  darkroom presets set presets.json\n\n"
        '  darkroom presets set \'[{"name": "small", "width": 300, "height": 300}]\''
    ),
)
def set_(
    presets: PresetFile,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar="", help="Show what would change; change nothing.")
    ] = False,
    endpoint: Endpoint = None,
    stack: Stack = None,
    json: Json = False,
) -> None:
    """Deploy presets, without a redeploy of the stack. They hold within a minute."""
    with told(as_json=json):
        from darkroom_ops.cli.presets import put as command

        raise typer.Exit(
            command(presets, dry_run=dry_run, endpoint=endpoint, stack=stack, as_json=json)
        )


@presets_app.command(epilog="Example:  darkroom presets validate presets.json")
def validate(presets: PresetFile, json: Json = False) -> None:
    """Check presets as the workflow does. Needs no stack; exits with 2 when they are not valid."""
    with told(as_json=json):
        from darkroom_ops.cli.presets import validate as command

        raise typer.Exit(command(presets, as_json=json))


@app.command(
    rich_help_panel="Put right",
    epilog=(
        "Examples:\n\n"
        "  darkroom audit\n\n"
        "  darkroom audit --prefix uploads/2026/ --stack darkroom\n\n"
        "  darkroom audit --json --stack darkroom | jq -r '.findings[] | [.kind, .key] | @tsv'"
    ),
)
def audit(
    prefix: Annotated[
        str | None,
        typer.Option(
            metavar="PREFIX",
            help="Check only keys that begin so. By default, all under the watched prefix.",
            show_default=False,
        ),
    ] = None,
    settled: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="Uploads younger than this may still be on their way: 960 on AWS, 60 here.",
            show_default=False,
        ),
    ] = None,
    executions: Annotated[
        bool | None,
        typer.Option(
            "--executions/--no-executions",
            metavar="",
            help="Read every execution too, for doubled runs. Slow on AWS: by default only here.",
            show_default=False,
        ),
    ] = None,
    endpoint: Endpoint = None,
    stack: Stack = None,
    json: Json = False,
) -> None:
    """Check that every upload ended in exactly one outcome, and say what did not.

    Each upload is compared with its record, its outputs, its execution and its message. Nothing is
    changed. Exits with 0 when all is as promised, 1 when something was found.
    """
    with told(as_json=json):
        from darkroom_ops.cli.audit import audit as command

        raise typer.Exit(
            command(
                prefix=prefix,
                settled=settled,
                executions=executions,
                endpoint=endpoint,
                stack=stack,
                as_json=json,
            )
        )


@dlq_app.command(
    name="list",
    epilog="Example:  darkroom dlq list --json --stack darkroom | jq '.letters[].why'",
)
def dlq_list(endpoint: Endpoint = None, stack: Stack = None, json: Json = False) -> None:
    """Show which image each event is about, why it did not arrive, and when. All stay there."""
    with told(as_json=json):
        from darkroom_ops.cli.dlq import listed as command

        raise typer.Exit(command(endpoint=endpoint, stack=stack, as_json=json))


@dlq_app.command(
    name="redrive",
    epilog=(
        "Examples:\n\n  darkroom dlq redrive\n\n  darkroom dlq redrive 3f2a9c41 --stack darkroom"
    ),
)
def dlq_redrive(
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID]...",
            help="Beginnings of the ids that `darkroom dlq list` shows. By default, all.",
            show_default=False,
        ),
    ] = None,
    endpoint: Endpoint = None,
    stack: Stack = None,
    json: Json = False,
) -> None:
    """Send events once more to the stack, and delete those that arrived.

    Sending one twice does no harm: an image's claim lets one execution work on it. Exits with 1
    when an event could not be sent; it stays in the queue.
    """
    with told(as_json=json):
        from darkroom_ops.cli.dlq import redrive as command

        raise typer.Exit(command(ids or [], endpoint=endpoint, stack=stack, as_json=json))


@app.command(
    rich_help_panel=LOOK,
    epilog=(
        "Examples:\n\n"
        "  darkroom console --stack darkroom\n\n"
        "  AWS_PROFILE=ops darkroom console --stack darkroom --port 8080"
    ),
)
def console(
    port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            metavar="NUMBER",
            help="TCP port on 127.0.0.1. By default 4600, or any free one.",
            show_default=False,
        ),
    ] = None,
    endpoint: Endpoint = None,
    stack: Stack = None,
    json: Json = False,
) -> None:
    """Serve the console on this machine: executions, pictures and re-runs in a browser.

    `darkroom up` serves one for its engine, with the inbox. Ctrl-C ends it.
    """
    with told(as_json=json):
        from darkroom_ops.cli.console import console as command

        raise typer.Exit(command(endpoint=endpoint, stack=stack, port=port, as_json=json))


@app.command(rich_help_panel=MACHINE, epilog="Example:  darkroom demo --output my-demo")
def demo(
    output: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER", help="Folder for renditions, PDFs and summary.json; made anew."
        ),
    ] = Path("demo-output"),
    json: Json = False,
) -> None:
    """Watch real photos go through the whole workflow, with a duplicate and a corrupt file.

    Exits with 1 when an outcome was not the expected one.
    """
    with told(as_json=json):
        from darkroom_ops.cli.demo import demo as command

        raise typer.Exit(command(output, as_json=json))


def main() -> None:
    """Run the command line."""
    _hear()
    if "--json" not in sys.argv:
        app()
    try:
        with told(as_json=True):
            code = _run()
    except typer.Exit as left:
        code = left.exit_code
    sys.exit(code)


def _hear() -> None:
    """End on Ctrl-C and SIGTERM, whoever started this.

    A shell's background job ignores Ctrl-C, and so do the children of some CI runners: Python then
    installs no KeyboardInterrupt. SIGHUP stays as it is: `nohup` means it.
    """
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGTERM, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))


def _run() -> int:
    """Run a command so that wrong use, found before it begins, can be told as JSON too."""
    try:
        return int(app(standalone_mode=False) or 0)
    except TyperException as error:
        raise WrongUse(error.format_message()) from None


if __name__ == "__main__":
    main()
