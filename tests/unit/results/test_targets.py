"""Variants on several targets: which cases there are, and what each target's answers rest on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import edgeq
from edgeq.config.load import parse
from edgeq.config.methods import choose
from edgeq.config.target_kinds import TargetKind
from edgeq.history.snapshot import of_case, of_record
from edgeq.judge.verdict import ShipDecision, Verdict
from edgeq.pipeline.run import Run
from edgeq.record.provenance import Machine
from edgeq.record.structs import RunRecord
from edgeq.results.recording import describe_variant, toolchain_of
from edgeq.targets.findings import Findings
from tests.plugin.projects import CLASSES, GATES, SIZE, save_photographs
from tests.unit import tiny_model
from tests.unit.targets.kinds import (
    EVERYTHING,
    dead,
    dropping,
    far,
    install,
    kind,
    lying,
    vanishing,
)

NUDGED = "values[..., ::-1].copy() if values.shape[-1] == 40 else values"
"""Outputs of another order, but for the tiny models that a check runs."""

FILE_GATES = {"size_reduction", "max_bytes", "types", "weights", "ranges"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a baseline that knows its classes, and a variant brought along."""
    root = tmp_path_factory.mktemp("project")
    net = tiny_model.classifier(size=SIZE, classes=CLASSES, seed=1)
    vendor = tiny_model.classifier(size=SIZE, classes=CLASSES, seed=1, io="uint8")
    (root / "net.tflite").write_bytes(net)
    (root / "vendor.tflite").write_bytes(vendor)
    save_photographs(root / "evaluation")
    return root


@pytest.fixture
def judged(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., RunRecord]:
    """Return a function that judges the project's variant on targets of kinds made for tests."""
    install(
        monkeypatch,
        kind("far", far, EVERYTHING),
        kind("near", far),
        kind("dead", dead),
        kind("mirror", lambda name: lying(name, "values[..., ::-1].copy()")),
        kind("shifted", lambda name: lying(name, NUDGED)),
        kind("vanishing", lambda name: vanishing(name, tmp_path / "gone")),
        kind("dropping", lambda name: dropping(name, tmp_path / "gone")),
        kind("npu", dead),
    )

    def judge(*use: str, **gates: float) -> RunRecord:
        spec = parse(_table(use, **gates), root=project, origin=project / "e.toml")
        return edgeq.validate(spec)

    return judge


def _table(use: tuple[str, ...], **more: float) -> dict[str, Any]:
    kinds = ("far", "near", "dead", "mirror", "shifted", "vanishing", "dropping", "npu")
    return {
        "methods": [],
        "default_gates": False,
        "models": {"tiny": {"source": "net.tflite", "preprocessing": {"filter": "bilinear"}}},
        "variants": {"vendor": {"model": "tiny", "file": "vendor.tflite"}},
        "images": {"evaluation": "evaluation"},
        "gates": {**GATES, **more},
        "latency": {"rounds": 16, "block": 2, "warmup": 1},
        "report": {"thumbnails": False},
        "targets": {"use": list(use), **{name: {"kind": name} for name in kinds}},
    }


def _gates(record: RunRecord, variant: str) -> set[str]:
    return {case.gate for case in record.verdicts("tiny", variant)}


def _answers(record: RunRecord) -> dict[str, ShipDecision | None]:
    return {variant.name: variant.answer for variant in record.models[0].variants}


def test_a_variant_has_an_answer_on_each_target(judged: Callable[..., RunRecord]) -> None:
    record = judged("local", "far", "near")
    cleared = ShipDecision.CLEARED
    assert _answers(record) == {
        "vendor": cleared,
        "vendor@far": cleared,
        "vendor@near": cleared,
    }, [case for case in record.cases if case.status is not Verdict.PASS]
    assert record.summary.may_ship
    assert {case.id for case in record.verdicts("tiny", "vendor@far")} >= {
        "tiny/vendor/top1_agreement@far",
        "tiny/vendor/latency_ratio@far",
    }
    assert _gates(record, "vendor") >= FILE_GATES
    assert not _gates(record, "vendor@far") & FILE_GATES, "files are judged once"
    here, there, near = record.models[0].targets
    assert (here.name, there.name, near.name) == ("local", "far", "near")
    assert there.versions["python"]
    assert there.machine.architecture == record.machine.architecture
    assert there.not_applicable == ()
    assert near.not_applicable == ("steady_memory", "latency_ratio", "max_peak_memory")
    assert not _gates(record, "vendor@near") & set(near.not_applicable)
    assert there.baseline is not None
    assert there.baseline.name == "baseline@far"
    slow = next(variant for variant in record.models[0].variants if variant.name == "vendor@far")
    assert slow.latency is not None, "timed beside the baseline there"


def test_without_this_machine_it_judges_files_only(judged: Callable[..., RunRecord]) -> None:
    record = judged("near")
    assert _gates(record, "vendor") <= FILE_GATES
    assert _answers(record) == {
        "vendor": ShipDecision.NOT_JUDGED,
        "vendor@near": ShipDecision.CLEARED,
    }
    assert record.summary.may_ship, "this machine is not among the targets"
    assert record.models[0].baseline.memory is None


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("dead", "ended with exit code 3"),
        ("mirror", "answers of the float32 model are not the known ones"),
        ("vanishing", "ended with exit code 7"),
        ("dropping", "the connection was lost. Check the network there"),
    ],
)
def test_a_target_that_can_not_be_used_is_one_error(
    judged: Callable[..., RunRecord], target: str, reason: str
) -> None:
    record = judged("local", target)
    assert _answers(record) == {
        "vendor": ShipDecision.CLEARED,
        f"vendor@{target}": ShipDecision.REJECTED,
    }
    [error] = record.errors
    assert error.startswith(f"target {target}: ")
    assert reason in error
    cases = record.verdicts("tiny", f"vendor@{target}")
    assert all(case.status is Verdict.MISSING for case in cases if case.gate != "made"), (
        "the model was loaded before one of them vanished"
    )
    assert not record.summary.may_ship
    lost = record.models[0].targets[1]
    assert lost.error is not None
    assert lost.error in error


