"""`darkroom console`: the console for a stack, in the foreground."""

from __future__ import annotations

import json
import threading
from typing import Annotated

from darkroom_ops.cli.command import LOOK, command
from darkroom_ops.cli.options import port_option
from darkroom_ops.cli.target import Target
from darkroom_ops.present.failures import WrongUse

WAIT_SECONDS = 0.5


@command(
    "darkroom console --stack darkroom",
    "AWS_PROFILE=ops darkroom console --stack darkroom --port 8080",
    panel=LOOK,
)
def console(target: Target, *, port: Annotated[int | None, port_option(4600)] = None) -> int:
    """Serve the console on this machine: executions, pictures and re-runs in a browser.

    `darkroom up` serves one for its engine, with the inbox. Ctrl-C ends it.
    """
    from darkroom_ops.console.serve import serving
    from darkroom_ops.ports import PortInUse

    deployment = target.deployment()
    where = deployment.endpoint or f"AWS, region {deployment.region}"
    # Asked for now, not when the first page is: what is wrong with the stack is said here.
    machine = deployment.state_machine_arn
    try:
        with serving(deployment, None, port) as url:
            if target.json:
                started = {"console": url, "stack": deployment.stack, "stateMachine": machine}
                print(json.dumps(started), flush=True)
            else:
                print(f"The console of {deployment.stack} ({where}) is at {url}")
                print(f"It shows {machine}. Ctrl-C ends it.", flush=True)
            # Not for ever: a signal that another thread receives does not wake this one.
            ended = threading.Event()
            while not ended.wait(WAIT_SECONDS):
                pass
    except PortInUse as error:
        raise WrongUse(str(error)) from error
    except KeyboardInterrupt:
        if not target.json:
            print("\nThe console has ended. What runs, runs on.")
    return 0
