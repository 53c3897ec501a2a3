"""Where Darkroom keeps what it remembers between its commands."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
"""The project folder: the template's."""


def folder() -> Path:
    """Return the folder. ``DARKROOM_HOME`` moves it, so that engines can run beside each other."""
    home = os.environ.get("DARKROOM_HOME")
    return Path(home) if home else PROJECT / ".darkroom"
