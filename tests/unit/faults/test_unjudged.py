"""A challenge respects what the gate respects: predictions that are not judged are left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeq.config.gates import GATES
from edgeq.config.markers import MARKERS
from edgeq.config.structs import Spec
from edgeq.faults import fault as catalogue
from edgeq.faults.challenge import challenge
from edgeq.faults.fault import ANYTHING, PREDICTIONS, RANGES, SHOWN_BY, STORED, new_fault
from edgeq.faults.good import Good
from edgeq.faults.table import lines
from edgeq.record.challenge import Challenge
from tests.unit.faults import project

OF_PREDICTIONS = (
    "constant_output",
    "channels_swapped",
    "evaluation_labels_shifted",
)
OF_WHAT_IS_STORED = ("layer_zeroed", "weight_bits_flipped", "classes_permuted")
OF_RANGES = ("activation_zero_point", "ranges_cut")
OF_OTHER_THINGS = (
    "activation_scale_nan",
    "input_scale",
    "cut_short",
    "unquantized",
    "nan_outputs",
    *OF_WHAT_IS_STORED,
)
CONTROLS = ("renamed_tensors", "reordered_tensors", "other_metadata", "other_rounding")
RANDOM = "its predictions are not judged: the model has random weights, so its answers mean nothing"
PROOFS_ON_IMAGES = (
    "outputs",
    "kernels",
    "input_range",
    "ranges",
    "steady_memory",
    "calibration_disjoint",
)


def verdicts(found: Challenge) -> dict[str, str]:
    return {one.name: one.verdict for one in found.faults}


def notes(found: Challenge) -> set[str]:
    return {one.note for one in found.faults if one.verdict == "not applicable"}


@pytest.fixture(params=["labelled", "unlabelled"])
def random(request: pytest.FixtureRequest, root: Path, monkeypatch: pytest.MonkeyPatch) -> Spec:
    """A spec whose network has random weights, and which asks for every gate on predictions."""
    gates = {**project.GATES, "top1_agreement": 0.99, "accuracy_drop": 0.01}
    keys: dict[str, Any] = {"gates": gates}
    if request.param == "unlabelled":
        for seed in range(3):
            project.save(root / "flat" / f"{seed}.png", 50 + seed)
        keys["images"] = {"calibration": "calibration", "evaluation": "flat"}
    return project.random_weights(monkeypatch, root, **keys)


def test_random_weights_fail_no_control_and_their_predictions_are_left_alone(random: Spec) -> None:
    unseen = (*OF_PREDICTIONS, *OF_RANGES)
    found = challenge(random, names=(*unseen, *OF_OTHER_THINGS, *CONTROLS))
    assert [(one.name, one.verdict) for one in found.controls] == [
        (name, "PASS") for name in CONTROLS
    ]
    assert {one.name for one in found.faults if one.verdict == "caught"} == set(OF_OTHER_THINGS)
    assert {one.name for one in found.faults if one.verdict == "not applicable"} == set(unseen)
    assert notes(found) == {RANDOM}
    assert found.score == 1
    assert found.passed


def test_predictions_that_are_judged_are_made_wrong(root: Path) -> None:
    found = challenge(project.spec(root), names=OF_PREDICTIONS)
    assert "not applicable" not in verdicts(found).values()


def test_without_a_gate_that_looks_at_them_predictions_are_left_alone(root: Path) -> None:
    gates = {"size_reduction": -1.0}
    proven = (*OF_WHAT_IS_STORED, *OF_RANGES, "cut_short")
    names = (*OF_PREDICTIONS, *proven)
    found = challenge(project.spec(root, gates=gates), names=names)
    assert verdicts(found) == {
        **dict.fromkeys(OF_PREDICTIONS, "not applicable"),
        **dict.fromkeys(proven, "caught"),
    }
    assert notes(found) == {"its predictions are not judged: no declared gate looks at them"}


def test_without_evaluation_images_predictions_are_left_alone(root: Path) -> None:
    declared = [*PROOFS_ON_IMAGES, *(name for name in project.GATES if "_" in name)]
    keys = {"images": {"calibration": "calibration"}, "allow_missing": declared}
    asked = (*OF_PREDICTIONS, "input_scale", "nan_outputs", "activation_scale_nan")
    found = challenge(project.spec(root, **keys), names=asked)
    told = verdicts(found)
    assert told.pop("activation_scale_nan") == "caught"
    assert set(told.values()) == {"not applicable"}
    assert notes(found) == {
        "its predictions are not judged: there are no evaluation images",
        "there are no evaluation images to run",
    }


def halved(good: Good) -> bytes:
    """The last layer's weights are half as large."""
    graph = good.graph()
    graph.values(graph.layers()[-1].weights)[...] //= np.int8(2)
    return graph.patched()


def test_other_packages_faults_are_of_predictions_by_their_place() -> None:
    made = {
        place: new_fault(halved, "halved", place, "high", "damaged_tensor") for place in SHOWN_BY
    }
    assert {place for place, one in made.items() if one.shown_by == PREDICTIONS} == {
        "preprocessing",
        "labels",
    }
    assert {place for place, one in made.items() if one.shown_by == RANGES} == {
        "quantization",
        "activations",
    }
    assert {place for place, one in made.items() if one.shown_by == STORED} == {
        "weights",
        "bias",
        "graph",
    }
    own = new_fault(
        halved, "halved", "weights", "high", "damaged_tensor", shown_by=("max_bytes", "size")
    )
    assert own.shows({"size_reduction", "size"})
    assert not own.shows({"top1_agreement", "agreement"})
    assert new_fault(halved, "halved", "file", "high", "other").shows(())


def test_every_fault_says_what_shows_it_in_names_of_gates_and_markers() -> None:
    known = {*GATES.names(), *MARKERS}
    for _, one in catalogue.faults():
        assert set(one.shown_by) <= known, one.name
        if one.control:
            assert one.shown_by == ANYTHING


def test_the_table_says_once_what_was_left_alone(random: Spec) -> None:
    found = challenge(random, names=(*OF_PREDICTIONS, "cut_short"))
    text = lines(found, 100)
    assert max(map(len, text)) <= 100
    assert sum("its predictions are not judged" in line for line in text) == 1
    assert f"Not applicable to net (not counted), {len(OF_PREDICTIONS)} faults:" in text
    assert sum("constant_output" in line for line in text) == 1
    assert any(line.startswith("cut_short ") for line in text)
