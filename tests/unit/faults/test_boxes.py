"""Faults of a tiny detector with YOLOv5's head: what they change, and the causes that are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.config.load import parse
from edgeq.faults.challenge import make
from edgeq.faults.fault import STORED, NotApplicableError, faults
from edgeq.faults.good import Good
from edgeq.faults.inject import join
from edgeq.faults.misses import visible
from edgeq.pipeline.run import Run
from tests.unit.faults.trying import diagnosis_of, tried
from tests.unit.samples.pictures import save
from tests.unit.tiny_model import Head, heads

IMAGES = 6
BOXES = 3 * (4 * 4 + 2 * 2 + 1)
CLASSES = 4
VALUES = 5 + CLASSES


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Good:
    """The detector as its own float variant."""
    root = laid_out(tmp_path_factory.mktemp("detector"))
    return of_table(root, variants={"same": {"model": "net", "file": "net.tflite"}}, methods=[])


@pytest.fixture(scope="module")
def quantized(tmp_path_factory: pytest.TempPathFactory) -> Good:
    """The detector in int8."""
    root = laid_out(tmp_path_factory.mktemp("quantized"))
    for seed in range(IMAGES):
        save(root / "calibration" / f"{seed}.png", seed=IMAGES + seed)
    return of_table(root, methods=["int8"])


def laid_out(root: Path) -> Path:
    head = Head("out", BOXES * VALUES, last="LOGISTIC", shape=(1, BOXES, VALUES), seed=4)
    (root / "net.tflite").write_bytes(heads(head, size=(32, 32)))
    labels = root / "labels"
    labels.mkdir()
    for seed in range(IMAGES):
        save(root / "images" / f"{seed}.png", seed=seed)
        (labels / f"{seed}.txt").write_text("1 0.5 0.5 0.4 0.4\n0 0.2 0.2 0.1 0.1\n")
    return root


def of_table(root: Path, **table: object) -> Good:
    images = {"evaluation": "images"}
    if (root / "calibration").exists():
        images["calibration"] = "calibration"
    models = {"net": {"source": "net.tflite", "preprocessing": "keras-0-255"}}
    spec = {"models": models, "images": images, "gates": {"box_recall": 0.9}, **table}
    run = Run(parse(spec, root=root, origin=root / "edgeq.toml"))
    return Good(run.variants[0], root, frozenset(STORED))


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("boxes_shifted", "damaged_tensor"),
        ("boxes_transposed", "damaged_tensor"),
        ("classes_shifted", "label_offset"),
        ("classes_permuted", "label_order"),
        ("channels_swapped", "channel_order"),
        ("letterbox", "resize"),
    ],
)
def test_a_fault_of_a_detector_is_seen_and_its_cause_found(
    good: Good, name: str, cause: str
) -> None:
    fault, faulty, variant = tried(good, name)
    assert visible(fault, faulty, good, variant) is True
    diagnosis = diagnosis_of(variant)
    assert diagnosis.cause is not None, diagnosis.notes
    assert diagnosis.cause.name == cause


def test_the_classes_of_labelled_boxes_are_moved(good: Good) -> None:
    shifted = make(faults().get("evaluation_labels_shifted"), good).faulty
    assert shifted is not None
    assert shifted.labels is not None
    assert shifted.labels.tolist() == [2, 1] * IMAGES
    images = good.variant.inputs.again().images
    before = images.box_labels
    assert before is not None
    images = good.variant.inputs.again().images
    images.relabel_boxes(shifted.labels)
    after = images.box_labels
    assert after is not None
    assert after.classes.tolist() == [2, 1] * IMAGES
    assert after.sha256 != before.sha256


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("outputs_swapped", "single output"),
        ("heads_swapped", "does not join heads"),
        ("one_scale", "not quantized"),
        ("scores_clipped", "not quantized"),
    ],
)
def test_what_can_not_happen_to_this_head_is_said(good: Good, name: str, reason: str) -> None:
    with pytest.raises(NotApplicableError, match=reason):
        faults().get(name).make(good)


@pytest.mark.parametrize("name", ["one_scale", "scores_clipped"])
def test_a_fault_of_quantized_outputs_shows_in_the_boxes(quantized: Good, name: str) -> None:
    made = make(faults().get(name), quantized)
    assert made.faulty is not None, made.broken or made.inapplicable
    run = Run(join(quantized, name, made.faulty), store=quantized.variant.run.store)
    assert visible(made.fault, made.faulty, quantized, run.variants[0]) is True
