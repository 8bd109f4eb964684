"""A small project whose ready-made variants go wrong in one way each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from edgeq.config.load import parse
from edgeq.pipeline.run import Run
from tests.unit.tiny_model import classifier

CLASSES = 7
PHOTOS = 20
BASELINE = classifier(classes=CLASSES)
"""As ``classifier`` draws them: weights (classes, 3), then biases."""
_DRAW = np.random.default_rng(0)
WEIGHTS = _DRAW.normal(0, 0.01, (CLASSES, 3)).astype(np.float32)
BIAS = _DRAW.normal(0, 0.1, CLASSES).astype(np.float32)


def with_values(weights: np.ndarray, bias: np.ndarray = BIAS) -> bytes:
    """Return the baseline with other weights and biases."""
    content = BASELINE
    for old, new in ((WEIGHTS, weights), (BIAS, bias)):
        assert content.count(old.tobytes()) == 1
        content = content.replace(old.tobytes(), new.astype(np.float32).tobytes())
    return content


def failing_run(
    root: Path,
    content: bytes = BASELINE,
    preprocessing: dict[str, object] | None = None,
    offset: int = 0,
) -> Run:
    """Return the run of a project with one faulty variant, ``net/faulty``.

    Args:
        root: A folder for it.
        content: The variant's file.
        preprocessing: Where the variant's differs.
        offset: Added to the labels.
    """
    draw = np.random.default_rng(5)
    colours = draw.integers(0, 256, (PHOTOS, 3))
    mean = colours.astype(np.float32)
    classes = (mean @ WEIGHTS.T + BIAS).argmax(axis=1)
    for place, (colour, told) in enumerate(zip(colours, classes, strict=True)):
        path = root / "evaluation" / str((told + offset) % CLASSES) / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), tuple(int(one) for one in colour)).save(path)
    (root / "net.tflite").write_bytes(BASELINE)
    (root / "faulty.tflite").write_bytes(content)
    (root / "labels.txt").write_text("\n".join("abcdefg"), "utf-8")
    faulty: dict[str, object] = {"model": "net", "file": "faulty.tflite"}
    if preprocessing is not None:
        faulty["preprocessing"] = preprocessing
    table = {
        "models": {
            "net": {
                "source": "net.tflite",
                "labels": "labels.txt",
                "preprocessing": "keras-0-255",
            }
        },
        "methods": [],
        "variants": {"faulty": faulty},
        "images": {"evaluation": "evaluation"},
        "gates": {"top1_agreement": 0.97, "worst_cosine": 0.9, "accuracy_drop": 0.01},
        "default_gates": False,
    }
    return Run(parse(table, root=root, origin=root / "edgeq.toml"))
