"""The command that repeats a run, as the record gives it, without absolute paths."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

# An absolute path: an argument of its own, after ``=``, ``:`` or ``,``, after ``file://``, or
# right after a one-letter option. It ends at ``::``, where the name of a test begins.
_ABSOLUTE = re.compile(r"(?:^|(?<=[=:,])|(?<=://)|(?<=^-\w))/(?!/)[^=:,]*")


def command_line(config: pytest.Config) -> str:
    """Return the command that started this session, quoted for a shell."""
    given = config.invocation_params
    said: str | None = config.getoption("edgeq_command", None)
    words = ["pytest", *map(str, given.args)] if said is None else shlex.split(said)
    return shlex.join(portable(word, Path(given.dir)) for word in words)


def portable(word: str, start: Path) -> str:
    """Return an argument with its absolute paths made relative to a folder.

    Args:
        word: One argument of a command line.
        start: The folder. Paths below it become relative to it; of others only the name remains.
    """

    def shorten(match: re.Match[str]) -> str:
        path = Path(match[0])
        if path.is_relative_to(start):
            return path.relative_to(start).as_posix()
        return path.name

    return _ABSOLUTE.sub(shorten, word)
