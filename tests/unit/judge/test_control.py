from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from edgeq.config.presets import Allowance
from edgeq.judge import control, limits, tensors
from edgeq.judge.control import Reference, Tightened
from edgeq.judge.tensors import OutputError
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.measure.accuracy import accuracy
from edgeq.measure.agreement import agreement
from edgeq.measure.beside_control import BesideControl, Three, beside_control
from edgeq.measure.contrast import Contrast, Paired, contrast
from edgeq.measure.planning import images_needed, images_needed_for_drop
from edgeq.measure.predictions import Predictions, make_answers

ALLOWED = Allowance(
    error=2.0, least_error=0.01, drift=2.0, least_drift=0.01, agreement=0.03, accuracy=0.02
)
IMAGES = 200


def reference(beside: BesideControl | None = None, **keys: Any) -> Reference:
    return Reference(**{"method": "int8", "allowance": ALLOWED, "beside": beside, **keys})


def errors(mean: float, control_mean: float, label: str = "logits") -> BesideControl:
    hard = np.random.default_rng(0).gamma(9.0, 1.0, IMAGES)
    hard /= hard.mean()
    noise = np.random.default_rng(1).normal(1.0, 0.1, IMAGES)
    own = mean * hard * noise / (hard * noise).mean()
    found = contrast(label, own, control_mean * hard)
    assert found is not None
    return BesideControl(errors=(found,), drift=found)


def error(mean: float, label: str = "logits") -> OutputError:
    return OutputError(label, mean, (0.97 * mean, 1.03 * mean), IMAGES, 0.95)


def judged(mean: float, control_mean: float, limit: float = 0.5, **keys: Any) -> Judgement:
    beside = errors(mean, control_mean)
    found = tensors.relative_error(
        [error(mean)], limit, method="int8", reference=reference(beside, **keys)
    )
    msgspec.json.encode(found)
    assert (found.next_step is None) is (found.status is Verdict.PASS)
    return found


@pytest.mark.parametrize(
    ("mean", "status"),
    [(0.15, Verdict.PASS), (0.2, Verdict.INCONCLUSIVE), (0.25, Verdict.FAIL)],
)
def test_a_variant_may_be_so_many_times_as_far_as_its_control(mean: float, status: Verdict) -> None:
    found = judged(mean, 0.1)
    assert (found.status, found.value, found.limit) == (status, mean, 0.2)
    assert f"{mean / 0.1:.2f}x the 0.100 of edgeq's own int8 (good up to 2x)" in found.reason
    assert found.evidence["ceiling"] == 0.5
    assert found.evidence["control"]["reference"] == "edgeq's own int8"  # type: ignore[index]


def test_who_is_worse_than_the_control_is_sent_back_to_the_baseline() -> None:
    assert "rebuild the file from this baseline" in str(judged(0.3, 0.1).next_step)


def test_the_control_never_loosens_the_limit() -> None:
    found = judged(0.55, 0.4)
    assert (found.status, found.limit) == (Verdict.FAIL, 0.5)
    assert "Calibrate on more images" in str(found.next_step)


def test_a_control_beyond_the_limit_is_no_reference() -> None:
    found = judged(0.4, 0.6)
    assert (found.status, found.limit) == (Verdict.PASS, 0.5)
    assert "no control (edgeq's own int8 misses this limit itself" in found.reason
    assert judged(0.7, 0.6).status is Verdict.FAIL


def test_an_error_that_is_good_anyway_passes_beside_an_exact_control() -> None:
    assert judged(0.008, 0.0001).status is Verdict.PASS
    assert judged(0.008, 0.0).status is Verdict.PASS
    assert judged(0.02, 0.0).status is Verdict.FAIL


def test_a_variant_that_is_its_own_control_collapses_by_the_limit() -> None:
    found = tensors.relative_error(
        [error(0.9)], 0.5, method="weight_only_int4", reference=reference(itself=True)
    )
    assert found.status is Verdict.FAIL
    assert found.reason.startswith("weight_only_int4 collapses on this model: relative error")
    good = tensors.relative_error([error(0.1)], 0.5, reference=reference(itself=True))
    assert good.status is Verdict.PASS
    assert good.evidence["control"] == {"reference": "itself", "method": "int8"}


def test_without_a_control_the_limit_judges_alone_and_that_is_said() -> None:
    why = "int8 needs a calibration set, and the spec names none"
    found = tensors.relative_error([error(0.3)], 0.5, reference=reference(absent=why))
    assert found.status is Verdict.PASS
    assert f"no control ({why}): judged by its limit alone" in found.reason


