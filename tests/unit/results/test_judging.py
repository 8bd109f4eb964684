from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from edgeq.config.gates import GATES, limits
from edgeq.diagnosis import explaining
from edgeq.diagnosis.cause import Diagnosis
from edgeq.errors import (
    ChangedFileError,
    ConversionError,
    EdgeqError,
    ImageError,
    MissingExtraError,
    ModelError,
    SpecError,
    UnforeseenError,
    WorkerCrashedError,
)
from edgeq.judge.verdict import Verdict
from edgeq.models import originals
from edgeq.models.float_model import FloatModel, load_float_model
from edgeq.pipeline import gates, making
from edgeq.pipeline.plan import Case
from edgeq.pipeline.run import Run
from edgeq.record.structs import CaseRecord
from edgeq.results import judging
from edgeq.results.judging import judge
from edgeq.run.workers import Workers
from tests.unit.bad_models import growing, large
from tests.unit.faults.project import lay_out as lay_out_network
from tests.unit.faults.project import spec as network_spec
from tests.unit.pipeline.project import NAMES, case, spec
from tests.unit.samples.pictures import save


def answer(run: Run, variant: str, gate: str) -> tuple[CaseRecord, EdgeqError | None]:
    return judge(case(run, f"net/{variant}/{gate}"))


OF_FIGURES = {"head_agreement", "class_recall_drop", "calibration_error_rise"}
"""Gates on figures of classifiers, which ``tests/unit/pipeline/test_task_measures.py`` covers."""

OF_CLASSES = [
    name
    for name in limits()
    if GATES.get(name).task in {None, "classification"}
    and not GATES.get(name).elsewhere
    and name not in OF_FIGURES
]


@pytest.mark.parametrize("gate", [*OF_CLASSES, "made", "types", "outputs"])
def test_every_gate_is_answered_in_its_unit(run: Run, gate: str) -> None:
    declared = case(run, f"net/same/{gate}")
    record, error = judge(declared)
    assert error is None
    assert (record.id, record.model, record.variant) == (f"net/same/{gate}", "net", "same")
    assert (record.gate, record.unit) == (gate, GATES.get(gate).unit)
    assert record.limit == declared.limit
    assert record.reason
    assert record.status is not Verdict.MISSING
    assert (record.value is None) is (gate not in limits())


def test_a_variant_that_answers_otherwise_fails(project: Path) -> None:
    run = Run(spec(project, gates={"top1_agreement": 0.99}))
    record, error = answer(run, "other", "top1_agreement")
    assert (record.status, error) == (Verdict.FAIL, None)
    assert record.next_step


@pytest.mark.parametrize("gate", ["made", "types", "weights"])
def test_a_baseline_that_can_not_be_used_is_no_fault_of_a_ready_made_file(
    project: Path, gate: str
) -> None:
    run = Run(spec(project, {"source": "cut.tflite"}, store=".no-baseline"))
    with pytest.raises(ModelError):  # as the work ahead of the cases asks for it
        run.variant("net/same").artifact  # noqa: B018
    record, error = answer(run, "same", gate)
    assert record.status is Verdict.MISSING
    assert record.cause is None
    assert isinstance(error, ModelError)
    assert "cut.tflite" in str(error)


@pytest.mark.parametrize("gate", ["made", "types", "max_bytes", "top1_agreement", "latency_ratio"])
@pytest.mark.parametrize("variant", ["cut", "wide"])
def test_a_ready_made_file_that_can_not_be_used_fails_and_is_an_error(
    run: Run, variant: str, gate: str
) -> None:
    record, error = answer(run, variant, gate)
    assert record.status is Verdict.FAIL
    assert isinstance(error, ModelError)
    assert error.what in record.reason


