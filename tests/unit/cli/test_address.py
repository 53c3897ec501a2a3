"""Where commands find the running engine."""

from __future__ import annotations

import configparser
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from darkroom_ops.cli.address import (
    Address,
    announced,
    command,
    connect,
    profile_file,
    running,
    secret_key,
    state_file,
)
from darkroom_ops.deployment import Deployment
from darkroom_ops.present.failures import WrongUse


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DARKROOM_HOME", str(tmp_path))
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    return tmp_path


@pytest.fixture
def engines() -> Iterator[tuple[Address, Address]]:
    """Two addresses at which somebody listens."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        first, second = (
            Address(f"http://127.0.0.1:{each.getsockname()[1]}", "darkroom", os.getpid(), "secret")
            for each in (one, two)
        )
        yield first, second


def test_an_engine_is_known_while_it_runs(engines: tuple[Address, Address]) -> None:
    with announced(engines[0]):
        assert running() == engines[0]
        assert connect(None, None).endpoint == engines[0].endpoint

    assert running() is None
    assert not state_file().exists()


def test_the_later_engine_counts_and_then_the_earlier_one_again(
    engines: tuple[Address, Address],
) -> None:
    first, second = engines
    with announced(first):
        with announced(second):
            assert running() == second
        assert running() == first


def test_an_engine_that_ends_first_leaves_the_later_one_known(
    engines: tuple[Address, Address],
) -> None:
    first, second = engines
    outer = announced(first)
    outer.__enter__()
    with announced(second):
        outer.__exit__(None, None, None)
        assert running() == second


def test_an_earlier_engine_that_died_meanwhile_is_not_known_again(
    engines: tuple[Address, Address],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listens:
        dies = Address(f"http://127.0.0.1:{listens.getsockname()[1]}", "darkroom", 1, "secret")
        earlier, later = announced(dies), announced(engines[0])
        earlier.__enter__()
        later.__enter__()
    later.__exit__(None, None, None)

    assert not state_file().exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"endpoint": "http://127.0.0.1:1"}', "null"])
def test_a_file_that_says_nothing_is_no_engine(text: str) -> None:
    state_file().write_text(text)

    assert running() is None
    with pytest.raises(WrongUse, match="darkroom up"):
        connect(None, None)


def test_what_is_named_counts_before_the_engine(
    engines: tuple[Address, Address], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with announced(engines[0]):
        assert connect("http://127.0.0.1:9", None).endpoint == "http://127.0.0.1:9"
        on_aws = connect(None, "production")
        assert (on_aws.endpoint, on_aws.stack, on_aws.region) == (
            None,
            "production",
            "eu-central-1",
        )
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:8")
        assert connect(None, None).endpoint == "http://127.0.0.1:8"


# ---------------------------------------------------------------------------- keys


def test_a_command_is_about_the_same_stack(engines: tuple[Address, Address]) -> None:
    """What a person need not type is left out."""
    here, other = (each.endpoint for each in engines)
    with announced(engines[0]):
        for endpoint, stack, place in (
            (here, "darkroom", ""),
            (here, "photos", " --stack photos"),
            (other, "darkroom", f" --endpoint {other}"),
            (other, "photos", f" --endpoint {other} --stack photos"),
            (None, "darkroom", " --stack darkroom"),
        ):
            at = Deployment(stack, endpoint, region="us-east-1")
            assert command(at, "show", "a b") == f"darkroom show 'a b'{place}"


def test_an_address_may_end_in_a_slash() -> None:
    found = connect("http://127.0.0.1:1/", None)
    assert (found.endpoint, found.stack) == ("http://127.0.0.1:1", "darkroom")


@pytest.mark.parametrize(
    ("error", "runs"), [(None, True), (ProcessLookupError, False), (PermissionError, True)]
)
def test_an_engine_whose_process_is_gone_is_none(
    engines: tuple[Address, Address], monkeypatch: pytest.MonkeyPatch, error: Any, runs: bool
) -> None:
    """Its port may be another's by now; but a process that may not be asked about lives."""

    def kill(pid: int, signal: int) -> None:
        assert (pid, signal) == (os.getpid(), 0)
        if error is not None:
            raise error

    with announced(engines[0]):
        monkeypatch.setattr("darkroom_ops.cli.address.os.kill", kill)
        assert (running() is not None) is runs
        monkeypatch.undo()


def test_what_an_end_in_the_midst_of_writing_left_is_written_over(
    engines: tuple[Address, Address],
) -> None:
    path = state_file()
    path.with_name(f"{path.name}.{os.getpid()}").touch()
    with announced(engines[0]):
        assert running() == engines[0]


def test_a_profile_has_no_endpoint_before_there_is_one() -> None:
    secret = secret_key()
    assert profile_file().read_text() == (
        "# Written by `darkroom up`, whenever it starts.\n[profile darkroom]\n"
        f"region = us-east-1\naws_access_key_id = darkroom\naws_secret_access_key = {secret}\n"
    )


def secret_of(deployment: Deployment) -> str | None:
    return deployment.exports.get("AWS_SECRET_ACCESS_KEY")


def test_commands_have_the_keys_of_the_engine_that_runs(
    engines: tuple[Address, Address], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the environment has, for AWS."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own")
    first, second = engines
    by_name = first.endpoint.replace("127.0.0.1", "localhost")
    with announced(first):
        assert secret_of(connect(None, None)) == "secret"
        for named in (first.endpoint, f"{first.endpoint}/", by_name):
            assert secret_of(connect(named, None)) == "secret", named
        assert secret_of(connect(second.endpoint, None)) == "own"


def test_commands_name_the_profile_of_the_engine_that_runs_and_of_no_other(
    engines: tuple[Address, Address],
) -> None:
    first, second = engines
    with announced(first):
        assert connect(None, None).profile == profile_file()
        assert connect(first.endpoint, None).profile == profile_file()
        assert connect(second.endpoint, None).profile is None
        assert connect(None, "photos").profile is None


def test_nobody_else_may_read_the_keys(engines: tuple[Address, Address]) -> None:
    before = os.umask(0)
    try:
        with announced(engines[0]):
            files = sorted(state_file().parent.iterdir())
            assert [each.name for each in files] == ["aws-config", "engine.json"]
            assert {each.stat().st_mode & 0o777 for each in files} == {0o600}
    finally:
        os.umask(before)


def test_aws_clients_have_a_profile(engines: tuple[Address, Address]) -> None:
    with announced(engines[0]):
        pass
    profile = configparser.ConfigParser()
    profile.read(profile_file())
    assert dict(profile["profile darkroom"]) == {
        "endpoint_url": engines[0].endpoint,
        "region": "us-east-1",
        "aws_access_key_id": "darkroom",
        "aws_secret_access_key": "secret",
    }


def test_the_secret_key_stays_from_one_start_to_the_next() -> None:
    secret = secret_key()
    assert len(secret) == 40
    assert secret_key() == secret
    assert f"aws_secret_access_key = {secret}\n" in profile_file().read_text()  # before it starts


@pytest.mark.parametrize("damage", ["unlink", "readable", "empty", "no profile"])
def test_a_secret_key_that_is_lost_or_known_is_made_anew(damage: str) -> None:
    secret = secret_key()
    if damage == "readable":
        profile_file().chmod(0o640)
    elif damage == "unlink":
        profile_file().unlink()
    else:
        profile_file().write_text("" if damage == "empty" else "\x00[")
    assert secret_key() not in {secret, ""}
    assert profile_file().stat().st_mode & 0o777 == 0o600
