from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.graphs import (
    BIAS,
    FIELD,
    KERNEL,
    TO_CHANNELS_FIRST,
    TO_CHANNELS_LAST,
    Array,
    drawn,
    graph,
    whole,
)
from tests.unit.measure.stored.nets import (
    OPS,
    RELU,
    RELU6,
    Comparer,
    constant,
    floats,
    of,
    only,
)
from tests.unit.tiny_model import Op, Tensor

FLOATS = floats()
INT8 = of(FLOATS, "int8")


def told(at: int, **options: float) -> tuple[Op, ...]:
    """Return the operators with other options of one."""
    ops = list(OPS)
    ops[at] = replace(ops[at], told={**ops[at].told, **options})
    return tuple(ops)


@pytest.mark.parametrize(
    ("options", "change", "detail"),
    [
        ({"padding": 1}, "another padding", "has padding VALID, in the baseline SAME"),
        ({"strideW": 2}, "another stride", "has stride_w 2, in the baseline 1"),
        ({"strideH": 2}, "another stride", "has stride_h 2, in the baseline 1"),
        ({"dilationWFactor": 2}, "another dilation", "has dilation_w 2, in the baseline 1"),
        ({"dilationHFactor": 3}, "another dilation", "has dilation_h 3, in the baseline 1"),
    ],
)
@pytest.mark.parametrize("at", [0, 1])
def test_another_option_is_found(
    compare: Comparer, at: int, options: dict[str, float], change: str, detail: str
) -> None:
    found = only(compare(FLOATS, INT8, ops=told(at, **options)))
    assert (found.part, found.change, found.detail) == ("operator", change, detail)
    assert (found.operator, found.baseline_operator, found.certain) == (at, at, True)
    assert only(compare(FLOATS, INT8, baseline_ops=told(at, **options))).change == change


def test_a_real_option_may_be_off_by_rounding(compare: Comparer) -> None:
    assert compare(FLOATS, INT8, ops=told(5, beta=1 + 1e-7)).findings == ()
    found = only(compare(FLOATS, INT8, ops=told(5, beta=0.5)))
    assert found.change == "another beta"


def test_an_activation_that_floats_lose_is_lost(compare: Comparer) -> None:
    for at, name in ((0, "RELU6"), (1, "RELU")):
        found = only(compare(FLOATS, FLOATS, ops=told(at, fusedActivationFunction=0)))
        assert found.change == "lost activation"
        assert found.detail == f"lost its activation {name}"
        assert found.certain


def test_another_activation_is_told_apart_from_a_lost_one(compare: Comparer) -> None:
    found = only(compare(FLOATS, FLOATS, ops=told(0, **RELU)))
    assert found.change == "another activation"
    assert found.detail == "has the activation RELU, in the baseline RELU6"
    assert only(compare(FLOATS, FLOATS, ops=told(2, **RELU6))).change == "another activation"


def test_the_output_s_range_can_stand_for_an_activation(compare: Comparer) -> None:
    """Zero point -128 leaves nothing below 0; a step of 6 / 255 nothing above 6."""
    assert compare(FLOATS, INT8, ops=told(0, fusedActivationFunction=0)).findings == ()
    assert compare(FLOATS, INT8, ops=told(0, **RELU)).findings == ()
    assert compare(FLOATS, INT8, ops=told(1, fusedActivationFunction=0)).findings == ()
    wide = {**INT8, "a": replace(INT8["a"], scales=(0.05,), zero_points=(-20,))}
    steps = {**of(FLOATS, "int8"), "a": wide["a"]}
    for options in ({"fusedActivationFunction": 0}, RELU):
        found = compare(FLOATS, steps, ops=told(0, **options))
        assert [one.part for one in found.findings if one.part == "operator"] == ["operator"]


FIRST, LAST = Op("CONV_2D", ("x", "w", "b"), ("a",)), Op("CONV_2D", ("z", "v", "b"), ("y",))


def chain(
    *middle: Op, tensors: tuple[Tensor, ...] = (), outputs: tuple[str, ...] = ("y",), **more: Array
) -> bytes:
    constants = {"w": KERNEL, "v": KERNEL, "b": BIAS, **more}
    return graph(FIRST, *middle, LAST, constants=constants, tensors=tensors, outputs=outputs)


PAD = Op("PAD", ("a", "pads"), ("z",))
AMOUNTS = np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32)


