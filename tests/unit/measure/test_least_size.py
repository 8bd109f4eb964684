"""What quantized files of small networks need, and what edgeq's own really take."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.config.methods import METHODS, MethodChoice
from edgeq.measure.least_size import Narrower, least_size
from edgeq.measure.size import measure_size
from edgeq.quantize.make import make_variant
from edgeq.quantize.recipes import MIN_WEIGHTS
from edgeq.store.content import Store
from edgeq.tflite.model_file import ModelFile, read_model
from tests.unit.quantize.network import CLASSES, WIDTH, calibration, float_model, network

CONVOLUTION, DEPTHWISE, DENSE = WIDTH * 27, WIDTH * 9, CLASSES * WIDTH
WEIGHTS = CONVOLUTION + DEPTHWISE + DENSE


def baseline(folder: Path) -> ModelFile:
    return read_model(float_model(folder).path)


@pytest.mark.parametrize(
    ("types", "integer", "weights"),
    [
        ({"int8"}, True, WEIGHTS),
        ({"int8"}, False, CONVOLUTION + 4 * DEPTHWISE + DENSE),
        ({"float16"}, False, 2 * WEIGHTS),
        ({"int4"}, False, CONVOLUTION // 2 + 4 * DEPTHWISE + DENSE // 2),
        ({"float32"}, False, 4 * WEIGHTS),
        ({"a type of another package"}, False, 4 * WEIGHTS),
    ],
)
def test_weights_shrink_by_what_their_type_is_narrower(
    tmp_path: Path, types: set[str], weights: int, *, integer: bool
) -> None:
    found = least_size(baseline(tmp_path), Narrower(types, integer), least=MIN_WEIGHTS)
    assert (found.weights, found.float_weights) == (weights, 4 * WEIGHTS)
    assert found.others == found.bytes - weights > 0


def test_all_but_the_weights_is_counted_once(tmp_path: Path) -> None:
    """Room is left for scales and tables, a few kB here, and not for weights."""
    model = baseline(tmp_path)
    rest = model.bytes - 4 * WEIGHTS
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
