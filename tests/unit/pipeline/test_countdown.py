"""How long a job will still take."""

from __future__ import annotations

import pytest

from edgeq.pipeline.countdown import Countdown


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("used", "done", "text"),
    [
        (4.9, 50, "50 of 100"),
        (10, 0, "0 of 100"),
        (10, 50, "50 of 100, about 10 s left"),
        (10, 10, "10 of 100, about 90 s left"),
        (60, 10, "10 of 100, about 9 min left"),
        (3600, 10, "10 of 100, about 9.0 h left"),
        (3600, 100, "100 of 100"),
    ],
)
def test_the_rest_follows_from_the_pace(used: float, done: int, text: str) -> None:
    clock = Clock()
    countdown = Countdown(100, clock)
    clock.now += used
    assert countdown.text(done) == text
