"""The cache of what was used last."""

from __future__ import annotations

from darkroom_ops.cache import Recent


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

    recent.put("d", "x" * 6)
    assert [recent.get(key) for key in "abcd"] == [None, None, None, None]


def test_a_value_that_is_replaced_counts_once() -> None:
    recent: Recent[str] = Recent(4, len)
    recent.put("a", "xxx")
    recent.put("a", "xx")
    recent.put("b", "xx")

    assert (recent.get("a"), recent.get("b")) == ("xx", "xx")
