"""A small project: a float classifier, ready-made variants, photographs and a spec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgeq.config.load import parse
from edgeq.config.structs import Spec
from edgeq.pipeline.plan import Case
from edgeq.pipeline.run import Run
from edgeq.pipeline.variant import VariantUnderTest
from tests.unit.samples.pictures import save
from tests.unit.tiny_model import classifier

NAMES = ("apple", "banana", "cherry", "date", "elder", "fig", "grape")
EVALUATION = 10
CALIBRATION = 3
VARIANTS = {
    "same": {"file": "same.tflite"},
    "other": {"file": "other.tflite"},
    "cut": {"file": "cut.tflite"},
    "wide": {"file": "wide.tflite"},
}


def lay_out(root: Path) -> Path:
    """Write models, labels and photographs into a folder."""
    float_model = classifier(classes=len(NAMES))
    (root / "net.tflite").write_bytes(float_model)
    (root / "same.tflite").write_bytes(classifier(io="int8", classes=len(NAMES)))
    (root / "other.tflite").write_bytes(classifier(seed=1, classes=len(NAMES)))
    (root / "cut.tflite").write_bytes(float_model[:200])
    (root / "wide.tflite").write_bytes(classifier(size=(8, 8), classes=len(NAMES)))
    (root / "labels.txt").write_text("\n".join(NAMES), "utf-8")
    for seed in range(EVALUATION):
        save(root / "evaluation" / str(seed % len(NAMES)) / f"{seed}.png", seed=seed)
    for seed in range(CALIBRATION):
        save(root / "calibration" / f"{seed}.png", seed=100 + seed)
    return root


def spec(root: Path, model: dict[str, Any] | None = None, **keys: Any) -> Spec:
    """Return the spec of such a folder, with keys of its one model and of its own changed."""
    net = {"source": "net.tflite", "labels": "labels.txt", "preprocessing": "keras-0-255"}
    table = {
        "models": {"net": net | (model or {})},
        "methods": [],
        "variants": {name: {"model": "net", **keys} for name, keys in VARIANTS.items()},
        "images": {"calibration": "calibration", "evaluation": "evaluation"},
        "latency": {"rounds": 8, "block": 2, "warmup": 0},
    }
    return parse(table | keys, root=root, origin=root / "edgeq.toml")


def case(run: Run, case_id: str) -> Case:
    """Return a declared case."""
    return next(one for one in run.cases if one.id == case_id)


def variant(run: Run, name: str) -> VariantUnderTest:
    """Return a declared variant of the model ``net``."""
    return run.variant(f"net/{name}")
