from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgeq.measure.stored.finding import Finding
from tests.unit.measure.stored.nets import (
    OPS,
    SHAPES,
    Array,
    Comparer,
    Kind,
    Parts,
    bias,
    changed,
    constant,
    floats,
    of,
    only,
    stored_of,
)
from tests.unit.measure.stored.nets import STEPS as STEPS_OF
from tests.unit.tiny_model import Op, Tensor

FLOATS = floats()
INT8 = of(FLOATS, "int8")
LAYERS = list(SHAPES)


def found_bias(compare: Comparer, variant: Parts, *, baseline: Parts = FLOATS) -> Finding:
    found = only(compare(baseline, variant))
    assert found.part == "biases"
    return found


@pytest.mark.parametrize("kind", ["int8", "int16x8", "uint8"])
def test_rounding_is_at_most_half_a_step(compare: Comparer, kind: Kind) -> None:
    found = compare(FLOATS, of(FLOATS, kind))
    assert 0.3 < found.bias_distance <= 0.5 + 1e-3


def test_the_distance_is_in_steps_of_the_bias(compare: Comparer) -> None:
    data = stored_of(INT8, "point_bias")
    data[3] += 1
    found = compare(FLOATS, changed(INT8, "point_bias", data))
    assert found.findings == ()
    assert 0.5 < found.bias_distance < 1.5
    data[3] += 40
    assert found_bias(compare, changed(INT8, "point_bias", data)).distance == pytest.approx(
        41, abs=0.51
    )


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(
    ("change", "expected"),
    [("zero", "zeroed"), ("other sign", "negated"), ("half", "scaled"), ("other", "other")],
)
def test_what_happened_to_biases_is_named(
    compare: Comparer, layer: str, change: str, expected: str
) -> None:
    usual = stored_of(INT8, f"{layer}_bias")
    other = {
        "zero": 0 * usual,
        "other sign": -usual,
        "half": usual // 2,
        "other": np.random.default_rng(5).permutation(usual) // 2 + 100,
    }[change]
    found = found_bias(compare, changed(INT8, f"{layer}_bias", other))
    assert found.change == expected
    assert layer in found.layer
    assert found.of_channels == len(usual)
    assert found.certain


def test_biases_in_another_order_are_named(compare: Comparer) -> None:
    turned = stored_of(FLOATS, "conv_bias")[::-1]
    found = found_bias(compare, changed(FLOATS, "conv_bias", turned))
    assert found.change == "reordered"
    rounded = {**INT8, "conv_bias": bias(INT8, "conv", turned)}
    assert found_bias(compare, rounded).change == "reordered"


def test_one_bias_is_counted_as_one(compare: Comparer) -> None:
    usual = stored_of(INT8, "dense_bias")
    usual[4] = -usual[4]
    found = found_bias(compare, changed(INT8, "dense_bias", usual))
    assert (found.channels, found.of_channels) == (1, 10)
    assert found.detail.endswith("(1 of 10)")
    assert found.change == "negated"


def test_a_single_bias_that_is_wrong_is_no_factor(compare: Comparer) -> None:
    usual = stored_of(INT8, "dense_bias")
    usual[4] = 3 * usual[4] + 50
    assert found_bias(compare, changed(INT8, "dense_bias", usual)).change == "other"


@pytest.mark.parametrize(("value", "expected"), [(10.9, "near"), (11.0, "other")])
def test_biases_are_near_below_a_tenth(compare: Comparer, value: float, expected: str) -> None:
    biases = stored_of(FLOATS, "dense_bias")
    biases[:] = 10
    baseline = changed(FLOATS, "dense_bias", biases)
    biases[4] = value
    found = found_bias(compare, changed(baseline, "dense_bias", biases), baseline=baseline)
    assert (found.channels, found.change) == (1, expected)


def with_units(scales: Array, *, factor: float = 1.0) -> Parts:
    """Return the int8 file with a bias that names other steps."""
    data = np.rint(stored_of(INT8, "conv_bias") * factor)
    other = replace(INT8["conv_bias"], scales=tuple(scales.astype(np.float32).tolist()))
    return changed({**INT8, "conv_bias": other}, "conv_bias", data)


STEPS = np.array(INT8["conv_bias"].scales)


def test_units_that_runtimes_refuse_are_named(compare: Comparer) -> None:
    """The numbers are right for the steps that the file names, which nobody multiplies with."""
    found = found_bias(compare, with_units(2 * STEPS, factor=0.5))
    assert found.change == "other units"


