"""Editing a file: in place, written anew, and with data behind the flatbuffer."""

from __future__ import annotations

from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgeq.faults.fault import NotApplicableError
from edgeq.faults.graph import DATA_ALIGNMENT, Graph
from edgeq.tflite.model_file import read_model
from tests.unit.quantize.network import WIDTH, network
from tests.unit.tiny_model import classifier


def packed(model: schema.ModelT) -> bytes:
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def with_data_behind(content: bytes) -> bytes:
    """Return the same model as writers of large ones do: data behind the flatbuffer proper."""
    model = schema.ModelT.InitFromPackedBuf(bytearray(content), 0)
    held = [one for one in model.buffers if one.data is not None and len(one.data)]
    data = [bytes(one.data) for one in held]
    for one, values in zip(held, data, strict=True):
        one.data, one.offset, one.size = None, 2, len(values)
    place = len(packed(model))
    for one, values in zip(held, data, strict=True):
        one.offset = place
        place += len(values)
    return packed(model) + b"".join(data)


def test_layers_are_those_with_weights_in_the_order_of_execution() -> None:
    layers = Graph(network()).layers()
    assert [one.name for one in layers] == ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"]
    assert all(one.bias is not None for one in layers)
    assert layers[0].output == layers[1].input


def test_numbers_changed_in_place_leave_the_rest_of_the_file() -> None:
    content = network()
    graph = Graph(content)
    graph.values(graph.layers()[0].bias or 0)[3] = 7.0
    changed = np.frombuffer(content, np.uint8) != np.frombuffer(graph.patched(), np.uint8)
    assert 1 <= changed.sum() <= 4
    assert Graph(graph.patched()).values(graph.layers()[0].bias or 0)[3] == 7.0


@pytest.mark.parametrize("behind", [False, True])
def test_a_model_written_anew_holds_the_same(tmp_path: Path, *, behind: bool) -> None:
    content = with_data_behind(network()) if behind else network()
    graph = Graph(content)
    path = tmp_path / "again.tflite"
    path.write_bytes(graph.packed())
    before, after = Graph(content), Graph(path.read_bytes())
    assert read_model(path).operators
    assert len(before.layers()) == len(after.layers()) == 3
    for one, other in zip(before.layers(), after.layers(), strict=True):
        assert one == other
        np.testing.assert_array_equal(before.values(one.weights), after.values(other.weights))


def test_data_behind_the_flatbuffer_can_be_changed_in_place() -> None:
    graph = Graph(with_data_behind(network()))
    weights = graph.layers()[1].weights
    graph.values(weights)[...] = 3.0
    assert (Graph(graph.patched()).values(weights) == 3.0).all()


def test_stored_data_starts_where_the_schema_wants_it() -> None:
    content = Graph(network()).packed()
    graph = Graph(content)
    for layer in graph.layers():
        data = graph.values(layer.weights).tobytes()
        assert content.find(data) % DATA_ALIGNMENT == 0


def test_the_middle_layer_is_not_the_first_or_last() -> None:
    graph = Graph(network())
    assert graph.middle().name == "DEPTHWISE_CONV_2D"
    assert graph.values(graph.middle().weights).shape == (1, 3, 3, WIDTH)


def test_what_a_model_does_not_have_is_said() -> None:
    graph = Graph(classifier())
    with pytest.raises(NotApplicableError, match="no CONV_2D"):
        graph.layers("CONV_2D")
    with pytest.raises(NotApplicableError, match="not quantized"):
        graph.scales(graph.layers()[0].weights)
    with pytest.raises(NotApplicableError, match="activations are not quantized"):
        graph.activations()
    with pytest.raises(NotApplicableError, match="can't be edited"):
        graph.values(int(graph.main.inputs[0]))


def test_a_code_is_added_once() -> None:
    graph = Graph(network())
    count = len(graph.model.operatorCodes)
    assert graph.code("REVERSE_V2") == graph.code("REVERSE_V2") == count
    assert graph.names()[graph.layers()[0].operator] == "CONV_2D"
