"""The cache of what was used last."""

from __future__ import annotations

from darkroom_ops.cache import Recent, Room


def test_what_was_not_used_for_longest_is_forgotten_first() -> None:
    recent: Recent[str] = Recent(2)
    assert [recent.put(key, key.upper()) for key in ("a", "b")] == ["A", "B"]
    assert recent.get("a") == "A"

    recent.put("c", "C")

    assert [recent.get(key) for key in ("a", "b", "c", "d")] == ["A", None, "C", None]


def test_a_limit_holds_for_the_sizes_together() -> None:
    recent: Recent[str] = Recent(5, len)
    recent.put("a", "xx")
    recent.put("b", "xxx")
    assert (recent.get("a"), recent.get("b")) == ("xx", "xxx")

    recent.put("c", "x")
    assert (recent.get("a"), recent.get("b"), recent.get("c")) == (None, "xxx", "x")


def test_what_is_larger_than_the_limit_drives_out_no_other() -> None:
    recent: Recent[str] = Recent(5, len)
    recent.put("a", "xx")
    recent.put("b", "xxx")

    assert recent.put("c", "x" * 6) == "x" * 6
    assert [recent.get(key) for key in "abc"] == ["xx", "xxx", None]

    assert recent.put("a", "x" * 6) == "x" * 6
    recent.put("d", "xx")
    assert [recent.get(key) for key in "abd"] == [None, "xxx", "xx"]


def test_a_value_that_is_replaced_counts_once() -> None:
    recent: Recent[str] = Recent(4, len)
    recent.put("a", "xxx")
    recent.put("a", "xx")
    recent.put("b", "xx")

    assert (recent.get("a"), recent.get("b")) == ("xx", "xx")


def test_caches_share_a_room() -> None:
    """Each has keys of its own, and what was used longest ago goes first, whosever it is."""
    room = Room(5)
    texts, numbers = room.cache(len), room.cache(lambda _: 2)
    texts.put("a", "xx")
    numbers.put("a", 7)
    assert (texts.get("a"), numbers.get("a")) == ("xx", 7)

    texts.put("b", "xx")
    assert [texts.get("a"), numbers.get("a"), texts.get("b")] == [None, 7, "xx"]

    assert texts.put("c", "x" * 6) == "x" * 6
    assert [numbers.get("a"), texts.get("b"), texts.get("c")] == [7, "xx", None]
