from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from edgeq.judge.costs import (
    Cause,
    causes,
    latency_ratio,
    max_latency_ms,
    max_partitions,
    max_peak_memory,
    said,
)
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.measure.growth import Growth, Rise, Watched
from edgeq.measure.latency import Board, Latency, Taking, Timing, latency


def timed(ratio: float, *, noise: float = 0.005, rounds: int = 64) -> Latency:
    baseline = 0.018 * np.random.default_rng(1).lognormal(0, noise, rounds)
    variant = 0.018 * ratio * np.random.default_rng(2).lognormal(0, noise, rounds)
    return latency(
        baseline,
        variant,
        np.arange(rounds) // 4,
        inits=(0.1, 0.1),
        firsts=(0.02, 0.02),
        confidence=0.95,
    )


def check(found: Judgement, status: Verdict) -> Judgement:
    msgspec.json.encode(found)
    assert found.status is status
    assert len(found.reason) <= 160
    assert (found.next_step is None) is (status is Verdict.PASS)
    return found


def test_ratio_in_words() -> None:
    found = check(latency_ratio(timed(0.32), 0.6), Verdict.PASS)
    assert found.reason.startswith("5.7")
    assert " against 18.0 ms: ratio 0.32x (" in found.reason
    assert found.reason.endswith("; limit: at most 0.6x)")
    assert found.interval is not None


def test_ratio_that_fails_and_one_that_is_open() -> None:
    check(latency_ratio(timed(1.0), 0.6), Verdict.FAIL)
    noisy = timed(1.0, noise=0.04)
    found = check(latency_ratio(noisy, noisy.ratio * 1.005), Verdict.INCONCLUSIVE)
    assert "`latency.rounds`" in str(found.next_step)
    assert str(found.next_step).endswith("if the ratio stays, it PASSES")
    assert int(str(found.evidence["rounds_needed"])) > 64
    found = check(latency_ratio(noisy, noisy.ratio * 0.995), Verdict.INCONCLUSIVE)
    assert str(found.next_step).endswith("if the ratio stays, it FAILS")


def test_no_number_of_rounds_settles_a_ratio_that_is_known_to_be_the_limit() -> None:
    steady = timed(1.0, noise=0.001)
    found = check(latency_ratio(steady, steady.ratio), Verdict.INCONCLUSIVE)
    assert str(found.next_step).startswith("No number of rounds settles this")
    assert "rounds_needed" not in found.evidence
    noisy = timed(1.0, noise=0.04)
    found = check(latency_ratio(noisy, noisy.ratio), Verdict.INCONCLUSIVE)
    assert "64 rounds can't tell on which side" in str(found.next_step)


def test_a_busy_machine_is_named() -> None:
    found = check(latency_ratio(timed(1.0, noise=0.3), 1.02), Verdict.INCONCLUSIVE)
    assert "busy" in str(found.next_step)


@pytest.mark.parametrize("limit", [0.1, 10.0])
def test_too_few_blocks_settle_nothing(limit: float) -> None:
    found = check(latency_ratio(timed(1.0, rounds=20), limit), Verdict.INCONCLUSIVE)
    assert "5 blocks can't tell" in found.reason
    assert "6 blocks" in str(found.next_step)


def test_milliseconds_of_the_variant() -> None:
    found = check(max_latency_ms(timed(0.5), 10), Verdict.PASS)
    assert found.reason.endswith("; limit: at most 10 ms)")
    assert found.value == pytest.approx(9, rel=0.02)
    assert found.interval is not None
    assert found.interval[0] < 9.1
    check(max_latency_ms(timed(0.5), 5), Verdict.FAIL)
    check(max_latency_ms(timed(0.5, rounds=8), 5), Verdict.INCONCLUSIVE)


def test_memory() -> None:
    found = check(max_peak_memory(61_300_000, 250e6, added_bytes=24_100_000), Verdict.PASS)
    assert found.reason == (
        "peak of the worker (the model adds 24.1 MB): 61.3 MB (limit: at most 250 MB)"
    )
    check(max_peak_memory(61_300_000, 60e6), Verdict.FAIL)


