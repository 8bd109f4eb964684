from __future__ import annotations

import msgspec
import pytest

from edgeq.judge.running import copy_of_baseline, input_range, kernels, strain, unsteady
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.measure.input_range import InputFit
from edgeq.measure.kernels import KernelNoise
from edgeq.measure.repeats import Repeats

INT8 = KernelNoise(
    images=4,
    noise=0.11,
    worst_noise=0.12,
    own_error=0.22,
    other_error=0.2,
    differing=1,
    nonfinite=0,
)
FIT = InputFit(
    dtype="int8",
    scale=1.0,
    zero_point=-128,
    range=(0.0, 255.0),
    fed=(0.0, 255.0),
    filled=1.0,
    steps=256,
    images=200,
    clipped=0.0,
    far=0.0,
    clipped_images=0,
)


def changed(found: msgspec.Struct, **keys: object) -> msgspec.Struct:
    return msgspec.structs.replace(found, **keys)


def noise(**keys: object) -> Judgement:
    found = changed(INT8, **keys)
    assert isinstance(found, KernelNoise)
    return checked(kernels(found, "xnnpack", "reference"))


def fit(**keys: object) -> Judgement:
    found = changed(FIT, **keys)
    assert isinstance(found, InputFit)
    return checked(input_range(found))


def checked(found: Judgement) -> Judgement:
    msgspec.json.encode(found)
    assert len(found.reason) <= 160
    assert (found.next_step is None) is (found.status is Verdict.PASS)
    return found


def test_rounding_of_other_kernels_is_less_than_quantization() -> None:
    found = noise()
    assert found.status is Verdict.PASS
    assert "part by 0.110, quantization by 0.220" in found.reason
    assert found.evidence["noise"] == 0.11


@pytest.mark.parametrize(
    ("own", "other", "blamed"), [(1.3, 0.2, "xnnpack"), (0.2, 1.3, "reference")]
)
def test_kernels_that_part_more_than_quantization_fail(
    own: float, other: float, blamed: str
) -> None:
    found = noise(noise=1.3, own_error=own, other_error=other)
    assert found.status is Verdict.FAIL
    assert found.next_step is not None
    assert f"the {blamed} kernels first" in found.next_step


@pytest.mark.parametrize(
    "keys",
    [
        {"noise": 0.09, "own_error": 0.001, "other_error": 0.001},
        {"noise": 1.4, "own_error": 1.0, "other_error": 1.0},
        {"noise": 0.28, "own_error": 0.2, "other_error": 0.2},
    ],
    ids=["tiny", "a bad variant alike on both", "independent rounding"],
)
def test_no_alarm(keys: dict[str, object]) -> None:
    assert noise(**keys).status is Verdict.PASS


def test_values_that_are_not_finite_on_other_kernels_fail() -> None:
    found = noise(nonfinite=2)
    assert found.status is Verdict.FAIL
    assert "NaN or infinity on 2 of 4 images" in found.reason


def test_nothing_to_compare_fails() -> None:
    assert noise(noise=None).status is Verdict.FAIL


def test_float_arithmetic_has_nothing_to_compare() -> None:
    assert checked(kernels(None, "xnnpack", "xnnpack")).status is Verdict.PASS


def test_an_input_that_fits_passes() -> None:
    found = fit()
    assert found.status is Verdict.PASS
    assert found.reason.endswith("clips nothing")
    assert checked(input_range(None)).status is Verdict.PASS


def test_little_clipping_is_noted() -> None:
    found = fit(clipped=0.012, far=0.01, clipped_images=7)
    assert found.status is Verdict.PASS
    assert "clips 1.2 % of the values by little, on 7 of 200 images" in found.reason


def test_much_clipping_fails_with_its_share() -> None:
    found = fit(range=(0.0, 100.0), clipped=0.37, far=0.31, clipped_images=200)
    assert found.status is Verdict.FAIL
    assert "37.0 % of the evaluation's values are clipped" in found.reason
    assert "holds 0 to 100, the photographs bring 0 to 255" in found.reason


def test_an_input_with_few_steps_left_fails() -> None:
    found = fit(steps=3, fed=(-1.0, 1.0))
    assert found.status is Verdict.FAIL
    assert "256 levels of a pixel become 3 steps of the int8 input" in found.reason


