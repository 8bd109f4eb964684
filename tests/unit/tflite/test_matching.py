from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeq.tflite.matching import Matching, match
from tests.unit.graphs import (
    BIAS,
    KERNEL,
    POINT,
    TO_CHANNELS_FIRST,
    TO_CHANNELS_LAST,
    Array,
    drawn,
    graph,
    skeleton_of,
    whole,
)
from tests.unit.tiny_model import Op, Tensor

Compare = Callable[[bytes, bytes], Matching]


@pytest.fixture
def compare(tmp_path: Path) -> Compare:
    def compared(baseline: bytes, variant: bytes) -> Matching:
        return match(
            skeleton_of(tmp_path, baseline, "baseline.tflite"),
            skeleton_of(tmp_path, variant, "variant.tflite"),
        )

    return compared


def conv(given: str, made: str, weights: str = "w", bias: str = "b", **told: float) -> Op:
    return Op("CONV_2D", (given, weights, bias), (made,), told=told)


def names(matching: Matching) -> list[tuple[str, str]]:
    """Return what pairs compute, in both files."""

    def made(found: Matching, at: int) -> tuple[str, str]:
        pair = found.pairs[at]
        ours, theirs = pair.baseline.outputs[0], pair.variant.outputs[0]
        return (
            found.baseline.model.tensors[ours].name,
            found.variant.model.tensors[theirs].name,
        )

    return [made(matching, at) for at in range(len(matching.pairs))]


def unpaired(matching: Matching, *, replaced: int = 0, missing: int = 0, added: int = 0) -> None:
    """Assert how many operators have no partner."""
    found = len(matching.replaced), len(matching.missing), len(matching.added)
    assert found == (replaced, missing, added)


def alike(matching: Matching, count: int) -> None:
    """Assert that every operator has its partner, known by the graph."""
    assert len(matching.pairs) == count
    assert {one.evidence for one in matching.pairs} == {"graph"}
    unpaired(matching)


CONSTANTS: dict[str, Array] = {
    "w": KERNEL,
    "b": BIAS,
    "v": KERNEL,
    "c": BIAS,
    "p": POINT,
    "axes": whole(1, 2),
    "s": whole(1, 4, 4, 4),
}
RESIDUAL = (
    conv("x", "a"),
    conv("a", "m", "v", "c"),
    Op("MEAN", ("m", "axes"), ("pooled",)),
    conv("pooled", "g", "p", "c"),
    Op("LOGISTIC", ("g",), ("gate",)),
    Op("MUL", ("m", "gate"), ("gated",)),
    Op("ADD", ("a", "gated"), ("y",)),
)
"""A block with a squeeze-and-excite gate and a residual."""


def net(*ops: Op, tensors: tuple[Tensor, ...] = (), outputs: tuple[str, ...] = ("y",)) -> bytes:
    used = {name for one in ops for name in one.inputs}
    constants = {name: data for name, data in CONSTANTS.items() if name in used}
    return graph(*ops, constants=constants, tensors=tensors, outputs=outputs)


BLOCK = net(*RESIDUAL)


def without(*gone: str, **instead: str) -> bytes:
    """Return the block without what makes some tensors; who took them takes others instead."""
    ops = []
    for one in RESIDUAL:
        if one.outputs[0] in gone:
            continue
        inputs = tuple(instead.get(name, name) for name in one.inputs)
        ops.append(replace(one, inputs=inputs))
    return net(*ops)


def test_the_same_graph_matches_itself(compare: Compare) -> None:
    found = compare(BLOCK, BLOCK)
    alike(found, len(RESIDUAL))
    assert all(ours == theirs for ours, theirs in names(found))


def renamed(ops: tuple[Op, ...]) -> tuple[Op, ...]:
    """Return operators whose activations have other names."""

    def other(name: str) -> str:
        return name if name in CONSTANTS or name in {"x", "y"} else f"other/{name}"

    return tuple(
        replace(one, inputs=tuple(map(other, one.inputs)), outputs=tuple(map(other, one.outputs)))
        for one in ops
    )


