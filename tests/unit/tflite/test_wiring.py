from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeq.diagnosis.compared import pairs
from edgeq.faults.fault import NotApplicableError
from edgeq.faults.graph import Graph
from edgeq.measure.input_range import input_scales
from edgeq.measure.operators import operators
from edgeq.measure.size import measure_size
from edgeq.tasks.recognition import KnownClasses, recognize
from edgeq.tflite.constants import Constants
from edgeq.tflite.model_file import read_model
from edgeq.tflite.skeleton import skeleton
from edgeq.tflite.wiring import Wiring
from tests.unit.quantize.network import network
from tests.unit.tiny_model import Head, Op, Tensor, build, detector, heads

Wire = Callable[[bytes], Wiring]


@pytest.fixture
def wire(tmp_path: Path) -> Wire:
    def wired(content: bytes) -> Wiring:
        path = tmp_path / "net.tflite"
        path.write_bytes(content)
        return Wiring(read_model(path))

    return wired


def last(wiring: Wiring) -> int:
    return wiring.model.outputs[-1]


def named(wiring: Wiring, name: str) -> int:
    return next(one.index for one in wiring.model.tensors if one.name == name)


def test_the_maker_is_seen_through_shapes_and_types(wire: Wire) -> None:
    found = wire(heads(Head("p", 4, last="SOFTMAX", shape=(1, 2, 2), scale=0.01)))
    maker = found.maker(last(found))
    assert maker is not None
    assert maker.name == "SOFTMAX"


def test_inputs_and_constants_have_no_maker(wire: Wire) -> None:
    found = wire(heads(Head("p", 4)))
    assert found.maker(found.model.inputs[0]) is None
    assert found.maker(named(found, "axes")) is None


def test_a_circle_has_no_maker(wire: Wire) -> None:
    tensors = [Tensor("image", (1, 4)), Tensor("a", (1, 4)), Tensor("b", (1, 4))]
    ops = [Op("QUANTIZE", ("a",), ("b",)), Op("QUANTIZE", ("b",), ("a",))]
    found = wire(build(tensors, ops, ["image"], ["a"]))
    assert found.maker(last(found)) is None
    assert found.step(last(found)) == 0
    assert found.logits(last(found)) is None


@pytest.mark.parametrize("kind", ["SOFTMAX", "LOGISTIC"])
@pytest.mark.parametrize("scale", [0.0, 0.01])
def test_logits_feed_the_softmax_or_sigmoid(wire: Wire, kind: str, scale: float) -> None:
    found = wire(heads(Head("p", 4, last=kind, scale=scale)))
    assert found.logits(last(found)) == named(found, "p/0")


def test_there_are_no_logits_without_a_softmax(wire: Wire) -> None:
    found = wire(heads(Head("e", 4, last="L2_NORMALIZATION")))
    assert found.logits(last(found)) is None


def test_a_softmax_of_more_than_the_output_is_not_its_logits(wire: Wire) -> None:
    tensors = [
        Tensor("image", (1, 8)),
        Tensor("p", (1, 8)),
        Tensor("shape", (2,), "int32", data=np.array([1, 4], np.int32)),
        Tensor("some", (1, 4)),
    ]
    ops = [Op("SOFTMAX", ("image",), ("p",)), Op("RESHAPE", ("p", "shape"), ("some",))]
    found = wire(build(tensors, ops, ["image"], ["some"]))
    assert found.logits(last(found)) is None


@pytest.mark.parametrize("io", [True, False])
def test_a_step_is_that_of_the_scale_also_behind_a_dequantize(wire: Wire, io: bool) -> None:
    found = wire(heads(Head("box", 8, shape=(1, 2, 4), scale=0.25, io=io)))
    assert found.step(last(found)) == 0.25


def test_a_float_output_has_no_step(wire: Wire) -> None:
    found = wire(heads(Head("box", 8, shape=(1, 2, 4))))
    assert found.step(last(found)) == 0
    assert found.step(found.model.inputs[0]) == 0


def test_a_scale_before_a_sigmoid_is_not_the_step_of_what_it_gives(wire: Wire) -> None:
    tensors = [
        Tensor("image", (1, 4), "int8", scales=(0.5,), zero_points=(0,)),
        Tensor("real", (1, 4)),
        Tensor("p", (1, 4)),
    ]
    ops = [Op("DEQUANTIZE", ("image",), ("real",)), Op("LOGISTIC", ("real",), ("p",))]
    found = wire(build(tensors, ops, ["image"], ["p"]))
    assert found.step(last(found)) == 0


