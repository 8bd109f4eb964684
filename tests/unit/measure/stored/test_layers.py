from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from edgeq.measure.stored.files import FileComparison
from tests.unit.graphs import drawn, graph, in_blocks
from tests.unit.measure.stored.nets import (
    AXES,
    OPS,
    SHAPES,
    Array,
    Comparer,
    Kind,
    bias,
    changed,
    constant,
    floats,
    of,
    only,
    restored,
    rounded,
    stored_of,
)
from tests.unit.tiny_model import Op, Tensor

FLOATS = floats()
INT8 = of(FLOATS, "int8")
HALF = of(FLOATS, "float16")
KINDS: tuple[Kind, ...] = (*("float32", "float16", "int8", "int4", "dynamic", "int16x8", "uint8"),)


def clean(found: FileComparison) -> None:
    assert found.findings == ()
    assert found.unmatched == ()
    assert found.matched_layers == found.layers == len(SHAPES)


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_file_has_no_finding(compare: Comparer, kind: Kind) -> None:
    found = compare(FLOATS, of(FLOATS, kind))
    clean(found)
    assert found.tensors == 9  # four layers with biases, and the axes
    # Of one zero point and one scale for all, a little more is left.
    assert found.weights_distance <= (2.0 if kind == "uint8" else np.sqrt(3))
    if kind != "float32":
        assert found.weights_distance > 0.9
        assert found.weights_limit in ({5.2} if kind == "float16" else {2.2, 2.9})
        assert found.weights_layer


@pytest.mark.parametrize("seed", range(1, 4))
def test_so_have_others(compare: Comparer, seed: int) -> None:
    baseline = floats(seed=seed)
    for kind in KINDS:
        clean(compare(baseline, of(baseline, kind)))


def test_weights_behind_a_dequantize_are_compared(compare: Comparer) -> None:
    half = of(FLOATS, "float16")
    parts = {f"{name}/half" if name in SHAPES else name: one for name, one in half.items()}
    parts = {name: replace(one, name=name) for name, one in parts.items()}
    parts |= {name: Tensor(name, shape) for name, shape in SHAPES.items()}
    ops = (*(Op("DEQUANTIZE", (f"{name}/half",), (name,)) for name in SHAPES), *OPS)
    clean(compare(FLOATS, parts, ops=ops))
    bad = changed(parts, "point/half", -stored_of(parts, "point/half"))
    found = only(compare(FLOATS, bad, ops=ops))
    assert (found.change, found.operator, found.baseline_operator) == ("negated", 6, 2)


def swapped(values: Array, axis: int, one: int = 2, other: int = 5) -> Array:
    order = np.arange(values.shape[axis])
    order[[one, other]] = order[[other, one]]
    return values.take(order, axis=axis)


def noise(values: Array) -> Array:
    wrong = np.random.default_rng(3).normal(0, 0.1 * values.std(), values.shape)
    return np.asarray(np.clip(values + wrong, -127, 127))


CHANGES: dict[str, tuple[Callable[[Array, int], Array], str]] = {
    "zeroed": (lambda w, _: 0 * w, "zeroed"),
    "negated": (lambda w, _: -w, "negated"),
    "scaled": (lambda w, _: np.rint(0.8 * w), "scaled"),
    "noise": (lambda w, _: noise(w.astype(float)), "near"),
    "4 bits": (lambda w, _: np.rint(w / 18) * 18, "coarse"),
    "other": (lambda w, _: drawn(*w.shape, seed=77) * 127, "foreign"),
}


@pytest.mark.parametrize("layer", ["conv", "depthwise", "point", "dense"])
@pytest.mark.parametrize("change", list(CHANGES))
def test_a_changed_layer_is_found_and_named(compare: Comparer, layer: str, change: str) -> None:
    make, expected = CHANGES[change]
    usual = stored_of(INT8, layer)
    found = only(compare(FLOATS, changed(INT8, layer, make(usual, AXES[layer]))))
    assert found.part == "weights"
    assert layer in found.layer
    assert (
        found.baseline_operator
        == found.operator
        == {
            "conv": 0,
            "depthwise": 1,
            "point": 2,
            "dense": 4,
        }[layer]
    )
    # Few weights have few values anyway: noise takes what has fewer for noise.
    assert found.change == expected or (change == "4 bits" and layer == "depthwise")
    assert found.certain
    assert found.distance > 2.2
    assert found.of_channels == SHAPES[layer][AXES[layer]]


