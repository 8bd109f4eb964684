"""Boards of one target that share its evaluations."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edgeq.config.target_kinds import TargetKind
from edgeq.errors import ImageError, WorkerError
from edgeq.pipeline.evaluating import HELD, HeldMemory
from edgeq.pipeline.run import Run
from edgeq.run.targets import Target
from tests.unit.pipeline.project import EVALUATION, spec
from tests.unit.targets.kinds import PREDICTIONS, install, started

NOTES = "log = __import__('pathlib').Path({log!r})\ntrue = worker.Worker.op_infer\n"
COUNTS = """
def op_infer(self, request, blobs):
    if request["count"] == 1:  # of the evaluation, or of the check's single picture
        with log.open("a") as file: file.write("1")
    return true(self, request, blobs)
worker.Worker.op_infer = op_infer
"""
DIES = """
def op_infer(self, request, blobs):
    if blobs[0].shape[1] == SIZE and log.exists(): os._exit(7)
    log.touch()
    return true(self, request, blobs)
worker.Worker.op_infer = op_infer
"""


class Rack(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a kind of which there are many."""

    host: str


def rack(monkeypatch: pytest.MonkeyPatch, boards: dict[str, str]) -> None:
    """Add a kind whose boards run a worker with changes, by host."""

    def start(name: str, settings: Rack) -> Target:
        return dataclasses.replace(started(name, boards[settings.host]), local_files=False)

    install(
        monkeypatch,
        TargetKind(
            name="rack",
            summary="",
            settings=Rack,
            address="host",
            measures=PREDICTIONS,
            start=start,
        ),
    )


@pytest.fixture
def there(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[dict[str, str]], Run]:
    """A function that returns the run on a target with such boards, in a store of its own."""

    def run(boards: dict[str, str]) -> Run:
        rack(monkeypatch, boards)
        targets = {"use": ["local", "pi"], "pi": {"kind": "rack", "host": list(boards)}}
        return Run(spec(project, targets=targets, store=str(tmp_path / "store"))).elsewhere[0]

    return run


def logs(tmp_path: Path) -> dict[str, Path]:
    return {name: tmp_path / name for name in ("one", "two")}


def test_boards_share_an_evaluation(there: Callable[[dict[str, str]], Run], tmp_path: Path) -> None:
    log = logs(tmp_path)
    run = there({name: NOTES.format(log=str(path)) + COUNTS for name, path in log.items()})
    predictions = run.variant("net/same@pi").predictions
    assert all(len(path.read_text()) > 2 for path in log.values()), "both took portions"
    ran = [len(path.read_text()) for path in log.values()]
    # Baseline and variant on each photograph once, and the two tiny models of each check.
    assert sum(ran) == 2 * EVALUATION + 2 * 2
    held = [
        msgspec.json.decode(path.read_bytes(), type=HeldMemory)
        for path in (tmp_path / "store").glob(f"answers*/**/{HELD}")
    ]
    assert len({memory.load for memory in held if memory.samples}) <= 2, "of the first board alone"
    assert any(not memory.samples for memory in held)
    here = run.here.variant("net/same").predictions
    np.testing.assert_array_equal(predictions.scores[:, :], here.scores[:, :])
    assert run.idle_boards() == {}


@pytest.mark.parametrize("dying", ["one", "two"])
def test_a_board_that_fails_costs_its_portion_a_retry_elsewhere(
    there: Callable[[dict[str, str]], Run], tmp_path: Path, dying: str
) -> None:
    dies = NOTES.format(log=str(tmp_path / "log")) + DIES.replace("SIZE", "4")
    run = there({name: dies if name == dying else "" for name in ("one", "two")})
    predictions = run.variant("net/same@pi").predictions
    here = run.here.variant("net/same").predictions
    np.testing.assert_array_equal(predictions.scores[:, :], here.scores[:, :])
    (reason,) = run.idle_boards().values()
    assert reason.startswith("the worker ended with exit code 7")


def test_a_model_that_ends_every_worker_is_its_own_fault(
    there: Callable[[dict[str, str]], Run], tmp_path: Path
) -> None:
    dies = NOTES.format(log=str(tmp_path / "log")) + DIES.replace("SIZE", "4")
    run = there({"one": dies, "two": dies})
    with pytest.raises(WorkerError, match="exit code 7"):
        run.variant("net/same@pi").evaluate_all()
    assert run.idle_boards() == {}


def test_a_board_that_is_not_like_the_first_is_left_out(
    there: Callable[[dict[str, str]], Run], tmp_path: Path
) -> None:
    log = logs(tmp_path)["two"]
    unlike = NOTES.format(log=str(log)) + COUNTS + "\nworker.cpuinfo = lambda: 'Model: another'"
    run = there({"one": "", "two": unlike, "three": "os._exit(3)"})
    run.variant("net/same@pi").evaluate_all()
    assert len(log.read_text()) == 2, "it ran the check alone"
    reasons = run.idle_boards()
    assert "processor: another, not " in reasons["two"]
    assert "exit code 3" in reasons["three"]


def test_an_image_that_can_not_be_decoded_is_said_at_once(
    there: Callable[[dict[str, str]], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = there({"one": "", "two": ""})
    variant = run.variant("net/same@pi")
    photographs = variant.photographs

    def pieces(_: object) -> object:
        raise ImageError("can't be decoded", where="0.png")

    variant.readout  # noqa: B018 - looks at pixels, too
    monkeypatch.setattr(photographs, "pieces", pieces)
    with pytest.raises(ImageError, match="can't be decoded"):
        variant.evaluate_all()
