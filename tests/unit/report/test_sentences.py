"""What is said about cases that did not pass, each thing once."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from edgeq.judge.verdict import ShipDecision, Verdict
from edgeq.record.change import Change, ChangeKind
from edgeq.record.feeding import Feeding, OwnSamples
from edgeq.record.structs import CaseRecord, RunRecord, VariantRecord
from edgeq.report import html, markdown, sentences, terminal
from edgeq.report.model_sentences import findings
from edgeq.report.sentences import troubles
from edgeq.report.variant_view import CaseView
from edgeq.report.words import verdict_mark
from tests.unit.report import records

MADE = records.case("int8", "made")
GOOD = records.case("int8", "top1_agreement")
ALSO_GOOD = records.case("float16", "top1_agreement")
SPLIT = records.case("int8", "accuracy_drop", Verdict.INCONCLUSIVE)
MISSING = records.case("int8", "latency_ratio", Verdict.MISSING)
BAD = records.case("float16", "types", Verdict.FAIL)
BOTH = (records.variant("int8", 10), records.variant("float16", 20))
LEFT = (f"{records.MODEL}/int8/types", f"{records.MODEL}/float16/outputs")


def part(*cases: CaseRecord, **changes: Any) -> RunRecord:
    """Return a run that was asked for a part of two variants' cases."""
    declared = (*(case.id for case in cases), *LEFT)
    return records.record(BOTH, cases, declared=declared, partial=True, **changes)


@pytest.mark.parametrize(
    ("variants", "cases", "mark", "headline"),
    [
        (BOTH, (GOOD, ALSO_GOOD), "CLEARED", "Both variants are cleared and may ship"),
        (BOTH[:1], (GOOD,), "CLEARED", "The variant is cleared and may ship"),
        (BOTH[:1], (GOOD, SPLIT), "UNPROVEN", "The variant is unproven"),
        (BOTH[:1], (MADE,), "NOT JUDGED", "The variant is not judged"),
        (BOTH, (GOOD, SPLIT, ALSO_GOOD), "UNPROVEN", "1 of 2 variants is cleared"),
        (BOTH, (GOOD,), "NOT JUDGED", "1 of 2 variants is cleared"),
        (BOTH, (SPLIT,), "NOT JUDGED", "0 of 2 variants are cleared"),
        (BOTH, (GOOD, BAD), "FAIL", "1 of 2 variants is cleared"),
        (BOTH[1:], (BAD,), "FAIL", "The variant is rejected"),
        (BOTH, (BAD,), "FAIL", "0 of 2 variants are cleared"),
        ((), (), "FAIL", "There is no variant to judge"),
    ],
)
def test_headline_and_mark(
    variants: tuple[VariantRecord, ...], cases: tuple[CaseRecord, ...], mark: str, headline: str
) -> None:
    record = records.record(variants, cases)
    assert sentences.headline(record) == headline
    assert sentences.mark(record).word == mark
    assert (sentences.mark(record).tone == "good") is ("may ship" in headline)


@pytest.mark.parametrize("order", list(itertools.permutations(ShipDecision, 3)))
def test_no_run_is_good_unless_all_variants_are_cleared(order: tuple[ShipDecision, ...]) -> None:
    for passes in (True, False):
        assert sentences.mark_of(order, passes=passes, may_ship=False).tone != "good"
        assert sentences.mark_of(order, passes=passes, may_ship=False).symbol != "\u2713"


def test_a_failing_run_of_cleared_variants_is_not_said_to_ship() -> None:
    record = records.record(BOTH, (GOOD, ALSO_GOOD), errors=("no such folder",))
    assert sentences.headline(record) == "Both variants are cleared, but the run fails"
    assert sentences.mark(record).word == "FAIL"


