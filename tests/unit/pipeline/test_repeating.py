from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from edgeq.errors import WorkerCrashedError, WorkerError
from edgeq.faults.faulty_worker import marked
from edgeq.faults.inject import faulty_target
from edgeq.judge.verdict import Verdict
from edgeq.pipeline import repeating
from edgeq.pipeline.repeating import MAX_IMAGES, ask_again, ask_others
from edgeq.pipeline.run import Run
from edgeq.results.judging import judge
from edgeq.run.session import Session
from tests.unit.pipeline.project import case, spec, variant
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
