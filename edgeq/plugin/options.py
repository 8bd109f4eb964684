"""Command-line options, markers, and pytest-benchmark's storage folder."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from edgeq.config.markers import COST_MARKERS, MARKERS
from edgeq.plugin.latency import Anonymous, Untimed, has_benchmarks, keep_benchmarks
from edgeq.plugin.session import Collector, Release
from edgeq.plugin.state import STATE, State
from edgeq.plugin.terminal import Address, GitHub

EDGEQ_MARKER = "edgeq(gate): the test answers the cases of this edgeq gate"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add edgeq's options."""
    group = parser.getgroup("edgeq", "the regression gate for quantized models")
    group.addoption(
        "--edgeq-config",
        metavar="FILE",
        type=Path,
        help="read the spec from FILE (default: the nearest edgeq.toml, or pyproject.toml with "
        "[tool.edgeq], in the tests' folder or above, else in the current folder or above)",
    )
    group.addoption(
        "--edgeq-reports",
        metavar="DIR",
        type=Path,
        help="write reports into DIR (default: the spec's `reports`)",
    )
    group.addoption(
        "--edgeq-without",
        metavar="MARKER",
        action="append",
        choices=COST_MARKERS,
        default=[],
        help="leave out the gates with a marker (latency, memory, size), like the spec's "
        "`without`; may be repeated",
    )
    group.addoption(
        "--edgeq-target",
        metavar="NAME",
        action="append",
        default=[],
        help="judge variants on this target in place of those that the spec uses; may be repeated",
    )
    # Set by `edgeq gate`, so that the record names the command that a reader can repeat.
    group.addoption("--edgeq-command", metavar="TEXT", help=argparse.SUPPRESS)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and keep benchmarks with the reports if the project has a spec."""
    config.addinivalue_line("markers", EDGEQ_MARKER)
    for name, about in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {about}")
    state = config.stash.setdefault(STATE, State(config))
    collector = Collector(state)
    # Cleanups run in reverse order, so the first to be added runs last, after all plugins' hooks.
    config.add_cleanup(collector.close)
    for plugin in (
        collector,
        Release(collector),
        Address(),
        GitHub(),
    ):  # registered without names, so that none can be disabled
        config.pluginmanager.register(plugin)
    if has_benchmarks(config):
        config.pluginmanager.register(Anonymous(state), "edgeq-anonymous")
    else:
        config.addinivalue_line("markers", "benchmark: a time that is not measured here")
        config.pluginmanager.register(Untimed(), "edgeq-untimed")
    if state.spec_file is not None:
        keep_benchmarks(config)