def test_a_limit_of_the_spec_stays_as_it_is() -> None:
    found = tensors.relative_error([error(0.3)], 0.5)
    assert (found.status, found.limit) == (Verdict.PASS, 0.5)
    assert "control" not in found.reason


def test_a_file_that_claims_nothing_is_compared_by_its_types() -> None:
    assert "its types are those of int8" in judged(0.15, 0.1, deduced=True).reason


def test_the_output_that_fits_worst_is_judged_not_the_one_with_the_greatest_error() -> None:
    near, far = errors(0.2, 0.05, "near"), errors(0.4, 0.3, "far")
    beside = BesideControl(errors=(*near.errors, *far.errors))
    found = tensors.relative_error(
        [error(0.2, "near"), error(0.4, "far")], 0.5, reference=reference(beside)
    )
    assert found.status is Verdict.FAIL
    assert found.reason.startswith("relative error of near")
    assert found.evidence["outputs"] == {"near": 0.2, "far": 0.4}


def test_a_single_image_settles_nothing() -> None:
    alone = contrast("logits", np.array([0.3]), np.array([0.1]))
    assert alone is not None
    single = OutputError("logits", 0.3, None, 1, 0.95)
    found = tensors.relative_error(
        [single], 0.5, reference=reference(BesideControl(errors=(alone,)))
    )
    assert found.status is Verdict.INCONCLUSIVE


def answers(wrong: int, offset: int = 0) -> Predictions:
    """Return answers of which so many differ from the baseline's, which gives class 0 to 8."""
    classes = np.arange(IMAGES) % 9
    classes[offset : offset + wrong] = 9
    return make_answers(10 * np.eye(10)[classes], None, is_probability=False)


def shares(wrong: int, control_wrong: int, offset: int = 0) -> tuple[Three, BesideControl]:
    three = Three(answers(0), answers(wrong, offset), answers(control_wrong))
    return three, beside_control(three, [], np.arange(IMAGES) % 9)


@pytest.mark.parametrize(
    ("wrong", "control_wrong", "status"),
    [
        (2, 2, Verdict.PASS),
        (8, 2, Verdict.INCONCLUSIVE),
        (22, 2, Verdict.FAIL),
    ],
)
def test_agreement_and_accuracy_follow_the_control(
    wrong: int, control_wrong: int, status: Verdict
) -> None:
    three, beside = shares(wrong, control_wrong)
    labels = np.arange(IMAGES) % 9
    agreed = limits.top1_agreement(
        agreement(three.baseline, three.variant), 0.8, reference=reference(beside)
    )
    dropped = limits.accuracy_drop(
        accuracy(three.baseline, three.variant, labels), 0.2, reference=reference(beside)
    )
    assert (agreed.status, dropped.status) == (status, status)
    assert agreed.limit == pytest.approx(0.99 - 0.03)
    assert dropped.limit == pytest.approx(0.01 + 0.02)
    assert "edgeq's own int8 agrees on 99.0 %" in agreed.reason
    assert "edgeq's own int8 is right on 99.0 %" in dropped.reason
    for one in (agreed, dropped):
        msgspec.json.encode(one)
        assert (one.next_step is None) is (status is Verdict.PASS)


def test_shares_of_a_control_that_misses_the_limit_itself_are_no_reference() -> None:
    three, beside = shares(30, 80)
    agreed = limits.top1_agreement(
        agreement(three.baseline, three.variant), 0.75, reference=reference(beside)
    )
    dropped = limits.accuracy_drop(
        accuracy(three.baseline, three.variant, np.arange(IMAGES) % 9),
        0.25,
        reference=reference(beside),
    )
    assert (agreed.status, agreed.limit) == (Verdict.PASS, 0.75)
    assert (dropped.status, dropped.limit) == (Verdict.PASS, 0.25)
    assert "misses this limit itself" in agreed.reason
    assert "misses this limit itself" in dropped.reason


