from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edgeq.errors import ImageError, ModelError, WorkerCrashedError, WorkerError
from edgeq.pipeline.executable import Executable
from edgeq.pipeline.execution import Executor
from edgeq.pipeline.run import Run
from edgeq.run.workers import Workers
from edgeq.store.content import Store
from tests.unit.pipeline.project import EVALUATION, NAMES, spec, subject


def test_everything_is_measured_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    same = subject(run, "same")

    def ask() -> tuple[object, ...]:
        return (
            run.variant(same),
            run.load("net", same),
            run.size("net", same),
            run.operators_of("net", same),
            run.answers("net", None),
            run.answers("net", same),
            run.agreement(same),
            run.accuracy(same),
            run.memory("net", same),
        )

    first = ask()
    monkeypatch.delattr(run, "executor")
    monkeypatch.delattr(run, "store")
    assert all(one is other for one, other in zip(first, ask(), strict=True))


def test_sizes_are_those_of_the_files(run: Run) -> None:
    root = run.spec.root
    assert run.size("net", None).bytes == (root / "net.tflite").stat().st_size
    other = run.size("net", subject(run, "other"))
    assert other.bytes == (root / "other.tflite").stat().st_size


def test_baseline_and_variant_answer_beside_each_other(run: Run) -> None:
    same, other = run.agreement(subject(run, "same")), run.agreement(subject(run, "other"))
    assert same.images == other.images == EVALUATION
    assert same.classes == len(NAMES)
    assert other.agreeing == EVALUATION - len(other.flips) < EVALUATION
    assert same.agreeing > other.agreeing
    assert other.flip_counts is not None


def test_accuracy_counts_the_labels(run: Run) -> None:
    found = run.accuracy(subject(run, "same"))
    evaluation = run.inputs("net").evaluation
    assert evaluation is not None
    right = run.answers("net", None).predicted == evaluation.labels()
    assert found.baseline_top1.value == pytest.approx(float(np.mean(right)))


def test_crops_of_one_photograph_widen_the_intervals(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path, dirs_exist_ok=True)
    photos = sorted((tmp_path / "evaluation").glob("*/*.png"))
    rows = [
        f"{one.relative_to(tmp_path / 'evaluation')},0,{at // 5}" for at, one in enumerate(photos)
    ]
    table = "\n".join(["file,class_index,group", *rows])
    (tmp_path / "evaluation" / "labels.csv").write_text(table, "utf-8")
    crops = Run(spec(tmp_path))
    alone, found = (one.agreement(subject(one, "same")) for one in (Run(spec(project)), crops))
    assert alone.clusters is None
    assert found.clusters is not None
    assert (found.clusters.photographs, found.worth) == (2, 2)
    assert found.top1 == alone.top1
    assert found.top1_interval[0] < alone.top1_interval[0]
    assert crops.accuracy(subject(crops, "same")).clusters == found.clusters


def test_latency_is_taken_beside_the_baseline(run: Run) -> None:
    pair = run.latency(subject(run, "same"))
    assert [len(samples) for samples in pair.timed.samples] == [32, 32]
    assert pair.timed.blocks.tolist() == np.repeat(np.arange(16), 2).tolist()
    assert pair.latency.ratio > 0
    taking = pair.latency.taking
    assert taking is not None
    assert taking.looks == 3  # 8 rounds are 4 blocks, 16 are 8: too few for an interval
    assert taking.cores == os.cpu_count()


def test_without_a_limit_a_single_batch_is_timed(project: Path) -> None:
    run = Run(spec(project, gates={"latency_ratio": False, "max_latency_ms": False}))
    pair = run.latency(subject(run, "same"))
    assert [len(samples) for samples in pair.timed.samples] == [8, 8]


def test_a_model_is_timed_on_noise_without_photographs(project: Path) -> None:
    run = Run(spec(project, images={}))
    assert run.memory("net", subject(run, "same")).peak > 0
    noise = run._samples("net", None)
    assert noise.shape == (4, 4, 4, 3)
    assert np.array_equal(noise, run._samples("net", None))
    assert (noise[0].max(), noise[-1].min()) == (0, 255)
    with pytest.raises(ImageError, match="no evaluation set is named"):
        run.accuracy(subject(run, "same"))


def test_a_model_is_timed_on_dark_and_bright_photographs_and_others(project: Path) -> None:
    run = Run(spec(project))
    samples = run._samples("net", None)
    every = run.photographs("net", None).first(EVALUATION).mean(axis=(1, 2, 3))
    brightness = samples.mean(axis=(1, 2, 3))
    assert samples.shape == (4, 4, 4, 3)
    assert (brightness[0], brightness[-1]) == (every.min(), every.max())
    assert len(np.unique(brightness)) == 4
    assert np.array_equal(samples, run._samples("net", subject(run, "same")))


def crash(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> list[str]:
    """Let a method crash; return the models that it was asked about."""
    asked: list[str] = []

    def fail(_: object, model: Executable | str, *__: object) -> None:
        asked.append(model if isinstance(model, str) else model.key)
        raise WorkerCrashedError("the worker ended by SIGSEGV", where=asked[-1])

    monkeypatch.setattr(owner, name, fail)
    return asked


@pytest.mark.parametrize("measure", ["agreement", "latency"])
def test_a_baseline_that_does_not_run_is_a_bad_model(
    project: Path, monkeypatch: pytest.MonkeyPatch, measure: str
) -> None:
    folder = project / f"{measure}-store"  # an empty store: nothing is known about the baseline
    run = Run(spec(project), store=Store(folder))
    crash(monkeypatch, Workers, "fresh")
    crash(monkeypatch, Executor, "_measure")
    with pytest.raises(
        ModelError, match="the baseline does not run: the worker ended by"
    ) as caught:
        getattr(run, measure)(subject(run, "same"))
    assert not isinstance(caught.value, WorkerError)
    assert caught.value.remedy


def test_a_crash_is_not_repeated_and_costs_no_other_measure(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(spec(project))
    same, other = subject(run, "same"), subject(run, "other")
    asked = crash(monkeypatch, Executor, "answers")
    assert run.failure(same) is None
    for _ in range(2):
        with pytest.raises(WorkerCrashedError):
            run.answers("net", same)
    assert asked == ["net/same"]
    assert run.memory("net", same).peak > 0
    assert run.latency(same).timed.rounds_asked > 0
    assert isinstance(run.failure(same), WorkerCrashedError)
    assert run.failure(other) is None


def test_times_are_taken_while_a_gate_that_rests_on_them_is_open(run: Run) -> None:
    one = subject(run, "same")
    found = run.latency(one).latency
    ratio, median = run._open_until_timed(one)
    assert not ratio(found)
    assert not median(found)
    at_the_limit = msgspec.structs.replace(found, ratio=1000.0, ratio_interval=(900.0, 1100.0))
    assert ratio(at_the_limit)
    assert not median(at_the_limit)
