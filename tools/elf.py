"""What a 64-bit binary asks of the system's libraries (System V ABI, ELF; LSB, symbol versions)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping

_DYNAMIC, _VERSIONS = 6, 0x6FFFFFFE
"""Types of sections: what the loader reads, and the versions of symbols that are needed."""

_NEEDED = 1
"""The tag of a library's name."""

AMAZON_LINUX_2023 = {
    "GLIBC": (2, 34),
    "GLIBCXX": (3, 4, 29),
    "CXXABI": (1, 3, 13),
    "GCC": (11, 0),
    "ZLIB": (1, 2, 9),
}
"""The highest versions of symbols there: those of glibc 2.34, of libstdc++ and libgcc of GCC 11
(Amazon Linux 2023 user guide, "Core toolchain packages"; libstdc++ manual, "ABI Policy and
Guidelines"), and of zlib 1.2.11."""

SYSTEM_LIBRARIES = {
    "ld-linux-aarch64.so.1",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libstdc++.so.6",
    "libz.so.1",
}
"""Of glibc, GCC and what Python itself needs. Others are to come with the layer."""


def needs(content: bytes) -> Mapping[str, set[str]]:
    """Return the libraries that a binary needs, each with the versions of its symbols."""
    found: dict[str, set[str]] = {}
    sections = list(_sections(content))
    for kind, start, size, link, entries in sections:
        names = content[sections[link][1] :]
        if kind == _DYNAMIC:
            for tag, value in struct.iter_unpack("<qQ", content[start : start + size]):
                if tag == _NEEDED:
                    found.setdefault(_text(names, value), set())
        elif kind == _VERSIONS:
            at = start
            for _ in range(entries):
                _, count, library, first, following = struct.unpack_from("<HHIII", content, at)
                versions = found.setdefault(_text(names, library), set())
                version = at + first
                for _ in range(count):
                    _, _, _, name, then = struct.unpack_from("<IHHII", content, version)
                    versions.add(_text(names, name))
                    version += then
                at += following
    return found


def too_new(content: bytes, beside: set[str]) -> Iterator[str]:
    """Yield what a binary needs that Amazon Linux 2023 lacks, nor is among the files beside it."""
    for library, versions in sorted(needs(content).items()):
        if library in beside:
            continue
        if library not in SYSTEM_LIBRARIES:
            yield library
            continue
        for version in sorted(versions):
            name, _, number = version.rpartition("_")
            has = AMAZON_LINUX_2023.get(name, ())
            if not re.fullmatch(r"[\d.]+", number) or _number(number) > has:
                yield f"{library} with {version}"


def _number(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _sections(content: bytes) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield type, offset, size, link and number of entries of each section."""
    (table,) = struct.unpack_from("<Q", content, 40)
    size, count = struct.unpack_from("<HH", content, 58)
    for number in range(count):
        _, kind, _, _, start, length, link, entries = struct.unpack_from(
            "<IIQQQQII", content, table + number * size
        )
        yield kind, start, length, link, entries


def _text(names: bytes, at: int) -> str:
    return names[at : names.index(b"\0", at)].decode()
