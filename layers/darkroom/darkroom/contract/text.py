"""Text for people. Keys, error texts and figures: nothing in them may break a line or deceive."""

from __future__ import annotations

import unicodedata

KIB, MIB = 1024, 1024**2


def plain(text: str) -> str:
    """Return text that others chose, such as a key, on one line, with what is unseen escaped.

    That is whatever Python does not print as it is, but for spaces: a key that a terminal or an
    e-mail shows can still be copied.
    """
    return "".join(
        c
        if c.isprintable() or unicodedata.category(c) == "Zs"
        else c.encode("unicode_escape").decode()
        for c in text
    )


def ascii_only(text: str) -> str:
    """Return a text in printable ASCII, with ``?`` for everything else."""
    return "".join(c if " " <= c <= "~" else "?" for c in text)


def shortened(text: str, limit: int) -> str:
    """Return a text of at most `limit` characters, with dots for what was cut from its middle."""
    if len(text) <= limit:
        return text
    tail = (limit - 3) // 3
    return f"{text[: limit - 3 - tail]}...{text[len(text) - tail :]}"


def size(number: int) -> str:
    """Return a number of bytes for people, as ``76.7 KB``."""
    return f"{number / MIB:.1f} MB" if number >= MIB else f"{number / KIB:.1f} KB"