def test_other_amounts_of_padding_are_found(compare: Comparer) -> None:
    uneven = np.array([[0, 0], [0, 1], [0, 1], [0, 0]], np.int32)
    assert compare.files(chain(PAD, pads=AMOUNTS), chain(PAD, pads=AMOUNTS)).findings == ()
    wide = AMOUNTS.astype(np.int64)
    assert compare.files(chain(PAD, pads=AMOUNTS), chain(PAD, pads=wide)).findings == ()
    found = only(compare.files(chain(PAD, pads=AMOUNTS), chain(PAD, pads=uneven)))
    assert (found.part, found.change) == ("parameter", "other parameter")
    assert found.detail == ("is [0, 0, 0, 1, 0, 1, 0, 0], in the baseline [0, 0, 1, 1, 1, 1, 0, 0]")


def test_other_axes_of_a_mean_are_found(compare: Comparer) -> None:
    mean = Op("MEAN", ("a", "axes"), ("z",))
    found = only(compare.files(chain(mean, axes=whole(1, 2)), chain(mean, axes=whole(2, 3))))
    assert (found.part, found.detail) == ("parameter", "is [2, 3], in the baseline [1, 2]")
    kept = replace(mean, told={"keepDims": True})
    assert (
        compare.files(chain(mean, axes=whole(1, 2)), chain(kept, axes=whole(1, 2))).findings == ()
    )


PADDED = Op("PADV2", ("a", "pads", "value"), ("z",))
LOWEST = np.array(np.finfo(np.float32).min, np.float32).reshape(1)


def padded(data: Array, dtype: str, step: float = 0.0, point: int = 0) -> bytes:
    scales, points = ((step,), (point,)) if step else ((), ())
    value = Tensor("value", data.shape, dtype, data, scales, points)
    return chain(PADDED, tensors=(value,), pads=AMOUNTS)


@pytest.mark.parametrize(
    ("stored", "good"), [(-128, True), (-127, True), (-126, False), (0, False), (127, False)]
)
def test_the_lowest_number_that_there_is_is_the_lowest_of_the_type(
    compare: Comparer, stored: int, good: bool
) -> None:
    baseline = padded(LOWEST, "float32")
    found = compare.files(baseline, padded(np.array([stored], np.int8), "int8", 0.1, 5))
    assert ([one.part for one in found.findings] == []) is good
    assert {one.part for one in found.findings} <= {"constant"}


@pytest.mark.parametrize(("stored", "good"), [(-np.inf, True), (-65504, True), (-1000, False)])
def test_so_it_is_of_float16(compare: Comparer, stored: float, good: bool) -> None:
    found = compare.files(
        padded(LOWEST, "float32"), padded(np.array([stored], np.float16), "float16")
    )
    assert (found.findings == ()) is good


def scaled(
    data: Array, dtype: str = "float32", step: float = 0.0, *, turned: bool = False
) -> bytes:
    inputs = ("factor", "a") if turned else ("a", "factor")
    scales, points = ((step,), (0,)) if step else ((), ())
    factor = Tensor("factor", data.shape, dtype, data, scales, points)
    return chain(Op("MUL", inputs, ("z",)), tensors=(factor,))


FACTOR = np.array([0.5, -1.27, 1.0, 0.25], np.float32)
ROUNDED = np.rint(FACTOR / 0.01).astype(np.int8)


def test_a_constant_is_the_baseline_s_rounded(compare: Comparer) -> None:
    baseline = scaled(FACTOR)
    assert compare.files(baseline, scaled(ROUNDED, "int8", 0.01)).findings == ()
    half = FACTOR.astype(np.float16)
    assert compare.files(baseline, scaled(half, "float16")).findings == ()
    found = only(compare.files(baseline, scaled(-ROUNDED, "int8", 0.01)))
    assert (found.part, found.change) == ("constant", "other constant")
    assert found.detail == "is -0.5, 1.27, -1, ..., in the baseline 0.5, -1.27, 1, ..."
    assert found.distance > 100


@pytest.mark.parametrize(
    ("variant", "baseline", "detail"),
    [
        ([3.0], [2.0], "is 3, in the baseline 2"),
        ([3.0, 1.0, 2.0], [2.0, 1.0, 2.0], "is 3, 1, 2, in the baseline 2, 1, 2"),
    ],
)
def test_up_to_three_constants_are_shown_whole(
    compare: Comparer, variant: list[float], baseline: list[float], detail: str
) -> None:
    files = (scaled(np.array(side, np.float32)) for side in (baseline, variant))
    assert only(compare.files(*files)).detail == detail


