"""Figures as people read them."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from darkroom_ops.executions.model import Made
from darkroom_ops.present import words


@pytest.mark.parametrize(
    ("usd", "text"),
    [(0, "$0"), (-1, "$0"), (1, "$1.00"), (0.1, "$0.10"), (0.01, "$0.010"),
     (0.000378, "$0.00038"), (0.0004, "$0.00040"), (0.378, "$0.38"), (12.3, "$12.30"),
     (0.000050625, "$0.000051")],
)  # fmt: skip
def test_dollars(usd: float, text: str) -> None:
    assert words.dollars(usd) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0, "0.00 s"),
        (0.456, "0.46 s"),
        (1, "1.0 s"),
        (4.51, "4.5 s"),
        (59.9, "59.9 s"),
        (60, "1 min 0 s"),
        (125.0, "2 min 5 s"),
        (3600, "60 min 0 s"),
    ],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert words.duration(seconds) == text


def test_when_an_execution_was_redriven() -> None:
    assert words.after_end(125) == "2 min 5 s after it had ended"


@pytest.mark.parametrize(
    ("number", "word", "text"),
    [
        (1, "retry", "1 retry"),
        (2, "retry", "2 retries"),
        (999, "transition", "999 transitions"),
        (1000, "match", "1,000 matches"),
        (12345, "retry", "12,345 retries"),
    ],
)
def test_count(number: int, word: str, text: str) -> None:
    assert words.count(number, word) == text


def test_a_larger_output_is_a_negative_saving() -> None:
    made = Made("large", "bucket", "key", bytes=150)

    assert words.saving(made, 100) == "+50 %"
    assert words.saving(made, 300) == "-50 %"
    assert words.saving(made, 0) == ""
    assert words.saving(made, 150_000) == "-99 %"  # something was made
    assert words.change(0, 5) == "-100 %"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("30min", 1800), ("2h", 7200), ("7d", 604800), (" 1 w ", 604800)],
)
def test_so_long_ago(text: str, seconds: int) -> None:
    ago = datetime.timedelta(seconds=seconds)
    before = datetime.datetime.now(datetime.UTC)

    assert before - ago <= words.since(text) <= datetime.datetime.now(datetime.UTC) - ago


def test_since_a_date_is_in_this_machine_s_zone_unless_it_says_otherwise() -> None:
    assert words.since("2026-01-31") == datetime.datetime(2026, 1, 31).astimezone()
    assert words.since("2026-01-31T08:00+02:00").utcoffset() == datetime.timedelta(hours=2)


def test_a_moment_is_in_this_machine_s_zone() -> None:
    here = datetime.datetime(2026, 1, 31, 8, 0, 15).astimezone()

    assert words.moment(here.astimezone(datetime.UTC)) == f"2026-01-31 08:00:15 {here:%Z}"


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (Made("a", "b", "k", 1, width=30, height=20), "30 x 20"),
        (Made("a", "b", "k", 1, width=30, height=20, pages=1), "1 page"),
        (Made("a", "b", "k", 1, pages=2), "2 pages"),
        (Made("a", "b", "k", 1), ""),
    ],
)
def test_an_output_is_measured_in_pixels_or_pages(made: Made, text: str) -> None:
    assert words.measure(made) == text


@pytest.mark.parametrize("text", ["yesterday", "5x", "", "-2h"])
def test_since_something_else_says_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="30m, 2h or 7d"):
        words.since(text)


def test_json_for_reading_says_the_same_and_deceives_nobody() -> None:
    data = {"key": "é\u202e\x7f\U000e0001\n\ud800", "n": [1, None]}
    text = words.pretty(data)
    assert json.loads(text) == data
    assert text == (
        '{\n  "key": "é\\u202e\\u007f\\udb40\\udc01\\n\\ud800",\n  "n": [\n    1,\n    null\n  ]\n}'
    ).replace("\\u007f", words.pretty("\x7f")[1:-1])


def nested(levels: int) -> Any:
    data: Any = 1
    for level in range(levels):
        data = [data] if level % 2 else {"a": data}
    return data


def test_only_so_deep_json_is_indented() -> None:
    """The spaces would be many times the data."""
    assert words.pretty(nested(words.DEEPEST)).count("\n") == 2 * words.DEEPEST
    deeper = nested(words.DEEPEST + 1)
    text = words.pretty(deeper)
    assert ("\n" in text, json.loads(text)) == (False, deeper)


def test_lines_stay_lines() -> None:
    assert words.lines("a\u202e\n\n\x1b[2Jb\r") == "a\\u202e\n\n\\x1b[2Jb\\r"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one two three", ["one two", "three"]),
        ("one two34", ["one two34"]),
        ("one two345", ["one", "two345"]),
        ("a0123456-7890-longer than it", ["a0123456-7890-longer", "than it"]),
        ("say `up --all`.", ["say", "`up --all`."]),
        ("no 'a key.jpg', so", ["no", "'a key.jpg',", "so"]),
        ("it isn't what's asked", ["it isn't", "what's", "asked"]),
        ("again:\n  darkroom show a b c", ["again:", "  darkroom show a b c"]),
        ("\nstopped", ["", "stopped"]),
        ("  one two three", ["  one two", "  three"]),
        ("one two  ", ["one two  "]),  # what fits stays as it is
        ("a   one two", ["a   one", "    two"]),
        ("a   one two six", ["a   one", "    two", "    six"]),
        ("  label   one two", ["  label", "  one two"]),
        ("label   one two", ["label", "one two"]),  # no room beside the label
        ("a   one-long-word two", ["a   one-long-word", "    two"]),
        ("so: darkroom ls --all", ["so:", "darkroom ls --all"]),
        ("so:  darkroom ls --all", ["so:", "darkroom ls --all"]),
    ],
)
def test_lines_are_broken_between_words_and_in_nothing_that_is_copied(
    text: str, lines: list[str]
) -> None:
    assert words.wrapped(text, 9) == "\n".join(lines)


def test_what_has_half_of_the_room_beside_its_label_stays_there() -> None:
    assert words.wrapped("a   one two", 8) == "a   one\n    two"
    assert words.wrapped("a   one two", 7) == "a   one\ntwo"


def test_a_line_that_fits_is_one_part() -> None:
    assert words.broken("one two", 9) == [(0, 7)]
