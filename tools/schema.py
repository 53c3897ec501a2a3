"""The JSON Schema of an execution's input: written by ``make schema``, kept true by tests."""

from __future__ import annotations

import json
from pathlib import Path

from darkroom.contract.requests import schema

PATH = Path(__file__).resolve().parent.parent / "events" / "request.schema.json"


def rendered() -> str:
    """Return the schema as the file should hold it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the schema."""
    PATH.write_text(rendered(), encoding="utf-8")


if __name__ == "__main__":
    main()