def test_a_channel_whose_steps_are_0_has_no_other_units(compare: Comparer) -> None:
    weights, biases = stored_of(FLOATS, "conv"), stored_of(FLOATS, "conv_bias")
    weights[2], biases[2] = 0, 0
    baseline = changed(changed(FLOATS, "conv", weights), "conv_bias", biases)
    variant = of(baseline, "int8")
    for name in ("conv", "conv_bias"):
        scales = [*variant[name].scales]
        scales[2] = 0.0
        variant[name] = replace(variant[name], scales=tuple(scales))
    assert compare(baseline, variant).findings == ()
    data = stored_of(variant, "conv_bias")
    data[5] = -data[5]
    found = found_bias(compare, changed(variant, "conv_bias", data), baseline=baseline)
    assert found.change == "negated"


def test_units_within_two_percent_are_allowed(compare: Comparer) -> None:
    assert compare(FLOATS, with_units(1.01 * STEPS)).findings == ()


def test_the_runtime_takes_the_numbers_whatever_step_is_named(compare: Comparer) -> None:
    """Wrong numbers whose named step makes up for them are wrong."""
    found = found_bias(compare, with_units(STEPS / 1.015, factor=1.015))
    assert found.change == "scaled"


def test_a_bias_without_a_step_is_read_in_steps_of_its_input(compare: Comparer) -> None:
    bare = {**INT8, "conv_bias": replace(INT8["conv_bias"], scales=())}
    assert compare(FLOATS, bare).findings == ()


def overflowing(*, weights_of_next: float = 0.0, value: float = 4000.0) -> tuple[Parts, Parts]:
    """Return a float network with a dead channel whose bias does not fit, and its int8 file."""
    weights, biases = stored_of(FLOATS, "conv"), stored_of(FLOATS, "conv_bias")
    weights[2] = 0
    biases[2] = value
    behind = stored_of(FLOATS, "depthwise")
    behind[..., 2] = weights_of_next
    baseline = changed(changed(FLOATS, "conv", weights), "conv_bias", biases)
    baseline = changed(baseline, "depthwise", behind)
    variant = of(baseline, "int8")
    data = stored_of(variant, "conv_bias")
    data[2] = -(2**31)  # whatever its sign
    return baseline, changed(variant, "conv_bias", data)


def test_an_overflow_that_nobody_listens_to_is_harmless(compare: Comparer) -> None:
    baseline, variant = overflowing()
    found = compare(baseline, variant)
    assert found.findings == ()
    assert found.bias_distance <= 0.5 + 1e-3


def test_an_overflow_behind_which_a_layer_listens_is_found(compare: Comparer) -> None:
    baseline, variant = overflowing(weights_of_next=1.0)
    found = found_bias(compare, variant, baseline=baseline)
    assert (found.change, found.channels) == ("overflow", 1)
    assert found.operator == 0


QUARTER = 64 * float(np.float32(STEPS_OF["a"][0]))
"""Of the range of the layer's output, in 64 steps."""


@pytest.mark.parametrize(
    ("value", "harmless"), [(0.5, True), (QUARTER, True), (1.001 * QUARTER, False), (3.0, False)]
)
def test_an_overflow_counts_from_a_quarter_of_the_outputs_range(
    compare: Comparer, value: float, harmless: bool
) -> None:
    baseline, variant = overflowing(weights_of_next=1.0, value=value)
    assert (compare(baseline, variant).findings == ()) is harmless


def test_an_overflow_that_the_activation_cuts_off_is_harmless(compare: Comparer) -> None:
    """Both the bias and what is stored for it are below 0: RELU6 gives 0."""
    baseline, variant = overflowing(weights_of_next=1.0, value=-4000.0)
    assert compare(baseline, variant).findings == ()


def test_an_overflow_beside_other_errors_is_not_all(compare: Comparer) -> None:
    baseline, variant = overflowing(weights_of_next=1.0)
    data = stored_of(variant, "conv_bias")
    data[5] += 1000
    found = found_bias(compare, changed(variant, "conv_bias", data), baseline=baseline)
    assert found.change != "overflow"
    assert found.channels == 2


def test_the_last_layer_s_overflow_does_harm(compare: Comparer) -> None:
    data = stored_of(INT8, "dense_bias")
    data[1] = 2**31 - 1
    found = only(compare(FLOATS, changed(INT8, "dense_bias", data)))
    # Nobody takes it as a layer, but it is what the network answers.
    assert found.part == "biases"


@pytest.mark.parametrize("kind", ["float32", "float16", "dynamic"])
def test_float_biases_are_the_baseline_s(compare: Comparer, kind: Kind) -> None:
    parts = of(FLOATS, kind)
    found = compare(FLOATS, parts)
    assert found.findings == ()
    assert found.bias_distance <= (0.5 if kind == "float16" else 0)
    wrong = stored_of(parts, "point_bias")
    wrong[7] *= 1.01
    assert found_bias(compare, changed(parts, "point_bias", wrong)).channels == 1