def test_memory_that_grows_counts_over_the_evaluation() -> None:
    leak = Rise(steps=(62_000_000, 62_000_000, 62_000_000), inferences=62.0, apart=186)
    watched = Watched(evaluated=Growth(inferences=500, allocated=(leak,)))
    found = check(
        max_peak_memory(61_300_000, 250e6, added_bytes=24_100_000, watched=watched), Verdict.FAIL
    )
    assert found.reason == (
        "peak of the worker (the model adds 24.1 MB, 500 MB more over 500 inferences): 561 MB "
        "(limit: at most 250 MB)"
    )
    assert found.value == 561_300_000


def test_memory_that_does_not_grow_is_the_same_however_many_images_there_are() -> None:
    noise = Rise(steps=(2000, 0, 900), inferences=62.0, apart=186)
    for inferences in (20, 500):
        watched = Watched(evaluated=Growth(inferences=inferences, allocated=(noise,)))
        found = check(max_peak_memory(61_300_000, 250e6, watched=watched), Verdict.PASS)
        assert found.value == 61_300_000
        assert found.reason == max_peak_memory(61_300_000, 250e6).reason
        assert found.evidence["inferences"] == inferences


def test_partitions() -> None:
    found = check(
        max_partitions(1, 4, delegated=270, operators=271, kernels="xnnpack"), Verdict.PASS
    )
    assert found.reason == "1 partition with 270 of 271 operators (limit: at most 4 partitions)"
    many = max_partitions(17, 4, delegated=200, operators=271, kernels="xnnpack")
    check(many, Verdict.FAIL)


def test_nothing_delegated_is_no_pass() -> None:
    found = check(max_partitions(0, 4, delegated=0, operators=271, kernels="xnnpack"), Verdict.FAIL)
    assert "took none of 271 operators" in found.reason


def test_without_a_delegate_partitions_are_missing() -> None:
    found = max_partitions(0, 4, delegated=0, operators=9, kernels="reference")
    assert not check(found, Verdict.MISSING).declared_missing


BASELINE = Timing(
    rounds=64,
    init_s=0.1,
    first_s=0.02,
    median_s=0.018,
    median_interval_s=(0.017, 0.019),
    mean_s=0.0181,
    p90_s=0.02,
    spread=0.003,
    drift=0.001,
)
VARIANT = msgspec.structs.replace(
    BASELINE,
    rounds=80,
    median_s=0.009,
    median_interval_s=(0.0087, 0.0094),
    spread=0.004,
    drift=-0.002,
)
HALVED = Latency(
    baseline=BASELINE,
    variant=VARIANT,
    ratio=0.5,
    ratio_interval=(0.48, 0.53),
    blocks=16,
    confidence=0.99,
)
TAKING = Taking(
    looks=2,
    looks_planned=8,
    confidence=0.95,
    budget_s=60.0,
    used_s=30.0,
    load_average=(0.2, 0.5),
    cores=2,
)
EVIDENCE: dict[str, object] = {
    "rounds": 80,
    "blocks": 16,
    "confidence": 0.99,
    "interval_confidence": 0.99,
    "interval_method": "paired bootstrap over blocks",
    "baseline_spread": 0.003,
    "variant_spread": 0.004,
    "baseline_drift": 0.001,
    "variant_drift": -0.002,
    "looks": 1,
    "budget_s": None,
    "used_s": None,
    "load_average": None,
    "unsteady": [],
    "resolution": "these 80 rounds tell values apart that differ by 0.025 or more",
}


def test_all_that_is_recorded_of_a_ratio() -> None:
    assert latency_ratio(HALVED, 0.6) == Judgement(
        status=Verdict.PASS,
        reason="9.00 ms against 18.0 ms: ratio 0.50x (0.48 to 0.53x; limit: at most 0.6x)",
        value=0.5,
        limit=0.6,
        interval=(0.48, 0.53),
        evidence=EVIDENCE,
    )


