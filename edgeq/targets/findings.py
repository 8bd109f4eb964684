"""What a look at a file tells about how it would run on a target."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Findings:
    """What there is to know of a file on a target that does not run it.

    Attributes:
        lines: For people, a line each.
        problems: Why the file can't be used there, a line each; none if nothing speaks against it.
    """

    lines: tuple[str, ...]
    problems: tuple[str, ...] = ()
