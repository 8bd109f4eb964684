from __future__ import annotations

import re

from edgeq.judge.verdict import Verdict
from edgeq.report import markdown
from tests.unit.report import records


def test_the_answer_comes_first() -> None:
    lines = markdown.render(records.full_record()).splitlines()
    assert lines[0] == "## \u2717 The run fails; 1 of 5 variants is cleared"
    assert lines[2].startswith("2 cases FAIL; 1 case MISSING")
    assert lines[4].startswith("- efficientnetv2-b0: int8@tensorflow, weight\\_only\\_int4 and ")
    assert lines[4].endswith("interval 92.6 to 96.6 %).")
    assert (
        lines[6]
        == "\u2713 16 PASS \u00b7 \u2717 2 FAIL \u00b7 ? 1 INCONCLUSIVE \u00b7 \u25cb 2 MISSING"
    )


def test_a_row_for_the_baseline_and_every_variant() -> None:
    text = markdown.render(records.full_record())
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + 1 + 5
    assert {row.count("|") for row in rows} == {9}
    assert rows[3].startswith("| dynamic\\_range | 7.87 MB | 72.4 % | 98.2 %")
    assert rows[3].endswith("| ? unproven |")


def test_failures_come_before_the_rest() -> None:
    text = markdown.render(records.full_record())
    marks = re.findall(r"^- . \*\*(\w+)", text, re.MULTILINE)
    assert marks == ["FAIL", "FAIL", "MISSING", "MISSING", "INCONCLUSIVE"]


def test_hostile_texts_are_harmless() -> None:
    text = markdown.render(records.full_record())
    assert re.findall(r"<(?!/?(?:details|details open|summary|sub)>)[^>]*>?", text) == []
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert "http://" not in text
    assert "@all" not in text


def test_a_huge_run_fits_a_comment() -> None:
    names = [f"variant-{number}" for number in range(300)]
    cases = [
        records.case(
            name, "made", Verdict.FAIL, reason=f"{name} " + "long " * 500, next_step="step " * 300
        )
        for name in names
    ]
    variants = [records.variant(name, 1000) for name in names]
    text = markdown.render(records.record(variants, cases))
    assert len(text) < 65_536
    assert "260 more are in the report" in text
    assert "240 more variants are in the report" in text


def test_a_few_reasons_are_unfolded_and_come_before_the_tables() -> None:
    text = markdown.render(records.full_record())
    assert text.index("<details open><summary>What did not pass") < text.index("| Variant |")


def test_a_good_run_has_no_list_of_trouble() -> None:
    record = records.record((records.variant("int8", 10),), (records.case("int8", "made"),))
    text = markdown.render(record)
    assert "<details" not in text
    assert "The run passes: its only case passed." in text
