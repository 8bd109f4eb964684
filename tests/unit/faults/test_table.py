"""The table: one line a fault, within the width of a terminal."""

from __future__ import annotations

from typing import Any

from edgeq.faults.fault import faults
from edgeq.faults.table import catalogue, lines
from edgeq.record.challenge import Challenge, ControlAnswer, FaultAnswer, summed

WIDTH = 100


def answer(name: str, verdict: Any, **keys: Any) -> FaultAnswer:
    place = {"model": "net", "variant": "int8", "place": "weights", "severity": "high"}
    return FaultAnswer(name=name, verdict=verdict, **{**place, **keys})


def challenge(control: Any = "PASS", model: str = "net") -> Challenge:
    told = (
        answer("one", "caught", caught_by=("outputs", "top1_agreement"), model=model),
        answer("two", "missed", note="worst_cosine = 0.900 would have caught it " * 4, model=model),
        answer("three", "INCONCLUSIVE", note="about 334 images", model=model),
        answer("four", "not applicable", note="there are no labels", model=model),
    )
    controls = ControlAnswer(
        model=model, variant="int8", name="renamed", verdict=control, note="too slow"
    )
    return summed(told, (controls,))


def test_every_fault_has_a_line_with_its_verdict() -> None:
    text = lines(challenge(), WIDTH)
    (one,) = (line for line in text if line.startswith("one"))
    assert one.split() == ["one", "weights", "high", "caught", "outputs,", "top1_agreement"]
    assert max(map(len, text)) <= WIDTH
    assert any("about 334 images" in line for line in text)
    assert any("there are no labels" in line for line in text)


def test_a_diagnosis_has_a_column() -> None:
    told = tuple(
        answer(name, "caught", caught_by=("outputs",), cause_named=named)
        for name, named in (("one", True), ("two", False), ("three", None))
    )
    text = lines(summed(told, ()), WIDTH)
    assert text[1].split() == ["fault", "place", "severity", "verdict", "cause", "caught", "by"]
    assert [line.split()[4] for line in text[2:5]] == ["yes", "no", "-"]


def test_what_predictions_show_has_a_column_and_what_does_not_count_is_said_once() -> None:
    told = (
        answer("one", "caught", caught_by=("types",), proofs=("types",), visible=True),
        answer("two", "missed", visible=False, place="preprocessing"),
    )
    text = lines(summed(told, ()), WIDTH)
    assert text[1].split() == ["fault", "place", "severity", "verdict", "seen", "caught", "by"]
    assert [line.split()[4] for line in text[2:4]] == ["yes", "no"]
    joined = " ".join(" ".join(text).split())
    assert "no prediction shows them and no proof can see them: two." in joined
    assert "Missed, and what would have caught it" not in joined
    assert text[-1].startswith("Mutation score 100")


def test_the_score_counts_what_is_applicable() -> None:
    found = challenge()
    assert found.score == round(1 / 3, 4)
    assert lines(found, WIDTH)[-1].startswith("Mutation score 33.3 %: 1 of 3 applicable")
    assert not found.passed


def test_a_control_that_fails_is_a_false_alarm() -> None:
    found = challenge("FAIL")
    assert found.alarms
    assert any("False alarm: renamed: too slow" in line for line in lines(found, WIDTH))


def test_an_undecided_control_says_what_would_decide_and_not_what_would_catch_it() -> None:
    text = lines(challenge("INCONCLUSIVE"), WIDTH)
    place = text.index("INCONCLUSIVE controls, and what would decide:")
    assert text[place + 1].strip() == "renamed: too slow"
    assert sum("renamed: too slow" in line for line in text) == 1


def test_models_have_tables_of_their_own() -> None:
    first, second = challenge(), challenge(model="other")
    both = summed(first.faults + second.faults, first.controls + second.controls)
    text = lines(both, WIDTH)
    assert "net: faults in int8" in text
    assert "other: faults in int8" in text
    assert both.model == "net, other"


def test_controls_alone_have_no_score() -> None:
    found = summed((), challenge().controls)
    assert found.score is None
    assert found.passed
    assert "Mutation score none" in lines(found, WIDTH)[-1]


def test_the_catalogue_fits() -> None:
    every = tuple(one for _, one in faults())
    text = catalogue(every, WIDTH)
    assert max(map(len, text)) <= WIDTH
    told = " ".join(" ".join(text).split())
    assert all(one.summary in told for one in every)
