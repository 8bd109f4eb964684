from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeq.errors import ModelError
from edgeq.tflite.constants import Constants
from edgeq.tflite.edits import (
    apply_edits,
    outputs_edits,
    ranges_edits,
)
from edgeq.tflite.model_file import read_model
from tests.unit.graphs import logits_edits
from tests.unit.tiny_model import IoType, Op, Tensor, build, classifier

RUN = """
import json, sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter
interpreter = Interpreter(model_path=sys.argv[1], num_threads=1)
interpreter.allocate_tensors()
entry = interpreter.get_input_details()[0]
image = np.arange(np.prod(entry["shape"])).reshape(entry["shape"]) % 100
interpreter.set_tensor(entry["index"], image.astype(entry["dtype"]))
interpreter.invoke()
outputs = []
for one in interpreter.get_output_details():
    value = interpreter.get_tensor(one["index"]).astype(float)
    scale, zero = one["quantization"]
    outputs.append((((value - zero) * scale) if scale else value).tolist())
nodes = [node["op_name"] for node in interpreter._get_ops_details()]
print(json.dumps({"outputs": outputs, "delegated": nodes.count("DELEGATE")}))
"""


def run(path: Path) -> tuple[list[np.ndarray[Any, Any]], int]:
    """Return the outputs and the delegate's partitions; no model runs in pytest's process."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(path)], capture_output=True, check=True, text=True
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    return [np.array(one) for one in answer["outputs"]], answer["delegated"]


def check_logits(path: Path, edited: Path, tolerance: float) -> None:
    edited.write_bytes(apply_edits(path.read_bytes(), logits_edits(path)))
    (plain,), partitions = run(path)
    (probabilities, logits), partitions_edited = run(edited)
    np.testing.assert_array_equal(plain, probabilities)
    raised = np.exp(logits - logits.max())
    np.testing.assert_allclose(raised / raised.sum(), probabilities, atol=tolerance)
    assert partitions_edited == partitions


@pytest.mark.parametrize("io", ["float32", "int8", "uint8"])
def test_logits_become_the_last_output(tmp_path: Path, io: IoType) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(classifier(io=io))
    check_logits(path, tmp_path / "edited.tflite", 1e-6 if io == "float32" else 1 / 256)


@pytest.mark.parametrize("name", ["resnet8_cifar10_float", "resnet8_cifar10_int8"])
def test_real_models_give_their_logits(tmp_path: Path, name: str) -> None:
    data = os.environ.get("EDGEQ_DATA")
    if not data:
        pytest.skip("EDGEQ_DATA is unset")
    check_logits(Path(data) / "models" / f"{name}.tflite", tmp_path / "edited.tflite", 1 / 256)


def test_the_edited_file_is_whole(tmp_path: Path) -> None:
    path, edited = tmp_path / "model.tflite", tmp_path / "edited.tflite"
    path.write_bytes(classifier() + b"\x00")  # an odd length needs padding
    edits = logits_edits(path)
    edited.write_bytes(apply_edits(path.read_bytes(), edits))
    before, after = read_model(path), read_model(edited)
    assert [after.tensors[index].name for index in after.outputs] == ["probabilities", "logits"]
    assert (after.tensors, after.operators) == (before.tensors, before.operators)
    assert len(edits[0][1]) == 4
    assert edited.stat().st_size % 4 == 0


def test_a_model_that_ends_in_logits_needs_no_edit(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(classifier(softmax=False))
    assert logits_edits(path) == ()


def test_any_tensor_becomes_an_output(tmp_path: Path) -> None:
    path, edited = tmp_path / "model.tflite", tmp_path / "edited.tflite"
    path.write_bytes(classifier())
    model = read_model(path)
    features = next(one.index for one in model.tensors if one.name == "features")
    edits = outputs_edits(path, [features, model.outputs[0]])
    edited.write_bytes(apply_edits(path.read_bytes(), edits))
    (plain,), _ = run(path)
    (probabilities, means), _ = run(edited)
    np.testing.assert_array_equal(plain, probabilities)
    assert means.shape == (1, 3)
    assert means.max() > 1


def test_a_tensor_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(classifier())
    with pytest.raises(ModelError, match="has the tensors"):
        outputs_edits(path, [99])


def test_a_tensor_gets_another_scale_and_zero_point(tmp_path: Path) -> None:
    path, edited = tmp_path / "net.tflite", tmp_path / "edited.tflite"
    path.write_bytes(classifier(io="uint8"))
    before = read_model(path)
    source = before.inputs[0]
    edited.write_bytes(apply_edits(path.read_bytes(), ranges_edits(path, {source: (0.5, 7)})))
    after = read_model(edited)
    assert after.tensors[source].scales.tolist() == [0.5]
    assert after.tensors[source].zero_points.tolist() == [7]
    for old, new in zip(before.tensors, after.tensors, strict=True):
        if old.index != source:
            assert (old.scales == new.scales).all()


def dense(**bias: Any) -> bytes:
    """Return two int8 dense layers in a row; the keys change the first one's bias."""

    def activation(name: str, scale: float) -> Tensor:
        return Tensor(name, (1, 2), "int8", scales=(scale,), zero_points=(0,))

    weights = {
        name: Tensor(name, (2, 2), "int8", np.eye(2, dtype=np.int8), (0.5, 0.25), (0, 0))
        for name in ("w1", "w2")
    }
    first = {"data": np.array([8, -40], np.int32), "scales": (0.05, 0.025), **bias}
    tensors = [
        activation("in", 0.1),
        *weights.values(),
        Tensor("b1", (2,), "int32", zero_points=(0, 0), **first),
        Tensor("b2", (2,), "int32", np.array([3, 5], np.int32), (0.1, 0.05), (0, 0)),
        activation("mid", 0.2),
        activation("out", 0.4),
    ]
    ops = [
        Op("FULLY_CONNECTED", ("in", "w1", "b1"), ("mid",)),
        Op("FULLY_CONNECTED", ("mid", "w2", "b2"), ("out",)),
    ]
    return build(tensors, ops, ["in"], ["out"])


