"""The bridge to pytest-benchmark: the worker's clock is the benchmark's timer.

Baseline and variant were timed in alternating blocks inside the worker. Each sample of the
variant becomes one round of the benchmark, so that pytest-benchmark's statistics, files and
comparisons hold the time of the inference alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from edgeq.pipeline.run import TimedPair


class WorkerClock:
    """A clock that stands still but for the time that a worker measured."""

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self._now

    def start(self) -> None:
        """Start again at zero, where adding small times loses no digits."""
        self._now = 0.0

    def advance(self, seconds: float) -> None:
        """Let a measured time pass."""
        self._now += seconds


worker_clock = WorkerClock()


def replay(benchmark: BenchmarkFixture, pair: TimedPair) -> None:
    """Record the variant's samples as the rounds of a benchmark.

    Args:
        benchmark: The fixture of a test marked with ``benchmark(timer=worker_clock)``.
        pair: The samples of baseline and variant in seconds.
    """
    samples = iter(pair.timed.samples[1].tolist())

    def one_round() -> None:
        worker_clock.advance(next(samples))

    found = pair.latency
    benchmark.extra_info.update(
        {
            "edgeq.baseline_median_s": found.baseline.median_s,
            "edgeq.ratio": found.ratio,
            "edgeq.init_s": found.variant.init_s,
            "edgeq.first_s": found.variant.first_s,
        }
    )
    benchmark.pedantic(one_round, setup=worker_clock.start, rounds=len(pair.timed.samples[1]))
