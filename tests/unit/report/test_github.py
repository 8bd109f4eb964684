from __future__ import annotations

import re

import msgspec
import pytest

from edgeq.judge.verdict import Verdict
from edgeq.record.change import Change, ChangeKind
from edgeq.report import github
from edgeq.report.model_sentences import about_model
from edgeq.words.escape import printable
from tests.unit.report import records

COMMAND = re.compile(r"::(error|warning) title=([^:,]*)::(.*)")


def parts(line: str) -> tuple[str, str, str]:
    found = COMMAND.fullmatch(line)
    assert found, line
    return found[1], found[2], found[3]


def test_all_that_stops_is_an_error_and_the_open_a_warning() -> None:
    said = [parts(line) for line in github.commands(records.full_record())]
    assert [kind for kind, _, _ in said] == ["error"] * 4 + ["warning"] * 2
    titles = " ".join(title for _, title, _ in said)
    assert "MISSING efficientnetv2-b0/int8@tensorflow/accuracy_drop" in titles
    assert "worst_cosine" not in titles  # MISSING by declaration
    assert (
        said[-1][1].replace("%2C", ",")
        == "INCONCLUSIVE, leans to PASS efficientnetv2-b0/dynamic_range/accuracy_drop"
    )
    assert said[-1][2].endswith("Next: Use about 2,900 labelled images instead of 500")


def test_the_answers_come_first_with_the_sentence_about_their_model() -> None:
    record = records.full_record()
    said = [parts(line) for line in github.commands(record)]
    sentence = printable(about_model(record, record.models[0])).replace("%", "%25")
    model = records.MODEL
    assert said[0] == ("error", f"rejected%3A {model}/int8@tensorflow and 2 more", f"{sentence}.")
    assert said[4] == ("warning", f"unproven%3A {model}/dynamic_range", f"{sentence}.")
    assert not [title for _, title, _ in said if "cleared" in title]


def test_what_is_not_judged_is_a_warning_and_what_is_cleared_is_nothing() -> None:
    one = records.variant("int8", 10)
    (line,) = github.commands(records.record((one,), (records.case("int8", "made"),)))
    assert parts(line) == (
        "warning",
        f"not judged%3A {records.MODEL}/int8",
        f"{records.MODEL}: not judged, no gate looks at its predictions.",
    )
    assert github.commands(records.record((one,), (records.case("int8", "top1_agreement"),))) == []


def test_the_open_is_an_error_where_the_spec_says_so() -> None:
    case = records.case("int8", "made", Verdict.INCONCLUSIVE)
    record = records.record((), (case,), inconclusive="fail")
    assert [parts(line)[0] for line in github.commands(record)] == ["error"]


def test_worse_than_accepted_is_an_error() -> None:
    case = records.case("int8", "max_bytes", value=11.0)
    worse = Change(id=case.id, kind=ChangeKind.WORSE, reason="10, then 11", fails=True)
    better = Change(id="a/b/c", kind=ChangeKind.BETTER, reason="5, then 4")
    record = msgspec.structs.replace(records.record((), (case,)), changes=(worse, better))
    (line,) = github.commands(record)
    assert parts(line) == ("error", f"{case.id} worse than accepted", "10, then 11")


@pytest.mark.parametrize(("inconclusive", "kind"), [("warn", "warning"), ("fail", "error")])
def test_a_comparison_that_is_open_is_what_the_spec_makes_of_it(
    inconclusive: str, kind: str
) -> None:
    case = records.case("int8", "top1_agreement", value=1.0)
    change = Change(id=case.id, kind=ChangeKind.INCONCLUSIVE, reason="fed otherwise")
    record = records.record((), (case,), inconclusive=inconclusive)
    (line,) = github.commands(msgspec.structs.replace(record, changes=(change,)))
    title = f"{case.id} inconclusive against the accepted record"
    assert parts(line) == (kind, title, "fed otherwise")


def test_texts_of_others_are_no_commands() -> None:
    reason = "100 %\n::error::no\r::set-output name=x::y"
    case = records.case("a:b,c\n::error::x", "made", Verdict.FAIL, reason=reason)
    (line,) = github.commands(records.record((), (case,)))
    _, title, message = parts(line)
    assert "\n" not in line
    assert "a%3Ab%2Cc" in title
    assert message == "100 %25 : :error::no : :set-output name=x::y"


def test_cases_of_one_reason_share_an_annotation_and_many_are_cut() -> None:
    same = [records.case(f"s{n}", "made", Verdict.FAIL, reason="no engine") for n in range(3)]
    (line,) = github.commands(records.record((), same))
    assert parts(line)[1].endswith("s0/made and 2 more")
    many = [records.case(f"v{n}", "made", Verdict.FAIL, reason=f"no {n}") for n in range(30)]
    lines = github.commands(records.record((), many))
    assert len(lines) == github.MAX_ANNOTATIONS
    assert parts(lines[-1])[2] == "21 more are in the report"


def test_bad_input_and_what_was_not_run_are_errors() -> None:
    case = records.case("int8", "made")
    record = records.record((), (case,), declared=(case.id, "m/v/g"), errors=("no such folder",))
    said = [parts(line) for line in github.commands(record)]
    assert said == [
        ("error", "bad input", "no such folder"),
        ("error", "m/v/g", "declared, and not run"),
    ]
    counted = msgspec.structs.replace(record.summary, lost=())
    part = msgspec.structs.replace(record, partial=True, summary=counted)
    assert len(github.commands(part)) == 1


def test_a_case_that_fails_is_annotated_once_and_before_what_is_only_worse() -> None:
    failing = records.case("int8", "types", Verdict.FAIL, reason="int16 weights")
    good = records.case("int8", "max_bytes")
    changes = tuple(
        Change(
            id=case.id,
            model=records.MODEL,
            method="int8",
            gate=case.gate,
            kind=ChangeKind.WORSE,
            reason=f"{case.gate} moved",
            fails=True,
        )
        for case in (failing, good)
    )
    record = records.record((records.variant("int8", 10),), (good, failing))
    lines = github.commands(msgspec.structs.replace(record, changes=changes))
    assert [parts(line)[2] for line in lines[1:]] == ["int16 weights", "max_bytes moved"]
