from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from edgeq.config.allowances import Allowance
from edgeq.judge import control, limits, tensors
from edgeq.judge.control import Reference
from edgeq.judge.tensors import OutputError
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.measure.accuracy import accuracy
from edgeq.measure.agreement import agreement
from edgeq.measure.beside_control import BesideControl, Three, beside_control
from edgeq.measure.contrast import contrast
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
    why = "int8 is calibrated, and there is no calibration set"
    found = tensors.relative_error([error(0.3)], 0.5, reference=reference(absent=why))
    assert found.status is Verdict.PASS
    assert f"no control ({why}): the limit alone judges" in found.reason


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


def shares(wrong: int, control_wrong: int) -> tuple[Three, BesideControl]:
    three = Three(answers(0), answers(wrong), answers(control_wrong))
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
    three, beside = shares(30, 60)
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
