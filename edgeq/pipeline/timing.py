"""Times and memory, measured alone: more rounds are timed only while a verdict is open."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config import structs
from edgeq.judge.verdict import Verdict
from edgeq.measure.latency import Latency, Taking, latency
from edgeq.measure.sequential_looks import LOOKS, look_confidence, rounds_at
from edgeq.pipeline.plan import Case
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.run.results import Feed, MemoryUse, Timed

LEAST_SAMPLES = 4
"""Photographs that times and memory rest on, if there are as many."""
SEEN_SAMPLES = 64
"""Photographs that they are chosen from: a portion, which is decoded anyway."""

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
    )
    return TimedPair(timed, msgspec.structs.replace(summary, taking=taking))


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


class _StillTimed(VariantUnderTest):
    """A variant whose times are still being taken; all else is known of it as of the variant.

    Args:
        variant: The variant.
        latency: Its times up to now.
    """

    def __init__(self, variant: VariantUnderTest, latency: Latency) -> None:
        self.__dict__.update(variant.__dict__)
        self._latency = latency

    @property
    def latency(self) -> Latency:
        """Its times up to now."""
        return self._latency


def timed_of(variant: VariantUnderTest) -> TimedPair:
    """Return the times of baseline and variant, taken in alternating blocks in one worker.

    More rounds are timed while a declared limit is undecided, until the budget is used up.

    Raises:
        WorkerError: The variant does not run.
        ModelError: The baseline does not run.
    """
    run, models = variant.run, (variant.baseline, variant)
    how, what = run.spec.latency, f"{variant.name}: timing beside its baseline"
    for model in models:
        model.path  # noqa: B018 - both are made before it is said that they are timed
    run.say(what)
    variant.baseline.memory  # noqa: B018 - a baseline that does not run is not the variant's fault
    with run.executor.session(variant.name) as session:
        session.tell(partial(run.executor.waits, what))
        loads = [run.executor.load_into(model, session) for model in models]
        feeds = [
            Feed(loaded.handle, timing_samples(model), model.preprocessing)
            for loaded, model in zip(loads, models, strict=True)
        ]
        return time_pair(
            lambda rounds, budget_s: session.time(
                feeds, rounds=rounds, block=how.block, warmup=how.warmup, budget_s=budget_s
            ),
            how,
            Question(
                open_until_timed(variant),
                run.spec.confidence,
                (loads[0].init_s, loads[1].init_s),
                os.cpu_count() if run.executor.target.local_files else None,
            ),
        )


def open_until_timed(variant: VariantUnderTest) -> list[Callable[[Latency], bool]]:
    """Return for each gate that rests on a variant's times whether some leave it open."""

    def is_open(case: Case, latency: Latency) -> bool:
        judgement = case.gate.judgement(_StillTimed(variant, latency), case.limit or 0.0)
        return judgement.status is Verdict.INCONCLUSIVE

    return [
        partial(is_open, case)
        for case in variant.run.cases
        if case.variant is variant and case.gate.timed
    ]


def memory_of(variant: VariantUnderTest) -> MemoryUse:
    """Return what a variant costs in memory.

    Raises:
        WorkerError: It does not run.
    """
    variant.path  # noqa: B018 - first: what can't be made is not run
    sampled: tuple[str, ...] = ()
    if variant.inputs.images.evaluation is not None:
        sampled = tuple(photo.sha256 for photo in variant.samples.photos[:SEEN_SAMPLES])
    shape = (*variant.input_size, 3)
    return variant.run.executor.memory(variant, shape, sampled, lambda: timing_samples(variant))


def timing_samples(variant: VariantUnderTest) -> npt.NDArray[np.uint8]:
    """Return what a variant is timed on, ``(k, h, w, 3)``: photographs, or noise without any.

    A network that ends early where an image is easy is no faster for it: of the first photographs
    of the baseline the darkest, the brightest and others between them are taken, and of a variant's
    own samples the same scenes.
    """
    if variant.inputs.images.evaluation is None:
        shape = (LEAST_SAMPLES, *variant.input_size, 3)
        noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        noise[0], noise[-1] = 0, 255
        return noise
    first = variant.baseline.photographs.first(SEEN_SAMPLES)
    by_brightness = np.argsort(first.mean(axis=(1, 2, 3)), kind="stable")
    ends = np.linspace(0, len(first) - 1, min(LEAST_SAMPLES, len(first)))
    chosen = by_brightness[ends.round().astype(int)]
    samples: npt.NDArray[np.uint8] = variant.photographs.first(SEEN_SAMPLES)[chosen]
    return samples
