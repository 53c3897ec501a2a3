"""Where the stack is: the running engine's address, kept in a file, or what the user names."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from darkroom_ops.deployment import DEFAULT_STACK, Deployment
from darkroom_ops.present.failures import WrongUse

PROJECT = Path(__file__).resolve().parents[2]
"""The project folder: the template's."""

TEMPLATE = PROJECT / "template.yaml"

CONNECT_SECONDS = 1.0


@dataclass(frozen=True)
class Address:
    """A running engine: where it is, what it runs, and its process."""

    endpoint: str
    stack: str
    pid: int


def state_file() -> Path:
    """Return the file that holds the running engine's address.

    ``DARKROOM_HOME`` moves it, so that several engines can run beside each other.
    """
    home = os.environ.get("DARKROOM_HOME")
    return (Path(home) if home else PROJECT / ".darkroom") / "engine.json"


@contextlib.contextmanager
def announced(address: Address) -> Iterator[None]:
    """Keep the address written down, and afterwards that of the engine that ran before, if any."""
    before = running()
    _write(address)
    try:
        yield
    finally:
        if _written() == address:
            if before is not None and _answers(before):
                _write(before)
            else:
                state_file().unlink(missing_ok=True)


def running() -> Address | None:
    """Return the address of the engine that runs now; None when it is gone."""
    address = _written()
    return address if address is not None and _answers(address) else None


def connect(endpoint: str | None, stack: str | None) -> Deployment:
    """Return the stack that a command is about.

    It is the one that the options name, else that at AWS_ENDPOINT_URL, else that of the engine that
    runs. WrongUse says that there is none. A stack without an endpoint is on AWS.
    """
    endpoint = endpoint or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint and not urlsplit(endpoint).scheme.startswith("http"):
        raise WrongUse(
            f"Expected --endpoint to be an address such as http://127.0.0.1:4599, but received "
            f"{endpoint!r}."
        )
    if endpoint or stack:
        return Deployment(stack or DEFAULT_STACK, endpoint)
    address = running()
    if address is None:
        raise WrongUse(
            "Expected a running engine, but none answers. Start one with `darkroom up` in another "
            "terminal, or name a stack on AWS with --stack."
        )
    return Deployment(address.stack, address.endpoint)


def command(deployment: Deployment, *words: str) -> str:
    """Return a `darkroom` command about the same stack, quoted for a shell."""
    typed = ["darkroom", *words]
    here = running()
    if deployment.endpoint is not None and (here is None or here.endpoint != deployment.endpoint):
        typed += ["--endpoint", deployment.endpoint]
    if deployment.stack != (DEFAULT_STACK if deployment.endpoint else None):
        typed += ["--stack", deployment.stack]
    return shlex.join(typed)


def _write(address: Address) -> None:
    path = state_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written beside and moved: a reader never sees half of it.
    draft = path.with_name(f"engine.{os.getpid()}.json")
    draft.write_text(json.dumps(asdict(address)) + "\n")
    draft.replace(path)


def _written() -> Address | None:
    try:
        return Address(**json.loads(state_file().read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _answers(address: Address) -> bool:
    """Return whether the process lives and its port is open; for a stale file, one is not so."""
    try:
        os.kill(address.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it lives, as another user
    parts = urlsplit(address.endpoint)
    place = (parts.hostname or "", parts.port or 0)
    with contextlib.suppress(OSError), socket.create_connection(place, CONNECT_SECONDS):
        return True
    return False
