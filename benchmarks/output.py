"""Where the figures of a benchmark go: JSON in ``benchmarks/results``, which git does not know."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

RESULTS = Path(os.environ.get("RESULTS") or Path(__file__).resolve().parent / "results")
"""`make smoke`, whose figures mean nothing, has a place of its own for them."""


def write(figures: dict[str, Any], path: Path) -> None:
    """Write figures, and say where they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(f"\nWritten to {os.path.relpath(path)}")