def test_the_side_of_a_factor_does_not_matter(compare: Comparer) -> None:
    found = compare.files(scaled(FACTOR), scaled(FACTOR, turned=True))
    assert (found.findings, found.unmatched) == ((), ())
    assert only(compare.files(scaled(FACTOR), scaled(2 * FACTOR, turned=True))).part == "constant"


def test_a_constant_with_several_scales_stays_open(compare: Comparer) -> None:
    factor = Tensor("factor", (4,), "int8", ROUNDED, (0.01,) * 4, (0,) * 4)
    content = chain(Op("MUL", ("a", "factor"), ("z",)), tensors=(factor,))
    found = compare.files(scaled(FACTOR), content)
    assert found.findings == ()
    assert found.unmatched == ("MUL 1 (factor): a constant has several scales",)


def test_a_quantized_baseline_s_constant_may_be_rounded_twice(compare: Comparer) -> None:
    values = np.array([0.5, -1.27, 1.0, 0.254], np.float32)
    first = np.rint(values / 0.01).astype(np.int8)
    again = np.rint(first * 0.01 / 0.0173).astype(np.int8)
    found = compare.files(scaled(first, "int8", 0.01), scaled(again, "int8", 0.0173))
    assert found.findings == ()


def logistic(*, turned: bool = False) -> bytes:
    name = "LEAKY_RELU" if turned else "LOGISTIC"
    return chain(Op(name, ("a",), ("z",)))


def test_a_replaced_operator_is_found(compare: Comparer) -> None:
    found = only(compare.files(logistic(), logistic(turned=True)))
    assert (found.part, found.change) == ("operator", "another operator")
    assert found.layer.startswith("LEAKY_RELU 1")
    assert found.detail == "stands where the baseline has LOGISTIC 1 (z)"
    assert found.certain


def test_a_layer_of_another_shape_gives_both_shapes(compare: Comparer) -> None:
    fewer = {
        **FLOATS,
        "dense": constant("dense", drawn(9, 24)),
        "dense_bias": constant("dense_bias", drawn(9)),
        "l": Tensor("l", (1, 9)),
        "y": Tensor("y", (1, 9)),
    }
    (detail,) = (found.detail for found in compare(FLOATS, fewer).findings if found.operator == 4)
    assert detail.startswith("stands where the baseline has FULLY_CONNECTED 4 (dense), ")
    assert detail.endswith("and its weights have the shape 9 x 24 instead of 10 x 24")


@pytest.mark.parametrize(
    ("axes", "size", "same"), [((1, 2), 4, True), ((1, 2), 2, False), ((2, 3), 4, False)]
)
def test_a_pool_over_everything_is_a_mean(
    compare: Comparer, axes: tuple[int, int], size: int, same: bool
) -> None:
    point = Tensor("z", (1, 1, 1, 4))
    mean = chain(Op("MEAN", ("a", "axes"), ("z",)), axes=whole(*axes), tensors=(point,))
    told = {"strideW": 4, "strideH": 4, "filterWidth": size, "filterHeight": size}
    pool = chain(Op("AVERAGE_POOL_2D", ("a",), ("z",), told=told), tensors=(point,))
    for found in (compare.files(mean, pool), compare.files(pool, mean)):
        assert [(each.change, each.certain) for each in found.findings] == (
            [] if same else [("another operator", False)]
        )


VALID = {"padding": 1, "strideW": 1, "strideH": 1}


@pytest.mark.parametrize(
    ("amounts", "strides", "same"),
    [
        ((1, 1, 1, 1), 1, True),
        ((0, 1, 0, 1), 2, True),
        ((1, 1, 1, 1), 2, False),
        ((1, 0, 1, 0), 2, False),
        ((0, 2, 0, 2), 1, False),
    ],
)
def test_padding_by_an_operator_is_that_of_the_option(
    compare: Comparer, amounts: tuple[int, int, int, int], strides: int, same: bool
) -> None:
    """An even side with stride 2 is padded at its end alone, which PyTorch's padding is not."""
    steps = {"strideW": strides, "strideH": strides}
    option = chain(replace(LAST, inputs=("a", "v", "b"), outputs=("z",), told=steps))
    pads = np.array([[0, 0], amounts[:2], amounts[2:], [0, 0]], np.int32)
    wide = Tensor("p", (1, 4 + sum(amounts[:2]), 4 + sum(amounts[2:]), 4))
    padded = chain(
        Op("PAD", ("a", "pads"), ("p",)),
        replace(LAST, inputs=("p", "v", "b"), outputs=("z",), told={**VALID, **steps}),
        tensors=(wide,),
        pads=pads,
    )
    for found in (compare.files(option, padded), compare.files(padded, option)):
        assert (found.findings == ()) is same


