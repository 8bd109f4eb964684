from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from edgeq.cli import main
from edgeq.errors import WorkerError
from edgeq.judge.verdict import Verdict
from edgeq.pipeline.execution import Executor
from edgeq.pipeline.run import Run
from edgeq.results.elsewhere import Elsewhere, judge_elsewhere
from edgeq.run.targets import Target, local_target
from tests.unit.pipeline.project import spec

FAR = dataclasses.replace(local_target(), name="far", local_files=False)
GATES = {"top1_agreement": 0.5, "accuracy_drop": 1, "max_bytes": "1 MB"}


def lying(name: str, change: str) -> Target:
    """Return a target whose worker changes its outputs."""
    code = (
        "import os; from edgeq.run import worker\n"
        "true = worker.Model.answers\n"
        f"worker.Model.answers = lambda model: [{change} for values in true(model)]\n"
        "os._exit(worker.main())"
    )
    return Target(name, (sys.executable, "-c", code), local_files=True)


def judged(project: Path, target: Target) -> dict[str, Elsewhere]:
    declared = spec(project, gates=GATES, default_gates=False)
    return {one.name: one for one in judge_elsewhere(declared, target.name, target)}


def test_variants_are_judged_by_their_predictions_there(project: Path) -> None:
    found = judged(project, FAR)
    assert next(iter(found)) == "net/baseline@far"
    baseline, same = found["net/baseline@far"], found["net/same@far"]
    assert baseline.is_baseline
    assert baseline.cases == ()
    assert {case.id for case in same.cases} == {
        "net/same/top1_agreement@far",
        "net/same/accuracy_drop@far",
    }
    assert {case.status for case in same.cases} == {Verdict.INCONCLUSIVE}, "the net is untrained"
    for one in (baseline, same):
        assert one.beside_here is not None
        assert (one.beside_here.differing, one.moved) == (0, 0)


def test_a_variant_that_does_not_run_there_costs_its_own_verdicts(project: Path) -> None:
    cut = judged(project, FAR)["net/cut@far"]
    assert (cut.beside_here, cut.moved) == (None, None)
    assert {case.status for case in cut.cases} <= {Verdict.FAIL, Verdict.MISSING}


def test_a_target_with_other_outputs_is_seen_beside_this_machine(project: Path) -> None:
    """Baseline and variant agree there, and both are wrong."""
    found = judged(project, lying("mirror", "values[..., ::-1].copy()"))
    assert {case.status for case in found["net/same@mirror"].cases} == {Verdict.INCONCLUSIVE}
    baseline = found["net/baseline@mirror"]
    assert baseline.beside_here is not None
    assert baseline.beside_here.differing
    assert baseline.moved


def test_small_differences_are_measured(project: Path) -> None:
    same = judged(project, lying("close", "values + values.dtype.type(0.001)"))["net/same@close"]
    assert same.beside_here is not None
    assert same.beside_here.largest == pytest.approx(0.001, rel=0.01)
    assert same.moved == 0


def test_a_target_that_can_not_be_reached_is_one_error(project: Path) -> None:
    with pytest.raises(WorkerError, match="exit code 3"):
        judged(project, Target("dead", (sys.executable, "-c", "raise SystemExit(3)")))


def test_predictions_are_kept_under_the_targets_facts(project: Path) -> None:
    declared = spec(project, gates=GATES)
    here, there = Run(declared), Run(declared, target=FAR)
    addresses = {
        run.executor.kept_answers(run.variant("net/same")).address for run in (here, there)
    }
    assert len(addresses) == 2
    runtime = there.executor.runtime
    assert runtime["processor"]
    assert runtime["ai-edge-litert"] == here.executor.runtime["ai-edge-litert"]


def test_another_processor_of_the_same_name_has_predictions_of_its_own(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = spec(project, gates=GATES)
    addresses = set()
    for processor in ("old", "new"):
        run = Run(declared, target=FAR)
        runtime = {"ai-edge-litert": "2.3.0", "architecture": "aarch64", "processor": processor}
        monkeypatch.setattr(Executor, "runtime", runtime)
        addresses.add(run.executor.kept_answers(run.variant("net/same")).address)
    assert len(addresses) == 2


def test_the_command_says_it_and_fails_with_a_variant(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (
        'default_gates = false\nmethods = []\n[models.net]\nsource = "net.tflite"\n'
        'labels = "labels.txt"\npreprocessing = "keras-0-255"\n'
        '[images]\nevaluation = "evaluation"\n[gates]\nrelative_error = 0.5\n'
        '[variants.VARIANT]\nmodel = "net"\nfile = "VARIANT.tflite"\n'
    )
    monkeypatch.chdir(project)
    for name, code in (("same", 0), ("other", 1)):
        file = project / f"{name}.toml"
        file.write_text(text.replace("VARIANT", name), "utf-8")
        command = ["target", "check", "local", "--variants", "--config", str(file)]
        assert main(command) == code
        out = capsys.readouterr().out
        assert f"net/{name}@local\n  outputs the same as here, bit by bit" in out
        assert "every sample has the same class" in out
        verdict = "INCONCLUSIVE" if code == 0 else "FAIL"  # the net is untrained
        assert f"  {verdict:<13}relative_error: " in out
