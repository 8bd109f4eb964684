"""Editing a file: in place, written anew, and with data behind the flatbuffer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeq.faults.fault import NotApplicableError
from edgeq.faults.graph import Graph
from edgeq.tflite.model_file import read_model
from tests.unit.quantize.network import WIDTH, network
from tests.unit.tiny_model import classifier, outside

NET = Path("net.tflite")


def test_layers_are_those_with_weights_in_the_order_of_execution() -> None:
    layers = Graph(network(), NET).layers()
    assert [one.name for one in layers] == ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"]
    assert all(one.bias is not None for one in layers)
    assert layers[0].output == layers[1].input


def test_numbers_changed_in_place_leave_the_rest_of_the_file() -> None:
    content = network()
    graph = Graph(content, NET)
    graph.values(graph.layers()[0].bias or 0)[3] = 7.0
    changed = np.frombuffer(content, np.uint8) != np.frombuffer(graph.patched(), np.uint8)
    assert 1 <= changed.sum() <= 4
    assert Graph(graph.patched(), NET).values(graph.layers()[0].bias or 0)[3] == 7.0


@pytest.mark.parametrize("behind", [False, True])
def test_a_model_written_anew_holds_the_same(tmp_path: Path, *, behind: bool) -> None:
    content = outside(network()) if behind else network()
    graph = Graph(content, NET)
    path = tmp_path / "again.tflite"
    path.write_bytes(graph.packed())
    before, after = Graph(content, NET), Graph(path.read_bytes(), NET)
    assert read_model(path).operators
    assert len(before.layers()) == len(after.layers()) == 3
    for one, other in zip(before.layers(), after.layers(), strict=True):
        assert one == other
        np.testing.assert_array_equal(before.values(one.weights), after.values(other.weights))


def test_data_behind_the_flatbuffer_can_be_changed_in_place() -> None:
    graph = Graph(outside(network()), NET)
    weights = graph.layers()[1].weights
    graph.values(weights)[...] = 3.0
    assert (Graph(graph.patched(), NET).values(weights) == 3.0).all()


def test_the_middle_layer_is_not_the_first_or_last() -> None:
    graph = Graph(network(), NET)
    assert graph.middle().name == "DEPTHWISE_CONV_2D"
    assert graph.values(graph.middle().weights).shape == (1, 3, 3, WIDTH)


def test_what_a_model_does_not_have_is_said() -> None:
    graph = Graph(classifier(), NET)
    with pytest.raises(NotApplicableError, match="no CONV_2D"):
        graph.layers("CONV_2D")
    with pytest.raises(NotApplicableError, match="not quantized"):
        graph.scales(graph.layers()[0].weights)
    with pytest.raises(NotApplicableError, match="activations are not quantized"):
        graph.activations()
    with pytest.raises(NotApplicableError, match="can't be edited"):
        graph.values(int(graph.main.inputs[0]))


def test_a_code_is_added_once() -> None:
    graph = Graph(network(), NET)
    count = len(graph.model.operatorCodes)
    assert graph.code("REVERSE_V2") == graph.code("REVERSE_V2") == count
