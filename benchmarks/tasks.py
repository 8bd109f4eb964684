"""Figures of tasks: a table of runs' records, and how often their intervals hold.

``python -m benchmarks.tasks table RUN.json ...`` prints the figures of the variants of each record.
``python -m benchmarks.tasks faults PROJECT ...`` makes a good variant of each project faulty in the
ways that concern its task, and counts what is visible, caught, and explained rightly.
``python -m benchmarks.tasks coverage`` draws sets of 80 samples and counts how often the interval
of a figure holds the mean of all sets. The result is ``benchmarks/tasks.md``.
"""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgeq.config.gates import written
from edgeq.config.load import load_spec
from edgeq.diagnosis.explaining import cause_of
from edgeq.faults.catalogue import faults as catalogue
from edgeq.faults.challenge import make
from edgeq.faults.good import Good
from edgeq.faults.inject import faulty_target, join
from edgeq.faults.visibility import visible
from edgeq.judge.verdict import Verdict
from edgeq.measure.figures import Figure, TaskData
from edgeq.measure.tasks import embedding, segmentation
from edgeq.measure.tensors import Output
from edgeq.pipeline.run import Run
from edgeq.record.ship_decision import answer
from edgeq.record.structs import read
from edgeq.results.judging import judge, why_inapplicable
from edgeq.words import interval, value

FAULTS = (
    *("channels_swapped", "range_0_1", "range_0_255", "range_torch", "resize_nearest", "cropped"),
    *("first_layer_bgr", "classes_shifted", "classes_permuted", "foreground_swapped"),
    *("values_permuted", "points_transposed", "picture_channels_swapped", "not_normalised"),
    *("dimension_dead", "map_shifted", "values_shifted", "outputs_swapped", "head_dead"),
    *("outputs_share_scale", "output_scale", "temperature", "stale_output"),
)
"""Faults of the input, and of what an output means; each model gets those that fit its task."""

FIRST = ("agreement", "accuracy")
PROOFS = ("weights", "ranges", "input_range", "outputs")
"""Gates that are asked until one fails: those on predictions by their markers, then proofs."""

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


def faults(projects: list[str]) -> Iterator[str]:
    """Yield the rows of a table of faults: whether each is visible, caught, and explained."""
    for project in projects:
        run = Run(load_spec(Path(project)), say=lambda text: print(text, file=sys.stderr))
        with tempfile.TemporaryDirectory() as folder:
            variant = run.variants[0]
            good = Good(variant, Path(folder), frozenset({*FIRST, *PROOFS}))
            yield f"| **{variant.model}** ({variant.reading.task}, {variant.short_name}) | | | |"
            yield from _faults_of(good)


def _faults_of(good: Good) -> Iterator[str]:
    visible_count = missed = caught = right = 0
    for name in FAULTS:
        attempt = make(catalogue().get(name), good)
        if attempt.faulty is None or attempt.inapplicable:
            print(f"{name}: {attempt.inapplicable or attempt.broken}", file=sys.stderr)
            continue
        fault = attempt.fault
        run = Run(
            join(good, name, attempt.faulty),
            store=good.variant.run.store,
            target=faulty_target(),
            say=good.variant.run.say,
        )
        gate, cause = _first_failure(run)
        seen = bool(visible(fault, attempt.faulty, good, run.variants[0]))
        visible_count += seen
        missed += seen and not gate
        caught += bool(gate)
        right += bool(gate) and cause == fault.cause
        named = fault.cause if cause == fault.cause else f"{cause}, is {fault.cause}"
        yield f"| {name} | {'yes' if seen else 'no'} | {gate or 'no'} | {named if gate else ''} |"
    yield (
        f"| in all | {visible_count} visible | {caught} caught, {missed} of the visible ones not | "
        f"{right} of {caught} right |"
    )


def _first_failure(run: Run) -> tuple[str, str | None]:
    """Return the first gate that fails and the cause that it names, empty if none fails."""
    (variant,) = run.variants
    cases = [case for case in run.cases if case.variant is variant]
    predictions = [case for case in cases if case.gate.marker in FIRST]
    proofs = [case for case in cases if case.gate.name in PROOFS]
    for case in (*predictions, *proofs):
        record = judge(case)[0] if why_inapplicable(case) is None else None
        if record is not None and record.status is Verdict.FAIL:
            return record.gate, cause_of([record])
    return "", None


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
    what, *paths = sys.argv[1:]
    lines = faults(paths) if what == "faults" else table(paths) if what == "table" else coverage()
    for line in lines:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
