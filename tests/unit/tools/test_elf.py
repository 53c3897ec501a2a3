"""What binaries are found to need, of ones that are made for it."""

from __future__ import annotations

import struct

import pytest

from tools.elf import needs, too_new


def binary(needed: dict[str, list[str]]) -> bytes:
    """A library for 64-bit Arm that needs others, each with versions of its symbols."""
    names = b"\0"
    at: dict[str, int] = {}
    for text in [*needed, *(version for versions in needed.values() for version in versions)]:
        at[text] = len(names)
        names += text.encode() + b"\0"
    dynamic = b"".join(struct.pack("<qQ", 1, at[library]) for library in needed)
    dynamic += struct.pack("<qQ", 14, 1) + struct.pack("<qQ", 0, 0)
    versions = b""
    asked = {library: found for library, found in needed.items() if found}
    for library, found in asked.items():
        following = 16 + 16 * len(found)
        versions += struct.pack("<HHIII", 1, len(found), at[library], 16, following)
        for version in found:
            versions += struct.pack("<IHHII", 0, 0, 2, at[version], 16)
    parts = [(3, 0, 0, names), (6, 1, 0, dynamic), (0x6FFFFFFE, 1, len(asked), versions)]
    start, table, body = 64, struct.pack("<IIQQQQIIQQ", *[0] * 10), b""
    for kind, link, entries, content in parts:
        place = start + len(body)
        table += struct.pack("<IIQQQQIIQQ", 0, kind, 0, 0, place, len(content), link, entries, 0, 0)
        body += content
    head = b"\x7fELF\x02\x01".ljust(16, b"\0") + struct.pack("<HHI", 3, 0xB7, 1)
    head += struct.pack("<QQQIHHHHHH", 0, 0, start + len(body), 0, 64, 0, 0, 64, 4, 0)
    return head + body + table


def test_a_binary_names_its_libraries_and_the_versions_of_their_symbols() -> None:
    asked = {"libc.so.6": ["GLIBC_2.17", "GLIBC_2.28"], "libm.so.6": ["GLIBC_2.27"], "libx.so": []}
    assert needs(binary(asked)) == {library: set(found) for library, found in asked.items()}
    assert needs(binary({})) == {}


@pytest.mark.parametrize(
    ("library", "newest", "newer"),
    [
        ("libc.so.6", "GLIBC_2.34", "GLIBC_2.35"),
        ("libc.so.6", "GLIBC_2.9", "GLIBC_2.100"),
        ("libc.so.6", "GLIBC_2.33", "GLIBC_PRIVATE"),
        ("libstdc++.so.6", "GLIBCXX_3.4.29", "GLIBCXX_3.4.30"),
        ("libstdc++.so.6", "CXXABI_1.3.13", "CXXABI_1.3.14"),
        ("libgcc_s.so.1", "GCC_11.0", "GCC_12.0.0"),
        ("libz.so.1", "ZLIB_1.2.9", "ZLIB_1.2.12"),
        ("libm.so.6", "GLIBC_2.27", "OTHER_1.0"),
    ],
)
def test_a_symbol_may_be_as_new_as_amazon_linux(library: str, newest: str, newer: str) -> None:
    assert list(too_new(binary({library: [newest]}), set())) == []
    assert list(too_new(binary({library: [newest, newer]}), set())) == [f"{library} with {newer}"]


def test_a_library_comes_with_the_system_or_lies_beside() -> None:
    asked = binary({"libpng.so": ["PNG_1.6"], "libc.so.6": ["GLIBC_2.17"]})
    assert list(too_new(asked, set())) == ["libpng.so"]
    assert list(too_new(asked, {"libpng.so"})) == []