def test_names_of_activations_do_not_matter(compare: Compare) -> None:
    found = compare(BLOCK, net(*renamed(RESIDUAL)))
    alike(found, len(RESIDUAL))
    assert all(theirs in {ours, f"other/{ours}"} for ours, theirs in names(found))


def test_names_of_weights_do_not_matter(compare: Compare) -> None:
    ops = (conv("x", "a"), conv("a", "y", "v", "c"))
    swapped = (conv("x", "a", "v", "c"), conv("a", "y"))
    found = compare(net(*ops), net(*swapped))
    alike(found, 2)
    assert names(found) == [("a", "a"), ("y", "y")]


def test_the_order_of_tensors_does_not_matter(compare: Compare) -> None:
    first = (Tensor("y", (1, 4, 4, 4)), Tensor("gate", (1, 4, 4, 4)))
    found = compare(BLOCK, net(*RESIDUAL, tensors=first))
    alike(found, len(RESIDUAL))
    assert all(ours == theirs for ours, theirs in names(found))


BRANCHES = (
    conv("x", "a"),
    conv("x", "b2", "v", "c"),
    Op("LOGISTIC", ("a",), ("l",)),
    Op("TANH", ("b2",), ("t",)),
    Op("CONCATENATION", ("l", "t"), ("y",), axis=3),
)


def test_the_order_of_independent_operators_does_not_matter(compare: Compare) -> None:
    a, b, left, right, last = BRANCHES
    found = compare(net(*BRANCHES), net(b, right, a, left, last))
    alike(found, 4)  # TANH counts as fused
    assert all(ours == theirs for ours, theirs in names(found))


def test_twins_are_told_apart_by_what_follows(compare: Compare) -> None:
    """Both convolutions take the same and have the same shapes; names and order are swapped."""
    a, b, left, right, last = BRANCHES
    swapped = net(replace(b, outputs=("a",)), replace(a, outputs=("b2",)), left, right, last)
    found = compare(net(*BRANCHES), swapped)
    alike(found, 4)
    weights = [one.variant.name for one in found.pairs if one.baseline.kind == "CONV_2D"]
    assert weights == ["v", "w"]  # the first leads to the sigmoid in both


def test_twins_are_told_apart_by_where_they_enter(compare: Compare) -> None:
    ops = (conv("x", "a"), conv("x", "d", "v", "c"), Op("SUB", ("a", "d"), ("y",)))
    crossed = (conv("x", "d", "v", "c"), conv("x", "a"), Op("SUB", ("a", "d"), ("y",)))
    alike(compare(net(*ops), net(*crossed)), 3)
    assert [(a, b) for a, b in names(compare(net(*ops), net(*crossed)))] == [
        ("a", "a"),
        ("d", "d"),
        ("y", "y"),
    ]


def test_twins_are_told_apart_by_the_output_they_make(compare: Compare) -> None:
    ops = (conv("x", "a"), conv("x", "d", "v", "c"))
    found = compare(net(*ops, outputs=("a", "d")), net(*reversed(ops), outputs=("a", "d")))
    alike(found, 2)
    assert names(found) == [("a", "a"), ("d", "d")]


def test_true_twins_are_paired_by_name(compare: Compare) -> None:
    ops = (conv("x", "a"), conv("x", "d", "v", "c"), Op("ADD", ("a", "d"), ("y",)))
    found = compare(net(*ops), net(ops[1], ops[0], ops[2]))
    alike(found, 3)
    assert [(one.baseline.name, one.variant.name) for one in found.pairs[:2]] == [
        ("w", "w"),
        ("v", "v"),
    ]


def test_true_twins_without_names_are_paired_in_order(compare: Compare) -> None:
    ops = (conv("x", "a"), conv("x", "d", "v", "c"), Op("ADD", ("a", "d"), ("y",)))
    constants = {"one": KERNEL, "two": KERNEL, "b": BIAS}
    unnamed = graph(
        conv("x", "a", "one"),
        conv("x", "d", "two"),
        Op("ADD", ("d", "a"), ("y",)),
        constants=constants,
    )
    found = compare(net(*ops), unnamed)
    alike(found, 3)
    assert [one.variant.name for one in found.pairs[:2]] == ["one", "two"]


