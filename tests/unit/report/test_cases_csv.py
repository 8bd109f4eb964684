from __future__ import annotations

import csv
import io

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.judge.verdict import Verdict
from edgeq.record.change import Change, ChangeKind
from edgeq.record.structs import RunRecord
from edgeq.report import cases_csv
from tests.unit.report import records


def rows(record: RunRecord) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(cases_csv.render(record))))


def test_every_case_is_a_line_with_its_numbers() -> None:
    record = records.full_record()
    found = rows(record)
    assert [row["id"] for row in found] == [case.id for case in record.cases]
    for row, case in zip(found, record.cases, strict=True):
        assert row["status"] == case.status.value
        assert (float(row["value"]) if row["value"] else None) == case.value
        assert (float(row["limit"]) if row["limit"] else None) == case.limit
        ends = (row["interval_low"], row["interval_high"])
        assert (tuple(map(float, ends)) if all(ends) else None) == case.interval
        assert row["declared_missing"] == str(case.declared_missing).lower()


def test_what_was_accepted_stands_beside_it() -> None:
    case = records.case("int8", "max_bytes", value=11.0)
    change = Change(id=case.id, kind=ChangeKind.WORSE, reason="grew", before=10.0, after=11.0)
    record = records.record((records.variant("int8", 11),), (case,))
    (row,) = rows(msgspec.structs.replace(record, changes=(change,)))
    assert (row["change_since_accepted"], row["accepted_value"]) == ("worse", "10.0")


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t=", "\r@", "＝", "＋"])  # noqa: RUF001
def test_no_text_becomes_a_formula(sign: str) -> None:
    text = f'{sign}HYPERLINK("x")'
    (row,) = rows(records.record((), (records.case(text, "made", Verdict.FAIL, reason=text),)))
    for cell in (row["variant"], row["reason"]):
        assert cell.startswith("'")
        assert 'HYPERLINK("x")' in cell


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_stays_in_its_cell(text: str) -> None:
    one = records.case("int8", "made", Verdict.FAIL, reason=text)
    (row,) = rows(records.record((), (one,)))
    assert None not in row
    assert row["status"] == "FAIL"
    assert row["reason"] == cases_csv.inert(text)
    assert not row["reason"].startswith(("=", "+", "-", "@"))
