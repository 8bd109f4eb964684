from __future__ import annotations

from typing import Any

import msgspec

from edgeq.record.challenge import ControlAnswer, FaultAnswer, summed
from edgeq.record.structs import RunRecord
from edgeq.report import html
from edgeq.report.strength import strength
from tests.unit.report import records
from tests.unit.report.test_html import Page


def fault(name: str, verdict: Any, **given: Any) -> FaultAnswer:
    about = {"model": "net", "variant": "int8", "place": "weights", "severity": "high"} | given
    return FaultAnswer(name=name, verdict=verdict, **about)


def challenged(**given: Any) -> RunRecord:
    record = records.full_record()
    found = summed(
        (
            fault("zeroed", "caught", caught_by=("outputs", "types"), cause_named=True),
            fault("noisy", "caught", caught_by=("outputs",), cause_named=False),
            fault("shifted", "missed", place="labels", note="accuracy_drop would"),
            fault("odd", "INCONCLUSIVE", place="labels"),
            fault("absent", "not applicable"),
        ),
        (
            ControlAnswer(model="net", variant="int8", name="renamed", verdict="PASS"),
            ControlAnswer(model="net", variant="int8", name="padded", verdict="FAIL", note="why"),
        ),
        **{"spec_sha256": record.spec_sha256, "complete": True} | given,
    )
    return msgspec.structs.replace(record, challenge=found)


def test_no_challenge_no_section() -> None:
    assert strength(records.full_record()) is None
    assert "Strength of the gate" not in html.render(records.full_record())


def test_the_score_the_places_and_what_is_open() -> None:
    found = strength(challenged())
    assert found is not None
    assert found.summary == (
        "The gate caught 2 of 4 applicable faults (50.0\u00a0%); named the cause of 1 of 2; "
        "1 of 2 harmless changes stopped"
    )
    assert [(one.name, one.text) for one in found.places] == [
        ("weights", "2 of 2"),
        ("labels", "0 of 2"),
    ]
    assert [one.name for one in found.open] == ["shifted", "odd", "padded"]
    assert found.notes == ()
    assert found.mark.word == "weak"


def test_what_predictions_show_is_a_column_and_what_does_not_count_is_not_open() -> None:
    faults = (
        fault("seen", "caught", caught_by=("types",), proofs=("types",), visible=True),
        fault("hidden", "missed", place="preprocessing", visible=False),
    )
    record = msgspec.structs.replace(records.full_record(), challenge=summed(faults, ()))
    found = strength(record)
    assert found is not None
    assert [one.seen for one in found.faults] == ["yes", "no"]
    assert found.open == ()
    assert found.mark.word == "strong"
    assert "Caught by proofs alone: 1; by gates with a limit alone: 0; by both: 0" in found.notes
    text = Page(html.render(record)).text
    assert "Visible in predictions" in text
    assert "no prediction shows them and no proof can see them: hidden" in text


def test_another_spec_or_a_part_is_said() -> None:
    found = strength(challenged(spec_sha256="00", complete=False, started="2026-01-01T00:00:00Z"))
    assert found is not None
    assert [note.split()[0] for note in found.notes] == ["Another", "Only", "Challenged"]


def test_the_page_shows_it() -> None:
    text = Page(html.render(challenged())).text
    for needle in ("Strength of the gate", "accuracy_drop would", "outputs, types", "false alarm"):
        assert needle in text


def test_faults_that_are_set_aside_are_said_once() -> None:
    note = "its predictions are not judged: there are no evaluation images"
    faults = tuple(fault(name, "not applicable", note=note) for name in ("a", "b", "c", "d"))
    record = msgspec.structs.replace(
        records.full_record(), challenge=summed((*faults, fault("e", "caught")), ())
    )
    assert Page(html.render(record)).text.count(note) == 1
    found = strength(record)
    assert found is not None
    assert f"Not applicable to net, so not counted: 4 faults, because {note}" in found.notes
    assert found.summary.startswith("The gate caught 1 of 1 applicable fault")
