from __future__ import annotations

from pathlib import Path

import pytest

from edgeq import report
from edgeq.errors import RecordError, StoreError
from edgeq.record import structs as run_records
from tests.unit.report import records


def test_every_file_is_written(tmp_path: Path) -> None:
    record = records.full_record()
    written = report.write(record, tmp_path / "new" / "latest")
    assert sorted(path.name for path in written.record.parent.iterdir()) == [
        "cases.csv",
        "report.html",
        "run.json",
        "summary.md",
    ]
    assert run_records.read(written.record) == record
    assert written.html.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert written.markdown.read_text(encoding="utf-8").startswith("## ")


def test_the_same_record_gives_the_same_bytes(tmp_path: Path) -> None:
    first = report.write(records.full_record(), tmp_path / "a")
    second = report.write(records.full_record(), tmp_path / "b")
    assert first.html.read_bytes() == second.html.read_bytes()
    assert first.markdown.read_bytes() == second.markdown.read_bytes()


def test_a_bad_record_writes_nothing(tmp_path: Path) -> None:
    bad = records.case("int8", "made", value=float("inf"))
    with pytest.raises(RecordError):
        report.write(records.record((), (bad,)), tmp_path / "latest")
    assert not (tmp_path / "latest").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="can't be written"):
        report.write(records.full_record(), tmp_path / "file" / "latest")
