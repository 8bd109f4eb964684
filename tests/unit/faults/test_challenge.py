"""The challenge end to end, on a small network and generated photographs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edgeq.config.load import spec_sha256
from edgeq.errors import SpecError
from edgeq.faults import fault as catalogue
from edgeq.faults.challenge import challenge, judged
from edgeq.faults.fault import Fault, Faulty, new_fault
from edgeq.faults.good import Good
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.record.challenge import Challenge, FaultAnswer
from edgeq.registry import Registry
from tests.unit.faults import project

TRIED = (
    "layer_zeroed",
    "range_0_255",
    "range_minus_1_1",
    "cut_short",
    "unquantized",
    "classes_permuted",
    "evaluation_labels_shifted",
    "crash_at_invoke",
    "more_memory",
    "memory_grows",
    "more_partitions",
    "renamed_tensors",
    "other_metadata",
)


@pytest.fixture(scope="module")
def found(root: Path) -> Challenge:
    return challenge(project.spec(root), names=TRIED)


def by_name(found: Challenge) -> dict[str, FaultAnswer]:
    return {one.name: one for one in found.faults}


def test_faults_are_caught_by_the_gates_that_look_at_them(found: Challenge) -> None:
    caught = {one.name: one.caught_by for one in found.faults if one.verdict == "caught"}
    assert "worst_cosine" in caught["layer_zeroed"]
    assert "worst_cosine" in caught["range_0_255"]
    assert "top1_agreement" in caught["classes_permuted"]
    assert "made" in caught["cut_short"]
    assert "types" in caught["unquantized"]
    assert "outputs" in caught["crash_at_invoke"]
    assert caught["more_memory"] == ("max_peak_memory",)
    assert caught["memory_grows"] == ("steady_memory",)
    assert "max_partitions" in caught["more_partitions"]


def test_gates_of_other_tasks_are_not_asked(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has yet to be exported may be a detector, so that its cases are declared, too."""
    monkeypatch.setattr("edgeq.pipeline.plan._may_apply", lambda *_: True)
    good = project.good(root, "float16", default_gates=True)
    declared = {case.gate.name for case in good.variant.run.cases}
    fault = catalogue.faults().get("layer_zeroed")
    asked = {one.gate for one in judged(Faulty(content=good.content), fault, good).records}
    assert "top1_agreement" in asked & declared
    assert "box_recall" in declared - asked


def test_a_fault_that_no_gate_sees_is_missed_and_says_what_would_see_it(found: Challenge) -> None:
    missed = by_name(found)["evaluation_labels_shifted"]
    assert missed.verdict in {"missed", "INCONCLUSIVE"}
    assert missed.caught_by == ()
    assert "baseline's own accuracy" in missed.note


def test_what_can_not_happen_here_is_said_and_not_counted(found: Challenge) -> None:
    inapplicable = by_name(found)["range_minus_1_1"]
    assert inapplicable.verdict == "not applicable"
    assert "the range that the variant takes" in inapplicable.note
    assert found.score == round(9 / 10, 4)


def test_who_caught_a_fault_and_whether_predictions_show_it_are_said(found: Challenge) -> None:
    told = by_name(found)
    assert "weights" in told["layer_zeroed"].proofs
    assert set(told["layer_zeroed"].proofs) <= set(told["layer_zeroed"].caught_by)
    assert told["layer_zeroed"].visible is True
    assert told["evaluation_labels_shifted"].visible is True
    assert told["more_memory"].visible is None
    assert told["more_memory"].proofs == ()
    assert found.shares is not None


def one_row(good: Good) -> Faulty:
    """The bias of one class that no image is near to is another one."""
    graph = good.graph()
    layer = graph.layers()[-1]
    never = set(range(project.CLASSES)) - set(good.variant.baseline.predictions.predicted.tolist())
    values = graph.values(layer.bias or 0)
    values[min(never)] -= 40
    return Faulty(content=graph.patched(), where=graph.name(layer.weights))


