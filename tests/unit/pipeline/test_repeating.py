"""What a worker holds over an evaluation, from real workers to verdicts."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edgeq.errors import WorkerCrashedError, WorkerError
from edgeq.faults.faulty_worker import marked
from edgeq.faults.inject import faulty_target
from edgeq.judge.verdict import Verdict
from edgeq.pipeline import repeating
from edgeq.pipeline.repeating import MAX_IMAGES, ask_again, ask_others
from edgeq.pipeline.run import Run
from edgeq.record.structs import CaseRecord
from edgeq.results.judging import judge
from edgeq.results.recording import describe_models
from edgeq.run.session import Session
from edgeq.run.workers import Workers
from tests.unit import bad_models
from tests.unit.pipeline.project import NAMES, case, lay_out, spec, variant
from tests.unit.samples.pictures import save
from tests.unit.tiny_model import classifier


def test_a_fresh_worker_answers_the_same_and_is_asked_once(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = variant(run, "same")
    found = ask_again(model)
    whole = variant(run, "same").predictions
    assert (found.batch, found.repeats.images, found.repeats.same) == (1, 1, True)
    assert found.outputs[0].tobytes() == whole.scores[:1].tobytes()
    monkeypatch.setattr(run.executor.workers, "fresh", None)
    assert ask_again(model).repeats == found.repeats


def test_other_kernels_answer_a_few_photographs_once(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = variant(run, "same")
    found = ask_others(model)
    whole = variant(run, "same").predictions
    assert found.kernels == "reference"
    assert found.outputs[0] == pytest.approx(whole.scores[:MAX_IMAGES], abs=0.01)
    monkeypatch.setattr(run.executor.workers, "fresh", None)
    assert ask_others(model).kernels == "reference"


def test_time_ends_the_comparison_after_the_first_photograph(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeating, "MAX_S", -1.0)
    run = Run(spec(project, store=str(tmp_path)))
    model = variant(run, "same")
    found = ask_others(model)
    assert len(found.outputs[0]) == 1


def refuse(kernels: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    load = Session.load

    def refusing(session: Session, path: Path, **keys: object) -> object:
        if keys["kernels"] in kernels:
            raise WorkerCrashedError("ended by SIGABRT")
        return load(session, path, **keys)  # type: ignore[arg-type]

    monkeypatch.setattr(Session, "load", refusing)


def test_kernels_that_cant_run_the_file_make_room_for_the_next(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(spec(project, store=str(tmp_path)))
    model = variant(run, "same")
    refuse({"reference", "builtin"}, monkeypatch)
    with pytest.raises(WorkerError, match="no other kernels than xnnpack run the file: ended by"):
        ask_others(model)
    monkeypatch.undo()
    refuse({"reference"}, monkeypatch)
    assert ask_others(model).kernels == "builtin"


@pytest.mark.parametrize(
    ("conduct", "reason"),
    [
        ("noise", "the same photograph gets another answer when it is asked again"),
        ("stale", "the answer to a photograph depends on the one that was asked before"),
        (None, "finite on 10 images"),
    ],
)
def test_a_worker_whose_answers_change_fails_the_outputs(
    project: Path, tmp_path: Path, conduct: str | None, reason: str
) -> None:
    shutil.copytree(project, tmp_path, dirs_exist_ok=True)
    content = classifier(io="int8", classes=7)
    (tmp_path / "same.tflite").write_bytes(marked(content, {"do": conduct}))
    faulty = Run(spec(tmp_path), target=faulty_target())
    record, error = judge(case(faulty, "net/same/outputs"))
    assert error is None
    assert (record.status is Verdict.PASS) is (conduct is None)
    assert record.reason.startswith(reason)
    assert msgspec.json.encode(record.evidence["asked_again"])


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
    monkeypatch.setattr(repeating, "_loads", lambda *_: [])
    keys: dict[str, Any] = {"images": {"evaluation": "evaluation"}, "store": str(tmp_path)}
    run = Run(spec(folder, **keys))
    found = verdict(run, "same")
    assert (found.status, found.declared_missing) == (Verdict.MISSING, False)
    assert "does not tell" in found.reason
    run = Run(spec(folder, **keys, allow_missing=["steady_memory"]))
    assert verdict(run, "same").declared_missing
