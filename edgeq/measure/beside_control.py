"""A variant compared with its control, both measured against the same baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.measure.agreement import agreeing, checked_labels, require_same_shape
from edgeq.measure.clusters import Clusters, rate_interval
from edgeq.measure.contrast import Contrast, Paired, contrast, paired
from edgeq.measure.divergence import Divergence, Doubles, divergence
from edgeq.measure.predictions import Booleans, Predictions
from edgeq.measure.statistics import Interval
from edgeq.measure.tensors import Output, image_errors

LOGITS = "logits"
PROBABILITIES = "probabilities"


@dataclass(frozen=True)
class Three:
    """Class predictions of three models on the same n images."""

    baseline: Predictions
    variant: Predictions
    control: Predictions


@dataclass(frozen=True)
class ThreeOutputs:
    """One output of three models on the same n images."""

    label: str
    baseline: Output
    variant: Output
    control: Output


class BesideControl(msgspec.Struct, frozen=True, kw_only=True):
    """A variant's figures compared with its control's.

    Attributes:
        errors: Relative errors of the logits, if the model has classes, and of every output that
            is judged as a tensor. Outputs without a comparable image are left out.
        drift: Total variation distance of the probabilities; None if the model has no classes.
        agreement: Share of images with the baseline's class; None if the model has no classes.
        accuracy: Share of images with the label's class; None without labels.
        agreement_of_control: Clopper-Pearson interval of the control's share in ``agreement``; None
            without classes, and in records of former versions.
        loss_of_control: Like ``accuracy``, of the control (as the variant) and the baseline (as the
            control); None without labels, and in records of former versions.
    """

    errors: tuple[Contrast, ...] = ()
    drift: Contrast | None = None
    agreement: Paired | None = None
    accuracy: Paired | None = None
    agreement_of_control: Interval | None = None
    loss_of_control: Paired | None = None


def beside_control(
    answers: Three | None,
    outputs: Sequence[ThreeOutputs],
    labels: npt.ArrayLike | None = None,
    *,
    confidence: float = 0.95,
    clusters: Clusters | None = None,
) -> BesideControl:
    """Compare a variant with its control.

    Args:
        answers: Class predictions of the three models; None if they have no classes.
        outputs: Outputs that are judged as tensors.
        labels: Class of each image, shape (n,); None if there are none.
        confidence: Confidence level of the intervals, in (0, 1).
        clusters: Which images belong together.

    Raises:
        ModelError: The predictions have different shapes.
        ImageError: The labels do not fit the predictions.
        ValueError: Outputs have different numbers of images or values.
    """

    def compare(label: str, variant: Doubles, control: Doubles) -> Contrast | None:
        return contrast(label, variant, control, confidence=confidence, clusters=clusters)

    def shares(variant: Booleans, control: Booleans) -> Paired:
        return paired(variant, control, confidence=confidence, clusters=clusters)

    errors = [
        compare(
            output.label,
            image_errors(output.baseline, output.variant),
            image_errors(output.baseline, output.control),
        )
        for output in outputs
    ]
    if answers is None:
        return BesideControl(errors=_known(errors))
    ours, theirs = answers.variant, answers.control
    require_same_shape(answers.baseline, theirs)
    apart = divergence(answers.baseline, ours), divergence(answers.baseline, theirs)
    errors.insert(0, compare(LOGITS, *(_errors(pair) for pair in apart)))
    drifts = (np.where(pair.usable, pair.variation, np.nan) for pair in apart)
    agreed = [agreeing(answers.baseline, side) for side in (ours, theirs)]
    truth = None if labels is None else checked_labels(labels, answers.baseline)
    right = []
    if truth is not None:
        right = [(side.predicted == truth) & ~side.tied for side in (ours, theirs)]
        right.append(answers.baseline.predicted == truth)
    return BesideControl(
        errors=_known(errors),
        drift=compare(PROBABILITIES, *drifts),
        agreement=shares(*agreed),
        accuracy=shares(*right[:2]) if right else None,
        agreement_of_control=rate_interval(
            int(agreed[1].sum()), agreed[1].size, confidence, clusters
        ),
        loss_of_control=shares(*right[1:]) if right else None,
    )


def _known(errors: Sequence[Contrast | None]) -> tuple[Contrast, ...]:
    return tuple(error for error in errors if error is not None)


def _errors(apart: Divergence) -> Doubles:
    """Return the error of each image, shape ``(n,)``; NaN if it has none."""
    errors = np.full(apart.usable.shape, np.nan)
    if apart.error.size:
        errors[apart.usable] = apart.error
    return errors
