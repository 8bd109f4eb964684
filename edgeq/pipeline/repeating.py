"""Runs a model again: a few photographs with a fresh worker, with other kernels, or many times.

The last shows whether the worker's memory grows.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Kernels
from edgeq.errors import WorkerError
from edgeq.io import structs
from edgeq.io.arrays import read_arrays
from edgeq.judge import growing, running
from edgeq.measure.beside_here import KernelNoise, kernel_noise, tensor_noise
from edgeq.measure.growth import Growth, Samples, Watched, growth
from edgeq.measure.predictions import Floats
from edgeq.measure.repeats import Repeats, repeats, same
from edgeq.measure.tensors import same_bits
from edgeq.pipeline.dependencies import arithmetic, pair_facts
from edgeq.pipeline.evaluating import HELD, HeldMemory
from edgeq.pipeline.readout import as_answers, blaming
from edgeq.run.results import Held
from edgeq.run.session import Session
from edgeq.store.cached import keep

if TYPE_CHECKING:
    from edgeq.pipeline.variant import VariantUnderTest


MAX_IMAGES = 4
"""Photographs to run with other kernels. The relative error of 1,000 logits hardly differs from
image to image (0.105 on average, 0.123 at most, for int8 EfficientNetV2-B0), and reference kernels
take up to a second per image."""

MAX_S = 8.0
"""Seconds after which no further photograph is run with other kernels."""

OTHERS: dict[Kernels, tuple[Kernels, ...]] = {
    "xnnpack": ("reference", "builtin"),
    "builtin": ("reference", "xnnpack"),
    "reference": ("xnnpack", "builtin"),
}
"""Kernels to compare with, by the run's own; the next ones are used if one can't run the model."""

_OUTPUTS = "outputs.npz"
_FACTS = "facts.json"

Rows = npt.NDArray[np.float32]
Pixels = npt.NDArray[Any]


class _Again(msgspec.Struct, frozen=True, kw_only=True):
    batch: int
    repeats: Repeats


@dataclass(frozen=True)
class AskedAgain:
    """Outputs of a fresh worker that ran the model several times.

    Attributes:
        outputs: All outputs with defined values for the photographs of the first inference.
        repeats: Whether the outputs stayed the same.
        batch: Images per inference.
    """

    outputs: tuple[Rows, ...]
    repeats: Repeats
    batch: int


@dataclass(frozen=True)
class OtherKernels:
    """All outputs of other kernels for the first photographs, of which there is at least one."""

    outputs: tuple[Rows, ...]
    kernels: Kernels


class Noise(msgspec.Struct, frozen=True):
    """How far the outputs of other kernels differ from those of the run's own.

    It is that of the output nearest to failing.
    """

    noise: KernelNoise = msgspec.field(name="found")
    other: Kernels


class Steadiness(msgspec.Struct, frozen=True):
    """Whether a variant gives the same outputs when it is run again.

    Attributes:
        repeats: What stayed the same.
        copied: Whether its outputs equal its baseline's bit for bit although it is quantized.
    """

    repeats: Repeats
    copied: bool


def ask_again(variant: VariantUnderTest) -> AskedAgain:
    """Run a fresh worker on the first photograph, on another one, and on the first one twice.

    If the file's batch size is fixed, "photograph" means those of one inference. The result is
    stored.

    Raises:
        WorkerError: The model does not run.
    """
    executor, pixels = variant.run.executor, variant.photographs.first(MAX_IMAGES)

    def make(folder: Path) -> None:
        with blaming(variant), executor.session(variant.name) as session:
            session.tell(partial(executor.waits, f"{variant.name}: asking a fresh worker again"))
            loaded = executor.load_into(variant, session, edits=variant.readout.edits)
            batch = loaded.batch
            asked = [pixels[:batch], pixels[batch : 2 * batch], pixels[:batch], pixels[:batch]]
            first, _, later, again = (
                _defined(
                    variant, session.infer(loaded.handle, photo, variant.preprocessing).outputs
                )
                if len(photo)
                else ()
                for photo in asked
            )
        np.savez(folder / _OUTPUTS, *first)
        answers_again = _Again(batch=batch, repeats=repeats(first, later, again))
        (folder / _FACTS).write_bytes(msgspec.json.encode(answers_again))

    folder = executor.keep("asked_again", variant, MAX_IMAGES, make)
    facts_again = structs.from_json((folder / _FACTS).read_bytes(), _Again)
    return AskedAgain(_read(folder), facts_again.repeats, facts_again.batch)


def ask_others(variant: VariantUnderTest) -> OtherKernels:
    """Run a model on the first photographs with other kernels. The result is stored.

    Raises:
        WorkerError: None of the other kernels can run it.
    """
    executor, pixels = variant.run.executor, variant.photographs.first(MAX_IMAGES)

    def make(folder: Path) -> None:
        refusals: list[WorkerError] = []
        for kernels in OTHERS[executor.run.kernels]:
            try:
                outputs = executor.workers.ask(
                    variant.name, partial(_answers, variant, kernels, pixels)
                )
            except WorkerError as error:
                refusals.append(error)
                continue
            np.savez(folder / _OUTPUTS, *outputs)
            (folder / _FACTS).write_bytes(msgspec.json.encode(kernels))
            return
        raise WorkerError(
            f"no other kernels than {executor.run.kernels} run the file: {refusals[0].what}",
            where=variant.name,
            remedy="Rebuild the variant with the current version of its engine",
        )

    folder = executor.keep("kernels", variant, MAX_IMAGES, make)
    kernels: Kernels = structs.from_json((folder / _FACTS).read_bytes(), Kernels)
    return OtherKernels(_read(folder), kernels)


def _answers(
    variant: VariantUnderTest, kernels: Kernels, pixels: Pixels, session: Session
) -> tuple[Rows, ...]:
    """Return outputs for the photographs, or for fewer of them if they take long."""
    executor = variant.run.executor
    loaded = executor.load_into(variant, session, kernels=kernels, edits=variant.readout.edits)
    end = time.monotonic() + MAX_S
    parts: list[Sequence[Rows]] = []
    for start in range(0, len(pixels), loaded.batch):
        if start and time.monotonic() > end:
            break
        some = pixels[start : start + loaded.batch]
        session.tell(
            partial(
                executor.waits,
                f"{variant.name}: comparing with {kernels} kernels, {start} of {len(pixels)}",
            )
        )
        parts.append(session.infer(loaded.handle, some, variant.preprocessing).outputs)
    return tuple(np.concatenate(rows) for rows in zip(*parts, strict=True))


def _read(folder: Path) -> tuple[Rows, ...]:
    return tuple(read_arrays(folder / _OUTPUTS).values())


def repeated_facts(variant: VariantUnderTest) -> Mapping[str, object]:
    """Return what ``noise`` and ``steadiness`` depend on."""
    return {**pair_facts(variant), "asked": MAX_IMAGES, "places": variant.readout.defined}


def noise(variant: VariantUnderTest) -> Noise:
    """Measure how far other kernels lie from the run's own.

    Raises:
        WorkerError: The model does not run, or not with any other kernels.
    """
    variant.evaluate_all()  # first, as its error says more
    others = variant.other_kernels
    return Noise(noise=_noise_of(variant, others.outputs), other=others.kernels)


def _noise_of(variant: VariantUnderTest, others: Sequence[Floats]) -> KernelNoise:
    """Return how far other kernels differ from the run's own; for tensors, the worst output's."""
    baseline = variant.baseline
    if variant.classifies:
        other = as_answers(variant, others)
        return kernel_noise(baseline.predictions, variant.predictions, other)
    every = [
        tensor_noise(ours.rows, theirs.rows, others[place.at].reshape(len(others[place.at]), -1))
        for place, ours, theirs in zip(
            variant.readout.judged, baseline.tensors, variant.tensors, strict=True
        )
    ]
    return max(every, key=running.strain)


def steadiness(variant: VariantUnderTest) -> Steadiness:
    """Measure whether a variant gives the same outputs again, and not just its baseline's.

    Raises:
        WorkerError: The model does not run.
    """
    variant.evaluate_all()
    again = variant.asked_again
    first = tuple(rows.reshape(len(rows), -1) for rows in again.outputs)
    before = _defined(variant, variant.run.executor.first_rows(variant, len(first[0])))
    # In a batch of several images, neighbours that changed since may change the last bits.
    fresh = again.batch > 1 or same(before, first)
    copied = variant.quantizes_activations and _is_copy(variant)
    return Steadiness(msgspec.structs.replace(again.repeats, fresh=fresh), copied)


def _defined(variant: VariantUnderTest, outputs: Sequence[Rows]) -> tuple[Rows, ...]:
    """Return the tensors of which every value is computed; see ``Readout.defined``."""
    return tuple(outputs[at] for at in variant.readout.defined)


def _is_copy(variant: VariantUnderTest) -> bool:
    """Return whether a variant's outputs equal its baseline's bit for bit."""
    if variant.classifies:
        ours, theirs = variant.baseline.predictions, variant.predictions
        return same((ours.scores, ours.logits), (theirs.scores, theirs.logits))
    pairs = zip(variant.baseline.tensors, variant.tensors, strict=True)
    return all(same_bits(ours.rows, theirs.rows) for ours, theirs in pairs)


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
        memory = _held(folder)
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
    samples = _held(folder).samples
    return growth([[_array(samples)]] if samples else [])


def _held(folder: Path) -> HeldMemory:
    return structs.from_json((folder / HELD).read_bytes(), HeldMemory)


def _array(samples: Iterable[Held]) -> Samples:
    return np.array(list(samples), np.int64)
