"""Numbers are made once, and again only when what they were made from changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.io.files import sha256_bytes
from edgeq.pipeline import cached, measuring
from edgeq.pipeline.run import Run
from tests.unit.pipeline.project import lay_out, spec, subject
from tests.unit.samples.pictures import save


def numbers(run: Run) -> tuple[object, ...]:
    same = subject(run, "same")
    return (
        run.size("net", None),
        run.operators_of("net", same),
        run.load("net", same),
        run.memory("net", same),
        run.outputs("net", same),
        run.agreement(same),
        run.accuracy(same),
        run.inputs("net").calibration_lint,
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
        monkeypatch.setattr(measuring, work, refuse)
    monkeypatch.setattr("edgeq.pipeline.inputs.lint", refuse)
    monkeypatch.setattr("edgeq.pipeline.execution.read_rows", refuse)
    monkeypatch.setattr("edgeq.samples.stream.write_pixels", refuse)
    monkeypatch.setattr(later.executor.workers, "fresh", refuse)
    assert numbers(later) == first
    assert sorted((tmp_path / ".edgeq").rglob("entry.json")) == entries


def test_another_confidence_needs_no_inference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(tmp_path)
    same = subject(Run(spec(tmp_path)), "same")
    first = Run(spec(tmp_path)).agreement(same)
    later = Run(spec(tmp_path, confidence=0.8))
    monkeypatch.setattr(later.executor.workers, "fresh", refuse)
    assert later.agreement(same).top1_interval != first.top1_interval


def test_another_set_gives_other_numbers(tmp_path: Path) -> None:
    lay_out(tmp_path)
    same = subject(Run(spec(tmp_path)), "same")
    before = Run(spec(tmp_path))
    assert before.agreement(same).images == before.outputs("net", same).images == 10
    save(tmp_path / "evaluation" / "3" / "new.png", seed=900)
    after = Run(spec(tmp_path))
    assert after.agreement(same).images == after.outputs("net", same).images == 11


def test_other_labels_give_another_accuracy(tmp_path: Path) -> None:
    lay_out(tmp_path)
    same = subject(Run(spec(tmp_path)), "same")
    run = Run(spec(tmp_path))
    before = run.accuracy(same)
    evaluation = run.inputs("net").evaluation
    assert evaluation is not None
    photo, answer = evaluation.photos[0], int(run.answers("net", None).predicted[0])
    other = "1" if answer == photo.label else str(answer)  # right becomes wrong, or wrong right
    photo.path.rename(tmp_path / "evaluation" / other / "moved.png")
    after = Run(spec(tmp_path)).accuracy(same)
    assert after.baseline_top1.value != before.baseline_top1.value


def forget() -> None:
    """Let the sources be read again."""
    cached.arithmetic.cache_clear()
    cached.sources.cache_clear()


def test_another_formula_is_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    before = dict(cached.arithmetic())
    forget()
    monkeypatch.setattr(cached, "sha256_file", lambda path: sha256_bytes(path.name.encode()))
    try:
        assert dict(cached.arithmetic()) != before
    finally:
        forget()
