from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeq.errors import ModelError
from edgeq.tflite.skeleton import DENSE, Skeleton, _reduced, short, squeezed
from tests.unit.graphs import (
    BIAS,
    KERNEL,
    POINT,
    TO_CHANNELS_FIRST,
    TO_CHANNELS_LAST,
    drawn,
    graph,
    skeleton_of,
    whole,
)
from tests.unit.tiny_model import Op, Tensor

RELU6_FUSED = {"fusedActivationFunction": 3}
LAYER = {"w": KERNEL, "b": BIAS}


def kinds(graph: Skeleton) -> list[tuple[str, str]]:
    return [(one.kind, one.activation) for one in graph.nodes]


def conv(given: str, made: str, **told: float) -> Op:
    return Op("CONV_2D", (given, "w", "b"), (made,), told=told)


@pytest.mark.parametrize("name", ["RELU", "RELU6", "RELU_N1_TO_1", "TANH"])
def test_an_activation_that_stands_alone_counts_as_fused(tmp_path: Path, name: str) -> None:
    found = skeleton_of(tmp_path, graph(conv("x", "a"), Op(name, ("a",), ("y",)), constants=LAYER))
    assert kinds(found) == [("CONV_2D", name)]
    (node,) = found.nodes
    assert [found.model.tensors[at].name for at in node.outputs] == ["y"]
    assert found.outputs[0].node == 0
    assert "activation" not in dict(node.options)


def test_a_quantize_before_the_activation_is_looked_through(tmp_path: Path) -> None:
    ops = conv("x", "a"), Op("QUANTIZE", ("a",), ("b2",)), Op("RELU", ("b2",), ("y",))
    assert kinds(skeleton_of(tmp_path, graph(*ops, constants=LAYER))) == [("CONV_2D", "RELU")]


ZERO, SIX, FIVE = (np.array([value], np.float32) for value in (0, 6, 5))


@pytest.mark.parametrize(
    ("steps", "activation", "left"),
    [
        ([("MAXIMUM", "zero")], "RELU", []),
        ([("MAXIMUM", "zero"), ("MINIMUM", "six")], "RELU6", []),
        ([("MINIMUM", "six"), ("MAXIMUM", "zero")], "RELU6", []),
        ([("RELU", ""), ("MINIMUM", "six")], "RELU6", []),
        ([("MAXIMUM", "zero"), ("MINIMUM", "five")], "RELU", [("MINIMUM", "NONE")]),
        ([("MINIMUM", "six")], "NONE", [("MINIMUM", "NONE")]),
    ],
)
def test_a_clip_at_constants_is_the_activation_that_it_computes(
    tmp_path: Path,
    steps: list[tuple[str, str]],
    activation: str,
    left: list[tuple[str, str]],
) -> None:
    names = ["a", "m", "y"] if len(steps) > 1 else ["a", "y"]
    ops = [
        Op(name, (names[at], end) if end else (names[at],), (names[at + 1],))
        for at, (name, end) in enumerate(steps)
    ]
    ends = {"zero": ZERO, "six": SIX, "five": FIVE}
    used = {end: ends[end] for _, end in steps if end}
    found = skeleton_of(tmp_path, graph(conv("x", "a"), *ops, constants=LAYER | used))
    assert kinds(found) == [("CONV_2D", activation), *left]
    tensors = found.model.tensors
    fused = len(steps) - len(left)
    assert [tensors[at].name for at in found.nodes[0].outputs] == [names[fused]]
    assert [tensors[at].name for at in found.nodes[0].inner] == names[:fused]


def test_an_end_may_be_rounded_to_its_own_step(tmp_path: Path) -> None:
    rounded = Tensor("six", (1,), "int8", np.array([60], np.int8), (0.0995,), (0,))
    ops = (
        conv("x", "a"),
        Op("MAXIMUM", ("a", "zero"), ("m",)),
        Op("MINIMUM", ("m", "six"), ("y",)),
    )
    constants = LAYER | {"zero": ZERO}
    found = skeleton_of(tmp_path, graph(*ops, constants=constants, tensors=[rounded]))
    assert kinds(found) == [("CONV_2D", "RELU6")]