def failing(run: Run, error: EdgeqError, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(gates, "made", fail)


@pytest.mark.parametrize("error", [ConversionError("no"), WorkerCrashedError("ended by SIGSEGV")])
def test_what_a_variant_does_wrong_is_a_verdict(
    run: Run, error: EdgeqError, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(run, error, monkeypatch)
    record, found = answer(run, "same", "made")
    assert (record.status, found) == (Verdict.FAIL, None)
    assert error.what in record.reason
    assert record.evidence["error"] == type(error).__name__


@pytest.mark.parametrize(
    "error",
    [
        ImageError("an empty folder"),
        ModelError("no such file"),
        SpecError("no calibration set"),
        MissingExtraError("foolbox", extra="samples", needed_for="the sample"),
    ],
)
def test_bad_input_is_missing_and_an_error(
    run: Run, error: EdgeqError, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(run, error, monkeypatch)
    record, found = answer(run, "same", "made")
    assert record.status is Verdict.MISSING
    assert not record.declared_missing
    assert found is error
    assert record.next_step == error.remedy


def test_bad_input_stays_an_error_where_missing_is_allowed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = ImageError("an empty folder")
    failing(Run(spec(project)), error, monkeypatch)
    record, found = answer(Run(spec(project, allow_missing=["made"])), "same", "made")
    assert record.declared_missing
    assert found is error


def test_bad_input_is_named_from_the_projects_folder(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(run, ImageError("is no image", where=run.spec.root / "data" / "a.png"), monkeypatch)
    _, found = answer(run, "same", "made")
    assert str(found) == "data/a.png: is no image"


def test_a_bug_is_not_taken_for_bad_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(gates, "made", fail)
    record, error = answer(run, "same", "made")
    assert (record.status, error) == (Verdict.FAIL, None)
    assert "edgeq failed with ZeroDivisionError (test_judging.py, fail)" in record.reason


@pytest.fixture
def unlabelled(project: Path) -> dict[str, Any]:
    save(project / "flat" / "a.png", seed=50)
    save(project / "flat" / "b.png", seed=51)
    return {"images": {"evaluation": "flat"}}


def test_a_limit_that_the_spec_sets_needs_labels(project: Path, unlabelled: dict[str, Any]) -> None:
    for asked in ({"accuracy_drop": 0.1}, {"same": {"accuracy_drop": 0.1}}):
        run = Run(spec(project, **unlabelled, gates=asked))
        record, error = answer(run, "same", "accuracy_drop")
        assert record.status is Verdict.MISSING
        assert isinstance(error, ImageError)
        assert "accuracy_drop is asked for, but the evaluation images have no labels" in str(error)
        assert "Name a CSV file in images.labels" in (error.remedy or "")


def test_labels_are_looked_at_only_for_gates_that_need_them(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(_: Case) -> bool:
        raise ImageError("labels can't be read")

    monkeypatch.setattr(judging, "_are_labelled", unreadable)
    agreement, none = answer(run, "same", "top1_agreement")
    drop, error = answer(run, "same", "accuracy_drop")
    assert (agreement.status is Verdict.MISSING, none) == (False, None)
    assert drop.status is Verdict.MISSING
    assert isinstance(error, ImageError)


@pytest.mark.parametrize("labelled", [True, False])
def test_random_weights_need_no_labels_even_for_a_limit_that_the_spec_sets(
    project: Path, unlabelled: dict[str, Any], monkeypatch: pytest.MonkeyPatch, *, labelled: bool
) -> None:
    def load(*given: Any) -> FloatModel:
        return dataclasses.replace(load_float_model(*given), trained=False)

    monkeypatch.setattr("edgeq.pipeline.inputs.load_float_model", load)
    keys = {} if labelled else unlabelled
    model = {"allow_random_weights": True}
    run = Run(spec(project, model, **keys, gates={"accuracy_drop": 0.1}))
    record, error = answer(run, "same", "accuracy_drop")
    assert (record.status, record.declared_missing, error) == (Verdict.MISSING, True, None)
    assert "random weights" in record.reason


def test_a_limit_of_a_preset_is_missing_without_labels(
    project: Path, unlabelled: dict[str, Any]
) -> None:
    record, error = answer(Run(spec(project, **unlabelled)), "same", "accuracy_drop")
    assert (record.status, error) == (Verdict.MISSING, None)
    assert "have no labels" in record.reason
    assert not record.declared_missing


def test_without_evaluation_images_answers_are_missing_by_declaration(project: Path) -> None:
    run = Run(spec(project, images={}, allow_missing=["top1_agreement"]))
    record, error = answer(run, "same", "top1_agreement")
    assert (record.status, record.declared_missing, error) == (Verdict.MISSING, True, None)
    record, error = answer(run, "same", "outputs")
    assert (record.status, record.declared_missing, error) == (Verdict.MISSING, False, None)
    record, error = answer(run, "same", "made")
    assert (record.status, error) == (Verdict.PASS, None)


def test_a_shared_photograph_fails_the_proof_by_name(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path, dirs_exist_ok=True)
    shutil.copy(tmp_path / "evaluation" / "5" / "5.png", tmp_path / "calibration" / "copy.png")
    run = Run(spec(tmp_path, {"methods": ("int8",)}))
    record, error = answer(run, "int8", "calibration_disjoint")
    assert (record.status, error) == (Verdict.FAIL, None)
    assert "copy.png" in record.reason
    made, refusal = answer(run, "int8", "made")
    assert made.status is Verdict.MISSING
    assert isinstance(refusal, ImageError)


def test_a_calibration_set_of_one_photograph_repeated_fails(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path, dirs_exist_ok=True)
    for name in ("1.png", "2.png"):
        shutil.copy(tmp_path / "calibration" / "0.png", tmp_path / "calibration" / name)
    run = Run(spec(tmp_path, {"methods": ("int8",)}))
    record, error = answer(run, "int8", "calibration_set")
    assert (record.status, error) == (Verdict.FAIL, None)
    assert record.reason == "all 3 calibration images are identical: 0.png"


def test_an_overlap_does_not_keep_the_calibration_set_from_being_looked_at(
    project: Path,
) -> None:
    images = {"calibration": "evaluation", "evaluation": "evaluation"}
    record, error = answer(
        Run(spec(project, {"methods": ("int8",)}, images=images)), "int8", "calibration_set"
    )
    assert (record.status, error) == (Verdict.PASS, None)


def test_every_statistical_verdict_says_what_it_could_resolve(run: Run) -> None:
    for gate in ("top1_agreement", "top5_overlap", "accuracy_drop", "latency_ratio"):
        record, _ = answer(run, "same", gate)
        assert str(record.evidence["resolution"]).startswith("these "), gate


def test_a_cause_is_looked_for_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = spec(project, gates={"top1_agreement": 0.99}, store=".causes")
    first = Run(declared)
    found, _ = judge(case(first, "net/other/top1_agreement"))
    assert found.status is Verdict.FAIL
    assert found.cause is not None
    monkeypatch.setattr(explaining, "diagnose", None)
    monkeypatch.setattr(Workers, "fresh", None)
    again = Run(declared)
    assert judge(case(again, "net/other/top1_agreement"))[0] == found


def test_a_diagnosis_that_lacks_an_experiment_is_not_kept(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = spec(project, gates={"top1_agreement": 0.99}, store=".lacking")
    lacking = Diagnosis(None, notes=("kernels: the worker took too long",))
    monkeypatch.setattr(explaining, "diagnose", lambda _: lacking)
    first = Run(declared)
    found, _ = judge(case(first, "net/other/top1_agreement"))
    assert found.evidence["diagnosis"] == list(lacking.notes)
    monkeypatch.undo()
    again = Run(declared)
    assert judge(case(again, "net/other/top1_agreement"))[0].cause is not None


@pytest.fixture
def replaceable(project: Path, tmp_path: Path) -> Run:
    """Return a run of a copy of the project, whose files a test may write."""
    root = tmp_path / "project"
    shutil.copytree(project, root, ignore=shutil.ignore_patterns(".edgeq"))
    return Run(spec(root, gates={"top1_agreement": 0.99}))


def test_a_ready_made_file_replaced_after_it_was_read_fails_and_is_not_run(
    replaceable: Run,
) -> None:
    run, root = replaceable, replaceable.spec.root
    bad = (root / "other.tflite").read_bytes()
    declared = case(run, "net/other/top1_agreement")
    judged = declared.variant.sha256
    (root / "other.tflite").write_bytes((root / "same.tflite").read_bytes())
    record, error = judge(declared)
    assert record.status is Verdict.FAIL
    assert "changed during the run" in record.reason
    assert isinstance(error, ChangedFileError)
    # Put back, it is judged by its own answers: nothing of the other file was kept for it.
    (root / "other.tflite").write_bytes(bad)
    again = Run(run.spec)
    record, _ = judge(case(again, declared.id))
    assert record.status is Verdict.FAIL
    assert "changed" not in record.reason
    assert again.variant(declared.variant.name).sha256 == judged


def test_a_baseline_replaced_after_it_was_read_is_no_fault_of_a_variant(replaceable: Run) -> None:
    run, root = replaceable, replaceable.spec.root
    assert run.inputs("net").baseline.sha256
    (root / "net.tflite").write_bytes((root / "other.tflite").read_bytes())
    record, error = judge(case(run, "net/same/top1_agreement"))
    assert record.status is Verdict.MISSING
    assert isinstance(error, ModelError)
    assert "changed during the run" in record.reason


def test_outputs_far_larger_than_the_baselines_are_refused_before_anything_is_run(
    replaceable: Run,
) -> None:
    run, root = replaceable, replaceable.spec.root
    (root / "other.tflite").write_bytes(large(512, classes=len(NAMES)))
    record, error = judge(case(run, "net/other/top1_agreement"))
    assert (record.status, error) == (Verdict.FAIL, None)
    assert "gives 786,432 values for an image, the baseline 7" in record.reason
    sha256 = run.variant("net/other").sha256
    kept = [json.loads(one.read_text()) for one in run.store.root.glob("answers-*/*/entry.json")]
    assert sha256 not in {one["facts"]["model"] for one in kept}


@pytest.mark.parametrize("error", [MemoryError(), RecursionError("too deep"), ValueError("odd")])
@pytest.mark.parametrize("where", ["read_content", "read_model"])
def test_a_surprise_of_one_file_is_its_own_verdict(
    project: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, where: str
) -> None:
    module = originals if where == "read_content" else making
    read = getattr(module, where)

    def surprise(path: Path, *rest: Any) -> Any:
        content = rest[0] if rest else path.read_bytes()
        if content == (project / "other.tflite").read_bytes():
            raise error
        return read(path, *rest)

    monkeypatch.setattr(module, where, surprise)
    run = Run(spec(project))
    record, told = answer(run, "other", "made")
    assert (record.status, told) == (Verdict.FAIL, None)
    assert type(error).__name__ in record.reason
    assert isinstance(run.variant("net/other").results.error("artifact"), UnforeseenError)
    record, told = answer(run, "same", "made")
    assert (record.status, told) == (Verdict.PASS, None)


def test_a_variant_that_can_answer_otherwise_another_time_is_named(replaceable: Run) -> None:
    run, root = replaceable, replaceable.spec.root
    (root / "other.tflite").write_bytes(growing(4, classes=len(NAMES)))
    record, _ = judge(case(run, "net/other/outputs"))
    names = ["ASSIGN_VARIABLE", "CALL_ONCE", "READ_VARIABLE", "VAR_HANDLE"]
    assert f"its graph has {', '.join(names)}: answers and times may depend" in record.reason
    assert record.evidence["unsettled_operators"] == names
    record, _ = judge(case(run, "net/same/outputs"))
    assert "unsettled_operators" not in record.evidence


def test_what_the_baseline_keeps_too_is_not_said_of_the_variant_alone(replaceable: Run) -> None:
    run, root = replaceable, replaceable.spec.root
    for name, size in (("net", 4), ("other", 8)):
        (root / f"{name}.tflite").write_bytes(growing(size, classes=len(NAMES)))
    record, _ = judge(case(run, "net/other/outputs"))
    assert "its graph and the baseline's have ASSIGN_VARIABLE, " in record.reason


@pytest.mark.parametrize(("repair", "offered"), [(True, True), ({"offer": False}, False)])
def test_a_failing_case_offers_a_repair_if_the_spec_asks_for_it(
    tmp_path: Path, *, repair: object, offered: bool
) -> None:
    lay_out_network(tmp_path)
    asked_for = {"relative_error": 0.0, "size_reduction": 0.99}
    run = Run(network_spec(tmp_path, methods=["int8"], gates=asked_for, repair=repair))
    steps = {
        case.gate.name: judge(case)[0].next_step or ""
        for case in run.cases
        if case.gate.name in asked_for
    }
    command = "edgeq repair net --from int8"
    assert (command in steps["relative_error"]) is offered
    assert command not in steps["size_reduction"]
