"""The outputs that a worker returns for a model, how to read them, and whom to blame on failure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgeq.config.structs import CLASSIFICATION
from edgeq.errors import ModelError, SpecError, TargetError, UnlikeOutputsError, WorkerError
from edgeq.measure.predictions import Floats, Predictions, make_answers
from edgeq.tasks.recognition import Reading
from edgeq.tflite.edits import Edit, outputs_edits
from edgeq.tflite.model_file import ModelFile, read_model
from edgeq.tflite.wiring import Wiring
from edgeq.words import plural, share

if TYPE_CHECKING:
    from edgeq.pipeline.variant import VariantUnderTest

MAX_TIMES = 2
SPARE_VALUES = 4096
"""Values that outputs may have beyond ``MAX_TIMES`` the baseline's, for a few more classes."""
_HALF = 0.5


@dataclass(frozen=True)
class Place:
    """One of the tensors that a worker returns.

    Attributes:
        at: Index among the returned tensors.
        step: Real size of one quantization step, 0 if the values are not quantized. An output that
            is dequantized at the end of the graph has the steps that it had before.
    """

    at: int
    name: str
    step: float = 0.0


@dataclass(frozen=True)
class Readout:
    """The tensors that a worker returns for one file, and their order.

    Attributes:
        places: Number of tensors that a worker returns.
        outputs: Number of them that are the model's own outputs, which come first.
        inside: Indices of the inner tensors that are returned too.
        edits: Edits of the file's bytes that turn these into outputs.
        scores: Place of the class scores, None if the model is not judged by classes.
        logits: Place of the tensor that the class scores are computed from, None if there is none;
            that of the scores themselves if they are the logit of two classes.
        sigmoid: Whether the class scores are one value, of two classes.
        probabilities: Whether the class scores are values of a softmax or sigmoid.
        sigmoids: Whether the class scores are several sigmoids.
        judged: The outputs judged as tensors: every output of a model that is not judged by
            classes, and every output, including the class scores, of a model with several.
        defined: Places of the tensors of which every value is computed: all but the lists of a
            detection post-processing, which leaves what follows the last box as memory has it.
    """

    places: int
    outputs: int
    inside: tuple[int, ...]
    edits: tuple[Edit, ...]
    scores: int | None
    logits: int | None
    sigmoid: bool
    probabilities: bool
    sigmoids: bool
    judged: tuple[Place, ...]
    defined: tuple[int, ...]


def readout(model: ModelFile, reading: Reading) -> Readout:
    """Return what a worker must return for a file.

    ``reading`` is how the baseline's outputs are read; the variant's have the same order.
    """
    wiring = Wiring(model)
    scores = logits = None
    if reading.task == CLASSIFICATION and reading.output < len(model.outputs):
        scores = reading.output
        logits = wiring.logits(model.outputs[scores])
    inside = (*wiring.detections, *(() if logits is None else (logits,)))
    handed_out = tuple(dict.fromkeys((*model.outputs, *inside)))
    compared = [output for output in model.outputs if not wiring.is_post_processed(output)]
    compared += wiring.detections
    if compared == [model.outputs[scores or 0]] and scores is not None:
        compared = []
    maker = None if scores is None else wiring.unclipped(model.outputs[scores])
    single = scores is not None and model.tensors[model.outputs[scores]].shape[-1:] == (1,)
    probabilities = scores is not None and wiring.scores_maker(model.outputs[scores]) is not None
    if scores is not None and single and not probabilities:
        logits = model.outputs[scores]
    return Readout(
        places=len(handed_out),
        outputs=len(dict.fromkeys(model.outputs)),
        inside=inside,
        edits=outputs_edits(model.path, inside),
        scores=scores,
        logits=None if logits is None else handed_out.index(logits),
        sigmoid=single,
        probabilities=probabilities,
        sigmoids=not single and maker is not None and maker.name == "LOGISTIC",
        judged=tuple(
            Place(handed_out.index(index), model.tensors[index].name, wiring.step(index))
            for index in compared
        ),
        defined=tuple(
            at for at, index in enumerate(handed_out) if not wiring.is_post_processed(index)
        ),
    )


@lru_cache(maxsize=256)
def readout_of(path: Path, _: str, reading: Reading) -> Readout:
    """Return what a worker must return for a file, cached by the sha256 of its content."""
    return readout(read_model(path), reading)


@contextmanager
def blaming(variant: VariantUnderTest) -> Iterator[None]:
    """Turn a worker's failure on a baseline into bad input.

    Raises:
        ModelError: The baseline does not run.
        TargetError: The target was lost, which is not the fault of a model.
        WorkerError: The variant does not run.
    """
    try:
        yield
    except WorkerError as error:
        if not variant.is_baseline or isinstance(error, TargetError):
            raise
        raise ModelError(
            f"the baseline does not run: {error.what}",
            where=error.where,
            remedy="Nothing can be compared with it; fix or replace the float model",
        ) from error


