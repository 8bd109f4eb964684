"""GitHub Actions output: the step summary, and annotations at the end of the log."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgeq.plugin.state import state_of

ACTIONS = "GITHUB_ACTIONS"
SUMMARY = "GITHUB_STEP_SUMMARY"


class GitHub:
    """Writes annotations and a summary in a step of GitHub Actions; does nothing elsewhere."""

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write annotations to the output and the summary to the step's summary file."""
        found = state_of(terminalreporter.config).found
        record = found.record
        if record is None or os.environ.get(ACTIONS) != "true":
            return
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
            terminalreporter.write_line(f"{SUMMARY} can't be written: {error.strerror}", red=True)