PLAIN = graph(
    FIRST, replace(LAST, inputs=("a", "v", "b")), constants={"w": KERNEL, "v": KERNEL, "b": BIAS}
)


def test_a_missing_operator_is_found(compare: Comparer) -> None:
    found = only(compare.files(logistic(), PLAIN))
    assert (found.part, found.change, found.detail) == (
        "operator",
        "missing operator",
        "is missing",
    )
    assert (found.operator, found.baseline_operator, found.certain) == (-1, 1, True)


def between(kind: str, number: float | None = None, **told: float) -> bytes:
    """Return two layers with a sigmoid and another operator between them, perhaps of a constant."""
    constants = {} if number is None else {"k": np.array([number], np.float32)}
    given = ("s0", *constants)
    sigmoid = Op("LOGISTIC", ("a",), ("s0",))
    return chain(
        sigmoid, Op(kind, given, ("z",), told=told), tensors=(), outputs=("y",), **constants
    )


@pytest.mark.parametrize(
    ("ours", "theirs", "other"),
    [
        (("MUL", 1 / 127.5), ("DIV", 127.5), ("DIV", 128.0)),
        (("ADD", -1.0), ("SUB", 1.0), ("SUB", -1.0)),
    ],
)
def test_a_constant_may_be_stored_as_its_inverse(
    compare: Comparer, ours: tuple[str, float], theirs: tuple[str, float], other: tuple[str, float]
) -> None:
    """Pixels are divided by 127.5, or multiplied by its reciprocal, as converters like."""
    for baseline, variant in ((ours, theirs), (theirs, ours)):
        assert compare.files(between(*baseline), between(*variant)).findings == ()
    for baseline, variant in ((ours, other), (other, ours)):
        found = only(compare.files(between(*baseline), between(*variant)))
        assert (found.change, found.certain) == ("other constant", True)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (between("LEAKY_RELU", alpha=0.1), between("PRELU", 0.1)),
        (between("RELU"), between("MAXIMUM", 0.0)),
    ],
)
def test_another_writing_of_what_may_be_the_same_stays_open(
    compare: Comparer, ours: bytes, theirs: bytes
) -> None:
    for files in ((ours, theirs), (theirs, ours)):
        assert not only(compare.files(*files)).certain
    assert only(compare.files(between("RELU"), between("MINIMUM", 0.0))).certain


def clipped(*steps: tuple[str, float], top: float | None = None) -> bytes:
    """Return two layers with clips between them, of int8 up to a greatest value if one is given."""
    names = ["a", *(f"s{at}" for at in range(1, len(steps))), "z"]
    scale = 0.0 if top is None else top / 255
    kept = () if top is None else ((scale,), (-128,))
    tensors = [
        Tensor(name, FIELD, "float32" if top is None else "int8", None, *kept) for name in names
    ]
    for at, (_, end) in enumerate(steps):
        ints = np.array([np.clip(np.rint(end / (scale or 1)) - 128, -128, 127)], np.int8)
        real = np.array([end], np.float32)
        data = real if top is None else ints
        tensors.append(Tensor(f"e{at}", (1,), data.dtype.name, data, *kept))
    ops = [Op(kind, (names[at], f"e{at}"), (names[at + 1],)) for at, (kind, _) in enumerate(steps)]
    return chain(*ops, tensors=tuple(tensors))


RELU6_IN_TWO = (("MAXIMUM", 0.0), ("MINIMUM", 6.0))


def test_a_clip_by_operators_is_a_fused_activation(compare: Comparer) -> None:
    """Exporters of ONNX's Clip and Relu write them as a maximum and a minimum."""
    fused = graph(
        replace(FIRST, told=RELU6),
        replace(LAST, inputs=("a", "v", "b")),
        constants={"w": KERNEL, "v": KERNEL, "b": BIAS},
    )
    for apart in (clipped(*RELU6_IN_TWO), clipped(*RELU6_IN_TWO[::-1])):
        assert compare.files(fused, apart).findings == ()
        assert compare.files(apart, fused).findings == ()
    found = only(compare.files(fused, clipped(("MAXIMUM", 0.0))))
    assert found.detail == "has the activation RELU, in the baseline RELU6"
    assert compare.files(fused, clipped(("MAXIMUM", 0.0), ("MINIMUM", 5.0))).findings


