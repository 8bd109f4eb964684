from __future__ import annotations

from typing import Any

import msgspec
import pytest

from edgeq.judge import tensors
from edgeq.judge.doubt import doubt_of_tensors
from edgeq.judge.tensors import OutputError, OutputProblem
from edgeq.judge.verdict import Judgement, Verdict
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
