"""The pytest plugin behind ``edgeq gate``, which runs the shipped suite without a test file.

Only that command loads it, with ``-p``, so that workers of xdist load it too.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgeq.errors import EdgeqError
from edgeq.plugin.latency import keep_benchmarks
from edgeq.plugin.state import STATE, State
from edgeq.plugin.terminal import short

SUITE = "edgeq.gate.suite"

_FILE = Path(__file__).with_name("suite.py")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Announce what will be validated, or refuse a bad spec, before any other output."""
    option = config.option
    if hasattr(config, "workerinput") or option.help or option.version:
        return None
    state = config.stash.setdefault(STATE, State(config))
    state.built_in = True
    try:
        lines = announcement(state)
    except EdgeqError as error:
        sys.stderr.write(f"edgeq: {' '.join(str(error).split())}\n")
        return error.exit_code
    if _is_stopped(state):
        lines = lines[:1] if state.spec_file is None else ()
    if config.get_verbosity() >= 0 and lines:
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
    return None


def pytest_configure(config: pytest.Config) -> None:
    """Use the built-in models if there is no spec, and keep their benchmarks with the reports."""
    config.stash[STATE].built_in = True
    keep_benchmarks(config)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Module | None:
    """Name the suite by its module, so that ids are short and independent of the installation."""
    if module_path != _FILE:
        return None
    suite: pytest.Module = pytest.Module.from_parent(parent, path=module_path, nodeid=SUITE)
    return suite


def _is_stopped(state: State) -> bool:
    """Return whether bad input leaves nothing to validate; only the bad input is then reported."""
    cases = state.cases.values()
    stopped = state.beforehand.stopped(cases, reach=False)
    return stopped.keys() == {case.variant.name for case in cases}


def announcement(state: State) -> tuple[str, ...]:
    """Return one line each about the spec, the models and the number of cases.

    Raises:
        EdgeqError: The spec is not valid.
    """
    variants = {model: len(state.inventory.variants_of(model)) for model in state.spec.models}
    models = ", ".join(
        f"{model} ({count} {'variant' if count == 1 else 'variants'})"
        for model, count in variants.items()
    )
    return (f"Spec: {_spec(state)}", f"Models: {models}", f"Cases: {len(state.cases)}")


def _spec(state: State) -> str:
    if state.spec_file is None:
        return "built-in (no edgeq.toml here or in a parent folder; `edgeq init` writes one)"
    return short(state.spec_file, state.start)
