from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeq.tflite.model_file import read_model
from edgeq.tflite.wiring import Wiring
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
