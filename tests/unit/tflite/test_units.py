from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from edgeq.errors import ModelError
from edgeq.tflite.model_file import ModelFile, read_content
from edgeq.tflite.units import Unit, units_of
from tests.unit.quantize.network import network
from tests.unit.tiny_model import Op, Tensor, build

Layer = tuple[str, str]
"""The name of what an operator computes, and of its weights, ``""`` if it has none."""


def chain(layers: Sequence[Layer]) -> ModelFile:
    """Return a model of dense layers and activations, one after the other."""
    tensors, ops, before = [Tensor("x", (1, 4))], list[Op](), "x"
    for name, weights in layers:
        tensors.append(Tensor(name, (1, 4)))
        if weights:
            tensors.append(Tensor(weights, (4, 4), data=np.ones((4, 4), np.float32)))
            ops.append(Op("FULLY_CONNECTED", (before, weights), (name,)))
        else:
            ops.append(Op("RELU", (before,), (name,)))
        before = name
    return read_content(Path("m.tflite"), build(tensors, ops, ["x"], [before]))


def named(*pairs: Layer) -> dict[str, int]:
    """Return how many operators each unit has, by its name."""
    return {one.name: len(one.operators) for one in units_of(chain(pairs))}


@pytest.mark.parametrize(
    ("first", "second", "units"),
    [
        ("m/block4a_expand_conv", "m/block4b_dwconv", {"block4a": 2, "block4b": 1}),
        ("m/bn/add;m/blocks.0.bn1_1/mul", "m/blocks.10.conv/c", {"blocks.0": 2, "blocks.10": 1}),
        ("m/block_1_expand", "m/block_12_project", {"block_1": 2, "block_12": 1}),
        ("m/conv2_block1_1_conv", "m/conv2_block2_0_bn", {"conv2_block1": 2, "conv2_block2": 1}),
        ("net/layer1.0.conv1", "net/layer1.1.conv2", {"layer1.0": 2, "layer1.1": 1}),
        (
            "n/stage_2_block_3_depthwise",
            "n/stage_2_block_4_depthwise",
            {"stage_2_block_3": 2, "stage_2_block_4": 1},
        ),
        # one block is no division: every layer for itself
        ("m/block1_conv1/Conv2D", "m/block1_conv2/Conv2D", {"block1_conv1": 2, "block1_conv2": 1}),
    ],
)
def test_blocks_are_named_as_the_model_names_them(
    first: str, second: str, units: dict[str, int]
) -> None:
    layers = [(first, f"{first}w"), ("act/Relu", ""), (second, f"{second}w")]
    assert named(*layers) == units


def test_a_name_that_speaks_of_two_blocks_belongs_to_the_one_it_names_more() -> None:
    both = "m/block2_c/a;m/block1_b/a;m/block2_c/b"
    assert named(("m/block1_c/a", "w"), (both, "v")) == {"block1": 1, "block2": 1}


def test_layers_beside_blocks_are_units_of_their_own() -> None:
    layers = [("m/stem/Relu", "m/stem/c"), ("m/block1/c", "m/block1/w"), ("m/block2/c", "v")]
    layers += [("m/top/c", "m/top/w"), ("softmax", "")]
    assert named(*layers) == {"stem": 1, "block1": 1, "block2": 1, "top": 2}


def test_what_comes_before_the_first_layer_belongs_to_it() -> None:
    assert named(("rescaling", ""), ("a", "m/a/w"), ("b", "m/b/w")) == {"a": 2, "b": 1}


def test_an_ending_that_all_layers_share_is_left_out() -> None:
    assert named(("a", "m/conv_1/w"), ("b", "m/fc_1/w")) == {"conv": 1, "fc": 1}
    assert named(("a", "m/conv_1/w"), ("b", "m/conv_2/w")) == {"conv_1": 1, "conv_2": 1}


def test_two_layers_of_one_name_are_told_apart() -> None:
    assert named(("a", "m/conv/w"), ("b", "m/conv/v")) == {"conv": 1, "conv#2": 1}


def test_a_unit_knows_its_operators_and_weights() -> None:
    model = read_content(Path("m.tflite"), network(classes=3))
    first, _, last = units_of(model)
    assert first == Unit("conv_weights", (0,), ("conv;",), 4 * 64 * 27, is_dense=False)
    assert last == Unit(
        "dense_weights", (3, 4), ("logits;", "probabilities;"), 4 * 3 * 64, is_dense=True
    )


def test_names_that_tell_nothing_apart_are_refused() -> None:
    with pytest.raises(ModelError, match="can't be grouped: 1 names stand for several"):
        units_of(chain([("same", "w"), ("same", "v")]))
    with pytest.raises(ModelError, match="can't be grouped"):
        units_of(chain([("a", "w"), ("", "v")]))


def test_a_model_without_weights_has_no_units() -> None:
    with pytest.raises(ModelError, match="no layer has weights"):
        units_of(chain([("a", "")]))
