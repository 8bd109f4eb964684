"""Latency and memory, measured alone; timing continues only while a verdict is open."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config import structs
from edgeq.judge.verdict import Verdict
from edgeq.measure.latency import Board, Latency, Taking, latency
from edgeq.measure.planning import LOOKS, look_confidence, rounds_at
from edgeq.pipeline.plan import Case
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.run.results import Feed, MemoryUse, Timed
from edgeq.run.session import Session
from edgeq.run.settling import settle

MIN_SAMPLES = 4
"""Minimum number of photographs for timing and memory, if there are as many."""
WARMUP_S = 20.0
"""Most seconds of warming up another machine until its clock is steady."""
SEEN_SAMPLES = 64
"""Photographs to choose these from: one portion, which is decoded anyway."""

Batch = Callable[[int, float], Timed]
"""Times a number of rounds of both models, starting no block after a number of seconds."""


@dataclass(frozen=True)
class TimedPair:
    """Raw samples of baseline and variant, measured alternately, and their summary."""

    timed: Timed
    latency: Latency


@dataclass(frozen=True)
class Question:
    """The question that timing must decide.

    Attributes:
        open: A function for each gate on latency that returns whether it is still open. Without
            any, a single batch is timed.
        confidence: Confidence of the answer, however often the samples are examined.
        inits: Seconds that baseline and variant took to load.
        cores: Number of cores, None on a machine other than this one.
        board: Returns the state of that other machine, None for this one.
    """

    open: Sequence[Callable[[Latency], bool]]
    confidence: float
    inits: tuple[float, float]
    cores: int | None = None
    board: Callable[[], Board] | None = None


def time_pair(
    batch: Batch,
    how: structs.Latency,
    question: Question,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> TimedPair:
    """Time batches of rounds until every limit is decided or the budget is used up.

    Each look at the samples judges all of them so far, at the confidence that ``look_confidence``
    allots to it. The summary is that of the last look.

    Args:
        batch: Times one batch.
        how: Rounds of the first batch, and the budget in seconds for all of them.
        question: The question to decide.
        clock: Returns seconds from a monotonic clock.
    """
    start = clock()
    looks = LOOKS if question.open else 1
    timed = batch(how.rounds, how.budget_s)
    look = 1
    while True:
        summary = _summary(timed, question, looks)
        used = clock() - start
        if not any(is_open(summary) for is_open in question.open):
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
        board=None if question.board is None else question.board(),
    )
    return TimedPair(timed, msgspec.structs.replace(summary, taking=taking))


def joined(first: Timed, second: Timed) -> Timed:
    """Join two batches of one worker; the second's blocks follow the first's."""
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


class _StillTimed(VariantUnderTest):
    """A variant during timing, which shares all other results with the variant itself."""

    def __init__(self, variant: VariantUnderTest, latency: Latency) -> None:
        self.__dict__.update(variant.__dict__)
        self._latency = latency

    @property
    def latency(self) -> Latency:
        """Latency so far."""
        return self._latency


def timed_of(variant: VariantUnderTest) -> TimedPair:
    """Return the times of baseline and variant, measured in alternating blocks in one worker.

    Timing continues while a declared limit is undecided, until the budget is used up.

    Raises:
        WorkerError: The variant does not run.
        ModelError: The baseline does not run.
    """
    run, models = variant.run, (variant.baseline, variant)
    how, what = run.spec.latency, f"{variant.name}: timing beside its baseline"
    for model in models:
        model.path  # noqa: B018 - builds both before the progress line says that they are timed
    run.say(what)
    variant.baseline.memory  # noqa: B018 - a failing baseline must not be blamed on the variant
    with run.executor.session(variant.name) as session:
        session.tell(partial(run.executor.waits, what))
        loads = [run.executor.load_into(model, session) for model in models]
        feeds = [
            Feed(loaded.handle, timing_samples(model), model.preprocessing)
            for loaded, model in zip(loads, models, strict=True)
        ]
        away = not run.executor.target.local_files
        board = _warmed_up(session, feeds, how) if away else None
        return time_pair(
            lambda rounds, budget_s: session.time(
                feeds, rounds=rounds, block=how.block, warmup=how.warmup, budget_s=budget_s
            ),
            how,
            Question(
                open_until_timed(variant),
                run.spec.confidence,
                (loads[0].init_s, loads[1].init_s),
                None if away else os.cpu_count(),
                board,
            ),
        )


def _warmed_up(
    session: Session, feeds: Sequence[Feed], how: structs.Latency
) -> Callable[[], Board]:
    """Warm another machine up, and return a function that says how it was, before and then."""
    before = session.state()
    warmup = settle(
        lambda: session.time(feeds, rounds=how.block, block=how.block, warmup=0, budget_s=0),
        budget_s=min(WARMUP_S, how.budget_s / 2),
    )

    def board() -> Board:
        after = session.state()
        return Board(
            governor=session.facts.governor,
            clock_mhz=(before.clock_mhz, after.clock_mhz),
            celsius=(before.celsius, after.celsius),
            warmup_s=warmup.seconds,
            steady=warmup.steady,
        )

    return board


def open_until_timed(variant: VariantUnderTest) -> list[Callable[[Latency], bool]]:
    """Return, for each gate on a variant's latency, a function that tells whether it is open."""

    def is_open(case: Case, latency: Latency) -> bool:
        judgement = case.gate.judgement(_StillTimed(variant, latency), case.limit or 0.0)
        return judgement.status is Verdict.INCONCLUSIVE

    return [
        partial(is_open, case)
        for case in variant.run.cases
        if case.variant is variant and case.gate.timed
    ]


def memory_of(variant: VariantUnderTest) -> MemoryUse:
    """Return a variant's memory use.

    Raises:
        WorkerError: The variant does not run.
    """
    variant.path  # noqa: B018 - first, as a variant that can't be built is not run
    sampled: tuple[str, ...] = ()
    if variant.inputs.images.evaluation is not None:
        sampled = tuple(photo.sha256 for photo in variant.samples.photos[:SEEN_SAMPLES])
    shape = variant.sample_shape
    return variant.run.executor.memory(variant, shape, sampled, lambda: timing_samples(variant))


def timing_samples(variant: VariantUnderTest) -> npt.NDArray[Any]:
    """Return the samples for timing a variant, ``(k, h, w, 3)`` or ``(k, d)``; noise without any.

    Including easy and hard images keeps a network with an early exit from looking faster than it
    is. The darkest, the brightest and others in between are chosen from the baseline's first
    photographs, and the same scenes from a variant's own samples.
    """
    if variant.inputs.images.evaluation is None:
        shape = (MIN_SAMPLES, *variant.sample_shape)
        if variant.takes_arrays:
            return np.random.default_rng(0).normal(size=shape).astype(np.float32)
        noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        noise[0], noise[-1] = 0, 255
        return noise
    first = variant.baseline.photographs.first(SEEN_SAMPLES)
    by_brightness = np.argsort(first.reshape(len(first), -1).mean(axis=1), kind="stable")
    ends = np.linspace(0, len(first) - 1, min(MIN_SAMPLES, len(first)))
    chosen = by_brightness[ends.round().astype(int)]
    samples: npt.NDArray[Any] = variant.photographs.first(SEEN_SAMPLES)[chosen]
    return samples