@pytest.mark.parametrize("layer", ["conv", "depthwise", "point", "dense"])
def test_one_wrong_row_is_one_channel(compare: Comparer, layer: str) -> None:
    usual, axis = stored_of(INT8, layer), AXES[layer]
    rows = np.moveaxis(usual, axis, 0)
    rows[3] = -rows[3]
    found = only(compare(FLOATS, changed(INT8, layer, np.moveaxis(rows, 0, axis))))
    assert (found.change, found.channels) == ("negated", 1)
    assert found.detail.endswith(f"in 1 of {SHAPES[layer][axis]} channels")


def test_swapped_rows_are_two_channels(compare: Comparer) -> None:
    for layer in ("conv", "dense"):
        usual = swapped(stored_of(INT8, layer), AXES[layer])
        found = only(compare(FLOATS, changed(INT8, layer, usual)))
        assert (found.part, found.channels) == ("weights", 2)
        # The integers are those of the baseline, in other rows.
        assert found.change == "reordered"


def test_a_whole_layer_in_another_order_is_reordered(compare: Comparer) -> None:
    usual = stored_of(INT8, "conv")
    mixed = np.random.default_rng(0).permutation(usual.ravel()).reshape(usual.shape)
    found = only(compare(FLOATS, changed(INT8, "conv", mixed)))
    assert (found.change, found.channels) == ("reordered", 16)
    assert "channels" not in found.detail


def test_one_single_weight_is_seen(compare: Comparer) -> None:
    usual = stored_of(INT8, "conv")
    usual[4, 1, 1, 2] ^= 64  # one bit
    found = only(compare(FLOATS, changed(INT8, "conv", usual)))
    assert (found.part, found.channels) == ("weights", 1)


def test_a_neighbouring_number_is_no_finding(compare: Comparer) -> None:
    """Runtimes round halves in their own ways, and so do converters."""
    usual = stored_of(INT8, "depthwise")
    usual[0, 1, 1, 2] += 1 if usual[0, 1, 1, 2] < 100 else -1
    found = compare(FLOATS, changed(INT8, "depthwise", usual))
    assert all(one.distance < 4.5 for one in found.findings)
    conv = stored_of(INT8, "conv")
    conv[2, 0, 0, 0] += 1 if conv[2, 0, 0, 0] < 100 else -1
    clean(compare(FLOATS, changed(INT8, "conv", conv)))


@pytest.mark.parametrize("layer", ["conv", "depthwise"])
def test_transposed_and_mirrored_kernels_are_named(compare: Comparer, layer: str) -> None:
    usual = stored_of(INT8, layer)
    turned = usual.transpose(0, 2, 1, 3)
    assert only(compare(FLOATS, changed(INT8, layer, turned))).change == "transposed"
    flipped = usual[:, ::-1, ::-1]
    assert only(compare(FLOATS, changed(INT8, layer, flipped))).change == "mirrored"


@pytest.mark.parametrize("layer", list(SHAPES))
def test_cutting_off_in_place_of_rounding_is_found(compare: Comparer, layer: str) -> None:
    real = np.asarray(FLOATS[layer].data, np.float64)
    axis = AXES[layer]
    shape = [-1 if at == axis else 1 for at in range(real.ndim)]
    steps = np.array(INT8[layer].scales).reshape(shape)
    found = only(compare(FLOATS, changed(INT8, layer, np.trunc(real / steps))))
    assert found.part == "weights"
    assert found.change == "truncated"


def with_scales(layer: str, scales: Array) -> dict[str, Tensor]:
    """Return the int8 file with other scales of weights; biases follow them."""
    parts = {**INT8, layer: replace(INT8[layer], scales=tuple(scales.astype(np.float32).tolist()))}
    values = np.asarray(FLOATS[f"{layer}_bias"].data, np.float64)
    return {**parts, f"{layer}_bias": bias(parts, layer, values)}


def test_scales_of_channels_that_were_swapped_are_named(compare: Comparer) -> None:
    scales = np.array(INT8["conv"].scales)
    found = only(compare(FLOATS, with_scales("conv", scales[::-1])))
    assert found.part == "weights"
    assert found.change == "rescaled"