def test_what_goes_into_post_processing_is_found_once(wire: Wire) -> None:
    found = wire(detector())
    assert found.detections == (named(found, "boxes"), named(found, "scores"))
    assert all(map(found.is_post_processed, found.model.outputs))
    assert not found.is_post_processed(named(found, "boxes"))


def test_other_models_have_no_detections(wire: Wire) -> None:
    assert wire(heads(Head("p", 4))).detections == ()


INT32 = {
    "vector": np.array([1, 4], np.int32),
    "swap": np.array([0, 3, 1, 2], np.int32),
    "turn": np.array([1, 0], np.int32),
}


@pytest.mark.parametrize("name", ["RESHAPE", "SQUEEZE", "TRANSPOSE", "CAST", "QUANTIZE"])
def test_every_room_sees_the_softmax_behind_what_changes_no_value(wire: Wire, name: str) -> None:
    """Probabilities in another wrapping are probabilities, not logits."""
    scales = (1 / 256,) if name == "QUANTIZE" else ()
    dtype = {"QUANTIZE": "int8", "CAST": "float16"}.get(name, "float32")
    tensors = [
        Tensor("logits", (4, 1)),
        Tensor("p", (4, 1)),
        Tensor("turn", (2,), "int32", INT32["turn" if name == "TRANSPOSE" else "vector"]),
        Tensor("out", (1, 4), dtype, scales=scales),
    ]
    rest = ("turn",) if name in {"RESHAPE", "TRANSPOSE"} else ()
    ops = [Op("SOFTMAX", ("logits",), ("p",)), Op(name, ("p", *rest), ("out",))]
    found = wire(build(tensors, ops, ["logits"], ["out"]))
    maker = found.maker(last(found))
    assert maker is not None
    assert maker.name == "SOFTMAX"
    assert found.logits(last(found)) == named(found, "logits")
    assert found.ends_in_softmax
    assert operators(found.model).ends_in_softmax
    known = KnownClasses()
    assert recognize(found.model, known, task=None, output=None, where="models.net").classes == 4


@pytest.mark.parametrize(
    ("strides", "signature", "is_seen"),
    [((1, 1), None, True), ((1, -1), None, False), ((1, 1), (1, -1), False)],
)
def test_a_slice_of_everything_in_its_order_is_seen_through(
    wire: Wire, strides: tuple[int, ...], signature: tuple[int, ...] | None, *, is_seen: bool
) -> None:
    """As TensorFlow writes `scores[:, None]`; one that reverses or selects moves values."""
    bounds = [Tensor(name, (2,), "int32", np.array([0, 4], np.int32)) for name in ("begin", "end")]
    tensors = [
        Tensor("logits", (1, 4)),
        Tensor("p", (1, 4), signature=signature),
        *bounds,
        Tensor("strides", (2,), "int32", np.array(strides, np.int32)),
        Tensor("out", (1, 1, 4)),
    ]
    taken = ("p", "begin", "end", "strides")
    ops = [Op("SOFTMAX", ("logits",), ("p",)), Op("STRIDED_SLICE", taken, ("out",))]
    wiring = wire(build(tensors, ops, ["logits"], ["out"]))
    assert (wiring.logits(last(wiring)) is not None) == is_seen
    nodes = skeleton(wiring.model, Constants(wiring.model)).nodes
    assert (len(nodes) == 1) == is_seen


def test_only_a_pack_of_one_tensor_is_seen_through(wire: Wire) -> None:
    tensors = [Tensor("logits", (1, 4)), Tensor("p", (1, 4)), Tensor("one", (1, 1, 4))]
    tensors.append(Tensor("two", (2, 1, 4)))
    ops = [
        Op("SOFTMAX", ("logits",), ("p",)),
        Op("PACK", ("p",), ("one",)),
        Op("PACK", ("p", "p"), ("two",)),
    ]
    wiring = wire(build(tensors, ops, ["logits"], ["one", "two"]))
    assert [wiring.logits(at) for at in wiring.model.outputs] == [named(wiring, "logits"), None]


def test_a_softmax_of_a_map_in_another_order_has_no_logits_beside_it(wire: Wire) -> None:
    tensors = [
        Tensor("map", (1, 5, 5, 4)),
        Tensor("p", (1, 5, 5, 4)),
        Tensor("swap", (4,), "int32", INT32["swap"]),
        Tensor("out", (1, 4, 5, 5)),
    ]
    ops = [Op("SOFTMAX", ("map",), ("p",)), Op("TRANSPOSE", ("p", "swap"), ("out",))]
    found = wire(build(tensors, ops, ["map"], ["out"]))
    assert found.ends_in_softmax
    assert found.logits(last(found)) is None


