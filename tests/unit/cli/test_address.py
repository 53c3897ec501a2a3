"""Where commands find the running engine."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from darkroom_ops.cli.address import Address, announced, connect, running, state_file
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
            Address(f"http://127.0.0.1:{each.getsockname()[1]}", "darkroom", os.getpid())
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