def test_a_scale_of_half_the_size_is_a_factor(compare: Comparer) -> None:
    found = only(compare(FLOATS, with_scales("conv", 0.5 * np.array(INT8["conv"].scales))))
    assert (found.change, found.detail) == ("scaled", "are the baseline's times 0.5")


def rewritten(layer: str, **how: float) -> dict[str, Tensor]:
    """Return the int8 file with a layer rounded in another way."""
    parts = {**INT8, layer: rounded(FLOATS[layer], AXES[layer], **how)}  # type: ignore[arg-type]
    values = np.asarray(FLOATS[f"{layer}_bias"].data, np.float64)
    return {**parts, f"{layer}_bias": bias(parts, layer, values)}


def test_cut_ranges_are_found(compare: Comparer) -> None:
    found = only(compare(FLOATS, rewritten("conv", factor=0.6)))
    assert (found.part, found.change) == ("weights", "clipped")


@pytest.mark.parametrize("factor", [1.0, 1.3, 1.6])
def test_a_step_that_is_somewhat_too_great_is_no_finding(compare: Comparer, factor: float) -> None:
    for layer in SHAPES:
        clean(compare(FLOATS, rewritten(layer, factor=factor)))


def test_steps_that_are_far_too_great_are_found(compare: Comparer) -> None:
    found = only(compare(FLOATS, rewritten("conv", factor=16)))
    assert (found.part, found.change) == ("weights", "coarse")


def unlike(layer: str) -> dict[str, Tensor]:
    """Return a float file of which one channel of a layer has far smaller weights."""
    values = stored_of(FLOATS, layer)
    rows = np.moveaxis(values, AXES[layer], 0)
    rows[1::4] *= 0.02
    return changed(FLOATS, layer, values)


def tensorwise(baseline: dict[str, Tensor], layer: str) -> dict[str, Tensor]:
    parts = of(baseline, "int8")
    parts[layer] = rounded(baseline[layer], None)
    values = np.asarray(baseline[f"{layer}_bias"].data, np.float64)
    parts[f"{layer}_bias"] = bias(parts, layer, values)
    count = len(values)
    parts[f"{layer}_bias"] = replace(
        bias(
            {**parts, layer: replace(parts[layer], scales=parts[layer].scales * count)},
            layer,
            values,
        ),
        scales=parts[f"{layer}_bias"].scales[:1],
    )
    return parts


@pytest.mark.parametrize("layer", list(SHAPES))
def test_one_scale_for_unlike_channels_is_named(compare: Comparer, layer: str) -> None:
    baseline = unlike(layer)
    found = only(compare(baseline, tensorwise(baseline, layer)))
    assert (found.part, found.change) == ("weights", "one scale")
    channels = SHAPES[layer][AXES[layer]]
    assert found.of_channels == channels
    assert found.channels == len(range(1, channels, 4))
    assert f"one scale for {channels} channels" in found.detail
    assert "one keeps" in found.detail
    assert found.detail.endswith("of 127 steps")


@pytest.mark.parametrize("layer", list(SHAPES))
def test_one_scale_that_is_written_for_each_channel_is_one(compare: Comparer, layer: str) -> None:
    for baseline, clear in ((unlike(layer), True), (mild(layer), True), (FLOATS, False)):
        parts = tensorwise(baseline, layer)
        channels = SHAPES[layer][AXES[layer]]
        scales = parts[layer].scales * (channels - 1)
        scales += (float(np.nextafter(np.float32(scales[0]), np.float32(1))),)
        parts[layer] = replace(parts[layer], scales=scales, axis=AXES[layer])
        parts[f"{layer}_bias"] = bias(parts, layer, stored_of(baseline, f"{layer}_bias"))
        found = compare(baseline, parts)
        assert [(one.change, one.certain) for one in found.findings] in (
            [("one scale", True)],
            *([] if clear else [[]]),
        )


@pytest.mark.parametrize("layer", list(SHAPES))
def test_one_scale_for_like_channels_is_no_finding(compare: Comparer, layer: str) -> None:
    baseline = changed(FLOATS, layer, np.clip(stored_of(FLOATS, layer), -0.3, 0.3))
    clean(compare(baseline, tensorwise(baseline, layer)))


def mild(layer: str) -> dict[str, Tensor]:
    """Return a float file of which one channel keeps over 8 of 127 steps under one scale."""
    values = np.clip(stored_of(FLOATS, layer), -0.3, 0.3)
    np.moveaxis(values, AXES[layer], 0)[1] *= 0.1
    return changed(FLOATS, layer, values)


