"""Text for people. Keys, error texts and figures: nothing in them may break a line or deceive."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Callable

_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""What Python prints as it is and nobody sees: the rest of Unicode's Default_Ignorable_Code_Point
(DerivedCoreProperties.txt), and the blank of Braille."""

_UNUSUAL = re.compile("[^ -~]")
"""What has to be looked at: everybody sees the printable characters of ASCII."""

KIB, MIB = 1024, 1024**2


def plain(text: str) -> str:
    """Return text that others chose, such as a key, on one line, with what is unseen escaped.

    That is whatever Python does not print as it is, but for spaces: a key that a terminal or an
    e-mail shows can still be copied.
    """
    return escaped(text, lambda character: character.encode("unicode_escape").decode())


def escaped(text: str, escape: Callable[[str], str]) -> str:
    """Return a text with each character that people do not see for what it is escaped."""
    return _UNUSUAL.sub(lambda found: found[0] if seen(found[0]) else escape(found[0]), text)


def seen(character: str) -> bool:
    """Return whether people see a character for what it is."""
    if character.isprintable():
        return _BLANK.match(character) is None
    return unicodedata.category(character) == "Zs"


def shell(*words: str) -> str:
    r"""Return a command, quoted for a shell, that is seen and copied as what it is.

    A word with what people do not see, such as a control character, which a terminal obeys when it
    is pasted, has its bytes instead: ``$'a\012b'`` (POSIX.1-2024, Shell Command Language, 2.2.4).
    """
    return " ".join(shlex.quote(word) if all(map(seen, word)) else _bytes(word) for word in words)


def _bytes(word: str) -> str:
    def quoted(character: str) -> str:
        if seen(character):
            return f"\\{character}" if character in "\\'" else character
        return "".join(f"\\{byte:03o}" for byte in character.encode(errors="surrogatepass"))

    return f"$'{''.join(map(quoted, word))}'"


def ascii_only(text: str) -> str:
    """Return a text in printable ASCII, with ``?`` for everything else."""
    return "".join(c if " " <= c <= "~" else "?" for c in text)


def shortened(text: str, limit: int) -> str:
    """Return a text of at most `limit` characters, with dots for what was cut from its middle."""
    if len(text) <= limit:
        return text
    tail = (limit - 3) // 3
    return f"{text[: limit - 3 - tail]}...{text[len(text) - tail :]}"


_GSM = frozenset(
    "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_OF_TWO = frozenset("^{}\\[~]|€")
"""The alphabet of an SMS, without line ends, and what takes the place of two (3GPP TS 23.038)."""

SMS_CHARACTERS, SMS_UNICODE_CHARACTERS = 140, 58
"""What fits one SMS beside the topic's name, which SNS puts in front of it as ``Darkroom a> ``: of
160 in its own alphabet, and of 70 in UCS-2."""


def fits_sms(text: str) -> bool:
    """Return whether a text is sent as one SMS: SNS splits, and charges, what is longer."""
    if (_GSM | _GSM_OF_TWO).issuperset(text):
        return len(text) + sum(c in _GSM_OF_TWO for c in text) <= SMS_CHARACTERS
    return len(text.encode("utf-16-be")) // 2 <= SMS_UNICODE_CHARACTERS


def size(number: int) -> str:
    """Return a number of bytes for people, as ``76.7 KB``."""
    return f"{number / MIB:.1f} MB" if number >= MIB else f"{number / KIB:.1f} KB"
