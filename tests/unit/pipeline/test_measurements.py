"""Numbers are made once, and again only when what they were made from changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.io.files import sha256_bytes
from edgeq.pipeline import dependencies, measurements
from edgeq.pipeline.run import Run
from edgeq.store import cached
from tests.unit.pipeline.project import lay_out, spec, variant
from tests.unit.samples.pictures import save


def numbers(run: Run) -> tuple[object, ...]:
    same = variant(run, "same")
    return (
        run.baseline("net").size,
        same.operators,
        same.loaded,
        same.memory,
        same.output_facts,
        same.agreement,
        same.accuracy,
        run.inputs("net").images.calibration_lint,
    )


def refuse(*_: object, **__: object) -> None:
    pytest.fail("something was made again")


def test_a_run_with_nothing_changed_only_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(tmp_path)
    first = numbers(Run(spec(tmp_path)))
    entries = sorted((tmp_path / ".edgeq").rglob("entry.json"))
    later = Run(spec(tmp_path))
    for work in ("agreement", "accuracy", "outputs_facts", "operators", "measure_size"):
        monkeypatch.setattr(measurements, work, refuse)
    monkeypatch.setattr("edgeq.pipeline.image_sets.lint", refuse)
    monkeypatch.setattr("edgeq.pipeline.execution.read_rows", refuse)
    monkeypatch.setattr("edgeq.samples.stream.write_pixels", refuse)
    monkeypatch.setattr(later.executor.workers, "fresh", refuse)
    assert numbers(later) == first
    assert sorted((tmp_path / ".edgeq").rglob("entry.json")) == entries


def test_another_confidence_needs_no_inference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(tmp_path)
    first = variant(Run(spec(tmp_path)), "same").agreement
    later = Run(spec(tmp_path, confidence=0.8))
    monkeypatch.setattr(later.executor.workers, "fresh", refuse)
    assert variant(later, "same").agreement.top1_interval != first.top1_interval


def test_another_set_gives_other_numbers(tmp_path: Path) -> None:
    lay_out(tmp_path)
    before = variant(Run(spec(tmp_path)), "same")
    assert before.agreement.images == before.output_facts.images == 10
    save(tmp_path / "evaluation" / "3" / "new.png", seed=900)
    after = variant(Run(spec(tmp_path)), "same")
    assert after.agreement.images == after.output_facts.images == 11


def test_other_labels_give_another_accuracy(tmp_path: Path) -> None:
    lay_out(tmp_path)
    run = Run(spec(tmp_path))
    before = variant(run, "same").accuracy
    evaluation = run.inputs("net").images.evaluation
    assert evaluation is not None
    photo, answer = evaluation.photos[0], int(run.baseline("net").predictions.predicted[0])
    other = "1" if answer == photo.label else str(answer)  # right becomes wrong, or wrong right
    photo.path.rename(tmp_path / "evaluation" / other / "moved.png")
    after = variant(Run(spec(tmp_path)), "same").accuracy
    assert after.baseline_top1.value != before.baseline_top1.value


def forget() -> None:
    """Let the sources be read again."""
    dependencies.arithmetic.cache_clear()
    cached.sources.cache_clear()


def test_another_formula_is_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    before = dict(dependencies.arithmetic())
    forget()
    monkeypatch.setattr(cached, "sha256_file", lambda path: sha256_bytes(path.name.encode()))
    try:
        assert dict(dependencies.arithmetic()) != before
    finally:
        forget()
