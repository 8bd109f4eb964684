from __future__ import annotations

import pytest

from edgeq.errors import RecordError
from edgeq.history.accept import Accepting, Signature, accept, select
from edgeq.history.accepted import Accepted
from edgeq.history.compare import compare
from edgeq.history.snapshot import of_accepted, of_record
from edgeq.judge.verdict import Verdict
from edgeq.record.change import ChangeKind
from edgeq.record.structs import CaseRecord, RunRecord
from tests.unit.history.figures import case, case_id, flips, run, together, with_value

FIRST = Signature(reason="first", date="2026-01-01T00:00:00+00:00", commit=None)
THEN = Signature(reason=" then ", date="2026-02-02T00:00:00+00:00", commit="abc")


def accepted(record: RunRecord, *before: Accepted, k: str = "", prune: bool = False) -> Accepting:
    signature = THEN if before else FIRST
    return accept(record, {one.model: one for one in before}, select(k), signature, prune=prune)


def of(found: Accepting, model: str = "net") -> Accepted:
    one = found.records[model]
    assert one is not None
    return one


def test_a_run_beside_what_was_accepted_of_it_is_unchanged() -> None:
    record = run(agreement=flips(a="right_to_wrong"))
    found = accepted(record)
    assert found.taken == tuple(one.id for one in record.cases)
    assert found.vanished == ()
    changes = compare(of_accepted([of(found)]), of_record(record))
    assert {one.kind for one in changes} == {ChangeKind.UNCHANGED}
    assert len(changes) == len(record.cases)


def test_a_selection_is_merged_into_what_was_accepted_before() -> None:
    before = of(accepted(run()))
    later = run(
        *(case(gate) for gate in ("made", "max_bytes")),
        case("worst_cosine", value=0.95),
        case("latency_ratio", value=0.4, interval=(0.39, 0.41)),
        variant={"sha256": "99" * 32},
        toolchain={"ai-edge-litert": "2.4.0"},
    )
    merged = of(accepted(later, before, k="cosine"))
    assert set(merged.cases) == set(before.cases)
    assert merged.cases[case_id("worst_cosine")].value == 0.95
    assert merged.cases[case_id("latency_ratio")] == before.cases[case_id("latency_ratio")]
    assert {key: one.reason for key, one in merged.acceptances.items()} == {
        "1": "first",
        "2": "then",
    }
    assert merged.acceptances["2"].measured_with.runtime == "2.4.0"
    assert merged.acceptances["2"].commit == "abc"
    assert merged.acceptances["1"].measured_with.runtime == "2.3.0"
    hashes = {key: one.variants["int8"].sha256 for key, one in merged.acceptances.items()}
    assert hashes == {"1": "ab" * 32, "2": "99" * 32}


def test_an_acceptance_that_nothing_rests_on_any_more_is_dropped() -> None:
    before = of(accepted(run()))
    again = of(accepted(run(), before))
    assert list(again.acceptances) == ["2"]
    assert {case.acceptance for case in again.cases.values()} == {"2"}


def test_variants_that_nothing_rests_on_any_more_are_dropped() -> None:
    both = run(case("made"), case("made", method="float16"))
    before = of(accepted(both))
    merged = of(accepted(both, before, k="float16"))
    assert set(merged.acceptances["1"].variants) == {"int8"}
    assert set(merged.acceptances["2"].variants) == {"float16"}


def test_models_are_kept_apart() -> None:
    other = run(case("made", model="lite"), model="lite")
    found = accepted(together(run(case("made")), other))
    assert list(found.records) == ["lite", "net"]
    assert set(of(found, "lite").cases) == {"lite/int8/made"}
    assert list(accepted(together(run(case("made")), other), k="lite").records) == ["lite"]


def test_vanished_cases_stay_until_they_are_pruned() -> None:
    before = of(accepted(run()))
    less = run(case("made"))
    kept = accepted(less, before)
    assert set(of(kept).cases) == set(before.cases)
    assert set(kept.vanished) == set(before.cases) - {case_id("made")}
    assert not kept.pruned
    pruned = accepted(less, before, prune=True)
    assert set(of(pruned).cases) == {case_id("made")}
    assert pruned.vanished == kept.vanished
    assert list(of(pruned).acceptances) == ["2"]


def test_pruning_is_limited_to_the_selection_and_to_what_is_not_declared() -> None:
    before = of(accepted(run()))
    less = run(case("made"), declared=(case_id("made"), case_id("max_bytes")), partial=True)
    found = accepted(less, before, k="made or latency", prune=True)
    assert set(found.vanished) == {case_id("latency_ratio"), case_id("max_latency_ms")}
    assert case_id("max_bytes") in of(found).cases
    assert case_id("size_reduction") in of(found).cases