def test_a_fault_that_no_prediction_shows_is_for_the_proofs(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, new_fault(one_row, "one_row", "bias", "low", "damaged_tensor"))
    (told,) = challenge(project.spec(root)).faults
    assert told.verdict == "caught"
    assert told.caught_by == told.proofs == ("weights",)
    assert told.visible is False
    assert told.counted
    assert told.where
    assert told.cause_named


def test_a_plain_statement_about_an_invisible_fault_is_not_a_wrong_cause(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, new_fault(one_row, "one_row", "bias", "low", "damaged_tensor"))

    def plain(variant: VariantUnderTest) -> str:
        del variant
        return "stored_weights"

    (told,) = challenge(project.spec(root), diagnose=plain).faults
    assert told.cause_found == "stored_weights"
    assert told.cause_named is None


def test_controls_pass(found: Challenge) -> None:
    assert {one.name for one in found.controls} == {"renamed_tensors", "other_metadata"}
    assert not found.alarms


def test_the_json_is_what_is_promised(found: Challenge, root: Path) -> None:
    told = msgspec.json.decode(msgspec.json.encode(found))
    assert told["schema"] == "edgeq.challenge/1"
    assert told["spec_sha256"] == spec_sha256(project.spec(root))
    assert told["started"].endswith("+00:00")
    assert not told["complete"]
    assert told["model"] == "net"
    assert told["score"] == found.score
    assert {"name", "place", "severity", "verdict", "caught_by", "cause_named"} <= set(
        told["faults"][0]
    )
    assert {"name", "verdict"} <= set(told["controls"][0])


def test_a_gate_that_is_missing_is_named(root: Path) -> None:
    gates = {name: limit for name, limit in project.GATES.items() if name != "max_peak_memory"}
    found = challenge(project.spec(root, gates=gates), names=("more_memory",))
    (answer,) = found.faults
    assert answer.caught_by == ()
    assert answer.note == "a limit of max_peak_memory: the spec has none"
    assert answer.verdict != "caught"


def test_another_variant_can_be_asked_for(root: Path) -> None:
    found = challenge(
        project.spec(root, methods=["int8", "float16"]), variant="float16", names=("layer_zeroed",)
    )
    assert [one.variant for one in found.faults] == ["float16"]


def test_a_ready_made_variant_can_be_made_faulty(root: Path, good: Good) -> None:
    (root / "vendor.tflite").write_bytes(good.content)
    ready = {"vendor": {"model": "net", "file": "vendor.tflite", "method": "int8"}}
    found = challenge(
        project.spec(root, methods=[], variants=ready),
        names=("layer_zeroed", "calibrated_on_noise"),
    )
    verdicts = {one.name: one.verdict for one in found.faults}
    assert verdicts == {"layer_zeroed": "caught", "calibrated_on_noise": "not applicable"}


def test_without_a_good_variant_there_is_nothing_to_challenge(root: Path) -> None:
    gates = {**project.GATES, "max_bytes": 1000}
    with pytest.raises(SpecError, match=r"no variant of 'net' passes.*max_bytes"):
        challenge(project.spec(root, gates=gates), names=("layer_zeroed",))


@pytest.mark.parametrize(
    ("asked", "what"),
    [
        ({"names": ("layer_zero",)}, "unknown fault 'layer_zero'"),
        ({"models": ("nett",)}, "unknown model 'nett'"),
        ({"variant": "int4"}, "unknown variant 'net/int4'"),
    ],
)
def test_unknown_names_are_refused(root: Path, asked: dict[str, object], what: str) -> None:
    with pytest.raises(SpecError, match=what):
        challenge(project.spec(root), **asked)  # type: ignore[arg-type]