@pytest.mark.parametrize(
    ("wrong", "control_wrong", "offset", "status"),
    [
        (26, 18, 10, Verdict.INCONCLUSIVE),  # 18 lost and 10 gained: not proven to be worse
        (26, 18, 0, Verdict.FAIL),  # 8 lost
        (26, 30, 10, Verdict.FAIL),  # the control is proven to miss the limit: it is no reference
        (26, 14, 10, Verdict.FAIL),  # the control reaches the limit
        (19, 18, 10, Verdict.INCONCLUSIVE),  # as without the control
        (2, 18, 10, Verdict.PASS),
        (2, 16, 0, Verdict.PASS),
    ],
)
def test_a_limit_that_the_control_may_miss_too_fails_only_what_is_proven_to_be_worse(
    wrong: int, control_wrong: int, offset: int, status: Verdict
) -> None:
    three, beside = shares(wrong, control_wrong, offset)
    own = agreement(three.baseline, three.variant)
    dropped = accuracy(three.baseline, three.variant, np.arange(IMAGES) % 9)
    if wrong == 26:
        assert limits.top1_agreement(own, 0.93).status is Verdict.FAIL
    for found in (
        limits.top1_agreement(own, 0.93, reference=reference(beside)),
        limits.accuracy_drop(dropped, 0.07, reference=reference(beside)),
    ):
        assert found.status is status
        msgspec.json.encode(found)
        if control_wrong in (16, 18):
            assert found.limit in (0.93, 0.07)
            assert "perhaps by chance: only what is worse fails by this limit" in found.reason
        if status is Verdict.INCONCLUSIVE:
            assert "images in all would settle it" in str(found.next_step)


def test_a_doubted_limit_says_what_the_control_reaches_and_what_would_settle_it() -> None:
    three, beside = shares(26, 18, 10)
    share = 1 - 18 / IMAGES
    agreed = control.of_agreement(reference(beside), 0.93, 0.95)
    dropped = control.of_drop(reference(beside), 0.07, 1.0, 0.95)
    assert agreed.sentence.startswith(f"edgeq's own int8 agrees on {100 * share:.1f} %")
    assert dropped.sentence.startswith("edgeq's own int8 loses 9 points, perhaps by chance")
    assert agreed.needed == images_needed(share, 0.93, 0.95)
    assert dropped.needed == images_needed_for_drop(1 - share, 0.0, 0.07, 0.95)
    for tightened in (agreed, dropped):
        assert tightened.doubted
        assert tightened.facts["doubted"] is True
        assert tightened.facts["margin"] == 0.0
    own = agreement(three.baseline, three.variant)
    found = limits.top1_agreement(own, 0.93, reference=reference(beside))
    assert found.evidence["control"] == agreed.facts


def test_probabilities_that_moved_further_than_the_controls_fail() -> None:
    generator = np.random.default_rng(4)
    logits = generator.normal(0, 3, (IMAGES, 10))
    baseline, control_logits = logits, logits + generator.normal(0, 0.005, logits.shape)
    three = Three(
        *(
            make_answers(one, None, is_probability=False)
            for one in (baseline, control_logits / 1.1, control_logits)
        )
    )
    found = tensors.drift(
        agreement(three.baseline, three.variant),
        0.25,
        reference=reference(beside_control(three, [])),
    )
    msgspec.json.encode(found)
    assert found.status is Verdict.FAIL
    assert found.reason.startswith("total variation distance of probabilities on 200 images")
    assert isinstance(found.evidence["confidence_drift"], float)
    own = tensors.drift(agreement(three.baseline, three.variant), 0.25)
    assert own.status is Verdict.PASS


def test_the_worse_verdict_holds() -> None:
    assert control.worse(Verdict.PASS, Verdict.INCONCLUSIVE) is Verdict.INCONCLUSIVE
    assert control.worse(Verdict.FAIL, Verdict.INCONCLUSIVE) is Verdict.FAIL


REBUILD = (
    "Edgeq's own int8 of this baseline is closer on the same images: rebuild the file from this "
    "baseline, or check its preprocessing and labels"
)
MEAN = Contrast(
    label="logits",
    images=200,
    variant=0.15,
    variant_interval=(0.14, 0.16),
    control=0.1,
    ratio=1.5,
    ratio_interval=(1.4, 1.6),
)
PAIRED = Paired(
    images=200, variant=0.98, control=0.99, lost=3, gained=1, shortfall=0.01, interval=(0.0, 0.02)
)


def beside(**keys: Any) -> Reference:
    usual: dict[str, Any] = {
        "errors": (MEAN,),
        "drift": MEAN,
        "agreement": PAIRED,
        "accuracy": PAIRED,
    }
    return reference(BesideControl(**{**usual, **keys}))


def of_error(**keys: Any) -> Tightened:
    return control.of_error(beside(errors=(msgspec.structs.replace(MEAN, **keys),)), "logits", 0.5)


