"""Activations of the baseline on a few samples, kept in the store for all its variants."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.io.arrays import read_arrays
from edgeq.pipeline.readout import blaming
from edgeq.run.session import Session
from edgeq.tflite.edits import outputs_edits
from edgeq.tflite.model_file import read_model

if TYPE_CHECKING:
    from edgeq.pipeline.variant import VariantUnderTest

FITTED_SAMPLES = 24
"""Number of samples that show what ranges should hold. Running them takes 1.5 s for the 271 tensors
of EfficientNetV2-B0."""

JUDGED_SAMPLES = 8
"""Number of other samples that show what ranges cost."""

MAX_PAIRED_SAMPLES = 128
"""Maximum number of samples, none of them fitted, that show what a range that clips costs."""

VALUES_READ = 512
"""Values to read per tensor and sample, in addition to the smallest and the largest."""

_FORMAT = 3
_KIND = "computed"
_FILE = "values.npz"

Floats = npt.NDArray[np.float32]
Values = Mapping[int, Floats]


class Samples(NamedTuple):
    """Places in the evaluation set, none of which has both uses.

    Ranges that fit the very samples that they are judged on would always help a little.

    Attributes:
        step: Distance between places that are used at all.
        fitted: Samples that show what ranges should hold.
        judged: Samples that show what ranges cost; empty if there is only one sample.
        paired: More samples, to see what a range that clips costs; at other distances.
    """

    step: int
    fitted: tuple[int, ...]
    judged: tuple[int, ...]
    paired: tuple[int, ...]


def sample_places(variant: VariantUnderTest) -> Samples:
    """Return the places of samples, both kinds spread evenly over the evaluation set.

    Raises:
        ImageError: There is no evaluation set.
    """
    return samples_of(variant.baseline.photographs.shape[0])


def samples_of(count: int) -> Samples:
    """Return the places of samples in a set of so many.

    At most half of the samples are judged, because few samples show ranges badly.
    """
    step = max(1, count // (FITTED_SAMPLES + JUDGED_SAMPLES))
    places = _spread(range(0, count, step), FITTED_SAMPLES + JUDGED_SAMPLES)
    judged = _spread(places, min(JUDGED_SAMPLES, len(places) // 2))
    fitted = tuple(place for place in places if place not in judged)
    closer = range(0, count, max(1, count // (FITTED_SAMPLES + MAX_PAIRED_SAMPLES)))
    paired = _spread([place for place in closer if place not in fitted], MAX_PAIRED_SAMPLES)
    return Samples(step, fitted, judged, paired)


def _spread(places: Sequence[int], most: int) -> tuple[int, ...]:
    """Return at most so many places, evenly spread."""
    number = min(most, len(places))
    return tuple(places[at * len(places) // number] for at in range(number))


def sample_pixels(variant: VariantUnderTest, places: Sequence[int]) -> npt.NDArray[Any]:
    """Return the pixels of some of these samples as the variant takes them, ``(n, h, w, 3)``.

    Raises:
        ImageError: There is no evaluation set, or a variant's own samples can't be used.
    """
    photographs = variant.photographs
    step = math.gcd(*places) or photographs.shape[0]
    return photographs.every(step)[[place // step for place in places]]


def computed(baseline: VariantUnderTest) -> Values:
    """Return values of each float tensor that a baseline computes, by tensor index.

    Returns:
        Arrays of shape ``(n, 2 + m)``. Each row holds a sample's smallest and largest value, then
        m evenly spread ones.

    Raises:
        ModelError: The baseline does not run.
        ImageError: There is no evaluation set.
    """
    run, photographs = baseline.run, baseline.photographs

    def make(folder: Path) -> None:
        run.say(f"{baseline.name}: looking at its activations")
        with blaming(baseline):
            values = run.executor.workers.ask(
                baseline.name, lambda session: _ask(baseline, session)
            )
        named: dict[str, Any] = {str(index): some for index, some in values.items()}
        np.savez(folder / _FILE, **named)

    facts = {
        "format": _FORMAT,
        "model": baseline.sha256,
        "pixels": photographs.source,
        "photographs": [
            photographs.images.photos[place].sha256 for place in sample_places(baseline).fitted
        ],
        "preprocessing": msgspec.to_builtins(baseline.preprocessing),
        "values": VALUES_READ,
        "kernels": run.spec.run.kernels,
        "target": run.executor.target.name,
        **run.executor.runtime,
    }
    folder = run.store.get_or_make(_KIND, facts, make).folder
    return {int(name): values for name, values in read_arrays(folder / _FILE).items()}


def _ask(baseline: VariantUnderTest, session: Session) -> Values:
    file = read_model(baseline.path)
    tensors = [
        index
        for operator in file.operators
        for index in operator.outputs
        if index >= 0 and file.tensors[index].dtype == "float32"
    ]
    edits = outputs_edits(baseline.path, tensors)
    loaded = baseline.run.executor.load_into(baseline, session, edits=edits)
    pixels = sample_pixels(baseline, sample_places(baseline).fitted)
    outputs = session.infer(loaded.handle, pixels, baseline.preprocessing, most=VALUES_READ).outputs
    return {
        output.index: some.reshape(len(some), -1)
        for output, some in zip(loaded.outputs, outputs, strict=True)
    }
