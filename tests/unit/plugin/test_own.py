from __future__ import annotations

import pytest

from edgeq.judge.verdict import Verdict
from edgeq.plugin.own import _without, worse
from edgeq.record.structs import CaseRecord


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("tiny-int8", ""),
        ("tiny-int8-0.5", "0.5"),
        ("0.5-tiny-int8", "0.5"),
        ("0.5-tiny-int8-x-y", "0.5-x-y"),
        ("tiny-int8-tiny-int8", "tiny-int8"),
        ("tiny-int80-tiny-int8", "tiny-int80"),
    ],
)
def test_a_name_holds_the_parameters_without_the_variant(parameters: str, expected: str) -> None:
    assert _without(parameters, "tiny-int8") == expected


def verdict(status: Verdict, *, declared: bool = False) -> CaseRecord:
    return CaseRecord(
        id="m/v/t::a",
        model="m",
        variant="v",
        gate="t::a",
        status=status,
        reason="",
        declared_missing=declared,
    )


def test_of_two_verdicts_of_one_test_the_worse_stays() -> None:
    ordered = [
        verdict(Verdict.PASS),
        verdict(Verdict.MISSING, declared=True),
        verdict(Verdict.MISSING),
        verdict(Verdict.FAIL),
    ]
    for place, one in enumerate(ordered):
        assert worse(None, one) is one
        for other in ordered[place + 1 :]:
            assert worse(one, other) is other
            assert worse(other, one) is other