def test_all_that_a_control_adds_to_an_error() -> None:
    assert of_error() == Tightened(
        0.2,
        Verdict.PASS,
        "1.50x the 0.100 of edgeq's own int8 (good up to 2x)",
        {
            "reference": "edgeq's own int8",
            "method": "int8",
            "verdict": "PASS",
            "factor": 2.0,
            "good_anyway": 0.01,
            **msgspec.to_builtins(MEAN),
        },
        REBUILD,
    )
    deduced = control.of_error(replace(beside(), deduced=True), "logits", 0.5)
    assert deduced.sentence == (
        "1.50x the 0.100 of edgeq's own int8 (good up to 2x) (the file claims no method; its types "
        "are those of int8)"
    )
    assert deduced.facts["deduced"] is True


@pytest.mark.parametrize(
    ("keys", "status"),
    [
        ({"ratio_interval": (1.9, 2.0)}, Verdict.PASS),
        ({"ratio_interval": (1.9, 2.01)}, Verdict.INCONCLUSIVE),
        ({"ratio_interval": (2.01, 2.2)}, Verdict.FAIL),
        ({"ratio_interval": None}, Verdict.INCONCLUSIVE),
        ({"variant_interval": None}, Verdict.INCONCLUSIVE),
        # By itself: good up to 0.01, however exact the control is.
        ({"ratio_interval": (5, 9), "variant_interval": (0.001, 0.01)}, Verdict.PASS),
        ({"ratio_interval": (5, 9), "variant_interval": (0.001, 0.011)}, Verdict.INCONCLUSIVE),
        ({"ratio": None, "variant_interval": (0.009, 0.01)}, Verdict.PASS),
        ({"ratio": None, "variant_interval": (0.011, 0.02)}, Verdict.FAIL),
    ],
)
def test_an_error_is_within_the_factor_or_good_anyway(
    keys: dict[str, Any], status: Verdict
) -> None:
    assert of_error(**keys).status is status


def test_a_limit_is_rounded_to_three_digits_and_never_above_the_specs() -> None:
    assert of_error(control=0.123456).limit == 0.247
    assert of_error(control=0.0001).limit == 0.01
    assert of_error(control=0.3).limit == 0.5
    assert of_error(ratio=None).sentence == "the 0.100 of edgeq's own int8 (good up to 2x)"


def test_a_control_at_the_limit_is_a_reference_and_one_beyond_is_none() -> None:
    assert "collapsed" not in of_error(control=0.5).facts
    assert of_error(control=0.501) == Tightened(
        0.5,
        sentence="no control (edgeq's own int8 misses this limit itself: it lies 0.501 from the "
        "baseline itself): judged by its limit alone",
        facts={"reference": "edgeq's own int8", "method": "int8", "collapsed": True},
    )


def test_an_error_is_compared_with_that_of_the_same_output() -> None:
    other = msgspec.structs.replace(MEAN, label="other", control=0.2)
    both = beside(errors=(other, MEAN))
    assert control.of_error(both, "other", 0.5).limit == 0.4
    assert control.of_error(both, "logits", 0.5).limit == 0.2
    assert control.of_error(both, "third", 0.5) == Tightened(
        0.5,
        sentence="no control (edgeq's own int8 has nothing to compare here): judged by its limit "
        "alone",
        facts={"reference": "edgeq's own int8", "method": "int8"},
    )


def test_probabilities_have_their_own_factor() -> None:
    drift = replace(beside(), allowance=replace(ALLOWED, drift=3.0))
    assert control.of_drift(drift, 0.5).limit == 0.3
    least = replace(beside(), allowance=replace(ALLOWED, least_drift=0.25))
    assert control.of_drift(least, 0.5).limit == 0.25
    assert control.of_drift(None, 0.5) == Tightened(0.5, facts={"reference": "the spec's limit"})
    assert control.of_drift(beside(drift=None), 0.5).status is Verdict.PASS


def test_without_a_control_the_facts_say_why() -> None:
    why = "there is no calibration set"
    absent = reference(absent=why)
    for found in (
        control.of_error(absent, "logits", 0.5),
        control.of_drift(absent, 0.5),
        control.of_agreement(absent, 0.5, 0.95),
        control.of_drop(absent, 0.5, 0.9, 0.95),
    ):
        assert found == Tightened(
            0.5,
            sentence=f"no control ({why}): judged by its limit alone",
            facts={"reference": "none", "method": "int8", "absent": why},
        )
    itself = Tightened(0.5, facts={"reference": "itself", "method": "int8"})
    assert control.of_agreement(reference(itself=True), 0.5, 0.95) == itself
    assert control.of_agreement(None, 0.5, 0.95).facts == {"reference": "the spec's limit"}
    assert control.of_drop(None, 0.5, 0.9, 0.95).facts == {"reference": "the spec's limit"}
    nothing = Tightened(
        0.5,
        sentence="no control (edgeq's own int8 has nothing to compare here): judged by its limit "
        "alone",
        facts={"reference": "edgeq's own int8", "method": "int8"},
    )
    assert control.of_agreement(beside(agreement=None), 0.5, 0.95) == nothing
    assert control.of_drop(beside(accuracy=None), 0.5, 0.9, 0.95) == nothing
    assert control.of_drift(beside(drift=None), 0.5) == nothing


