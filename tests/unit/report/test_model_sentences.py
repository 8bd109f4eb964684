from __future__ import annotations

from typing import Any

import msgspec
import pytest

from edgeq.judge.missing import RANDOM_WEIGHTS
from edgeq.judge.verdict import Verdict
from edgeq.record.change import Change, ChangeKind
from edgeq.record.ship_decision import answered
from edgeq.record.structs import CaseRecord, ModelRecord, RunRecord, VariantRecord
from edgeq.report.model_sentences import about_model, findings, what_would_settle
from tests.unit.report import records

MODEL = records.MODEL


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u2212", "-")


def said(*variants: VariantRecord, cases: tuple[CaseRecord, ...], **about: Any) -> str:
    record = records.record(variants, cases, **about)
    return plain(about_model(record, record.models[0]))


def measured(name: str, right: int, images: int = 500) -> VariantRecord:
    """Return a variant whose accuracy was measured; the baseline's is 94.6 %."""
    return records.variant(
        name,
        10,
        agreement=records.agreement_of(right * images // 500, images),
        accuracy=records.accuracy_of(right),
    )


def split(
    name: str, value: float = 0.04, *, needed: int | None = None, gate: str = "accuracy_drop"
) -> CaseRecord:
    """Return an open case with a limit of 0.02 on the drop of accuracy."""
    case = records.case(name, gate, Verdict.INCONCLUSIVE, value=value, limit=0.02)
    evidence: dict[str, object] = {} if needed is None else {"images_needed": needed}
    return msgspec.structs.replace(case, evidence=evidence)


def random_weights(name: str, model: str = MODEL) -> CaseRecord:
    return records.case(
        name,
        "top1_agreement",
        Verdict.MISSING,
        reason=f"{RANDOM_WEIGHTS} (absent by declaration)",
        declared=True,
        model=model,
    )


def good(name: str) -> CaseRecord:
    return records.case(name, "top1_agreement", value=0.98, limit=0.94)


def bad(name: str, gate: str = "top1_agreement") -> CaseRecord:
    return records.case(name, gate, Verdict.FAIL)


@pytest.mark.parametrize(
    ("variants", "cases", "sentence"),
    [
        ((), (), "no variant was declared"),
        (
            (measured("int8", 471),),
            (good("int8"),),
            "int8 is cleared on 500 images (top-1 94.6 → 94.2 %, interval 92.2 to 96.2 %)",
        ),
        (
            (measured("a", 473), measured("b", 471)),
            (good("a"), good("b")),
            (
                "both variants are cleared on 500 images "
                "(lowest: b, top-1 94.6 → 94.2 %, interval 92.2 to 96.2 %)"
            ),
        ),
        (
            (measured("a", 471), measured("b", 254)),
            (good("a"), bad("b")),
            (
                "b is rejected (top1_agreement FAIL; top-1 94.6 → 50.8 %, interval 48.8 to 52.8 %)"
                "; a is cleared on 500 images (top-1 94.6 → 94.2 %, interval 92.2 to 96.2 %)"
            ),
        ),
        (
            (measured("a", 471),),
            (split("a", 0.04),),
            (
                "nothing failed, but 500 images prove too little (a looks worse than allowed: "
                "top-1 94.6 → 94.2 %, interval 92.2 to 96.2 %)"
            ),
        ),
        (
            (measured("a", 471),),
            (split("a", 0.01),),
            (
                "nothing failed, but 500 images prove too little "
                "(top-1 94.6 → 94.2 %, interval 92.2 to 96.2 %)"
            ),
        ),
        (
            (measured("a", 471), measured("b", 460), measured("c", 473)),
            (split("a", 0.04), split("b", 0.05), good("c")),
            (
                "a and b are unproven: 500 images prove too little (b looks worse than allowed: "
                "top-1 94.6 → 92.0 %, interval 90.0 to 94.0 %; 1 other variant too); "
                "c is cleared on 500 images (top-1 94.6 → 94.6 %, interval 92.6 to 96.6 %)"
            ),
        ),
        (
            (records.variant("a", 10), records.variant("b", 10)),
            (random_weights("a"), random_weights("b")),
            "not judged, its weights are random",
        ),
        (
            (measured("a", 471), records.variant("b", 10)),
            (good("a"), records.case("b", "made")),
            (
                "b is not judged (no gate looks at its predictions); a is cleared on 500 images "
                "(top-1 94.6 → 94.2 %, interval 92.2 to 96.2 %)"
            ),
        ),
    ],
)
def test_a_model_in_one_sentence(
    variants: tuple[VariantRecord, ...], cases: tuple[CaseRecord, ...], sentence: str
) -> None:
    assert said(*variants, cases=cases) == f"{MODEL}: {sentence}"


def test_without_labels_the_agreement_stands_for_the_accuracy() -> None:
    one = records.variant("a", 10, agreement=records.agreement_of(491))
    assert said(one, cases=(good("a"),)) == (
        f"{MODEL}: a is cleared on 500 images (agreement 98.2 %, interval 96.2 to 99.7 %)"
    )
    open_ = records.case("a", "top1_agreement", Verdict.INCONCLUSIVE, value=0.982, limit=0.99)
    assert said(one, cases=(open_,)).endswith(
        "(a looks worse than allowed: top1_agreement 98.2 %, limit: at least 99 %)"
    )


def test_everything_that_is_open_is_said() -> None:
    slow = records.case("a", "latency_ratio", Verdict.INCONCLUSIVE, value=1.12, limit=1.1)
    absent = records.case("a", "max_peak_memory", Verdict.MISSING, declared=True)
    cases = (good("a"), slow, absent)
    declared = (*(one.id for one in cases), f"{MODEL}/a/types")
    text = said(measured("a", 471), cases=cases, declared=declared, partial=True)
    assert text == (
        f"{MODEL}: nothing failed, but the timing does not settle latency_ratio and "
        "max_peak_memory was not measured and 1 declared case was not run "
        "(a looks worse than allowed: latency_ratio 1.12×, limit: at most 1.1×)"  # noqa: RUF001
    )


def test_a_proof_that_is_open_is_no_matter_of_the_number_of_images() -> None:
    open_ = records.case("a", "ranges", Verdict.INCONCLUSIVE)
    text = said(measured("a", 471), cases=(good("a"), open_))
    assert text.startswith(f"{MODEL}: nothing failed, but ranges is not settled")


def test_a_proof_that_is_open_is_no_matter_of_timing() -> None:
    open_ = records.case("a", "weights", Verdict.INCONCLUSIVE)
    text = said(measured("a", 471), cases=(good("a"), open_))
    assert text.startswith(f"{MODEL}: nothing failed, but weights is not settled")


def test_many_rejected_variants_are_counted() -> None:
    names = ("a", "b", "c", "d")
    variants = (*(measured(name, 254) for name in names), measured("e", 471))
    text = said(*variants, cases=(*(bad(name) for name in names), good("e")))
    assert text.startswith(f"{MODEL}: 4 variants are rejected (a: top1_agreement FAIL; top-1 ")


def test_the_worst_of_the_rejected_variants_speaks_for_them() -> None:
    text = said(measured("a", 471), measured("b", 25), cases=(bad("a", "types"), bad("b")))
    assert "rejected (b: top1_agreement FAIL; top-1 94.6 → 5.0 %" in text


def test_a_wrong_baseline_is_said_in_place_of_figures() -> None:
    reason = "the baseline is right on 0 of 200 images: the labels are wrong"
    case = msgspec.structs.replace(
        bad("a", "accuracy_drop"), evidence={"doubt": {"reason": reason, "wrong": True}}
    )
    text = said(measured("a", 471), cases=(case,))
    assert text == f"{MODEL}: a is rejected (accuracy_drop FAIL; {reason})"


def test_what_looks_worse_is_said_in_its_own_figure() -> None:
    text = said(measured("a", 471), cases=(split("a", 0.01, gate="top1_agreement"),))
    assert "a looks worse than allowed: top1_agreement 1.0 %, limit: at least 2 %" in text


def test_why_a_variant_is_rejected_is_said_shortly() -> None:
    broken = VariantRecord(name="a", method="a", error="ended by SIGSEGV at invoke")
    assert said(broken, cases=(bad("a"),)) == (
        f"{MODEL}: a is rejected (it could not be made, run or compared)"
    )
    left = said(
        records.variant("a", 10), cases=(good("a"),), declared=(good("a").id, f"{MODEL}/a/types")
    )
    assert left == f"{MODEL}: a is rejected (1 declared case not run)"
    record = records.record((records.variant("a", 10, answer=None),), (good("a"),))
    change = Change(
        id="x", model=MODEL, method="a", gate="max_bytes", kind=ChangeKind.WORSE, reason="so"
    )
    model = msgspec.structs.replace(record.models[0], variants=(records.variant("a", 10),))
    worse = answered(
        msgspec.structs.replace(
            record, models=(model,), changes=(msgspec.structs.replace(change, fails=True),)
        )
    )
    assert about_model(worse, worse.models[0]) == (
        f"{MODEL}: a is rejected (max_bytes worse than accepted)"
    )


def two_models(*others: CaseRecord) -> RunRecord:
    """The record of a default run: 20 labelled images for one model, random weights of another."""
    variants = (measured("int8", 471, 20), measured("float16", 473, 20))
    cases = (split("int8", needed=331), split("float16", 0.0, needed=187))
    record = records.record(variants, (*cases, *others))
    second = ModelRecord(
        name="net-b",
        source="keras:Net",
        trained=False,
        baseline=VariantRecord(name="baseline", method="float"),
        variants=(records.variant("int8", 10),),
    )
    found = msgspec.structs.replace(
        record,
        models=(record.models[0], second),
        cases=(*record.cases, *(others or (random_weights("int8", "net-b"),))),
    )
    return answered(found)


def test_what_would_settle_it_comes_last() -> None:
    *about, settling = findings(two_models())
    assert plain(about[0]).startswith(
        f"{MODEL}: nothing failed, but 500 images prove too little (int8 looks worse than allowed:"
    )
    assert about[1] == "net-b: not judged, its weights are random"
    assert settling == "About 340 labelled images would settle it"


def test_of_arrays_samples_are_told() -> None:
    record = two_models()
    models = tuple(msgspec.structs.replace(model, arrays=True) for model in record.models)
    first, *_, settling = findings(msgspec.structs.replace(record, models=models))
    assert "500 samples prove too little" in plain(first)
    assert settling == "About 340 labelled samples would settle it"


def test_what_images_do_not_settle_is_not_promised() -> None:
    one = measured("a", 471)
    absent = records.case("a", "max_peak_memory", Verdict.MISSING, declared=True)
    record = records.record((one,), (split("a", needed=331), absent))
    assert what_would_settle(record) == (
        "About 340 labelled images would settle what its predictions leave open"
    )
    assert what_would_settle(records.record((one,), (split("a"),))) == ""
    assert what_would_settle(records.record((one,), (good("a"),))) == ""
    failed = records.record((one,), (split("a", needed=331), bad("a")))
    assert what_would_settle(failed) == ""


def test_images_need_no_labels_for_agreement_and_crops_need_photographs() -> None:
    one = measured("a", 471)
    case = split("a", 0.01, needed=331, gate="top1_agreement")
    assert what_would_settle(records.record((one,), (case,))) == (
        "About 340 images would settle it"
    )
    crops = msgspec.structs.replace(case, evidence={**case.evidence, "photographs": 20})
    assert what_would_settle(records.record((one,), (crops,))) == (
        "About 340 different photographs would settle it"
    )


def test_several_models_have_a_number_each() -> None:
    other = msgspec.structs.replace(
        split("int8", needed=1200), id="net-b/int8/accuracy_drop", model="net-b"
    )
    assert what_would_settle(two_models(other)) == (
        f"About 340 labelled images would settle {MODEL}, about 1,200 labelled images would settle "
        "net-b"
    )
