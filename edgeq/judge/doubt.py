"""Doubts about a baseline: agreement with a model that guesses proves nothing.

Labels in another order, wrong preprocessing or untrained weights spoil baseline and variant alike,
so the two still agree and the accuracy does not drop. Only the baseline's own predictions reveal
it. If only the baseline is spoiled, the variant is right far more often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from edgeq.judge.verdict import Judgement, Verdict
from edgeq.measure.accuracy import Accuracy, Renaming
from edgeq.measure.predictions import OutputFacts
from edgeq.measure.statistics import binomial_tail
from edgeq.measure.tensors import Fit
from edgeq.words import plural, share

ONE_CLASS = 0.95
"""Share of images with the same class from which a baseline hardly tells classes apart."""

LEVEL = 0.001
"""Probability with which a baseline that guesses may pass for one that knows something."""

USABLE = 0.25
"""Share of the way from chance to perfection from which a baseline may be as good as intended."""

MAX_GAIN = 0.02
"""Accuracy that quantizing may gain. Since it does not know the labels, at most about as many
images become right as become wrong. No good variant of either engine gained 0.2 points on 500
photographs, and published int8 files lose 0.15 points in the median."""


@dataclass(frozen=True)
class Doubt:
    """Why a baseline's predictions can't justify a PASS.

    Attributes:
        reason: One sentence that names the likely cause.
        next_step: What to check.
        wrong: Whether the labels, the class order, the preprocessing or the weights are certainly
            wrong, so that an accuracy drop is FAIL rather than INCONCLUSIVE.
    """

    reason: str
    next_step: str
    wrong: bool = False


def doubt(
    outputs: OutputFacts,
    accuracy: Accuracy | None,
    *,
    largest_label_share: float | None,
    names: Sequence[str] = (),
    renaming: Renaming | None = None,
    photographs: int | None = None,
) -> Doubt | None:
    """Return why a baseline's predictions prove nothing; None if it clearly knows something.

    With labels, a baseline knows something if guessing would be right as often on fewer than one
    set in a thousand. Guessing means drawing a class or always giving the most frequent label,
    whichever is better, so a detector of rare defects that finds none knows nothing. A baseline
    that knows something may give nearly always the same class, since its labels may be like that.
    But if it would be right far more often with its classes renamed, their order is wrong, even if
    some classes are in place by chance. And if its variant is more accurate by more than quantizing
    can gain, the baseline is broken or the variant is another model.

    Without labels, ``accuracy``, ``largest_label_share`` and ``renaming`` are None. ``photographs``
    is the number of different ones that the images are of, None if all differ.

    Raises:
        ValueError: Only one of accuracy and label share is given.
    """
    if (accuracy is None) is not (largest_label_share is None):
        raise ValueError("accuracy and the largest label's share belong together")
    wrong = known = False
    if accuracy is not None and largest_label_share is not None:
        wrong = _wrong(accuracy, largest_label_share)
        known = knows(accuracy, largest_label_share)
    if outputs.nonfinite_images:
        return Doubt(
            f"the baseline's output is not finite on {outputs.nonfinite_images:,} of "
            f"{plural(outputs.images, 'image')}",
            "Check the baseline's weights and preprocessing: its own outputs must be finite",
            wrong,
        )
    if known and renaming is not None and renaming.sure:
        return _renamed(renaming, wrong=wrong)
    if known:
        return _outdone(accuracy, wrong=wrong)
    doubt = _one_class(
        outputs,
        names,
        wrong=wrong,
        photographs=outputs.images if photographs is None else photographs,
        one_label=largest_label_share == 1.0,
    )
    return doubt if doubt is not None or accuracy is None else _guesses(accuracy, wrong=wrong)


def doubt_of_tensors(fits: Sequence[Fit]) -> Doubt | None:
    """Return why a baseline's outputs prove nothing; None if they depend on the image."""
    for fit in fits:
        if fit.baseline_nonfinite_images:
            return Doubt(
                f"the baseline's output {fit.output} ({fit.name!r}) is not finite on "
                f"{fit.baseline_nonfinite_images:,} of {plural(fit.images, 'image')}",
                "Check the baseline's weights and preprocessing: its own outputs must be finite",
            )
    if all(fit.baseline_constant for fit in fits):
        return Doubt(
            "the baseline gives every image the same: untrained, or its preprocessing is wrong",
            "Check the baseline's weights and preprocessing",
        )
    return None


def doubted(judgement: Judgement, doubt: Doubt) -> Judgement:
    """Return a judgement with the doubt about its baseline applied, so that it can't be PASS.

    An INCONCLUSIVE judgement gets the doubt as its first reason, because more images alone would
    not settle it. A FAIL or MISSING only gets the doubt as evidence.
    """
    evidence = {**judgement.evidence, "doubt": {"reason": doubt.reason, "wrong": doubt.wrong}}
    if judgement.status in {Verdict.FAIL, Verdict.MISSING} or "doubt" in judgement.evidence:
        return msgspec.structs.replace(judgement, evidence=evidence)
    evidence.pop("images_needed", None)
    return msgspec.structs.replace(
        judgement,
        status=Verdict.INCONCLUSIVE,
        reason=f"{doubt.reason}; {judgement.reason}",
        next_step=doubt.next_step,
        evidence=evidence,
    )


