"""What quantized files of small networks need, and what edgeq's own really take."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edgeq.config.methods import METHODS, MethodChoice
from edgeq.errors import ModelError
from edgeq.measure.size import Narrower, Sparsity, gzip_bytes, least_size, measure_size, sparsity
from edgeq.quantize.make import make_variant
from edgeq.quantize.recipes import MIN_WEIGHTS
from edgeq.store.content import Store
from edgeq.tflite.model_file import ModelFile, read_model
from tests.unit.graphs import read
from tests.unit.quantize.network import CLASSES, WIDTH, calibration, float_model, network
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


CONVOLUTION, DEPTHWISE, DENSE = WIDTH * 27, WIDTH * 9, CLASSES * WIDTH
FLOAT_WEIGHTS = CONVOLUTION + DEPTHWISE + DENSE


def baseline(folder: Path) -> ModelFile:
    return read_model(float_model(folder).path)


@pytest.mark.parametrize(
    ("types", "integer", "weights"),
    [
        ({"int8"}, True, FLOAT_WEIGHTS),
        ({"int8"}, False, CONVOLUTION + 4 * DEPTHWISE + DENSE),
        ({"float16"}, False, 2 * FLOAT_WEIGHTS),
        ({"int4"}, False, CONVOLUTION // 2 + 4 * DEPTHWISE + DENSE // 2),
        ({"float32"}, False, 4 * FLOAT_WEIGHTS),
        ({"a type of another package"}, False, 4 * FLOAT_WEIGHTS),
    ],
)
def test_weights_shrink_by_what_their_type_is_narrower(
    tmp_path: Path, types: set[str], weights: int, *, integer: bool
) -> None:
    found = least_size(baseline(tmp_path), Narrower(types, integer), least=MIN_WEIGHTS)
    assert (found.weights, found.float_weights) == (weights, 4 * FLOAT_WEIGHTS)
    assert found.others == found.bytes - weights > 0


def test_all_but_the_weights_is_counted_once(tmp_path: Path) -> None:
    """Room is left for scales and tables, a few kB here, and not for weights."""
    model = baseline(tmp_path)
    rest = model.bytes - 4 * FLOAT_WEIGHTS
    for types, integer in (({"int8"}, True), ({"int8"}, False), ({"float16"}, False)):
        found = least_size(model, Narrower(types, integer))
        assert rest < found.others < rest + 20_000


def test_a_layer_that_is_stored_otherwise_needs_conversions_at_its_borders(tmp_path: Path) -> None:
    model, half = baseline(tmp_path), Narrower({"float16"}, integer=False)
    dense = next(one.index for one in model.operators if one.name == "FULLY_CONNECTED")
    plain = least_size(model, half)
    assert least_size(model, half, others={dense: half}) == plain
    mixed = least_size(model, half, others={dense: Narrower({"float32"}, integer=False)})
    assert mixed.weights == plain.weights + 2 * DENSE
    assert mixed.others > plain.others


@pytest.mark.parametrize("name", [name for name, method in METHODS if "litert" in method.engines])
@pytest.mark.parametrize("classes", [3, CLASSES])
def test_what_is_made_of_a_small_network_needs_no_more(
    tmp_path: Path, name: str, classes: int
) -> None:
    model, method = float_model(tmp_path, network(classes=classes)), METHODS.get(name)
    choice = MethodChoice(name, name, "litert")
    store = Store(tmp_path / "store")
    own = read_model(make_variant(choice, model, calibration(tmp_path), store).path)
    need = least_size(
        read_model(model.path),
        Narrower(method.weight_types, "float32" not in method.activation_types),
        least=MIN_WEIGHTS,
    )
    assert measure_size(own).bytes <= need.bytes
    # Room for scales and graph must not be room for weights that are not quantized.
    assert need.others - (model.path.stat().st_size - need.float_weights) < 20_000
