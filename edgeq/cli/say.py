"""What a command says on the terminal: one line at a time, and nothing in it is obeyed."""

from __future__ import annotations

import shutil
import sys

import click

from edgeq.words.escape import line


def say(text: str, *, err: bool = False) -> None:
    """Write one line; names of others' files and records in it are shown, whatever they hold.

    Args:
        text: The line.
        err: Whether it goes to standard error.
    """
    click.echo(line(text), err=err)


def progress(text: str) -> None:
    """Show what is going on, one line over another on a terminal, silent elsewhere.

    Args:
        text: The line, ``""`` to take away the last one.
    """
    stream = sys.stderr
    if stream.isatty():
        width = shutil.get_terminal_size().columns - 1
        stream.write(f"\r\x1b[K{f'edgeq: {text}'[:width] if text else ''}\r")
        stream.flush()
