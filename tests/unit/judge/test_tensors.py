from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from edgeq.judge import tensors
from edgeq.judge.advice import another_method
from edgeq.judge.doubt import Doubt, doubt_of_tensors
from edgeq.judge.running import copy_of_baseline, unsteady
from edgeq.judge.tensors import OutputError, OutputProblem
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.measure.agreement import Agreement, agreement
from edgeq.measure.clusters import find_clusters
from edgeq.measure.predictions import make_answers
from edgeq.measure.repeats import Repeats
from edgeq.measure.tensors import Steps
from tests.unit.fits import fit

STEADY = Repeats(images=1, after_others=True, at_once=True, largest=0.0)


def lost(**keys: Any) -> Steps:
    return Steps(step=2.5, whole=256, axis=1, lost=(4, 5), widest_lost=1.0, widest=640.0, **keys)


def error(
    mean: float | None, interval: tuple[float, float] | None, label: str = "x"
) -> OutputError:
    return OutputError(label, mean, interval, 40, 0.95)


def checked(found: Judgement) -> Judgement:
    msgspec.json.encode(found)
    assert (found.next_step is None) is (found.status is Verdict.PASS)
    assert not found.reason.endswith(".")
    return found


@pytest.mark.parametrize(
    ("interval", "status"),
    [
        ((0.30, 0.40), Verdict.PASS),
        ((0.45, 0.55), Verdict.INCONCLUSIVE),
        ((0.60, 0.70), Verdict.FAIL),
        (None, Verdict.INCONCLUSIVE),
    ],
)
def test_the_interval_decides_about_an_error(
    interval: tuple[float, float] | None, status: Verdict
) -> None:
    mean = 0.4 if interval is None else sum(interval) / 2
    found = checked(tensors.relative_error([error(mean, interval)], 0.5))
    assert (found.status, found.value, found.interval) == (status, mean, interval)


def test_the_farthest_output_is_judged_and_all_are_in_the_evidence() -> None:
    errors = [error(0.1, (0.1, 0.1), "near"), error(0.7, (0.6, 0.8), "far"), error(None, None, "0")]
    found = checked(tensors.relative_error(errors, 0.5, method="int8"))
    assert found.status is Verdict.FAIL
    assert "far" in found.reason
    assert found.evidence["outputs"] == {"near": 0.1, "far": 0.7, "0": None}


def test_a_variant_of_no_known_method_is_not_sent_to_flips_that_it_does_not_have() -> None:
    found = checked(tensors.relative_error([error(0.7, (0.6, 0.8), "output 1 ('far')")], 0.5))
    assert "flip" not in str(found.next_step)
    assert "lead to output 1 ('far')" in str(found.next_step)


def test_nothing_to_compare_with_is_missing() -> None:
    assert tensors.relative_error([error(None, None)], 0.5).status is Verdict.MISSING
    assert tensors.worst_cosine([fit(worst_cosine=None)], 0.5).status is Verdict.MISSING


def test_the_lowest_cosine_of_all_outputs_is_judged() -> None:
    fits = [fit(0), fit(1, worst_cosine=0.2, worst_cosine_image=3)]
    found = checked(tensors.worst_cosine(fits, 0.9, method="int8"))
    assert (found.status, found.value) == (Verdict.FAIL, 0.2)
    assert "output 1 ('out1')" in found.reason
    assert "image 3" in found.reason
    assert checked(tensors.worst_cosine(fits, 0.1)).status is Verdict.PASS


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ({"nonfinite_images": 3}, tensors.NOT_FINITE),
        ({"nonfinite_images": 40, "baseline_nonfinite_images": 1}, tensors.NOT_FINITE),
        ({"constant": True}, tensors.DEAD),
        ({"dead_share": 0.06}, tensors.DEAD),
        ({"is_output": 0}, tensors.ORDER),
        ({"steps": lost()}, tensors.ONE_SCALE),
    ],
)
def test_what_is_wrong_with_an_output_names_it(keys: dict[str, Any], name: str) -> None:
    fits = [fit(0), fit(1, **keys)]
    found = tensors.problem_of(fits, trained=True)
    assert found is not None
    assert found.name == name
    assert "output 1" in found.reason
    assert found.next_step
    judged = checked(tensors.outputs(fits, STEADY, found, copied=False, trained=True))
    assert (judged.status, judged.reason) == (Verdict.FAIL, found.reason)


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"constant": True, "baseline_constant": True},
        {"dead_share": 0.05},
        {"steps": Steps(step=0.1, whole=200, columns=(1.0, 200.0), axis=1)},
    ],
)
def test_what_is_no_fault_of_the_variant_is_none(keys: dict[str, Any]) -> None:
    assert tensors.problem_of([fit(**keys)], trained=True) is None


