from __future__ import annotations

import msgspec
import pytest

from edgeq.judge.ranges import fit_of, harmful, ranges, recovery
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.measure.ranges import RangeFit, Ranges, StaleBias, Trial
from edgeq.measure.scales import Scale


def fit(name: str, *, error: float = 0.3) -> RangeFit:
    return RangeFit(
        name=name,
        tensor=1,
        place="inner",
        scale=Scale("int8", 0.1, -128),
        values=(0.0, 51.0),
        clipped=0.2,
        error=error,
        fitting=Scale("int8", 0.2, -128),
        best=0.01,
    )


def trial(*names: str, after: float = 0.2, agreeing: tuple[int, int] | None = None) -> Trial:
    return Trial(
        tensors=names, gross=True, agreeing=agreeing, before=(0.9,), after=(after,), nearer=(1.0,)
    )


GOOD = Ranges(
    samples=8,
    fitted=24,
    activations=62,
    groups=50,
    unmatched=(),
    suspicious=(),
    trials=(),
    problems=(),
    stale=(),
)
STALE = StaleBias(layer="conv", input="relu", tensor=3, factor=2.0, steps=34.0)


def judged(**keys: object) -> Judgement:
    found = ranges(msgspec.structs.replace(GOOD, **keys))
    msgspec.json.encode(found)
    assert len(found.reason) <= 240
    return found


def test_ranges_that_fit_pass() -> None:
    found = judged()
    assert found.status is Verdict.PASS
    assert found.reason == (
        "the ranges of 62 activations hold what the baseline computes on 24 samples"
    )
    assert judged(activations=0).status is Verdict.PASS


def test_ranges_that_look_wrong_and_cost_nothing_pass() -> None:
    found = judged(suspicious=(fit("a"),), trials=(trial("a", after=0.88),))
    assert found.status is Verdict.PASS
    assert "with them set right, the output's error is 0.88 instead of 0.9" in found.reason


def test_ranges_that_cost_a_few_samples_much_are_not_said_to_cost_little() -> None:
    few = msgspec.structs.replace(trial("a", "b", after=0.1), nearer=(0.625,))
    found = judged(suspicious=(fit("a"), fit("b")), trials=(few,))
    assert found.status is Verdict.PASS
    assert "need to, which costs 5 of 8 samples: with them set right, the" in found.reason
    some = msgspec.structs.replace(trial("a", "b", after=0.5), nearer=(0.625,))
    assert "costs little" in judged(suspicious=(fit("a"), fit("b")), trials=(some,)).reason


def test_a_range_that_causes_the_error_fails() -> None:
    found = judged(suspicious=(fit("relu"),), trials=(trial("relu", agreeing=(3, 8)),))
    assert found.status is Verdict.FAIL
    assert "relu holds 0 to 25.5, the baseline has 0 to 51" in found.reason
    assert "the output's error is 0.2 instead of 0.9, and 8 instead of 3 agree" in found.reason
    assert found.next_step is not None


def test_probabilities_are_said_if_they_alone_come_back() -> None:
    close = msgspec.structs.replace(trial("a", after=0.88), drift=(0.15, 0.036))
    assert recovery(GOOD, close) == (
        "the probabilities' distance from the baseline's is 0.036 instead of 0.15 (8 samples)"
    )
    healed = msgspec.structs.replace(close, after=(0.2,))
    assert recovery(GOOD, healed) == "the output's error is 0.2 instead of 0.9 (8 samples)"


def test_several_ranges_are_counted() -> None:
    several = (trial("a", "b", after=0.2), trial("a", after=0.7))
    found = judged(suspicious=(fit("a"), fit("b")), trials=several)
    assert found.status is Verdict.FAIL
    assert "2 of 50 ranges of activations are wrong" in found.reason


def test_ranges_of_a_variant_that_was_trained_on_need_not_fit() -> None:
    several = (trial("a", "b", after=0.2), trial("a", after=0.7))
    found = msgspec.structs.replace(GOOD, suspicious=(fit("a"), fit("b")), trials=several)
    waived = ranges(found, "trained")
    assert waived.status is Verdict.PASS
    assert waived.reason.startswith("waived: ")
    single = msgspec.structs.replace(found, trials=(trial("a"),))
    assert ranges(single, "trained").status is Verdict.FAIL
    misread = msgspec.structs.replace(found, stale=(STALE,))
    assert ranges(misread, "trained").status is Verdict.FAIL


def test_the_single_range_that_explains_as_much_is_named() -> None:
    alone = trial("b", after=0.22)
    several = (trial("a", "b", after=0.2), trial("a", after=0.85), alone)
    assert harmful(msgspec.structs.replace(GOOD, trials=several)) == alone


@pytest.mark.parametrize(("steps", "verdict"), [(34.0, Verdict.FAIL), (0.4, Verdict.PASS)])
def test_a_bias_that_is_misread_fails_if_it_matters(steps: float, verdict: Verdict) -> None:
    found = judged(stale=(msgspec.structs.replace(STALE, steps=steps),))
    assert found.status is verdict
    assert ("read 2 times as large" in found.reason) == (verdict is Verdict.FAIL)


