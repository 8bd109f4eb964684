from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edgeq.config.methods import MethodChoice
from edgeq.errors import ModelError
from edgeq.measure.size import Sparsity, gzip_bytes, measure_size, sparsity
from edgeq.quantize.make import make_variant
from edgeq.store.content import Store
from edgeq.tflite.model_file import ModelFile, read_model
from tests.unit.graphs import read
from tests.unit.quantize.network import CLASSES, WIDTH, calibration, float_model
from tests.unit.tiny_model import Op, Tensor, build, classifier


def test_parts_of_a_classifier(tmp_path: Path) -> None:
    found = measure_size(read(tmp_path, classifier(classes=5)))
    assert found.parts["weights float32"] == 60
    assert found.parts["biases"] == 20
    assert found.parts["constants"] == 8  # the axes of MEAN
    assert sum(found.parts.values()) == found.bytes
    assert found.parts["graph"] > 0
    msgspec.json.encode(found)


def test_quantization_parameters_and_shared_data(tmp_path: Path) -> None:
    weights = np.ones((4, 4), np.int8)
    scales, zeros = (0.1, 0.2, 0.3, 0.4), (0, 0, 0, 0)
    data = build(
        [
            Tensor("x", (1, 4)),
            Tensor("w", (4, 4), "int8", weights, scales, zeros),
            Tensor("y", (1, 4)),
            Tensor("z", (1, 4)),
        ],
        [Op("FULLY_CONNECTED", ("x", "w"), ("y",)), Op("FULLY_CONNECTED", ("y", "w"), ("z",))],
        ["x"],
        ["z"],
    )
    found = measure_size(read(tmp_path, data))
    assert found.parts["weights int8"] == 16
    assert found.parts["quantization parameters"] == 4 * (4 + 8)
    assert sum(found.parts.values()) == len(data)


def test_gzip_is_that_of_gzip_and_repeats(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(bytes(range(256)) * 10_000)
    assert gzip_bytes(path) == len(gzip.compress(path.read_bytes(), 6, mtime=0))
    assert gzip_bytes(path) == gzip_bytes(path)


def test_reduction_may_be_negative(tmp_path: Path) -> None:
    small = measure_size(read(tmp_path, classifier()))
    large = msgspec.structs.replace(small, bytes=small.bytes * 4)
    assert small.reduction(large) == 0.75
    assert large.reduction(small) == -3.0


def test_parts_that_overlap_are_refused(tmp_path: Path) -> None:
    model = replace(read(tmp_path, classifier()), metadata_bytes=10_000_000)
    with pytest.raises(ModelError, match="more than the file has"):
        measure_size(model)


def test_a_file_that_went_away_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="can't be read"):
        gzip_bytes(tmp_path / "none.tflite")


def test_the_graph_is_named_even_if_the_other_parts_are_the_whole_file(tmp_path: Path) -> None:
    model = read(tmp_path, classifier())
    others = model.bytes - measure_size(model).parts["graph"]
    assert measure_size(replace(model, bytes=others)).parts["graph"] == 0


WEIGHTS = WIDTH * 27 + WIDTH * 9 + CLASSES * WIDTH


def made(folder: Path, method: str, prune: float | None) -> ModelFile:
    choice = MethodChoice(method, method, "litert", prune=prune)
    store = Store(folder / "store")
    return read_model(make_variant(choice, float_model(folder), calibration(folder), store).path)


@pytest.mark.parametrize("method", ["int8", "weight_only_int8", "float16"])
def test_pruned_weights_are_zero_in_the_variant_and_save_only_a_download(
    tmp_path: Path, method: str
) -> None:
    plain, zeroed = made(tmp_path, method, None), made(tmp_path, method, 0.4)
    found = sparsity(zeroed)
    assert found.weights == WEIGHTS
    assert found.share >= 0.39
    assert found.share > sparsity(plain).share
    assert found.encoded == 0
    assert abs(zeroed.bytes - plain.bytes) <= 64
    assert gzip_bytes(zeroed.path) < 0.95 * gzip_bytes(plain.path)


def test_the_float_model_has_no_zeros(tmp_path: Path) -> None:
    found = sparsity(read_model(float_model(tmp_path).path))
    assert found == Sparsity(weights=WEIGHTS, zeros=0, encoded=0)


def test_a_zero_is_what_stands_for_zero(tmp_path: Path) -> None:
    weights = np.array([[3, 3, 0, 5]], np.uint8)
    stored = Tensor("w", (1, 4), "uint8", weights, scales=(0.5,), zero_points=(3,))
    tensors = [Tensor("x", (1, 4)), stored, Tensor("y", (1, 1))]
    path = tmp_path / "m.tflite"
    path.write_bytes(build(tensors, [Op("FULLY_CONNECTED", ("x", "w"), ("y",))], ["x"], ["y"]))
    assert sparsity(read_model(path)).zeros == 2


def test_nothing_stored_is_no_share() -> None:
    assert Sparsity(weights=0, zeros=0, encoded=2).share == 0.0
