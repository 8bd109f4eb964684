"""Variants that are fed otherwise than their baseline: what every case that rests on it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeq.judge.verdict import Verdict
from edgeq.pipeline.run import Run
from edgeq.record.structs import CaseRecord, VariantRecord
from edgeq.results.judging import judge
from edgeq.results.recording import describe_models
from tests.unit.graphs import drawn, graph
from tests.unit.pipeline.project import NAMES, case, spec, variant
from tests.unit.tiny_model import Op, Tensor, classifier

NEAREST = "fed otherwise than the baseline: filter nearest, baseline bicubic"


def running(project: Path, file: str = "same.tflite", **keys: Any) -> Run:
    """Return a run of one ready-made variant, called ``fed``."""
    return Run(spec(project, variants={"fed": {"model": "net", "file": file, **keys}}))


def cases_of(run: Run) -> list[CaseRecord]:
    return [judge(one)[0] for one in run.cases if one.gate.name != "latency_ratio"]


def described(run: Run) -> VariantRecord:
    (model,) = describe_models(run)
    return model.variants[0]


def test_every_case_that_rests_on_images_says_what_differs(project: Path) -> None:
    run = running(project, preprocessing={"filter": "nearest"}, method="int8")
    found = cases_of(run)
    said = {one.gate for one in found if one.reason.endswith(f"; {NEAREST}")}
    resting = {one.gate.name for one in run.cases if one.gate.needs_images}
    assert said == resting
    assert {"top1_agreement", "accuracy_drop", "outputs", "kernels", "input_range"} <= said
    assert not any("fed otherwise" in one.reason for one in found if one.gate not in said)
    variant = described(run)
    assert variant.feeding is not None
    assert variant.feeding.sentence == NEAREST
    assert variant.preprocessing is not None
    assert variant.preprocessing.filter == "nearest"


@pytest.mark.parametrize("keys", [{}, {"preprocessing": "keras-0-255"}])
def test_a_variant_that_is_fed_alike_says_nothing(project: Path, keys: dict[str, Any]) -> None:
    """An int8 input rounds what it gets: that is its own quantization, and no difference."""
    run = running(project, **keys)
    assert not any("fed" in one.reason for one in cases_of(run))
    assert described(run).feeding is None


def test_a_normalization_inside_of_the_file_is_no_difference(project: Path) -> None:
    content = classifier(classes=len(NAMES), divided=1 / 255)
    (project / "inside.tflite").write_bytes(content)
    run = running(project, "inside.tflite", preprocessing={"std": [1 / 255] * 3})
    # The file divides by 255 what comes in from 0 to 65,025: its first layer gets the pixels.
    record, _ = judge(case(run, "net/fed/top1_agreement"))
    assert record.value == 1.0
    assert "fed" not in record.reason
    feeding = variant(run, "fed").feeding
    assert (feeding.differs, feeding.normalizes) == (False, True)
    assert described(run).feeding == feeding


def test_a_normalization_inside_that_comes_to_something_else_is_said(project: Path) -> None:
    (project / "half.tflite").write_bytes(classifier(classes=len(NAMES), divided=2.0))
    run = running(project, "half.tflite", preprocessing="unit")
    record, _ = judge(case(run, "net/fed/top1_agreement"))
    assert record.reason.endswith(
        "fed otherwise than the baseline: values at the first layer 0 to 2, baseline 0 to 255"
    )


def test_another_range_for_the_same_file_is_a_difference(project: Path) -> None:
    run = running(project, "net.tflite", preprocessing="unit")
    record, _ = judge(case(run, "net/fed/top1_agreement"))
    assert record.reason.endswith(
        "fed otherwise than the baseline: values 0 to 1, baseline 0 to 255"
    )


GREEN_FIRST = {"mean": [0.0, 9.0, 0.0], "std": [1.0, 1.0, 1.0]}


@pytest.mark.parametrize(
    ("preprocessing", "said"),
    [
        ("unit", "values 0 to 1, baseline 0 to 255"),
        (GREEN_FIRST, "values -9 to 255, baseline 0 to 255"),
        ({"channels": "bgr"}, "channels bgr, baseline rgb"),
    ],
)
def test_the_baselines_layers_fail_with_other_values(
    project: Path, preprocessing: Any, said: str
) -> None:
    run = running(project, "net.tflite", preprocessing=preprocessing)
    record, _ = judge(case(run, "net/fed/input_range"))
    assert record.status is Verdict.FAIL
    assert record.reason.startswith("holds the baseline's weights in 1 layer")
    assert record.reason.endswith(f"gets others; fed otherwise than the baseline: {said}")
    assert record.next_step is not None


@pytest.mark.parametrize(
    "keys",
    [
        {"preprocessing": "keras-0-255"},
        {"preprocessing": {"filter": "nearest"}},
        {"preprocessing": {"mean": [1.0] * 3, "std": [1.0] * 3}},  # an approximation
        {"preprocessing": "unit", "weights": "trained"},
        {"preprocessing": "unit", "evaluation": "evaluation"},
        {"preprocessing": "unit", "file": "other.tflite"},  # which `weights` fails
    ],
)
def test_what_does_not_prove_other_values_passes(project: Path, keys: dict[str, Any]) -> None:
    run = running(project, **{"file": "net.tflite", **keys})
    record, _ = judge(case(run, "net/fed/input_range"))
    assert record.status is Verdict.PASS


@pytest.mark.parametrize(("blue_first", "verdict"), [(True, "PASS"), (False, "FAIL")])
def test_another_order_of_channels_is_right_for_weights_in_that_order(
    project: Path, *, blue_first: bool, verdict: str
) -> None:
    for name, step in (("base", 1), ("fed", -1 if blue_first else 1)):
        kernel = np.ascontiguousarray(drawn(len(NAMES), 4, 4, 3)[..., ::step])
        pixels, scores = Tensor("x", (1, 4, 4, 3)), Tensor("y", (1, 1, 1, len(NAMES)))
        layer = Op("CONV_2D", ("x", "w", "b"), ("y",), told={"padding": 1})
        constants = {"w": kernel, "b": drawn(len(NAMES))}
        content = graph(layer, constants=constants, tensors=(pixels, scores))
        (project / f"{name}.tflite").write_bytes(content)
    fed = {"model": "net", "file": "fed.tflite", "preprocessing": {"channels": "bgr"}}
    run = Run(spec(project, model={"source": "base.tflite"}, variants={"fed": fed}))
    record, _ = judge(case(run, "net/fed/input_range"))
    assert record.status == verdict
    assert judge(case(run, "net/fed/weights"))[0].status is Verdict.PASS


def test_a_file_without_a_preprocessing_of_its_own_has_no_such_case(project: Path) -> None:
    run = running(project, "net.tflite")
    assert "input_range" not in {one.gate.name for one in run.cases}


def test_another_size_is_a_difference_if_it_is_declared(project: Path) -> None:
    run = running(project, "wide.tflite", input_size=[8, 8])
    found = {one.gate: one for one in cases_of(run)}
    said = "fed otherwise than the baseline: size 8 x 8, baseline 4 x 4"
    assert found["top1_agreement"].reason.endswith(said)
    assert found["top1_agreement"].value == 1.0
    assert found["made"].status is found["outputs"].status is Verdict.PASS
    assert variant(run, "fed").timed.latency.ratio > 0
    assert variant(run, "fed").memory.peak > 0
    for size in ([6, 6], None):
        wrong = running(project, "wide.tflite", input_size=size)
        record, error = judge(case(wrong, "net/fed/made"))
        assert record.status is Verdict.FAIL
        assert error is not None
        assert "declare input_size = [8, 8]" in str(error.remedy)


def test_what_was_not_measured_says_nothing_of_its_feeding(project: Path) -> None:
    run = Run(
        spec(
            project,
            images={"calibration": "calibration"},
            variants={
                "fed": {"model": "net", "file": "same.tflite", "preprocessing": "unit"},
            },
        )
    )
    record, _ = judge(case(run, "net/fed/top1_agreement"))
    assert record.status is Verdict.MISSING
    assert "fed" not in record.reason