def test_a_diagnosis_is_compared_with_the_fault(root: Path) -> None:
    asked = []

    def diagnose(variant: VariantUnderTest) -> str:
        asked.append((variant.short_name, variant.agreement.images))
        return "input_range"

    found = challenge(
        project.spec(root), names=("layer_zeroed", "range_0_255", "more_memory"), diagnose=diagnose
    )
    assert [one.cause_named for one in found.faults] == [False, True, False]
    assert asked[:2] == [("layer_zeroed", 12), ("range_0_255", 12)]


def test_single_wrong_ranges_are_told_from_others_and_from_all_of_them(root: Path) -> None:
    gates = {**project.GATES, "worst_cosine": 0.97}
    wanted = {
        "input_scale": "input_range",
        "activation_scale_tiny": "saturated_activations",
        "ranges_cut": "saturated_activations",
    }
    found = challenge(project.spec(root, gates=gates), names=tuple(wanted))
    assert {one.name: one.cause_found for one in found.faults} == wanted


def test_a_hang_is_seen_soon_and_an_overlap_by_its_proof(root: Path) -> None:
    keys = {"run": {"timeout_s": 3.0}}
    found = challenge(project.spec(root, **keys), names=("hang", "calibrated_on_evaluation"))
    overlap, hung = sorted(found.faults, key=lambda one: one.name)
    assert "outputs" in hung.caught_by
    assert "calibration_disjoint" in overlap.caught_by
    assert [one.cause_found for one in (hung, overlap)] == ["hang", "overlap"]


def failing(good: Good) -> bytes:
    """Fails while it is made."""
    raise ValueError(good.variant.name)


def unchanged(good: Good) -> bytes:
    """Changes nothing."""
    return good.content


def returning(good: Good) -> int:
    """Returns no fault."""
    return len(good.content)


def only(monkeypatch: pytest.MonkeyPatch, one: Fault) -> None:
    registry = Registry("fault", [(one.name, one)])
    monkeypatch.setattr("edgeq.faults.challenge.catalogue", lambda: registry)
    assert one.name not in catalogue.faults()


def leaving(_: Good) -> bytes:
    """Ends the process, or tries to."""
    sys.exit("not today")


@pytest.mark.parametrize(
    ("function", "said"), [(failing, "ValueError: net/int8"), (leaving, "SystemExit: not today")]
)
def test_a_fault_that_fails_is_named_and_stops_no_other(
    root: Path, monkeypatch: pytest.MonkeyPatch, function: Callable[[Good], bytes], said: str
) -> None:
    only(monkeypatch, new_fault(function, "failing", "file", "low", "other"))
    found = challenge(project.spec(root))
    (answer,) = found.faults
    assert answer.verdict == "broken"
    assert answer.note == f"its function failed: {said}"
    assert found.score is None
    assert found.of("broken") == found.faults


def test_a_fault_that_returns_something_else_is_named(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong: Any = returning
    only(monkeypatch, new_fault(wrong, "returning", "control", "low", "other"))
    (answer,) = challenge(project.spec(root)).controls
    assert answer.verdict == "broken"
    assert answer.note == "its function failed: TypeError: returned int, not bytes or Faulty"


def test_a_fault_that_changes_nothing_does_not_count(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, new_fault(unchanged, "unchanged", "file", "low", "other"))
    found = challenge(project.spec(root))
    assert [one.verdict for one in found.faults] == ["not applicable"]
    assert found.score is None
    assert found.passed


def test_a_variant_with_samples_of_its_own_is_challenged_on_them(root: Path) -> None:
    for path in (root / "evaluation").rglob("*.png"):
        target = root / "camera" / path.relative_to(root / "evaluation")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    board = {"model": "net", "method": "int8", "evaluation": "camera"}
    spec = project.spec(root, methods=[], variants={"board": board})
    found = challenge(spec, names=["layer_zeroed", "renamed_tensors"])
    (zeroed,) = found.faults
    assert zeroed.variant == "board"
    assert zeroed.verdict == "caught"
    assert "worst_cosine" in zeroed.caught_by
    assert not found.alarms
