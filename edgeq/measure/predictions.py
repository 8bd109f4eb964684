"""A model's predictions on a set of images, and basic facts about them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.errors import ImageError, ModelError
from edgeq.measure.rows import by_rows

Floats = npt.NDArray[np.float32]
_Real = TypeVar("_Real", np.float32, np.float64)
Booleans = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
LogitsSource = Literal["softmax_input", "scores", "log_probabilities"]


@dataclass(frozen=True)
class Predictions:
    """Outputs of one model on n images in the c classes of the label set.

    The arrays may be memory-mapped, so that whatever concerns all images is computed some rows at
    a time.

    Attributes:
        scores: The model's outputs, dequantized, shape (n, c).
        logits: The logits, shape (n, c).
        is_probability: Whether the scores are probabilities.
        logits_source: ``"softmax_input"`` for the tensor that feeds SOFTMAX, ``"scores"`` if the
            model ends in logits, ``"log_probabilities"`` if there are only probabilities: numbers
            based on logits are then coarse.
    """

    scores: Floats
    logits: Floats
    is_probability: bool
    logits_source: LogitsSource

    def first(self, count: int) -> Predictions:
        """Return the predictions for the first images only."""
        return Predictions(
            self.scores[:count], self.logits[:count], self.is_probability, self.logits_source
        )

    @cached_property
    def predicted(self) -> Integers:
        """The first class with the greatest score, shape (n,); -1 if not finite."""
        best: Integers = np.where(self.finite, by_rows(_best_class, self.scores), -1)
        return best

    @cached_property
    def finite(self) -> Booleans:
        """Whether every score and logit of an image is finite, shape (n,)."""
        finite: Booleans = by_rows(_is_finite, self.scores, self.logits)
        return finite

    @cached_property
    def tied(self) -> Booleans:
        """Whether the greatest score of an image occurs more than once, shape (n,)."""
        tied = by_rows(_is_tied, self.scores) & self.finite
        return np.asarray(tied, np.bool_)


def _best_class(scores: Floats) -> Integers:
    best: Integers = np.argmax(np.where(np.isnan(scores), -np.inf, scores), axis=1)
    return best


def _is_finite(scores: Floats, logits: Floats) -> Booleans:
    finite = np.isfinite(scores).all(axis=1) & np.isfinite(logits).all(axis=1)
    return np.asarray(finite, np.bool_)


def _is_tied(scores: Floats) -> Booleans:
    tied: Booleans = (scores == scores.max(axis=1, keepdims=True)).sum(axis=1) > 1
    return tied


def make_answers(
    scores: npt.ArrayLike, logits: npt.ArrayLike | None, *, is_probability: bool
) -> Predictions:
    """Return predictions from raw outputs.

    Args:
        scores: The model's outputs, mapped to classes, shape (n, c).
        logits: The tensor that feeds SOFTMAX, mapped to classes, shape (n, c); None if the
            model has no such tensor.
        is_probability: Whether the scores are probabilities (the model ends in SOFTMAX).

    Raises:
        ImageError: There are no images.
        ModelError: The outputs are not (n, c) with at least 2 classes, or their shapes differ.
    """
    shipped = np.asarray(scores, np.float32)
    if shipped.ndim != 2 or shipped.shape[1] < 2:  # (n, c)
        raise ModelError(
            f"the outputs have the shape {shipped.shape}, which is not (images, classes)",
            remedy="Agreement needs one score for each of at least two classes",
        )
    if shipped.shape[0] == 0:
        raise ImageError("there are no predictions: the evaluation set is empty")
    if logits is not None:
        tapped = np.asarray(logits, np.float32)
        if tapped.shape != shipped.shape:
            raise ModelError(
                f"the logits have the shape {tapped.shape}, the outputs {shipped.shape}",
                remedy="Report this: both must be mapped to the same classes",
            )
        return Predictions(shipped, tapped, is_probability, "softmax_input")
    if not is_probability:
        return Predictions(shipped, shipped, is_probability, "scores")
    return Predictions(shipped, _log_probabilities(shipped), is_probability, "log_probabilities")


def _log_probabilities(probabilities: Floats) -> Floats:
    """Return logarithms of probabilities, clipped at half the least positive one or at 1e-7."""
    positive = probabilities[np.isfinite(probabilities) & (probabilities > 0)]
    floor = max(1e-7, float(positive.min()) / 2) if positive.size else 1e-7
    logarithms: Floats = np.log(np.maximum(probabilities, np.float32(floor)))
    return logarithms


class OutputFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Basic facts about the outputs of one model.

    Attributes:
        images: Number of images.
        classes: Number of classes.
        nonfinite_images: Number of images with a NaN or an infinity in scores or logits.
        nonfinite_values: Number of scores that are NaN or infinite.
        constant: Whether all images got the same scores; False for a single image.
        all_zero: Whether every score is 0.
        tied_images: Number of images whose greatest score occurs more than once.
        all_tied: Whether every image is tied.
        distinct_classes: Number of different classes predicted.
        largest_class: The class predicted most often; None if no output is finite.
        largest_share: Share of the images with that class.
        beside_softmax: Greatest distance of a score from the probability that a softmax makes of
            the model's own logits; None if it does not end in a softmax or sigmoid.
    """

    images: int
    classes: int
    nonfinite_images: int
    nonfinite_values: int
    constant: bool
    all_zero: bool
    tied_images: int
    all_tied: bool
    distinct_classes: int
    largest_class: int | None
    largest_share: float
    beside_softmax: float | None = None