def test_one_scale_leaves_dense_layers_open_and_unsigned_types_alone(compare: Comparer) -> None:
    """Dense layers have one by TensorFlow Lite's specification, unsigned types know no other."""
    clean(compare(mild("conv"), of(mild("conv"), "uint8")))
    for layer, certain in (("conv", True), ("point", True), ("dense", False)):
        found = only(compare(mild(layer), tensorwise(mild(layer), layer)))
        assert (found.change, found.certain) == ("one scale", certain)
    found = only(compare(unlike("dense"), tensorwise(unlike("dense"), "dense")))
    assert found.certain  # it leaves a quarter of the channels next to nothing


def test_one_scale_does_not_hide_another_fault(compare: Comparer) -> None:
    baseline = unlike("conv")
    parts = tensorwise(baseline, "conv")
    found = only(compare(baseline, changed(parts, "conv", -stored_of(parts, "conv"))))
    assert found.change == "negated"


def test_channels_of_next_to_nothing_cause_no_alarm(compare: Comparer) -> None:
    for kind in KINDS:
        if kind == "float16":
            continue
        baseline = dict(FLOATS)
        for layer in SHAPES:
            values = stored_of(baseline, layer)
            np.moveaxis(values, AXES[layer], 0)[2] *= 1e-9
            baseline = changed(baseline, layer, values)
        variant = of(baseline, kind)
        clean_weights = [
            one for one in compare(baseline, variant).findings if one.part == "weights"
        ]
        assert clean_weights == []


def test_a_raised_step_that_the_bias_needs_is_no_finding(compare: Comparer) -> None:
    """A quantizer raises a channel's step until its bias fits 32 bits."""
    values, biases = stored_of(FLOATS, "conv"), stored_of(FLOATS, "conv_bias")
    values[2] *= 1e-3
    biases[2] = 4000.0
    baseline = changed(changed(FLOATS, "conv", values), "conv_bias", biases)
    variant = of(baseline, "int8")
    scales = np.array(variant["conv"].scales)
    needed = 4000.0 / (variant["x"].scales[0] * 2**30)
    assert needed > 2 * scales[2]
    data = stored_of(variant, "conv")
    scales[2] = needed
    data[2] = np.rint(values[2] / needed)
    variant["conv"] = replace(
        variant["conv"], scales=tuple(scales.astype(np.float32).tolist()), data=data
    )
    variant["conv_bias"] = bias(variant, "conv", biases.astype(float))
    clean(compare(baseline, variant))
    # Without such a bias the same step is far too coarse.
    small = changed(baseline, "conv_bias", stored_of(FLOATS, "conv_bias"))
    other = {
        **variant,
        "conv_bias": bias(variant, "conv", stored_of(FLOATS, "conv_bias").astype(float)),
    }
    found = only(compare(small, other))
    assert (found.part, found.channels) == ("weights", 1)


@pytest.mark.parametrize("saturated", [True, False])
def test_values_beyond_float16_are_named(compare: Comparer, saturated: bool) -> None:
    values = stored_of(FLOATS, "point")
    values[5, 0, 0, 3] = 1e5
    baseline = changed(FLOATS, "point", values)
    with np.errstate(over="ignore"):
        data = values.astype(np.float16)
    if saturated:
        data = np.clip(values, -65504, 65504).astype(np.float16)
    variant = {**of(FLOATS, "float16"), "point": constant("point", data)}
    found = only(compare(baseline, variant))
    assert (found.change, found.channels) == ("beyond float16", 1)


def test_float16_s_last_number_is_within_its_range(compare: Comparer) -> None:
    values = stored_of(FLOATS, "point")
    values[5, 0, 0, 3] = 65504
    baseline = changed(FLOATS, "point", values)
    clean(compare(baseline, of(baseline, "float16")))


def test_weights_of_fewer_bits_are_found_at_their_type(compare: Comparer) -> None:
    four = of(FLOATS, "int4")
    clean(compare(FLOATS, four))
    values = np.asarray(FLOATS["dense"].data, np.float64)
    stored = -np.rint(values / np.array(four["dense"].scales)[:, None])
    found = only(compare(FLOATS, {**four, "dense": restored(four["dense"], stored, bits=4)}))
    assert found.change == "negated"


