from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from edgeq.config.gates import GATES
from edgeq.diagnosis.bench import Bench
from edgeq.diagnosis.cause import Cause
from edgeq.diagnosis.explaining import HYPOTHESES, Hypothesis, cause_of, diagnose, explained
from edgeq.diagnosis.labels import renamed_answers
from edgeq.errors import ModelError
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.measure.predictions import make_answers
from edgeq.pipeline.plan import Case
from edgeq.pipeline.run import Run
from edgeq.record.structs import CaseRecord
from edgeq.results.judging import judge, recorded
from tests.unit.diagnosis.failing import BASELINE, BIAS, WEIGHTS, failing_run, with_values


def records(run: Run) -> dict[str, CaseRecord]:
    return {case.gate.name: judge(case)[0] for case in run.cases}


def named(run: Run) -> Cause | None:
    return diagnose(Bench(run.variants[0])).cause


def test_swapped_channels(tmp_path: Path) -> None:
    cause = named(failing_run(tmp_path, preprocessing={"channels": "bgr"}))
    assert cause is not None
    assert cause.name == "channel_order"
    assert cause.evidence["agreement"][1] == 1  # type: ignore[index]


def test_the_next_step_is_that_of_the_cause(tmp_path: Path) -> None:
    found = records(failing_run(tmp_path, preprocessing={"channels": "bgr"}))
    assert found["worst_cosine"].status is Verdict.FAIL
    assert "`preprocessing.channels`" in str(found["worst_cosine"].next_step)


@pytest.mark.parametrize("std", [255.0, 127.5, 65025.0])
def test_another_range(tmp_path: Path, std: float) -> None:
    mean = 127.5 if std == 127.5 else 0.0
    how: dict[str, object] = {"mean": [mean] * 3, "std": [std] * 3}
    cause = named(failing_run(tmp_path, preprocessing=how))
    assert cause is not None
    assert cause.name == "input_range"


@pytest.mark.parametrize("offset", [1, -1])
def test_classes_off_by_one(tmp_path: Path, offset: int) -> None:
    content = with_values(np.roll(WEIGHTS, offset, 0), np.roll(BIAS, offset))
    cause = named(failing_run(tmp_path, content))
    assert cause is not None
    assert cause.name == "label_offset"
    assert cause.evidence["offset"] == offset


def test_classes_in_another_order(tmp_path: Path) -> None:
    order = [3, 0, 6, 1, 5, 2, 4]
    cause = named(failing_run(tmp_path, with_values(WEIGHTS[order], BIAS[order])))
    assert cause is not None
    assert cause.name == "label_order"


@pytest.mark.parametrize("classes", [2, 5])
def test_classes_renamed_by_another_layer(classes: int) -> None:
    ours = np.random.default_rng(0).integers(0, classes, 60)
    order = np.roll(np.arange(classes), 1)
    order[2:4] = order[2:4][::-1]  # no mere offset
    assert _renamed(ours, order[ours], classes) == "label_order"


def test_an_answer_that_is_always_the_same_has_no_other_names() -> None:
    ours = (np.arange(60) % 10 == 0).astype(np.int64)
    assert _renamed(ours, np.ones_like(ours), 2) is None


def _renamed(ours: np.ndarray, theirs: np.ndarray, classes: int) -> str | None:
    made = [
        make_answers(np.eye(classes, dtype=np.float32)[p], None, is_probability=False)
        for p in (ours, theirs)
    ]
    bench = SimpleNamespace(
        variant=SimpleNamespace(baseline=SimpleNamespace(predictions=made[0]), detects=False),
        predictions=made[1],
        images=SimpleNamespace(groups=lambda: tuple(range(len(ours)))),
    )
    found = renamed_answers(cast("Bench", bench))
    return None if found is None else found.name


@pytest.mark.parametrize(
    ("weights", "bias", "change"),
    [
        (0 * WEIGHTS, BIAS, "zeroed"),
        (-WEIGHTS, BIAS, "negated"),
        (WEIGHTS / 2, BIAS, "scaled"),
        (WEIGHTS, 0 * BIAS, "zeroed"),
    ],
)
def test_a_damaged_tensor_is_named(
    tmp_path: Path, weights: np.ndarray, bias: np.ndarray, change: str
) -> None:
    cause = named(failing_run(tmp_path, with_values(weights, bias)))
    assert cause is not None
    assert cause.name == "damaged_tensor"
    assert cause.evidence["change"] == change
    assert cause.sentence.startswith("the biases" if weights is WEIGHTS else "the weights")


def test_foreign_weights(tmp_path: Path) -> None:
    other = np.random.default_rng(3).normal(0, 0.01, WEIGHTS.shape)
    cause = named(failing_run(tmp_path, with_values(other)))
    assert cause is not None
    assert cause.name == "wrong_checkpoint"