def test_random_weights_are_held_to_finite_values_alone() -> None:
    assert tensors.problem_of([fit(constant=True, dead_share=1.0)], trained=False) is None
    found = tensors.problem_of([fit(nonfinite_images=1)], trained=False)
    assert found is not None
    assert found.name == tensors.NOT_FINITE


def test_one_scale_names_the_columns_and_their_ranges() -> None:
    found = tensors.problem_of([fit(steps=lost())], trained=True)
    assert found is not None
    assert "2 columns (4, 5) vary by 1 at most" in found.reason
    assert "steps of 2.5" in found.reason
    assert "640" in found.reason


def test_one_lost_column_is_one() -> None:
    steps = msgspec.structs.replace(lost(), lost=(4,))
    found = tensors.problem_of([fit(steps=steps)], trained=True)
    assert found is not None
    assert "1 column (4) varies by 1 at most" in found.reason


def test_good_outputs_pass_with_what_was_seen() -> None:
    fits = [fit(0), fit(1, steps=Steps(step=0.1, whole=217.4))]
    found = checked(tensors.outputs(fits, STEADY, None, copied=False, trained=True))
    assert found.status is Verdict.PASS
    assert "2 outputs finite on 40 images" in found.reason
    assert "at least 217 steps" in found.reason
    assert len(found.evidence["outputs"]) == 2  # type: ignore[arg-type]


def test_what_is_not_finite_is_no_proof_although_the_baseline_is_not_either() -> None:
    found = tensors.problem_of([fit(nonfinite_images=3, baseline_nonfinite_images=2)], trained=True)
    assert found is not None
    assert "on 3 of 40 images, the baseline's on 2" in found.reason
    assert "baseline" in found.next_step


def test_constant_outputs_of_the_baseline_are_not_said_to_differ() -> None:
    fits = [fit(0), fit(1, constant=True, baseline_constant=True)]
    found = checked(tensors.outputs(fits, STEADY, None, copied=False, trained=True))
    assert found.status is Verdict.PASS
    assert "none the same for all" not in found.reason


def test_one_image_shows_no_difference_between_images() -> None:
    found = tensors.outputs([fit(images=1)], STEADY, None, copied=False, trained=True)
    assert "1 output finite on 1 image" in found.reason
    assert "none the same for all" not in found.reason


def test_unsteady_outputs_and_copies_fail() -> None:
    moved = msgspec.structs.replace(STEADY, after_others=False, largest=0.5)
    for found in (
        tensors.outputs([fit()], moved, None, copied=False, trained=True),
        tensors.outputs([fit()], STEADY, None, copied=True, trained=True),
    ):
        assert checked(found).status is Verdict.FAIL


def test_a_proof_of_class_scores_says_what_its_outputs_show() -> None:
    proof = Judgement(status=Verdict.PASS, reason="finite", evidence={"images": 40})
    found = checked(tensors.with_outputs(proof, [fit(), fit(1)], None))
    assert (found.status, found.reason) == (Verdict.PASS, "finite; 2 outputs compared")
    problem = OutputProblem("dead_output", "output 1 is dead", "Look")
    found = checked(tensors.with_outputs(proof, [fit(), fit(1)], problem))
    assert (found.status, found.reason) == (Verdict.FAIL, "output 1 is dead")
    assert found.evidence["images"] == 40
    assert len(found.evidence["outputs"]) == 2  # type: ignore[arg-type]


def test_other_numbers_of_outputs_can_not_be_compared() -> None:
    two = [("a", (4,)), ("b", (5,))]
    assert tensors.mismatch(two, two) is None
    assert tensors.mismatch(two, [("x", (4,)), ("y", (5,))]) is None
    assert tensors.mismatch(two, two[:1]) == "has 1 output, the baseline 2"