def test_a_guard_that_floats_lose_is_lost(compare: Comparer) -> None:
    """A maximum with 1e-12 is all that keeps what divides by it from dividing by 0."""
    guarded = clipped(("MAXIMUM", 1e-12))
    assert compare.files(guarded, guarded).findings == ()
    assert compare.files(guarded, clipped(("MAXIMUM", 0.0), top=6.0)).findings == ()
    found = only(compare.files(guarded, clipped(("MAXIMUM", 0.0))))
    assert found.detail == "clips to 0 to inf, the baseline to 1e-12 to inf"


@pytest.mark.parametrize("top", [4.0, 5.9, 6.0, 9.0])
def test_so_it_is_if_quantized_values_end_before_the_clip_does(
    compare: Comparer, top: float
) -> None:
    """A 6 beyond the range is stored as the end of the range, which clips nothing."""
    apart = clipped(*RELU6_IN_TWO, top=top)
    assert compare.files(clipped(*RELU6_IN_TWO), apart).findings == ()


def test_an_added_operator_is_found(compare: Comparer) -> None:
    found = only(compare.files(PLAIN, logistic()))
    assert (found.part, found.change) == ("operator", "added operator")
    assert found.detail == "is not in the baseline"
    assert (found.operator, found.baseline_operator, found.certain) == (1, -1, True)


def test_a_part_that_was_rewritten_is_not_certain(compare: Comparer) -> None:
    """A hard swish as one operator, or as five, computes the same."""
    three = np.full(1, 3, np.float32)
    one = chain(Op("LOGISTIC", ("a",), ("z",)))
    other = chain(
        Op("ADD", ("a", "three"), ("s",), told=RELU6),
        Op("MUL", ("s", "a"), ("z",)),
        three=three,
    )
    found = compare.files(one, other)
    assert {one.change for one in found.findings} == {"missing operator", "added operator"}
    assert not any(one.certain for one in found.findings)


def test_what_leads_to_an_extra_output_alone_is_ignored(compare: Comparer) -> None:
    extra = graph(
        FIRST,
        Op("LOGISTIC", ("a",), ("more",)),
        replace(LAST, inputs=("a", "v", "b")),
        constants={"w": KERNEL, "v": KERNEL, "b": BIAS},
        outputs=("y", "more"),
    )
    assert compare.files(PLAIN, extra).findings == ()
    found = compare.files(extra, PLAIN)
    assert [one.change for one in found.findings] == ["missing operator"]


def test_outputs_in_another_order_are_told(compare: Comparer) -> None:
    def heads(*outputs: str) -> bytes:
        ops = (FIRST, Op("LOGISTIC", ("a",), ("p",)), Op("TANH", ("a",), ("q",)))
        return graph(*ops, constants={"w": KERNEL, "b": BIAS}, outputs=outputs)

    assert compare.files(heads("p", "q"), heads("p", "q")).findings == ()
    found = compare.files(heads("p", "q"), heads("q", "p"))
    assert {one.change for one in found.findings} == {"outputs in another order"}
    assert not any(one.certain for one in found.findings)
    assert len(found.findings) == 2


TALL = (1, 4, 3, 5)


def turned(*orders: tuple[str, str, str], last: str) -> bytes:
    ops = [Op("TRANSPOSE", (given, order), (made,)) for given, order, made in orders]
    constants = {"first": TO_CHANNELS_FIRST, "last": TO_CHANNELS_LAST}
    tensors = [Tensor("x", TALL), Tensor("t", (1, 5, 4, 3)), Tensor("u", TALL)]
    used = {order for _, order, _ in orders}
    return graph(
        *ops,
        Op("LOGISTIC", (last,), ("y",)),
        constants={name: values for name, values in constants.items() if name in used},
        tensors=tensors,
    )


def test_axes_in_another_order_are_not_certain(compare: Comparer) -> None:
    plain = turned(last="x")
    back = turned(("x", "first", "t"), ("t", "last", "u"), last="u")
    assert compare.files(plain, back).findings == ()
    found = only(compare.files(plain, turned(("x", "first", "t"), last="t")))
    assert (found.part, found.change, found.certain) == ("operator", "axes", False)


