"""Where the stack is that the engine deploys, and what Darkroom remembers between its commands."""

from __future__ import annotations

import os
from pathlib import Path

_CLONE = Path(__file__).resolve().parents[1]
INSTALLED = not (_CLONE / "template.yaml").exists()
"""Whether this is no clone of the project, but what pip made of it."""

PROJECT = Path(__file__).resolve().with_name("stack") if INSTALLED else _CLONE
"""The folder of the template and what it names; pip's has no more."""


def folder() -> Path:
    """Return the folder: the clone's, or that of this user; ``DARKROOM_HOME`` moves it.

    So engines can run beside each other.
    """
    home = os.environ.get("DARKROOM_HOME")
    if home:
        return Path(home)
    return (Path.home() if INSTALLED else PROJECT) / ".darkroom"
