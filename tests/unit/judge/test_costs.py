from __future__ import annotations

import msgspec
import numpy as np
import pytest

from edgeq.judge.costs import latency_ratio, max_latency_ms, max_partitions, max_peak_memory
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.measure.growth import Growth, Rise, Watched
from edgeq.measure.latency import Latency, latency


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
    assert "5 blocks are too few to tell" in found.reason
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
