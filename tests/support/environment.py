"""Every run begins with the same environment, whoever starts it: its terminal, language and AWS.

A plugin, loaded before all else, since moto reads the AWS profile when it is imported.
"""

from __future__ import annotations

import gc
import os
import time

import pytest

TERMINAL = {"CLICOLOR_FORCE", "COLUMNS", "FORCE_COLOR", "GITHUB_ACTIONS", "LANGUAGE", "LC_ALL",
            "LINES", "NO_COLOR", "PY_COLORS", "PYTHONUNBUFFERED"}  # fmt: skip


def pytest_load_initial_conftests(args: list[str]) -> None:
    # There, the keys are the caller's: AWS's own, or those of an engine that runs.
    elsewhere = any(each.startswith(("--endpoint", "--stack")) for each in args)
    for name in list(os.environ):
        ours = name.startswith(("AWS_", "DARKROOM_")) and not elsewhere
        if ours or name in TERMINAL:
            del os.environ[name]
    os.environ |= {"LANG": "C.UTF-8", "TERM": "dumb", "TZ": "UTC"}
    time.tzset()


def pytest_collection(session: pytest.Session) -> None:
    gc.disable()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Leave what stays until the end, thousands of tests, out of every later collection."""
    gc.freeze()
    gc.enable()
