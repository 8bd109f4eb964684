from __future__ import annotations

from edgeq.bundle.select import Refusal, select
from tests.unit.report import records


def test_only_what_passed_is_chosen() -> None:
    chosen, refused = select(records.full_record())
    assert [one.variant.name for one in chosen] == ["float16", "dynamic_range"]
    assert chosen[0].key == f"{records.MODEL}/float16"
    assert {one.variant for one in refused} == {
        "int8@tensorflow",
        "weight_only_int4",
        records.HOSTILE,
    }


def test_every_refusal_says_why() -> None:
    _, refused = select(records.full_record())
    assert str(refused[0]) == (
        f"{records.MODEL}/int8@tensorflow: accuracy_drop is MISSING: not measured: the evaluation "
        "images have no labels"
    )
    assert all(one.reasons for one in refused)


def test_reasons_are_joined() -> None:
    assert str(Refusal("m", "v", ("a", "b"))) == "m/v: a; b"
