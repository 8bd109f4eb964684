"""Variants with samples of their own: the same scenes as the baseline's, paired by name."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgeq.errors import ImageError
from edgeq.judge.verdict import Verdict
from edgeq.pipeline.needs import external_inputs, variant_of
from edgeq.pipeline.run import Run
from edgeq.pipeline.timing import timing_samples
from edgeq.record.structs import CaseRecord, VariantRecord
from edgeq.report import html
from edgeq.report.view import view
from edgeq.results.judging import judge
from edgeq.results.recording import describe_models, record_run
from edgeq.results.thumbnails import illustrated
from tests.unit.pipeline.project import EVALUATION, case, lay_out, spec, variant
from tests.unit.samples.pictures import save

SAMPLES = f"on samples of its own: {EVALUATION} photographs of camera"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a project whose camera delivers the evaluation photographs upside down in colour."""
    lay_out(tmp_path)
    deliver(tmp_path, lambda pixels: 255 - pixels)
    return tmp_path


def deliver(root: Path, change: Any) -> None:
    for path in sorted((root / "evaluation").rglob("*.png")):
        target = root / "camera" / path.relative_to(root / "evaluation").with_suffix(".bmp")
        target.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.asarray(Image.open(path)).astype(np.int64)
        Image.fromarray(change(pixels).astype(np.uint8)).save(target)


def running(root: Path, images: dict[str, Any] | None = None, **keys: Any) -> Run:
    variant = {"model": "net", "file": "same.tflite", "evaluation": "camera", **keys}
    named = {"calibration": "calibration", "evaluation": "evaluation", **(images or {})}
    return Run(spec(root, variants={"board": variant}, images=named))


def answer(run: Run, gate: str) -> CaseRecord:
    return judge(case(run, f"net/board/{gate}"))[0]


def described(run: Run) -> VariantRecord:
    (model,) = describe_models(run)
    return model.variants[0]


def test_the_same_pixels_under_other_names_agree(folder: Path) -> None:
    deliver(folder, lambda pixels: pixels)
    run = running(folder)
    record = answer(run, "top1_agreement")
    assert record.value == 1.0
    assert record.reason.endswith(f"; {SAMPLES}")


def test_a_variant_is_evaluated_on_its_own_and_compared_by_pairs(folder: Path) -> None:
    run, before = running(folder), running(folder, evaluation=None)
    ours, theirs = variant(run, "board").predictions, run.baseline("net").predictions
    plain = variant(before, "board").predictions
    assert np.abs(ours.logits - plain.logits).max() > 0.1
    agreeing = float((ours.predicted == theirs.predicted).mean())
    assert answer(run, "top1_agreement").value == pytest.approx(agreeing)
    labels = run.inputs("net").images.require_evaluation().labels()
    assert variant(run, "board").accuracy.variant_top1.value == pytest.approx(
        float((ours.predicted == labels).mean())
    )


def test_every_case_that_rests_on_images_says_so(folder: Path) -> None:
    run = running(folder, method="int8", preprocessing={"filter": "nearest"})
    found = [judge(one)[0] for one in run.cases if one.gate.name != "latency_ratio"]
    said = {one.gate for one in found if f"; {SAMPLES}; fed otherwise" in one.reason}
    assert said == {one.gate.name for one in run.cases if one.gate.needs_images}
    assert not any("samples" in one.reason for one in found if one.gate not in said)


def test_the_record_holds_the_hashes_of_both_sets(folder: Path) -> None:
    run = running(folder)
    answer(run, "top1_agreement")
    feeding = described(run).feeding
    assert feeding is not None
    assert feeding.samples is not None
    assert (feeding.samples.source, feeding.samples.count) == ("camera", EVALUATION)
    own = variant(run, "board").samples
    assert feeding.samples.sha256 == own.content_sha256
    (model,) = describe_models(run)
    assert model.images.evaluation is not None
    assert model.images.evaluation.sha256 != own.sha256
    agreement = described(run).agreement
    assert agreement is not None
    assert all(
        (flip.name or "").endswith(".png") for flip in agreement.flips
    )  # the scene, as the set names it


