"""Workers that are asked more than once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgeq.errors import ModelRefusedError, WorkerError
from edgeq.run.session import Session
from edgeq.run.targets import local_target
from edgeq.run.workers import Workers
from tests.unit.tiny_model import classifier


@pytest.fixture
def workers() -> Workers:
    return Workers(local_target(), timeout_s=60, memory_limit=None)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(classifier())
    return path


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Session]]:
    sessions: list[Session] = []
    fresh = Workers.fresh

    def note(self: Workers, where: str) -> Session:
        sessions.append(fresh(self, where))
        return sessions[-1]

    monkeypatch.setattr(Workers, "fresh", note)
    yield sessions
    assert all(session.ended for session in sessions)


def loading(file: Path) -> Callable[[Session], int]:
    return lambda session: session.load(file, threads=1, kernels="xnnpack").operators


def test_a_kept_worker_is_asked_again(workers: Workers, file: Path, started: list[Session]) -> None:
    with workers.kept():
        found = [workers.ask("net", loading(file)) for _ in range(3)]
        assert len(started) == 1
        assert not started[0].ended
    assert len(set(found)) == 1


def test_without_a_keeper_each_is_fresh(
    workers: Workers, file: Path, started: list[Session]
) -> None:
    for _ in range(2):
        workers.ask("net", loading(file))
    assert len(started) == 2


def test_a_used_worker_holds_no_model_of_others(
    workers: Workers, file: Path, started: list[Session]
) -> None:
    with workers.kept():
        handle = workers.ask(
            "net", lambda session: session.load(file, threads=1, kernels="xnnpack").handle
        )
        with pytest.raises(WorkerError, match="no model"):
            workers.ask("net", lambda session: session.infer_tensors(handle, ()))
    assert len(started) == 2  # a fresh one has the last word


def test_what_fails_in_a_used_worker_is_tried_in_a_fresh_one(
    workers: Workers, file: Path, started: list[Session]
) -> None:
    def work(session: Session) -> str:
        if session is started[0]:
            os.kill(session._worker._channel._process.pid, signal.SIGSEGV)
        session.load(file, threads=1, kernels="xnnpack")
        return "done"

    with workers.kept():
        workers.ask("net", loading(file))
        assert workers.ask("net", work) == "done"
        assert [session.ended for session in started] == [True, False]


def test_what_fails_in_a_fresh_worker_is_the_models_fault(
    workers: Workers, tmp_path: Path, file: Path, started: list[Session]
) -> None:
    bad = tmp_path / "bad.tflite"
    bad.write_bytes(b"no model")
    with workers.kept():
        with pytest.raises(ModelRefusedError):
            workers.ask("bad", loading(bad))
        assert started[0].ended
        workers.ask("net", loading(file))
        with pytest.raises(ModelRefusedError, match="bad"):
            workers.ask("bad", loading(bad))
        assert [session.ended for session in started] == [True, True, True]


def test_an_interruption_ends_the_worker(workers: Workers, started: list[Session]) -> None:
    def interrupted(_: Session) -> None:
        raise KeyboardInterrupt

    with workers.kept(), pytest.raises(KeyboardInterrupt):
        workers.ask("net", interrupted)
    assert len(started) == 1
