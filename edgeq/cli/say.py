"""Writes a command's output to the terminal, line by line, with control characters escaped."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import click

from edgeq.words.escape import line
from edgeq.words.status import status_line

FEWEST_COLUMNS, COLUMNS, MAX_COLUMNS = 60, 100, 140


def width() -> int:
    """Return how many columns a line may have: the terminal's, and 100 if there is none."""
    there = shutil.get_terminal_size((COLUMNS, 0)).columns
    return max(FEWEST_COLUMNS, min(there, MAX_COLUMNS))


def say(text: str, *, err: bool = False) -> None:
    """Write one line; names in it from files and records are escaped, whatever they contain."""
    click.echo(line(text), err=err)


def progress(text: str) -> None:
    """Show a line, overwriting the last one, on a terminal only; ``""`` clears the last one."""
    stream = sys.stderr
    if stream.isatty():
        stream.write(f"\r\x1b[K{status_line(text, shutil.get_terminal_size().columns - 1)}\r")
        stream.flush()


def shown(path: Path) -> Path:
    """Return a path relative to the current folder if that is shorter."""
    return Path(min(os.path.relpath(path), str(path), key=len))
