from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeq.config.methods import MethodChoice
from edgeq.measure.size import gzip_bytes
from edgeq.measure.sparsity import Sparsity, sparsity
from edgeq.quantize.make import make_variant
from edgeq.store.content import Store
from edgeq.tflite.model_file import ModelFile, read_model
from tests.unit.quantize.network import CLASSES, WIDTH, calibration, float_model
from tests.unit.tiny_model import Op, Tensor, build

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