def test_a_maximum_of_two_activations_or_several_numbers_is_no_clip(tmp_path: Path) -> None:
    both = graph(conv("x", "a"), Op("MAXIMUM", ("a", "x"), ("y",)), constants=LAYER)
    several = {"ends": np.zeros(4, np.float32)}
    many = graph(conv("x", "a"), Op("MAXIMUM", ("a", "ends"), ("y",)), constants=LAYER | several)
    for content in (both, many):
        found = skeleton_of(tmp_path, content)
        assert kinds(found) == [("CONV_2D", "NONE"), ("MAXIMUM", "NONE")]


def test_a_circle_of_type_changes_ends(tmp_path: Path) -> None:
    ops = conv("x", "a"), Op("QUANTIZE", ("a",), ("q",)), Op("QUANTIZE", ("q",), ("a",))
    found = skeleton_of(
        tmp_path, graph(*ops, Op("RELU", ("x",), ("y",)), outputs=("y", "q"), constants=LAYER)
    )
    assert ("RELU", "NONE") in kinds(found)


def test_a_reshape_before_the_activation_keeps_it_alone(tmp_path: Path) -> None:
    ops = conv("x", "a"), Op("RESHAPE", ("a", "s"), ("r",)), Op("RELU", ("r",), ("y",))
    found = skeleton_of(tmp_path, graph(*ops, constants=LAYER | {"s": whole(1, 4, 4, 4)}))
    assert kinds(found) == [("CONV_2D", "NONE"), ("RELU", "NONE")]


def test_an_operator_has_one_activation(tmp_path: Path) -> None:
    ops = conv("x", "a", **RELU6_FUSED), Op("RELU", ("a",), ("y",))
    found = skeleton_of(tmp_path, graph(*ops, constants=LAYER))
    assert kinds(found) == [("CONV_2D", "RELU6"), ("RELU", "NONE")]


def test_an_activation_of_something_that_has_none_stands_alone(tmp_path: Path) -> None:
    ops = Op("LOGISTIC", ("x",), ("a",)), Op("RELU", ("a",), ("y",))
    assert kinds(skeleton_of(tmp_path, graph(*ops))) == [("LOGISTIC", "NONE"), ("RELU", "NONE")]


def test_what_somebody_else_takes_without_activation_stays_so(tmp_path: Path) -> None:
    ops = conv("x", "a"), Op("RELU", ("a",), ("r",)), Op("ADD", ("a", "r"), ("y",))
    found = skeleton_of(tmp_path, graph(*ops, constants=LAYER))
    assert [one.kind for one in found.nodes] == ["CONV_2D", "RELU", "ADD"]
    ends = skeleton_of(
        tmp_path, graph(*ops[:2], constants=LAYER, outputs=("a", "r")), "ends.tflite"
    )
    assert kinds(ends) == [("CONV_2D", "NONE"), ("RELU", "NONE")]


def test_a_convolution_that_looks_at_one_place_is_dense(tmp_path: Path) -> None:
    def kind(weights: str, **told: float) -> str:
        op = Op("CONV_2D", ("x", weights, "b"), ("y",), told=told)
        constants = {"w": KERNEL, "p": POINT, "row": drawn(4, 1, 3, 4), "b": BIAS}
        return skeleton_of(tmp_path, graph(op, constants=constants)).nodes[0].kind

    assert kind("p") == DENSE
    assert kind("w") == kind("row") == "CONV_2D"
    assert kind("p", strideW=2) == kind("p", strideH=2) == "CONV_2D"
    assert kind("p", strideW=2, strideH=2) == "CONV_2D"
    ops = [Op("FULLY_CONNECTED", ("x", "d"), ("y",))]
    dense = skeleton_of(tmp_path, graph(*ops, constants={"d": drawn(4, 4)}))
    assert dense.nodes[0].kind == DENSE


