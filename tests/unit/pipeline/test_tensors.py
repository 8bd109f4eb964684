"""Models without class scores, or with several outputs, judged from their files to the verdict."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from edgeq.config.load import parse
from edgeq.errors import EdgeqError, MissingExtraError, SpecError
from edgeq.judge.verdict import Verdict
from edgeq.measure import average_precision
from edgeq.pipeline.run import Run
from edgeq.record.structs import CaseRecord
from edgeq.results.judging import judge, why_inapplicable
from edgeq.results.recording import describe_models, record_run
from tests.unit.samples.pictures import save
from tests.unit.tiny_model import Head, Op, Tensor, build, detector, heads

IMAGES = 12
INT8 = 1 / 255


def project(
    root: Path,
    baseline: bytes,
    *,
    labels: bool = False,
    model: Mapping[str, Any] | None = None,
    images: int = IMAGES,
    gates: Mapping[str, Any] | None = None,
    **variants: bytes,
) -> Run:
    """Return a run of a baseline and ready-made variants on a few photographs."""
    (root / "net.tflite").write_bytes(baseline)
    for name, content in variants.items():
        (root / f"{name}.tflite").write_bytes(content)
    for seed in range(images):
        folder = root / "evaluation" / str(seed % 2) if labels else root / "evaluation"
        save(folder / f"{seed:02}.png", seed=seed)
    table = {
        "models": {
            "net": {"source": "net.tflite", "preprocessing": "keras-0-255", **(model or {})}
        },
        "methods": [],
        "variants": {name: {"model": "net", "file": f"{name}.tflite"} for name in variants},
        "images": {"evaluation": "evaluation"},
        "gates": {"relative_error": 0.5, **(gates or {})},
    }
    return Run(parse(table, root=root, origin=root / "edgeq.toml"))


def answers(run: Run) -> tuple[dict[str, CaseRecord], list[EdgeqError]]:
    """Return the records of all cases that apply, by ``VARIANT/GATE``, and the errors."""
    found, errors = {}, []
    for case in run.cases:
        if why_inapplicable(case) is None:
            record, error = judge(case)
            found[f"{case.variant.short_name}/{case.gate.name}"] = record
            errors += [] if error is None else [error]
    return found, errors


def task(run: Run) -> str:
    return run.inputs("net").reading.task


def boxes(**keys: Any) -> Head:
    return Head("boxes", 32, 100.0, shape=(1, 8, 4), seed=1, **keys)


def scores(**keys: Any) -> Head:
    return Head("scores", 24, last="LOGISTIC", shape=(1, 8, 3), seed=2, **keys)


def test_boxes_in_pixels_and_scores_on_one_scale_fail(tmp_path: Path) -> None:
    joined = heads(boxes(), scores(), joined="all")
    run = project(tmp_path, joined, int8=requantized(joined, "all", 16.0))
    records, errors = answers(run)
    assert (task(run), errors) == ("tensors", [])
    outputs = records["int8/outputs"]
    assert outputs.status is Verdict.FAIL
    assert "one scale for values of unlike range" in outputs.reason
    assert "3 columns (4, 5, 6)" in outputs.reason
    assert outputs.cause is not None
    assert "one scale" in outputs.cause
    assert "outputs of their own" in str(outputs.next_step)


def requantized(content: bytes, output: str, scale: float) -> bytes:
    """Return a model whose one output is rounded to int8 steps."""
    from ai_edge_litert import schema_py_generated as schema

    from tests.unit import tiny_model

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    graph = model.subgraphs[0]
    place = next(at for at, one in enumerate(graph.tensors) if one.name.decode() == output)
    shape = tuple(graph.tensors[place].shape)
    made = Tensor("int8", shape, "int8", scales=(scale,), zero_points=(0,))
    graph.tensors.append(tiny_model._tensor(made, model.buffers))
    model.operatorCodes.append(tiny_model._code("QUANTIZE", None))
    step = Op("QUANTIZE", (output,), ("int8",))
    places = {output: place, "int8": len(graph.tensors) - 1}
    graph.operators.append(tiny_model._operator(step, len(model.operatorCodes) - 1, places))
    graph.outputs = [len(graph.tensors) - 1]
    return tiny_model.packed(model)


def test_a_second_head_that_says_nothing_fails_by_its_name(tmp_path: Path) -> None:
    kind = Head("kind", 5, last="SOFTMAX")
    run = project(
        tmp_path,
        heads(kind, Head("age", 4, seed=3)),
        good=heads(dataclasses.replace(kind, scale=INT8, point=-128), Head("age", 4, seed=3)),
        blind=heads(kind, Head("age", 4, gain=0.0, seed=3)),
    )
    records, errors = answers(run)
    assert (task(run), errors) == ("classification", [])
    assert records["good/outputs"].status is Verdict.PASS
    assert "2 outputs compared" in records["good/outputs"].reason
    blind = records["blind/outputs"]
    assert blind.status is Verdict.FAIL
    assert "output 1 ('age') is the same for every image" in blind.reason
    assert records["blind/top1_agreement"].status is not Verdict.FAIL
    assert records["blind/relative_error"].status is Verdict.FAIL
    assert "output 1 ('age')" in records["blind/relative_error"].reason


def test_swapped_outputs_fail_by_their_places(tmp_path: Path) -> None:
    one, two = Head("a", 8, shape=(1, 2, 4), seed=1), Head("b", 8, shape=(1, 2, 4), seed=2)
    run = project(tmp_path, heads(one, two), same=heads(one, two), swapped=heads(two, one))
    records, _ = answers(run)
    assert records["same/outputs"].status is Verdict.PASS
    found = records["swapped/outputs"]
    assert found.status is Verdict.FAIL
    assert "output 0 is the baseline's output 1" in found.reason
    assert "output 1 is the baseline's output 0" in found.reason
    assert found.cause is not None
    assert "baseline's output" in found.cause


def test_names_that_a_signature_swaps_fail_although_the_values_come_in_order(
    tmp_path: Path,
) -> None:
    """Apps that call the signature read outputs by name."""
    ends = Head("a", 8, shape=(1, 2, 4), seed=1), Head("b", 8, shape=(1, 2, 4), seed=2)
    run = project(
        tmp_path,
        heads(*ends, signatures=("boxes", "scores")),
        same=heads(*ends, signatures=("boxes", "scores")),
        others=heads(*ends, signatures=("output_0", "output_1")),
        none=heads(*ends),
        swapped=heads(*ends, signatures=("scores", "boxes")),
    )
    records, _ = answers(run)
    for name in ("same", "others", "none"):
        assert records[f"{name}/outputs"].status is Verdict.PASS
    found = records["swapped/outputs"]
    assert found.status is Verdict.FAIL
    assert "calls output 0 'scores', the baseline's calls it 'boxes'" in found.reason


def test_blind_scores_of_a_detector_fail(tmp_path: Path) -> None:
    run = project(
        tmp_path,
        heads(boxes(), scores()),
        good=heads(boxes(scale=16.0), scores(scale=INT8, point=-128)),
        blind=heads(boxes(), scores(gain=0.0)),
    )
    records, _ = answers(run)
    assert records["good/outputs"].status is Verdict.PASS, records["good/outputs"].reason
    assert records["good/relative_error"].status is Verdict.PASS
    assert records["blind/outputs"].status is Verdict.FAIL
    assert "output 1 ('scores')" in records["blind/outputs"].reason


def test_scores_of_another_head_fail_although_boxes_outweigh_them(tmp_path: Path) -> None:
    strong = Head("scores", 24, 4.0, last="LOGISTIC", shape=(1, 8, 3), seed=2)
    other = dataclasses.replace(strong, seed=9)
    run = project(
        tmp_path,
        heads(boxes(), strong, joined="all"),
        good=heads(dataclasses.replace(boxes(), scale=16.0), strong, joined="all"),
        other=heads(boxes(), other, joined="all"),
    )
    records, errors = answers(run)
    assert errors == []
    assert records["good/outputs"].status is Verdict.PASS, records["good/outputs"].reason
    assert records["other/relative_error"].status is Verdict.PASS
    assert records["other/outputs"].status is Verdict.FAIL
    assert "do not go with the baseline's" in records["other/outputs"].reason
    assert records["other/outputs"].cause is not None


def test_post_processing_runs_and_is_judged_by_what_goes_in(tmp_path: Path) -> None:
    run = project(tmp_path, detector(), same=detector(), blind=detector(gain=0.0))
    records, errors = answers(run)
    assert (task(run), errors) == ("detection", [])
    assert records["same/outputs"].status is Verdict.PASS
    assert "2 outputs finite" in records["same/outputs"].reason
    assert records["same/relative_error"].value == 0
    # Of the lists of boxes, what follows the last one is whatever memory holds.
    assert len(run.variants[0].asked_again.outputs) == len(run.variants[0].readout.judged)
    assert records["blind/outputs"].status is Verdict.FAIL
    assert "output 1 ('scores')" in records["blind/outputs"].reason


def test_only_average_precision_needs_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(average_precision, "PACKAGE", "not-installed")
    gates = {"min_map": 0.1, "map_drop": 0.02, "box_recall": 0.5, "relative_error": 0.5}
    run = project(tmp_path, detector(), same=detector(), gates=gates)
    labels = tmp_path / "labels"
    labels.mkdir()
    for photograph in (tmp_path / "evaluation").iterdir():
        (labels / f"{photograph.stem}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    images = msgspec.structs.replace(run.spec.images, labels="labels")
    records, errors = answers(Run(msgspec.structs.replace(run.spec, images=images)))
    missing = {one for one in records if records[one].status is Verdict.MISSING}
    assert missing == {"same/min_map", "same/map_drop"}
    assert {type(error) for error in errors} == {MissingExtraError}
    assert records["same/box_recall"].value == 1
    assert records["same/relative_error"].value == 0


def test_one_sigmoid_is_judged_as_two_classes(tmp_path: Path) -> None:
    person = Head("person", 1, last="LOGISTIC", offset=-2.5, seed=4)
    run = project(
        tmp_path,
        heads(person),
        labels=True,
        good=heads(dataclasses.replace(person, scale=INT8, point=-128)),
        opposite=heads(dataclasses.replace(person, seed=5, offset=2.5)),
    )
    records, errors = answers(run)
    assert (task(run), run.inputs("net").reading.classes, errors) == ("classification", 2, [])
    assert run.baseline("net").predictions.scores.shape == (IMAGES, 2)
    np.testing.assert_allclose(run.baseline("net").predictions.scores.sum(axis=1), 1, rtol=1e-6)
    assert records["good/outputs"].status is Verdict.PASS
    assert records["good/top1_agreement"].value == 1
    assert records["opposite/relative_error"].status is Verdict.FAIL
    assert "good/worst_cosine" not in records  # of two classes it is 1 or -1


@pytest.mark.parametrize(
    ("head", "of", "own"),
    [
        (
            Head("embedding", 16, last="L2_NORMALIZATION"),
            "embedding",
            ("low_cosine", "neighbour_recall", "verification_drop"),
        ),
        (Head("map", 16, last="SOFTMAX", shape=(1, 2, 2, 4)), "tensors", ()),
        (Head("tags", 6, last="LOGISTIC"), "multilabel", ("label_overlap", "f1_drop")),
    ],
)
def test_what_holds_no_class_scores_is_judged_as_tensors_too(
    tmp_path: Path, head: Head, of: str, own: tuple[str, ...]
) -> None:
    good = dataclasses.replace(head, scale=INT8 * 2, point=0 if head.name == "embedding" else -128)
    other = dataclasses.replace(head, seed=9)
    gates = {"relative_error": 0.8}  # 12 images prove no limit that lies closer to 0.32
    run = project(tmp_path, heads(head), gates=gates, good=heads(good), other=heads(other))
    records, errors = answers(run)
    assert (task(run), errors) == (of, [])
    assert set(records) == {
        f"{name}/{gate}"
        for name in ("good", "other")
        for gate in (
            *own,
            "made",
            "types",
            "weights",
            "outputs",
            "ranges",
            "steady_memory",
            "relative_error",
        )
    }
    assert records["good/ranges"].status is Verdict.PASS
    assert records["good/relative_error"].status is Verdict.PASS
    assert records["other/relative_error"].status is Verdict.FAIL


def broken(head: str) -> bytes:
    """One output whose values are NaN where a picture is dark: the logarithm of what it has."""
    tensors = [
        Tensor("image", (1, 4, 4, 3)),
        Tensor("axes", (2,), "int32", np.array([1, 2], np.int32)),
        Tensor("features", (1, 3)),
        Tensor("less", (1, 3), data=np.array([[-128, -128, -128]], np.float32)),
        Tensor("centred", (1, 3)),
        Tensor("log", (1, 3)),
        Tensor("p", (1, 3)),
    ]
    ops = [
        Op("MEAN", ("image", "axes"), ("features",)),
        Op("ADD", ("features", "less"), ("centred",)),
        Op("LOG", ("centred",), ("log",)),
        Op("SOFTMAX", ("log",), ("p",)),
    ]
    return build(tensors, ops, ["image"], [head])


@pytest.mark.parametrize("head", ["p", "log"])
def test_nothing_passes_by_a_baseline_that_is_not_finite(tmp_path: Path, head: str) -> None:
    run = project(tmp_path, broken(head), labels=True, same=broken(head))
    records, _ = answers(run)
    for gate in ("top1_agreement", "accuracy_drop", "relative_error"):
        if f"same/{gate}" in records:
            assert records[f"same/{gate}"].status is not Verdict.PASS, records[f"same/{gate}"]
    assert "same/relative_error" in records
    assert records["same/outputs"].status is Verdict.FAIL
    assert ("same/accuracy_drop" in records) is (head == "p")


@pytest.mark.parametrize(
    ("variant", "said"),
    [
        (heads(Head("a", 8, shape=(1, 2, 4))), "has 1 output, the baseline 2"),
        (heads(Head("b", 6), Head("a", 8, shape=(1, 2, 4))), "they come in another order"),
        (heads(Head("a", 8, shape=(1, 4, 2)), Head("b", 6)), "has the shape [4, 2]"),
    ],
)
def test_other_outputs_fail_with_the_reason_and_are_no_bad_input(
    tmp_path: Path, variant: bytes, said: str
) -> None:
    run = project(tmp_path, heads(Head("a", 8, shape=(1, 2, 4)), Head("b", 6)), other=variant)
    records, errors = answers(run)
    assert errors == []
    for gate in ("outputs", "relative_error"):
        assert records[f"other/{gate}"].status is Verdict.FAIL
        assert said in records[f"other/{gate}"].reason


def test_a_variant_without_the_class_scores_fails_with_the_reason(tmp_path: Path) -> None:
    both = heads(Head("box", 4), Head("p", 3, last="SOFTMAX"))
    run = project(tmp_path, both, less=heads(Head("box", 4)))
    records, errors = answers(run)
    assert errors == []
    for gate in ("outputs", "top1_agreement", "relative_error"):
        assert records[f"less/{gate}"].status is Verdict.FAIL, gate
        assert "1 output" in records[f"less/{gate}"].reason or (
            "no output 1" in records[f"less/{gate}"].reason
        )


def test_a_variant_with_other_numbers_of_classes_is_told_so(tmp_path: Path) -> None:
    run = project(
        tmp_path, heads(Head("p", 5, last="SOFTMAX")), other=heads(Head("p", 4, last="SOFTMAX"))
    )
    records, errors = answers(run)
    assert errors == []
    for gate in ("outputs", "top1_agreement", "relative_error"):
        assert records[f"other/{gate}"].status is Verdict.FAIL, gate
        assert "tells 4 classes apart, the baseline 5" in records[f"other/{gate}"].reason


def test_agreement_that_is_asked_for_of_tensors_is_bad_input(tmp_path: Path) -> None:
    head = Head("map", 8, shape=(1, 2, 4))
    run = project(
        tmp_path, heads(head), gates={"top1_agreement": 0.9, "worst_cosine": 0.5}, same=heads(head)
    )
    records, errors = answers(run)
    assert records["same/top1_agreement"].status is Verdict.MISSING
    assert [type(error) for error in errors] == [SpecError]
    assert "top1_agreement is asked for" in str(errors[0])
    assert "`output`" in str(errors[0].remedy)
    assert records["same/worst_cosine"].status is Verdict.PASS  # it has a meaning for tensors


def test_gates_that_do_not_apply_are_left_out_and_the_record_is_complete(tmp_path: Path) -> None:
    head = Head("map", 8, shape=(1, 2, 4))
    run = project(tmp_path, heads(head), same=heads(head))
    records, _ = answers(run)
    found = record_run(
        run, tuple(records.values()), describe_models(run), started="now", duration_s=0.0
    )
    assert found.summary.complete
    assert "net/same/top1_agreement" not in {one.id for one in found.cases}
    model = found.models[0]
    assert (model.task, model.classes) == ("tensors", 0)
    assert "top1_agreement, probability_drift, accuracy_drop: not applicable" in " ".join(
        model.notes
    )
    (fit,) = model.variants[0].outputs
    assert fit.name == "map"
    photos = run.inputs("net").images.require_evaluation().photos
    assert fit.worst_error_image is not None
    assert fit.worst_error_name == photos[fit.worst_error_image].name
    assert fit.worst_cosine_image is not None
    assert fit.worst_cosine_name == photos[fit.worst_cosine_image].name


def test_a_single_image_settles_nothing(tmp_path: Path) -> None:
    head = Head("map", 8, shape=(1, 2, 4))
    run = project(tmp_path, heads(head), images=1, other=heads(dataclasses.replace(head, seed=5)))
    records, errors = answers(run)
    assert errors == []
    assert records["other/relative_error"].status is Verdict.INCONCLUSIVE


def test_names_of_outputs_do_not_matter(tmp_path: Path) -> None:
    def both(first: str, second: str) -> bytes:
        return heads(Head(first, 5), Head(second, 6, seed=2))

    records, _ = answers(project(tmp_path, both("a", "b"), other=both("x", "a")))
    assert records["other/outputs"].status is Verdict.PASS
    assert records["other/relative_error"].value == 0


def test_a_constant_output_of_the_baseline_is_no_fault_beside_a_good_one(tmp_path: Path) -> None:
    both = heads(Head("a", 5), Head("anchors", 6, gain=0.0, seed=2))
    records, _ = answers(project(tmp_path, both, same=both))
    assert records["same/outputs"].status is Verdict.PASS
    assert records["same/relative_error"].status is Verdict.PASS


def test_a_baseline_of_constants_proves_nothing(tmp_path: Path) -> None:
    both = heads(Head("a", 5, gain=0.0), Head("anchors", 6, gain=0.0, seed=2))
    records, _ = answers(project(tmp_path, both, same=both))
    assert records["same/relative_error"].status is not Verdict.PASS
    assert not math.isnan(records["same/relative_error"].value or 0.0)


def boxes_over(threshold: float) -> bytes:
    """As many rows as values of the image lie above a threshold: an open shape."""
    tensors = [
        Tensor("image", (1, 4, 4, 3)),
        Tensor("threshold", (1,), data=np.array([threshold], np.float32)),
        Tensor("above", (1, 4, 4, 3), "bool"),
        Tensor("where", (1, 4), "int64", signature=(-1, 4)),
        Tensor("found", (1, 4), signature=(-1, 4)),
    ]
    ops = [
        Op("GREATER", ("image", "threshold"), ("above",)),
        Op("WHERE", ("above",), ("where",)),
        Op("CAST", ("where",), ("found",)),
    ]
    return build(tensors, ops, ["image"], ["found"])


def test_a_baseline_whose_shape_depends_on_the_image_is_bad_input(tmp_path: Path) -> None:
    run = project(tmp_path, boxes_over(100), same=boxes_over(100))
    records, errors = answers(run)
    assert records["same/outputs"].status is Verdict.MISSING
    assert "output 0 changes its shape from image to image" in str(errors[0])
    assert "the baseline does not run" in str(errors[0])


def test_a_variant_whose_shape_depends_on_the_image_fails(tmp_path: Path) -> None:
    records, errors = answers(project(tmp_path, heads(Head("a", 4)), open=boxes_over(100)))
    assert errors == []
    assert records["open/outputs"].status is Verdict.FAIL
    assert "changes its shape" in records["open/outputs"].reason


def test_an_output_without_values_is_no_crash_and_no_proof(tmp_path: Path) -> None:
    records, errors = answers(project(tmp_path, boxes_over(300), same=boxes_over(300)))
    assert errors == []
    assert records["same/relative_error"].status is Verdict.MISSING


@pytest.mark.parametrize("dtype", ["int32", "int64", "bool"])
def test_indices_and_flags_are_refused_as_the_baselines(tmp_path: Path, dtype: str) -> None:
    tensors = [
        Tensor("image", (1, 4, 4, 3)),
        Tensor("a", (1, 4, 4, 3)),
        Tensor("b", (1, 4, 4, 3), dtype),
    ]
    ops = [Op("RELU", ("image",), ("a",)), Op("CAST", ("a",), ("b",))]
    content = build(tensors, ops, ["image"], ["a", "b"])
    _, errors = answers(project(tmp_path, content, same=content))
    assert errors
    assert f"its output 'b' is {dtype}: indices, flags and texts" in str(errors[0])
