"""The time that a repair may take, and the time that its stages took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


class Clock:
    """Counts down from a number of seconds, or not at all if it is None."""

    def __init__(self, seconds: float | None = None) -> None:
        self._started = time.monotonic()
        self._seconds = seconds

    @property
    def passed_s(self) -> float:
        """Seconds since the clock was created."""
        return time.monotonic() - self._started

    @property
    def is_over(self) -> bool:
        """Whether no time is left."""
        return self._seconds is not None and self.passed_s >= self._seconds


@dataclass
class Stages:
    """Stopwatch for the stages of a repair."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timing(self, name: str) -> Iterator[None]:
        """Add the seconds that a block takes to a stage."""
        start = time.monotonic()
        try:
            yield
        finally:
            spent = time.monotonic() - start
            self.seconds[name] = round(self.seconds.get(name, 0.0) + spent, 2)