def test_a_convolution_with_computed_weights_is_a_convolution(tmp_path: Path) -> None:
    op = Op("CONV_2D", ("x", "k"), ("y",))
    found = skeleton_of(tmp_path, graph(op, tensors=[Tensor("k", (4, 1, 1, 4))], inputs=("x", "k")))
    assert found.nodes[0].kind == "CONV_2D"
    assert found.nodes[0].constants == ()


def test_sources_say_where_inputs_come_from(tmp_path: Path) -> None:
    ops = (
        Op("SPLIT", ("axis", "x2"), ("a", "b"), told={"numSplits": 2}),
        Op("ADD", ("b", "c"), ("y",)),
        Op("FULLY_CONNECTED", ("a", "d", ""), ("z",)),
    )
    constants = {"axis": whole(3), "c": drawn(1), "d": drawn(4, 4)}
    content = graph(*ops, constants=constants, inputs=("x1", "x2"), outputs=("z", "y"))
    found = skeleton_of(tmp_path, content)
    split, add, dense = found.nodes
    assert split.sources[1] is not None
    assert (split.sources[1].node, split.sources[1].output) == (None, 1)
    assert add.sources[0] is not None
    assert (add.sources[0].node, add.sources[0].output) == (0, 1)
    assert [(at, one.name) for at, one in add.constants] == [(1, "c")]
    assert dense.sources[2] is None
    assert [one.node for one in found.outputs] == [2, 1]
    assert found.consumers == (((1, 0, 1), (2, 0, 0)), (), ())


def test_constants_are_seen_behind_a_dequantize(tmp_path: Path) -> None:
    half = Tensor("half", KERNEL.shape, "float16", KERNEL.astype(np.float16))
    ops = Op("DEQUANTIZE", ("half",), ("w",)), conv("x", "y")
    content = graph(*ops, constants={"b": BIAS}, tensors=[half, Tensor("w", KERNEL.shape)])
    (node,) = skeleton_of(tmp_path, content).nodes
    assert [one.name for _, one in node.constants] == ["half", "b"]
    assert node.name == "half"


def test_operators_that_nothing_depends_on_are_left_out(tmp_path: Path) -> None:
    ops = Op("LOGISTIC", ("x",), ("dead",)), conv("x", "y"), Op("RELU", ("y",), ("dead2",))
    found = skeleton_of(tmp_path, graph(*ops, constants=LAYER))
    assert kinds(found) == [("CONV_2D", "NONE")]
    assert [one.operator.index for one in found.nodes] == [1]


def test_an_output_that_is_an_input_has_no_node(tmp_path: Path) -> None:
    ops = (Op("RESHAPE", ("x", "s"), ("y",)),)
    found = skeleton_of(tmp_path, graph(*ops, constants={"s": whole(1, 64)}))
    assert found.nodes == ()
    assert (found.outputs[0].node, found.outputs[0].output) == (None, 0)


def test_a_label_names_operator_place_and_layer(tmp_path: Path) -> None:
    constants = {"net/block/w;other/v": KERNEL, "b": BIAS}
    op = Op("CONV_2D", ("x", "net/block/w;other/v", "b"), ("y",))
    (node,) = skeleton_of(tmp_path, graph(op, constants=constants)).nodes
    assert node.label == "CONV_2D 0 (block/w)"
    add = skeleton_of(tmp_path, graph(Op("ADD", ("x", "x"), ("y",))))
    assert add.nodes[0].name == "y"


@pytest.mark.parametrize(
    ("name", "shown"),
    [("a", "a"), ("a/b", "a/b"), ("a/b/c", "b/c"), ("a/b/c/d;e/f/g", "b/c/d"), ("", "")],
)
def test_names_are_short_for_people(name: str, shown: str) -> None:
    assert short(name) == shown


