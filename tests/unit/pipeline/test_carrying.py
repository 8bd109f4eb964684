"""A broken variant's reason stands once in a record, at its first case, whatever ran first."""

from __future__ import annotations

from itertools import permutations

import msgspec
import pytest

from edgeq.io.structs import Json
from edgeq.judge.verdict import Verdict
from edgeq.pipeline.carrying import carried_once, pointing, points_elsewhere
from edgeq.record.structs import CaseRecord

GATES = ("made", "types", "outputs")
EVIDENCE: dict[str, Json] = {"error": "WorkerError", "where": None, "output": "", "log": None}


def case(gate: str, reason: str = "the variant can't be judged: it crashes") -> CaseRecord:
    return CaseRecord(
        id=f"net/crash/{gate}",
        model="net",
        variant="crash",
        gate=gate,
        status=Verdict.FAIL,
        reason=reason,
        next_step="Look at the file",
        evidence=EVIDENCE,
    )


def judged(order: tuple[str, ...]) -> tuple[CaseRecord, ...]:
    """Return what tests that ran in an order leave: the first gives the reason."""
    cases = {gate: case(gate) for gate in GATES}
    for gate in order[1:]:
        cases[gate] = pointing(cases[gate], cases[order[0]].id)
    return tuple(cases[gate] for gate in GATES)


@pytest.mark.parametrize("order", list(permutations(GATES)))
def test_the_first_case_gives_the_reason_in_any_order(order: tuple[str, ...]) -> None:
    first, *others = carried_once(judged(order))
    assert first == case("made")
    assert all(points_elsewhere(other) and "net/crash/made" in other.reason for other in others)


def test_two_processes_that_each_give_the_reason_become_one() -> None:
    cases = (pointing(case("made"), "net/crash/types"), case("types"), case("outputs"))
    assert [one.status for one in carried_once(cases)] == [
        Verdict.FAIL,
        Verdict.MISSING,
        Verdict.MISSING,
    ]


def test_another_reason_stays_where_it_is() -> None:
    other = case("outputs", "the variant can't be judged: it hangs")
    assert carried_once((case("made"), other)) == (case("made"), other)


def test_a_case_that_was_judged_stays() -> None:
    passed = msgspec.structs.replace(case("made"), status=Verdict.PASS, reason="8 kB", evidence={})
    assert carried_once((passed, case("types"))) == (passed, case("types"))