def test_another_order_of_shapes_is_told_from_other_shapes() -> None:
    two = [("a", (4,)), ("b", (5,))]
    swapped = tensors.mismatch(two, two[::-1])
    assert swapped is not None
    assert "output 0 ('b') has the shape [5], the baseline's [4]" in swapped
    assert "the baseline's output 1" in swapped
    other = tensors.mismatch(two, [("a", (4,)), ("b", (6,))])
    assert other == "output 1 ('b') has the shape [6], the baseline's [5]"


def test_a_baseline_that_says_nothing_is_doubted() -> None:
    assert doubt_of_tensors([fit()]) is None
    assert doubt_of_tensors([fit(), fit(1, baseline_constant=True)]) is None
    nan = doubt_of_tensors([fit(), fit(1, baseline_nonfinite_images=2)])
    assert nan is not None
    assert "output 1 ('out1') is not finite on 2 of 40 images" in nan.reason
    constant = doubt_of_tensors([fit(baseline_constant=True)])
    assert constant is not None
    assert "every image the same" in constant.reason


def test_columns_that_say_something_else_are_named() -> None:
    found = tensors.problem_of([fit(lost=(4,), lost_axis=1)], trained=True)
    assert found is not None
    assert found.name == tensors.LOST
    assert "1 column (4) of axis 1 does not go with the baseline's" in found.reason
    assert tensors.problem_of([fit(lost=(4,), lost_axis=1)], trained=False) is None
    whole = tensors.problem_of([fit(lost=(4,), lost_axis=1), fit(1, constant=True)], trained=True)
    assert whole is not None
    assert whole.name == tensors.DEAD  # what says more comes first