def test_axes_of_size_1_are_squeezed_out() -> None:
    assert squeezed((1, 4, 1, 3)) == (4, 3)
    assert squeezed((1, 1)) == ()


FIRST = Op("TRANSPOSE", ("x", "first"), ("t",))
FIRST_SHAPE = (1, 5, 4, 3)  # channels first of an image 4 wide and 3 high
SIDES = [Tensor("x", (1, 4, 3, 5)), Tensor("t", FIRST_SHAPE), Tensor("u", (1, 4, 3, 5))]
ORDERS = {"first": TO_CHANNELS_FIRST, "last": TO_CHANNELS_LAST}


def test_there_and_back_is_no_exchange(tmp_path: Path) -> None:
    ops = FIRST, Op("TRANSPOSE", ("t", "last"), ("u",)), Op("LOGISTIC", ("u",), ("y",))
    (node,) = skeleton_of(tmp_path, graph(*ops, constants=ORDERS, tensors=SIDES)).nodes
    assert node.sources[0] is not None
    assert node.sources[0].exchanges == ()


def test_an_exchange_is_kept_without_axes_of_size_1(tmp_path: Path) -> None:
    ops = FIRST, Op("LOGISTIC", ("t",), ("y",))
    (node,) = skeleton_of(tmp_path, graph(*ops, constants=ORDERS, tensors=SIDES)).nodes
    assert node.sources[0] is not None
    assert node.sources[0].exchanges == (((4, 3, 5), (2, 0, 1)),)


def test_to_move_an_axis_of_size_1_exchanges_nothing(tmp_path: Path) -> None:
    tensors = [Tensor("x", (1, 4, 1, 5)), Tensor("t", (1, 1, 4, 5))]
    ops = Op("TRANSPOSE", ("x", "turn"), ("t",)), Op("LOGISTIC", ("t",), ("y",))
    content = graph(*ops, constants={"turn": whole(0, 2, 1, 3)}, tensors=tensors)
    (node,) = skeleton_of(tmp_path, content).nodes
    assert node.sources[0] is not None
    assert node.sources[0].exchanges == ()


def test_exchanges_in_a_row_are_joined() -> None:
    assert _reduced([((2, 3, 4), (1, 2, 0)), ((3, 4, 2), (1, 2, 0))]) == (((2, 3, 4), (2, 0, 1)),)
    assert _reduced([((2, 3, 4), (1, 2, 0)), ((3, 4, 2), (2, 0, 1))]) == ()
    # A RESHAPE between them leaves both.
    apart = [((2, 3, 4), (1, 2, 0)), ((12, 2), (1, 0))]
    assert _reduced(apart) == tuple(apart)


def test_an_order_of_axes_that_is_computed_can_t_be_read(tmp_path: Path) -> None:
    ops = FIRST, Op("LOGISTIC", ("t",), ("y",))
    tensors = [*SIDES, Tensor("first", (4,), "int32")]
    content = graph(*ops, tensors=tensors, inputs=("x", "first"))
    with pytest.raises(ModelError, match="at run time"):
        skeleton_of(tmp_path, content)


@pytest.mark.parametrize("order", [(0, 3, 1, 1), (0, 1, 2), (0, 1, 2, 4)])
def test_an_order_of_axes_that_are_not_there_is_damage(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    ops = FIRST, Op("LOGISTIC", ("t",), ("y",))
    content = graph(*ops, constants={"first": whole(*order)}, tensors=SIDES)
    with pytest.raises(ModelError, match="no such axes"):
        skeleton_of(tmp_path, content)


def test_a_circle_ends(tmp_path: Path) -> None:
    ops = (
        Op("QUANTIZE", ("a",), ("b",)),
        Op("QUANTIZE", ("b",), ("a",)),
        Op("LOGISTIC", ("a",), ("y",)),
    )
    (node,) = skeleton_of(tmp_path, graph(*ops)).nodes
    assert node.sources[0] is not None
    assert (node.sources[0].node, node.sources[0].output) == (None, -1)
