"""Data inside a file's tables and behind them, and files that lie about where it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgeq.config.methods import MethodChoice
from edgeq.errors import ModelError
from edgeq.faults.graph import Graph
from edgeq.measure.size import measure_size
from edgeq.quantize.make import make_variant
from edgeq.store.content import Store
from edgeq.tflite.constants import Constants
from edgeq.tflite.model_file import ModelFile, open_model, read_model
from tests.unit.quantize.network import WIDTH, calibration, float_model, network
from tests.unit.tiny_model import classifier, outside, packed


def read(folder: Path, content: bytes) -> ModelFile:
    path = folder / "net.tflite"
    path.write_bytes(content)
    return read_model(path)


def real(model: ModelFile, name: str) -> np.ndarray[Any, Any]:
    tensor = next(one for one in model.tensors if one.name == name)
    return Constants(model).real(tensor)


def changed(content: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """Return a file whose buffers, by the name of the tensor that they hold, are changed."""
    model = schema.ModelT.InitFromPackedBuf(bytearray(content), 0)
    tensors = model.subgraphs[0].tensors
    change({one.name.decode(): model.buffers[one.buffer] for one in tensors})
    return packed(model)


CLASSES = 5000  # litert-quantizer puts data behind the tables from 256 kB on


@pytest.fixture(scope="module")
def quantized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The int8 variant that litert-quantizer makes of the network."""
    folder = tmp_path_factory.mktemp("quantized")
    choice = MethodChoice("int8", "int8", "litert")
    store = Store(folder / "store")
    model = float_model(folder, network(classes=CLASSES))
    return make_variant(choice, model, calibration(folder), store).path


def test_data_behind_the_tables_is_read_like_data_inside(tmp_path: Path) -> None:
    inside = read(tmp_path, classifier())
    weights, parts = real(inside, "weights"), measure_size(inside).parts
    behind = read(tmp_path, outside(classifier()))
    np.testing.assert_array_equal(real(behind, "weights"), weights)
    assert [one.data_bytes for one in behind.tensors] == [one.data_bytes for one in inside.tensors]
    found = measure_size(behind)
    assert {**found.parts, "graph": 0} == {**parts, "graph": 0}
    assert sum(found.parts.values()) == found.bytes


def test_the_weights_of_litert_quantizers_files_are_found(quantized: Path, tmp_path: Path) -> None:
    buffers = open_model(quantized).root().tables(4)
    assert any(one.integer(1, "Q") > 1 for one in buffers)  # else this test shows nothing
    variant, source = read_model(quantized), read(tmp_path, network(classes=CLASSES))
    for name in ("conv_weights", "dense_weights"):
        assert np.abs(real(variant, name) - real(source, name)).max() < 0.01
    found = measure_size(variant)
    assert found.parts["weights int8"] == WIDTH * (3 * 9 + 9 + CLASSES)
    assert sum(found.parts.values()) == found.bytes


@pytest.mark.parametrize("anew", [False, True])
def test_the_weights_of_litert_quantizers_files_can_be_edited(
    quantized: Path, tmp_path: Path, anew: bool
) -> None:
    graph = Graph(quantized.read_bytes(), quantized)
    layer = graph.layers("CONV_2D")[0]
    graph.values(layer.weights)[1] = 0
    after = read(tmp_path, graph.packed() if anew else graph.patched())
    before = read_model(quantized)
    ours, theirs = real(before, "conv_weights"), real(after, "conv_weights")
    assert ours[1].any()
    assert not theirs[1].any()
    np.testing.assert_array_equal(np.delete(ours, 1, 0), np.delete(theirs, 1, 0))
    np.testing.assert_array_equal(real(before, "dense_weights"), real(after, "dense_weights"))


def test_data_inside_goes_before_a_place_behind_as_it_does_in_the_runtime(tmp_path: Path) -> None:
    content = outside(classifier())
    weights = real(read(tmp_path, content), "weights")

    def both(buffers: dict[str, Any]) -> None:
        buffers["weights"].data = np.full(weights.nbytes, 0, np.uint8)

    # The data behind the tables comes along, so that every place is inside the file.
    model = read(tmp_path, changed(content, both) + content)
    assert not real(model, "weights").any()


@pytest.mark.parametrize("offset", [10**6, 2**32, 2**63, 2**64 - 8])
def test_a_place_beyond_the_file_is_refused(tmp_path: Path, offset: int) -> None:
    def move(buffers: dict[str, Any]) -> None:
        buffers["weights"].offset = offset

    content = changed(outside(classifier()), move)
    with pytest.raises(ModelError, match="damaged or truncated: it refers to 60 bytes"):
        read(tmp_path, content + bytes(500))
    with pytest.raises(ModelError, match="damaged or truncated: it refers to 60 bytes"):
        Graph(content + bytes(500), tmp_path / "net.tflite")


def test_more_than_the_file_has_is_refused(tmp_path: Path) -> None:
    def grow(buffers: dict[str, Any]) -> None:
        buffers["weights"].size = 2**64 - 1

    with pytest.raises(ModelError, match=f"refers to {2**64 - 1} bytes"):
        read(tmp_path, changed(outside(classifier()), grow) + bytes(500))


@pytest.mark.parametrize("shift", [-4, 4])
def test_buffers_that_share_a_part_are_refused(tmp_path: Path, shift: int) -> None:
    def move(buffers: dict[str, Any]) -> None:
        buffers["bias"].offset = buffers["weights"].offset + shift

    with pytest.raises(ModelError, match="damaged or truncated: two of its buffers overlap"):
        read(tmp_path, changed(outside(classifier()), move) + bytes(500))


def test_buffers_that_share_all_of_their_data_count_once(tmp_path: Path) -> None:
    def share(buffers: dict[str, Any]) -> None:
        buffers["bias"].offset = buffers["weights"].offset
        buffers["bias"].size = buffers["weights"].size

    content = outside(classifier(classes=1, channels=3))
    model = read(tmp_path, changed(content, share) + content)
    held = {one.name: one.buffer for one in model.tensors}
    assert held["bias"] == held["weights"] != held["axes"]
    assert measure_size(model).parts["weights float32"] == 12
    assert "biases" not in measure_size(model).parts
