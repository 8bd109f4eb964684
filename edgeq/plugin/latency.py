"""Integration with pytest-benchmark, whose timer is the worker's clock.

Baseline and variant are timed in alternating blocks inside the worker. Each sample of the variant
becomes one round of the benchmark, so that pytest-benchmark's statistics, files and comparisons
contain the time of the inference only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from edgeq.errors import EdgeqError
from edgeq.plugin.state import STATE

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from edgeq.pipeline.timing import TimedPair
    from edgeq.plugin.state import State


SAVES: pytest.StashKey[bool] = pytest.StashKey()
"""Whether pytest-benchmark should save its files although the user did not ask for it."""

AUTOSAVE = "edgeq"
BENCHMARK_DEFAULT = "file://./.benchmarks"
BENCHMARKS = "benchmarks"
BENCHMARK_OPTIONS = "--benchmark-"
RATIO = "edgeq.ratio"


class WorkerClock:
    """A clock that advances only by the times that a worker measured."""

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self._now

    def start(self) -> None:
        """Reset to zero, where adding small times loses no digits."""
        self._now = 0.0

    def advance(self, seconds: float) -> None:
        """Advance by a measured time."""
        self._now += seconds


worker_clock = WorkerClock()


def replay(benchmark: BenchmarkFixture, pair: TimedPair) -> None:
    """Record the variant's samples as the rounds of a benchmark.

    The test is marked with ``benchmark(timer=worker_clock)``; samples are in seconds.
    """
    samples = iter(pair.timed.samples[1].tolist())

    def one_round() -> None:
        worker_clock.advance(next(samples))

    latency = pair.latency
    benchmark.extra_info.update(
        {
            "edgeq.baseline_median_s": latency.baseline.median_s,
            RATIO: latency.ratio,
            "edgeq.init_s": latency.variant.init_s,
            "edgeq.first_s": latency.variant.first_s,
        }
    )
    benchmark.pedantic(one_round, setup=worker_clock.start, rounds=len(pair.timed.samples[1]))


def leave_out(benchmark: BenchmarkFixture) -> None:
    """Run an empty benchmark, as pytest-benchmark warns about a fixture that is not used."""
    benchmark.disabled = True
    benchmark(_nothing)


def save(config: pytest.Config) -> None:
    """Let pytest-benchmark save the session if required.

    This is enabled only once there is a benchmark. With nothing to save, pytest-benchmark warns,
    and if warnings are errors, that ends the session.
    """
    if config.stash.get(SAVES, False):
        session = config.pluginmanager.get_plugin("pytest-benchmark")
        if session is not None:
            session.autosave = AUTOSAVE


def keep_benchmarks(config: pytest.Config) -> None:
    """Let pytest-benchmark save every run below the reports, unless the user chose otherwise.

    May be called again, since a session's spec, and so its reports folder, may be known only once
    its tests are.
    """
    option = config.option
    ours = SAVES in config.stash
    if not ours and getattr(option, "benchmark_storage", "") != BENCHMARK_DEFAULT:
        return
    try:
        option.benchmark_storage = f"file://{config.stash[STATE].reports / BENCHMARKS}"
    except EdgeqError:
        return  # reported when the session starts
    config.stash[SAVES] = not option.benchmark_autosave and not option.benchmark_save
    session = config.pluginmanager.get_plugin("pytest-benchmark")
    if session is not None and hasattr(session, "storage"):
        from pytest_benchmark.utils import load_storage

        session.storage = load_storage(
            option.benchmark_storage,
            logger=session.logger,
            default_machine_id=session.machine_id,
            netrc=option.benchmark_netrc,
        )


def quieten(config: pytest.Config) -> None:
    """Omit pytest-benchmark's table if it has only edgeq's times and was not requested.

    It is 200 columns wide, and edgeq's own table has each ratio with its verdict. Any option of
    pytest-benchmark, as ``--benchmark-columns``, brings it back.
    """
    session = getattr(config, "_benchmarksession", None)
    if session is None:
        return
    words = [*config.invocation_params.args, *config.getini("addopts")]
    asked = any(str(word).startswith(BENCHMARK_OPTIONS) for word in words)
    if not asked and all(RATIO in entry.extra_info for entry in session.benchmarks):
        session.quiet = True


def has_benchmarks(config: pytest.Config) -> bool:
    """Return whether pytest-benchmark is loaded, which ``-p no:benchmark`` prevents."""
    return hasattr(config.option, "benchmark_disable")


class Anonymous:
    """Keeps the machine's host name out of pytest-benchmark's files, in projects with a spec."""

    def __init__(self, state: State) -> None:
        self._state = state

    @pytest.hookimpl(optionalhook=True)
    def pytest_benchmark_update_machine_info(self, machine_info: dict[str, Any]) -> None:
        """Remove the host name; the description of the hardware stays."""
        if self._state.spec_file is not None:
            machine_info["node"] = ""


class Untimed:
    """Replaces pytest-benchmark if it is not loaded; nothing is timed."""

    disabled = True

    @pytest.fixture
    def benchmark(self) -> Untimed:
        """Return a benchmark that is disabled."""
        return self

    def __call__(self, function: Callable[[], None]) -> None:
        """Run a function, as pytest-benchmark does if benchmarks are disabled."""
        function()


def _nothing() -> None:
    """Do nothing, in place of a benchmark that was not timed."""
