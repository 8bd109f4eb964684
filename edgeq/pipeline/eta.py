"""How far a long job is, and how long it will still take."""

from __future__ import annotations

import time
from collections.abc import Callable

SOON_S = 5.0
"""Seconds of work before which nothing is said about the rest."""

_MINUTE_S, _HOUR_S = 60.0, 3600.0


class Countdown:
    """Foretells the end of a job from its pace so far.

    Args:
        total: Number of its parts.
        clock: Seconds that never run backwards.
    """

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        self._clock = clock
        self._start = clock()
        self._done, self._used = 0, 0.0

    def text(self, done: int) -> str:
        """Return ``"640 of 2000, about 4 min left"``; no time at the very start or end.

        The pace is that of the parts that are done: while one takes minutes the rest gets
        shorter, as long as that part is no slower than those before it.
        """
        used = self._clock() - self._start
        if done != self._done:
            self._done, self._used = done, used
        said = f"{done} of {self.total}"
        if used < SOON_S or not 0 < done < self.total:
            return said
        pace, under_way = self._used / done, used - self._used
        left = pace * (self.total - done) - min(under_way, pace)
        return f"{said}, about {rounded(left)} left" if left > 0 else said


def rounded(seconds: float) -> str:
    """Return a time roughly, for example ``"30 s"``, ``"4 min"`` or ``"2.5 h"``."""
    if seconds < 2 * _MINUTE_S:
        return f"{max(1, round(seconds))} s"
    if seconds < 2 * _HOUR_S:
        return f"{round(seconds / _MINUTE_S)} min"
    return f"{seconds / _HOUR_S:.1f} h"