METHOD = (
    "Gaffke's bounds, unless another image lies more than 3 times as far as the farthest of these"
)
CROPS = find_clusters([number // 4 for number in range(40)])
RESOLVED = "these 40 images tell values apart that differ by 0.05 or more"


def test_all_that_is_recorded_of_an_error() -> None:
    assert tensors.relative_error([error(0.3, (0.25, 0.35))], 0.5) == Judgement(
        status=Verdict.PASS,
        reason="relative error of x on 40 images: 0.300 (0.250 to 0.350; limit: at most 0.5)",
        value=0.3,
        limit=0.5,
        interval=(0.25, 0.35),
        evidence={
            "images": 40,
            "confidence": 0.95,
            "interval_method": METHOD,
            "outputs": {"x": 0.3},
            "ceiling": 0.5,
            "control": {"reference": "the spec's limit"},
            "resolution": RESOLVED,
        },
    )


def test_an_error_of_crops_is_one_of_photographs() -> None:
    clustered = OutputError("x", 0.3, (0.25, 0.35), 40, 0.95, CROPS)
    judged = tensors.relative_error([clustered], 0.5)
    assert judged.reason.startswith("relative error of x on 40 crops of 10 photographs: 0.300 ")
    assert judged.evidence["resolution"] == (
        f"40 crops of 10 photographs count as 10 images: {RESOLVED}"
    )


def test_an_open_error_asks_for_images_and_a_failed_one_for_another_method() -> None:
    single = tensors.relative_error([OutputError("x", 0.3, None, 1, 0.95)], 0.5)
    assert single.next_step == (
        "Evaluate more images: a single one can't settle how far the outputs lie apart"
    )
    assert single.evidence["resolution"] == "this 1 image can't tell any difference"
    several = tensors.relative_error([error(0.5, (0.45, 0.55))], 0.5)
    assert several.next_step == (
        "Evaluate more images: these can't settle how far the outputs lie apart"
    )
    failed = tensors.relative_error([error(0.7, (0.6, 0.8))], 0.5, method="int8_per_tensor")
    assert failed.next_step == another_method("int8_per_tensor")
    unclaimed = tensors.relative_error([error(0.7, (0.6, 0.8))], 0.5)
    assert unclaimed.next_step == (
        "Check the variant's preprocessing, and the layers that lead to x"
    )


def test_the_output_with_the_worst_verdict_is_judged_then_the_farthest() -> None:
    open_, failed = error(0.5, (0.45, 0.55), "open"), error(0.6, (0.55, 0.65), "failed")
    wide = error(0.9, (0.4, 1.4), "wide")
    for errors in ([open_, failed, wide], [wide, failed, open_]):
        assert tensors.relative_error(errors, 0.5).reason.startswith("relative error of failed")
    for errors in ([open_, wide], [wide, open_]):
        assert tensors.relative_error(errors, 0.5).reason.startswith("relative error of wide")
    exact = error(0.0, (0.0, 0.0), "exact")
    assert tensors.relative_error([exact], 0.0).status is Verdict.PASS


def test_what_is_not_compared_says_what_to_check() -> None:
    assert tensors.relative_error([error(None, None)], 0.5) == Judgement(
        status=Verdict.MISSING,
        reason="no output can be compared: no image is finite in both, or the baseline is zero",
        next_step="See `outputs`; if it passes, check the baseline and its preprocessing",
    )


def test_what_coarser_scales_cost_is_added_to_the_evidence() -> None:
    judged = tensors.relative_error([error(0.3, (0.25, 0.35))], 0.5)
    assert tensors.with_cost(judged, {}) is judged
    costly = tensors.with_cost(judged, {"method": "int8"})
    assert costly.evidence == {**judged.evidence, "beside_finer": {"method": "int8"}}
    assert costly.reason == judged.reason


def test_logits_and_outputs_are_called_what_they_are() -> None:
    one = fit(2, error=0.25, error_interval=(0.2, 0.3), clusters=CROPS)
    assert tensors.of_output(one) == OutputError(
        "output 2 ('out2')", 0.25, (0.2, 0.3), one.images, one.confidence, CROPS
    )


def moved(drift: float | None, **keys: Any) -> Agreement:
    answers = make_answers(np.eye(10)[np.arange(40) % 9], None, is_probability=False)
    same = agreement(answers, answers)
    interval = None if drift is None else (drift - 0.05, drift + 0.05)
    usual = {"drift": drift, "drift_interval": interval, "confidence_drift": 0.125}
    return msgspec.structs.replace(same, **{**usual, **keys})


def test_logits_have_their_own_error() -> None:
    found = moved(0.1, error=0.25, error_interval=(0.2, 0.3), clusters=CROPS)
    assert tensors.of_logits(found) == OutputError("logits", 0.25, (0.2, 0.3), 40, 0.95, CROPS)


def test_all_that_is_recorded_of_probabilities_that_moved() -> None:
    judged = tensors.drift(moved(0.25), 0.1, method="int8_per_tensor")
    assert judged == Judgement(
        status=Verdict.FAIL,
        reason="total variation distance of probabilities on 40 images: 0.250 (0.200 to 0.300; "
        "limit: at most 0.1)",
        value=0.25,
        limit=0.1,
        interval=(0.2, 0.3),
        next_step=another_method("int8_per_tensor"),
        evidence={
            "images": 40,
            "confidence": 0.95,
            "interval_method": METHOD,
            "ceiling": 0.1,
            "control": {"reference": "the spec's limit"},
            "resolution": RESOLVED,
            "confidence_drift": 0.125,
        },
    )
    assert tensors.drift(moved(0.25, clusters=CROPS), 0.1).reason.startswith(
        "total variation distance of probabilities on 40 crops of 10 photographs: "
    )
    assert tensors.drift(moved(0.25), 0.1).next_step == another_method(None)
    assert tensors.drift(moved(None), 0.1).status is Verdict.MISSING


def test_all_that_is_recorded_of_the_lowest_cosine() -> None:
    low = fit(1, worst_cosine=0.2, worst_cosine_image=3, cosine=0.875, lowest_cosines=(0.2,))
    other = fit(0, worst_cosine=0.5, worst_cosine_image=7, lowest_cosines=(0.5,))
    judged = tensors.worst_cosine([other, low], 0.9, method="int8_per_tensor")
    assert judged == Judgement(
        status=Verdict.FAIL,
        reason="lowest cosine of output 1 ('out1') on 40 images (at image 3, mean 0.875): 0.200 "
        "(limit: at least 0.9)",
        value=0.2,
        limit=0.9,
        next_step="Look at image 3 and the other worst images. "
        + another_method("int8_per_tensor"),
        evidence={
            "images": 40,
            "outputs": {"output 0 ('out0')": 0.5, "output 1 ('out1')": 0.2},
            "lowest": 0.2,
            "judged": "the 1st lowest",
            "below_limit": 1,
            "allowed_by_chance": 0,
            "interval_method": "Clopper-Pearson: FAIL if more than 0.048% of images lie below the "
            "limit; if some do, PASS if no more than 1%",
            "confidence": 0.95,
        },
    )
    unclaimed = tensors.worst_cosine([low], 0.9)
    assert unclaimed.next_step == (
        "Look at image 3 and the other worst images. Check the variant's preprocessing, and the "
        "layers that lead to output 1 ('out1')"
    )


def test_cosines_of_crops_count_as_those_of_photographs() -> None:
    many = find_clusters([number // 5 for number in range(600)])
    keys: dict[str, Any] = {"images": 600, "worst_cosine": 0.3, "worst_cosine_image": 3}
    assert tensors.worst_cosine([fit(**keys, lowest_cosines=(0.3, 0.9))], 0.8).status is (
        Verdict.PASS
    )
    crops = fit(**keys, lowest_cosines=(0.3, 0.9), clusters=many)
    assert tensors.worst_cosine([crops], 0.8).status is Verdict.INCONCLUSIVE


def test_the_output_whose_judged_cosine_is_lowest_is_judged() -> None:
    accident = fit(0, worst_cosine=0.1, worst_cosine_image=3, lowest_cosines=(0.1, 0.95))
    low = fit(1, worst_cosine=0.4, worst_cosine_image=7, lowest_cosines=(0.4, 0.5))
    assert tensors.worst_cosine([accident, low], 0.9).value == 0.5


def test_all_that_is_recorded_of_outputs() -> None:
    outline = {
        "name": "out0",
        "shape": [4],
        "nonfinite_images": 0,
        "constant": False,
        "dead_share": 0.0,
        "lost": [],
        "lost_axis": None,
        "steps": None,
    }
    repeats = {
        "images": 1,
        "after_others": True,
        "at_once": True,
        "largest": 0.0,
        "fresh": True,
    }
    evidence: dict[str, object] = {"images": 40, "asked_again": repeats, "outputs": [outline]}
    good = fit(0, shape=(4,))
    assert tensors.outputs([good], STEADY, None, copied=False, trained=True) == Judgement(
        status=Verdict.PASS,
        reason="1 output finite on 40 images, none the same for all",
        evidence=evidence,
    )
    untrained = tensors.outputs([good], STEADY, None, copied=False, trained=False)
    assert untrained.reason == (
        "1 output finite on 40 images; random weights, so nothing more is judged"
    )
    moved_ = msgspec.structs.replace(STEADY, after_others=False)
    problem = OutputProblem("dead_output", "output 0 is dead", "Look")
    first = tensors.outputs([good], moved_, problem, copied=True, trained=True)
    assert (first.reason, first.next_step) == ("output 0 is dead", "Look")
    second = tensors.outputs([good], moved_, None, copied=True, trained=True)
    assert (second.reason, second.next_step) == unsteady(moved_)
    third = tensors.outputs([good], STEADY, None, copied=True, trained=True)
    assert (third.reason, third.next_step) == copy_of_baseline(40)
    assert third.evidence == evidence


def test_what_was_seen_of_several_outputs_is_said() -> None:
    constant = [fit(place, constant=True, baseline_constant=True) for place in range(2)]
    scaled = [fit(2, steps=Steps(step=0.1, whole=1217.4)), fit(3, steps=Steps(step=1, whole=2e3))]
    judged = tensors.outputs([*constant, *scaled], STEADY, None, copied=False, trained=True)
    assert judged.reason == (
        "4 outputs finite on 40 images, 2 the same for all, as the baseline's, at least 1,217 "
        "steps of their scale"
    )
    two = tensors.outputs([fit(images=2)], STEADY, None, copied=False, trained=True)
    assert two.reason == "1 output finite on 2 images, none the same for all"


def test_the_outline_of_an_output_has_its_lost_columns_and_its_steps() -> None:
    steps = lost()
    outline = tensors.outline(fit(3, shape=(2, 6), lost=(4,), lost_axis=1, steps=steps))
    assert outline["lost"] == [4]
    assert outline["lost_axis"] == 1
    assert outline["shape"] == [2, 6]
    assert outline["steps"] == msgspec.to_builtins(steps)


def test_what_outputs_show_keeps_the_proof_of_class_scores() -> None:
    proof = Judgement(status=Verdict.PASS, reason="finite", evidence={"images": 40})
    shown = {"images": 40, "outputs": [tensors.outline(fit())]}
    assert tensors.with_outputs(proof, [fit()], None) == Judgement(
        status=Verdict.PASS, reason="finite; 1 output compared", evidence=shown
    )
    problem = OutputProblem("dead_output", "output 0 is dead", "Look")
    assert tensors.with_outputs(proof, [fit()], problem) == Judgement(
        status=Verdict.FAIL, reason="output 0 is dead", next_step="Look", evidence=shown
    )


DEAD_STEP = "Look at the layers before this output: their weights or scales are lost"


@pytest.mark.parametrize(
    ("keys", "reason", "step"),
    [
        (
            {"nonfinite_images": 1, "images": 1},
            "output 0 ('out0') holds NaN or infinity on 1 of 1 image",
            "Check the ranges that calibration found; float16 overflows above 65504",
        ),
        (
            {
                "nonfinite_images": 3000,
                "images": 4000,
                "baseline_nonfinite_images": 1000,
            },
            (
                "output 0 ('out0') holds NaN or infinity on 3,000 of 4,000 images, the "
                "baseline's on 1,000"
            ),
            "Check the baseline's weights and preprocessing: its own outputs must be finite",
        ),
        (
            {"constant": True},
            "output 0 ('out0') is the same for every image (40 images), the baseline's is not",
            DEAD_STEP,
        ),
        (
            {"dead_share": 0.0501},
            (
                "output 0 ('out0') is partly dead: values that carry 5.0 % of what the baseline's "
                "varies by are the same for every image (40 images)"
            ),
            DEAD_STEP,
        ),
        (
            {"is_output": 1},
            "the outputs come in another order: output 0 is the baseline's output 1",
            "Export the variant with the outputs in the baseline's order, or read them by name",
        ),
        (
            {"steps": lost()},
            (
                "one scale for values of unlike range: output 0 ('out0') has steps of 2.5, and 2 "
                "columns (4, 5) vary by 1 at most, others by 640"
            ),
            (
                "Give them outputs of their own, or bring all values to one range (boxes from 0 "
                "to 1) before they are joined"
            ),
        ),
        (
            {"lost": (1, 2), "lost_axis": 1},
            (
                "output 0 ('out0'): 2 columns (1, 2) of axis 1 do not go with the baseline's (40 "
                "images)"
            ),
            "Look at the layers that lead to these columns, and at the order of the columns",
        ),
    ],
)
def test_every_problem_of_an_output_in_words(keys: dict[str, Any], reason: str, step: str) -> None:
    problem = tensors.problem_of([fit(**keys)], trained=True)
    assert problem is not None
    assert (problem.reason, problem.next_step) == (reason, step)


def test_every_output_that_is_elsewhere_is_named() -> None:
    problem = tensors.problem_of([fit(0, is_output=1), fit(1, is_output=0), fit(2)], trained=True)
    assert problem is not None
    assert problem.reason == (
        "the outputs come in another order: output 0 is the baseline's output 1, output 1 is the "
        "baseline's output 0"
    )


def test_a_baseline_without_outputs_that_differ_is_doubted_as_a_whole() -> None:
    same = [fit(place, baseline_constant=True) for place in range(2)]
    assert doubt_of_tensors(same) == Doubt(
        "the baseline gives every image the same: untrained, or its preprocessing is wrong",
        "Check the baseline's weights and preprocessing",
    )
    many = fit(1, images=2000, baseline_nonfinite_images=1500)
    assert doubt_of_tensors([fit(0), many]) == Doubt(
        "the baseline's output 1 ('out1') is not finite on 1,500 of 2,000 images",
        "Check the baseline's weights and preprocessing: its own outputs must be finite",
    )


def test_the_first_output_of_another_shape_is_named() -> None:
    three = [("a", (4,)), ("b", (5,)), ("c", (6,))]
    changed = [("a", (4,)), ("b", (6,)), ("c", (5,))]
    assert tensors.mismatch(three, changed) == (
        "output 1 ('b') has the shape [6], the baseline's [5]; that is the shape of the "
        "baseline's output 2: they come in another order"
    )
    both = [("a", (4,)), ("b", (6,)), ("c", (6,))]
    assert tensors.mismatch(three, both) == "output 1 ('b') has the shape [6], the baseline's [5]"
    assert tensors.mismatch(three[:1], three) == "has 3 outputs, the baseline 1"


def test_a_mean_cosine_of_0_is_said() -> None:
    low = fit(worst_cosine=0.2, cosine=0.0)
    assert ", mean 0): 0.200 (" in tensors.worst_cosine([low], 0.9).reason
