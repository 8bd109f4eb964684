from __future__ import annotations

from edgeq.io.json_numbers import not_finite


def test_every_place_is_found() -> None:
    value = {"a": [1.0, float("nan")], "b": ({"c": float("-inf")},), "d": "nan", "e": None}
    assert list(not_finite(value)) == ["$.a[1]", "$.b[0].c"]


def test_finite_numbers_have_no_place() -> None:
    assert list(not_finite({"a": [1.0, 2, True, 1e308]})) == []