def test_a_model_that_is_gone_is_removed_whole() -> None:
    before = of(accepted(run()))
    other = run(case("made", model="lite"), model="lite")
    found = accepted(other, before, prune=True)
    assert found.records["net"] is None
    assert set(of(found, "lite").cases) == {"lite/int8/made"}


@pytest.mark.parametrize(
    ("case_", "rule", "refused"),
    [
        (case("types", Verdict.FAIL), "warn", True),
        (case("accuracy_drop", Verdict.MISSING), "warn", True),
        (case("accuracy_drop", Verdict.MISSING, declared_missing=True), "warn", False),
        (case("accuracy_drop", Verdict.INCONCLUSIVE), "warn", False),
        (case("accuracy_drop", Verdict.INCONCLUSIVE), "fail", True),
    ],
)
def test_what_fails_is_refused(case_: CaseRecord, rule: str, refused: bool) -> None:
    record = run(case("made"), case_, inconclusive=rule)
    assert accepted(record, k="made").taken == (case_id("made"),)
    if not refused:
        assert len(accepted(record).taken) == 2
        return
    with pytest.raises(RecordError) as caught:
        accepted(record)
    assert record.cases[1].id in caught.value.what
    assert record.cases[1].status.value in caught.value.what
    open_ = record.cases[1].status is Verdict.INCONCLUSIVE
    assert ("fails its own limit" in caught.value.what) is not open_
    assert ("Evaluate more images" in (caught.value.remedy or "")) is open_


def test_a_selection_that_was_not_run_is_refused() -> None:
    record = run(case("made"), declared=(case_id("made"), case_id("max_bytes")), partial=True)
    with pytest.raises(RecordError, match=r"1 selected case of the record not run: net/int8/max_b"):
        accepted(record)
    assert accepted(record, k="not bytes").taken == (case_id("made"),)


def test_a_run_with_bad_input_is_refused() -> None:
    with pytest.raises(RecordError, match="the run had bad input: no such file"):
        accepted(run(errors=("no such file",)))


def test_a_selection_of_nothing_is_refused() -> None:
    with pytest.raises(RecordError, match=r"-k: no case of the record is selected") as caught:
        accepted(run(case("made")), k="nothing")
    assert "net/int8/made" in str(caught.value.remedy)


def test_a_reason_is_needed() -> None:
    with pytest.raises(RecordError, match="needs a reason"):
        accept(run(), {}, select(""), Signature(reason=" ", date="", commit=None))


def test_a_worse_figure_can_be_accepted_on_purpose() -> None:
    before = of(accepted(with_value("max_bytes", 100.0)))
    worse = with_value("max_bytes", 200.0)
    assert of(accepted(worse, before)).cases[case_id("max_bytes")].value == 200.0


IDS = (
    "lite0/int8/max_latency_ms",
    "lite0/int8/top1_agreement",
    "lite0/int8@tensorflow/latency_ratio",
    "lite0/float16/top1_agreement",
    "resnet/int8/size_reduction",
)


@pytest.mark.parametrize(
    ("expression", "chosen"),
    [
        ("", {0, 1, 2, 3, 4}),
        ("  ", {0, 1, 2, 3, 4}),
        ("int8", {0, 1, 2, 4}),
        ("INT8", {0, 1, 2, 4}),
        ("int8 and not latency", {1, 4}),
        ("not int8", {3}),
        ("not not float16", {3}),
        ("float16 or resnet", {3, 4}),
        ("resnet or float16 and lite0", {3, 4}),
        ("(resnet or float16) and lite0", {3}),
        ("not (resnet or float16)", {0, 1, 2}),
        ("int8@tensorflow", {2}),
        ("lite0/int8/top1_agreement", {1}),
        ("test_top1_agreement[lite0-int8]", {1}),
        ("agreement AND lite0", {1, 3}),
        ("size", {4}),
        ("nothing", set()),
    ],
)
def test_an_expression_chooses_as_pytest_does(expression: str, chosen: set[int]) -> None:
    selected = select(expression)
    assert {index for index, case_id in enumerate(IDS) if selected(case_id)} == chosen


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("int8 and", "a word is missing at the end"),
        ("and int8", "a word is missing before 'and'"),
        ("int8 float16", "'float16' is not expected there"),
        ("(int8", "a bracket is not closed"),
        ("int8)", "')' is not expected there"),
        ("()", "a word is missing before ')'"),
        ("not", "a word is missing at the end"),
    ],
)
def test_what_is_no_expression_is_refused(expression: str, said: str) -> None:
    with pytest.raises(RecordError) as caught:
        select(expression)
    assert said in caught.value.what
    assert caught.value.remedy is not None
