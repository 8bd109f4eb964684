"""What a command says on the terminal: one line at a time, and nothing in it is obeyed."""

from __future__ import annotations

import click

from edgeq.words.escape import line


def say(text: str, *, err: bool = False) -> None:
    """Write one line; names of others' files and records in it are shown, whatever they hold.

    Args:
        text: The line.
        err: Whether it goes to standard error.
    """
    click.echo(line(text), err=err)
