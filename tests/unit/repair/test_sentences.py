from __future__ import annotations

from edgeq.record.repair import Repair, TriedRecord, UnitRecord
from edgeq.repair.sentences import lines


def repaired(units: dict[str, str]) -> str:
    candidate = TriedRecord(
        method="int8",
        units=units,
        predicted_bytes=100,
        predicted_error=0.1,
        bytes=100,
        error=0.1,
        passed=True,
    )
    outcome = Repair(
        model="net",
        aim="size",
        samples=16,
        evaluation=500,
        float_bytes=400,
        confidence=0.99,
        additive=True,
        mixes=(),
        units=tuple(
            UnitRecord(name=name, weight_bytes=8, errors={"int8": 0.1}, saved={}) for name in "abc"
        ),
        curve=(),
        tried=(candidate,),
        helped=("Ranges help",),
    )
    return "\n".join(lines(outcome, "edgeq.toml"))


def test_little_that_is_left_of_the_method_is_said() -> None:
    assert "Only 1 of 3 units stay in int8" in repaired({"a": "float16", "b": "float16"})
    assert "Only" not in repaired({"a": "float16"})


def test_the_table_for_the_spec_names_every_unit() -> None:
    text = repaired({"a": "float32", "b.1": "float16"})
    assert 'float_units = ["a"]' in text
    assert 'units = { "b.1" = "float16" }' in text
    assert "Ranges help" in text.splitlines()
