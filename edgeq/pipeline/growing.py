"""How a worker's memory rises while it runs a model: over the evaluation, and if need be again."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from edgeq.errors import EdgeqError
from edgeq.io import structs
from edgeq.judge import growing
from edgeq.judge.verdict import Judgement
from edgeq.measure.growth import Growth, Samples, Watched, growth
from edgeq.pipeline.cached import arithmetic, keep
from edgeq.pipeline.evaluating import HELD, HeldMemory
from edgeq.pipeline.executable import Executable, blaming
from edgeq.pipeline.execution import Executor
from edgeq.run.results import Held

if TYPE_CHECKING:
    from edgeq.pipeline.plan import Subject
    from edgeq.pipeline.run import Run
    from edgeq.samples.stream import Stream

REPEATED_IMAGES = 8
"""Photographs that are run again and again: other pixels, so that nothing rests on one of them."""

COUNTS = (16, 32, 64, 128)
"""Inferences after which the repetition may end. The first tells growth of 6 kB an inference."""

BUDGET_S = 0.3
"""Seconds after which a repetition ends at the next count."""


def watch(run: Run, model: str, subject: Subject | None) -> Watched:
    """Return how a worker's memory rose while it ran a model on its evaluation set.

    If that proves nothing, the first images are run again and again.

    Raises:
        EdgeqError: The model does not run, or there is no evaluation set.
    """
    executable = run.executable(model, subject)
    photographs = run.photographs(model, subject)

    def make() -> Growth:
        run.evaluate_all(model, subject)
        return growth(_loads(run.executor, executable, photographs))

    facts = {
        "answers": run.executor.kept_answers(executable, photographs).address,
        "images": photographs.images.content_sha256,
        **arithmetic(),
    }
    evaluated = keep(run.store, "growth", facts, make, Growth)
    if not growing.is_open(evaluated):
        return Watched(evaluated=evaluated)
    return Watched(evaluated=evaluated, repeated=_repeated(run.executor, executable, photographs))


def prove_steady_memory(run: Run, subject: Subject) -> Judgement:
    """Judge what is known of a worker's memory while it ran a variant.

    Raises:
        EdgeqError: The variant does not run, or there is no evaluation set.
    """
    watched = run.watched(subject.model, subject)
    images = run.inputs(subject.model).evaluation
    count = 0 if images is None else len(images.photos)
    if growing.growing(watched) is None:
        return growing.steady_memory(watched, images=count)
    baseline = None
    with suppress(EdgeqError):  # one that does not run has cases of its own that say so
        baseline = growing.growing(run.watched(subject.model, None))
    return growing.steady_memory(watched, images=count, baseline=baseline)


def _loads(executor: Executor, model: Executable, photographs: Stream) -> Iterable[list[Samples]]:
    """Return what workers held in each portion of the set, by the load that it was part of."""
    kept = executor.kept_answers(model, photographs)
    names = [photo.sha256 for photo in photographs.images.photos]
    kept.missing(names)
    folders = dict.fromkeys(run.folder for run in kept.runs(names))
    by_load: dict[str, list[Samples]] = {}
    for folder in folders:
        held = _read(folder)
        if held.samples:
            by_load.setdefault(held.load, []).append(_array(held.samples))
    return [sorted(some, key=lambda one: int(one[0, 0])) for some in by_load.values()]


def _repeated(executor: Executor, model: Executable, photographs: Stream) -> Growth:
    """Return how memory rises while the first photographs are run again and again.

    The worker is a fresh one: where only its peak is known, that of other work would hide growth.
    """

    def make(folder: Path) -> None:
        with blaming(model), executor.session(model.key) as session:
            session.tell(partial(executor.waits, f"{model.key}: watching its memory"))
            loaded = executor.load_into(model, session, edits=model.readout.edits)
            samples = session.repeat(
                loaded.handle,
                photographs.first(max(loaded.batch, REPEATED_IMAGES)),
                model.preprocessing,
                counts=COUNTS,
                budget_s=BUDGET_S,
            )
        held = HeldMemory(load=model.key, samples=samples)
        (folder / HELD).write_bytes(msgspec.json.encode(held))

    folder = executor.keep("repeated", model, photographs, REPEATED_IMAGES, make)
    samples = _read(folder).samples
    return growth([[_array(samples)]] if samples else [])


def _read(folder: Path) -> HeldMemory:
    return structs.from_json((folder / HELD).read_bytes(), HeldMemory)


def _array(samples: Iterable[Held]) -> Samples:
    return np.array(list(samples), np.int64)
