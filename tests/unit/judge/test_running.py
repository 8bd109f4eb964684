from __future__ import annotations

import msgspec
import numpy as np
import pytest

from edgeq.judge.running import (
    MAX_APART,
    copy_of_baseline,
    fed_other_values,
    input_range,
    kernels,
    strain,
    unsteady,
)
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.measure.beside_here import KernelNoise
from edgeq.measure.input_range import FirstValues, InputFit, steps_apart
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
    assert "differ by 0.110, quantization by 0.220" in found.reason
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
    assert "holds 0 to 100, the photographs have 0 to 255" in found.reason


def test_an_input_with_few_steps_left_fails() -> None:
    found = fit(steps=3, fed=(-1.0, 1.0))
    assert found.status is Verdict.FAIL
    assert "256 pixel levels become 3 steps" in found.reason


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


def test_all_that_is_recorded_of_kernels() -> None:
    evidence: dict[str, object] = {
        "kernels": "xnnpack",
        "other_kernels": "builtin",
        "compared": "output 1",
        "images": 4,
        "noise": 0.11,
        "worst_noise": 0.12,
        "own_error": 0.22,
        "other_error": 0.2,
        "differing": 1,
        "nonfinite": 0,
    }
    assert kernels(INT8, "xnnpack", "builtin", of="output 1") == Judgement(
        status=Verdict.PASS,
        reason="xnnpack and builtin kernels differ by 0.110, quantization by 0.220 (relative error "
        "of output 1, 4 images)",
        evidence=evidence,
    )
    parted = msgspec.structs.replace(INT8, noise=1.3, own_error=None, images=1)
    step = (
        "Look at the {} kernels first: a bug there, or a file that only one of them understands; "
        "run the gate with `run.kernels` set to each, and update ai-edge-litert"
    )
    assert kernels(parted, "xnnpack", "builtin", of="output 1") == Judgement(
        status=Verdict.FAIL,
        reason="xnnpack and builtin kernels differ by 1.300, more than quantization does: nothing "
        "from the baseline with xnnpack, 0.200 with builtin (1 image)",
        next_step=step.format("builtin"),
        evidence={**evidence, "noise": 1.3, "own_error": None, "images": 1},
    )
    sick = msgspec.structs.replace(INT8, nonfinite=2)
    assert kernels(sick, "xnnpack", "reference").reason == (
        "reference kernels give NaN or infinity on 2 of 4 images, xnnpack kernels none"
    )
    assert kernels(sick, "xnnpack", "reference").next_step == step.format("reference")
    nothing = kernels(msgspec.structs.replace(INT8, noise=None), "xnnpack", "reference")
    assert nothing.reason == "xnnpack kernels give nothing to compare on 4 images"
    assert nothing.next_step == step.format("xnnpack")
    assert kernels(None, "xnnpack", "reference").evidence == {}


@pytest.mark.parametrize(
    ("own", "other", "parted", "status"),
    [
        (0.3, 0.2, 0.4, Verdict.PASS),
        (0.3, 0.2, 0.4001, Verdict.FAIL),
        (0.2, 0.3, 0.4001, Verdict.FAIL),
        (None, 0.2, 0.4, Verdict.PASS),
        (0.01, 0.01, 0.1, Verdict.PASS),
        (0.01, 0.01, 0.1001, Verdict.FAIL),
        (None, None, 0.1, Verdict.PASS),
        (None, None, 0.1001, Verdict.FAIL),
    ],
)
def test_kernels_may_part_by_twice_the_smaller_error_or_a_tenth(
    own: float | None, other: float | None, parted: float, status: Verdict
) -> None:
    assert noise(noise=parted, own_error=own, other_error=other).status is status


@pytest.mark.parametrize(
    ("own", "other", "blamed"),
    [
        (None, 0.2, "reference"),
        (0.2, None, "xnnpack"),
        (0.2, 0.2, "reference"),
        (None, None, "reference"),
    ],
)
def test_the_kernels_that_are_farther_from_the_baseline_are_blamed(
    own: float | None, other: float | None, blamed: str
) -> None:
    judged = noise(noise=1.3, own_error=own, other_error=other)
    assert f"Look at the {blamed} kernels first" in str(judged.next_step)