def test_the_order_of_summands_does_not_matter_but_of_a_difference_does(
    compare: Compare,
) -> None:
    def ends(name: str, *inputs: str) -> bytes:
        return net(
            Op("LOGISTIC", ("x",), ("l",)), Op("LOG", ("x",), ("g",)), Op(name, inputs, ("y",))
        )

    for name in ("ADD", "MUL", "MAXIMUM"):
        alike(compare(ends(name, "l", "g"), ends(name, "g", "l")), 3)
    for name in ("SUB", "DIV"):
        found = compare(ends(name, "l", "g"), ends(name, "g", "l"))
        before = [one for one in found.pairs if one.baseline.kind == name]
        # What leads there differs, so it is known as the maker of the output alone.
        assert len(before) == 1
        alike(found, 3)


@pytest.mark.parametrize("name", ["RELU", "RELU6"])
def test_an_unfused_activation_is_no_operator(compare: Compare, name: str) -> None:
    number = {"RELU": 1, "RELU6": 3}[name]
    fused = net(conv("x", "a", fusedActivationFunction=number), conv("a", "y", "v", "c"))
    apart = net(conv("x", "r"), Op(name, ("r",), ("a",)), conv("a", "y", "v", "c"))
    for found in (compare(fused, apart), compare(apart, fused)):
        alike(found, 2)
        assert found.pairs[0].baseline.activation == found.pairs[0].variant.activation == name


def wrapped(*middle: Op) -> bytes:
    return net(conv("x", "a"), *middle, conv("z", "y", "v", "c"))


PLAIN = net(conv("x", "z"), conv("z", "y", "v", "c"))


@pytest.mark.parametrize(
    "middle",
    [
        (Op("RESHAPE", ("a", "s"), ("z",)),),
        (Op("QUANTIZE", ("a",), ("q",)), Op("DEQUANTIZE", ("q",), ("z",))),
        (Op("QUANTIZE", ("a",), ("q",)), Op("QUANTIZE", ("q",), ("z",))),
        (Op("SQUEEZE", ("a",), ("q",)), Op("EXPAND_DIMS", ("q", "s"), ("z",))),
    ],
)
def test_operators_that_change_no_value_are_looked_through(
    compare: Compare, middle: tuple[Op, ...]
) -> None:
    alike(compare(PLAIN, wrapped(*middle)), 2)
    alike(compare(wrapped(*middle), PLAIN), 2)


def test_channels_first_outside_is_the_same_graph(compare: Compare) -> None:
    """The variant takes and gives channels first, as converters from PyTorch write it."""
    ops = (
        Op("TRANSPOSE", ("x", "last"), ("t",)),
        conv("t", "a"),
        conv("a", "z", "v", "c"),
        Op("TRANSPOSE", ("z", "first"), ("y",)),
    )
    constants = {name: CONSTANTS[name] for name in ("w", "b", "v", "c")}
    orders = {"first": TO_CHANNELS_FIRST, "last": TO_CHANNELS_LAST}
    found = compare(PLAIN, graph(*ops, constants=constants | orders))
    alike(found, 2)
    assert found.pairs[0].variant.sources[0] != found.pairs[0].baseline.sources[0]
    assert found.pairs[1].variant.sources[0] == found.pairs[1].baseline.sources[0]


def test_a_dense_layer_matches_a_convolution_of_one_place(compare: Compare) -> None:
    dense = graph(
        Op("FULLY_CONNECTED", ("x", "w", "b"), ("y",)),
        constants={"w": POINT.reshape(4, 4), "b": BIAS},
    )
    alike(compare(net(conv("x", "y", "p")), dense), 1)