@pytest.mark.parametrize(
    ("record", "verdict"),
    [
        (
            records.full_record(),
            (
                "The run fails: 2 cases FAIL; 1 case MISSING without being declared; "
                "1 case is INCONCLUSIVE (a warning); 1 case MISSING as declared"
            ),
        ),
        (records.record(BOTH[:1], (GOOD,)), "The run passes: its only case passed"),
        (
            records.record(BOTH[:1], (GOOD, SPLIT)),
            "The run passes: 1 case is INCONCLUSIVE (a warning)",
        ),
        (
            records.record(BOTH[:1], (GOOD, SPLIT), inconclusive="fail"),
            "The run fails: 1 case is INCONCLUSIVE (a failure by the spec)",
        ),
        (records.record((), ()), "The run fails: nothing was judged"),
        (
            records.record(BOTH[:1], (GOOD,), errors=("data/x: no such folder",)),
            "The run fails: 1 input could not be used",
        ),
        (
            records.record(BOTH[:1], (GOOD,), declared=(GOOD.id, LEFT[0])),
            "The run fails: 1 declared case was not run",
        ),
    ],
)
def test_verdict(record: RunRecord, verdict: str) -> None:
    assert sentences.verdict(record) == verdict
    passes = verdict.startswith("The run passes")
    assert record.summary.passes is passes
    assert (sentences.mark(record).word == "FAIL") is not passes


@pytest.mark.parametrize(
    ("record", "mark", "headline", "verdict"),
    [
        (
            part(GOOD, ALSO_GOOD),
            "PARTIAL",
            "Part of the gate was run: 0 of 2 variants are cleared",
            "Nothing fails: 2 declared cases were not run, on purpose",
        ),
        (
            part(GOOD, SPLIT, ALSO_GOOD),
            "PARTIAL",
            "Part of the gate was run: 0 of 2 variants are cleared",
            (
                "Nothing fails: 1 case is INCONCLUSIVE (a warning); "
                "2 declared cases were not run, on purpose"
            ),
        ),
        (
            part(GOOD, SPLIT, ALSO_GOOD, inconclusive="fail"),
            "FAIL",
            "Part of the gate was run: 0 of 2 variants are cleared",
            (
                "The run fails: 1 case is INCONCLUSIVE (a failure by the spec); "
                "2 declared cases were not run, on purpose"
            ),
        ),
        (
            part(GOOD, BAD),
            "FAIL",
            "Part of the gate was run: 0 of 2 variants are cleared",
            "The run fails: 1 case FAIL; 2 declared cases were not run, on purpose",
        ),
        (
            part(MISSING),
            "FAIL",
            "Part of the gate was run: 0 of 2 variants are cleared",
            (
                "The run fails: 1 case MISSING without being declared; "
                "2 declared cases were not run, on purpose"
            ),
        ),
        (
            records.record(BOTH, (GOOD,), declared=(GOOD.id, LEFT[1]), partial=True),
            "PARTIAL",
            "Part of the gate was run: 1 of 2 variants is cleared",
            "Nothing fails: 1 declared case was not run, on purpose",
        ),
    ],
)
def test_a_part_says_nothing_about_the_whole(
    record: RunRecord, mark: str, headline: str, verdict: str
) -> None:
    assert sentences.mark(record).word == mark
    assert sentences.headline(record) == headline
    assert sentences.verdict(record) == verdict


def test_a_part_that_was_the_whole_is_no_part() -> None:
    record = records.record(BOTH[:1], (GOOD,), partial=True)
    assert sentences.mark(record).word == "CLEARED"
    assert sentences.headline(record) == "The variant is cleared and may ship"