def test_a_float_variant_must_store_the_same(compare: Comparer) -> None:
    values = stored_of(FLOATS, "conv") * np.float32(1.001)
    found = only(compare(FLOATS, changed(FLOATS, "conv", values)))
    assert (found.part, found.channels) == ("weights", 16)
    assert found.relative == pytest.approx(0.001, rel=0.01)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 3e38])
def test_weights_that_are_no_numbers_are_found(compare: Comparer, value: float) -> None:
    for layer in ("conv", "depthwise", "dense"):
        values = stored_of(FLOATS, layer)
        np.moveaxis(values, AXES[layer], 0)[3].flat[4] = value
        whole = compare(FLOATS, changed(FLOATS, layer, values))
        assert whole.weights_distance == 1e9
        assert layer in whole.weights_layer
        found = only(whole)
        assert (found.part, found.channels) == ("weights", 1)
        assert ("NaN" in found.detail) == (not np.isfinite(value))
        assert found.distance >= 1e9


def test_uint8_that_was_changed_is_found(compare: Comparer) -> None:
    old = of(FLOATS, "uint8")
    point = old["conv"].zero_points[0]
    data = point - np.rint(0.5 * (stored_of(old, "conv").astype(float) - point))
    found = only(compare(FLOATS, changed(old, "conv", data)))
    assert found.detail.startswith("are the baseline's times -0.50")
    shifted = {**old, "conv": replace(old["conv"], zero_points=(point + 9,))}
    assert only(compare(FLOATS, shifted)).part == "weights"


def test_weights_that_are_computed_stay_open(compare: Comparer) -> None:
    parts = {**FLOATS, "kernel": replace(FLOATS["conv"], name="kernel")}
    parts["conv"] = Tensor("conv", SHAPES["conv"])
    ops = (Op("LOGISTIC", ("kernel",), ("conv",)), *OPS)
    found = compare(FLOATS, parts, ops=ops)
    assert found.matched_layers < found.layers
    assert found.unmatched or found.findings


def test_dense_weights_may_be_stored_with_the_inputs_first(compare: Comparer) -> None:
    """A square matrix with rows for columns has the same shape, and other numbers in each row."""
    square = drawn(24, 24)
    parts = {**FLOATS, "dense": constant("dense", square)}
    parts["dense_bias"] = constant("dense_bias", drawn(24))
    parts |= {name: replace(parts[name], shape=(1, 24)) for name in ("l", "y")}
    stored = constant("stored", square.T.copy())
    turned = {**parts, "stored": stored, "dense": Tensor("dense", (24, 24))}
    turned["order"] = constant("order", np.array([1, 0], np.int32))
    ops = (Op("TRANSPOSE", ("stored", "order"), ("dense",)), *OPS)
    clean(compare(parts, turned, ops=ops))
    clean(compare(turned, parts, baseline_ops=ops))
    clean(compare(turned, turned, ops=ops, baseline_ops=ops))
    wrong = {**turned, "stored": constant("stored", square)}
    assert only(compare(parts, wrong, ops=ops)).change == "reordered"


@pytest.mark.parametrize("batched", [(), (1,)])
@pytest.mark.parametrize("adjoint", [False, True])
@pytest.mark.parametrize("quantized", [False, True])
def test_a_product_with_a_stored_matrix_is_a_dense_layer(
    compare: Comparer, *, quantized: bool, adjoint: bool, batched: tuple[int, ...]
) -> None:
    matrix, biases = drawn(ROWS, WIDTH), drawn(ROWS)

    def product(values: Array) -> bytes:
        kept = (values if adjoint else values.T).reshape(
            *batched, *values.shape[:: 1 if adjoint else -1]
        )
        tensors = [
            Tensor("x", (1, WIDTH)),
            constant("w", kept.copy()),
            constant("b", biases),
            Tensor("q", (1, ROWS)),
            Tensor("y", (1, ROWS)),
        ]
        if quantized:
            tensors[1] = rounded(tensors[1], len(batched) + (0 if adjoint else 1))
        ops = (
            Op("BATCH_MATMUL", ("x", "w"), ("q",), told={"adjY": adjoint}),
            Op("ADD", ("q", "b"), ("y",)),
        )
        return graph(*ops, tensors=tensors)

    plain = graph(
        Op("FULLY_CONNECTED", ("x", "w", "b"), ("y",)),
        tensors=(Tensor("x", (1, WIDTH)), Tensor("y", (1, ROWS))),
        constants={"w": matrix, "b": biases},
    )
    found = compare.files(plain, product(matrix))
    assert (found.findings, found.unmatched, found.layers) == ((), (), 1)
    assert not quantized or 0.8 < found.weights_distance < np.sqrt(3)
    if not quantized:
        assert compare.files(product(matrix), plain).findings == ()
    swapped = only(compare.files(plain, product(matrix[[1, 0, *range(2, ROWS)]])))
    assert (swapped.part, swapped.channels, swapped.of_channels) == ("weights", 2, ROWS)


