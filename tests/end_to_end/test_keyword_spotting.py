"""MLPerf Tiny's keyword spotting on 1,000 clips: arrays as samples, quantized by each file."""

from __future__ import annotations

from pathlib import Path

from edgeq.judge.verdict import ShipDecision, Verdict
from tests.end_to_end.projects import data_folder, gate

SPEC = """
methods = []
without = ["latency", "memory"]
[models.kws]
source = "{folder}/kws_float_file_as_published.tflite"
{declared}
[models.kws.samples]
evaluation = "{folder}/features_int8.npy"
scale = 0.5847029
zero_point = 83
[variants.kws_int8]
model = "kws"
file = "{folder}/kws_int8.tflite"
method = "int8"
"""


def test_the_int8_model_is_cleared_beside_the_file_that_is_published_as_float(
    tmp_path: Path,
) -> None:
    folder = data_folder() / "tasks/keyword_spotting"
    refused = gate(tmp_path, spec=SPEC.format(folder=folder, declared=""))
    assert refused.code == 2
    assert "is not a float model" in refused.output
    declared = "allow_quantized_weights = true"
    ran = gate(tmp_path, spec=SPEC.format(folder=folder, declared=declared))
    (model,) = ran.record.models
    (variant,) = model.variants
    assert any("weights are quantized already" in note for note in model.notes)
    assert ran.verdict("kws/kws_int8/top1_agreement") is Verdict.PASS
    assert variant.answer is ShipDecision.CLEARED
    assert variant.agreement is not None
    assert variant.agreement.agreeing == 984
    assert variant.accuracy is not None
    assert variant.accuracy.baseline_top1.images == 900
    # 902 by the first of equal scores; a clip whose greatest score occurs twice is not right.
    assert (variant.accuracy.variant_top1.images, variant.agreement.ties) == (899, 3)
