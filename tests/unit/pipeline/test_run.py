from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edgeq.errors import ImageError, ModelError, WorkerCrashedError, WorkerError
from edgeq.pipeline.execution import Executor
from edgeq.pipeline.run import Run
from edgeq.pipeline.timing import open_until_timed, timing_samples
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.run.workers import Workers
from edgeq.store.content import Store
from tests.unit.pipeline.project import EVALUATION, NAMES, spec, variant


def test_everything_is_measured_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    same = variant(run, "same")

    def ask() -> tuple[object, ...]:
        return (
            same.artifact,
            same.loaded,
            same.size,
            same.operators,
            run.baseline("net").predictions,
            same.predictions,
            same.agreement,
            same.accuracy,
            same.memory,
        )

    first = ask()
    monkeypatch.delattr(Run, "executor")
    monkeypatch.delattr(Run, "store")
    assert all(one is other for one, other in zip(first, ask(), strict=True))


def test_sizes_are_those_of_the_files(run: Run) -> None:
    root = run.spec.root
    assert run.baseline("net").size.bytes == (root / "net.tflite").stat().st_size
    other = variant(run, "other").size
    assert other.bytes == (root / "other.tflite").stat().st_size


def test_baseline_and_variant_answer_beside_each_other(run: Run) -> None:
    same, other = variant(run, "same").agreement, variant(run, "other").agreement
    assert same.images == other.images == EVALUATION
    assert same.classes == len(NAMES)
    assert other.agreeing == EVALUATION - len(other.flips) < EVALUATION
    assert same.agreeing > other.agreeing
    assert other.flip_counts is not None


def test_accuracy_counts_the_labels(run: Run) -> None:
    found = variant(run, "same").accuracy
    evaluation = run.inputs("net").images.evaluation
    assert evaluation is not None
    right = run.baseline("net").predictions.predicted == evaluation.labels()
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
    alone, found = (variant(one, "same").agreement for one in (Run(spec(project)), crops))
    assert alone.clusters is None
    assert found.clusters is not None
    assert (found.clusters.photographs, found.worth) == (2, 2)
    assert found.top1 == alone.top1
    assert found.top1_interval[0] < alone.top1_interval[0]
    assert variant(crops, "same").accuracy.clusters == found.clusters


def test_latency_is_taken_beside_the_baseline(run: Run) -> None:
    pair = variant(run, "same").timed
    assert [len(samples) for samples in pair.timed.samples] == [32, 32]
    assert pair.timed.blocks.tolist() == np.repeat(np.arange(16), 2).tolist()
    assert pair.latency.ratio > 0
    taking = pair.latency.taking
    assert taking is not None
    assert taking.looks == 3  # 8 rounds are 4 blocks, 16 are 8: too few for an interval
    assert taking.cores == os.cpu_count()


def test_without_a_limit_a_single_batch_is_timed(project: Path) -> None:
    run = Run(spec(project, gates={"latency_ratio": False, "max_latency_ms": False}))
    pair = variant(run, "same").timed
    assert [len(samples) for samples in pair.timed.samples] == [8, 8]


def test_a_model_is_timed_on_noise_without_photographs(project: Path) -> None:
    run = Run(spec(project, images={}))
    assert variant(run, "same").memory.peak > 0
    noise = timing_samples(run.baseline("net"))
    assert noise.shape == (4, 4, 4, 3)
    assert np.array_equal(noise, timing_samples(run.baseline("net")))
    assert (noise[0].max(), noise[-1].min()) == (0, 255)
    with pytest.raises(ImageError, match="no evaluation set is named"):
        variant(run, "same").accuracy  # noqa: B018


def test_a_model_is_timed_on_dark_and_bright_photographs_and_others(project: Path) -> None:
    run = Run(spec(project))
    samples = timing_samples(run.baseline("net"))
    every = run.baseline("net").photographs.first(EVALUATION).mean(axis=(1, 2, 3))
    brightness = samples.mean(axis=(1, 2, 3))
    assert samples.shape == (4, 4, 4, 3)
    assert (brightness[0], brightness[-1]) == (every.min(), every.max())
    assert len(np.unique(brightness)) == 4
    assert np.array_equal(samples, timing_samples(variant(run, "same")))


def crash(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> list[str]:
    """Let a method crash; return the models that it was asked about."""
    asked: list[str] = []

    def fail(_: object, model: VariantUnderTest | str, *__: object) -> None:
        asked.append(model if isinstance(model, str) else model.name)
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
        getattr(variant(run, "same"), measure)
    assert not isinstance(caught.value, WorkerError)
    assert caught.value.remedy


def test_a_crash_is_not_repeated_and_costs_no_other_measure(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(spec(project))
    same, other = variant(run, "same"), variant(run, "other")
    asked = crash(monkeypatch, Executor, "answers")
    assert same.failure is None
    for _ in range(2):
        with pytest.raises(WorkerCrashedError):
            same.predictions  # noqa: B018
    assert asked == ["net/same"]
    assert same.memory.peak > 0
    assert same.timed.timed.rounds_asked > 0
    assert isinstance(same.failure, WorkerCrashedError)
    assert other.failure is None


def test_times_are_taken_while_a_gate_that_rests_on_them_is_open(run: Run) -> None:
    one = variant(run, "same")
    found = one.timed.latency
    ratio, median = open_until_timed(one)
    assert not ratio(found)
    assert not median(found)
    at_the_limit = msgspec.structs.replace(found, ratio=1000.0, ratio_interval=(900.0, 1100.0))
    assert ratio(at_the_limit)
    assert not median(at_the_limit)
