"""Claims about a tiny classifier, on plain-coloured images that it knows if it is fed BGR."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgeq.config.load import parse
from edgeq.config.structs import Preprocessing
from edgeq.errors import ModelError
from edgeq.judge.claims import Claim
from edgeq.judge.verdict import Verdict
from edgeq.pipeline.run import Run
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.results.claims import Verified, verify
from tests.unit.tiny_model import classifier

CLASSES, IMAGES, SEED = 7, 48, 3
ALL_RIGHT = Claim(figure="top1", value=0.97, within=0.05)


def write(folder: Path, offset: int = 0) -> Path:
    """Write the model, and images with the class that it gives to them if it is fed BGR."""
    generator = np.random.default_rng(SEED)
    weights = generator.normal(0, 0.01, (CLASSES, 3)).astype(np.float32)
    bias = generator.normal(0, 0.1, CLASSES).astype(np.float32)
    colours = np.random.default_rng(0).integers(0, 256, (IMAGES, 3))
    given = (colours[:, ::-1] @ weights.T + bias).argmax(axis=1)
    (folder / "net.tflite").write_bytes(classifier(classes=CLASSES, seed=SEED))
    (folder / "photos").mkdir()
    rows = ["file,class_index"]
    for number, (colour, label) in enumerate(zip(colours, given, strict=True)):
        name = f"{number:02}.png"
        Image.new("RGB", (8, 8), tuple(map(int, colour))).save(folder / "photos" / name)
        rows.append(f"{name},{(label + offset) % CLASSES}")
    (folder / "photos" / "labels.csv").write_text("\n".join(rows) + "\n", "utf-8")
    return folder


def baseline(root: Path, **keys: Any) -> VariantUnderTest:
    net = {"source": "net.tflite", "task": "classification", "preprocessing": {}} | keys
    table = {"models": {"net": net}, "methods": [], "images": {"evaluation": "photos"}}
    return Run(parse(table, root=root, origin=root / "edgeq.toml")).baseline("net")


def test_a_claim_holds_if_the_model_is_fed_as_it_was_trained(tmp_path: Path) -> None:
    root = write(tmp_path)
    verified = verify(baseline(root, preprocessing={"channels": "bgr"}), ALL_RIGHT)
    assert verified.answer is Verdict.PASS
    assert verified.measured.value == 1.0
    assert verified.measured.sample == "48 images"
    assert verified.correction is None


def test_the_preprocessing_that_gives_a_claim_is_found(tmp_path: Path) -> None:
    verified = verify(baseline(write(tmp_path)), ALL_RIGHT)
    assert verified.answer is Verdict.FAIL
    assert _changes(verified) == ("with red and blue swapped",)
    assert verified.correction is not None
    assert verified.correction.fed == Preprocessing(channels="bgr")
    assert verified.corrected is not None
    assert verified.corrected.value == 1.0
    assert verified.corrected.worth == IMAGES // 2, "half of the images chose it"


def test_an_offset_of_the_classes_is_found(tmp_path: Path) -> None:
    root = write(tmp_path, offset=1)
    verified = verify(baseline(root, preprocessing={"channels": "bgr"}), ALL_RIGHT)
    assert verified.answer is Verdict.FAIL
    assert _changes(verified) == ("with +1 added to its class",)
    assert verified.correction is not None
    assert verified.correction.fed is None


def test_a_claim_of_another_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has no mAP"):
        verify(baseline(write(tmp_path)), Claim(figure="map", value=0.3))


def _changes(verified: Verified) -> tuple[str, ...]:
    return () if verified.correction is None else verified.correction.changes