def test_quantized_weights_without_a_scale_stay_open(compare: Comparer) -> None:
    bare = {**INT8, "conv": replace(INT8["conv"], scales=())}
    found = compare(FLOATS, bare)
    assert found.findings == ()
    assert found.matched_layers == 3
    assert found.unmatched == ("CONV_2D 0 (conv): its kind of scales is not supported",)


def test_scales_that_fit_no_axis_are_unreadable(compare: Comparer) -> None:
    bad = {**INT8, "conv": replace(INT8["conv"], scales=INT8["conv"].scales[:5])}
    found = compare(FLOATS, bad)
    assert [one.change for one in found.findings] == ["unreadable"]
    assert found.matched_layers == 3


def test_a_quantized_baseline_s_own_rounding_is_allowed(compare: Comparer) -> None:
    """Only the 8-bit weights were published: the variant was rounded from those."""
    baseline = of(FLOATS, "dynamic")
    real = dict(FLOATS)
    for layer, axis in AXES.items():
        shape = [-1 if at == axis else 1 for at in range(len(SHAPES[layer]))]
        steps = np.array(baseline[layer].scales).reshape(shape)
        real = changed(real, layer, stored_of(baseline, layer) * steps)
    for factor in (1.0, 1.7):
        variant = dict(of(real, "int8"))
        for layer, axis in AXES.items():
            variant[layer] = rounded(real[layer], axis, factor=factor)
            values = np.asarray(real[f"{layer}_bias"].data, np.float64)
            variant[f"{layer}_bias"] = bias(variant, layer, values)
        clean(compare(baseline, variant))
    wrong = changed(of(real, "int8"), "dense", -stored_of(of(real, "int8"), "dense"))
    assert only(compare(baseline, wrong)).change == "negated"


def test_steps_three_times_as_great_as_needed_are_found(compare: Comparer) -> None:
    found = only(compare(FLOATS, rewritten("conv", factor=3)))
    assert (found.part, found.change) == ("weights", "coarse")
    assert "steps 3.0 times as large as necessary" in found.detail


def test_the_channel_that_loses_most_is_the_one_that_is_told(compare: Comparer) -> None:
    values = stored_of(FLOATS, "conv").copy()
    rows = np.moveaxis(values, AXES["conv"], 0)
    rows[0] *= 1e-5  # far below what counts as a channel of its own
    rows[1] *= 0.02
    baseline = changed(FLOATS, "conv", values)
    found = only(compare(baseline, tensorwise(baseline, "conv")))
    kept = float(found.detail.rpartition("one keeps ")[2].split()[0])
    assert 0 < kept < 0.01


def cut_off(values: Array) -> Array:
    """Return float32 numbers as the next float16 towards 0."""
    halves = values.astype(np.float16)
    beyond = np.abs(halves.astype(np.float32)) > np.abs(values)
    return np.where(beyond, np.nextafter(halves, np.float16(0)), halves)


def test_float16_may_be_cut_off_in_place_of_rounded(compare: Comparer) -> None:
    parts = HALF
    for name in SHAPES:
        parts = changed(parts, name, cut_off(stored_of(FLOATS, name)))
        parts = changed(parts, f"{name}_bias", cut_off(stored_of(FLOATS, f"{name}_bias")))
    found = compare(FLOATS, parts)
    clean(found)
    assert 1.8 < found.weights_distance < found.weights_limit


def test_float16_may_be_rounded_to_the_neighbour(compare: Comparer) -> None:
    parts, generator = HALF, np.random.default_rng(8)
    for name in SHAPES:
        usual = stored_of(HALF, name)
        moved = np.nextafter(usual, np.float16(0))
        third = generator.random(usual.shape) < 1 / 3
        parts = changed(parts, name, np.where(third, moved, usual))
    clean(compare(FLOATS, parts))


