from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from edgeq.judge.costs import latency_ratio
from edgeq.judge.unsteady import Cause, causes, said
from edgeq.judge.verdict import Verdict
from edgeq.measure.latency import Board, Latency, Taking, latency


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


def with_figures(**keys: Any) -> Latency:
    """Return a quiet benchmark with some figures of the variant or of how it was taken."""
    found = timed()
    taking, variant = found.taking, found.variant
    assert taking is not None
    of_taking = {name: keys.pop(name) for name in ("load_average", "cores") if name in keys}
    quiet = msgspec.structs.replace(found.baseline, spread=0.003, drift=0.0)
    return msgspec.structs.replace(
        found,
        baseline=quiet,
        variant=msgspec.structs.replace(variant, **{"spread": 0.003, "drift": 0.0, **keys}),
        taking=msgspec.structs.replace(taking, **of_taking),
    )


BUSY = "the machine was busy, end what else runs"


@pytest.mark.parametrize(
    ("keys", "signs"),
    [
        ({}, ()),
        ({"load_average": (2.0, 1.0)}, ()),
        ({"load_average": (2.04, 1.0)}, (Cause("load average 2.0 on 2 cores", BUSY),)),
        ({"load_average": (0.5, 1.1), "cores": 1}, (Cause("load average 1.1 on 1 core", BUSY),)),
        ({"spread": 0.05}, ()),
        ({"spread": 0.0512}, (Cause("spread 5.1 % of the median", BUSY),)),
        ({"drift": 0.05}, ()),
        ({"drift": -0.05}, ()),
        (
            {"drift": 0.0512},
            (
                Cause(
                    "5.1 % slower at the end than at the start",
                    "fix the clock frequency, or raise `latency.warmup`",
                ),
            ),
        ),
        (
            {"drift": -0.0512},
            (
                Cause(
                    "5.1 % faster at the end than at the start",
                    "fix the clock frequency, or raise `latency.warmup`",
                ),
            ),
        ),
        ({"drift": 0.07, "spread": 0.08}, (Cause("spread 8.0 % of the median", BUSY),)),
        ({"drift": None}, ()),
        ({"rounds": 64}, ()),
        (
            {"rounds": 1},
            (Cause("only 1 round", "raise `latency.rounds` or `latency.budget_s`"),),
        ),
    ],
)
def test_each_sign_has_its_bound(keys: dict[str, Any], signs: tuple[Cause, ...]) -> None:
    assert causes(with_figures(**keys)) == signs


def test_the_worse_one_of_both_models_is_seen() -> None:
    found = with_figures()
    unsteady_ = msgspec.structs.replace(found.baseline, spread=0.3, drift=-0.4)
    seen = causes(msgspec.structs.replace(found, baseline=unsteady_))
    assert [sign.seen for sign in seen] == [
        "spread 30.0 % of the median",
        "40.0 % faster at the end than at the start",
    ]
    assert said(seen) == (
        "The timing was unsteady (spread 30.0 % of the median, 40.0 % faster at the end than at "
        f"the start): {BUSY}; fix the clock frequency, or raise `latency.warmup`. "
    )


def test_how_samples_were_taken_need_not_be_known() -> None:
    assert causes(msgspec.structs.replace(with_figures(), taking=None)) == ()


def on_a_board(
    *,
    celsius: tuple[float, float] = (50, 55),
    clock_mhz: tuple[float, float] = (1500, 1500),
    steady: bool = True,
) -> Latency:
    there = timed(cores=None)
    assert there.taking is not None
    board = Board(
        governor="ondemand", clock_mhz=clock_mhz, celsius=celsius, warmup_s=20.0, steady=steady
    )
    taking = msgspec.structs.replace(there.taking, board=board)
    return msgspec.structs.replace(there, taking=taking)


@pytest.mark.parametrize(
    ("there", "seen"),
    [
        (on_a_board(celsius=(60, 84)), "the board was 84 °C hot"),
        (on_a_board(clock_mhz=(1500, 600)), "its clock fell from 1,500 to 600 MHz"),
        (on_a_board(steady=False), "its times were not steady after 20 s of warming up"),
    ],
    ids=["hot", "throttled", "never steady"],
)
def test_a_hot_or_throttled_board_is_said_whatever_the_verdict(there: Latency, seen: str) -> None:
    (cause,) = causes(there)
    assert cause.seen == seen
    passed = latency_ratio(there, 1.2)
    assert passed.status is Verdict.PASS
    assert passed.reason.endswith(f"; {seen}")
    assert seen in str(latency_ratio(there, 0.5).next_step)


@pytest.mark.parametrize(
    "there",
    [on_a_board(), on_a_board(celsius=(-1, -1), clock_mhz=(-1, -1)), on_a_board(clock_mhz=(9, -1))],
    ids=["cool", "unknown", "known before only"],
)
def test_a_cool_board_and_one_that_says_nothing_have_no_cause(there: Latency) -> None:
    assert causes(there) == ()
    assert "board" not in latency_ratio(there, 1.2).reason
