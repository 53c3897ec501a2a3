"""Text for people, whatever keys and errors hold."""

from __future__ import annotations

import subprocess

import pytest
from darkroom.contract.text import ascii_only, plain, shell, shortened, size


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("uploads/Ünïcode photo.jpg", "uploads/Ünïcode photo.jpg"),
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\nb\rc\td", r"a\nb\rc\td"),
        ("a\u202egpj.exe", r"a\u202egpj.exe"),
        ("a\x9b2Jb", r"a\x9b2Jb"),
        ("\x00\x1f\x7f\x9f\xad", r"\x00\x1f\x7f\x9f\xad"),
        (
            "\u061c\u200b\u200f\u2028\u202e\u2069\u206a",
            r"\u061c\u200b\u200f\u2028\u202e\u2069\u206a",
        ),
        ("a\u034f\u115f\u3164\u2800\ufe0f\uffa0", r"a\u034f\u115f\u3164\u2800\ufe0f\uffa0"),
        (
            "\u17b4\u17b5\u180b\u180f\ufe00\U000e0100\U000e01ef",
            r"\u17b4\u17b5\u180b\u180f\ufe00\U000e0100\U000e01ef",
        ),
        ("\ud800\udfff\ufffe\ue000", r"\ud800\udfff\ufffe\ue000"),
        (" ~\xa0\u2010\u2027\u202f\u3000猫", " ~\xa0\u2010\u2027\u202f\u3000猫"),
    ],
)
def test_what_could_deceive_is_made_visible(text: str, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize(
    ("text", "limit", "found"),
    [
        ("abcdefghij", 10, "abcdefghij"),
        ("abcdefghijk", 10, "abcde...jk"),
        ("abcdefghijklmnopqrstuvwxyz", 20, "abcdefghijkl...vwxyz"),
    ],
)
def test_a_long_text_keeps_both_ends(text: str, limit: int, found: str) -> None:
    assert shortened(text, limit) == found


@pytest.mark.parametrize(
    ("number", "told"),
    [(0, "0.0 KB"), (512, "0.5 KB"), (1536, "1.5 KB"), (1024**2 - 1, "1024.0 KB"),
     (1024**2, "1.0 MB"), (3 * 1024**2 // 2, "1.5 MB")],
)  # fmt: skip
def test_bytes_for_people(number: int, told: str) -> None:
    assert size(number) == told


@pytest.mark.parametrize(
    ("text", "found"), [(" ~", " ~"), ("é\x7f\x1f\n", "????"), ("a猫b", "a?b")]
)
def test_what_is_not_ascii_is_a_question_mark(text: str, found: str) -> None:
    assert ascii_only(text) == found


# ---------------------------------------------------------------------------- commands


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (("darkroom", "show", "a-1"), "darkroom show a-1"),
        (("s3://b/it's é.jpg",), "'s3://b/it'\"'\"'s é.jpg'"),
        (("a\x03b",), r"$'a\003b'"),
        (("\r$(touch x)\n'\\",), r"$'\015$(touch x)\012\'\\'"),
        (("a\u202egpj.exe",), r"$'a\342\200\256gpj.exe'"),
        (("\ud800",), r"$'\355\240\200'"),
        (("\x1f7",), r"$'\0377'"),
    ],
)
def test_a_command_is_copied_as_it_is_seen(words: tuple[str, ...], command: str) -> None:
    assert shell(*words) == command
    assert plain(command) == command


@pytest.mark.parametrize(
    "key", ["a\x03; touch x", "\u202e'\\n\"$HOME`id`", "\x1b]0;x\x07é\x7f", "two words\n"]
)
def test_a_shell_reads_a_command_as_it_was_meant(key: str) -> None:
    done = subprocess.run(
        ["/bin/bash", "-c", f"printf %s {shell(key)}"], capture_output=True, check=True, timeout=20
    )
    assert done.stdout.decode() == key
