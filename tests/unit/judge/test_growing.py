from __future__ import annotations

import msgspec
import pytest

from edgeq.judge.growing import (
    ALLOCATED,
    RESIDENT,
    growing,
    grown,
    is_open,
    steady_memory,
)
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.measure.growth import Growth, Rise, Watched


def check(found: Judgement, status: Verdict) -> Judgement:
    msgspec.json.encode(found)
    assert found.status is status
    assert len(found.reason) <= 160
    assert (found.next_step is None) is (status is Verdict.PASS)
    return found


FLAT = Rise(steps=(0, 0, 0), inferences=62.0, apart=186)
NOISE = Rise(steps=(2528, 2976, 0), inferences=62.0, apart=186)
LEAK = Rise(steps=(62_000_000, 62_000_000, 62_000_000), inferences=62.0, apart=186)
SLOW_LEAK = Rise(steps=(124_000, 130_000, 124_000), inferences=62.0, apart=186)
ONE_BUFFER = Rise(steps=(0, 9_000_000, 0), inferences=62.0, apart=186)
RETAINED = Rise(steps=(0, 22_000_000, 1_600_000), inferences=14.0, apart=42)


def evaluated(*allocated: Rise, resident: tuple[Rise, ...] = (), run: int = 250) -> Watched:
    return Watched(evaluated=Growth(inferences=run, allocated=allocated, resident=resident))


def test_memory_that_stays_passes_and_says_what_could_be_missed() -> None:
    found = check(steady_memory(evaluated(FLAT, NOISE), images=500), Verdict.PASS)
    assert found.reason == "memory grows by less than 1 kB an inference, if at all (500 images)"
    short = evaluated(Rise(steps=(0, 0, 0), inferences=4.0, apart=12), run=20)
    assert "less than 10 kB an inference" in steady_memory(short, images=20).reason


def test_what_the_allocator_keeps_for_later_is_no_growth() -> None:
    check(steady_memory(evaluated(FLAT, resident=(RETAINED,)), images=500), Verdict.PASS)


@pytest.mark.parametrize(("leak", "rate"), [(LEAK, "1 MB"), (SLOW_LEAK, "2 kB")])
def test_memory_that_grows_fails(leak: Rise, rate: str) -> None:
    found = check(steady_memory(evaluated(FLAT, leak), images=500), Verdict.FAIL)
    assert found.reason == f"memory grows by {rate} an inference and never falls back"
    assert found.next_step is not None
    assert "custom operator" in found.next_step


def test_memory_that_malloc_knows_nothing_of_fails_too() -> None:
    watched = evaluated(FLAT, resident=(FLAT, LEAK))
    check(steady_memory(watched, images=500), Verdict.FAIL)
    assert growing(watched) == pytest.approx(1e6)


def test_a_baseline_that_grows_as_well_is_named() -> None:
    found = check(steady_memory(evaluated(LEAK), images=500, baseline=1e6), Verdict.FAIL)
    assert found.reason.endswith("; the baseline's grows by 1 MB")
    assert found.next_step is not None
    assert found.next_step.startswith("Fix the float model")


def test_a_rise_that_is_no_trend_is_settled_by_repetition() -> None:
    first = evaluated(ONE_BUFFER)
    assert is_open(first.evaluated)
    again = Growth(inferences=128, allocated=(FLAT,))
    both = Watched(evaluated=first.evaluated, repeated=again)
    found = check(steady_memory(both, images=500), Verdict.PASS)
    assert found.reason.endswith("(the first images, repeatedly)")
    still = Watched(evaluated=first.evaluated, repeated=first.evaluated)
    open_ = check(steady_memory(still, images=500), Verdict.INCONCLUSIVE)
    assert open_.reason == "memory rises by 9 MB, but not steadily"
    leaks = Watched(evaluated=first.evaluated, repeated=Growth(inferences=9, allocated=(LEAK,)))
    check(steady_memory(leaks, images=500), Verdict.FAIL)


def test_what_the_worker_does_not_tell_is_missing() -> None:
    unknown = Watched(evaluated=Growth(inferences=0), repeated=Growth(inferences=0))
    found = check(steady_memory(unknown, images=20), Verdict.MISSING)
    assert "does not tell how much memory it holds" in found.reason
    few = Watched(evaluated=Growth(inferences=0), repeated=Growth(inferences=5))
    assert "5 inferences are too few" in steady_memory(few, images=20).reason


def test_without_malloc_resident_memory_decides() -> None:
    assert not is_open(
        Growth(inferences=250, resident=(FLAT, Rise(steps=(0, 1, 0), inferences=9, apart=27)))
    )
    assert is_open(Growth(inferences=250, resident=(RETAINED,)))


def test_growth_counts_over_all_inferences_and_noise_does_not() -> None:
    assert grown(evaluated(LEAK, run=500)) == (500_000_000, 500)
    assert grown(evaluated(NOISE, run=500)) == (0, 500)
    again = Growth(inferences=64, allocated=(LEAK,))
    assert grown(Watched(evaluated=Growth(inferences=12), repeated=again)) == (64_000_000, 64)
    one = evaluated(ONE_BUFFER).evaluated
    assert grown(Watched(evaluated=one, repeated=one)) == (9_000_000, 250)


@pytest.mark.parametrize("noise", [ALLOCATED, RESIDENT])
def test_no_rise_is_both_permitted_and_growth(noise: object) -> None:
    assert isinstance(noise, type(ALLOCATED))
    for steps in range(0, 10**7, 40_000):
        for inferences in (3.0, 14.0, 62.0, 6000.0):
            rise = Rise(steps=(steps,) * 3, inferences=inferences, apart=int(3 * inferences))
            assert noise.permits(rise) != noise.shows(rise)