def test_a_constant_that_the_variant_computes_stays_open(compare: Comparer) -> None:
    computed = chain(
        Op("LOGISTIC", ("x",), ("factor",)),
        Op("MUL", ("a", "factor"), ("z",)),
    )
    found = compare.files(scaled(FACTOR), computed)
    assert found.unmatched or found.findings


def test_every_constant_is_counted(compare: Comparer) -> None:
    content = padded(LOWEST, "float32")
    assert compare.files(content, content).tensors == 6  # two layers with biases, two more


IMAGE, PLANES = (1, 6, 5, 3), (1, 3, 6, 5)
FACTORS = np.array([0.5, 0.25, 0.125], np.float32)


def first_layer(
    *, planes: bool, order: Array = TO_CHANNELS_LAST, factor: Array | None = None
) -> bytes:
    """Return a file with a rescaling before its first layer, and channels first if ``planes``."""
    ops = [Op("MUL", ("x", "factor"), ("r",))]
    constants = {"factor": np.full(1, 0.5, np.float32) if factor is None else factor}
    tensors = [Tensor("x", PLANES if planes else IMAGE), Tensor("r", PLANES if planes else IMAGE)]
    if planes:
        turned_shape = tuple(tensors[0].shape[axis] for axis in order)
        ops.append(Op("TRANSPOSE", ("r", "order"), ("t",)))
        constants["order"] = order
        tensors.append(Tensor("t", turned_shape))
    ops.append(Op("CONV_2D", ("t" if planes else "r", "w", "b"), ("y",)))
    constants.update(w=drawn(4, 3, 3, 3), b=BIAS)
    return graph(*ops, constants=constants, tensors=tensors)


def test_channels_that_come_first_may_be_put_last(compare: Comparer) -> None:
    """Photographs are fed in the order that each file takes."""
    last, first = first_layer(planes=False), first_layer(planes=True)
    assert compare.files(last, first).findings == ()
    assert compare.files(first, last).findings == ()


@pytest.mark.parametrize(
    ("order", "factor"), [((0, 3, 2, 1), None), ((0, 2, 3, 1), FACTORS.reshape(1, 3, 1, 1))]
)
def test_rows_and_columns_that_are_exchanged_too_stay_open(
    compare: Comparer, order: tuple[int, ...], factor: Array | None
) -> None:
    """A factor for each channel lies along another axis then, which is not traced."""
    last = first_layer(planes=False, factor=None if factor is None else FACTORS)
    other = first_layer(planes=True, order=whole(*order), factor=factor)
    found = compare.files(last, other)
    assert [one.change for one in found.findings] == ["axes"]
    assert not found.findings[0].certain


@pytest.mark.parametrize("kind", ["SOFTMAX", "LOGISTIC"])
def test_probabilities_in_one_file_alone_are_an_ending(compare: Comparer, kind: str) -> None:
    scores = graph(FIRST, constants={"w": KERNEL, "b": BIAS}, outputs=("a",))
    ended = graph(FIRST, Op(kind, ("a",), ("y",)), constants={"w": KERNEL, "b": BIAS})
    lost, added = only(compare.files(ended, scores)), only(compare.files(scores, ended))
    assert (lost.change, added.change) == ("lost ending", "added ending")
    assert lost.certain
    assert added.certain
    assert lost.detail == (
        "is missing: output 0 holds the scores of which the baseline makes probabilities"
    )
    assert added.detail == (
        "is not in the baseline: output 0 holds probabilities, the baseline's the scores before "
        "them"
    )


def test_a_softmax_that_is_missing_inside_is_not_an_ending(compare: Comparer) -> None:
    inside = chain(Op("SOFTMAX", ("a",), ("z",)))
    assert only(compare.files(inside, PLAIN)).change == "missing operator"


@pytest.mark.parametrize(("scales", "changes"), [((), []), ((0.5,), ["added operator"])])
def test_a_cast_of_steps_is_not_what_they_stand_for(
    compare: Comparer, scales: tuple[float, ...], changes: list[str]
) -> None:
    plain = graph(Op("LOGISTIC", ("x",), ("y",)))
    steps = Tensor("x", (1, 4, 4, 4), "int8", None, scales, tuple(0 for _ in scales))
    cast = graph(Op("CAST", ("x",), ("real",)), Op("LOGISTIC", ("real",), ("y",)), tensors=[steps])
    assert [one.change for one in compare.files(plain, cast).findings] == changes