def test_all_that_a_control_adds_to_agreement() -> None:
    # 3 images of 200 are lost and 1 gained: how many settle a margin of 3 points.
    needed = images_needed_for_drop(0.015, 0.005, 0.03, 0.9)
    assert control.of_agreement(beside(), 0.8, 0.9) == Tightened(
        0.96,
        Verdict.PASS,
        "edgeq's own int8 agrees on 99.0 %",
        {
            "reference": "edgeq's own int8",
            "method": "int8",
            "verdict": "PASS",
            "margin": 0.03,
            **msgspec.to_builtins(PAIRED),
        },
        REBUILD,
        needed,
    )
    assert needed != images_needed_for_drop(0.015, 0.005, 0.03, 0.95)
    assert control.of_agreement(beside(), 0.97, 0.9).limit == 0.97
    fine = msgspec.structs.replace(PAIRED, control=0.987654)
    assert control.of_agreement(beside(agreement=fine), 0.8, 0.9).limit == 0.9577


def test_a_control_that_agrees_as_often_as_the_limit_is_a_reference() -> None:
    assert control.of_agreement(beside(), 0.99, 0.95).status is Verdict.PASS
    assert "collapsed" not in control.of_agreement(beside(), 0.99, 0.95).facts
    assert control.of_agreement(beside(), 0.991, 0.95) == Tightened(
        0.991,
        sentence="no control (edgeq's own int8 misses this limit itself: it agrees on 99.0 % "
        "only): judged by its limit alone",
        facts={"reference": "edgeq's own int8", "method": "int8", "collapsed": True},
    )


def test_all_that_a_control_adds_to_a_drop() -> None:
    needed = images_needed_for_drop(0.015, 0.005, 0.02, 0.9)
    assert control.of_drop(beside(), 0.2, 1.0, 0.9) == Tightened(
        0.03,
        Verdict.PASS,
        "edgeq's own int8 is right on 99.0 %",
        {
            "reference": "edgeq's own int8",
            "method": "int8",
            "verdict": "PASS",
            "margin": 0.02,
            **msgspec.to_builtins(PAIRED),
        },
        REBUILD,
        needed,
    )
    assert control.of_drop(beside(), 0.02, 1.0, 0.9).limit == 0.02
    half = msgspec.structs.replace(PAIRED, control=0.5)
    at_the_limit = control.of_drop(beside(accuracy=half), 0.25, 0.75, 0.9)
    assert "collapsed" not in at_the_limit.facts
    beyond = control.of_drop(beside(accuracy=half), 0.25, 0.76, 0.9)
    assert beyond == Tightened(
        0.25,
        sentence="no control (edgeq's own int8 misses this limit itself: it loses 26 points): "
        "judged by its limit alone",
        facts={"reference": "edgeq's own int8", "method": "int8", "collapsed": True},
    )
    fine = msgspec.structs.replace(PAIRED, control=0.987654)
    assert control.of_drop(beside(accuracy=fine), 0.2, 1.0, 0.9).limit == 0.0323


@pytest.mark.parametrize(
    ("interval", "status"),
    [
        ((0.0, 0.03), Verdict.PASS),
        ((0.0, 0.031), Verdict.INCONCLUSIVE),
        ((0.03, 0.06), Verdict.INCONCLUSIVE),
        ((0.031, 0.06), Verdict.FAIL),
    ],
)
def test_the_whole_shortfall_must_be_within_the_margin(
    interval: tuple[float, float], status: Verdict
) -> None:
    short = msgspec.structs.replace(PAIRED, interval=interval)
    assert control.of_agreement(beside(agreement=short), 0.8, 0.95).status is status


def test_verdicts_are_ordered_and_said() -> None:
    order = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL)
    assert [control.severity(verdict) for verdict in order] == [0, 1, 2]
    assert Tightened(0.5, Verdict.FAIL).with_status(Verdict.PASS) is Verdict.FAIL
    assert Tightened(0.5).with_status(Verdict.INCONCLUSIVE) is Verdict.INCONCLUSIVE
    assert Tightened(0.5, sentence="so").said("reason") == "reason; so"
    assert Tightened(0.5).said("reason") == "reason"
