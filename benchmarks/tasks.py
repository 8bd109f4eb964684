"""Figures of tasks: a table of runs' records, and how often their intervals hold.

``python -m benchmarks.tasks table RUN.json ...`` prints the figures of the variants of each record.
``python -m benchmarks.tasks faults PROJECT ...`` makes a good variant of each project faulty in the
ways that concern its task, and counts what is visible, caught, and explained rightly.
``EDGEQ_DATA=FOLDER python -m benchmarks.tasks held-out FOLDER [NETWORK ...]`` does so with good
variants and faults that were drawn with a seed, in networks that nothing was tuned on;
``NETWORK:FAULT`` tries one fault.
``python -m benchmarks.tasks coverage`` draws sets of 80 samples and counts how often the interval
of a figure holds the mean of all sets. The result is ``benchmarks/tasks.md``.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.held_out.draw import Drawn
from benchmarks.held_out.tasks import GENERAL, NETWORKS, OWN, TaskNetwork, drawn
from edgeq.config.gates import GATES, written
from edgeq.config.load import load_spec
from edgeq.config.presets import data_folder
from edgeq.diagnosis.explaining import cause_of
from edgeq.faults.challenge import make
from edgeq.faults.fault import Fault
from edgeq.faults.fault import faults as catalogue
from edgeq.faults.good import Good
from edgeq.faults.inject import faulty_target, join, with_variant
from edgeq.faults.misses import visible
from edgeq.judge.verdict import Verdict
from edgeq.measure.figures import Figure, TaskData
from edgeq.measure.tasks import embedding, segmentation
from edgeq.measure.tensors import Output
from edgeq.pipeline.run import Run
from edgeq.pipeline.variant import VariantUnderTest
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
        run = Run(load_spec(Path(project)), say=_progress)
        with tempfile.TemporaryDirectory() as folder:
            variant = run.variants[0]
            good = Good(variant, Path(folder), frozenset({*FIRST, *PROOFS}))
            yield f"| **{variant.model}** ({variant.reading.task}, {variant.short_name}) | | | |"
            tried = [_tried(catalogue().get(name), good) for name in FAULTS]
            answers = [answer for answer in tried if answer is not None]
            yield from (answer.row(answer.name) for answer in answers)
            yield _counted(answers)


def held_out(work: Path, names: Sequence[str]) -> Iterator[str]:
    """Yield the rows of a table of good variants and drawn faults of each network.

    Args:
        work: Folder for what is prepared, and for the store.
        names: The networks, or single faults as ``NETWORK:FAULT``; all if empty.
    """
    data = data_folder()
    if data is None:
        sys.exit("tasks: held-out needs $EDGEQ_DATA")
    every: list[_Answer] = []
    chosen: defaultdict[str, set[str]] = defaultdict(set)
    for name in names:
        network_name, _, fault = name.partition(":")
        chosen[network_name] |= {fault} - {""}
    for network in NETWORKS:
        if not names or network.name in chosen:
            faults = chosen[network.name]
            project = work.resolve() / "projects" / network.name / "edgeq.toml"
            project.parent.mkdir(parents=True, exist_ok=True)
            store = f'store = "{work.resolve()}/store"\n'
            project.write_text(store + network.spec(work.resolve(), data))
            run = Run(load_spec(project.parent), say=_progress)
            yield f"| **{network.name}** ({network.task}) | | | | |"
            with tempfile.TemporaryDirectory() as folder:
                if not faults:
                    yield from _good_rows(run)
                yield from _held_out_of(run, network, Path(folder), every, faults)
    yield _counted(every)


def _good_rows(run: Run) -> Iterator[str]:
    """Yield a row for each variant as it is, with the gates that fail it wrongly."""
    for variant in run.variants:
        verdict = _first_failure(variant)
        yield f"| {variant.short_name} as it is | | | {verdict.text} | {verdict.cause or ''} |"


def _held_out_of(
    run: Run, network: TaskNetwork, folder: Path, every: list[_Answer], faults: set[str]
) -> Iterator[str]:
    """Yield a row for each drawn fault that can happen, and add it to ``every``.

    Args:
        run: The run of the network's good variants.
        network: The network.
        folder: Folder for faulty files.
        every: The answers so far.
        faults: Names of the faults to try; as many as the network has if empty.
    """
    goods = [
        Good(
            Run(with_variant(variant), store=run.store, say=run.say).variant(variant.name),
            folder,
            frozenset({*FIRST, *PROOFS}),
        )
        for variant in run.variants
    ]
    tried = Counter[bool]()
    for fault, about_meaning in drawn(network):
        full = tried[about_meaning] >= (OWN if about_meaning else GENERAL)
        if fault.name not in faults if faults else full or tried.total() >= network.few:
            continue
        good = _in_format(goods, fault)
        answer = _tried(fault.fault, good, fault.kind.causes)
        if answer is not None:
            tried[about_meaning] += 1
            every.append(answer)
            yield answer.row(f"{fault.name} | {good.variant.short_name}")


def _in_format(goods: Sequence[Good], fault: Drawn) -> Good:
    """Return the variant of a fault's format; the first one, if there is none of this format."""
    fitting = [
        good
        for good in goods
        if (good.variant.method or "").removesuffix("_float_io") == fault.format
    ]
    return (*fitting, *goods)[0]


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class _Answer:
    """What comes of one fault.

    Attributes:
        name: The fault.
        visible: Whether the task's own figures show it.
        verdict: What the gates say.
        causes: The causes that are right.
    """

    name: str
    visible: bool
    verdict: _Verdict
    causes: tuple[str, ...]

    @property
    def caught(self) -> bool:
        """Whether a gate fails."""
        return bool(self.verdict.gate)

    @property
    def right(self) -> bool | None:
        """Whether its cause is named; None if it is not caught.

        None also if no prediction changes, so that no experiment can show a cause, and the proof
        that fails says itself what differs.
        """
        plain = self.caught and self.verdict.cause == GATES.get(self.verdict.gate).cause
        if not self.caught or (plain and not self.visible):
            return None
        return self.verdict.cause in self.causes

    def row(self, head: str) -> str:
        """Return its row of the table."""
        named = "" if self.verdict.cause is None else self.verdict.cause
        if self.right is False:
            named = f"{self.verdict.cause}, is {self.causes[0]}"
        seen = "yes" if self.visible else "no"
        return f"| {head} | {seen} | {self.verdict.text} | {named} |"