def test_the_output_nearest_to_failing_is_the_one_with_the_greatest_strain() -> None:
    assert strain(INT8) == pytest.approx((0, 0.11 / 0.4))
    tiny = msgspec.structs.replace(INT8, own_error=0.01)
    assert strain(tiny) == pytest.approx((0, 1.1))
    nothing = msgspec.structs.replace(INT8, noise=None, nonfinite=3)
    assert strain(nothing) == (3, -1.0)


STEP = "Correct `preprocessing`, or calibrate on photographs that are preprocessed like this"


def test_all_that_is_recorded_of_an_input() -> None:
    assert input_range(None) == Judgement(
        status=Verdict.PASS, reason="takes real values, which no input scale clips"
    )
    assert input_range(FIT) == Judgement(
        status=Verdict.PASS,
        reason="the int8 input holds 0 to 255, the photographs have 0 to 255: clips nothing",
        evidence=msgspec.to_builtins(FIT),
    )
    clips = msgspec.structs.replace(FIT, arrays=True, name="beta", far=0.5, clipped=0.6)
    assert input_range(clips).reason == (
        "60.0 % of the evaluation's values are clipped by the scale of the int8 input 'beta': it "
        "holds 0 to 255, the samples have 0 to 255"
    )
    few = msgspec.structs.replace(FIT, steps=31)
    assert input_range(few) == Judgement(
        status=Verdict.FAIL,
        reason="the int8 input holds 0 to 255, the photographs have 0 to 255: 256 pixel "
        "levels become 31 steps",
        next_step=STEP,
        evidence=msgspec.to_builtins(few),
    )


@pytest.mark.parametrize(
    ("keys", "status"),
    [
        ({"steps": 32}, Verdict.PASS),
        ({"steps": 31}, Verdict.FAIL),
        ({"far": 0.05, "clipped": 0.06}, Verdict.PASS),
        ({"far": 0.051, "clipped": 0.06}, Verdict.FAIL),
        ({"filled": 0.52}, Verdict.PASS),
        ({"filled": 0.519}, Verdict.FAIL),
    ],
)
def test_the_limits_of_an_input_are_within(keys: dict[str, object], status: Verdict) -> None:
    assert fit(**keys).status is status


def test_what_fails_first_is_the_reason() -> None:
    assert fit(steps=31, far=0.3, clipped=0.4, filled=0.1).reason.endswith("31 steps")
    assert fit(far=0.3, clipped=0.4, filled=0.1).reason.startswith("40.0 % of the evaluation's")
    assert fit(filled=0.1, spare=(9.0, 0.0)).reason.startswith("the input was made for other")


# int8 has 255 steps between its ends: ends may be off by 0.5 + 0.255, and 2.55 may be spare.
@pytest.mark.parametrize(
    ("keys", "status"),
    [
        ({"calibrated": (0.75, -0.75)}, Verdict.PASS),
        ({"calibrated": (0.76, 0.0)}, Verdict.FAIL),
        ({"calibrated": (0.0, -0.76)}, Verdict.FAIL),
        ({"spare": (0.75, 0.75)}, Verdict.PASS),
        ({"spare": (0.76, -0.76)}, Verdict.FAIL),
        ({"spare": (-0.005, 0.76)}, Verdict.FAIL),
        ({"spare": (0.76, 0.5), "scale": 1.1}, Verdict.PASS),
        ({"spare": (2.0, 0.55), "scale": 1.1}, Verdict.PASS),
        ({"spare": (2.0, 0.56), "scale": 1.1}, Verdict.INCONCLUSIVE),
        ({"spare": (2.0, 0.56), "scale": 0.5}, Verdict.PASS),
    ],
)
def test_ends_are_right_to_the_step(keys: dict[str, object], status: Verdict) -> None:
    assert fit(**keys).status is status


