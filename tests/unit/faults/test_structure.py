"""Faults of the graph, on a small network with everything that they change."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest

from edgeq.faults import controls, structure
from edgeq.faults.fault import Fault, Faulty, NotApplicableError
from edgeq.faults.good import Good
from edgeq.faults.graph import Graph
from edgeq.faults.rewiring import (
    RELU6,
    VALID,
    is_stored,
    makers,
    name_of,
    operators,
    prune,
    shape_of,
)
from tests.unit.quantize.network import network
from tests.unit.tiny_model import Op, Tensor, build

NET = Path("net.tflite")
WIDTH, CLASSES = 8, 5


def rich() -> bytes:
    """Return a network with normalisation, strides, SiLU, a gate, a shortcut and activations."""
    generator = np.random.default_rng(3)

    def constant(name: str, *shape: int) -> Tensor:
        return Tensor(name, shape, data=generator.normal(0, 0.5, shape).astype(np.float32))

    maps = (1, 4, 4, WIDTH)
    tensors = [
        Tensor("image", (1, 8, 8, 3)),
        Tensor("factor", (1,), data=np.full(1, 0.5, np.float32)),
        Tensor("scaled", (1, 8, 8, 3)),
        constant("stem_weights", WIDTH, 3, 3, 3),
        constant("stem_bias", WIDTH),
        Tensor("stem", maps),
        constant("wide_weights", 1, 3, 3, WIDTH),
        constant("wide_bias", WIDTH),
        Tensor("wide", maps),
        Tensor("sigmoid", maps),
        Tensor("silu", maps),
        Tensor("axes", (2,), "int32", np.array([1, 2], np.int32)),
        Tensor("squeezed", (1, 1, 1, WIDTH)),
        constant("excite_weights", WIDTH, 1, 1, WIDTH),
        constant("excite_bias", WIDTH),
        Tensor("excited", (1, 1, 1, WIDTH)),
        Tensor("gate", (1, 1, 1, WIDTH)),
        Tensor("gated", maps),
        Tensor("sum", maps),
        constant("last_weights", WIDTH, 3, 3, WIDTH),
        constant("last_bias", WIDTH),
        Tensor("last", maps),
        Tensor("pooled", (1, WIDTH)),
        constant("dense_weights", CLASSES, WIDTH),
        constant("dense_bias", CLASSES),
        Tensor("logits", (1, CLASSES)),
        Tensor("probabilities", (1, CLASSES)),
    ]
    ops = [
        Op("MUL", ("image", "factor"), ("scaled",)),
        Op("CONV_2D", ("scaled", "stem_weights", "stem_bias"), ("stem",)),
        Op("DEPTHWISE_CONV_2D", ("stem", "wide_weights", "wide_bias"), ("wide",)),
        Op("LOGISTIC", ("wide",), ("sigmoid",)),
        Op("MUL", ("wide", "sigmoid"), ("silu",)),
        Op("MEAN", ("silu", "axes"), ("squeezed",)),
        Op("CONV_2D", ("squeezed", "excite_weights", "excite_bias"), ("excited",)),
        Op("LOGISTIC", ("excited",), ("gate",)),
        Op("MUL", ("gate", "silu"), ("gated",)),
        Op("ADD", ("gated", "stem"), ("sum",)),
        Op("CONV_2D", ("sum", "last_weights", "last_bias"), ("last",)),
        Op("MEAN", ("last", "axes"), ("pooled",)),
        Op("FULLY_CONNECTED", ("pooled", "dense_weights", "dense_bias"), ("logits",)),
        Op("SOFTMAX", ("logits",), ("probabilities",)),
    ]
    graph = Graph(build(tensors, ops, ["image"], ["probabilities"]), NET)
    stem, *_ = operators(graph, "CONV_2D")
    stem.builtinOptions.strideH = stem.builtinOptions.strideW = 2
    stem.builtinOptions.fusedActivationFunction = RELU6
    next(operators(graph, "MEAN")).builtinOptions.keepDims = True
    return graph.packed()


class Rich:
    """As much of a good variant as faults of the graph ask for."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def graph(self) -> Graph:
        return Graph(self.content, NET)


@pytest.fixture(scope="module")
def good() -> Good:
    return cast("Good", Rich(rich()))


def answer(content: bytes) -> npt.NDArray[np.float32]:
    from ai_edge_litert import interpreter as litert

    kernels = litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    model = litert.Interpreter(model_content=content, experimental_op_resolver_type=kernels)
    model.allocate_tensors()
    image = np.random.default_rng(1).uniform(0, 1, (1, 8, 8, 3)).astype(np.float32)
    model.set_tensor(model.get_input_details()[0]["index"], image)
    model.invoke()
    said: npt.NDArray[np.float32] = model.get_tensor(model.get_output_details()[0]["index"])
    return said