@pytest.mark.parametrize("layer", list(SHAPES))
def test_more_than_a_step_of_float16_is_found(compare: Comparer, layer: str) -> None:
    usual = stored_of(HALF, layer)
    beyond = np.nextafter(np.nextafter(usual, np.float16(9)), np.float16(9))
    found = only(compare(FLOATS, changed(HALF, layer, beyond)))
    assert found.change == "near"
    assert "differ from the baseline's by 0.1" in found.detail


def test_a_greatest_weight_that_is_cut_off_to_127_of_128_steps_is_no_finding(
    compare: Comparer,
) -> None:
    weights = np.abs(stored_of(FLOATS, "depthwise"))  # all channels end at the positive side
    floats = changed(FLOATS, "depthwise", weights)
    parts = of(floats, "int8")
    narrow = rounded(floats["depthwise"], AXES["depthwise"], factor=127 / 128)
    assert narrow.data is not None
    assert (np.abs(narrow.data).max(axis=(0, 1, 2)) == 127).all()
    parts["depthwise"] = narrow
    parts["depthwise_bias"] = bias(parts, "depthwise", stored_of(FLOATS, "depthwise_bias"))
    clean(compare(floats, parts))


def test_a_factor_of_next_to_1_is_no_factor(compare: Comparer) -> None:
    noisy = stored_of(FLOATS, "conv") * np.float32(1.001)
    found = only(compare(FLOATS, changed(FLOATS, "conv", noisy)))
    assert (found.change, found.detail) == ("near", "differ from the baseline's by 0.1 %")


def test_an_input_whose_step_is_0_leaves_the_bias_to_its_own_steps(compare: Comparer) -> None:
    assert compare(FLOATS, {**INT8, "x": replace(INT8["x"], scales=(0.0,))}).findings == ()


ROWS, WIDTH, BLOCK = 6, 64, 32
DENSE = drawn(ROWS, WIDTH) * np.linspace(0.1, 2, ROWS * WIDTH, dtype=np.float32).reshape(ROWS, -1)


def dense(weights: Tensor, *others: Tensor) -> bytes:
    """Return a file of one dense layer."""
    ends = Tensor("x", (1, WIDTH)), Tensor("y", (1, ROWS))
    layer = Op("FULLY_CONNECTED", ("x", weights.name), ("y",))
    return graph(layer, tensors=(*ends, weights, *others))


def four_bits(*, order: Sequence[int] = range(ROWS), factor: float = 1.0) -> bytes:
    """Return the layer in blocks of int4, as litert-quantizer writes them.

    Args:
        order: Of the rows of the scales.
        factor: Of the scales.
    """
    blocks = DENSE.reshape(ROWS, -1, BLOCK)
    steps = (np.abs(blocks).max(axis=2) / 7).astype(np.float16)
    whole = np.rint(blocks / steps.astype(np.float32)[..., np.newaxis]).astype(np.int8)
    pairs = (whole.reshape(-1, 2) & 15).view(np.uint8)
    weights = Tensor("w", DENSE.shape, "int4", pairs[:, 0] | pairs[:, 1] << 4)
    scales = (steps[list(order)] * np.float16(factor)).astype(np.float16)
    content = dense(weights, Tensor("s", scales.shape, "float16", scales))
    return in_blocks(content, "w", "s", BLOCK)


def test_a_scale_for_each_block_is_a_good_file_s_if_it_rounds(compare: Comparer) -> None:
    found = compare.files(dense(Tensor("w", DENSE.shape, data=DENSE)), four_bits())
    assert (found.findings, found.unmatched, found.layers) == ((), (), 1)


@pytest.mark.parametrize(
    ("variant", "change", "channels"),
    [
        (four_bits(order=[1, 0, 2, 3, 4, 5]), "rescaled", (4, 12)),
        (four_bits(factor=2.0), "scaled", (12, 12)),
    ],
)
def test_wrong_scales_of_blocks_are_found(
    compare: Comparer, variant: bytes, change: str, channels: tuple[int, int]
) -> None:
    finding = only(compare.files(dense(Tensor("w", DENSE.shape, data=DENSE)), variant))
    assert (finding.change, finding.certain) == (change, True)
    assert (finding.channels, finding.of_channels) == channels
