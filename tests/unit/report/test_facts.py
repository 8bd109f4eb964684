from __future__ import annotations

from edgeq.report import facts

TABLE = {
    "a": {"b": 1, "flag": True, "name": "x", "pair": [0.1, 0.2], "names": ["p", 3, "q"]},
    "rows": [{"k": 1}, "no row", {"k": 2}],
    "nothing": None,
}


def test_what_is_there_is_read() -> None:
    assert facts.number(TABLE, "a", "b") == 1.0
    assert facts.text(TABLE, "a", "name") == "x"
    assert facts.interval(TABLE, "a", "pair") == (0.1, 0.2)
    assert facts.texts(TABLE, "a", "names") == ("p", "q")
    assert facts.rows(TABLE, "rows") == ({"k": 1}, {"k": 2})


def test_what_is_absent_or_of_another_kind_is_no_zero() -> None:
    assert facts.number(TABLE, "a", "c") is None
    assert facts.number(TABLE, "a", "flag") is None
    assert facts.number(TABLE, "nothing", "deeper") is None
    assert facts.number({}, "a") is None
    assert facts.text(TABLE, "a", "b") is None
    assert facts.interval(TABLE, "a", "names") is None
    assert facts.table(TABLE, "rows") == {}
    assert facts.rows(TABLE, "a") == ()
    assert facts.texts(TABLE, "a") == ()
