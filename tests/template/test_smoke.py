"""``make smoke`` notices a target that fails, also one that only seems to lack something."""

from __future__ import annotations

import pytest

from tools.checks import smoke

NO_CHROMIUM = "echo There is no Chromium on this machine."


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("true # make bench", "ok"),
        ("echo 'sharp is left out'; false # make bench", "FAILED"),
        (f"{NO_CHROMIUM}; false # make screenshots", "skipped"),
        (f"{NO_CHROMIUM}; false # make bench-console", "FAILED"),
        (f"{NO_CHROMIUM} # make screenshots", "ok"),
        ("echo 'error sending request'; false # make lock", "skipped"),
        ("false | cat # make demo", "FAILED"),
    ],
)
def test_a_command_is_good_if_it_ends_well_or_lacks_what_it_may(
    command: str, says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smoke, "_tree", lambda: b"")
    assert smoke.run(command) == (says != "FAILED")
    assert capsys.readouterr().out.split()[0] == says


def test_a_command_that_changes_the_repository_is_not_good(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    trees = iter((b"as it was", b"as it is"))
    monkeypatch.setattr(smoke, "_tree", lambda: next(trees))
    assert not smoke.run("true # make schema")
    assert "It changed files of the repository" in capsys.readouterr().out


def test_one_that_takes_long_is_called_slow(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smoke, "_tree", lambda: b"")
    monkeypatch.setattr(smoke, "SLOW", -1)
    assert smoke.run("true")
    assert capsys.readouterr().out.split()[0] == "slow"