def test_what_is_off_is_said_in_steps() -> None:
    assert fit(calibrated=(1.2, -3.456)).reason == (
        "the int8 input holds 0 to 255: 1 step more at the lower and 3.46 steps less at the upper "
        "end than the calibration images"
    )
    assert fit(calibrated=(0.0, 2.0)).reason == (
        "the int8 input holds 0 to 255: 0 steps less at the lower and 2 steps more at the upper "
        "end than the calibration images"
    )
    moved = fit(spare=(3.0, -3.0), zero_point=-125)
    assert moved.reason == (
        "the int8 input holds 0 to 255, a pixel becomes 0 to 255: the zero point -125 is off by "
        "about 3 steps"
    )
    wide = fit(spare=(20.0, 30.0), scale=1.1)
    assert wide.reason == (
        "the int8 input holds 0 to 255, a pixel becomes 0 to 255: 50 of 256 steps are for values "
        "that no pixel gives; was it calibrated on others?"
    )
    assert wide.next_step == STEP
    assert fit(dtype="int16", spare=(900.0, 900.0), scale=1.1).reason.endswith(
        "1,800 of 65,536 steps are for values that no pixel gives; was it calibrated on others?"
    )


def test_answers_that_change_say_how_and_by_how_much() -> None:
    def changing(**keys: object) -> tuple[str, str]:
        steady = Repeats(images=8, after_others=True, at_once=True, largest=0.0123456)
        problem = unsteady(msgspec.structs.replace(steady, **keys))
        assert problem is not None
        return problem

    step = (
        "Run it with `run.threads = 1` and other `run.kernels`; an operator that draws random "
        "numbers or keeps a state can't be gated"
    )
    assert changing(after_others=False) == (
        "the answer to a photograph depends on the one that was asked before, by up to 0.0123",
        step,
    )
    assert changing(after_others=False, at_once=False, largest=None) == (
        "the same photograph gets another answer when it is asked again",
        step,
    )
    assert changing(at_once=False) == (
        "the same photograph gets another answer when it is asked again, by up to 0.0123",
        step,
    )
    assert changing(fresh=False) == (
        "a fresh worker gives other answers to the same photograph, with the same kernels",
        (
            "The file reads memory that it did not write, or the runtime is at fault: make it "
            "again, and report it to the runtime's makers"
        ),
    )


def test_a_copy_says_on_how_many_images() -> None:
    assert copy_of_baseline(1) == (
        "the outputs are the baseline's on 1 image, bit by bit: nothing quantized is at work",
        "Check which file is evaluated: quantized arithmetic always rounds",
    )


def test_how_far_each_kernel_is_from_the_baseline_is_said() -> None:
    assert noise(noise=1.3, own_error=0.25, other_error=0.2).reason == (
        "xnnpack and reference kernels differ by 1.300, more than quantization does: 0.250 from "
        "the baseline with xnnpack, 0.200 with reference (4 images)"
    )


def test_the_slack_itself_is_within() -> None:
    slack, most = 0.5 + 1e-3 * 255.0, 0.01 * 255.0
    assert fit(calibrated=(slack, -slack)).status is Verdict.PASS
    assert fit(spare=(slack, 0.0), scale=1.1).status is Verdict.PASS
    assert fit(spare=(most, 0.0), scale=1.1).status is Verdict.PASS


def test_other_values_for_the_baselines_layers_fail() -> None:
    found = checked(fed_other_values(12))
    assert found.status is Verdict.FAIL
    assert found.reason.startswith("holds the baseline's weights in 12 layers, so that its first ")
    assert found.evidence == {"layers": 12}


@pytest.mark.parametrize(
    ("declared", "due", "alike"),
    [
        ((127.0, 128.0), (127.5, 127.5), True),
        ((128.0, 127.0), (127.0, 128.0), True),
        ((0.0, 256.0), (0.0, 255.0), True),
        ((124.0, 58.0), (123.675, 58.395), True),
        ((127.0, 128 / 0.9), (127.0, 128.0), False),
        ((125.307, 51.5865), (123.675, 58.395), False),  # of CIFAR-10 in place of ImageNet
    ],
)
def test_approximations_of_a_range_are_told_from_other_ranges(
    declared: tuple[float, float], due: tuple[float, float], *, alike: bool
) -> None:
    first, other = (
        FirstValues((np.array([[0.0] * 3, [255.0] * 3]) - mean) / std)
        for mean, std in (declared, due)
    )
    assert (steps_apart(first, other) <= MAX_APART) is alike
