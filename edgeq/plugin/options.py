"""Options, markers, and where pytest-benchmark keeps its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.errors import EdgeqError
from edgeq.plugin.session import Collector
from edgeq.plugin.state import STATE, State

BENCHMARK_DEFAULT = "file://./.benchmarks"
BENCHMARKS = "benchmarks"
MARKERS = (
    "edgeq(gate): the test answers the cases of this edgeq gate",
    "size: gates on the size of a variant",
    "agreement: gates on what a variant says beside its baseline",
    "accuracy: gates on what a variant says beside the labels",
    "latency: gates on the time of an inference",
    "memory: gates on memory and on what the kernels took over",
    "proof: facts that hold for every variant, without a limit",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add edgeq's options."""
    group = parser.getgroup("edgeq", "the regression gate for quantized models")
    group.addoption(
        "--edgeq-config",
        metavar="FILE",
        type=Path,
        help="read the spec from FILE (default: the nearest edgeq.toml, or pyproject.toml with "
        "[tool.edgeq], from here upwards)",
    )
    group.addoption(
        "--edgeq-reports",
        metavar="DIR",
        type=Path,
        help="write reports below DIR (default: the spec's `reports`)",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the markers; keep benchmarks below the reports where the project has a spec."""
    for line in MARKERS:
        config.addinivalue_line("markers", line)
    state = config.stash[STATE] = State(config)
    config.pluginmanager.register(Collector(state), "edgeq-collector")
    option = config.option
    if state.spec_file is None or getattr(option, "benchmark_storage", "") != BENCHMARK_DEFAULT:
        return
    try:
        option.benchmark_storage = f"file://{state.reports / BENCHMARKS}"
    except EdgeqError:
        return  # said, in words, when the session starts
    if not option.benchmark_autosave and not option.benchmark_save:
        option.benchmark_autosave = "edgeq"
