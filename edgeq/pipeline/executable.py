"""A model that is to be run, whose fault it is where it does not, and its outputs as answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeq.errors import ModelError, WorkerError
from edgeq.images.labels import LabelSet
from edgeq.measure.answers import Answers, make_answers
from edgeq.models.edits import Edit, logits_edits
from edgeq.spec.structs import Preprocessing


@dataclass(frozen=True)
class Executable:
    """A model that is to be run: a baseline or a variant.

    Attributes:
        key: ``MODEL/VARIANT``, for messages.
        path: The ``.tflite`` file.
        sha256: Of the file.
        preprocessing: How photographs become its input.
        labels: Its classes, None where nothing is known.
        is_baseline: Whether it is the one that variants are compared with.
    """

    key: str
    path: Path
    sha256: str
    preprocessing: Preprocessing
    labels: LabelSet | None
    is_baseline: bool = False

    @property
    def edits(self) -> tuple[Edit, ...]:
        """Of the file's bytes, to be run with logits: ``logits_edits``, found once for a file."""
        return _edits_of(self.path, self.sha256)


@lru_cache(maxsize=256)
def _edits_of(path: Path, _: str) -> tuple[Edit, ...]:
    return logits_edits(path)


@contextmanager
def blaming(model: Executable) -> Iterator[None]:
    """Turn a worker's failure on the baseline into bad input.

    Raises:
        ModelError: The baseline does not run.
        WorkerError: A variant does not.
    """
    try:
        yield
    except WorkerError as error:
        if not model.is_baseline:
            raise
        raise ModelError(
            f"the baseline does not run: {error.what}",
            where=error.where,
            remedy="Nothing can be compared with it; mend or replace the float model",
        ) from error


def as_answers(
    model: Executable, outputs: list[npt.NDArray[np.float32]], *, tapped: bool
) -> Answers:
    """Return outputs as answers; ``tapped`` says that the second one feeds the SOFTMAX.

    Raises:
        ImageError: They are not those of the model's label set.
    """
    scores = outputs[0].reshape(len(outputs[0]), -1)
    return in_classes(model, scores, outputs[1].reshape(len(scores), -1) if tapped else None)


def in_classes(
    model: Executable,
    scores: npt.NDArray[np.float32],
    logits: npt.NDArray[np.float32] | None,
) -> Answers:
    """Return outputs, ``(n, outputs)``, as answers in the classes of the model's label set.

    Raises:
        ImageError: They are not those of the label set.
    """
    if model.labels is not None:
        scores = model.labels.to_classes(scores)
        logits = None if logits is None else model.labels.to_classes(logits)
    return make_answers(scores, logits, is_probability=logits is not None)
