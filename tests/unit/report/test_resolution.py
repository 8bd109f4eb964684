"""What a set could resolve is shown where there is room for it."""

from __future__ import annotations

import msgspec

from edgeq.judge.verdict import Verdict
from edgeq.record.structs import RunRecord
from edgeq.report import html, markdown, terminal
from tests.unit.report import records

ABLE = "these 7 images can prove 0.59 at best"
SHOWN = "These 7 images can prove 0.59 at best"


def able(status: Verdict) -> RunRecord:
    record = records.full_record()
    cases = tuple(
        msgspec.structs.replace(case, evidence={**case.evidence, "resolution": ABLE})
        if case.status is status
        else case
        for case in record.cases
    )
    assert cases != record.cases
    return msgspec.structs.replace(record, cases=cases)


def test_the_page_shows_it_for_every_verdict() -> None:
    for status in (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL):
        assert SHOWN in html.render(able(status))
    assert SHOWN not in html.render(records.full_record())


def test_the_summary_shows_it_where_nothing_was_settled() -> None:
    open_ = able(Verdict.INCONCLUSIVE)
    assert f"({SHOWN}.)" in markdown.render(open_)
    assert SHOWN not in markdown.render(able(Verdict.FAIL))
    assert terminal.render(open_) == terminal.render(records.full_record())
