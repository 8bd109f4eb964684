from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgeq.errors import RecordError
from edgeq.history import accepted
from edgeq.history.accept import Signature, accept, select
from edgeq.history.snapshot import Snapshot
from edgeq.history.sources import (
    BenchmarkFile,
    compare_benchmarks,
    compare_sources,
    from_json,
    load,
)
from edgeq.record import structs as records
from edgeq.record.change import ChangeKind
from tests.unit.history.figures import case, run

BENCHMARKS = {"machine_info": {"machine": "x86_64"}, "benchmarks": []}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    records.write(run(case("made")), tmp_path / "run.json")
    records.write(run(case("made", model="lite"), model="lite"), tmp_path / "lite.json")
    (tmp_path / "0001.json").write_text(json.dumps(BENCHMARKS), encoding="utf-8")
    signature = Signature(reason="so", date="2026-01-01", commit=None)
    found = accept(run(case("made")), {}, select(""), signature).records["net"]
    assert found is not None
    accepted.write(found, tmp_path / "accepted")
    return tmp_path


def test_everything_is_told_by_its_content(folder: Path) -> None:
    kept = folder / "accepted"
    for text in (folder, folder / "run.json", kept / "net.json", "accepted"):
        found = load(str(text), kept)
        assert isinstance(found, Snapshot)
        assert set(found.figures) == {"net/int8/made"}
    assert isinstance(load(str(folder / "0001.json"), kept), BenchmarkFile)


def test_two_of_one_kind_are_compared(folder: Path) -> None:
    kept = folder / "accepted"
    before, after = load("accepted", kept), load(str(folder), kept)
    (found,) = compare_sources(before, after, tolerance=0.0)
    assert found.kind is ChangeKind.UNCHANGED
    empty = load(str(folder / "0001.json"), kept)
    assert compare_sources(empty, empty, tolerance=0.0) == ()


def test_two_of_different_kinds_or_models_are_not(folder: Path) -> None:
    one, two, times = (
        load(str(folder / name), folder) for name in ("run.json", "lite.json", "0001.json")
    )
    for pair in ((one, times), (times, one)):
        with pytest.raises(RecordError, match="can't be compared with a record of edgeq"):
            compare_sources(*pair, tolerance=0.0)
    with pytest.raises(RecordError, match="no model in common: net, then lite"):
        compare_sources(one, two, tolerance=0.0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "can't be read"),
        (b"\xff{", "is not JSON"),
        (b"[1]", "is neither a record nor a file of pytest-benchmark"),
        (b'{"schema": "other/1"}', "is neither a record nor a file of pytest-benchmark"),
        (b'{"schema": "edgeq.run/9"}', "is not one this version of edgeq reads"),
        (b'{"schema": "edgeq.accepted/9"}', "is not one this version of edgeq reads"),
    ],
)
def test_what_is_none_of_them_is_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "x.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecordError) as caught:
        load(str(path), tmp_path)
    assert said in caught.value.what
    assert caught.value.where == str(path)
    assert caught.value.remedy


def test_nothing_accepted_yet(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="nothing is accepted yet") as caught:
        load("accepted", tmp_path / "accepted")
    assert "edgeq accept" in str(caught.value.remedy)


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
