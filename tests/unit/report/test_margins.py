from __future__ import annotations

from edgeq.judge.verdict import Verdict
from edgeq.record.structs import CaseRecord
from edgeq.report.margins import END, MAX_ROWS, ROW, START, Panel, Row, panels
from tests.unit.report import records


def drawn(*cases: CaseRecord) -> tuple[Panel, ...]:
    return panels(records.record((), cases))


def only(*cases: CaseRecord) -> Panel:
    (panel,) = drawn(*cases)
    return panel


def end(row: Row) -> float:
    assert row.bar is not None
    return row.bar[0] + row.bar[1]


def test_an_interval_lies_on_the_side_of_the_limit_that_its_verdict_says() -> None:
    good = records.case("a", "top1_agreement", value=0.97, limit=0.9, interval=(0.95, 0.98))
    open_ = records.case(
        "b",
        "top1_agreement",
        Verdict.INCONCLUSIVE,
        value=0.91,
        limit=0.9,
        interval=(0.88, 0.94),
    )
    bad = records.case(
        "c", "top1_agreement", Verdict.FAIL, value=0.6, limit=0.9, interval=(0.55, 0.65)
    )
    panel = only(good, open_, bad)
    passed, doubtful, failed = panel.rows
    for row in panel.rows:
        assert row.bar is not None
        assert row.bar[0] < row.value < end(row)
        assert row.forbidden == (START, row.limit - START)
    assert passed.bar is not None
    assert doubtful.bar is not None
    assert passed.bar[0] > passed.limit
    assert doubtful.bar[0] < doubtful.limit < end(doubtful)
    assert end(failed) < failed.limit
    assert [row.tone for row in panel.rows] == ["good", "warn", "bad"]
    assert [row.y for row in panel.rows] == [0, ROW, 2 * ROW]
    assert panel.limit == "at least 90\u00a0%"
    assert failed.title == (
        "c: 60.0\u00a0%, interval 55.0 to 65.0\u00a0%, limit at least 90\u00a0%, FAIL"
    )


def test_a_greatest_value_forbids_what_lies_beyond_it() -> None:
    (row,) = only(records.case("a", "max_bytes", value=9e6, limit=8e6)).rows
    assert row.forbidden == (row.limit, round(END - row.limit, 1))
    assert row.value > row.limit
    assert row.bar is None


def test_costs_far_apart_are_on_a_log_scale_and_changes_never_are() -> None:
    slow = [
        records.case(name, "latency_ratio", value=value, limit=2.0)
        for name, value in (("a", 0.5), ("b", 17.0))
    ]
    assert only(*slow).log
    lost = [
        records.case(name, "accuracy_drop", value=value, limit=0.02)
        for name, value in (("a", -0.002), ("b", 0.8))
    ]
    panel = only(*lost)
    assert not panel.log
    assert {tick.text for tick in panel.ticks} >= {"0\u00a0points", "50\u00a0points"}


def test_each_gate_with_a_limit_and_a_value_has_a_panel() -> None:
    cases = (
        records.case("a", "made"),
        records.case("a", "max_bytes", value=1.0, limit=2.0),
        records.case("a", "size_reduction", value=0.7, limit=0.6),
        records.case("b", "size_reduction", value=0.7, limit=0.5),
        records.case("a", "top1_agreement", Verdict.MISSING, limit=0.9),
    )
    assert [(panel.gate, panel.limit) for panel in drawn(*cases)] == [
        ("size_reduction", "limits differ"),
        ("max_bytes", "at most 2\u00a0bytes"),
    ]


def test_of_many_cases_those_that_decide_are_shown_in_their_order() -> None:
    far = [
        records.case(f"far-{n}", "top1_agreement", value=0.99, limit=0.5)
        for n in range(MAX_ROWS + 3)
    ]
    failed = records.case("failed", "top1_agreement", Verdict.FAIL, value=0.1, limit=0.5)
    near = records.case("near", "top1_agreement", value=0.51, limit=0.5)
    panel = only(near, *far, failed)
    names = [row.name for row in panel.rows]
    assert len(names) == MAX_ROWS
    assert panel.more == 5
    assert (names[0], names[-1]) == ("\u2713 near", "\u2717 failed")


def test_a_long_name_leaves_room_for_its_value() -> None:
    (row,) = only(records.case("x" * 80, "max_bytes", value=1234.0, limit=1300.0)).rows
    assert row.name.endswith("\u2026")
    assert (len(row.name) + len(row.text)) * 6.6 < END - START
