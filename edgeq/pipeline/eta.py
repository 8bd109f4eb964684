"""Progress of a long job, with an estimate of the time left."""

from __future__ import annotations

import time
from collections.abc import Callable

SOON_S = 5.0
"""Seconds of work before the time left is estimated."""

_MINUTE_S, _HOUR_S = 60.0, 3600.0


class Countdown:
    """Estimates the time left of a job from its pace so far.

    Args:
        total: Number of parts.
        clock: Returns seconds from a monotonic clock.
    """

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        self._clock = clock
        self._start = clock()
        self._done, self._used = 0, 0.0

    def text(self, done: int) -> str:
        """Return ``"640 of 2000, about 4 min left"``, without a time at the very start or end.

        The pace is that of the finished parts. While a part runs, the estimate shrinks until that
        part has taken as long as those before it on average.
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
    """Return a time rounded for display, for example ``"30 s"``, ``"4 min"`` or ``"2.5 h"``."""
    if seconds < 2 * _MINUTE_S:
        return f"{max(1, round(seconds))} s"
    if seconds < 2 * _HOUR_S:
        return f"{round(seconds / _MINUTE_S)} min"
    return f"{seconds / _HOUR_S:.1f} h"