@pytest.mark.parametrize(
    ("record", "title", "below"),
    [
        (
            records.record(BOTH, (GOOD, BAD)),
            "The run fails; 1 of 2 variants is cleared",
            "1 case FAIL",
        ),
        (
            records.record((), ()),
            "The run fails: there is no variant to judge",
            "Nothing was judged",
        ),
        (
            part(GOOD, BAD),
            "The run fails; part of the gate was run: 0 of 2 variants are cleared",
            "1 case FAIL; 2 declared cases were not run, on purpose",
        ),
        (
            records.record(BOTH, (GOOD, ALSO_GOOD), errors=("no such folder",)),
            "Both variants are cleared, but the run fails",
            "The run fails: 1 input could not be used",
        ),
        (
            records.record(BOTH[:1], (GOOD,)),
            "The variant is cleared and may ship",
            "The run passes: its only case passed",
        ),
    ],
)
def test_a_page_says_first_that_the_run_fails_and_then_why(
    record: RunRecord, title: str, below: str
) -> None:
    assert sentences.title(record) == title
    assert sentences.below_title(record) == below
    page = html.render(record)
    assert page.index(f"<h1>{title}</h1>") < page.index(f"<p>{below}.</p>") < page.index("<li>")
    summary = markdown.render(record)
    assert f" {title}\n\n{below}." in summary


def test_terminal_page_and_summary_say_the_same() -> None:
    record = part(GOOD, ALSO_GOOD)
    headline, verdict = sentences.headline(record), sentences.verdict(record)
    (finding,) = findings(record)
    last = terminal.render(record).splitlines()
    assert last[-3:] == [f"{verdict}.", f"{headline}.", f"{finding}."]
    page = html.render(record)
    assert f"<h1>{headline}</h1>" in page
    assert f"<li>{finding}.</li>" in page
    assert f"<p>{verdict}.</p>" in page
    assert markdown.render(record).startswith(f"## ○ {headline}\n\n{verdict}.\n\n- {finding}.")
    for text in (terminal.render(record), page, markdown.render(record)):
        assert "run fails" not in text
        assert "may ship" not in text.partition('<script type="application/json"')[0]


def test_random_weights_are_said_at_the_top() -> None:
    missing = records.case("int8", "top1_agreement", Verdict.MISSING, declared=True)
    record = records.record(BOTH[:1], (GOOD, missing), trained=False, notes=("random weights",))
    notes = sentences.notes(record)
    assert notes[0] == f"{records.MODEL}: random weights"
    assert "MISSING by declaration because its weights are random: top1_agreement" in notes[1]


def test_bad_input_is_said_at_the_top() -> None:
    record = records.record(BOTH[:1], (GOOD,), errors=("data/x: no such folder",))
    assert sentences.notes(record) == ("Bad input: data/x: no such folder",)


@pytest.mark.parametrize(
    ("left", "note"),
    [
        (("m/a/types",), "1 declared case not run: m/a/types"),
        (("m/a/types", "m/b/types"), "2 declared cases not run: m/a/types and m/b/types"),
        (
            tuple(f"m/{number}/types" for number in range(74)),
            "74 declared cases not run, for example m/0/types and m/1/types",
        ),
    ],
)
def test_cases_that_were_not_run_are_counted_with_examples(
    left: tuple[str, ...], note: str
) -> None:
    record = records.record(BOTH[:1], (GOOD,), declared=(GOOD.id, *left))
    assert sentences.notes(record) == (note,)


def test_worse_than_accepted_fails_a_whole_run_and_a_part() -> None:
    changes = tuple(
        Change(id="x", kind=kind, reason="so", fails=kind is not ChangeKind.BETTER)
        for kind in (ChangeKind.WORSE, ChangeKind.GONE, ChangeKind.GONE, ChangeKind.BETTER)
    )
    whole = records.record(BOTH, (GOOD, ALSO_GOOD))
    held = msgspec.structs.replace(
        whole,
        changes=changes,
        summary=msgspec.structs.replace(whole.summary, passes=False, may_ship=False),
    )
    why = "1 case worse than accepted; 2 cases gone since the accepted record"
    assert sentences.verdict(held) == f"The run fails: {why}"
    assert sentences.mark(held).word == "FAIL"
    cut = msgspec.structs.replace(part(GOOD, ALSO_GOOD), changes=changes)
    assert sentences.verdict(cut).startswith(f"The run fails: {why}; ")
    assert sentences.mark(cut).word == "FAIL"