def test_a_dropped_gate_is_what_is_missing(compare: Compare) -> None:
    found = compare(BLOCK, without("pooled", "g", "gate", "gated", gated="m"))
    assert [one.kind for one in found.missing] == ["MEAN", "DENSE", "LOGISTIC", "MUL"]
    assert found.added == ()
    assert names(found) == [("a", "a"), ("m", "m"), ("y", "y")]


def test_a_dropped_residual_is_what_is_missing(compare: Compare) -> None:
    ops = (*RESIDUAL[:-1], conv("gated", "y"))
    whole_net = net(*RESIDUAL[:-1], Op("ADD", ("a", "gated"), ("sum",)), conv("sum", "y"))
    found = compare(whole_net, net(*ops))
    assert [one.kind for one in found.missing] == ["ADD"]
    unpaired(found, missing=len(found.missing))
    assert len(found.pairs) == len(RESIDUAL)
    assert all(ours == theirs for ours, theirs in names(found))


def test_an_added_operator_is_what_is_added(compare: Compare) -> None:
    found = compare(PLAIN, wrapped(Op("LOGISTIC", ("a",), ("z",))))
    assert [one.kind for one in found.added] == ["LOGISTIC"]
    unpaired(found, added=len(found.added))
    assert names(found) == [("z", "a"), ("y", "y")]


def test_a_replaced_operator_is_known_by_its_neighbours(compare: Compare) -> None:
    found = compare(
        wrapped(Op("LOGISTIC", ("a",), ("z",))), wrapped(Op("LEAKY_RELU", ("a",), ("z",)))
    )
    (pair,) = found.replaced
    assert (pair.baseline.kind, pair.variant.kind) == ("LOGISTIC", "LEAKY_RELU")
    unpaired(found, replaced=1)
    assert len(found.pairs) == 2


def test_the_first_and_the_last_operator_can_be_replaced(compare: Compare) -> None:
    def ends(first: str, last: str) -> bytes:
        return net(Op(first, ("x",), ("a",)), conv("a", "m"), Op(last, ("m",), ("y",)))

    found = compare(ends("LOG", "LOGISTIC"), ends("LEAKY_RELU", "SOFTMAX"))
    assert [(one.baseline.kind, one.variant.kind) for one in found.replaced] == [
        ("LOG", "LEAKY_RELU"),
        ("LOGISTIC", "SOFTMAX"),
    ]


def test_a_layer_of_another_shape_is_replaced(compare: Compare) -> None:
    constants = {"w": KERNEL, "b": BIAS, "v": drawn(4, 5, 5, 4)}
    other = graph(conv("x", "z"), conv("z", "y", "v", "b"), constants=constants)
    found = compare(PLAIN, other)
    assert [one.baseline.name for one in found.replaced] == ["v"]
    assert len(found.pairs) == 1


def test_the_rest_is_known_by_names(compare: Compare) -> None:
    """Two changes in a row leave an operator without any neighbour that is known."""

    def middle(*around: str) -> bytes:
        first, last = around
        return net(
            conv("x", "a"),
            Op(first, ("a",), ("m",)),
            conv("m", "n", "p", "c"),
            Op(last, ("n",), ("z",)),
            conv("z", "y", "v", "c"),
        )

    found = compare(middle("LOG", "LOGISTIC"), middle("LEAKY_RELU", "LOG"))
    inner = next(one for one in found.pairs if one.baseline.name == "p")
    assert (inner.variant.name, inner.evidence) == ("p", "name")


def test_what_has_no_name_either_is_known_by_order_alone(compare: Compare) -> None:
    def middle(weights: str, first: str, last: str) -> bytes:
        constants = {"w": KERNEL, "b": BIAS, "v": KERNEL, weights: POINT}
        return graph(
            conv("x", "a"),
            Op(first, ("a",), ("m",)),
            conv("m", "n", weights),
            Op(last, ("n",), ("z",)),
            conv("z", "y", "v"),
            constants=constants,
        )

    found = compare(middle("p", "LOG", "LOGISTIC"), middle("q", "LEAKY_RELU", "TANH"))
    inner = next(one for one in found.pairs if one.baseline.name == "p")
    assert (inner.variant.name, inner.evidence) == ("q", "order")


