from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from edgeq.run.results import Timed
from edgeq.run.settling import ALIKE, BATCHES, is_steady, settle


class Board:
    """A board whose inferences take given times, and whose clock advances by a second a batch."""

    def __init__(self, *times: float) -> None:
        self._times: Iterator[float] = iter([*times, *[times[-1]] * 100])
        self.now = 0.0
        self.batches = 0

    def batch(self) -> Timed:
        self.now += 1.0
        self.batches += 1
        samples = (np.full(4, next(self._times)), np.full(4, 9.0))
        return Timed((0.1, 0.1), samples, np.zeros(4, np.int64), 4, (0.0, 0.0))

    def clock(self) -> float:
        return self.now


def test_a_steady_board_needs_no_more_than_it_takes_to_see_that() -> None:
    board = Board(0.01)
    settled = settle(board.batch, budget_s=20, clock=board.clock)
    assert settled.steady
    assert board.batches == settled.seconds == BATCHES


@pytest.mark.parametrize("times", [[0.03, 0.02, 0.012, 0.01], [0.01, 0.01, 0.014, 0.02]])
def test_a_clock_that_rises_or_falls_is_waited_for(times: list[float]) -> None:
    board = Board(*times)
    assert settle(board.batch, budget_s=20, clock=board.clock).steady
    assert board.batches == len(times) - 1 + BATCHES


def test_a_board_that_never_settles_is_given_up_and_said() -> None:
    board = Board(*[0.01, 0.02] * 40)
    settled = settle(board.batch, budget_s=20, clock=board.clock)
    assert not settled.steady
    assert settled.seconds == board.batches == 20


def test_few_batches_prove_nothing_and_a_slow_drift_is_seen() -> None:
    assert not is_steady([0.01] * (BATCHES - 1))
    assert is_steady([0.01] * BATCHES)
    assert is_steady([9.0, *[0.01] * BATCHES])
    rising = [0.01 * (1 + ALIKE) ** step for step in range(8)]
    assert not is_steady(rising)
