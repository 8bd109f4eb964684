from __future__ import annotations

import html
import re
import sys
from pathlib import Path

import msgspec
import pytest

from edgeq.errors import MissingExtraError, SpecError
from edgeq.record.structs import from_json, to_json
from edgeq.report.html import render
from edgeq.results.validate import Table, Validation, validate
from tests.unit.report.records import (
    HOSTILE_REASON,
    MODEL,
    full_record,
    passing,
    record,
    variant,
)


def test_it_is_the_record_with_everything_in_it() -> None:
    record = full_record()
    shown = Validation.of(record)
    assert shown.cases == record.cases
    assert from_json(to_json(shown)) == from_json(to_json(record))


def test_a_notebook_shows_the_whole_report_in_a_frame_of_its_own() -> None:
    shown = Validation.of(full_record())
    frame = shown._repr_html_()
    match = re.fullmatch(
        r'<iframe [^<>]*sandbox="allow-scripts"[^<>]*srcdoc="([^"<>]*)"></iframe>', frame
    )
    assert match is not None
    assert html.unescape(match[1]) == render(shown)
    assert html.escape(HOSTILE_REASON.split()[0]) not in frame.partition("srcdoc")[0]


@pytest.mark.parametrize(
    ("table", "rows", "columns"),
    [
        ("cases", len(full_record().cases), {"status", "gate", "value", "low", "high", "reason"}),
        ("variants", 1 + len(full_record().models[0].variants), {"bytes", "agreement", "answer"}),
        ("flips", None, {"image", "label", "baseline_class", "variant_class", "kind"}),
    ],
)
def test_a_table_is_a_data_frame(table: Table, rows: int | None, columns: set[str]) -> None:
    pytest.importorskip("pandas")
    frame = Validation.of(full_record()).frame(table)
    assert set(frame["model"]) == {MODEL}
    assert columns <= set(frame.columns)
    assert rows is None or len(frame) == rows


def test_a_table_without_rows_has_its_columns() -> None:
    pytest.importorskip("pandas")
    frame = Validation.of(record((variant("int8", 10),), passing("int8"))).frame("flips")
    assert len(frame) == 0
    filled = Validation.of(full_record()).frame("flips")
    assert list(frame.columns) == list(filled.columns)
    assert frame.groupby(["label", "variant_class"]).size().sum() == 0


def test_a_console_shows_the_answer() -> None:
    shown = repr(Validation.of(full_record()))
    assert "The run fails: 2 cases FAIL; " in shown
    assert len(shown) < len(str(full_record())) / 2
    stopped = Validation.of(msgspec.structs.replace(full_record(), errors=("no such folder",)))
    assert repr(stopped).startswith("Bad input: no such folder.\n")


def test_messages_about_a_table_name_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecError, match=r"^spec: ") as error:
        validate({"methods": ["int9"], "models": {"net": {"source": "net.tflite"}}})
    assert "edgeq.toml" not in str(error.value)


def test_values_and_intervals_are_plain_numbers() -> None:
    pytest.importorskip("pandas")
    record = full_record()
    frame = Validation.of(record).frame()
    for case, row in zip(record.cases, frame.to_dict("records"), strict=True):
        assert row["status"] == case.status.value
        if case.value is not None:
            assert row["value"] == case.value
        if case.interval is not None:
            assert (row["low"], row["high"]) == case.interval


def test_an_unknown_table_and_a_missing_pandas_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Validation.of(full_record())
    with pytest.raises(ValueError, match="no table 'models': choose from cases, variants, flips"):
        shown.frame("models")  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"a data frame needs .*edgeq\[frames\]"):
        shown.frame()