@pytest.mark.parametrize("kind", ["LOGISTIC", "L2_NORMALIZATION", None])
def test_what_is_not_a_softmax_does_not_end_in_one(wire: Wire, kind: str | None) -> None:
    assert not wire(heads(Head("p", 4, last=kind, shape=(1, 1, 4)))).ends_in_softmax


def dense(
    weights: tuple[Tensor, ...], ops: tuple[Op, ...], outputs: int = 4, bias: str | None = "bias"
) -> bytes:
    """Return one dense layer with a bias; its weights ``w`` come about as operators say."""
    tensors = [Tensor("x", (1, 3)), *weights, Tensor("y", (1, outputs))]
    tensors += [Tensor("bias", (outputs,), data=np.ones(outputs, np.float32))]
    parts = ("x", "w") if bias is None else ("x", "w", bias)
    return build(tensors, [*ops, Op("FULLY_CONNECTED", parts, ("y",))], ["x"], ["y"])


def test_weights_behind_a_dequantize_are_the_stored_ones(wire: Wire) -> None:
    half = Tensor("half", (4, 3), "float16", np.ones((4, 3), np.float16))
    found = wire(dense((half, Tensor("w", (4, 3))), (Op("DEQUANTIZE", ("half",), ("w",)),)))
    (one,) = found.compute
    assert one.weights is not None
    assert (one.weights.tensor.name, one.weights.dequantized) == ("half", True)
    assert not one.weights.rearranged
    (layer,) = found.layers
    assert (layer.weights.name, layer.input) == ("half", named(found, "x"))
    assert layer.bias is not None
    assert layer.bias.name == "bias"


@pytest.mark.parametrize("name", ["TRANSPOSE", "RESHAPE"])
def test_weights_that_are_rearranged_count_but_have_no_channels(wire: Wire, name: str) -> None:
    tensors = (
        Tensor("other", (3, 4), data=np.ones((3, 4), np.float32)),
        Tensor("turn", (2,), "int32", INT32["turn"]),
        Tensor("w", (4, 3)),
    )
    found = wire(dense(tensors, (Op(name, ("other", "turn"), ("w",)),)))
    assert operators(found.model).weight_bytes_by_type == {"float32": 48}
    assert measure_size(found.model).parts["weights float32"] == 48
    assert found.compute[0].weights is not None
    assert found.compute[0].weights.rearranged
    assert found.layers == ()
    assert pairs(found.model, found.model) == ()


def test_activations_are_no_weights(wire: Wire) -> None:
    found = wire(dense((Tensor("w", (4, 3)),), (Op("RELU", ("w",), ("w",)),), bias=None))
    assert found.compute[0].weights is None
    assert found.compute[0].bias is None
    assert found.layers == ()


def test_an_input_that_is_absent_holds_nothing(wire: Wire) -> None:
    found = wire(heads(Head("p", 4)))
    one = found.compute[0].operator
    assert found.stored(one, None) is None
    assert found.stored(one, 9) is None
    assert found.stored(replace(one, inputs=(0, 1, -1)), 2) is None


@pytest.mark.parametrize(
    ("name", "shape", "axis", "given"),
    [
        ("CONV_2D", (8, 3, 3, 4), 0, "a"),
        ("DEPTHWISE_CONV_2D", (1, 3, 3, 8), 3, "a"),
        ("FULLY_CONNECTED", (8, 4), 0, "a"),
        ("TRANSPOSE_CONV", (8, 3, 3, 4), 0, "c"),
        ("CONV_3D", (3, 3, 3, 4, 8), 4, "a"),
        ("CONV_3D_TRANSPOSE", (3, 3, 3, 8, 4), 3, "c"),
        ("BATCH_MATMUL", (4, 8), 1, "a"),
    ],
)
def test_each_kind_of_layer_has_its_parts_in_their_places(
    wire: Wire, name: str, shape: tuple[int, ...], axis: int, given: str
) -> None:
    tensors = [
        *(Tensor("a", (1, 4)), Tensor("w", shape, data=np.ones(shape, np.float32))),
        *(Tensor("c", (1, 4)), Tensor("bias", (8,), data=np.ones(8, np.float32))),
        Tensor("y", (1, 8)),
    ]
    found = wire(build(tensors, [Op(name, ("a", "w", "c", "bias"), ("y",))], ["a"], ["y"]))
    (layer,) = found.layers
    assert (layer.input, layer.weights.name) == (named(found, given), "w")
    assert layer.channel_axis == axis
    assert shape[layer.channel_axis] == 8
    assert (layer.bias is None) == (given == "a")  # the third input is an activation here


