from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import msgspec
import pytest

import edgeq
from edgeq.config.load import spec_sha256
from edgeq.judge.verdict import Verdict
from edgeq.pipeline.run import Run
from edgeq.record.provenance import RecordedLabels
from edgeq.record.structs import (
    CaseRecord,
    ModelRecord,
    RunRecord,
    VariantRecord,
    from_json,
    to_json,
    written,
)
from edgeq.results.joining import merge_models
from edgeq.results.judging import judge
from edgeq.results.recording import describe_models, record_run, this_machine, tool_versions
from tests.unit.pipeline.project import CALIBRATION, NAMES, lay_out, spec

STARTED = "2026-01-01T00:00:00+00:00"


def variant(models: tuple[ModelRecord, ...], name: str) -> VariantRecord:
    return next(one for one in models[0].variants if one.name == name)


@pytest.fixture(scope="module")
def judged(run: Run) -> tuple[CaseRecord, ...]:
    """Return the verdict of every case."""
    return tuple(judge(case)[0] for case in run.cases)


@pytest.fixture(scope="module")
def models(run: Run, judged: tuple[CaseRecord, ...]) -> tuple[ModelRecord, ...]:
    return describe_models(run)


@pytest.fixture(scope="module")
def record(run: Run, judged: tuple[CaseRecord, ...], models: tuple[ModelRecord, ...]) -> RunRecord:
    backwards = tuple(reversed(judged))
    return record_run(
        run, backwards, models, started=STARTED, duration_s=1.0, errors=("e",), commands=("c",)
    )


def test_a_record_is_complete_ordered_and_json(run: Run, record: RunRecord) -> None:
    assert [case.id for case in record.cases] == [case.id for case in run.cases]
    assert record.summary.complete
    assert not record.summary.passes
    assert (record.errors, record.commands) == (("e",), ("c",))
    assert (record.edgeq, record.started) == (edgeq.__version__, STARTED)
    assert record.toolchain.kernels == "xnnpack"
    assert from_json(to_json(record)).summary == record.summary


def test_a_record_names_no_machine_path(record: RunRecord, project: Path) -> None:
    text = to_json(record).decode()
    assert str(project) not in text
    assert platform.node() not in text or len(platform.node()) < 4


def test_the_baseline_and_what_it_brought(models: tuple[ModelRecord, ...], project: Path) -> None:
    [model] = models
    assert (model.name, model.source, model.trained) == ("net", "net.tflite", True)
    assert model.baseline.file == "net.tflite"
    assert model.baseline.bytes == (project / "net.tflite").stat().st_size
    assert model.baseline.size is not None
    assert model.baseline.size.bytes == model.baseline.bytes
    assert model.labels == RecordedLabels(name="labels.txt", count=len(NAMES))
    assert model.images.evaluation is not None
    assert model.images.evaluation.labelled


def test_a_variant_and_what_was_measured(models: tuple[ModelRecord, ...]) -> None:
    same = variant(models, "same")
    assert (same.method, same.engine, same.file) == ("ready-made", "ready-made", "same.tflite")
    assert same.error is None
    assert same.operators is not None
    assert same.operators.total == 5
    assert same.operators.counts is not None
    for section in (same.size, same.agreement, same.accuracy, same.latency):
        assert section is not None
    assert same.memory is not None
    assert (same.memory.added or 0) <= (same.memory.peak or 0)


def test_flips_and_worst_images_carry_names(run: Run, models: tuple[ModelRecord, ...]) -> None:
    evaluation = run.inputs("net").images.evaluation
    assert evaluation is not None
    agreement = variant(models, "other").agreement
    assert agreement is not None
    assert agreement.flips
    for flip in agreement.flips:
        photo = evaluation.photos[flip.image]
        assert flip.name == photo.name
        assert flip.label_name == NAMES[photo.label or 0]
        assert flip.baseline_name == NAMES[flip.baseline_class or 0]
        assert flip.variant_name == NAMES[flip.variant_class or 0]
    for worst in agreement.worst_images:
        assert worst.name == evaluation.photos[worst.image].name
        assert worst.baseline_name
        assert worst.variant_name


def test_a_variant_that_could_not_be_used_says_why(models: tuple[ModelRecord, ...]) -> None:
    wide = variant(models, "wide")
    assert wide.error == "takes images of [8, 8], its baseline [4, 4]"
    assert (wide.bytes, wide.sha256, wide.size) == (0, "", None)


