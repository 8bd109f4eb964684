from __future__ import annotations

import msgspec
import numpy as np
import pytest

from edgeq.judge.costs import latency_ratio
from edgeq.judge.unsteady import causes, said
from edgeq.judge.verdict import Verdict
from edgeq.measure.latency import Latency, Taking, latency


def timed(
    *,
    rounds: int = 128,
    noise: float = 0.005,
    growth: float = 0.0,
    load: float = 0.5,
    used_s: float = 5.0,
    cores: int | None = 2,
) -> Latency:
    random = np.random.default_rng(3)
    times = (
        0.01 * random.lognormal(0, noise, (2, rounds)) * (1 + growth * np.linspace(0, 1, rounds))
    )
    blocks = np.arange(rounds) // 4
    found = latency(
        times[0], times[1], blocks, inits=(0.1, 0.1), firsts=(0.1, 0.1), confidence=0.99
    )
    taking = Taking(
        looks=2,
        looks_planned=8,
        confidence=0.95,
        budget_s=60.0,
        used_s=used_s,
        load_average=(0.2, load),
        cores=cores,
    )
    return msgspec.structs.replace(found, taking=taking)


def test_a_quiet_benchmark_has_no_cause() -> None:
    assert causes(timed()) == ()
    assert said(()) == ""
    assert latency_ratio(timed(), 1.2).evidence["unsteady"] == []


@pytest.mark.parametrize(
    ("found", "seen", "advice"),
    [
        (timed(load=3.14), "load average 3.1 on 2 cores", "end what else runs"),
        (timed(noise=0.2), "% of the median", "end what else runs"),
        (timed(growth=0.1, noise=0.001), "slower at the end", "clock frequency"),
        (timed(growth=-0.1, noise=0.001), "faster at the end", "clock frequency"),
        (timed(rounds=40), "only 40 rounds", "`latency.rounds`"),
    ],
    ids=["load", "spread", "slower", "faster", "few"],
)
def test_each_cause_is_seen_alone_and_has_its_advice(
    found: Latency, seen: str, advice: str
) -> None:
    (cause,) = causes(found)
    assert seen in cause.seen
    assert advice in cause.advice
    assert said((cause,)) == f"The timing was unsteady ({cause.seen}): {cause.advice}. "


def test_the_load_of_another_machine_is_not_held_against_its_cores() -> None:
    assert causes(timed(load=50.0, cores=None)) == ()


def test_one_advice_for_two_signs_is_given_once() -> None:
    text = said(causes(timed(load=9.0, noise=0.2)))
    assert text.count("the machine was busy") == 1
    assert "load average 9.0 on 2 cores, spread" in text


def test_causes_reach_verdict_and_evidence() -> None:
    busy = timed(load=9.0)
    for limit, status in ((0.9, Verdict.FAIL), (busy.ratio, Verdict.INCONCLUSIVE)):
        found = latency_ratio(busy, limit)
        assert found.status is status
        assert str(found.next_step).startswith("The timing was unsteady (load average 9.0")
        assert found.evidence["unsteady"] == ["load average 9.0 on 2 cores"]
        assert found.evidence["confidence"] == 0.95
        assert found.evidence["interval_confidence"] == 0.99
    assert latency_ratio(busy, 2.0).next_step is None
    assert latency_ratio(busy, 2.0).evidence["unsteady"] == ["load average 9.0 on 2 cores"]


def test_what_the_budget_cut_off_asks_for_seconds() -> None:
    early, late = timed(noise=0.04), timed(noise=0.04, used_s=60.0)
    limit = early.ratio * 1.005
    assert "`latency.rounds`" in str(latency_ratio(early, limit).next_step)
    assert "`latency.budget_s`" in str(latency_ratio(late, limit).next_step)


def test_a_machine_too_busy_to_time_anything_is_named() -> None:
    found = latency_ratio(timed(rounds=12, load=40.0), 2.0)
    assert found.status is Verdict.INCONCLUSIVE
    assert "load average 40.0 on 2 cores" in str(found.next_step)
    assert "Time 8 blocks" in str(found.next_step)
