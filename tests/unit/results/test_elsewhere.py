from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edgeq.cli import main
from edgeq.errors import TargetError
from edgeq.judge.verdict import Verdict
from edgeq.pipeline.execution import Executor
from edgeq.pipeline.run import Run
from edgeq.results.elsewhere import Elsewhere, judge_elsewhere
from tests.unit.pipeline.project import spec
from tests.unit.targets.kinds import dead, far, install, kind, lying

GATES = {"top1_agreement": 0.5, "accuracy_drop": 1, "max_bytes": "1 MB"}
Judged = Callable[[str], dict[str, Elsewhere]]


@pytest.fixture
def judged(project: Path, monkeypatch: pytest.MonkeyPatch) -> Judged:
    """Return a function that judges the project's variants on a target of some kind."""
    reverse = "values[..., ::-1].copy() if values.shape[-1] == 7 else values"
    more = "values + values.dtype.type(0.001) if values.shape[-1] == 7 else values"
    install(
        monkeypatch,
        kind("far", far),
        kind("dead", dead),
        kind("mirror", lambda name: lying(name, reverse)),
        kind("close", lambda name: lying(name, more)),
    )

    def judge(name: str) -> dict[str, Elsewhere]:
        declared = spec(project, gates=GATES, default_gates=False, targets={name: {"kind": name}})
        return {one.name: one for one in judge_elsewhere(declared, name)}

    return judge


def test_variants_are_judged_by_their_predictions_there(judged: Judged) -> None:
    found = judged("far")
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
        assert one.beside is not None
        assert (one.beside.differing, one.beside.moved) == (0, 0)


def test_a_variant_that_does_not_run_there_costs_its_own_verdicts(judged: Judged) -> None:
    cut = judged("far")["net/cut@far"]
    assert cut.beside is None
    assert {case.status for case in cut.cases} <= {Verdict.FAIL, Verdict.MISSING}


def test_a_target_with_other_outputs_is_seen_beside_this_machine(judged: Judged) -> None:
    """Baseline and variant agree there, and both are wrong."""
    found = judged("mirror")
    assert {case.status for case in found["net/same@mirror"].cases} == {Verdict.INCONCLUSIVE}
    baseline = found["net/baseline@mirror"]
    assert baseline.beside is not None
    assert baseline.beside.differing
    assert baseline.beside.moved


def test_small_differences_are_measured(judged: Judged) -> None:
    baseline = judged("close")["net/baseline@close"]
    assert baseline.beside is not None
    assert baseline.beside.largest == pytest.approx(0.001, rel=0.01)
    assert baseline.beside.moved == 0


def test_a_target_that_can_not_be_reached_is_one_error(judged: Judged) -> None:
    with pytest.raises(TargetError, match="exit code 3"):
        judged("dead")


def test_another_processor_of_the_same_name_has_predictions_of_its_own(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, kind("far", far))
    declared = spec(project, gates=GATES, targets={"use": ["far"], "far": {"kind": "far"}})
    addresses = set()
    for processor in ("old", "new"):
        variant = Run(declared).variant("net/same@far")
        runtime = {"ai-edge-litert": "2.3.0", "architecture": "aarch64", "processor": processor}
        monkeypatch.setattr(Executor, "runtime", runtime)
        addresses.add(variant.run.executor.kept_answers(variant).address)
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
        assert f"net/{name}\n  outputs the same as here, bit by bit" in out
        assert "every sample has the same class" in out
        verdict = "INCONCLUSIVE" if code == 0 else "FAIL"  # the net is untrained
        assert f"  {verdict:<13}relative_error: " in out
