"""How long a job will still take."""

from __future__ import annotations

import pytest

from edgeq.pipeline.eta import Countdown


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


def test_a_part_of_minutes_foretells_the_rest_from_the_first_on() -> None:
    clock = Clock()
    countdown = Countdown(20, clock)
    clock.now += 90
    assert countdown.text(0) == "0 of 20"
    clock.now += 30
    assert countdown.text(1) == "1 of 20, about 38 min left"
    clock.now += 60  # in the middle of the second: the pace is that of the first
    assert countdown.text(1) == "1 of 20, about 37 min left"
    clock.now += 600  # the second takes longer than the first
    assert countdown.text(1) == "1 of 20, about 36 min left"


def test_a_last_part_that_takes_too_long_has_no_end_in_sight() -> None:
    clock = Clock()
    countdown = Countdown(2, clock)
    clock.now += 60
    assert countdown.text(1) == "1 of 2, about 60 s left"
    clock.now += 61
    assert countdown.text(1) == "1 of 2"