def nothing_to_lose(
    doubt: Doubt,
    drop: float,
    interval: tuple[float, float],
    limit: float,
    evidence: dict[str, object],
) -> Judgement:
    """Return the FAIL of a drop from a baseline that is certainly wrong, whatever the drop is."""
    return Judgement(
        status=Verdict.FAIL,
        reason=f"{doubt.reason}; a drop from there says nothing",
        value=drop,
        limit=limit,
        interval=interval,
        next_step=doubt.next_step,
        evidence=evidence,
    )


def knows(accuracy: Accuracy, largest_label_share: float) -> bool:
    """Return whether guessing hardly ever gives this accuracy, by an exact one-sided binomial test.

    Images that belong together count as fewer, as in the intervals.
    """
    chance = max(1 / accuracy.classes, largest_label_share)
    right = accuracy.baseline_top1.value * accuracy.worth
    return binomial_tail(right, accuracy.worth, chance) <= LEVEL


def _wrong(accuracy: Accuracy, largest_label_share: float) -> bool:
    """Return whether the baseline is right less often than any usable one.

    The bar is based on uniform chance, not on the most frequent label: a detector of rare defects
    that is tuned for recall is right less often than one that always says "good". If the most
    frequent label alone exceeds the bar, such a detector may lie below it. Then the bar is chance
    or a quarter of that label's share, whichever is greater.
    """
    chance = 1 / accuracy.classes
    bar = chance + (1 - chance) * USABLE
    if largest_label_share > bar:
        bar = max(chance, largest_label_share * USABLE)
    return accuracy.baseline_top1.interval[1] < bar


def _one_class(
    outputs: OutputFacts, names: Sequence[str], *, wrong: bool, photographs: int, one_label: bool
) -> Doubt | None:
    given = outputs.largest_class
    if given is None or outputs.largest_share < ONE_CLASS:
        return None
    tell = "can't show that the baseline tells classes apart"
    if outputs.images == 1:
        return Doubt(f"one image {tell}", "Evaluate more images", wrong)
    if photographs == 1:
        head = f"all {plural(outputs.images, 'image')} are of one photograph"
        return Doubt(f"{head}: they {tell}", "Evaluate different photographs", wrong)
    if one_label and not wrong:
        head = f"all {plural(outputs.images, 'image')} have the same label"
        return Doubt(f"{head}: they {tell}", "Evaluate images of all classes", wrong)
    name = f" ({names[given]})" if given < len(names) else ""
    return Doubt(
        f"the baseline gives class {given}{name} for {share(outputs.largest_share)} of "
        f"{plural(outputs.images, 'image')}: untrained, or its preprocessing is wrong",
        "Check the baseline's weights and preprocessing, and that the evaluation images show more "
        "than one class",
        wrong,
    )


def _renamed(renaming: Renaming, *, wrong: bool) -> Doubt:
    return Doubt(
        f"the baseline is right on {renaming.right:,} of {plural(renaming.images, 'image')}, with "
        f"classes renamed on {renaming.renamed:,}: their order is wrong",
        "Check the order of the classes and the labels (an offset by one, the right file)",
        wrong,
    )


def _outdone(accuracy: Accuracy | None, *, wrong: bool) -> Doubt | None:
    """Return the doubt that a variant raises if its gain exceeds what quantizing can gain."""
    if accuracy is None or accuracy.drop_interval[1] >= -MAX_GAIN:
        return None
    variant, baseline = (
        round(rate.value * accuracy.images)
        for rate in (accuracy.variant_top1, accuracy.baseline_top1)
    )
    return Doubt(
        f"the variant is right on {variant:,} of {plural(accuracy.images, 'image')}, the baseline "
        f"on {baseline:,}: more than quantizing gains",
        "Check the baseline's weights and preprocessing. If the variant was trained further, name "
        "the float model that it was made from as the baseline",
        wrong,
    )


def _guesses(accuracy: Accuracy, *, wrong: bool) -> Doubt:
    right = round(accuracy.baseline_top1.value * accuracy.images)
    head = f"the baseline is right on {right:,} of {plural(accuracy.images, 'image')}"
    if accuracy.baseline_top1.interval[1] < 1 / accuracy.classes:
        return Doubt(
            f"{head}, worse than chance: the class order or the labels are wrong",
            "Check the order of the classes and the labels (an offset by one, the right file)",
            wrong,
        )
    if wrong:
        return Doubt(
            f"{head}, no better than chance: wrong labels, class order, preprocessing or weights",
            "Check the labels (order, an offset by one, the right file), and the baseline's "
            "preprocessing and weights",
            wrong,
        )
    return Doubt(
        f"{head}, which guessing may reach as well",
        "Evaluate more images, of all classes; check the labels, and the baseline's preprocessing "
        "and weights",
        wrong,
    )
