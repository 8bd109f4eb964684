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
    assert "5 inferences can't tell" in steady_memory(few, images=20).reason


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


def test_all_that_is_recorded_of_memory_that_grows() -> None:
    step = (
        "Look for an operator that keeps what it was given: a variable or a table that grows, "
        "a custom operator; if there is none, try other `run.kernels` or another ai-edge-litert"
    )
    # 378 kB between floors 186 inferences apart.
    assert steady_memory(evaluated(SLOW_LEAK), images=500) == Judgement(
        status=Verdict.FAIL,
        reason="memory grows by 2 kB an inference and never falls back",
        next_step=step,
        evidence={
            "images": 500,
            "repeated": False,
            "grows_by_bytes": 2000.0,
            "baseline_grows_by_bytes": None,
        },
    )
    both = Watched(evaluated=evaluated(LEAK).evaluated, repeated=Growth(inferences=9))
    assert steady_memory(both, images=20, baseline=1_234.0) == Judgement(
        status=Verdict.FAIL,
        reason="memory grows by 1 MB an inference and never falls back; the baseline's grows by "
        "1.2 kB",
        next_step="Fix the float model first: what its variants are made from grows as well",
        evidence={
            "images": 20,
            "repeated": True,
            "grows_by_bytes": 1e6,
            "baseline_grows_by_bytes": 1200.0,
        },
    )


def test_all_that_is_recorded_of_memory_that_is_steady_or_open() -> None:
    assert steady_memory(evaluated(FLAT), images=1) == Judgement(
        status=Verdict.PASS,
        reason="memory grows by less than 1 kB an inference, if at all (1 image)",
        evidence={"images": 1, "repeated": False, "less_than_bytes": 1000.0},
    )
    assert steady_memory(evaluated(FLAT, ONE_BUFFER), images=500) == Judgement(
        status=Verdict.INCONCLUSIVE,
        reason="memory rises by 9 MB, but not steadily",
        next_step="Evaluate more images: memory that keeps growing rises in every part",
        evidence={"images": 500, "repeated": False, "rises_by_bytes": 9e6},
    )


@pytest.mark.parametrize(
    ("inferences", "shown"), [(62.0, "1 kB"), (20.0, "2 kB"), (10.6, "5 kB"), (2.2, "10 kB")]
)
def test_what_could_be_missed_is_rounded_up_to_1_2_or_5(inferences: float, shown: str) -> None:
    # 64 kB over three quarters: 344, 1,067, 2,013 and 9,697 bytes an inference, at least 1 kB.
    flat = Rise(steps=(0, 0, 0), inferences=inferences, apart=round(3 * inferences))
    judged = steady_memory(evaluated(flat), images=20)
    assert judged.reason.startswith(f"memory grows by less than {shown} an inference")


def test_the_longest_load_says_what_could_be_missed() -> None:
    short = Rise(steps=(0, 0, 0), inferences=4.0, apart=12)
    assert steady_memory(evaluated(short, FLAT), images=9).evidence["less_than_bytes"] == 1000.0


def test_what_is_not_known_of_memory_says_what_to_do() -> None:
    few = Watched(evaluated=Growth(inferences=5))
    assert steady_memory(few, images=20) == Judgement(
        status=Verdict.MISSING,
        reason="not measured: 5 inferences can't tell",
        next_step="Evaluate more images",
    )
    silent = Watched(evaluated=Growth(inferences=0))
    assert steady_memory(silent, images=1) == Judgement(
        status=Verdict.MISSING,
        reason="not measured: the worker of this target does not tell how much memory it holds "
        "(1 image)",
        next_step='Allow it with `allow_missing = ["steady_memory"]`',
    )


def rise(*steps: int, inferences: float = 10.0) -> Rise:
    return Rise(steps=steps, inferences=inferences, apart=30)


def test_a_rise_is_permitted_up_to_the_noise_and_shown_beyond_it_in_every_quarter() -> None:
    # By the inference, 3 quarters of 10: 30 kB. In all: 64 kB, which is more.
    assert ALLOCATED.permits(rise(64_000, 0, 0))
    assert not ALLOCATED.permits(rise(64_001, 0, 0))
    long = rise(99_000, 0, 0, inferences=33.0)
    assert ALLOCATED.permits(long)
    assert not ALLOCATED.permits(rise(99_001, 0, 0, inferences=33.0))
    assert ALLOCATED.shows(rise(22_000, 21_001, 21_000))
    assert not ALLOCATED.shows(rise(22_000, 21_000, 21_000))
    assert not ALLOCATED.shows(rise(99_000, 99_000, 10_000))
    assert ALLOCATED.shows(rise(99_000, 99_000, 10_001))
    assert ALLOCATED.bound(rise(0, 0, 0)) == pytest.approx(64_000 / 30)
    assert ALLOCATED.bound(long) == 1000


def test_what_grows_fastest_counts_whichever_kind_of_memory_it_is() -> None:
    allocated = rise(30_000, 30_000, 30_000)
    resident = rise(3_000_000, 3_000_000, 3_000_000)
    assert growing(evaluated(allocated)) == 3_000
    assert growing(evaluated(allocated, resident=(resident,))) == 300_000
    assert growing(evaluated(FLAT, resident=(allocated,))) is None


def test_growth_of_the_evaluation_counts_before_that_of_the_repetition() -> None:
    slow, fast = rise(30_000, 30_000, 30_000), rise(60_000, 60_000, 60_000)
    both = Watched(
        evaluated=Growth(inferences=100, allocated=(slow,)),
        repeated=Growth(inferences=7, allocated=(fast,)),
    )
    assert growing(both) == 3_000
    assert grown(both) == (300_000, 100)


def test_where_nothing_was_measured_memory_is_open() -> None:
    assert is_open(Growth(inferences=9))
    assert not is_open(evaluated(LEAK).evaluated)
    assert is_open(Growth(inferences=250, allocated=(FLAT, ONE_BUFFER)))