def test_float_biases_may_be_off_by_what_converters_fold(compare: Comparer) -> None:
    usual = stored_of(FLOATS, "conv_bias")
    off = usual + 1e-6 * np.abs(usual).max()
    assert compare(FLOATS, changed(FLOATS, "conv_bias", off)).findings == ()
    off = usual + 1e-4 * np.abs(usual).max()
    assert found_bias(compare, changed(FLOATS, "conv_bias", off)).channels == 16


@pytest.mark.parametrize("saturated", [True, False])
def test_a_bias_beyond_float16_is_found(compare: Comparer, saturated: bool) -> None:
    usual = stored_of(FLOATS, "conv_bias")
    usual[3] = 1e5
    baseline = changed(FLOATS, "conv_bias", usual)
    with np.errstate(over="ignore"):
        half = np.clip(usual, -65504, 65504) if saturated else usual
        variant = of(FLOATS, "float16") | {"conv_bias": constant("conv_bias", half.astype("<f2"))}
    found = found_bias(compare, variant, baseline=baseline)
    assert found.channels == 1
    assert found.distance > 100


def test_a_number_that_is_none_is_found(compare: Comparer) -> None:
    usual = stored_of(FLOATS, "conv_bias")
    usual[3] = np.nan
    found = found_bias(compare, changed(FLOATS, "conv_bias", usual))
    assert found.channels == 1
    assert found.distance == 1e9


def without_bias(layer: str) -> tuple[Op, ...]:
    return tuple(
        replace(one, inputs=tuple("" if name == f"{layer}_bias" else name for name in one.inputs))
        for one in OPS
    )


@pytest.mark.parametrize("layer", LAYERS)
def test_a_bias_that_is_gone_is_zeroed(compare: Comparer, layer: str) -> None:
    for parts in (FLOATS, INT8):
        found = only(compare(FLOATS, parts, ops=without_bias(layer)))
        assert (found.part, found.change) == ("biases", "zeroed")


@pytest.mark.parametrize("layer", LAYERS)
def test_a_bias_of_zeros_that_a_converter_added_is_none(compare: Comparer, layer: str) -> None:
    zeros = {
        **INT8,
        f"{layer}_bias": bias(INT8, layer, np.zeros(len(INT8[f"{layer}_bias"].scales))),
    }
    assert compare(FLOATS, zeros, baseline_ops=without_bias(layer)).findings == ()
    found = only(compare(FLOATS, INT8, baseline_ops=without_bias(layer)))
    assert found.part == "biases"


def test_whole_numbers_beside_float_activations_have_the_step_that_they_name(
    compare: Comparer,
) -> None:
    """Such a layer has no step of its input; a raised one can't be asked for, either."""
    parts = {**of(FLOATS, "dynamic"), "conv_bias": INT8["conv_bias"]}
    assert compare(FLOATS, parts).findings == ()
    turned = changed(parts, "conv_bias", -stored_of(parts, "conv_bias"))
    assert found_bias(compare, turned).change == "negated"


def test_biases_that_can_t_be_read_stay_open(compare: Comparer) -> None:
    odd = Tensor("conv_bias", (15,), "int32", np.zeros(15, np.int32), INT8["conv_bias"].scales[:15])
    found = compare(FLOATS, {**INT8, "conv_bias": odd})
    assert found.findings == ()
    assert found.unmatched == ("CONV_2D 0 (conv): its biases can't be read",)


def in_float16(parts: Parts) -> Parts:
    """Return the float network with its weights and biases rounded to float16."""
    stored = {name: stored_of(parts, name) for name in SHAPES}
    stored |= {f"{name}_bias": stored_of(parts, f"{name}_bias") for name in SHAPES}
    return {**parts, **{name: constant(name, wide(data)) for name, data in stored.items()}}


def wide(data: Array) -> Array:
    return data.astype(np.float16).astype(np.float32)


@pytest.mark.parametrize("kind", ["int8", "int16x8", "uint8", "float32", "float16"])
def test_a_baseline_in_float16_has_the_variants_of_its_float32_file(
    compare: Comparer, kind: Kind
) -> None:
    assert compare(in_float16(FLOATS), of(FLOATS, kind)).findings == ()


@pytest.mark.parametrize("kind", ["int8", "float32"])
def test_biases_beyond_the_rounding_of_float16_are_found(compare: Comparer, kind: Kind) -> None:
    more = stored_of(FLOATS, "conv_bias") * np.float32(1.5)
    variant = of(changed(FLOATS, "conv_bias", more), kind)
    found = found_bias(compare, variant, baseline=in_float16(FLOATS))
    assert found.change == "scaled"


def test_a_factor_of_next_to_1_is_no_factor(compare: Comparer) -> None:
    noisy = stored_of(FLOATS, "dense_bias") * np.float32(1.002)
    found = found_bias(compare, changed(FLOATS, "dense_bias", noisy))
    assert (found.change, found.detail) == ("near", "differ from the baseline's by 0.2 %")