def outputs_facts(answers: Predictions) -> OutputFacts:
    """Return the facts about a model's outputs."""
    scores = answers.scores
    n, classes = scores.shape
    finite = answers.finite
    counts = np.bincount(answers.predicted[finite], minlength=classes)
    tied = int(answers.tied.sum())
    return OutputFacts(
        images=n,
        classes=classes,
        nonfinite_images=int(n - finite.sum()),
        nonfinite_values=int(by_rows(_nonfinite_values, scores).sum()),
        constant=n > 1 and bool(by_rows(partial(_equals, np.array(scores[:1])), scores).all()),
        all_zero=not bool(by_rows(_is_anything, scores).any()),
        tied_images=tied,
        all_tied=tied == n,
        distinct_classes=int((counts > 0).sum()),
        largest_class=int(counts.argmax()) if finite.any() else None,
        largest_share=float(counts.max() / n),
        beside_softmax=_greatest_distance(answers),
    )


def _greatest_distance(answers: Predictions) -> float | None:
    if answers.logits_source != "softmax_input" or not answers.finite.any():
        return None
    return float(by_rows(_beside_softmax, answers.scores, answers.logits)[answers.finite].max())


def _beside_softmax(scores: Floats, logits: Floats) -> Floats:
    with np.errstate(invalid="ignore"):  # rows that are not finite
        probabilities = softmax(logits)
    return np.asarray(np.abs(scores - probabilities).max(axis=1), np.float32)


def softmax(logits: npt.NDArray[_Real]) -> npt.NDArray[_Real]:
    """Return probabilities along the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: npt.NDArray[_Real] = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities


def _nonfinite_values(scores: Floats) -> Integers:
    return np.asarray((~np.isfinite(scores)).sum(axis=1), np.int64)


def _equals(first: Floats, scores: Floats) -> Booleans:
    same: Booleans = (scores == first).all(axis=1)
    return same


def _is_anything(scores: Floats) -> Booleans:
    return np.asarray(scores.any(axis=1), np.bool_)


def collapsed(baseline: OutputFacts, variant: OutputFacts) -> bool:
    """Return whether the variant predicts few classes while the baseline predicts many.

    The baseline must predict at least 8 classes. Then the variant is collapsed if it predicts fewer
    than a quarter as many, or if it predicts one class for at least half of the images while the
    baseline predicts none for more than a quarter. This raises no false alarm even on small sets:
    over three quarters of the baseline's classes (six or more) must be gone, or a quarter of all
    predictions must have moved to one class.
    """
    if baseline.distinct_classes < 8:
        return False
    few = variant.distinct_classes * 4 < baseline.distinct_classes
    dominated = variant.largest_share >= 0.5 and baseline.largest_share <= 0.25
    return few or dominated
