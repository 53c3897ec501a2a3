"""The `darkroom` command, called in this process.

What commands import late is imported here: a module that is first imported while a test stands in
for a class would keep the stand-in, and fail a later test.
"""

from __future__ import annotations

from functools import cache
from typing import Any
from unittest.mock import patch

import typer
from typer.testing import CliRunner

import darkroom_ops.cli.progress
import darkroom_ops.console.context
import darkroom_ops.many
import darkroom_ops.overview.read  # noqa: F401
from darkroom_ops.cli.main import app


@cache
def whole_command() -> Any:
    """Return the command with all of its commands, which Typer makes anew for each call."""
    return typer.main.get_command(app)


def invoke(words: Any, **given: Any) -> Any:
    """Call it with these words, as Typer's runner does, and return what it did."""
    with patch("typer.testing._get_command", return_value=whole_command()):
        return CliRunner().invoke(app, words, **given)
