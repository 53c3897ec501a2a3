"""The JSON Schema of an execution's input: written by ``make schema``, kept true by tests."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from darkroom.contract.requests import schema

PATH = Path(__file__).resolve().parent.parent / "events" / "request.schema.json"


def rendered() -> str:
    """Return the schema as the file should hold it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the schema, or with ``--check`` return 1 when the file is not up to date."""
    if "--check" in sys.argv[1:]:
        if PATH.exists() and PATH.read_text() == rendered():
            return 0
        print(f"{PATH.name} differs from the models: run `make schema`.", file=sys.stderr)
        return 1
    PATH.write_text(rendered())
    return 0


if __name__ == "__main__":
    sys.exit(main())
