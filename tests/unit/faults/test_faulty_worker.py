"""The faulty worker: wrong with marked models, and as the worker with others."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edgeq.config.structs import Preprocessing
from edgeq.errors import ModelRefusedError, WorkerCrashedError
from edgeq.faults.faulty_worker import Conduct, conduct_of, marked
from edgeq.faults.inject import faulty_target
from edgeq.run.memory import measure_memory
from edgeq.run.session import Session
from edgeq.run.targets import local_target
from edgeq.tflite.model_file import read_model
from tests.unit.tiny_model import classifier

HOW = Preprocessing()
PIXELS = np.random.default_rng(3).integers(0, 256, (5, 4, 4, 3), np.uint8)


@pytest.fixture
def session() -> Iterator[Session]:
    with Session(faulty_target(), timeout_s=60, memory_limit=None) as worker:
        yield worker


def answers(session: Session, folder: Path, conduct: dict[str, object]) -> npt.NDArray[np.float32]:
    path = folder / "one.tflite"
    path.write_bytes(marked(classifier(), conduct) if conduct else classifier())
    handle = session.load(path, threads=1, kernels="xnnpack").handle
    return session.infer(handle, PIXELS, HOW).outputs[0]


def test_a_mark_is_read_back_and_leaves_a_file_that_can_be_read(tmp_path: Path) -> None:
    content = marked(classifier(), {"do": "slower", "factor": 0.5})
    path = tmp_path / "marked.tflite"
    path.write_bytes(content)
    assert conduct_of(content + b"more behind it") == {"do": "slower", "factor": 0.5}
    assert conduct_of(classifier()) == {}
    assert read_model(path).operators == read_model(path).operators != ()


def test_models_without_a_mark_are_run_as_by_the_worker(session: Session, tmp_path: Path) -> None:
    with Session(local_target(), timeout_s=60, memory_limit=None) as plain:
        expected = answers(plain, tmp_path, {})
    np.testing.assert_array_equal(answers(session, tmp_path, {}), expected)


def test_answers_go_wrong_as_told(session: Session, tmp_path: Path) -> None:
    right = answers(session, tmp_path, {})
    np.testing.assert_array_equal(
        answers(session, tmp_path, {"do": "constant"}), np.repeat(right[:1], 5, axis=0)
    )
    np.testing.assert_array_equal(
        answers(session, tmp_path, {"do": "stale"}), right[[0, 0, 1, 2, 3]]
    )
    assert np.isnan(answers(session, tmp_path, {"do": "nan"})).any(axis=1).all()
    noisy = [answers(session, tmp_path, {"do": "noise"}) for _ in range(2)]
    assert (noisy[0] != noisy[1]).all()


def test_a_model_is_refused(session: Session, tmp_path: Path) -> None:
    with pytest.raises(ModelRefusedError, match="refused"):
        answers(session, tmp_path, {"do": "refuse"})


@pytest.mark.parametrize("after", [-1, 2])
def test_the_worker_crashes(session: Session, tmp_path: Path, after: int) -> None:
    with pytest.raises(WorkerCrashedError, match="SIGSEGV"):
        answers(session, tmp_path, {"do": "crash", "after": after})


def test_memory_is_taken(tmp_path: Path) -> None:
    path, peaks = tmp_path / "one.tflite", []
    for content in (classifier(), marked(classifier(), {"do": "memory", "bytes": 50_000_000})):
        path.write_bytes(content)
        used = measure_memory(
            faulty_target(),
            path,
            pixels=PIXELS[:1],
            preprocessing=HOW,
            threads=1,
            kernels="xnnpack",
            timeout_s=60,
            memory_limit=None,
            where="one",
        )
        peaks.append(used.peak)
    assert peaks[1] - peaks[0] > 40_000_000


def test_time_passes_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([10.2, 10.6, 11.1, 11.2])
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    conduct = Conduct({"do": "slower", "factor": 1.0})
    assert conduct.after_invoke(10.0, 0.5) == pytest.approx(1.2)
    assert Conduct({}).after_invoke(10.0, 0.5) == 0.5
