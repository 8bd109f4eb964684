"""Progress on a single terminal line; silent elsewhere."""

from __future__ import annotations

import shutil
import sys

import pytest

from edgeq.words.status import status_line


class Progress:
    """Writes each line over the one before, to standard error, while tests run.

    The session's capture manager is paused for each line, and ``-q`` disables progress.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._capture = config.pluginmanager.getplugin("capturemanager")
        self._shown = sys.__stderr__ is not None and config.get_verbosity() >= 0
        self._shown = self._shown and not hasattr(config, "workerinput")
        config.add_cleanup(lambda: self.say(""))

    def say(self, line: str) -> None:
        """Show a line in place of the previous one, none if it is empty."""
        if not self._shown or self._capture is None:
            return
        with self._capture.global_and_fixture_disabled():
            stream = sys.stderr
            self._shown = stream.isatty()  # if it is not one, later lines stop above
            if self._shown:
                shown = status_line(line, shutil.get_terminal_size().columns - 1)
                stream.write(f"\r\x1b[K{shown}\r")
                stream.flush()
