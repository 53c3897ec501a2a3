"""Where the stack is: the running engine's address, kept in a file, or what the user names.

That file, and the profile for AWS's clients beside it, hold the engine's secret key: nobody else on
the machine may read them.
"""

from __future__ import annotations

import configparser
import contextlib
import json
import os
import secrets
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from darkroom.contract.text import shell

from darkroom_ops.deployment import DEFAULT_REGION, DEFAULT_STACK, OPERATOR, PROFILE, Deployment
from darkroom_ops.home import PROJECT, folder
from darkroom_ops.ports import HOST
from darkroom_ops.present.failures import WrongUse

TEMPLATE = PROJECT / "template.yaml"

CONNECT_SECONDS = 1.0

PRIVATE = 0o600


@dataclass(frozen=True)
class Address:
    """A running engine: where it is, what it runs, its process, and the secret key to call it."""

    endpoint: str
    stack: str
    pid: int
    secret_key: str


def state_file() -> Path:
    """Return the file that holds the running engine's address."""
    return folder() / "engine.json"


def profile_file() -> Path:
    """Return the file with the profile for AWS's clients, which each start of an engine writes."""
    return state_file().with_name("aws-config")


def secret_key() -> str:
    """Return the secret key of this machine's engines: that of the last, or a new one.

    So what was exported in a terminal stays right from one start to the next.
    """
    path, profile = profile_file(), configparser.RawConfigParser()
    with contextlib.suppress(OSError, ValueError, configparser.Error):
        if path.stat().st_mode & 0o777 == PRIVATE:  # else others may know it
            profile.read_string(path.read_text())
    secret = profile.get(f"profile {PROFILE}", "aws_secret_access_key", fallback="")
    if not secret:
        secret = secrets.token_hex(20)
        # At once: an AWS_PROFILE that is exported already must be found while the engine starts.
        _write_profile(secret)
    return secret


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
    endpoint = (endpoint or os.environ.get("AWS_ENDPOINT_URL") or "").rstrip("/") or None
    if endpoint and not urlsplit(endpoint).scheme.startswith("http"):
        raise WrongUse(
            f"Expected --endpoint to be an address such as http://127.0.0.1:4599, but received "
            f"{endpoint!r}."
        )
    if endpoint or stack:
        known = _known_key(endpoint)
        profile = profile_file() if known else None
        return Deployment(stack or DEFAULT_STACK, endpoint, secret_key=known, profile=profile)
    address = running()
    if address is None:
        raise WrongUse(
            "No engine is running. Start one with `darkroom up` in another "
            "terminal, or name a stack on AWS with --stack."
        )
    return Deployment(
        address.stack, address.endpoint, secret_key=address.secret_key, profile=profile_file()
    )


def command(deployment: Deployment, *words: str) -> str:
    """Return a `darkroom` command about the same stack, quoted for a shell."""
    typed = ["darkroom", *words]
    here = running()
    if deployment.endpoint is not None and (here is None or here.endpoint != deployment.endpoint):
        typed += ["--endpoint", deployment.endpoint]
    if deployment.stack != (DEFAULT_STACK if deployment.endpoint else None):
        typed += ["--stack", deployment.stack]
    return shell(*typed)


def _write(address: Address) -> None:
    _write_private(state_file(), json.dumps(asdict(address)) + "\n")
    _write_profile(address.secret_key, address.endpoint)


def _write_profile(secret: str, endpoint: str | None = None) -> None:
    lines = (
        "# Written by `darkroom up`, whenever it starts.",
        f"[profile {PROFILE}]",
        *([f"endpoint_url = {endpoint}"] if endpoint else []),
        f"region = {DEFAULT_REGION}",
        f"aws_access_key_id = {OPERATOR}",
        f"aws_secret_access_key = {secret}",
    )
    _write_private(profile_file(), "\n".join(lines) + "\n")


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written beside and moved: a reader never sees half of it.
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    draft.touch(PRIVATE, exist_ok=False)
    draft.write_text(text)
    draft.replace(path)


def _known_key(endpoint: str | None) -> str | None:
    """Return the secret key of the engine at an endpoint, if it is the one that runs here."""
    here = _written()
    by_number = (endpoint or "").replace("//localhost:", f"//{HOST}:")
    return here.secret_key if here is not None and here.endpoint == by_number else None


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
