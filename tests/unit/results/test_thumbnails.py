from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from edgeq.config.structs import Report
from edgeq.io.files import sha256_bytes
from edgeq.judge.verdict import Verdict
from edgeq.pipeline.run import Run
from edgeq.record.provenance import RecordedImages
from edgeq.report import pictures
from edgeq.results import thumbnails
from edgeq.results.judging import judge
from edgeq.results.recording import describe_models, record_run
from edgeq.results.thumbnails import Illustrated, illustrated
from tests.unit.pipeline.project import CALIBRATION, EVALUATION, NAMES, case, lay_out, spec
from tests.unit.samples.decoders import started_decoders
from tests.unit.tiny_model import classifier


def shown(run: Run, *judged: str) -> Illustrated:
    cases = tuple(judge(case(run, one))[0] for one in judged)
    assert all(one.status is Verdict.PASS for one in cases)
    models = describe_models(run)
    return illustrated(run, record_run(run, cases, models, started="2026", duration_s=1))


def test_sets_that_were_used_have_a_contact_sheet(project: Path) -> None:
    run = Run(spec(project, {"methods": ("int8",)}))
    found = shown(run, "net/int8/calibration_set")
    calibration, evaluation = found.record.models[0].sheets
    assert (calibration.role, calibration.images) == ("calibration", CALIBRATION)
    assert calibration.places == tuple(range(CALIBRATION))
    assert (evaluation.role, evaluation.images) == ("evaluation", EVALUATION)
    assert {calibration.sha256, evaluation.sha256} <= found.pictures.keys()
    assert all(sha256_bytes(data) == name for name, data in found.pictures.items())
    assert set(pictures.named(found.record)) == set(found.pictures)


def test_models_with_inputs_of_other_sizes_share_a_sheet(project: Path) -> None:
    (project / "large.tflite").write_bytes(classifier(size=(8, 8), classes=len(NAMES)))
    (project / "flat.tflite").write_bytes(classifier(size=(4, 8), classes=len(NAMES)))
    net = {"labels": "labels.txt", "preprocessing": "keras-0-255", "methods": ["int8"]}
    sources = {"net": "net.tflite", "large": "large.tflite", "flat": "flat.tflite"}
    models = {name: {"source": source, **net} for name, source in sources.items()}
    run = Run(spec(project, models=models, variants={}))
    found = shown(run, *(f"{name}/int8/calibration_set" for name in sources))
    small, large, flat = (model.sheets for model in found.record.models)
    assert small == large
    assert flat[0].sha256 != small[0].sha256


def test_no_photograph_is_shown_where_the_spec_forbids_it(project: Path) -> None:
    told = spec(project, {"methods": ("int8",)})
    run = Run(msgspec.structs.replace(told, report=Report(thumbnails=False)))
    found = shown(run, "net/int8/calibration_set")
    assert found.record.models[0].images.calibration
    assert found.record.models[0].sheets == ()
    assert found.pictures == {}


def test_a_run_that_used_no_images_has_no_sheet(project: Path) -> None:
    found = shown(Run(spec(project, gates={"size_reduction": -10})), "net/same/size_reduction")
    assert found.record.models[0].images == RecordedImages()
    assert found.record.models[0].sheets == ()


def test_a_report_has_only_so_many_sheets(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thumbnails, "PER_RUN", 1)
    run = Run(spec(project, {"methods": ("int8",)}))
    found = shown(run, "net/int8/calibration_set")
    assert [one.role for one in found.record.models[0].sheets] == ["calibration"]
    assert set(found.pictures) == {found.record.models[0].sheets[0].sha256}


def test_photographs_that_were_run_are_not_decoded_again_to_be_shown(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(spec(project, gates={"top1_agreement": 0.5}))
    record, _ = judge(case(run, "net/other/top1_agreement"))
    models = describe_models(run)
    whole = record_run(run, (record,), models, started="2026", duration_s=1)
    monkeypatch.setattr(thumbnails, "ROLES", ("evaluation",))  # the other set was not run
    monkeypatch.setattr(thumbnails, "_is_explained", lambda _: False)  # experiments decode, too
    started = started_decoders(monkeypatch)
    found = illustrated(run, whole)
    assert len(found.record.models[0].pictures) > 1
    assert started == []


def test_a_picture_shows_the_photograph_that_it_is_named_by(project: Path) -> None:
    run = Run(spec(project, gates={"top1_agreement": 0.5}))
    record, _ = judge(case(run, "net/other/top1_agreement"))
    models = describe_models(run)
    found = illustrated(run, record_run(run, (record,), models, started="2026", duration_s=1))
    inputs = run.inputs("net")
    pixels = inputs.images.stream(inputs.baseline.preprocessing).first(EVALUATION)
    shown_pictures = found.record.models[0].pictures
    assert len({picture.sha256 for picture in shown_pictures}) > 1
    for picture in shown_pictures:
        assert found.pictures[picture.sha256] == thumbnails.thumbnail(pixels[picture.image])


def test_what_cant_be_drawn_is_a_note(tmp_path: Path) -> None:
    run = Run(spec(lay_out(tmp_path), {"methods": ("int8",)}))
    assert run.inputs("net").images.calibration_set is not None
    assert run.inputs("net").baseline.trained
    models = describe_models(run)
    for photo in (tmp_path / "calibration").iterdir():
        photo.write_bytes(b"another")
    record = illustrated(run, record_run(run, (), models, started="2026", duration_s=1)).record
    assert record.models[0].sheets == ()
    assert record.models[0].notes[-1].startswith("no contact sheet of its images could be made: ")
