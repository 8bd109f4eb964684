"""Faults of tasks beside classes and boxes: what they change, and the causes that are found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from edgeq.config.load import parse
from edgeq.diagnosis.stored import NO_EXPERIMENT
from edgeq.errors import UnlikeOutputsError
from edgeq.faults.challenge import make
from edgeq.faults.fault import ARRAYS, PREDICTIONS, STORED, NotApplicableError, faults
from edgeq.faults.good import Good
from edgeq.faults.misses import visible
from edgeq.pipeline.run import Run
from edgeq.pipeline.variant import VariantUnderTest
from tests.unit.faults.project import save
from tests.unit.faults.trying import diagnosis_of, tried
from tests.unit.tiny_model import Head, heads

IMAGES = 16
SIDE = 32
MODELS = {
    "embedding": heads(Head("embedding", 12, last="L2_NORMALIZATION", seed=1)),
    "keypoints": heads(Head("points", 8, seed=2)),
    "multilabel": heads(Head("tags", 6, last="LOGISTIC", seed=3)),
    "segmentation": heads(
        Head("map", SIDE * SIDE * 2, shape=(1, SIDE, SIDE, 2), seed=4), size=(SIDE, SIDE)
    ),
    "classification": heads(
        Head("kind", 5, last="SOFTMAX", seed=5), Head("colour", 5, last="SOFTMAX", seed=6)
    ),
}


class Goods:
    """Each task's model as its own variant, made when it is asked for."""

    def __init__(self, root: Path) -> None:
        self._root, self._made = root, dict[str, Good]()
        for seed in range(IMAGES):
            save(root / "images" / f"{seed}.png", seed)

    def of(self, task: str) -> Good:
        if task not in self._made:
            (self._root / f"{task}.tflite").write_bytes(MODELS[task])
            model = {"source": f"{task}.tflite", "preprocessing": "keras-0-255", "task": task}
            spec = {
                "models": {"net": model},
                "images": {"evaluation": "images"},
                "methods": [],
                "variants": {"same": {"model": "net", "file": f"{task}.tflite"}},
            }
            run = Run(parse(spec, root=self._root, origin=self._root / "edgeq.toml"))
            self._made[task] = Good(run.variants[0], self._root, frozenset(STORED))
        return self._made[task]


@pytest.fixture(scope="module")
def goods(tmp_path_factory: pytest.TempPathFactory) -> Goods:
    return Goods(tmp_path_factory.mktemp("tasks"))


@pytest.mark.parametrize(
    ("task", "name", "cause", "seen"),
    [
        ("embedding", "values_permuted", "column_order", True),
        ("embedding", "not_normalised", "not_normalised", False),
        ("embedding", "channels_swapped", "channel_order", True),
        ("keypoints", "points_transposed", "column_order", True),
        ("keypoints", "values_shifted", "damaged_tensor", True),
        ("keypoints", "range_0_1", "input_range", True),
        ("multilabel", "classes_shifted", "label_offset", True),
        ("multilabel", "classes_permuted", "label_order", True),
        ("segmentation", "map_shifted", "map_shift", True),
        ("classification", "outputs_swapped", "output_order", True),
        ("classification", "head_dead", "damaged_tensor", True),
    ],
)
def test_a_fault_of_a_task_is_seen_and_its_cause_found(
    goods: Goods, task: str, name: str, cause: str, seen: bool
) -> None:
    good = goods.of(task)
    fault, faulty, variant = tried(good, name)
    assert visible(fault, faulty, good, variant) is seen
    diagnosis = diagnosis_of(variant)
    assert diagnosis.cause is not None, diagnosis.notes
    assert diagnosis.cause.name == cause
    assert not diagnosis.notes


@pytest.mark.parametrize("task", MODELS)
def test_a_good_variant_has_no_cause(goods: Goods, task: str) -> None:
    assert diagnosis_of(goods.of(task).variant).cause is None