def as_answers(variant: VariantUnderTest, outputs: Sequence[Floats]) -> Predictions:
    """Return a worker's outputs, ``(n, ...)`` each, as predictions.

    Raises:
        ImageError: They are not outputs of the model's label set.
        ModelError: The model is not judged by classes.
    """
    rows = [output.reshape(len(output), -1) for output in outputs]
    scores, logits = require_classes(variant)
    return in_classes(variant, rows[scores], None if logits is None else rows[logits])


def require_classes(variant: VariantUnderTest) -> tuple[int, int | None]:
    """Return the places of class scores and logits among the tensors that a worker returns.

    Raises:
        ModelError: The model is not judged by classes.
        UnlikeOutputsError: The variant lacks the output that holds the baseline's class scores.
    """
    places = variant.readout
    if places.scores is not None:
        return places.scores, places.logits
    if variant.classifies:
        raise UnlikeOutputsError(
            f"has no output {variant.reading.output}, which holds the baseline's class scores",
            where=variant.name,
            remedy="Export the variant with the baseline's outputs",
        )
    raise ModelError(
        f"is judged as tensors: {variant.reading.evidence}",
        where=variant.name,
        remedy='Set `output`, or task = "classification", if an output holds class scores',
    )


def require_as_many(variant: VariantUnderTest, predictions: Predictions) -> None:
    """Refuse predictions whose number of classes differs from the baseline's.

    Raises:
        UnlikeOutputsError: The numbers differ.
        EdgeqError: The baseline does not run.
    """
    theirs, ours = (
        prediction.scores.shape[1] for prediction in (predictions, variant.baseline.predictions)
    )
    if theirs != ours:
        raise UnlikeOutputsError(
            f"tells {theirs:,} classes apart, the baseline {ours:,}",
            where=variant.name,
            remedy="Export the variant with the baseline's outputs, or name the `labels` of each",
        )


def require_one_label(baseline: VariantUnderTest, predictions: Predictions) -> None:
    """Refuse class scores of which a baseline sets several for most images.

    Several sigmoids are taken for class scores if the images have one label each. If several labels
    apply to an image, the greatest score means little, and in int8 it is often tied.

    Raises:
        SpecError: That is the case, and the spec does not say that they are class scores.
    """
    model = baseline.inputs.model
    if not baseline.readout.sigmoids or model.task is not None or model.output is not None:
        return
    several = float(((predictions.scores > _HALF).sum(axis=1) > 1).mean())
    if several > _HALF:
        raise SpecError(
            f"on {share(several)} of {plural(len(predictions.scores), 'image')} two or more of the "
            "baseline's sigmoids are above 0.5, but the images have one label each",
            where=f"{baseline.spec.origin}: models.{baseline.model}",
            remedy='If several labels apply to an image, set task = "multilabel" and name label '
            "sets in `images.labels`; if the greatest score is the class, set task = "
            '"classification"',
        )


def require_outputs_like_baseline(variant: VariantUnderTest) -> None:
    """Refuse outputs that are far larger than the baseline's, before anything is run.

    A small file can return gigabytes. Outputs that are only somewhat larger, such as scores with
    one more class, are compared afterwards.

    Raises:
        UnlikeOutputsError: The outputs are far larger.
        EdgeqError: One of the two does not load.
    """
    theirs, ours = (
        sum(math.prod(output.shape) for output in side.loaded.outputs)
        for side in (variant, variant.baseline)
    )
    if theirs > MAX_TIMES * ours + SPARE_VALUES:
        raise UnlikeOutputsError(
            f"gives {theirs:,} values for an image, the baseline {ours:,}",
            where=variant.name,
            remedy="Export the variant with the baseline's outputs",
        )


def in_classes(
    variant: VariantUnderTest,
    scores: Floats,
    logits: Floats | None,
) -> Predictions:
    """Return class scores, ``(n, outputs)``, as predictions in the classes of the label set.

    A single sigmoid becomes two classes, as it gives the probability of the second. So does a
    single logit, which is above 0 for the second class.

    Raises:
        ImageError: The scores are not those of the label set.
    """
    places = variant.readout
    if places.sigmoid:
        if not places.probabilities:
            from scipy.special import expit

            scores = np.asarray(expit(scores), np.float32)
        scores = np.concatenate([1 - scores, scores], axis=1)
        logits = None if logits is None else np.concatenate([0 * logits, logits], axis=1)
    if variant.labels is not None:
        scores = variant.labels.to_classes(scores)
        logits = None if logits is None else variant.labels.to_classes(logits)
    probabilities = logits is not None or places.probabilities
    return make_answers(scores, logits, is_probability=probabilities)
