"""Terminal output: a table of variants by gate, bad input, and finally the report's location.

In a step of GitHub Actions, annotations and the step's summary are written too.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edgeq.plugin.latency import quieten
from edgeq.plugin.outcomes import is_verdict
from edgeq.plugin.state import State, state_of
from edgeq.words.escape import printable

REPORT = "report.html"
ACTIONS = "GITHUB_ACTIONS"
SUMMARY = "GITHUB_STEP_SUMMARY"


def pytest_report_header(config: pytest.Config) -> str | None:
    """Return a line that names the spec in use."""
    state = state_of(config)
    if state.spec_file is None:
        return None
    return f"edgeq: {short(state.spec_file, state.start)}"


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Return what is wrong with the accepted records, before tests run for nothing.

    It fails the whole run; other bad input stops single cases and is named once, at the end.
    """
    error = state_of(config).accepted_error if items else None
    return [] if error is None else [f"edgeq: bad input: {printable(error)}"]


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the results."""
    state = state_of(terminalreporter.config)
    found = state.found
    stopped = _is_stopped(state)
    if found.record is not None and not stopped:
        from edgeq.report import terminal

        terminalreporter.write_sep("=", "edgeq")
        width = _width(terminalreporter)
        text = terminal.render(found.record, found.view, width=width).rstrip()
        body, _, answer = text.rpartition("\n\n")
        for line in body.splitlines():
            shown = terminal.coloured(line) if terminalreporter.hasmarkup else line
            terminalreporter.write_line(shown)
        terminalreporter.write_line("")
        for line in answer.splitlines():
            terminalreporter.write_line(line, bold=True)
    elif found.record is None and found.seen and found.seen.keys() <= found.left_out.keys():
        number = "the only one was" if len(found.seen) == 1 else f"all {len(found.seen)} were"
        terminalreporter.write_line(f"No case of the gate was run: {number} deselected.")
    if found.errors:
        title = "edgeq: bad input, nothing was judged" if stopped else "edgeq: bad input"
        terminalreporter.section(title, red=True)
        for error in found.errors:
            terminalreporter.write_line(printable(error), red=True)


ACCEPT = "Next: edgeq accept --reason TEXT makes later runs fail if a figure gets worse"


class Address:
    """Writes the report's location last, and keeps pytest from repeating what edgeq's table says.

    pytest prints a failure up to three times: as a section, in its short summary, and here. The
    table names every case that failed, with its reason, so the other two show only what is not a
    verdict: errors, and tests of the user's own. ``-v`` shows all of them.
    """

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> Generator[None, None, None]:
        """Write the location after everything else."""
        state = state_of(terminalreporter.config)
        quieten(terminalreporter.config)
        if state.found.record is not None and terminalreporter.config.get_verbosity() <= 0:
            with _without_verdicts(terminalreporter.stats):
                yield
        else:
            yield
        if state.found.folder is not None and not _is_stopped(state):
            for damaged in state.found.damaged:
                terminalreporter.write_line(printable(f"History: {damaged}"), yellow=True)
            page = short(state.found.folder / REPORT, state.start)
            record = state.found.record
            if record is not None and record.summary.may_ship and not state.accepted:
                terminalreporter.write_line(ACCEPT)
            terminalreporter.write_line(f"Report: {page}")


@contextmanager
def _without_verdicts(stats: dict[str, list[Any]]) -> Iterator[None]:
    """Hide the failures that the record of the run has as verdicts of gates."""
    failed = stats.get("failed", [])
    stats["failed"] = [report for report in failed if not is_verdict(report)]
    try:
        yield
    finally:
        stats["failed"] = failed


def _width(terminalreporter: pytest.TerminalReporter) -> int:
    from edgeq.report import terminal

    if not terminalreporter.isatty:
        return terminal.WIDTH
    columns = shutil.get_terminal_size().columns - 1
    return max(terminal.MIN_WIDTH, min(columns, terminal.MAX_WIDTH))


def _is_stopped(state: State) -> bool:
    """Return whether bad input left nothing to judge, so that nothing else needs to be shown."""
    if state.found.record is None or not state.found.errors:
        return False
    from edgeq.report import terminal

    return terminal.is_stopped(state.found.record, state.found.view)


def short(path: Path, start: Path) -> str:
    """Return a path relative to the folder where pytest was called, if that is shorter."""
    return min(os.path.relpath(path, start), str(path), key=len)


class GitHub:
    """Writes annotations and a summary in a step of GitHub Actions; does nothing elsewhere."""

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write annotations to the output and the summary to the step's summary file."""
        found = state_of(terminalreporter.config).found
        record = found.record
        if record is None or os.environ.get(ACTIONS) != "true":
            return
        from edgeq.errors import reason_of
        from edgeq.report import github, markdown

        terminalreporter.ensure_newline()
        for line in github.commands(record):
            terminalreporter.write_line(line)
        summary = os.environ.get(SUMMARY)
        if not summary:
            return
        try:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(f"{markdown.render(record, found.view)}\n")
        except OSError as error:
            terminalreporter.write_line(f"{SUMMARY} can't be written: {reason_of(error)}", red=True)