def test_heads_are_the_dense_layers_that_give_outputs(wire: Wire) -> None:
    (head,) = wire(network()).heads
    assert head.output.name == "logits"
    weights = np.ones((4, 4), np.float32)
    chain = [Tensor(name, (1, 4)) for name in "xyz"] + [Tensor("w", (4, 4), data=weights)]
    ops = [Op("FULLY_CONNECTED", ("x", "w"), ("y",)), Op("FULLY_CONNECTED", ("y", "w"), ("z",))]
    assert [one.output.name for one in wire(build(chain, ops, ["x"], ["z"])).heads] == ["z"]
    assert [one.output.name for one in wire(build(chain, ops, ["x"], ["z", "y"])).heads] == [
        "y",
        "z",
    ]
    tanh = [*chain, Tensor("t", (1, 4))]
    assert wire(build(tanh, [*ops, Op("TANH", ("z",), ("t",))], ["x"], ["t"])).heads == ()


def test_a_tensor_may_have_two_consumers(wire: Wire) -> None:
    found = wire(heads(Head("a", 4, last="SOFTMAX"), Head("b", 2)))
    features = named(found, "features")
    assert [one.name for one in found.consumers(features)] == ["FULLY_CONNECTED"] * 2
    assert found.consumers(named(found, "b")) == ()


def test_a_circle_holds_nothing_and_ends(wire: Wire) -> None:
    ops = (Op("DEQUANTIZE", ("other",), ("w",)), Op("DEQUANTIZE", ("w",), ("other",)))
    content = dense((Tensor("w", (4, 3)), Tensor("other", (4, 3))), ops)
    found = wire(content)
    assert found.layers == ()
    with pytest.raises(NotApplicableError, match="no layer with weights"):
        Graph(content, Path("net.tflite")).layers()


def test_an_operator_without_inputs_hides_nothing_and_breaks_nothing(wire: Wire) -> None:
    ops = (Op("DEQUANTIZE", (), ("w",)), Op("QUANTIZE", (), ()))
    found = wire(dense((Tensor("w", (4, 3)),), ops))
    assert found.layers == ()
    assert pairs(found.model, found.model) == ()
    assert input_scales(found.model) == ()


def clipped(scores: str, *, limits: tuple[float, ...] = (1e-7,)) -> bytes:
    """Return a file whose scores are clipped as ``clip_by_value`` does it."""
    tensors = [
        Tensor("image", (1, 8)),
        Tensor("scores", (1, 8)),
        Tensor("most", (1,), data=np.array([1 - 1e-7], np.float32)),
        Tensor("least", (len(limits),), data=np.array(limits, np.float32)),
        Tensor("below", (1, 8)),
        Tensor("p", (1, 8)),
    ]
    ops = [
        Op(scores, ("image",), ("scores",)),
        Op("MINIMUM", ("scores", "most"), ("below",)),
        Op("MAXIMUM", ("below", "least"), ("p",)),
    ]
    return build(tensors, ops, ["image"], ["p"])


@pytest.mark.parametrize("kind", ["SOFTMAX", "LOGISTIC"])
def test_clipped_probabilities_are_probabilities(wire: Wire, kind: str) -> None:
    wiring = wire(clipped(kind))
    makers = wiring.unclipped(last(wiring)), wiring.scores_maker(last(wiring))
    assert [maker is not None and maker.name for maker in makers] == [kind, kind]
    assert wiring.logits(last(wiring)) == wiring.model.inputs[0]


def test_a_floor_for_each_value_is_not_a_clip_of_probabilities(wire: Wire) -> None:
    wiring = wire(clipped("SOFTMAX", limits=(0.1,) * 8))
    maker = wiring.unclipped(last(wiring))
    assert maker is not None
    assert maker.name == "MAXIMUM"
    assert wiring.logits(last(wiring)) is None
    assert wiring.scores_maker(last(wiring)) is None


def test_other_values_that_are_clipped_are_computed_by_the_clip(wire: Wire) -> None:
    wiring = wire(clipped("TANH"))
    maker = wiring.unclipped(last(wiring))
    assert maker is not None
    assert maker.name == "MAXIMUM"


def test_a_clipped_softmax_is_class_scores(wire: Wire) -> None:
    reading = recognize(
        wire(clipped("SOFTMAX")).model, KnownClasses(), task=None, output=None, where="m"
    )
    assert (reading.task, reading.evidence) == (
        "classification",
        "output 0 ('p') is a softmax of 8",
    )
