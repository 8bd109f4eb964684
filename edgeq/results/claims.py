"""Verifies a claimed accuracy of a model on samples, and looks for what would make it true."""

from __future__ import annotations

from dataclasses import dataclass

from edgeq.diagnosis.correction import Correction, correction
from edgeq.errors import ModelError
from edgeq.judge import sampled
from edgeq.judge.claims import Claim, Measured, judge_claim
from edgeq.judge.verdict import Verdict
from edgeq.measure.accuracy import accuracy
from edgeq.measure.average_precision import mean_precision
from edgeq.measure.clusters import find_clusters, independent
from edgeq.measure.statistics import clopper_pearson
from edgeq.pipeline.variant import VariantUnderTest


@dataclass(frozen=True)
class Verified:
    """What became of a claim.

    Attributes:
        correction: What makes the model right more often, if the claim does not hold; None if
            nothing does, or if the claim holds or can't be told.
    """

    claim: Claim
    measured: Measured
    correction: Correction | None = None
    corrected: Measured | None = None

    @property
    def answer(self) -> Verdict:
        """PASS if the claim holds, FAIL if it does not, otherwise INCONCLUSIVE."""
        return judge_claim(self.claim, self.measured)


def verify(variant: VariantUnderTest, claim: Claim) -> Verified:
    """Measure the claimed figure of a model on its samples, and judge the claim.

    Raises:
        ModelError: The figure is not one of the model's task.
        ImageError: There are no samples, or they have no labels.
        EdgeqError: The model can't be built or run.
    """
    if claim.figure == "map":
        return Verified(claim, _precision(variant))
    measured = _accuracy(variant)
    if judge_claim(claim, measured) is not Verdict.FAIL or variant.inputs.images.takes_arrays:
        return Verified(claim, measured)
    variant.run.say(f"{variant.name}: looking for the preprocessing that gives the claimed figure")
    better = correction(variant)
    if better is None:
        return Verified(claim, measured)
    return Verified(claim, measured, better, _corrected(better, measured))


def _accuracy(variant: VariantUnderTest) -> Measured:
    if not variant.classifies:
        raise ModelError(
            f"has no top-1 accuracy: it is judged as {variant.reading.task}",
            where=variant.name,
            remedy="Claim another figure (--map), or set the model's task",
        )
    images = variant.samples
    predictions, clusters = variant.predictions, find_clusters(images.groups())
    own = accuracy(
        predictions,
        predictions,
        images.labels(),
        confidence=variant.spec.confidence,
        clusters=clusters,
    )
    top1 = own.variant_top1
    return Measured(
        value=top1.value,
        interval=top1.interval,
        confidence=own.confidence,
        sample=sampled.sample(own.images, clusters),
        worth=own.worth,
    )


def _precision(variant: VariantUnderTest) -> Measured:
    if not variant.detects:
        raise ModelError(
            f"has no mAP: it is judged as {variant.reading.task}",
            where=variant.name,
            remedy="Claim another figure (--top1), or name the detector's decoder",
        )
    images = variant.inputs.images.require_evaluation()
    groups = images.groups()
    labelled = variant.labelled_precision
    own = mean_precision(labelled, labelled, groups, confidence=variant.spec.confidence)
    return Measured(
        value=own.variant_map,
        interval=own.variant_interval,
        confidence=own.confidence,
        sample=sampled.sample(own.images, own.clusters),
        worth=independent(own.images, own.clusters),
    )


def _corrected(better: Correction, measured: Measured) -> Measured:
    return Measured(
        value=better.right / better.images,
        interval=clopper_pearson(better.right, better.images, measured.confidence),
        confidence=measured.confidence,
        sample=f"{better.images:,} images not used to choose it",
        worth=better.images,
    )
