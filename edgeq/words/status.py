"""A line of progress for a terminal: a bar, if the line counts something, and what is done."""

from __future__ import annotations

import re

from edgeq.words.escape import line

BAR = 20
"""Width of a bar in columns."""
MIN_WIDTH = 60
"""Columns of a terminal from which there is room for a bar."""

_COUNTED = re.compile(r"(?<![\d,.])(\d+) of (\d+)(?![,.]?\d)")


def status_line(text: str, width: int) -> str:
    """Return one harmless line of at most ``width`` columns, empty for an empty text.

    ``"3 of 8"`` in the text becomes a bar in front of it.
    """
    if not text:
        return ""
    counted = _COUNTED.search(text)
    bar = "" if counted is None or width < MIN_WIDTH else _bar(int(counted[1]), int(counted[2]))
    return f"edgeq: {bar}{line(text)}"[:width]


def _bar(done: int, total: int) -> str:
    """Return a bar, empty if the numbers are not a count and its total."""
    if not 0 <= done <= total or not total:
        return ""
    filled = BAR * done // total
    return f"[{'#' * filled}{'-' * (BAR - filled)}] "