def _counted(answers: Sequence[_Answer]) -> str:
    visible = [answer for answer in answers if answer.visible]
    caught = [answer for answer in answers if answer.caught]
    missed = [answer for answer in visible if not answer.caught]
    explained = [answer.right for answer in answers if answer.right is not None]
    return (
        f"| in all, {len(answers)} | {len(visible)} visible | {len(caught)} caught, {len(missed)} "
        f"of the visible ones not | {sum(explained)} of {len(explained)} right |"
    )


def _tried(fault: Fault, good: Good, causes: tuple[str, ...] = ()) -> _Answer | None:
    """Return what comes of a fault; None if it can't happen to the variant."""
    attempt = make(fault, good)
    if attempt.faulty is None or attempt.inapplicable:
        _progress(f"{fault.name}: {attempt.inapplicable or attempt.broken}")
        return None
    run = Run(
        join(good, fault.name.replace("@", "_"), attempt.faulty),
        store=good.variant.run.store,
        target=faulty_target(),
        say=good.variant.run.say,
    )
    (variant,) = run.variants
    if attempt.faulty.labels is not None:
        inputs = run.inputs(variant.model)
        relabel = inputs.images.relabel_boxes if good.variant.detects else inputs.images.relabel
        relabel(attempt.faulty.labels)
    verdict = _first_failure(variant)
    seen = bool(visible(replace(fault, shown_by=FIRST), attempt.faulty, good, variant))
    return _Answer(fault.name, seen, verdict, causes or (fault.cause,))


@dataclass(frozen=True)
class _Verdict:
    """What the gates say about a variant.

    Attributes:
        gate: The first gate that fails; empty if none does.
        cause: The cause that it names.
        opened: The gates that are INCONCLUSIVE, if none fails.
    """

    gate: str = ""
    cause: str | None = None
    opened: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The gate that fails, or that none does and which are open."""
        return self.gate or " ".join(("no", *(f"({name} INCONCLUSIVE)" for name in self.opened)))


def _first_failure(variant: VariantUnderTest) -> _Verdict:
    """Return the first gate that fails and the cause that it names."""
    cases = [case for case in variant.run.cases if case.variant is variant]
    predictions = [case for case in cases if case.gate.marker in FIRST]
    proofs = [case for case in cases if case.gate.name in PROOFS]
    opened = []
    for case in (*predictions, *proofs):
        record = judge(case)[0] if why_inapplicable(case) is None else None
        if record is not None and record.status is Verdict.FAIL:
            _progress(f"{record.gate}: {record.reason}; {record.cause}")
            return _Verdict(record.gate, cause_of([record]))
        if record is not None and record.status is Verdict.INCONCLUSIVE:
            opened.append(record.gate)
    return _Verdict(opened=tuple(opened))


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
    commands = {
        "faults": lambda: faults(paths),
        "held-out": lambda: held_out(Path(paths[0]), paths[1:]),
        "table": lambda: table(paths),
        "coverage": coverage,
    }
    for line in commands[what]():
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