def test_what_has_no_match_is_said() -> None:
    found = judged(unmatched=("a", "b", "c", "d"))
    assert found.status is Verdict.INCONCLUSIVE
    assert "4 of 62 activations have no match in the baseline's graph" in found.reason


def test_what_can_not_be_tried_is_open() -> None:
    found = judged(suspicious=(fit("a"),), problems=("the runtime refuses it",))
    assert found.status is Verdict.INCONCLUSIVE
    assert found.reason.endswith("the runtime refuses it")


REBUILD = "Rebuild the variant from the baseline: its scales were changed after it was quantized"
CALIBRATE = "Calibrate on samples like those of the evaluation, with the model's preprocessing"
CALIBRATE_OR_REBUILD = (
    f"{CALIBRATE}; if it was calibrated so, rebuild it: its scales were changed after that"
)
EVIDENCE: dict[str, object] = {
    "samples": 8,
    "fitted": 24,
    "activations": 62,
    "unmatched": [],
    "suspicious": 0,
    "worst": [],
    "trials": [],
    "problems": [],
    "misread_biases": [],
}
# Scale 0.1 and zero point -128 of int8 hold 0 to 25.5.
WORST = {
    "tensor": "a",
    "range": [0.0, 25.5],
    "baseline": [0.0, 51.0],
    "clipped": 0.2,
    "error": 0.3,
    "least_error": 0.01,
}


def test_all_that_is_recorded_of_ranges_that_fit() -> None:
    assert judged(fitted=1, activations=1) == Judgement(
        status=Verdict.PASS,
        reason="the ranges of 1 activation hold what the baseline computes on 1 sample",
        evidence={**EVIDENCE, "fitted": 1, "activations": 1},
    )
    assert judged(activations=0, unmatched=("a",)) == Judgement(
        status=Verdict.PASS,
        reason="no activation has a fixed scale",
        evidence={**EVIDENCE, "activations": 0, "unmatched": ["a"]},
    )
    little = judged(suspicious=(fit("a"),), trials=(trial("a", after=0.88),), samples=1)
    assert little.reason == (
        "1 of 62 ranges of activations clip or waste more than they need to, which costs little: "
        "with them set right, the output's error is 0.88 instead of 0.9 (1 sample)"
    )
    assert little.evidence["suspicious"] == 1


def test_a_range_that_clips_nothing_was_changed_later() -> None:
    wide = msgspec.structs.replace(fit("a"), clipped=0.0)
    assert judged(suspicious=(wide,), trials=(trial("a"),)).next_step == REBUILD


def test_all_that_is_recorded_of_a_wrong_range() -> None:
    assert judged(suspicious=(fit("a"),), trials=(trial("a", agreeing=(3, 8)),)) == Judgement(
        status=Verdict.FAIL,
        reason="a range is wrong: a holds 0 to 25.5, the baseline has 0 to 51. With it set right, "
        "the output's error is 0.2 instead of 0.9, and 8 instead of 3 agree with the baseline "
        "(8 samples)",
        next_step=CALIBRATE_OR_REBUILD,
        evidence={
            **EVIDENCE,
            "suspicious": 1,
            "worst": [WORST],
            "trials": [{"tensors": ["a"], "ranges": 1, "before": [0.9], "after": [0.2]}],
        },
    )
    paired = msgspec.structs.replace(trial("a"), samples=128, left=(0.1, 0.3))
    found = judged(suspicious=(fit("a"),), trials=(paired,))
    assert found.reason.endswith("the output's error is 0.2 instead of 0.9 (128 samples)")
    assert found.evidence["trials"][-1] == {  # type: ignore[index]
        "tensors": ["a"],
        "ranges": 1,
        "before": [0.9],
        "after": [0.2],
        "samples": 128,
        "left": [0.1, 0.3],
    }
    # What agrees as often is not said, nor is a range that is not known.
    assert judged(trials=(trial("b", agreeing=(3, 3)),), samples=1).reason == (
        "a range is wrong:. With it set right, the output's error is 0.2 instead of 0.9 (1 sample)"
    )
    assert judged(trials=(trial("b"),)).reason.endswith("is 0.2 instead of 0.9 (8 samples)")


