"""The images on which a variant differs from its baseline: flips, and the worst by cosine."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.measure.divergence import Divergence
from edgeq.measure.predictions import Booleans, Integers, Predictions, softmax
from edgeq.measure.rows import release
from edgeq.measure.statistics import short

FlipKind = Literal["right_to_wrong", "wrong_to_right", "wrong_to_wrong"]

WORST_IMAGES = 10
_BEST_CLASSES = 3
_FLIPS_AT_ONCE = 32


class Guess(msgspec.Struct, frozen=True, kw_only=True):
    """A class with its probability.

    Attributes:
        class_index: Index of the class among the scores, from 0.
        probability: ``softmax(logits)`` of the class, 0 to 1.
    """

    class_index: int
    probability: float


class Flip(msgspec.Struct, frozen=True, kw_only=True):
    """An image on which the variant does not give the baseline's class.

    Attributes:
        image: Index in the evaluation set.
        baseline_class: The baseline's class as a place among the scores, None if its output is not
            finite.
        variant_class: The variant's class, None if its output is not finite; the first class if
            several tie.
        baseline_confidence: The baseline's greatest probability, 0 to 1.
        variant_confidence: The variant's greatest probability, 0 to 1.
        baseline_best: The baseline's three best classes by logits.
        variant_best: The same for the variant.
        tied: Whether the variant's greatest score occurs more than once.
        label: Class of the label, None without labels.
        kind: How the prediction changed, None without labels.
    """

    image: int
    baseline_class: int | None
    variant_class: int | None
    baseline_confidence: float
    variant_confidence: float
    baseline_best: tuple[Guess, ...]
    variant_best: tuple[Guess, ...]
    tied: bool
    label: int | None = None
    kind: FlipKind | None = None


class FlipCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Flips by kind; they add up to the images that do not agree.

    Attributes:
        right_to_wrong: Images that the baseline gets right and the variant wrong; fewer is better.
        wrong_to_right: Images that the baseline gets wrong and the variant right.
        wrong_to_wrong: Images that both get wrong, with different classes.
    """

    right_to_wrong: int
    wrong_to_right: int
    wrong_to_wrong: int


class WorstImage(msgspec.Struct, frozen=True, kw_only=True):
    """One of the images with the lowest cosine.

    Attributes:
        image: Index in the evaluation set.
        cosine: Cosine of the two models' centred logits, -1 to 1; 1 is the same direction.
        js_bits: Jensen-Shannon divergence of their probabilities in bits, 0 (the same) to 1.
        baseline_class: The baseline's class, None if its output is not finite.
        variant_class: The variant's class, None if its output is not finite.
        agrees: Whether the variant predicts the baseline's class, untied.
    """

    image: int
    cosine: float
    js_bits: float
    baseline_class: int | None
    variant_class: int | None
    agrees: bool


def _class(answers: Predictions, image: int) -> int | None:
    predicted = int(answers.predicted[image])
    return None if predicted < 0 else predicted


def find_flips(
    baseline: Predictions,
    variant: Predictions,
    images: npt.NDArray[np.int64],
    apart: Divergence,
    truth: Integers | None,
) -> tuple[Flip, ...]:
    """Return the flips for the images that do not agree."""
    flips = []
    for place, image in enumerate(images.tolist()):
        if place % _FLIPS_AT_ONCE == 0:  # the system maps more pages than the rows that are read
            release(baseline.logits)
            release(variant.logits)
        label = None if truth is None else int(truth[image])
        classes = _class(baseline, image), _class(variant, image)
        tied = bool(variant.tied[image])
        flips.append(
            Flip(
                image=image,
                baseline_class=classes[0],
                variant_class=classes[1],
                baseline_confidence=_short(apart.baseline_confidence[image]),
                variant_confidence=_short(apart.variant_confidence[image]),
                baseline_best=_best(baseline, image),
                variant_best=_best(variant, image),
                tied=tied,
                label=label,
                kind=None
                if label is None
                else _kind(
                    right_before=classes[0] == label, right=classes[1] == label and not tied
                ),
            )
        )
    return tuple(flips)


def _kind(*, right_before: bool, right: bool) -> FlipKind:
    if right_before:
        return "right_to_wrong"
    return "wrong_to_right" if right else "wrong_to_wrong"


def count_flips(flips: tuple[Flip, ...]) -> FlipCounts:
    """Count labelled flips by kind."""
    kinds = [flip.kind for flip in flips]
    return FlipCounts(
        right_to_wrong=kinds.count("right_to_wrong"),
        wrong_to_right=kinds.count("wrong_to_right"),
        wrong_to_wrong=kinds.count("wrong_to_wrong"),
    )


def _short(probability: float) -> float:
    """Return a probability rounded to keep records small."""
    return short([probability])[0]


def _best(answers: Predictions, image: int) -> tuple[Guess, ...]:
    """Return the best classes of one image; empty if its output is not finite."""
    if not answers.finite[image]:
        return ()
    probabilities = softmax(answers.logits[image].astype(np.float64))
    order = np.argsort(-probabilities, kind="stable")[:_BEST_CLASSES]
    return tuple(
        Guess(class_index=int(index), probability=_short(probabilities[index])) for index in order
    )


def worst_images(
    baseline: Predictions, variant: Predictions, agrees: Booleans, apart: Divergence
) -> tuple[WorstImage, ...]:
    """Return the images with the lowest cosine, worst first."""
    order = np.argsort(apart.cosine, kind="stable")[:WORST_IMAGES]
    return tuple(
        WorstImage(
            image=image,
            cosine=float(apart.cosine[image]),
            js_bits=float(apart.js_bits[image]),
            baseline_class=_class(baseline, image),
            variant_class=_class(variant, image),
            agrees=bool(agrees[image]),
        )
        for image in order.tolist()
    )
