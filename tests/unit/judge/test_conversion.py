"""The verdict on a float file that was exported from a source."""

from __future__ import annotations

from typing import Any

from edgeq.judge.conversion import ROUNDING, conversion
from edgeq.judge.verdict import Verdict
from edgeq.measure.conversion import CEILING, Conversion, ConvertedOutput


def output(name: str = "probs", **facts: Any) -> ConvertedOutput:
    every: dict[str, Any] = {
        "shape": (10,),
        "file_shape": (10,),
        "error": 1e-6,
        "relative": 1e-6,
    }
    every |= facts
    return ConvertedOutput(name=name, **every)


def measured(*outputs: ConvertedOutput) -> Conversion:
    return Conversion(
        runtime="ONNX Runtime 1.32.0", samples=16, role="calibration", outputs=outputs
    )


def test_an_export_up_to_rounding_passes() -> None:
    judgement = conversion(measured(output(), output("boxes")))
    assert judgement.status is Verdict.PASS
    assert judgement.reason == (
        "all outputs as in ONNX Runtime 1.32.0: relative error of at most 0.001 on 16 calibration "
        "samples (limit: at most 0.01)"
    )


def test_the_outputs_that_differ_are_named_and_no_others() -> None:
    judgement = conversion(measured(output(), output("boxes", error=0.4, relative=0.2)))
    assert judgement.status is Verdict.FAIL
    assert "output 'boxes' differs from ONNX Runtime 1.32.0" in judgement.reason
    assert "probs" not in judgement.reason
    assert "not a quantization" in str(judgement.next_step)
    assert judgement.evidence["samples"] == 16


def test_each_way_of_being_wrong_fails() -> None:
    for wrong, words in (
        (output(file_shape=None, error=None, relative=None), "is missing"),
        (output(nonfinite=2), "not finite on 2 samples"),
        (output(file_shape=(5, 2), error=None, relative=None), "has the shape [10]"),
    ):
        judgement = conversion(measured(wrong))
        assert judgement.status is Verdict.FAIL
        assert words in judgement.reason


def test_the_ceiling_and_the_rounding_of_a_flat_output_are_inclusive() -> None:
    for error, relative, expected in (
        (CEILING, 1.0, Verdict.PASS),
        (CEILING * 1.01, ROUNDING, Verdict.PASS),  # it varies too little to tell
        (CEILING * 1.01, ROUNDING * 1.01, Verdict.FAIL),
    ):
        assert conversion(measured(output(error=error, relative=relative))).status is expected


def test_nothing_to_compare_proves_nothing() -> None:
    assert conversion(measured(output(error=None, relative=None))).status is Verdict.INCONCLUSIVE
