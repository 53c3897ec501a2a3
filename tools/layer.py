"""What the built layer must be: small enough, for the processor that runs it, and complete."""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tools import elf

FUNCTIONS = Path(__file__).resolve().parent.parent / "functions"

MAX_BYTES = 60_000_000
"""Unzipped. Lambda allows 250 MiB for all layers and the function; less starts faster."""

AARCH64 = 0xB7
"""``e_machine`` of an ELF header for 64-bit Arm (ELF specification, System V ABI)."""

NOT_SHIPPED = re.compile(r"(^|/)(__pycache__|tests?|bin)(/|$)|\.(pyc|pyi|c|h|a)\Z")
"""Paths that Lambda has no use for."""

CLIENTS = re.compile(r"""(?:client|_make)\(\s*"([a-z0-9]+)\"""")
"""How our code names the AWS services that it calls."""


def files(folder: Path) -> list[Path]:
    """Return all files in a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


def size(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(path.stat().st_size for path in files(folder))


def digest(folder: Path) -> str:
    """Return the SHA-256 of a folder's files, names and contents, in hexadecimal."""
    whole = hashlib.sha256()
    for path in sorted(files(folder)):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        whole.update(f"{path.relative_to(folder)}\0{content}\n".encode())
    return whole.hexdigest()


def foreign_binaries(folder: Path) -> list[Path]:
    """Return the ELF files in a folder that are not for 64-bit Arm."""
    foreign = []
    for path in files(folder):
        with path.open("rb") as file:
            head = file.read(20)
        if head.startswith(b"\x7fELF") and int.from_bytes(head[18:20], "little") != AARCH64:
            foreign.append(path)
    return foreign


def too_new(folder: Path) -> list[str]:
    """Return what the binaries for arm64 need that neither Lambda's system nor the layer has."""
    there = {path.name for path in files(folder)}
    found = []
    for path in sorted(files(folder)):
        content = path.read_bytes()
        if content.startswith(b"\x7fELF") and content[18:20] == AARCH64.to_bytes(2, "little"):
            found += [f"{path}: {each}" for each in elf.too_new(content, there)]
    return found


def superfluous(folder: Path) -> list[Path]:
    """Return the files that nothing needs on Lambda."""
    names = (path.relative_to(folder) for path in files(folder))
    return [name for name in names if NOT_SHIPPED.search(name.as_posix())]


def unresolved(functions: Path, layer: Path) -> list[str]:
    """Return the imports of our code that neither the layer nor the function nor Python has.

    Each is ``file: module``, or ``file: botocore/data/service`` for a service of AWS that the
    layer's botocore does not describe. The layer is what Lambda mounts at ``/opt/python``.
    """
    missing = []
    for root in (*sorted(functions.iterdir()), layer / "darkroom"):
        for path in sorted(root.rglob("*.py")):
            text = path.read_text()
            where = f"{root.name}/{path.name}"
            missing += [
                f"{where}: {module}"
                for module in _imports(ast.parse(text))
                if module.partition(".")[0] not in sys.stdlib_module_names
                and not _has(root, module)
                and not _has(layer, module)
            ]
            missing += [
                f"{where}: botocore/data/{service}"
                for service in CLIENTS.findall(text)
                if not (layer / "botocore" / "data" / service).is_dir()
            ]
    return missing


def _imports(tree: ast.AST) -> Iterator[str]:
    """Yield the modules that a file imports when it runs: not those for type checkers only."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield from _imports(node)


def _has(folder: Path, module: str) -> bool:
    """Return whether a folder has a module: a package, a file or a binary for Lambda's Python."""
    path = folder.joinpath(*module.split("."))
    endings = (".py", ".abi3.so", ".cpython-313-aarch64-linux-gnu.so")
    return path.is_dir() or any(path.with_name(path.name + end).is_file() for end in endings)


def main() -> int:
    """Check the layer in the folder that the command line names; print its size and digest."""
    folder = Path(sys.argv[1])
    python = folder / "python"
    total = size(folder)
    problems = [f"{path} is not for arm64." for path in foreign_binaries(folder)]
    problems += [f"{each} is needed, and Amazon Linux 2023 has none." for each in too_new(folder)]
    problems += [f"{path} is of no use on Lambda." for path in superfluous(python)]
    problems += [f"{each} is imported, and not there." for each in unresolved(FUNCTIONS, python)]
    if total > MAX_BYTES:
        problems.append(f"It is larger than {MAX_BYTES / 1e6:.0f} MB.")
    print(f"The layer has {total / 1e6:.1f} MB; its SHA-256 is {digest(folder)}.")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
