"""A small project for faults: a float network, photographs in class folders, and a spec."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgeq.config.load import parse
from edgeq.config.structs import Spec
from edgeq.faults.good import Good
from edgeq.models.float_model import FloatModel, load_float_model
from edgeq.pipeline.run import Run
from tests.unit.quantize.network import SIZE, network

CLASSES = 24
EVALUATION = 12
CALIBRATION = 6
GATES = {
    "size_reduction": -1.0,
    "top1_agreement": 0.4,
    "worst_cosine": 0.8,
    "latency_ratio": 100.0,
    "max_peak_memory": "400 MB",
    "max_partitions": 1,
}
"""Limits that the int8 variant of the network keeps."""


def lay_out(root: Path) -> Path:
    """Write the model and its photographs into a folder."""
    (root / "net.tflite").write_bytes(network(classes=CLASSES))
    for seed in range(EVALUATION):
        save(root / "evaluation" / str(seed % 5) / f"{seed}.png", seed)
    for seed in range(CALIBRATION):
        save(root / "calibration" / str(seed % 3) / f"{seed}.png", 100 + seed)
    return root


def save(path: Path, seed: int, *, scale: float = 1.0) -> None:
    """Write a photograph larger than the network's input: one colour, and noise over it.

    Args:
        path: Of the file.
        seed: Of colour and noise.
        scale: Of the brightness.
    """
    generator = np.random.default_rng(seed)
    noise = generator.integers(-60, 61, (2 * SIZE[0], 2 * SIZE[1] + 2, 3))
    pixels = np.clip(scale * (generator.integers(0, 256, 3) + noise), 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def spec(root: Path, **keys: Any) -> Spec:
    """Return the spec of such a folder, with some keys changed."""
    table = {
        "methods": ["int8"],
        "default_gates": False,
        "models": {"net": {"source": "net.tflite", "preprocessing": "keras-tf"}},
        "images": {"calibration": "calibration", "evaluation": "evaluation"},
        "gates": GATES,
        "latency": {"rounds": 8, "block": 2, "warmup": 0},
    }
    return parse(table | keys, root=root, origin=root / "edgeq.toml")


def random_weights(monkeypatch: pytest.MonkeyPatch, root: Path, **keys: Any) -> Spec:
    """Return the spec of such a folder whose network is one with random weights."""

    def load(*given: Any) -> FloatModel:
        return dataclasses.replace(load_float_model(*given), trained=False)

    monkeypatch.setattr("edgeq.pipeline.inputs.load_float_model", load)
    net = {"source": "net.tflite", "preprocessing": "keras-tf", "allow_random_weights": True}
    return spec(root, **{"models": {"net": net}, **keys})


def good(root: Path, method: str = "int8", **keys: Any) -> Good:
    """Return the variant of a method, ready to be made faulty."""
    run = Run(spec(root, **{"methods": [method], **keys}))
    return Good(run.variants[0], root)