def test_all_that_is_recorded_of_milliseconds() -> None:
    judged = max_latency_ms(HALVED, 8.0)
    assert judged == Judgement(
        status=Verdict.FAIL,
        reason="median of 80 rounds: 9.00 ms (8.70 to 9.40 ms; limit: at most 8 ms)",
        value=9.0,
        limit=8.0,
        interval=(8.7, 9.4),
        next_step="Check that the delegate takes every operator; int8 is the fastest method",
        evidence={
            **EVIDENCE,
            "resolution": "these 80 rounds tell values apart that differ by 0.35 ms or more",
        },
    )


def test_looks_have_their_share_of_the_error_and_are_recorded() -> None:
    # The ratio's high half of 0.03 must shrink to its distance of 0.01 from the limit: 9 times
    # the 80 rounds, and 9 times the 60 s of the budget.
    used = msgspec.structs.replace(TAKING, used_s=60.0)
    judged = latency_ratio(msgspec.structs.replace(HALVED, taking=used), 0.51)
    assert judged.status is Verdict.INCONCLUSIVE
    assert judged.evidence == {
        **EVIDENCE,
        "confidence": 0.95,
        "looks": 2,
        "budget_s": 60.0,
        "used_s": 60.0,
        "load_average": [0.2, 0.5],
        "rounds_needed": 720,
    }
    assert judged.next_step == (
        "Set `latency.budget_s` to about 540 on an idle machine: about 720 rounds would settle it "
        "(80 so far); if the ratio stays, it PASSES"
    )


@pytest.mark.parametrize(
    ("used_s", "asked"), [(59.9, "`latency.rounds`"), (60.0, "`latency.budget_s`")]
)
def test_seconds_are_asked_for_once_the_budget_is_used_up(used_s: float, asked: str) -> None:
    taking = msgspec.structs.replace(TAKING, used_s=used_s)
    judged = latency_ratio(msgspec.structs.replace(HALVED, taking=taking), 0.51)
    assert f"et {asked} to about " in str(judged.next_step)


def test_without_an_interval_the_record_says_so() -> None:
    few = msgspec.structs.replace(HALVED, ratio_interval=None, blocks=3)
    assert latency_ratio(few, 9.0) == Judgement(
        status=Verdict.INCONCLUSIVE,
        reason="3 blocks can't tell; 9.00 ms against 18.0 ms: ratio 0.50x (limit: at most 9x)",
        value=0.5,
        limit=9.0,
        next_step="Time 8 blocks of each model or more: raise `latency.rounds` or "
        "`latency.budget_s`",
        evidence={
            **EVIDENCE,
            "blocks": 3,
            "resolution": "these 80 rounds can't tell any difference",
        },
    )


def test_the_whole_interval_must_lie_within_the_limit() -> None:
    for limit, status in (
        (0.53, Verdict.PASS),
        (0.529, Verdict.INCONCLUSIVE),
        (0.48, Verdict.INCONCLUSIVE),
        (0.479, Verdict.FAIL),
    ):
        assert latency_ratio(HALVED, limit).status is status


def test_all_that_is_recorded_of_memory() -> None:
    assert max_peak_memory(61_300_000, 61_299_999.0) == Judgement(
        status=Verdict.FAIL,
        reason="peak of the worker: 61.3 MB (limit: at most 61.299999 MB)",
        value=61_300_000.0,
        limit=61_299_999.0,
        next_step="Try a method that keeps its weights quantized while running, for example int8",
        evidence={
            "peak_bytes": 61_300_000,
            "added_bytes": None,
            "grown_bytes": 0,
            "inferences": 0,
        },
    )
    leak = Rise(steps=(62_000_000, 62_000_000, 62_000_000), inferences=62.0, apart=186)
    watched = Watched(evaluated=Growth(inferences=1, allocated=(leak,)))
    judged = max_peak_memory(61_300_000, 62_300_000, added_bytes=24_100_000, watched=watched)
    assert judged.status is Verdict.PASS
    assert judged.reason == (
        "peak of the worker (the model adds 24.1 MB, 1 MB more over 1 inference): 62.3 MB "
        "(limit: at most 62.3 MB)"
    )
    assert judged.evidence == {
        "peak_bytes": 61_300_000,
        "added_bytes": 24_100_000,
        "grown_bytes": 1_000_000,
        "inferences": 1,
    }