def test_all_that_is_recorded_of_several_wrong_ranges() -> None:
    names = ("a", "b", "c", "d")
    several = judged(
        suspicious=tuple(map(fit, names)),
        trials=(trial(*names), trial("a", after=0.7)),
        stale=(STALE,) * 4,
        problems=("one", "two"),
        unmatched=("e",),
    )
    misread = {"layer": "conv", "input": "relu", "tensor": 3, "factor": 2.0, "steps": 34.0}
    assert several == Judgement(
        status=Verdict.FAIL,
        reason="4 of 50 ranges of activations are wrong: for example, a holds 0 to 25.5, the "
        "baseline has 0 to 51. With them set right, the output's error is 0.2 instead of 0.9 "
        "(8 samples)",
        next_step=CALIBRATE,
        evidence={
            **EVIDENCE,
            "unmatched": ["e"],
            "suspicious": 4,
            "worst": [{**WORST, "tensor": name} for name in names[:3]],
            "trials": [
                {"tensors": ["a", "b", "c"], "ranges": 4, "before": [0.9], "after": [0.2]},
                {"tensors": ["a"], "ranges": 1, "before": [0.9], "after": [0.7]},
            ],
            "problems": ["one", "two"],
            "misread_biases": [misread] * 3,
        },
    )


def test_an_error_that_is_not_finite_is_said() -> None:
    broken = msgspec.structs.replace(trial("a"), before=(None,))
    assert "the output's error is 0.2 instead of not finite" in judged(trials=(broken,)).reason


def test_a_single_range_is_named_if_it_removes_four_fifths_of_the_squared_error() -> None:
    several = trial("a", "b", after=0.2)
    for left, named in ((0.44, 1), (0.441, 2)):
        trials = (several, trial("b", after=0.6), trial("c", after=left))
        best = harmful(msgspec.structs.replace(GOOD, trials=trials))
        assert best is not None
        assert len(best.tensors) == named
    endless = [msgspec.structs.replace(one, before=(None,)) for one in (several, trials[2])]
    assert harmful(msgspec.structs.replace(GOOD, trials=tuple(endless))) == endless[0]
    trials = (several, trial("b", after=0.24), trial("c", after=0.22))
    assert harmful(msgspec.structs.replace(GOOD, trials=trials)) == trials[2]
    assert harmful(GOOD) is None


def test_the_error_of_a_detector_is_that_of_its_boxes() -> None:
    found = judged(trials=(msgspec.structs.replace(trial("a"), of_boxes=True),))
    assert "the boxes' error is 0.2 instead of 0.9 (8 samples)" in found.reason
    chance = msgspec.structs.replace(trial("a", after=0.65), of_boxes=True)
    assert judged(trials=(chance,)).status is Verdict.PASS


def test_a_trial_that_leaves_nothing_finite_explains_nothing() -> None:
    # Neither helps its only output; with classes back it still has no error to compare.
    spoiled = msgspec.structs.replace(trial("a", agreeing=(0, 8)), after=(None,))
    assert harmful(msgspec.structs.replace(GOOD, trials=(spoiled,))) is None


def test_waived_ranges_are_recorded_all_the_same() -> None:
    several = (trial("a", "b"), trial("a", after=0.7))
    found = msgspec.structs.replace(GOOD, suspicious=(fit("a"),), trials=several)
    judgement = ranges(found, "trained")
    assert judgement.reason == (
        'waived: the spec says that its weights were trained (`weights = "trained"`), and 2 of 50 '
        "ranges of activations are not what the baseline computes"
    )
    assert judgement.next_step is None
    assert judgement.evidence == ranges(found).evidence


def test_misread_biases_are_counted_and_the_worst_is_shown() -> None:
    small = msgspec.structs.replace(STALE, steps=0.4)
    assert judged(stale=(small, STALE)) == Judgement(
        status=Verdict.FAIL,
        reason="the bias of conv counts in other steps than its input and weights: it is read "
        "2 times as large, 34 steps of the output too far",
        next_step=REBUILD,
        evidence={
            **EVIDENCE,
            "misread_biases": [msgspec.to_builtins(small), msgspec.to_builtins(STALE)],
        },
    )
    assert "the bias of conv (and 1 more) counts" in judged(stale=(STALE, STALE)).reason


def test_all_that_is_recorded_of_what_stayed_open() -> None:
    assert judged(unmatched=("a", "b", "c", "d")) == Judgement(
        status=Verdict.INCONCLUSIVE,
        reason="4 of 62 activations have no match in the baseline's graph (a, b, c); the others "
        "fit",
        next_step="Convert the variant from the baseline's own graph",
        evidence={**EVIDENCE, "unmatched": ["a", "b", "c", "d"]},
    )
    untried = judged(suspicious=(fit("a"),), problems=("it is refused", "and so is this"))
    assert untried == Judgement(
        status=Verdict.INCONCLUSIVE,
        reason="1 of 62 ranges of activations look wrong and could not be set right to see what "
        "they cost: it is refused",
        evidence={
            **EVIDENCE,
            "suspicious": 1,
            "worst": [WORST],
            "problems": ["it is refused", "and so is this"],
        },
    )
    tried = (trial("a", after=0.88),)
    assert judged(suspicious=(fit("a"),), problems=("x",), trials=tried).status is Verdict.PASS


def test_a_range_is_found_by_its_name() -> None:
    both = msgspec.structs.replace(GOOD, suspicious=(fit("a"), fit("b")))
    assert fit_of(both, "b") == fit("b")
    assert fit_of(both, "c") is None