def test_weights_that_differ_a_little_are_named_with_how_much(tmp_path: Path) -> None:
    noise = 1 + np.random.default_rng(1).normal(0, 0.05, WEIGHTS.shape)
    run = failing_run(tmp_path, with_values(WEIGHTS * noise))
    assert Bench(run.variants[0]).predictions is not None
    cause = named(run)
    assert cause is not None
    assert cause.name == "damaged_tensor"
    assert "differ from the baseline's by 2.9 %" in cause.sentence
    assert cause.next_step is not None
    assert "sha256" not in cause.next_step


def test_no_cause_is_named_if_the_file_holds_the_baselines_weights(tmp_path: Path) -> None:
    assert named(failing_run(tmp_path)) is None


def test_a_failed_case_says_its_probable_cause_once_per_variant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = failing_run(tmp_path, with_values(-WEIGHTS))
    tried: list[Bench] = []

    def hold(bench: Bench) -> Cause | None:
        tried.append(bench)
        return Cause("x", "it is x", {"a": 1})

    monkeypatch.setattr(HYPOTHESES, "_entries", {"one": Hypothesis("file", hold)})
    found = records(run)
    failed = [found["top1_agreement"], found["worst_cosine"]]
    assert [record.status for record in failed] == [Verdict.FAIL] * 2
    assert {record.cause for record in failed} == {"probable cause: it is x"}
    assert found["worst_cosine"].evidence["cause"] == {"name": "x", "a": 1}
    assert len(tried) == 1
    assert found["made"].cause is None
    assert cause_of(tuple(found.values())) == "x"


def unfitting(run: Run) -> tuple[Case, CaseRecord]:
    case = dataclasses.replace(run.cases[0], gate=GATES.get("input_range"))
    bad = Judgement(status=Verdict.FAIL, reason="holds other values", next_step="calibrate")
    return case, recorded(case, bad)


def test_an_input_that_does_not_fit_is_traced_to_the_range_that_does(tmp_path: Path) -> None:
    run = failing_run(tmp_path, preprocessing={"std": [255.0, 255.0, 255.0]})
    case, bad = unfitting(run)
    found = explained(case, bad)
    assert found.cause is not None
    assert "with the baseline's input range the variant agrees on 100 %" in found.cause
    assert cause_of([found]) == cause_of([bad]) == "input_range"


def test_an_input_that_no_other_values_help_has_no_further_cause(tmp_path: Path) -> None:
    run = failing_run(tmp_path, preprocessing={"filter": "bilinear"})
    assert explained(*unfitting(run)).cause is None


def test_an_input_in_another_order_has_that_cause(tmp_path: Path) -> None:
    cause = explained(*unfitting(failing_run(tmp_path, preprocessing={"channels": "bgr"}))).cause
    assert cause is not None
    assert cause.startswith("probable cause: the order of the channels: with red and blue swapped")


def test_nothing_is_diagnosed_where_all_passes(tmp_path: Path) -> None:
    run = failing_run(tmp_path, BASELINE)
    found = records(run)
    assert found["top1_agreement"].cause is None
    assert run.variants[0].diagnoses.done("") is None


def test_an_experiment_that_fails_is_noted_and_changes_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Bench) -> Cause | None:
        raise ModelError("can't be read")

    def stumble(_: Bench) -> Cause | None:
        raise IndexError("off")

    broken = {"first": Hypothesis("file", refuse), "second": Hypothesis("file", stumble)}
    monkeypatch.setattr(HYPOTHESES, "_entries", broken)
    record = records(failing_run(tmp_path, with_values(-WEIGHTS)))["top1_agreement"]
    assert record.status is Verdict.FAIL
    assert record.cause is None
    assert record.evidence["diagnosis"] == ["first: can't be read", "second: IndexError: off"]


def test_a_cut_file_is_named_damaged(tmp_path: Path) -> None:
    found = records(failing_run(tmp_path, BASELINE[:200]))
    assert found["made"].evidence["cause"] == {
        "name": "damaged_file",
        "error": found["made"].evidence["cause"]["error"],  # type: ignore[call-overload, index]
    }


def test_labels_that_are_off_are_named_although_both_models_lose(tmp_path: Path) -> None:
    how: dict[str, object] = {"mean": [1.0] * 3, "std": [1.01] * 3}
    record = records(failing_run(tmp_path, preprocessing=how, offset=1))["accuracy_drop"]
    assert record.status is Verdict.FAIL
    assert "right on 0 of 20 images" in record.reason
    assert record.evidence["cause"]["name"] == "label_offset"  # type: ignore[call-overload, index]
