"""Causes of variants that could not be made or run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeq.config.load import parse
from edgeq.diagnosis.bench import Bench
from edgeq.diagnosis.explaining import diagnose
from edgeq.errors import ConversionError, EdgeqError, ModelRefusedError, WorkerCrashedError
from edgeq.pipeline.run import Run
from tests.unit.quantize.network import network

SOURCE = """
def build():
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential([
        keras.Input((8, 8, 3)), layers.Conv2D(8, 3, activation="relu"),
        layers.GlobalAveragePooling2D(), layers.Dense(5, activation="softmax"),
    ])
"""


def run_of(root: Path, source: str, method: str) -> Run:
    for seed in range(8):
        pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3)).astype(np.uint8)
        path = root / ("calibration" if seed % 2 else "evaluation") / str(seed // 2) / "image.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    table = {
        "models": {"net": {"source": source, "preprocessing": "keras-tf"}},
        "methods": [method],
        "images": {"calibration": "calibration", "evaluation": "evaluation"},
    }
    return Run(parse(table, root=root, origin=root / "edgeq.toml"))


@pytest.mark.keras
@pytest.mark.parametrize("error", [ModelRefusedError("no"), ConversionError("no")])
def test_the_engine_whose_file_loads_is_named(tmp_path: Path, error: EdgeqError) -> None:
    (tmp_path / "small_network.py").write_text(SOURCE)
    run = run_of(tmp_path, "small_network:build", "int16x8")
    cause = diagnose(Bench(run.variants[0], error)).cause
    assert cause is not None
    assert cause.name == "engine"
    assert "the runtime loads what 'tensorflow' makes" in cause.sentence
    assert cause.next_step == 'Write "int16x8@tensorflow" in place of "int16x8"'


def test_an_engine_that_can_not_start_from_the_model_is_not_named(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(network())
    run = run_of(tmp_path, "net.tflite", "int16x8")
    cause = diagnose(Bench(run.variants[0], ModelRefusedError("no"))).cause
    assert cause is not None
    assert cause.name == "refused"


def test_a_method_of_one_engine_and_a_crash_name_none(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(network())
    run = run_of(tmp_path, "net.tflite", "weight_only_int8")
    cause = diagnose(Bench(run.variants[0], ModelRefusedError("no"))).cause
    assert cause is not None
    assert cause.name == "refused"
    cause = diagnose(Bench(run.variants[0], WorkerCrashedError("no"))).cause
    assert cause is not None
    assert cause.name == "crash"
