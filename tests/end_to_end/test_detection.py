"""A real detector on real photographs: a good variant and a collapsed one, with labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.judge.verdict import ShipDecision, Verdict
from tests.end_to_end.projects import data_folder, gate

BOXES = ("box_recall", "box_precision", "score_shift")


@pytest.mark.parametrize("labelled", [True, False])
def test_a_collapsed_detector_fails_and_a_good_one_does_not(
    tmp_path: Path, *, labelled: bool
) -> None:
    if labelled:
        pytest.importorskip("pycocotools")
    folder = data_folder() / "tasks/detection"
    images = folder / "coco128/images"
    if not labelled:
        (tmp_path / "photographs").symlink_to(images)
        images = tmp_path / "photographs"
    spec = f"""
methods = []
allow_missing = ["map_drop"]
without = ["latency", "memory"]
[models.fastestdet]
source = "{folder}/fastestdet_float.tflite"
preprocessing = "fastestdet"
[images]
evaluation = "{images}"
max_evaluation = 24
[run]
kernels = "builtin"
[variants.good]
model = "fastestdet"
file = "{folder}/fastestdet/onnx2tf_float16.tflite"
method = "float16"
[variants.collapsed]
model = "fastestdet"
file = "{folder}/fastestdet/tensorflow_int8.tflite"
method = "int8"
[gates]
box_recall = 0.8
"""
    ran = gate(tmp_path, spec=spec)
    assert ran.code == 1
    (model,) = ran.record.models
    assert (model.task, model.decoder, model.classes) == ("detection", "fastestdet", 80)
    good, collapsed = model.variants
    gates = (*BOXES, "map_drop") if labelled else BOXES
    for name in gates:
        assert ran.verdict(f"fastestdet/collapsed/{name}") is Verdict.FAIL
        assert ran.verdict(f"fastestdet/good/{name}") in {Verdict.PASS, Verdict.INCONCLUSIVE}
    assert ran.verdict("fastestdet/good/box_recall") is Verdict.PASS
    assert collapsed.answer is ShipDecision.REJECTED
    assert good.answer is not ShipDecision.REJECTED
    assert collapsed.boxes is not None
    assert collapsed.boxes.variant_boxes == 0
    assert collapsed.boxes.unlike[0].name is not None
    if labelled:
        assert good.precision is not None
        assert good.precision.baseline_map50 > 0.25
        assert abs(good.precision.drop) < 0.01
    else:
        assert good.precision is None
        assert "labelled boxes" in str(ran.case("fastestdet/good/map_drop").next_step)
