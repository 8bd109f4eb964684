from __future__ import annotations

import json
from typing import Any

import pytest

from edgeq.errors import RecordError
from edgeq.history.benchmarks import BenchmarkFile, compare_benchmarks, from_json
from edgeq.record.change import ChangeKind

USUAL = {"min": 0.0098, "median": 0.010, "iqr": 0.0004, "rounds": 64}


def file(
    benchmarks: dict[str, dict[str, Any]], *, brand: str = "A", count: int = 2
) -> BenchmarkFile:
    """Return a file as pytest-benchmark writes it, as far as it is read."""
    plain = {
        "machine_info": {"machine": "x86_64", "cpu": {"brand_raw": brand, "count": count}},
        "commit_info": {},
        "benchmarks": [
            {"name": name, "fullname": f"test_it.py::{name}", "stats": {**USUAL, **stats}}
            for name, stats in benchmarks.items()
        ],
        "version": "5.3.1",
    }
    return from_json(json.dumps(plain).encode(), where="0001.json")


def kind(before: dict[str, Any], after: dict[str, Any], **given: float) -> ChangeKind:
    (found,) = compare_benchmarks(file({"a": before}), file({"a": after}), **given)
    return found.kind


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ({}, ChangeKind.UNCHANGED),
        ({"median": 0.0104}, ChangeKind.NOISE),
        ({"median": 0.0120, "min": 0.0117}, ChangeKind.WORSE),
        ({"median": 0.0120}, ChangeKind.NOISE),
        ({"median": 0.0120, "min": 0.0117, "iqr": 0.01}, ChangeKind.NOISE),
        ({"median": 0.0120, "min": 0.0117, "iqr": 0.01, "rounds": 6400}, ChangeKind.WORSE),
        ({"median": 0.0080, "min": 0.0079}, ChangeKind.BETTER),
        ({"median": 0.0120, "min": 0.0117, "rounds": 4}, ChangeKind.INCOMPARABLE),
    ],
)
def test_medians_are_compared_with_their_spread(
    after: dict[str, float], expected: ChangeKind
) -> None:
    mirror = {ChangeKind.WORSE: ChangeKind.BETTER, ChangeKind.BETTER: ChangeKind.WORSE}
    assert kind({}, after) is expected
    assert kind(after, {}) is mirror.get(expected, expected)


def test_the_tolerance_can_be_set() -> None:
    slower = {"median": 0.0120, "min": 0.0117}
    assert kind({}, slower, tolerance=0.5) is ChangeKind.NOISE
    assert kind({}, {"median": 0.0104, "min": 0.0102}, tolerance=0.0) is ChangeKind.WORSE


def test_benchmarks_of_one_side() -> None:
    found = compare_benchmarks(file({"a": {}, "b": {}}), file({"b": {}, "c": {}}))
    assert [(one.id, one.kind) for one in found] == [
        ("b", ChangeKind.UNCHANGED),
        ("c", ChangeKind.NEW),
        ("a", ChangeKind.GONE),
    ]


def test_the_words_and_the_numbers() -> None:
    slower = file({"a": {"median": 0.0125, "min": 0.012}})
    (found,) = compare_benchmarks(file({"a": {}}), slower)
    assert found.reason == "median 10.0 -> 12.5 ms, 1.25x"
    assert (found.before, found.after, found.unit) == (0.010, 0.0125, "s")


@pytest.mark.parametrize("other", [{"brand": "B"}, {"count": 8}])
def test_other_machines_are_incomparable(other: dict[str, Any]) -> None:
    (found,) = compare_benchmarks(file({"a": {}}), file({"a": {"median": 1.0}}, **other))
    assert found.kind is ChangeKind.INCOMPARABLE
    assert "other machine class" in found.reason


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"machine_info": {}, "benchmarks": [{}]}'])
def test_what_is_no_such_file_is_refused(data: bytes) -> None:
    with pytest.raises(RecordError, match="not a file of pytest-benchmark"):
        from_json(data, where="x.json")
