"""What the baseline computes inside on a few samples, kept in the store for all its variants."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.pipeline.executable import Executable, blaming
from edgeq.pipeline.machine import runtime_facts
from edgeq.run.session import Session
from edgeq.tflite.edits import outputs_edits
from edgeq.tflite.model_file import read_model

if TYPE_CHECKING:
    from edgeq.pipeline.plan import Subject
    from edgeq.pipeline.run import Run

SAMPLES = 8
"""Samples that are looked at: 0.5 s for the 271 tensors of EfficientNetV2-B0."""

VALUES = 1024
"""Values of a tensor that are looked at on one sample, beside the smallest and the largest."""

_FORMAT = 1
_KIND = "computed"
_FILE = "values.npz"

Floats = npt.NDArray[np.float32]
Values = Mapping[int, Floats]


def sample_places(run: Run, model: str) -> range:
    """Return the places in a model's evaluation set of samples that are evenly spread over it.

    Raises:
        ImageError: There is no evaluation set.
    """
    count = run.photographs(model, None).shape[0]
    return range(0, count, -(-count // SAMPLES))


def sample_pixels(run: Run, model: str, subject: Subject | None) -> npt.NDArray[np.uint8]:
    """Return the pixels of these samples as a model is fed, shape ``(n, h, w, 3)``.

    Raises:
        ImageError: There is no evaluation set, or a variant's own samples can't be used.
    """
    return run.photographs(model, subject).every(sample_places(run, model).step)


def computed(run: Run, model: str) -> Values:
    """Return values of each float tensor that a baseline computes, by the tensor's index.

    Returns:
        Arrays of shape ``(n, 2 + m)``: for each sample the smallest and the largest value, then m
        evenly spread ones.

    Raises:
        ModelError: The baseline does not run.
        ImageError: There is no evaluation set.
    """
    executable = run.executable(model, None)
    photographs = run.photographs(model, None)
    places = sample_places(run, model)

    def make(folder: Path) -> None:
        run.say(f"{executable.key}: looking at its activations")
        with blaming(executable):
            values = run.executor.workers.ask(
                executable.key, lambda session: _ask(run, model, executable, session)
            )
        named: dict[str, Any] = {str(index): some for index, some in values.items()}
        np.savez(folder / _FILE, **named)

    facts = {
        "format": _FORMAT,
        "model": executable.sha256,
        "pixels": photographs.source,
        "photographs": [photographs.images.photos[place].sha256 for place in places],
        "preprocessing": msgspec.to_builtins(executable.preprocessing),
        "values": VALUES,
        "kernels": run.spec.run.kernels,
        "target": run.executor.target.name,
        **runtime_facts(),
    }
    folder = run.store.get_or_make(_KIND, facts, make).folder
    with np.load(folder / _FILE, allow_pickle=False) as file:
        return {int(name): file[name] for name in file.files}


def _ask(run: Run, model: str, executable: Executable, session: Session) -> Values:
    file = read_model(executable.path)
    tensors = [
        index
        for operator in file.operators
        for index in operator.outputs
        if index >= 0 and file.tensors[index].dtype == "float32"
    ]
    loaded = run.executor.load_into(
        executable, session, edits=outputs_edits(executable.path, tensors)
    )
    found = session.infer(
        loaded.handle, sample_pixels(run, model, None), executable.preprocessing, most=VALUES
    )
    by_index = zip(loaded.outputs, found.outputs, strict=True)
    return {one.index: some.reshape(len(some), -1) for one, some in by_index}
