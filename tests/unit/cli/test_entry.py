"""The command where it cannot run: a sentence, and never a traceback."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from darkroom import __version__

from darkroom_ops import allocator
from darkroom_ops.cli import entry
from tests.conftest import ROOT

BARE = """
import gc, signal, sys
deaf = (signal.SIGINT, signal.SIGTERM)
for each in deaf:
    signal.signal(each, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, deaf)
sys.path[:0] = {paths!r}
from darkroom_ops.cli.entry import main
try:
    main()
finally:
    if "show" in sys.argv:
        ignored = [each.name for each in deaf if signal.getsignal(each) == signal.SIG_IGN]
        blocked = sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        print(gc.get_threshold()[0], "deaf:", ignored, blocked, file=sys.stderr)
"""


def without_packages(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a Python that has none but its own."""
    paths = [str(ROOT), str(ROOT / "layers" / "darkroom")]
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", BARE.format(paths=paths), *words],
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_the_extra_it_says_what_to_install() -> None:
    done = without_packages("up")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("darkroom: The package typer is missing. ")
    assert "`pip install -e '.[ops]'`" in done.stderr
    assert done.stderr.count("\n") == 1

    done = without_packages("up", "--json")
    assert (done.returncode, done.stderr) == (2, "")
    assert json.loads(done.stdout)["error"] == "NotInstalled"


def test_a_command_looks_for_garbage_seldom() -> None:
    """Python's own 700 would look through all that it imports, time and again."""
    assert " 100000 " in without_packages("show").stderr.replace("\n", " ")


def test_signals_that_a_parent_ignores_are_heard_before_anything_is_imported() -> None:
    """A background job's children ignore SIGINT: one that came while Python imported was lost."""
    said = without_packages("show").stderr
    assert "The package typer is missing" in said
    assert said.endswith(" deaf: [] []\n")


def test_ctrl_c_while_it_is_imported_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("darkroom_ops.cli.main.main", interrupt)
    monkeypatch.setattr(sys, "argv", ["darkroom", "ls"])
    with pytest.raises(SystemExit) as left:
        entry.main()
    assert left.value.code == 130


def test_the_version_needs_no_package() -> None:
    done = without_packages("--version")
    assert (done.returncode, done.stdout) == (0, f"darkroom {__version__}\n")


def test_windows_is_told_before_anything_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(sys, "argv", ["darkroom", "--version"])
    with pytest.raises(SystemExit) as left:
        entry.main()
    assert left.value.code == 2
    out, said = capsys.readouterr()
    assert out == ""
    assert said == f"darkroom: {entry.WINDOWS}\n"
    assert "WSL" in said
    assert "On Windows, work in [WSL]" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize(
    ("words", "expected"), [(["ls", "up"], ["run"]), (["up"], ["restarted", "run"]), ([], ["run"])]
)
def test_otherwise_it_runs(
    monkeypatch: pytest.MonkeyPatch, words: list[str], expected: list[str]
) -> None:
    """An engine that stays is a process that was started for it."""
    did: list[str] = []
    monkeypatch.setattr(allocator, "restart", lambda: did.append("restarted"))
    monkeypatch.setattr("darkroom_ops.cli.main.main", lambda: did.append("run"))
    monkeypatch.setattr(sys, "argv", ["darkroom", *words])
    entry.main()
    assert did == expected
