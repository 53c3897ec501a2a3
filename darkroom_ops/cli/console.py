"""`darkroom console`: the console for a stack, in the foreground."""

from __future__ import annotations

import json
import threading

from darkroom_ops.cli import address
from darkroom_ops.console.serve import PortTaken, serving
from darkroom_ops.present.failures import WrongUse

WAIT_SECONDS = 0.5


def console(*, endpoint: str | None, stack: str | None, port: int | None, as_json: bool) -> int:
    """Serve the console until Ctrl-C.

    Parameters
    ----------
    endpoint, stack
        Where the stack is.
    port
        The TCP port; None for the usual one or, if that is taken, any.
    as_json
        Print one JSON object once it is served, and nothing else.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    WrongUse
        The port that was asked for is taken.
    NotDeployed
        There is no such stack.
    """
    deployment = address.connect(endpoint, stack)
    where = deployment.endpoint or f"AWS, region {deployment.region}"
    # Asked for now, not when the first page is: what is wrong with the stack is said here.
    machine = deployment.state_machine_arn
    try:
        with serving(deployment, None, port) as url:
            if as_json:
                told = {"console": url, "stack": deployment.stack, "stateMachine": machine}
                print(json.dumps(told), flush=True)
            else:
                print(f"The console of {deployment.stack} ({where}) is at {url}")
                print(f"It shows {machine}. Ctrl-C ends it.", flush=True)
            # Not for ever: a signal that another thread receives does not wake this one.
            ended = threading.Event()
            while not ended.wait(WAIT_SECONDS):
                pass
    except PortTaken as error:
        raise WrongUse(str(error)) from error
    except KeyboardInterrupt:
        if not as_json:
            print("\nThe console has ended. What runs, runs on.")
    return 0