def test_a_case_that_fails_its_limit_is_not_counted_again_as_worse() -> None:
    failing = records.case("int8", "made", Verdict.FAIL)
    whole = records.record(BOTH, (failing, ALSO_GOOD))
    change = Change(id=failing.id, kind=ChangeKind.WORSE, reason="so", fails=True)
    held = msgspec.structs.replace(whole, changes=(change,))
    assert sentences.verdict(held) == "The run fails: 1 case FAIL"
    other = msgspec.structs.replace(change, id=ALSO_GOOD.id)
    both = msgspec.structs.replace(whole, changes=(change, other))
    assert sentences.verdict(both) == (
        "The run fails: 1 case FAIL; 1 other case worse than accepted"
    )


@pytest.mark.parametrize(
    ("inconclusive", "rule"), [("warn", "a warning"), ("fail", "a failure by the spec")]
)
def test_a_comparison_that_is_open_is_counted(inconclusive: str, rule: str) -> None:
    changes = tuple(
        Change(id=name, kind=ChangeKind.INCONCLUSIVE, reason="fed otherwise") for name in "ab"
    )
    held = msgspec.structs.replace(
        records.record(BOTH, (GOOD, ALSO_GOOD), inconclusive=inconclusive), changes=changes[:1]
    )
    why = f"1 case is inconclusive against the accepted record ({rule})"
    assert sentences.verdict(held).endswith(why)
    cut = msgspec.structs.replace(part(GOOD, ALSO_GOOD), changes=changes, inconclusive=inconclusive)
    assert "2 cases are inconclusive" in sentences.verdict(cut)
    assert sentences.verdict(cut).startswith("Nothing fails") is (inconclusive == "warn")


def test_a_variant_that_is_fed_otherwise_is_noted() -> None:
    feeding = Feeding(samples=OwnSamples(source="camera", count=9, sha256="ab"))
    fed, alike = (
        msgspec.structs.replace(BOTH[0], feeding=one) for one in (feeding, Feeding(normalizes=True))
    )
    (note,) = sentences.notes(records.record((fed,), (GOOD,)))
    assert note.endswith(f"/{fed.name}: on samples of its own: 9 photographs of camera")
    assert sentences.notes(records.record((alike,), (GOOD,))) == ()


def test_an_interrupted_run_says_so_first_and_passes_never() -> None:
    whole = records.record(BOTH, (GOOD, ALSO_GOOD), interrupted=True)
    cut = records.record(BOTH, (GOOD,), declared=(GOOD.id, *LEFT), interrupted=True)
    for record, number in ((whole, "2 cases of 2"), (cut, "1 case of 3")):
        assert sentences.mark(record).word == "INTERRUPTED"
        assert sentences.headline(record) == f"The run was interrupted after {number}"
        assert sentences.verdict(record).startswith("The run fails: it was interrupted")
        assert "interrupted" in markdown.render(record)


def test_an_incomplete_answer_says_how_to_complete_it() -> None:
    untimed = records.record(
        BOTH[:1], (MADE, GOOD), declared=(MADE.id, GOOD.id, MISSING.id), partial=True
    )
    assert sentences.notes(untimed)[-1] == (
        "The answer is incomplete: run the rest with -m latency, which is joined with this run, or "
        'declare that it is not asked for: without = ["latency"]'
    )
    assert sentences.notes(part(GOOD))[-1] == (
        "The answer is incomplete: run the rest with -m proof, which is joined with this run"
    )
    assert sentences.notes(part(MADE))[-1] == (
        "The answer is incomplete: run the rest, which is joined with this run"
    )


def test_verdicts_of_an_earlier_run_say_so() -> None:
    earlier = msgspec.structs.replace(GOOD, as_of="2026-11-29T10:00:00Z")
    record = records.record(BOTH[:1], (MADE, earlier))
    assert sentences.notes(record)[-1] == (
        "1 verdict of the run of 2026-11-29 10:00:00 UTC: same spec, same files"
    )


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