def test_biases_follow_the_range_of_their_layers_input(tmp_path: Path) -> None:
    path, edited = tmp_path / "net.tflite", tmp_path / "edited.tflite"
    path.write_bytes(dense())
    model = read_model(path)
    places = {one.name: one.index for one in model.tensors}
    edits = ranges_edits(path, {places["in"]: (0.2, 3)})
    edited.write_bytes(apply_edits(path.read_bytes(), edits))
    after = read_model(edited)
    constants = Constants(after)
    source, bias, other = (after.tensors[places[name]] for name in ("in", "b1", "b2"))
    assert (source.scales.tolist(), source.zero_points.tolist()) == (
        pytest.approx([0.2]),
        [3],
    )
    assert constants.stored(bias).tolist() == [4, -20]
    assert bias.scales.tolist() == pytest.approx([0.1, 0.05])
    assert constants.real(bias).tolist() == pytest.approx([0.4, -1.0])
    assert constants.stored(other).tolist() == [3, 5]


def test_a_bias_that_counted_in_other_steps_counts_in_its_layers(tmp_path: Path) -> None:
    path, edited = tmp_path / "net.tflite", tmp_path / "edited.tflite"
    path.write_bytes(dense(scales=(0.1, 0.05)))
    model = read_model(path)
    bias = next(one for one in model.tensors if one.name == "b1")
    edits = ranges_edits(path, {model.inputs[0]: (0.1, 0)})
    edited.write_bytes(apply_edits(path.read_bytes(), edits))
    assert Constants(read_model(edited)).stored(bias).tolist() == [16, -80]


def test_a_range_whose_biases_can_not_follow_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(dense(scales=(0.1, 0.1, 0.1)))
    model = read_model(path)
    with pytest.raises(ModelError, match="'b1' has the wrong number of scales"):
        ranges_edits(path, {model.inputs[0]: (0.2, 0)})
    path.write_bytes(dense())
    with pytest.raises(ModelError, match="'b1' can't be counted in steps of 0"):
        ranges_edits(path, {model.inputs[0]: (0.0, 0)})
    weights = next(one for one in model.tensors if one.name == "w1")
    with pytest.raises(ModelError, match="'w1' is a constant"):
        ranges_edits(path, {weights.index: (0.2, 0)})


def test_a_tensor_without_a_scale_gets_none(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(classifier())
    with pytest.raises(ModelError, match="lacks a single scale"):
        ranges_edits(path, {0: (0.5, 7)})