def test_outputs_are_compared_with_this_machines(judged: Callable[..., RunRecord]) -> None:
    record = judged("local", "near", "shifted", same_as_local=0.0)
    cases = {case.id: case for case in record.cases if case.gate == "same_as_local"}
    assert set(cases) == {
        "tiny/vendor/same_as_local@near",
        "tiny/vendor/same_as_local@shifted",
    }, "there is nothing to compare this machine with"
    same, other = cases.values()
    assert (same.status, same.value) == (Verdict.PASS, 0.0)
    assert same.reason.startswith("the same as here, bit by bit (")
    assert other.status is Verdict.FAIL
    assert "the baseline itself gives" in other.reason
    agreement = next(c for c in record.cases if c.id == "tiny/vendor/top1_agreement@shifted")
    assert agreement.status is not Verdict.FAIL, "baseline and variant are wrong alike"
    assert _answers(record)["vendor@shifted"] is ShipDecision.REJECTED
    assert not record.summary.may_ship


@pytest.mark.parametrize(
    ("findings", "answer", "statuses"),
    [
        (
            Findings(("3 of 4",), figures={"npu_operators": 0.75, "npu_ms": 2.0}),
            ShipDecision.NOT_JUDGED,
            (Verdict.PASS, Verdict.PASS, Verdict.PASS),
        ),
        (
            Findings(("0 of 4",), ("no operator runs there",), {"npu_operators": 0.0}),
            ShipDecision.REJECTED,
            (Verdict.FAIL, Verdict.FAIL, Verdict.FAIL),
        ),
    ],
)
def test_a_target_that_only_examines_can_reject_but_not_clear(
    judged: Callable[..., RunRecord],
    monkeypatch: pytest.MonkeyPatch,
    findings: Findings,
    answer: ShipDecision,
    statuses: tuple[Verdict, ...],
) -> None:
    install(
        monkeypatch,
        TargetKind(
            name="npu",
            summary="an NPU",
            measures=frozenset({"placement", "npu_operators", "npu_ms"}),
            estimates=True,
            examine=lambda *_: findings,
        ),
    )
    record = judged("local", "npu", npu_operators=0.5, max_npu_ms=3.0)
    cases = record.verdicts("tiny", "vendor@npu")
    assert [case.gate for case in cases] == ["placement", "npu_operators", "max_npu_ms"]
    assert tuple(case.status for case in cases) == statuses, cases
    assert _answers(record) == {"vendor": ShipDecision.CLEARED, "vendor@npu": answer}
    assert record.summary.may_ship is (answer is not ShipDecision.REJECTED)
    assert "top1_agreement" in record.models[0].targets[1].not_applicable


def test_predictions_are_kept_under_the_targets_facts(project: Path, judged: object) -> None:
    run = Run(parse(_table(("local", "far")), root=project, origin=project / "e.toml"))
    addresses = {
        each.run.executor.kept_answers(each).address
        for each in map(run.variant, ("tiny/vendor", "tiny/vendor@far"))
    }
    assert len(addresses) == 2
    assert run.variant("tiny/vendor@far").sha256 == run.variant("tiny/vendor").sha256


def test_a_case_is_compared_under_the_conditions_of_its_target(
    project: Path, judged: Callable[..., RunRecord]
) -> None:
    """While the run is in progress as at its end."""
    record = judged("local", "near")
    run = Run(parse(_table(("local", "near")), root=project, origin=project / "e.toml"))
    variant = run.variant("tiny/vendor@near")
    variant.accuracy, variant.run.reach()
    case = next(case for case in record.cases if case.id == "tiny/vendor/top1_agreement@near")
    figure = of_case(case, describe_variant(variant), Machine(), toolchain_of(run.spec))
    whole = of_record(record).figures[case.id]
    assert figure.conditions == whole.conditions
    assert figure.conditions.machine.architecture == record.machine.architecture
    assert figure.conditions.baseline_right


def test_outputs_are_compared_with_those_of_the_same_kind_of_kernels(
    project: Path, judged: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, dataclasses.replace(kind("near", far), kernels="builtin"))
    run = Run(parse(_table(("local", "near")), root=project, origin=project / "e.toml"))
    variant = run.variant("tiny/vendor@near")
    sides = {variant: "builtin", variant.alike: "builtin", variant.here: "xnnpack"}
    for side, kernels in sides.items():
        assert side.run.executor.run.kernels == kernels
    assert variant.alike.place.is_here
    assert variant.alike.artifact is variant.here.artifact, "the file is made once"
    assert variant.beside_here.differing == 0
    control = run.elsewhere[0].undeclared("tiny", "own float16", choose("float16"))
    assert control.name == "tiny/own float16@near"
    assert control.here is run.undeclared("tiny", "own float16", choose("float16"))
