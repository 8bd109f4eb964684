"""A probable cause is shown beside the reason, in every form of the report."""

from __future__ import annotations

import msgspec
import pytest

from edgeq.judge.verdict import Verdict
from edgeq.record.structs import RunRecord, from_json, to_json
from edgeq.report import html, markdown, terminal
from tests.unit.report import records

CAUSE = "probable cause: the input range"


@pytest.fixture(name="caused")
def _caused() -> RunRecord:
    record = records.full_record()
    model = next(case for case in record.cases if case.status is Verdict.FAIL)
    cases = tuple(
        msgspec.structs.replace(case, cause=CAUSE, reason=f"reason {place}")
        if case.variant == model.variant and case.status is not Verdict.MISSING
        else case
        for place, case in enumerate(record.cases)
    )
    return msgspec.structs.replace(record, cases=cases)


def test_html_and_markdown_show_it(caused: RunRecord) -> None:
    assert "Probable cause: the input range" in html.render(caused)
    assert ". Probable cause: the input range" in markdown.render(caused)


def test_a_table_of_html_shows_it_and_its_step_once_in_a_row() -> None:
    cases = [
        msgspec.structs.replace(
            records.case("v1", gate, Verdict.FAIL, reason=f"bad {gate}"),
            cause=CAUSE,
            next_step="Set the range",
        )
        for gate in ("outputs", "top1_agreement")
    ]
    page = html.render(records.record([records.variant("v1", 10)], cases))
    assert page.count('<span class="detail cause">Probable cause: the input range</span>') == 1
    head, _, table = page.partition("</header>")
    for part in (head, table):
        assert part.count('<span class="detail next">Set the range</span>') == 1


def test_the_terminal_says_it_once_for_a_variant(caused: RunRecord) -> None:
    failed = [case for case in caused.cases if case.cause and case.status is Verdict.FAIL]
    assert failed
    assert terminal.render(caused).count("Probable cause: the input range") == 1


def test_the_terminal_says_once_what_to_do_about_the_cause_of_a_variant() -> None:
    causes = {"v1": CAUSE, "v2": CAUSE, "v3": None}
    cases = [
        msgspec.structs.replace(
            records.case(variant, gate, Verdict.FAIL, reason=f"bad {gate} of {variant}"),
            cause=cause,
            next_step="Set the range",
        )
        for variant, cause in causes.items()
        for gate in ("outputs", "top1_agreement")
    ]
    record = records.record([records.variant(name, 10) for name in causes], cases)
    text = terminal.render(record, width=200)
    lines = [line.split(": ", 1)[1] for line in text.splitlines() if line.startswith("FAIL")]
    cause_and_step = "Probable cause: the input range. Set the range."
    assert lines == [
        f"bad outputs of v1. {cause_and_step}",
        "bad top1_agreement of v1.",
        f"bad outputs of v2. {cause_and_step}",
        "bad top1_agreement of v2.",
        "bad outputs of v3. Set the range.",
        "bad top1_agreement of v3.",
    ]


def test_records_without_it_are_read(caused: RunRecord) -> None:
    assert from_json(to_json(caused)) == caused
    old = to_json(records.full_record()).replace(b'"cause": null,', b"")
    old = old.replace(b',\n   "cause": null', b"")
    assert b'"cause"' not in old
    assert all(case.cause is None for case in from_json(old).cases)
