from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeq.errors import RecordError
from edgeq.history import accepted
from edgeq.history.accept import Signature, accept, select
from edgeq.history.benchmarks import BenchmarkFile
from edgeq.history.snapshot import Snapshot
from edgeq.history.sources import compare_sources, load
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
