from __future__ import annotations

import msgspec
import pytest

from edgeq.judge.ranges import harmful, ranges
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.measure.ranges import RangeFit, Ranges, StaleBias, Trial
from edgeq.measure.scales import Scale


def fit(name: str, *, error: float = 0.3) -> RangeFit:
    return RangeFit(
        name=name,
        tensor=1,
        place="inner",
        scale=Scale("int8", 0.1, -128),
        values=(0.0, 51.0),
        clipped=0.2,
        error=error,
        fitting=Scale("int8", 0.2, -128),
        best=0.01,
    )


def trial(*names: str, after: float = 0.2, agreeing: tuple[int, int] | None = None) -> Trial:
    return Trial(tensors=names, gross=True, agreeing=agreeing, before=(0.9,), after=(after,))


GOOD = Ranges(
    samples=8,
    activations=62,
    unmatched=(),
    suspicious=(),
    trials=(),
    problems=(),
    stale=(),
)
STALE = StaleBias(layer="conv", input="relu", tensor=3, factor=2.0, steps=34.0)


def judged(**keys: object) -> Judgement:
    found = ranges(msgspec.structs.replace(GOOD, **keys))
    msgspec.json.encode(found)
    assert len(found.reason) <= 240
    return found


def test_ranges_that_fit_pass() -> None:
    found = judged()
    assert found.status is Verdict.PASS
    assert found.reason == (
        "the ranges of 62 activations hold what the baseline computes on 8 samples"
    )
    assert judged(activations=0).status is Verdict.PASS


def test_ranges_that_look_wrong_and_cost_nothing_pass() -> None:
    found = judged(suspicious=(fit("a"),), trials=(trial("a", after=0.88),))
    assert found.status is Verdict.PASS
    assert "with them set right, the output's error is 0.88 instead of 0.9" in found.reason


def test_a_range_that_causes_the_error_fails() -> None:
    found = judged(suspicious=(fit("relu"),), trials=(trial("relu", agreeing=(3, 8)),))
    assert found.status is Verdict.FAIL
    assert "relu holds 0 to 25.5, the baseline has 0 to 51" in found.reason
    assert "the output's error is 0.2 instead of 0.9, and 8 instead of 3 agree" in found.reason
    assert found.next_step is not None


def test_several_ranges_are_counted() -> None:
    several = (trial("a", "b", after=0.2), trial("a", after=0.7))
    found = judged(suspicious=(fit("a"), fit("b")), trials=several)
    assert found.status is Verdict.FAIL
    assert "2 of 62 ranges of activations are wrong" in found.reason


def test_ranges_of_a_variant_that_was_trained_on_need_not_fit() -> None:
    several = (trial("a", "b", after=0.2), trial("a", after=0.7))
    found = msgspec.structs.replace(GOOD, suspicious=(fit("a"), fit("b")), trials=several)
    waived = ranges(found, "trained")
    assert waived.status is Verdict.PASS
    assert waived.reason.startswith("waived: ")
    single = msgspec.structs.replace(found, trials=(trial("a"),))
    assert ranges(single, "trained").status is Verdict.FAIL
    misread = msgspec.structs.replace(found, stale=(STALE,))
    assert ranges(misread, "trained").status is Verdict.FAIL


def test_the_single_range_that_explains_as_much_is_named() -> None:
    alone = trial("b", after=0.22)
    several = (trial("a", "b", after=0.2), trial("a", after=0.85), alone)
    assert harmful(msgspec.structs.replace(GOOD, trials=several)) == alone


@pytest.mark.parametrize(("steps", "verdict"), [(34.0, Verdict.FAIL), (0.4, Verdict.PASS)])
def test_a_bias_that_is_misread_fails_if_it_matters(steps: float, verdict: Verdict) -> None:
    found = judged(stale=(msgspec.structs.replace(STALE, steps=steps),))
    assert found.status is verdict
    assert ("read 2 times as large" in found.reason) == (verdict is Verdict.FAIL)


def test_what_has_no_match_is_said() -> None:
    found = judged(unmatched=("a", "b", "c", "d"))
    assert found.status is Verdict.INCONCLUSIVE
    assert "4 of 62 activations have no match in the baseline's graph" in found.reason


def test_what_can_not_be_tried_is_open() -> None:
    found = judged(suspicious=(fit("a"),), problems=("the runtime refuses it",))
    assert found.status is Verdict.INCONCLUSIVE
    assert found.reason.endswith("the runtime refuses it")
