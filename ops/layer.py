"""What the built layer must be: small enough, and for the processor that runs it."""

from __future__ import annotations

import sys
from pathlib import Path

MAX_BYTES = 60_000_000
"""Unzipped. Lambda allows 250 MiB for all layers and the function; less starts faster."""

AARCH64 = 0xB7
"""``e_machine`` of an ELF header for 64-bit Arm (ELF specification, System V ABI)."""


def size(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def foreign_binaries(folder: Path) -> list[Path]:
    """Return the ELF files in a folder that are not for 64-bit Arm."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                head = file.read(20)
            if head.startswith(b"\x7fELF") and int.from_bytes(head[18:20], "little") != AARCH64:
                found.append(path)
    return found


def main() -> int:
    """Check the folder that is named on the command line, and say how large it is."""
    folder = Path(sys.argv[1])
    total, foreign = size(folder), foreign_binaries(folder)
    print(f"The layer has {total / 1e6:.1f} MB, of {MAX_BYTES / 1e6:.0f} MB at most.")
    for path in foreign:
        print(f"{path} is not for arm64.", file=sys.stderr)
    return 1 if foreign or total > MAX_BYTES else 0


if __name__ == "__main__":
    sys.exit(main())