def counts(content: bytes) -> Counter[str]:
    graph = Graph(content, NET)
    return Counter(name_of(graph, one) for one in graph.main.operators)


def made_by(one: Fault, good: Good) -> Faulty:
    made = one.make(good)
    assert made.content is not None
    return made


@pytest.mark.parametrize(
    ("one", "fewer", "more"),
    [
        (structure.padding_other, {}, {"PAD": 1}),
        (structure.padding_lost, {}, {}),
        (structure.shortcut_dropped, {"ADD": 1}, {}),
        (structure.gate_dropped, {"MUL": 1, "LOGISTIC": 1, "CONV_2D": 1, "MEAN": 1}, {}),
        (structure.activation_lost, {}, {}),
        (structure.normalisation_other, {}, {}),
        (structure.temperature, {}, {}),
    ],
    ids=lambda given: given.name if isinstance(given, Fault) else None,
)
def test_a_fault_of_the_graph_runs_and_says_something_else(
    one: Fault, fewer: dict[str, int], more: dict[str, int], good: Good
) -> None:
    made = made_by(one, good)
    content = made.content or b""
    assert counts(good.content) - counts(content) == Counter(fewer)
    assert counts(content) - counts(good.content) == Counter(more)
    assert abs(answer(content) - answer(good.content)).max() > 1e-4
    assert made.where


def test_a_dropped_block_leaves_its_shortcut_alone(good: Good) -> None:
    made = made_by(structure.block_dropped, good)
    left = counts(made.content or b"")
    assert left["DEPTHWISE_CONV_2D"] == left["ADD"] == left["LOGISTIC"] == 0
    assert left["CONV_2D"] == 2
    answer(made.content or b"")


def test_a_lost_silu_is_an_activation_lost(good: Good) -> None:
    graph = good.graph()
    next(operators(graph, "CONV_2D")).builtinOptions.fusedActivationFunction = 0
    made = made_by(structure.activation_lost, cast("Good", Rich(graph.packed())))
    assert counts(good.content) - counts(made.content or b"") == Counter(MUL=1, LOGISTIC=1)


def test_padding_at_both_sides_keeps_shapes(good: Good) -> None:
    made = made_by(structure.padding_other, good)
    graph = Graph(made.content or b"", NET)
    (pad,) = operators(graph, "PAD")
    assert shape_of(graph, int(pad.outputs[0])) == (1, 9, 9, 3)
    stem = next(operators(graph, "CONV_2D"))
    assert stem.builtinOptions.padding == VALID
    assert shape_of(graph, int(stem.outputs[0])) == (1, 4, 4, WIDTH)


def test_what_a_network_lacks_can_not_be_dropped() -> None:
    plain = cast("Good", Rich(network()))
    for one in (structure.gate_dropped, structure.block_dropped, structure.normalisation_other):
        with pytest.raises(NotApplicableError):
            one.make(plain)


@pytest.mark.parametrize("one", [controls.unfused_activation, controls.flattened_and_back])
def test_harmless_changes_of_the_graph_change_no_answer(one: Fault, good: Good) -> None:
    made = made_by(one, good)
    assert made.content != good.content
    np.testing.assert_array_equal(answer(made.content or b""), answer(good.content))


def test_operators_that_nothing_needs_are_pruned() -> None:
    graph = Graph(network(), NET)
    before = len(graph.main.operators)
    extra = graph.add_tensor(int(graph.main.inputs[0]), "extra", "float32")
    graph.main.operators.append(graph.operator("RELU", [int(graph.main.inputs[0])], [extra]))
    prune(graph)
    assert len(graph.main.operators) == before


def test_stored_is_what_lies_behind_a_dequantize_too(good: Good) -> None:
    graph = good.graph()
    stem: Any = next(operators(graph, "CONV_2D"))
    assert is_stored(graph, int(stem.inputs[1]))
    assert not is_stored(graph, int(stem.inputs[0]))
    assert not is_stored(graph, -1)
    decoded = graph.add_tensor(int(stem.inputs[1]), "decoded", "float32")
    graph.main.operators.insert(0, graph.operator("DEQUANTIZE", [int(stem.inputs[1])], [decoded]))
    assert makers(graph)[decoded] is graph.main.operators[0]
    assert is_stored(graph, decoded)