@pytest.mark.parametrize(
    ("keys", "verdict", "said"),
    [
        ({"spare": (0.5, -0.5)}, Verdict.PASS, ""),
        ({"spare": (-4.0, 0.0), "clipped": 0.01}, Verdict.PASS, "clips 1.0 %"),
        ({"spare": (1.0, -1.0), "zero_point": -127}, Verdict.FAIL, "-127 is off by about 1 step"),
        ({"spare": (-10.0, 10.0), "zero_point": 9}, Verdict.FAIL, "9 is off by about 10 steps"),
        ({"spare": (1.0, 1.0)}, Verdict.PASS, ""),
        ({"spare": (0.0, 5.0), "scale": 1.02}, Verdict.INCONCLUSIVE, "5 of 256 steps are for"),
        ({"spare": (0.0, 60.0), "scale": 0.25}, Verdict.PASS, ""),
        ({"spare": (2.0, -3.0), "dtype": "int16"}, Verdict.PASS, ""),
        ({"spare": (642.0, 642.0), "dtype": "int16", "scale": 0.03}, Verdict.INCONCLUSIVE, "1,284"),
        ({"calibrated": (0.5, 0.5)}, Verdict.PASS, ""),
        ({"calibrated": (0.0, 5.0)}, Verdict.FAIL, "5 steps more at the upper end"),
        ({"calibrated": (0.0, -5.0)}, Verdict.FAIL, "5 steps less at the upper end"),
        ({"calibrated": (1.0, -1.0)}, Verdict.FAIL, "1 step more at the lower"),
    ],
)
def test_an_input_is_judged_to_the_step(
    keys: dict[str, object], verdict: Verdict, said: str
) -> None:
    found = fit(**keys)
    assert found.status is verdict
    assert said in found.reason


def test_an_input_of_which_pixels_reach_no_more_than_half_fails() -> None:
    found = fit(range=(-1.0, 1.0), fed=(0.0, 1.0), steps=128, filled=0.5)
    assert found.status is Verdict.FAIL
    assert "pixels reach 50.0 % of the range that it holds, -1 to 1" in found.reason
    assert fit(filled=0.53).status is Verdict.PASS


def test_answers_that_change_are_told_apart() -> None:
    steady = Repeats(images=1, after_others=True, at_once=True, largest=0.0)
    assert unsteady(steady) is None
    stale = unsteady(msgspec.structs.replace(steady, after_others=False))
    noisy = unsteady(msgspec.structs.replace(steady, at_once=False, largest=0.25))
    assert stale is not None
    assert noisy is not None
    fresh = unsteady(msgspec.structs.replace(steady, fresh=False))
    assert fresh is not None
    assert "fresh worker" in fresh[0]
    assert "asked before" in stale[0]
    assert "by up to 0.25" in noisy[0]


def test_a_copy_is_named() -> None:
    assert "bit by bit" in copy_of_baseline(5)[0]


def test_the_output_nearest_to_failing_is_the_one_that_is_judged() -> None:
    def one(noise: float | None, error: float | None, nonfinite: int = 0) -> KernelNoise:
        found = changed(INT8, noise=noise, own_error=error, other_error=error, nonfinite=nonfinite)
        assert isinstance(found, KernelNoise)
        return found

    zeros, far, wrong = one(None, None), one(0.3, 0.3), one(0.2, 0.001)
    assert max([zeros, far], key=strain) is far  # zeros on these images prove nothing
    assert max([zeros, far, wrong], key=strain) is wrong  # less noise, and none from quantization
    broken = one(0.0, 0.1, nonfinite=1)
    assert max([zeros, far, wrong, broken], key=strain) is broken
    assert kernels(far, "xnnpack", "reference").status is Verdict.PASS
    assert kernels(wrong, "xnnpack", "reference").status is Verdict.FAIL


def test_what_was_compared_is_named() -> None:
    assert "(relative error of logits, " in noise().reason
    found = changed(INT8)
    assert isinstance(found, KernelNoise)
    assert "(relative error of x, " in kernels(found, "xnnpack", "reference", of="x").reason