def test_what_is_kept_of_other_samples_is_not_taken(folder: Path) -> None:
    first = answer(running(folder), "relative_error").value
    deliver(folder, lambda pixels: pixels // 2)
    second = answer(running(folder), "relative_error").value
    plain = answer(running(folder, evaluation=None), "relative_error").value
    assert len({first, second, plain}) == 3


def test_the_input_range_is_that_of_its_own_samples(folder: Path) -> None:
    deliver(folder, lambda pixels: pixels // 60)
    shifted: dict[str, Any] = {
        "method": "int8",
        "preprocessing": {"mean": [-200.0] * 3},
    }  # cuts what is bright
    found = answer(running(folder, **shifted), "input_range")
    plain = answer(running(folder, evaluation=None, **shifted), "input_range")
    assert found.evidence["clipped"] == 0
    assert isinstance(plain.evidence["clipped"], float)
    assert plain.evidence["clipped"] > 0


def test_a_calibration_image_among_its_own_samples_is_found(folder: Path) -> None:
    pytest.importorskip("litert_quantizer")
    run = running(folder, file=None, method="int8")
    assert answer(run, "calibration_disjoint").status is Verdict.PASS
    pixels = (folder / "calibration" / "0.png").read_bytes()
    (folder / "camera" / "0" / "0.bmp").unlink()
    (folder / "camera" / "0" / "0.png").write_bytes(pixels)
    run = running(folder, file=None, method="int8")
    found = answer(run, "calibration_disjoint")
    assert (found.status, found.evidence["shared"]) == (Verdict.FAIL, [["0.png", "0/0.png"]])
    record, error = judge(case(run, "net/board/made"))
    assert record.status is Verdict.MISSING
    assert isinstance(error, ImageError)
    assert error.where is not None
    assert error.where.endswith("variants.board.evaluation")


@pytest.mark.parametrize("gate", ["top1_agreement", "outputs", "relative_error"])
def test_samples_that_do_not_pair_are_bad_input(folder: Path, gate: str) -> None:
    (folder / "camera" / "0" / "0.bmp").rename(folder / "camera" / "0" / "strange.bmp")
    run = running(folder)
    record, error = judge(case(run, f"net/board/{gate}"))
    assert record.status is Verdict.MISSING
    assert not record.declared_missing
    assert isinstance(error, ImageError)
    assert "0/0.png" in error.what
    assert "0/strange.bmp" in error.what
    assert answer(run, "made").status is Verdict.PASS


def test_a_limit_on_the_set_holds_for_its_samples(folder: Path) -> None:
    run = running(folder, {"max_evaluation": 4})
    assert "on samples of its own: 4 photographs" in answer(run, "top1_agreement").reason
    (folder / "camera" / "extra.bmp").write_bytes((folder / "camera/0/0.bmp").read_bytes())
    with pytest.raises(ImageError, match=r"extra\.bmp"):
        variant(running(folder, {"max_evaluation": 4}), "board").samples  # noqa: B018


def test_latency_and_memory_are_taken_on_its_own_samples(folder: Path) -> None:
    run = running(folder)
    samples = timing_samples(variant(run, "board"))
    assert (samples != timing_samples(run.baseline("net"))).any()


def test_the_samples_are_the_cause_if_the_variant_is_right_on_the_baseline_s(folder: Path) -> None:
    shutil.rmtree(folder / "evaluation")
    shutil.rmtree(folder / "camera")
    for seed in range(EVALUATION):
        colour = tuple(np.random.default_rng(seed).integers(0, 256, 3).tolist())
        path = save(folder / "evaluation" / "0" / f"{seed}.png")
        Image.new("RGB", (16, 12), colour).save(path)
    deliver(folder, lambda pixels: 255 - pixels)
    run = Run(
        spec(
            folder,
            variants={"board": {"model": "net", "file": "same.tflite", "evaluation": "camera"}},
            images={"evaluation": "evaluation"},
            gates={"top1_agreement": 0.99},
        )
    )
    record = answer(run, "top1_agreement")
    assert record.status is Verdict.FAIL
    assert record.cause is not None
    assert (
        "variant's own samples: on the samples of the baseline the variant agrees on 100 %"
        in record.cause
    )
    assert "calibrate or train" in str(record.next_step)


def test_a_method_makes_a_variant_with_a_name_of_its_own(folder: Path) -> None:
    pytest.importorskip("litert_quantizer")
    variants = {
        "board": {"model": "net", "method": "float16", "evaluation": "camera"},
        "plain": {"model": "net", "method": "float16@litert", "preprocessing": "unit"},
    }
    run = Run(spec(folder, variants=variants, methods=["float16"]))
    names = [(one.short_name, one.method) for one in run.variants]
    assert names == [("float16", "float16"), ("board", "float16"), ("plain", "float16")]
    made = {one.artifact.sha256 for one in run.variants}
    assert len(made) == 1
    assert SAMPLES in answer(run, "top1_agreement").reason
    found, _ = judge(case(run, "net/float16/top1_agreement"))
    assert (found.value, "samples" in found.reason) == (1.0, False)


def test_the_doctor_pairs_them_without_reading_one(folder: Path) -> None:
    table = running(folder).spec
    assert variant_of(table, "board").endswith(f"on {EVALUATION} samples of its own, camera")
    (folder / "camera" / "0" / "0.bmp").unlink()
    with pytest.raises(ImageError, match=r"0/0\.png"):
        variant_of(table, "board")


def test_a_report_shows_both_sets_with_the_same_scenes(folder: Path) -> None:
    run = running(folder)
    record = answer(run, "top1_agreement")
    models = describe_models(run)
    found = illustrated(run, record_run(run, (record,), models, started="2026", duration_s=1))
    evaluation, own = found.record.models[0].sheets
    assert (evaluation.variant, own.variant, own.role) == ("", "board", "evaluation")
    assert own.places == evaluation.places
    assert own.sha256 != evaluation.sha256
    assert {own.sha256, evaluation.sha256} <= found.pictures.keys()
    page = html.render(found.record, view(found.record, found.pictures))
    assert f"All {EVALUATION} own samples, as board sees them" in page
    assert (
        f'<p class="small">On samples of its own: {EVALUATION} photographs of camera.</p>' in page
    )


def test_samples_below_the_data_folder_are_told(folder: Path) -> None:
    assert external_inputs(running(folder, evaluation="data:board").spec) == (
        "the photographs of data:board",
    )