def test_nothing_is_measured_for_a_record(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(spec(project), say=pytest.fail)
    [model] = describe_models(run)
    assert model.baseline == VariantRecord(name="baseline", method="float")
    assert [one.name for one in model.variants] == ["same", "other", "cut", "wide"]
    assert variant((model,), "same").agreement is None
    found = record_run(run, (), (model,), started=STARTED, duration_s=0.0)
    assert len(found.summary.not_run) == len(run.cases)


def test_a_verdict_that_nobody_declared_comes_last(
    run: Run, judged: tuple[CaseRecord, ...]
) -> None:
    stray = msgspec.structs.replace(judged[0], id="net/same/stray", status=Verdict.PASS)
    found = record_run(run, (stray, *judged), (), started=STARTED, duration_s=0.0)
    assert found.cases[-1] is stray
    assert not found.summary.complete


def test_two_processes_know_together_what_each_knows(
    project: Path, models: tuple[ModelRecord, ...]
) -> None:
    """Each worker of xdist measures something else about the same models."""
    runs = [Run(spec(project)) for _ in range(2)]
    first, second = (one.variant("net/same") for one in runs)
    first.loaded  # noqa: B018 - known from now on
    runs[0].inputs("net").images.evaluation  # noqa: B018 - known from now on
    second.operators, second.size  # noqa: B018 - as above
    runs[1].inputs("net").images.calibration_set  # noqa: B018 - as above
    one, two = (describe_models(run) for run in runs)
    for merged in (merge_models(one, two), merge_models(two, one)):
        found = variant(merged, "same")
        operators = written(found.operators)
        assert {"partitions", "counts"} <= set(operators)
        assert found.size
        assert list(written(merged[0].images)) == ["calibration", "evaluation"]
        assert list(operators) == sorted(operators)
    assert str(merge_models(one, models)) == str(merge_models(models, one))
    assert merge_models((), one) == one
    assert merge_models(models, models) == models


def test_merging_keeps_an_error_and_a_trained_model(models: tuple[ModelRecord, ...]) -> None:
    [model] = models
    nothing = ModelRecord(
        name="net",
        source="net.tflite",
        trained=False,
        baseline=VariantRecord(name="baseline", method="float"),
        variants=tuple(VariantRecord(name=v.name, method=v.method) for v in model.variants),
    )
    assert merge_models((nothing,), models) == merge_models(models, (nothing,)) == models


def test_the_specs_hash_does_not_depend_on_its_folder(project: Path, tmp_path: Path) -> None:
    other = lay_out(tmp_path)
    assert spec_sha256(spec(other)) == spec_sha256(spec(project))
    assert spec_sha256(spec(project, reports="r", store="s")) == spec_sha256(spec(project))


@pytest.mark.parametrize(
    "change",
    [
        {"confidence": 0.9},
        {"gates": {"max_bytes": 1}},
        {"gates": {"max_bytes": False}},
        {"run": {"threads": 2}},
        {"methods": ["int8"]},
        {"model": {"seed": 1}},
    ],
    ids=str,
)
def test_the_specs_hash_depends_on_what_it_says(project: Path, change: dict[str, Any]) -> None:
    assert spec_sha256(spec(project, **change)) != spec_sha256(spec(project))


def test_the_machine_is_described_without_its_name() -> None:
    machine = this_machine()
    assert machine.cores == os.cpu_count()
    assert (machine.memory_bytes or 0) > 0
    names = {"architecture", "cores", "memory_bytes", "processor", "system"}
    assert set(written(machine)) == names


def test_the_tools_are_those_installed() -> None:
    found = tool_versions()
    assert found["msgspec"] == msgspec.__version__
    assert found["python"] == platform.python_version()
    assert None not in found.values()


def test_what_is_odd_about_calibration_is_a_note_where_a_proof_asked(project: Path) -> None:
    run = Run(spec(project, {"methods": ("int8",)}))
    case = next(one for one in run.cases if one.gate.name == "calibration_set")
    record, error = judge(case)
    assert (record.status, error) == (Verdict.PASS, None)
    assert record.evidence["images"] == CALIBRATION
    [model] = describe_models(run)
    few = "only 3 calibration images; 100 to 500 are usual"
    assert few in model.notes
    assert record.evidence["notes"] == [one for one in model.notes if "calibration" in one]

    other = Run(spec(project, {"methods": ("int8",)}))
    assert other.inputs("net").baseline.notes == model.notes[: -len(record.evidence["notes"])]
    merged = merge_models(describe_models(other), describe_models(run))
    assert few in merged[0].notes
