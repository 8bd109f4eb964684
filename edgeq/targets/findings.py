"""Findings about how a file would run on a target, from examining the file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Findings:
    """Findings about a file on a target that does not run it.

    Attributes:
        lines: Findings for people, one line each.
        problems: Reasons why the file can't be used there, one line each; empty if there are none.
    """

    lines: tuple[str, ...]
    problems: tuple[str, ...] = ()
