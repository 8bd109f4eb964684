"""Terminal output: a table of variants by gate, bad input, and finally the report's location."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from edgeq.plugin.state import State, state_of
from edgeq.words.escape import printable

REPORT = "report.html"


def pytest_report_header(config: pytest.Config) -> str | None:
    """Return a line that names the spec in use."""
    state = state_of(config)
    if state.spec_file is None:
        return None
    return f"edgeq: {short(state.spec_file, state.start)}"


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the results."""
    state = state_of(terminalreporter.config)
    found = state.found
    stopped = _is_stopped(state)
    if found.record is not None and not stopped:
        from edgeq.report import terminal

        terminalreporter.section("edgeq")
        for line in terminal.render(found.record).rstrip().splitlines():
            terminalreporter.write_line(line)
    elif found.record is None and found.seen and found.seen.keys() <= found.left_out.keys():
        number = "the only one was" if len(found.seen) == 1 else f"all {len(found.seen)} were"
        terminalreporter.write_line(f"No case of the gate was run: {number} deselected.")
    if found.errors:
        title = "edgeq: bad input, nothing was judged" if stopped else "edgeq: bad input"
        terminalreporter.section(title, red=True)
        for error in found.errors:
            terminalreporter.write_line(printable(error), red=True)


class Address:
    """Writes the report's location after pytest's own list of failures, which may be long."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> Generator[None, None, None]:
        """Write the location after everything else."""
        yield
        state = state_of(terminalreporter.config)
        if state.found.folder is not None and not _is_stopped(state):
            for damaged in state.found.damaged:
                terminalreporter.write_line(printable(f"History: {damaged}"), yellow=True)
            page = short(state.found.folder / REPORT, state.start)
            terminalreporter.write_line(f"Report: {page}")


def _is_stopped(state: State) -> bool:
    """Return whether bad input left nothing to judge, so that nothing else needs to be shown."""
    if state.found.record is None or not state.found.errors:
        return False
    from edgeq.report import terminal

    return terminal.is_stopped(state.found.record)


def short(path: Path, start: Path) -> str:
    """Return a path relative to the folder where pytest was called, if that is shorter."""
    return min(os.path.relpath(path, start), str(path), key=len)
