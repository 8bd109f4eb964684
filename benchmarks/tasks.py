"""Figures of tasks: a table of runs' records, and how often their intervals hold.

``python -m benchmarks.tasks table RUN.json ...`` prints the figures of the variants of each record.
``python -m benchmarks.tasks coverage`` draws sets of 80 samples and counts how often the interval
of a figure holds the mean of all sets. The result is ``benchmarks/tasks.md``.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgeq.config.gates import written
from edgeq.measure.figures import Figure, TaskData
from edgeq.measure.tasks import embedding, segmentation
from edgeq.measure.tensors import Output
from edgeq.record.ship_decision import answer
from edgeq.record.structs import read
from edgeq.words import interval, value

SETS = 200
SAMPLES = 80


def table(paths: list[str]) -> Iterator[str]:
    """Yield the rows of a table of the figures in records."""
    for path in paths:
        record = read(Path(path))
        for model in record.models:
            yield f"| **{model.name}** ({model.task}) | | | |"
            for variant in model.variants:
                shown = () if variant.figures is None else variant.figures.figures
                figures = ", ".join(f"{figure.name} {_text(figure)}" for figure in shown)
                error = max((fit.error or 0.0 for fit in variant.outputs), default=0.0)
                decision = answer(record, model.name, variant)
                yield f"| {variant.name} | {error:.3f} | {figures} | {decision.value} |"


def _text(figure: Figure) -> str:
    kind = written(figure.name, "ratio")
    ends = "" if figure.interval is None else f" ({interval(kind, figure.interval)})"
    return value(kind, figure.value) + ends


def coverage() -> Iterator[str]:
    """Yield, for each figure, the share of sets whose interval holds the mean of all sets."""
    figures: dict[str, list[Figure]] = defaultdict(list)
    for seed in range(SETS):
        rng = np.random.default_rng(seed)
        for measured in (embedding.measure(_embeddings(rng)), segmentation.measure(_maps(rng))):
            for figure in measured.figures:
                figures[figure.name].append(figure)
    for name, every in figures.items():
        truth = float(np.mean([figure.value for figure in every]))
        holds = [
            figure.interval is not None and figure.interval[0] <= truth <= figure.interval[1]
            for figure in every
        ]
        yield f"| {name} | {truth:.3f} | {np.mean(holds):.3f} |"


def _embeddings(rng: np.random.Generator) -> TaskData:
    """Return embeddings of samples of 20 identities, and those of a noisy copy of the model."""
    identities = rng.integers(0, 20, SAMPLES)
    centres = np.random.default_rng(0).normal(size=(20, 16))
    ours = centres[identities] + rng.normal(0, 0.7, (SAMPLES, 16))
    theirs = ours + rng.normal(0, 0.5, ours.shape)
    return _data(ours, theirs, [np.array(float(name)) for name in identities])


def _maps(rng: np.random.Generator) -> TaskData:
    """Return maps of a foreground of random width, shifted by a random number of pixels."""
    maps = np.arange(32)[None, None, :] < rng.integers(2, 30, SAMPLES)[:, None, None]
    masks = np.broadcast_to(maps, (SAMPLES, 32, 32)).astype(np.int64)
    ours, theirs = (_shifted(masks, rng, most) for most in (3, 5))
    return _data(ours[..., None], theirs[..., None], list(masks))


def _shifted(
    masks: np.ndarray[tuple[int, ...], np.dtype[np.int64]], rng: np.random.Generator, most: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    steps = rng.integers(0, most, len(masks)).tolist()
    rows = [np.roll(mask, by, axis=1) for mask, by in zip(masks, steps, strict=True)]
    return np.stack(rows).astype(np.float64)


def _data(
    ours: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    theirs: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    labels: list[np.ndarray[tuple[int, ...], np.dtype[np.generic]]],
) -> TaskData:
    first, second = (
        [Output("y", side.shape[1:], side.reshape(len(side), -1).astype(np.float32))]
        for side in (ours, theirs)
    )
    return TaskData(first, second, output=0, groups=tuple(range(len(ours))), labels=labels)


if __name__ == "__main__":
    lines = coverage() if sys.argv[1:2] == ["coverage"] else table(sys.argv[2:])
    for line in lines:
        sys.stdout.write(f"{line}\n")