FACTOR, SUMMAND = drawn(4, seed=3), drawn(4, seed=4)
UNFOLDED = graph(
    Op("CONV_2D", ("x", "w"), ("a",)),
    Op("MUL", ("a", "factor"), ("m",)),
    Op("ADD", ("m", "summand"), ("z",)),
    conv("z", "y", "v"),
    constants={"w": KERNEL, "factor": FACTOR, "summand": SUMMAND, "v": KERNEL, "b": BIAS},
)


def test_an_unfolded_normalization_leaves_the_layers_matched(compare: Compare) -> None:
    found = compare(UNFOLDED, PLAIN)
    assert [one.kind for one in found.missing] == ["MUL", "ADD"]
    unpaired(found, missing=len(found.missing))
    assert names(found) == [("a", "z"), ("y", "y")]
    turned = compare(PLAIN, UNFOLDED)
    assert [one.kind for one in turned.added] == ["MUL", "ADD"]
    unpaired(turned, added=2)
    assert names(turned) == [("z", "a"), ("y", "y")]


def test_a_layer_without_bias_matches_one_with(compare: Compare) -> None:
    """Converters write a bias of zeros where the float layer has none."""
    ops = (Op("CONV_2D", ("x", "w"), ("z",)), conv("z", "y", "v"))
    bare = graph(*ops, constants={"w": KERNEL, "v": KERNEL, "b": BIAS})
    alike(compare(bare, PLAIN), 2)
    alike(compare(PLAIN, bare), 2)


def test_dead_operators_are_ignored(compare: Compare) -> None:
    dead = net(Op("LOG", ("x",), ("d",)), conv("x", "z"), conv("z", "y", "v", "c"))
    alike(compare(PLAIN, dead), 2)
    alike(compare(dead, PLAIN), 2)


def test_more_outputs_leave_the_rest_matched(compare: Compare) -> None:
    more = net(conv("x", "z"), conv("z", "y", "v", "c"), outputs=("y", "z"))
    found = compare(PLAIN, more)
    assert len(found.pairs) == 2
    unpaired(found)


def test_float16_and_quantized_weights_have_the_shape_of_the_float_ones(compare: Compare) -> None:
    half = Tensor("half", KERNEL.shape, "float16", KERNEL.astype(np.float16))
    ops = (Op("DEQUANTIZE", ("half",), ("w",)), conv("x", "z"), conv("z", "y", "v"))
    content = graph(
        *ops, constants={"v": KERNEL, "b": BIAS}, tensors=[half, Tensor("w", KERNEL.shape)]
    )
    alike(compare(PLAIN, content), 2)


def branches(*inputs: str) -> bytes:
    """Return a file with a layer for each of two inputs, whose weights differ."""
    return graph(
        conv("p", "a", "w"),
        conv("q", "c", "v"),
        Op("SUB", ("a", "c"), ("y",)),
        constants={"w": KERNEL, "v": drawn(4, 3, 3, 4, seed=7), "b": BIAS},
        inputs=inputs,
    )


def test_inputs_in_another_order_are_matched_by_their_names(compare: Compare) -> None:
    matching = compare(branches("p", "q"), branches("q", "p"))
    assert [pair.evidence for pair in matching.pairs] == ["graph"] * 3
    assert [node.kind for node in matching.missing] == []
    assert set(names(matching)) == {("a", "a"), ("c", "c"), ("y", "y")}


def test_inputs_of_other_names_are_matched_in_their_order(compare: Compare) -> None:
    renamed = graph(
        conv("r", "a", "w"),
        conv("s", "c", "v"),
        Op("SUB", ("a", "c"), ("y",)),
        constants={"w": KERNEL, "v": drawn(4, 3, 3, 4, seed=7), "b": BIAS},
        inputs=("r", "s"),
    )
    assert set(names(compare(branches("p", "q"), renamed))) == {("a", "a"), ("c", "c"), ("y", "y")}