def test_an_operator_that_no_experiment_undoes_is_named(goods: Goods) -> None:
    good = goods.of("embedding")
    other = heads(Head("embedding", 12, gain=40, last="TANH", seed=1))
    own = heads(Head("embedding", 12, gain=40, last="L2_NORMALIZATION", seed=1))
    root = good.scratch
    (root / "own.tflite").write_bytes(own)
    (root / "other.tflite").write_bytes(other)
    spec = {
        "models": {"net": {"source": "own.tflite", "preprocessing": "keras-0-255"}},
        "images": {"evaluation": "images"},
        "methods": [],
        "variants": {"other": {"model": "net", "file": "other.tflite"}},
    }
    run = Run(parse(spec, root=root, origin=root / "edgeq.toml"))
    cause = diagnosis_of(run.variants[0]).cause
    assert cause is not None
    assert cause.name == "other_operator"
    assert "has the activation TANH" in cause.sentence
    assert NO_EXPERIMENT in cause.sentence


@pytest.mark.parametrize(
    ("task", "name", "reason"),
    [
        ("keypoints", "values_permuted", "judged as keypoints, not embedding"),
        ("embedding", "outputs_share_scale", "several outputs"),
        ("embedding", "head_dead", "several outputs"),
        ("segmentation", "foreground_swapped", "no layer|one row for each value"),
        ("classification", "outputs_share_scale", "not quantized"),
    ],
)
def test_what_can_not_happen_to_a_model_is_said(
    goods: Goods, task: str, name: str, reason: str
) -> None:
    with pytest.raises(NotApplicableError, match=reason):
        faults().get(name).make(goods.of(task))


def test_faults_of_photographs_do_not_happen_to_arrays(tmp_path: Path) -> None:
    takes_arrays = cast("VariantUnderTest", SimpleNamespace(takes_arrays=True, is_calibrated=True))
    good = Good(takes_arrays, tmp_path, frozenset(PREDICTIONS))
    attempt = make(faults().get("channels_swapped"), good)
    assert (attempt.faulty, attempt.inapplicable) == (None, ARRAYS)
    with pytest.raises(NotApplicableError, match=ARRAYS):
        good.calibrated_on_pixels("noise", np.zeros((1, 4, 4, 3), np.uint8))


@pytest.fixture
def points_and_flag(tmp_path: Path) -> Good:
    """A model whose outputs, points from 0 to 200 and a flag from 0 to 1, are quantized."""
    points = Head("points", 8, gain=40, offset=100.0, seed=2)
    flag = Head("flag", 1, last="LOGISTIC", seed=3)
    quantized = heads(
        replace(points, scale=1.0, point=-100), replace(flag, scale=1 / 255, point=-128)
    )
    (tmp_path / "quantized.tflite").write_bytes(quantized)
    for seed in range(IMAGES):
        save(tmp_path / "images" / f"{seed}.png", seed)
    (tmp_path / "net.tflite").write_bytes(heads(points, flag))
    spec = {
        "models": {
            "net": {"source": "net.tflite", "preprocessing": "keras-0-255", "task": "keypoints"}
        },
        "images": {"evaluation": "images"},
        "methods": [],
        "variants": {"quantized": {"model": "net", "file": "quantized.tflite"}},
    }
    run = Run(parse(spec, root=tmp_path, origin=tmp_path / "edgeq.toml"))
    return Good(run.variants[0], tmp_path, frozenset(STORED))


def test_outputs_of_unlike_range_on_one_scale_have_that_cause(points_and_flag: Good) -> None:
    cause = diagnosis_of(tried(points_and_flag, "outputs_share_scale").variant).cause
    assert cause is not None
    assert cause.name == "one_scale"
    assert cause.evidence["output"] == 1


def test_outputs_of_unlike_shapes_in_another_order_have_that_cause(points_and_flag: Good) -> None:
    variant = tried(points_and_flag, "outputs_swapped").variant
    with pytest.raises(UnlikeOutputsError) as caught:
        variant.outputs  # noqa: B018 - measuring them is refused
    cause = diagnosis_of(variant, caught.value).cause
    assert cause is not None
    assert cause.name == "output_order"