@pytest.mark.parametrize(
    ("partitions", "status"), [(3, Verdict.PASS), (4, Verdict.PASS), (5, Verdict.FAIL)]
)
def test_all_that_is_recorded_of_partitions(partitions: int, status: Verdict) -> None:
    judged = max_partitions(partitions, 4.0, delegated=1, operators=1271, kernels="xnnpack")
    advice = "Export with a fixed batch of 1, or choose a method that the delegate supports"
    assert judged == Judgement(
        status=status,
        reason=f"{partitions} partitions with 1 of 1,271 operators (limit: at most 4 partitions)",
        value=float(partitions),
        limit=4.0,
        next_step=None if status is Verdict.PASS else advice,
        evidence={"partitions": partitions, "delegated": 1, "operators": 1271},
    )
    assert isinstance(judged.value, float)


def test_where_there_is_no_delegate_the_step_names_both_ways_out() -> None:
    judged = max_partitions(1, 4.0, delegated=1, operators=9, kernels="builtin")
    assert judged == Judgement(
        status=Verdict.MISSING,
        reason="the kernels are 'builtin': there is no delegate to make partitions",
        next_step='Set `run.kernels = "xnnpack"`, or `max_partitions = false`',
    )


def test_a_median_that_is_open_is_called_one_and_has_its_unit() -> None:
    assert str(max_latency_ms(HALVED, 9.1).next_step).endswith("; if the median stays, it PASSES")
    narrow = msgspec.structs.replace(VARIANT, median_interval_s=(0.00898, 0.00902))
    known = max_latency_ms(msgspec.structs.replace(HALVED, variant=narrow), 9.0)
    assert known.next_step == (
        "No number of rounds settles this: the median is known to lie within 0.09 ms of the limit. "
        "Set another limit"
    )


def test_no_number_of_rounds_is_recorded_if_none_is_known() -> None:
    assert latency_ratio(HALVED, 0.5).evidence == EVIDENCE


def timed_of_unsteady(
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
    assert causes(timed_of_unsteady()) == ()
    assert said(()) == ""
    assert latency_ratio(timed_of_unsteady(), 1.2).evidence["unsteady"] == []


@pytest.mark.parametrize(
    ("found", "seen", "advice"),
    [
        (timed_of_unsteady(load=3.14), "load average 3.1 on 2 cores", "stop other programs"),
        (timed_of_unsteady(noise=0.2), "% of the median", "stop other programs"),
        (timed_of_unsteady(growth=0.1, noise=0.001), "slower at the end", "clock frequency"),
        (timed_of_unsteady(growth=-0.1, noise=0.001), "faster at the end", "clock frequency"),
        (timed_of_unsteady(rounds=40), "only 40 rounds", "`latency.rounds`"),
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
    assert causes(timed_of_unsteady(load=50.0, cores=None)) == ()


def test_one_advice_for_two_signs_is_given_once() -> None:
    text = said(causes(timed_of_unsteady(load=9.0, noise=0.2)))
    assert text.count("the machine was busy") == 1
    assert "load average 9.0 on 2 cores, spread" in text


def test_causes_reach_verdict_and_evidence() -> None:
    busy = timed_of_unsteady(load=9.0)
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
    early, late = timed_of_unsteady(noise=0.04), timed_of_unsteady(noise=0.04, used_s=60.0)
    limit = early.ratio * 1.005
    assert "`latency.rounds`" in str(latency_ratio(early, limit).next_step)
    assert "`latency.budget_s`" in str(latency_ratio(late, limit).next_step)


def test_a_machine_too_busy_to_time_anything_is_named() -> None:
    found = latency_ratio(timed_of_unsteady(rounds=12, load=40.0), 2.0)
    assert found.status is Verdict.INCONCLUSIVE
    assert "load average 40.0 on 2 cores" in str(found.next_step)
    assert "Time 8 blocks" in str(found.next_step)


def with_figures(**keys: Any) -> Latency:
    """Return a quiet benchmark with some figures of the variant or of how it was taken."""
    found = timed_of_unsteady()
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


BUSY = "the machine was busy: stop other programs"


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
    there = timed_of_unsteady(cores=None)
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
