"""Timing a variant beside its baseline: more rounds only while a verdict is open."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from edgeq.config import structs
from edgeq.measure.latency import Latency, Taking, latency
from edgeq.measure.sequential_looks import LOOKS, look_confidence, rounds_at
from edgeq.run.results import Timed

Batch = Callable[[int, float], Timed]
"""Times so many rounds of both models, and starts no block after so many seconds."""


@dataclass(frozen=True)
class TimedPair:
    """Baseline and variant, timed beside each other.

    Attributes:
        timed: The raw samples, the baseline's first.
        latency: Their summary.
    """

    timed: Timed
    latency: Latency


@dataclass(frozen=True)
class Question:
    """What is to be decided by timing.

    Attributes:
        open: For each gate that rests on times, whether it is still open; without one a single
            batch is taken.
        confidence: Of the answer, however often the samples are looked at.
        inits: Seconds that baseline and variant took to load.
        cores: The machine's, None where it is another one.
    """

    open: Sequence[Callable[[Latency], bool]]
    confidence: float
    inits: tuple[float, float]
    cores: int | None = None


def time_pair(
    batch: Batch,
    how: structs.Latency,
    question: Question,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> TimedPair:
    """Time batches of rounds until every limit is decided or the budget is used up.

    Each look at the samples judges all of them up to then, with the confidence that
    ``look_confidence`` leaves it, and the summary is that of the last look.

    Args:
        batch: Times a batch.
        how: Rounds of the first batch, and the seconds for all of them.
        question: What is to be decided.
        clock: Seconds that never run backwards.
    """
    start = clock()
    looks = LOOKS if question.open else 1
    timed = batch(how.rounds, how.budget_s)
    look = 1
    while True:
        found = _summary(timed, question, looks)
        used = clock() - start
        if not any(is_open(found) for is_open in question.open):
            break
        have = len(timed.blocks)
        more = rounds_at(look + 1, how.rounds) - have
        cut_short = have < timed.rounds_asked
        if look == looks or more <= 0 or cut_short or used >= how.budget_s:
            break
        timed = joined(timed, batch(more, how.budget_s - used))
        look += 1
    taking = Taking(
        looks=look,
        looks_planned=looks,
        confidence=question.confidence,
        budget_s=how.budget_s,
        used_s=used,
        load_average=timed.load_average,
        cores=question.cores,
    )
    return TimedPair(timed, msgspec.structs.replace(found, taking=taking))


def joined(first: Timed, second: Timed) -> Timed:
    """Return two batches of one worker as one: the second's blocks come after the first's."""
    return Timed(
        first_s=first.first_s,
        samples=tuple(
            np.concatenate(both) for both in zip(first.samples, second.samples, strict=True)
        ),
        blocks=np.concatenate([first.blocks, second.blocks + first.blocks[-1] + 1]),
        rounds_asked=first.rounds_asked + second.rounds_asked,
        load_average=(first.load_average[0], second.load_average[1]),
    )


def _summary(timed: Timed, question: Question, looks: int) -> Latency:
    return latency(
        timed.samples[0],
        timed.samples[1],
        timed.blocks,
        inits=question.inits,
        firsts=(timed.first_s[0], timed.first_s[1]),
        confidence=look_confidence(question.confidence, looks),
    )
