"""What a worker holds over an evaluation, from real workers to verdicts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from edgeq.judge.verdict import Verdict
from edgeq.pipeline import growing
from edgeq.pipeline.run import Run
from edgeq.record.structs import CaseRecord
from edgeq.results.judging import judge
from edgeq.results.recording import describe_models
from edgeq.run.session import Session
from edgeq.run.workers import Workers
from tests.unit import bad_models
from tests.unit.pipeline.project import NAMES, case, lay_out, spec
from tests.unit.samples.pictures import save
from tests.unit.tiny_model import classifier

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory now is read from /proc")

LIMIT = 150_000_000
"""More than a worker with one of these models takes: some 60 MB."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with a variant that grows, and 150 photographs."""
    root = lay_out(tmp_path_factory.mktemp("growing"))
    (root / "net.tflite").write_bytes(classifier(classes=len(NAMES), softmax=False))
    (root / "leak.tflite").write_bytes(bad_models.growing(1_000_000, classes=len(NAMES)))
    for seed in range(150):
        save(root / "many" / f"{seed}.png", seed=1000 + seed)
    return root


def made(folder: Path, images: str = "many", source: str = "net.tflite") -> Run:
    variants = {name: {"model": "net", "file": f"{name}.tflite"} for name in ("same", "leak")}
    return Run(
        spec(
            folder,
            {"source": source},
            variants=variants,
            images={"evaluation": images},
            gates={"max_peak_memory": LIMIT},
        )
    )


def verdict(run: Run, variant: str, gate: str = "steady_memory") -> CaseRecord:
    record, error = judge(case(run, f"net/{variant}/{gate}"))
    assert error is None
    return record


def test_memory_that_grows_fails_both_gates(folder: Path) -> None:
    run = made(folder)
    run.parts = 2
    found = verdict(run, "leak")
    assert found.status is Verdict.FAIL
    assert found.reason == "memory grows by 1 MB an inference and never falls back"
    assert not found.evidence["repeated"]
    peak = verdict(run, "leak", "max_peak_memory")
    assert peak.status is Verdict.FAIL
    assert "150 MB more over 150 inferences" in peak.reason
    (model,) = describe_models(run)
    leak = next(one for one in model.variants if one.name == "leak")
    assert leak.memory is not None
    assert leak.memory.watched_inferences == 150
    assert leak.memory.grown == pytest.approx(150e6, rel=0.05)


def test_memory_that_stays_passes_both(folder: Path) -> None:
    run = made(folder)
    found = verdict(run, "same")
    assert found.status is Verdict.PASS
    assert found.reason.endswith("(150 images)")
    peak = verdict(run, "same", "max_peak_memory")
    assert (peak.status, peak.evidence["grown_bytes"]) == (Verdict.PASS, 0)


def test_a_warm_run_says_the_same_without_a_worker(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = ("many", "evaluation")
    before = [verdict(made(folder, one), name) for one in images for name in ("same", "leak")]
    monkeypatch.setattr(Workers, "fresh", None)
    monkeypatch.setattr(Session, "infer", None)
    after = [verdict(made(folder, one), name) for one in images for name in ("same", "leak")]
    assert after == before


def test_few_images_are_run_repeatedly(folder: Path) -> None:
    run = made(folder, "evaluation")
    found = verdict(run, "same")
    assert found.status is Verdict.PASS
    assert found.reason.endswith("(the first images, repeatedly)")
    assert found.evidence["repeated"]
    assert verdict(run, "leak").status is Verdict.FAIL


def test_a_baseline_that_grows_is_said_to(folder: Path) -> None:
    found = verdict(made(folder, source="leak.tflite"), "same")
    assert found.status is Verdict.PASS
    run = made(folder, source="leak.tflite")
    assert verdict(run, "leak").reason.endswith("; the baseline's grows by 1 MB")


def test_a_target_that_does_not_tell_is_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Session, "repeat", lambda *_, **__: ())
    monkeypatch.setattr(growing, "_loads", lambda *_: [])
    keys: dict[str, Any] = {"images": {"evaluation": "evaluation"}, "store": str(tmp_path)}
    run = Run(spec(folder, **keys))
    found = verdict(run, "same")
    assert (found.status, found.declared_missing) == (Verdict.MISSING, False)
    assert "does not tell" in found.reason
    run = Run(spec(folder, **keys, allow_missing=["steady_memory"]))
    assert verdict(run, "same").declared_missing
