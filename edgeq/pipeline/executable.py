"""A model that is to be run, whose fault it is where it does not, and its outputs as answers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeq.config.structs import CLASSIFICATION, Preprocessing
from edgeq.errors import ModelError, UnlikeOutputsError, WorkerError
from edgeq.measure.predictions import Predictions, make_answers
from edgeq.pipeline.readout import Readout, readout
from edgeq.run.results import Loaded
from edgeq.samples.labels import LabelSet
from edgeq.tasks.recognition import Reading
from edgeq.tflite.model_file import read_model

MOST_TIMES = 2
SPARE_VALUES = 4096
"""Values that outputs may have beside ``MOST_TIMES`` the baseline's: other classes of a few."""


@dataclass(frozen=True)
class Executable:
    """A model that is to be run: a baseline or a variant.

    Attributes:
        key: ``MODEL/VARIANT``, for messages.
        path: The ``.tflite`` file.
        sha256: Of the file.
        preprocessing: How photographs become its input.
        labels: Its classes, None where nothing is known.
        reading: How the baseline's outputs are read; a variant's are in the same order.
        is_baseline: Whether it is the one that variants are compared with.
    """

    key: str
    path: Path
    sha256: str
    preprocessing: Preprocessing
    labels: LabelSet | None
    reading: Reading
    is_baseline: bool = False

    @property
    def readout(self) -> Readout:
        """What a worker must hand out of it, found once for a file."""
        return _readout_of(self.path, self.sha256, self.reading)

    @property
    def classifies(self) -> bool:
        """Whether it is judged by classes."""
        return self.reading.task == CLASSIFICATION


@lru_cache(maxsize=256)
def _readout_of(path: Path, _: str, reading: Reading) -> Readout:
    return readout(read_model(path), reading)


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


def as_answers(model: Executable, outputs: Sequence[npt.NDArray[np.float32]]) -> Predictions:
    """Return all that a worker handed out, ``(n, ...)`` each, as answers.

    Raises:
        ImageError: They are not those of the model's label set.
        ModelError: The model is not judged by classes.
    """
    rows = [one.reshape(len(one), -1) for one in outputs]
    scores, logits = require_classes(model)
    return in_classes(model, rows[scores], None if logits is None else rows[logits])


def require_classes(model: Executable) -> tuple[int, int | None]:
    """Return the places of class scores and logits among what a worker hands out.

    Raises:
        ModelError: The model is not judged by classes.
        UnlikeOutputsError: The variant lacks the output that holds the baseline's class scores.
    """
    found = model.readout
    if found.scores is not None:
        return found.scores, found.logits
    if model.classifies:
        raise UnlikeOutputsError(
            f"has no output {model.reading.output}, which holds the baseline's class scores",
            where=model.key,
            remedy="Export the variant with the baseline's outputs",
        )
    raise ModelError(
        f"is judged as tensors: {model.reading.evidence}",
        where=model.key,
        remedy='Set `output`, or task = "classification", if an output holds class scores',
    )


def require_as_many(variant: Predictions, baseline: Predictions, model: Executable) -> None:
    """Refuse answers in another number of classes than the baseline's.

    Raises:
        UnlikeOutputsError: The numbers differ.
    """
    theirs, ours = variant.scores.shape[1], baseline.scores.shape[1]
    if theirs != ours:
        raise UnlikeOutputsError(
            f"tells {theirs:,} classes apart, the baseline {ours:,}",
            where=model.key,
            remedy="Export the variant with the baseline's outputs, or name the `labels` of each",
        )


def require_outputs_like(variant: Loaded, baseline: Loaded, model: Executable) -> None:
    """Refuse outputs that are far larger than the baseline's before anything is run.

    A small file can give gigabytes. What is somewhat larger, as scores of one class more, is
    compared afterwards.

    Raises:
        UnlikeOutputsError: They are.
    """
    theirs, ours = (
        sum(math.prod(output.shape) for output in one.outputs) for one in (variant, baseline)
    )
    if theirs > MOST_TIMES * ours + SPARE_VALUES:
        raise UnlikeOutputsError(
            f"gives {theirs:,} values for an image, the baseline {ours:,}",
            where=model.key,
            remedy="Export the variant with the baseline's outputs",
        )


def in_classes(
    model: Executable,
    scores: npt.NDArray[np.float32],
    logits: npt.NDArray[np.float32] | None,
) -> Predictions:
    """Return class scores, ``(n, outputs)``, as answers in the classes of the model's label set.

    One sigmoid becomes two classes: it says how likely the second is.

    Raises:
        ImageError: They are not those of the label set.
    """
    if model.readout.sigmoid:
        scores = np.concatenate([1 - scores, scores], axis=1)
        logits = None if logits is None else np.concatenate([0 * logits, logits], axis=1)
    if model.labels is not None:
        scores = model.labels.to_classes(scores)
        logits = None if logits is None else model.labels.to_classes(logits)
    return make_answers(scores, logits, is_probability=logits is not None)
