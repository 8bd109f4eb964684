from __future__ import annotations

from typing import Any

import msgspec

from edgeq.record.repair import MixRecord, PointRecord, Repair, TriedRecord, UnitRecord
from edgeq.report import html
from edgeq.report.repair_view import BOTTOM, LEFT, RIGHT, mix_text, repair_view
from tests.unit.report import records

FIRST = TriedRecord(
    method="int8",
    units={"a": "float32"},
    predicted_bytes=100,
    predicted_error=0.2,
    bytes=4_100_000,
    error=0.19,
    lacks=("top1_agreement FAIL: <too few>",),
)
SECOND = TriedRecord(
    method="int8",
    units={"a": "float32", "b": "float32", "c": "float16"},
    predicted_bytes=200,
    predicted_error=0.1,
    bytes=5_000_000,
    error=0.1,
    latency_ratio=0.5,
    passed=True,
)


def repaired(**given: Any) -> Repair:
    found = Repair(
        model="net",
        aim="size",
        goals=("relative_error <= 0.5 x int8",),
        limits={"relative_error": 0.15},
        samples=16,
        evaluation=500,
        float_bytes=10_000_000,
        confidence=0.99,
        additive=True,
        mixes=(MixRecord(name="the first candidate", predicted=0.2, measured=0.21),),
        units=tuple(
            UnitRecord(name=name, weight_bytes=8, errors=errors, saved={}, chosen="float32")
            for name, errors in (
                ("a", {"int8": 0.3, "float16": 0.001}),
                ("<b>", {"int8": 0.15, "float16": 0.0}),
            )
        ),
        curve=(PointRecord(bytes=4_000_000, error=0.9), PointRecord(bytes=10_000_000, error=0.0)),
        tried=(FIRST, SECOND),
    )
    return msgspec.structs.replace(found, **given)


def page(found: Repair | None) -> str:
    return html.render(msgspec.structs.replace(records.full_record(), repair=found))


def test_no_repair_no_section() -> None:
    assert repair_view(None) is None
    assert "Repair of" not in page(None)


def test_the_answer_the_goal_and_the_units_are_shown() -> None:
    view = repair_view(repaired())
    assert view is not None
    assert view.summary == (
        "int8, with a, b in float32 and c in float16 passes: 5 MB, relative error 0.100"
    )
    assert view.notes[0] == "Goal: relative_error <= 0.5 x int8 (0.15 here)"
    assert view.precision == "int8"
    assert [(unit.name, unit.share) for unit in view.units] == [("a", 1.0), ("<b>", 0.5)]
    assert [candidate.mark.word for candidate in view.candidates] == ["does not pass", "passes"]


def test_the_picture_has_the_frontier_the_candidates_and_the_goal() -> None:
    view = repair_view(repaired())
    assert view is not None
    first, last = view.frontier.split()
    assert first.startswith(f"{LEFT:.1f},")
    assert last == f"{RIGHT:.1f},{BOTTOM:.1f}"
    below, above = view.candidates[1], view.candidates[0]
    assert below.y is not None
    assert above.y is not None
    assert view.goal is not None
    assert above.y < view.goal < below.y
    assert below.x is not None
    assert above.x is not None
    assert LEFT < above.x < below.x < RIGHT


def test_what_was_not_made_is_not_drawn() -> None:
    bad = msgspec.structs.replace(FIRST, bytes=None, error=None)
    view = repair_view(repaired(tried=(bad,), goals=(), limits={}))
    assert view is not None
    assert view.candidates[0].x is None
    assert view.goal is None
    assert view.summary == "Nothing passes; the best mix is int8, with a in float32"


def test_names_of_units_and_reasons_are_escaped() -> None:
    shown = page(repaired())
    assert "<b>" not in shown.replace("</b>", "")
    assert "top1_agreement FAIL: &lt;too few&gt;" in shown


def test_mixes_in_words() -> None:
    plain = msgspec.structs.replace(SECOND, units={}, percentile=99.0)
    assert mix_text(plain) == "int8 with ranges at the 99th percentile everywhere"
    trained = msgspec.structs.replace(SECOND, units={}, file="x.tflite")
    assert mix_text(trained) == "trained weights, int8 everywhere"


def test_many_units_are_only_counted() -> None:
    units = {f"layer{at}": "float16" for at in range(9)} | {"head": "float32"}
    mix = msgspec.structs.replace(SECOND, units=units)
    assert mix_text(mix) == "int8, with 9 units in float16 and head in float32"
