"""What is said about cases that did not pass, each thing once."""

from __future__ import annotations

from edgeq.judge.verdict import Verdict
from edgeq.report.trouble import troubles
from edgeq.report.variant_view import CaseView
from edgeq.report.words import verdict_mark

CAUSE, STEP = "The channels are swapped", "Set the channels"


def case(
    name: str, *, reason: str = "agrees on 3 of 9", cause: str = "", step: str = ""
) -> CaseView:
    return CaseView(
        id=name,
        gate=name.rpartition("/")[2],
        status=Verdict.FAIL,
        mark=verdict_mark(Verdict.FAIL),
        value="",
        interval="",
        limit="",
        reason=reason,
        cause=cause,
        next_step=step,
        resolution="",
        declared=False,
    )


def test_cases_for_the_same_reason_are_one() -> None:
    alike = [case(f"net/{variant}/accuracy_drop", reason="no labels") for variant in "abc"]
    first, other = troubles([*alike, case("net/a/types")])
    assert first.ids == "net/a/accuracy_drop and 2 more"
    assert other.ids == "net/a/types"


def test_a_cause_and_a_step_are_given_once_for_a_variant() -> None:
    cases = [
        case("net/a/top1_agreement", cause=CAUSE, step=STEP),
        case("net/a/relative_error", reason="0.9", cause=CAUSE, step=STEP),
        case("net/b/top1_agreement", reason="0.8", cause=CAUSE, step=STEP),
    ]
    shown = [(each.case.cause, each.case.next_step) for each in troubles(cases)]
    assert shown == [(CAUSE, STEP), ("", ""), (CAUSE, STEP)]


def test_nothing_is_said_about_no_case() -> None:
    assert troubles([]) == ()
