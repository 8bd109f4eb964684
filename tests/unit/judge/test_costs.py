from __future__ import annotations

import msgspec
import numpy as np
import pytest

from edgeq.judge.costs import latency_ratio, max_latency_ms, max_partitions, max_peak_memory
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.measure.growth import Growth, Rise, Watched
from edgeq.measure.latency import Latency, Taking, Timing, latency


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
