"""Activations of the baseline on a few samples, kept in the store for all its variants."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.pipeline.readout import blaming
from edgeq.run.session import Session
from edgeq.tflite.edits import outputs_edits
from edgeq.tflite.model_file import read_model

if TYPE_CHECKING:
    from edgeq.pipeline.variant import VariantUnderTest

SAMPLES = 8
"""Number of samples to run, which takes 0.5 s for the 271 tensors of EfficientNetV2-B0."""

VALUES = 1024
"""Values to read per tensor and sample, in addition to the smallest and the largest."""

_FORMAT = 1
_KIND = "computed"
_FILE = "values.npz"

Floats = npt.NDArray[np.float32]
Values = Mapping[int, Floats]


def sample_places(variant: VariantUnderTest) -> range:
    """Return the places of samples spread evenly over the evaluation set.

    Raises:
        ImageError: There is no evaluation set.
    """
    count = variant.baseline.photographs.shape[0]
    return range(0, count, -(-count // SAMPLES))


def sample_pixels(variant: VariantUnderTest) -> npt.NDArray[np.uint8]:
    """Return the pixels of these samples as the variant takes them, shape ``(n, h, w, 3)``.

    Raises:
        ImageError: There is no evaluation set, or a variant's own samples can't be used.
    """
    return variant.photographs.every(sample_places(variant).step)


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
            photographs.images.photos[place].sha256 for place in sample_places(baseline)
        ],
        "preprocessing": msgspec.to_builtins(baseline.preprocessing),
        "values": VALUES,
        "kernels": run.spec.run.kernels,
        "target": run.executor.target.name,
        **run.executor.runtime,
    }
    folder = run.store.get_or_make(_KIND, facts, make).folder
    with np.load(folder / _FILE, allow_pickle=False) as file:
        return {int(name): file[name] for name in file.files}


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
    pixels = sample_pixels(baseline)
    outputs = session.infer(loaded.handle, pixels, baseline.preprocessing, most=VALUES).outputs
    return {
        output.index: some.reshape(len(some), -1)
        for output, some in zip(loaded.outputs, outputs, strict=True)
    }
