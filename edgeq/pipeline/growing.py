"""Growth of a worker's memory while it runs a model, over the evaluation or a repetition."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from edgeq.io import structs
from edgeq.judge import growing
from edgeq.measure.growth import Growth, Samples, Watched, growth
from edgeq.pipeline.dependencies import arithmetic
from edgeq.pipeline.evaluating import HELD, HeldMemory
from edgeq.pipeline.readout import blaming
from edgeq.run.results import Held
from edgeq.store.cached import keep

if TYPE_CHECKING:
    from edgeq.pipeline.variant import VariantUnderTest

REPEATED_IMAGES = 8
"""Number of photographs that are repeated, so that the result does not rest on a single one."""

COUNTS = (16, 32, 64, 128)
"""Inferences after which the repetition may end. The first detects growth of 6 kB per inference."""

BUDGET_S = 0.3
"""Seconds after which the repetition ends at the next count."""


def watch(variant: VariantUnderTest) -> Watched:
    """Return how a worker's memory grew while it ran a variant on its samples.

    If that is inconclusive, the first images are run repeatedly.

    Raises:
        EdgeqError: The variant does not run, or there is no evaluation set.
    """

    def make() -> Growth:
        variant.evaluate_all()
        return growth(_loads(variant))

    facts = {
        "answers": variant.run.executor.kept_answers(variant).address,
        "images": variant.samples.content_sha256,
        **arithmetic(),
    }
    evaluated = keep(variant.run.store, "growth", facts, make, Growth)
    if not growing.is_open(evaluated):
        return Watched(evaluated=evaluated)
    return Watched(evaluated=evaluated, repeated=_repeated(variant))


def _loads(variant: VariantUnderTest) -> Iterable[list[Samples]]:
    """Yield the workers' memory use in each portion of the set, grouped by model load."""
    ledger = variant.run.executor.kept_answers(variant)
    names = [photo.sha256 for photo in variant.samples.photos]
    ledger.missing(names)
    folders = dict.fromkeys(run.folder for run in ledger.runs(names))
    by_load: dict[str, list[Samples]] = {}
    for folder in folders:
        memory = _read(folder)
        if memory.samples:
            by_load.setdefault(memory.load, []).append(_array(memory.samples))
    return [sorted(some, key=lambda portion: int(portion[0, 0])) for some in by_load.values()]


def _repeated(variant: VariantUnderTest) -> Growth:
    """Return how memory grows while the first photographs are run repeatedly.

    The worker is fresh: if only its peak is known, the peak of earlier work would hide growth.
    """
    executor = variant.run.executor

    def make(folder: Path) -> None:
        with blaming(variant), executor.session(variant.name) as session:
            session.tell(partial(executor.waits, f"{variant.name}: watching its memory"))
            loaded = executor.load_into(variant, session, edits=variant.readout.edits)
            samples = session.repeat(
                loaded.handle,
                variant.photographs.first(max(loaded.batch, REPEATED_IMAGES)),
                variant.preprocessing,
                counts=COUNTS,
                budget_s=BUDGET_S,
            )
        memory = HeldMemory(load=variant.name, samples=samples)
        (folder / HELD).write_bytes(msgspec.json.encode(memory))

    folder = executor.keep("repeated", variant, REPEATED_IMAGES, make)
    samples = _read(folder).samples
    return growth([[_array(samples)]] if samples else [])


def _read(folder: Path) -> HeldMemory:
    return structs.from_json((folder / HELD).read_bytes(), HeldMemory)


def _array(samples: Iterable[Held]) -> Samples:
    return np.array(list(samples), np.int64)
