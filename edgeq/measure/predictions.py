"""What a model answered on a set of images, and plain facts about those answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.errors import ImageError, ModelError
from edgeq.measure.rows import by_rows

Floats = npt.NDArray[np.float32]
Booleans = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
LogitsSource = Literal["softmax_input", "scores", "log_probabilities"]

_LEAST_CLASSES = 2
_LEAST_FOR_COLLAPSE = 8


@dataclass(frozen=True)
class Predictions:
    """Outputs of one model on n images in the c classes of the label set.

    The arrays may be memory-mapped; whatever is asked of all images is found some rows at a time.

    Attributes:
        scores: The outputs that ship, dequantized, shape (n, c).
        logits: What probabilities are made from, shape (n, c).
        is_probability: Whether the scores are probabilities.
        logits_source: ``"softmax_input"`` for the tensor that feeds SOFTMAX, ``"scores"`` where
            the model ends in logits, ``"log_probabilities"`` where probabilities are all there
            is: then numbers on logits are coarse.
    """

    scores: Floats
    logits: Floats
    is_probability: bool
    logits_source: LogitsSource

    def first(self, count: int) -> Predictions:
        """Return the answers to the first images alone."""
        return Predictions(
            self.scores[:count], self.logits[:count], self.is_probability, self.logits_source
        )

    @cached_property
    def predicted(self) -> Integers:
        """The class of the greatest score, the first of several, shape (n,); -1 if not finite."""
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
    """Return answers from raw outputs.

    Args:
        scores: The outputs that ship, mapped to classes, shape (n, c).
        logits: The tensor that feeds SOFTMAX, mapped to classes, shape (n, c); None if the
            model has no such tensor.
        is_probability: Whether the scores are probabilities (the model ends in SOFTMAX).

    Raises:
        ImageError: There are no images.
        ModelError: The outputs are no (n, c) with at least 2 classes, or do not fit each other.
    """
    shipped = np.asarray(scores, np.float32)
    if shipped.ndim != 2 or shipped.shape[1] < _LEAST_CLASSES:  # noqa: PLR2004 - (n, c)
        raise ModelError(
            f"the outputs have the shape {shipped.shape}, which is not (images, classes)",
            remedy="Agreement needs one score for each of at least two classes",
        )
    if shipped.shape[0] == 0:
        raise ImageError("there are no answers: the evaluation set is empty")
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
    """Return logarithms, clipped at half the least positive probability or at 1e-7."""
    positive = probabilities[np.isfinite(probabilities) & (probabilities > 0)]
    floor = max(1e-7, float(positive.min()) / 2) if positive.size else 1e-7
    logarithms: Floats = np.log(np.maximum(probabilities, np.float32(floor)))
    return logarithms


class OutputFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Plain facts about the outputs of one model.

    Attributes:
        images: Number of images.
        classes: Number of classes.
        nonfinite_images: Images with a NaN or an infinity in scores or logits.
        nonfinite_values: Scores that are NaN or infinite.
        constant: Whether all images got the same scores; False for a single image.
        all_zero: Whether every score is 0.
        tied_images: Images whose greatest score occurs more than once.
        all_tied: Whether that is so for every image.
        distinct_classes: Different classes predicted.
        largest_class: The class predicted most often, None when no output is finite.
        largest_share: Share of the images that got it.
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
    )


def _nonfinite_values(scores: Floats) -> Integers:
    return np.asarray((~np.isfinite(scores)).sum(axis=1), np.int64)


def _equals(first: Floats, scores: Floats) -> Booleans:
    same: Booleans = (scores == first).all(axis=1)
    return same


def _is_anything(scores: Floats) -> Booleans:
    return np.asarray(scores.any(axis=1), np.bool_)


def collapsed(baseline: OutputFacts, variant: OutputFacts) -> bool:
    """Return whether the variant gives few classes where the baseline gives many.

    The rule: the baseline gives at least 8 classes, and the variant gives fewer than a quarter
    of them, or one class for at least half of the images where the baseline gives none for more
    than a quarter. It has no false alarm, also on small sets: the first half needs over three
    quarters of the baseline's classes (six or more) to be gone altogether, the second needs a
    quarter of all answers to have moved to one class. Sets with fewer classes are left alone.
    """
    if baseline.distinct_classes < _LEAST_FOR_COLLAPSE:
        return False
    few = variant.distinct_classes * 4 < baseline.distinct_classes
    dominated = variant.largest_share >= 0.5 and baseline.largest_share <= 0.25  # noqa: PLR2004
    return few or dominated
