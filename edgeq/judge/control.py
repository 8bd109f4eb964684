"""Limits tightened by a control, edgeq's own variant of the same method.

A control only tightens a limit; the limit itself always applies. A control that misses the limit is
not a reference. A limit that the control misses, but not by a proven distance, is between the two:
what is not proven to be worse than the control is INCONCLUSIVE by it, as the control is. A variant
without a control is judged by the limit alone, and its reason says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import msgspec

from edgeq import words
from edgeq.config.presets import Allowance
from edgeq.judge.verdict import Verdict, decide
from edgeq.measure.beside_control import BesideControl
from edgeq.measure.contrast import Contrast, Paired
from edgeq.measure.planning import images_needed, images_needed_for_drop

_SEVERITY = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL)

_DIGITS, _DECIMALS = 3, 4

Facts = dict[str, object]


@dataclass(frozen=True)
class Reference:
    """What a variant's figures are compared with in addition to their limits.

    Attributes:
        method: The control's method; None if it can't be determined.
        allowance: How much worse than its control a variant may be.
        beside: The variant's figures compared with the control's; None if there is no control, or
            if the variant is its own control.
        itself: Whether edgeq made the variant by the default recipe, so that it is its own control.
        deduced: Whether the method was deduced from the file's types because the variant claims
            none.
        absent: Why there is no control; empty if there is one.
    """

    method: str | None
    allowance: Allowance
    beside: BesideControl | None = None
    itself: bool = False
    deduced: bool = False
    absent: str = ""

    @property
    def name(self) -> str:
        """Name of the control in a sentence."""
        return f"edgeq's own {self.method}"


@dataclass(frozen=True)
class Tightened:
    """A limit, as tightened by a control.

    Attributes:
        limit: The stricter of the limit itself and what the control allows.
        status: The verdict by comparison with the control alone; PASS if there is none.
        sentence: What the control achieves, or why there is none; empty if there is nothing to say.
        facts: The same as JSON facts for the evidence.
        advice: What to do about a variant that is worse than its control.
        needed: Total number of images that would settle an open share; None if unknown.
        doubted: Whether the control misses the limit, too, but perhaps by chance. Then the limit
            fails only what ``status`` fails, what is proven to be worse than the control.
    """

    limit: float
    status: Verdict = Verdict.PASS
    sentence: str = ""
    facts: Facts = field(default_factory=dict)
    advice: str = ""
    needed: int | None = None
    doubted: bool = False

    def with_status(self, status: Verdict) -> Verdict:
        """Return the worse of a verdict by the limit itself and the verdict by the control."""
        if self.doubted:
            return min(status, worse(self.status, Verdict.INCONCLUSIVE), key=severity)
        return worse(status, self.status)

    def said(self, reason: str) -> str:
        """Return a reason with the sentence about the control appended."""
        return f"{reason}; {self.sentence}" if self.sentence else reason


def severity(status: Verdict) -> int:
    """Return how bad a verdict on a measured figure is; 0 for PASS."""
    return _SEVERITY.index(status)


def worse(first: Verdict, second: Verdict) -> Verdict:
    """Return the worse of two verdicts on a measured figure."""
    return max(first, second, key=severity)


def of_error(reference: Reference | None, label: str, limit: float) -> Tightened:
    """Tighten the limit of an output's mean relative error by the control.

    Args:
        reference: The control; None if the spec sets the limit, which then applies alone.
        label: Label of the output, as in ``BesideControl.errors``.
        limit: Greatest error allowed, whatever the control achieves.
    """
    if reference is None or reference.beside is None:
        return _alone(reference, limit)
    contrast = next((error for error in reference.beside.errors if error.label == label), None)
    allowed = reference.allowance
    return _of_mean(reference, contrast, limit, allowed.error, allowed.least_error)


def of_drift(reference: Reference | None, limit: float) -> Tightened:
    """Tighten the limit of the probabilities' drift by the control; see ``of_error``."""
    if reference is None or reference.beside is None:
        return _alone(reference, limit)
    allowed = reference.allowance
    return _of_mean(reference, reference.beside.drift, limit, allowed.drift, allowed.least_drift)


def of_agreement(reference: Reference | None, limit: float, confidence: float) -> Tightened:
    """Tighten the limit of the agreement with the baseline by the control."""
    if reference is None or reference.beside is None:
        return _alone(reference, limit)
    contrast, margin = reference.beside.agreement, reference.allowance.agreement
    if contrast is None:
        return _alone(reference, limit)
    share, its_own = _Share(contrast, margin, confidence), reference.beside.agreement_of_control
    reached = f"agrees on {words.share(contrast.control)}"
    if contrast.control < limit:
        if its_own is None or decide(contrast.control, its_own, limit, "min") is Verdict.FAIL:
            return _collapsed(reference, limit, f"{reached} only")
        needed = images_needed(contrast.control, limit, confidence)
        return _doubted(reference, share, limit, reached, needed)
    closer = max(limit, round(contrast.control - margin, _DECIMALS))
    return _of_share(reference, share, closer, f"{reference.name} {reached}")


def of_drop(
    reference: Reference | None, limit: float, baseline: float, confidence: float
) -> Tightened:
    """Tighten the limit of the accuracy drop by the control."""
    if reference is None or reference.beside is None:
        return _alone(reference, limit)
    contrast, margin = reference.beside.accuracy, reference.allowance.accuracy
    if contrast is None:
        return _alone(reference, limit)
    share, its_own = _Share(contrast, margin, confidence), reference.beside.loss_of_control
    drop = baseline - contrast.control
    if drop > limit:
        lost = f"loses {words.distance('points', drop)}"
        if its_own is None or decide(drop, its_own.interval, limit, "max") is Verdict.FAIL:
            return _collapsed(reference, limit, lost)
        needed = _Share(its_own, limit, confidence).needed
        return _doubted(reference, share, limit, lost, needed)
    sentence = f"{reference.name} is right on {words.share(contrast.control)}"
    closer = min(limit, round(drop + margin, _DECIMALS))
    return _of_share(reference, share, closer, sentence)


def _of_mean(
    reference: Reference, contrast: Contrast | None, limit: float, factor: float, least: float
) -> Tightened:
    if contrast is None:
        return _alone(reference, limit)
    reached = words.value("number", contrast.control)
    if contrast.control > limit:
        return _collapsed(reference, limit, f"lies {reached} from the baseline itself")
    closer = min(limit, _rounded(max(factor * contrast.control, least)))
    times = "" if contrast.ratio is None else f"{words.value('times', contrast.ratio)} "
    status = _status_of_mean(contrast, factor, least)
    facts = {"factor": factor, "good_anyway": least, **msgspec.to_builtins(contrast)}
    return Tightened(
        closer,
        status,
        f"{times}the {reached} of {reference.name} (good up to {words.limit('times', factor)})"
        f"{_deduced(reference)}",
        {**_facts(reference), "verdict": status.value, **facts},
        _advice(reference),
    )


def _rounded(limit: float) -> float:
    """Return a limit rounded for display and the record; verdicts use the exact figures."""
    return float(f"{limit:.{_DIGITS}g}")


def _status_of_mean(contrast: Contrast, factor: float, least: float) -> Verdict:
    """Return the verdict on a mean: within the factor of the control's, or below ``least``."""
    if contrast.variant_interval is None:
        return Verdict.INCONCLUSIVE
    by_itself = decide(contrast.variant, contrast.variant_interval, least, "max")
    if contrast.ratio is None:
        return by_itself
    ends = contrast.ratio_interval
    beside = Verdict.INCONCLUSIVE if ends is None else decide(contrast.ratio, ends, factor, "max")
    return min(by_itself, beside, key=severity)


@dataclass(frozen=True)
class _Share:
    """A share compared with the control's."""

    paired: Paired
    margin: float
    confidence: float

    @property
    def needed(self) -> int | None:
        """Total number of images that would settle it; None if unknown."""
        lost, gained = (
            count / self.paired.images for count in (self.paired.lost, self.paired.gained)
        )
        return images_needed_for_drop(lost, gained, self.margin, self.confidence)


def _of_share(reference: Reference, share: _Share, limit: float, sentence: str) -> Tightened:
    status = decide(share.paired.shortfall, share.paired.interval, share.margin, "max")
    facts = {"margin": share.margin, **msgspec.to_builtins(share.paired)}
    return Tightened(
        limit,
        status,
        f"{sentence}{_deduced(reference)}",
        {**_facts(reference), "verdict": status.value, **facts},
        _advice(reference),
        share.needed,
    )


def _doubted(
    reference: Reference, share: _Share, limit: float, how: str, needed: int | None
) -> Tightened:
    """Return a limit that the control misses, perhaps by chance, so that it fails no peer of it."""
    sentence = f"{reference.name} {how}, perhaps by chance: only what is worse fails by this limit"
    beside = _of_share(reference, replace(share, margin=0.0), limit, sentence)
    facts = {**beside.facts, "doubted": True}
    return replace(beside, facts=facts, needed=needed, doubted=True)


def _alone(reference: Reference | None, limit: float) -> Tightened:
    if reference is None:
        return Tightened(limit, facts={"reference": "the spec's limit"})
    if reference.itself:
        return Tightened(limit, facts={"reference": "itself", "method": reference.method})
    why = reference.absent or f"{reference.name} has nothing to compare here"
    return Tightened(
        limit, sentence=f"no control ({why}): judged by its limit alone", facts=_facts(reference)
    )


def _collapsed(reference: Reference, limit: float, how: str) -> Tightened:
    return Tightened(
        limit,
        sentence=f"no control ({reference.name} misses this limit itself: it {how}): judged "
        "by its limit alone",
        facts={**_facts(reference), "collapsed": True},
    )


def _facts(reference: Reference) -> Facts:
    named = "none" if reference.absent else reference.name
    facts: Facts = {"reference": named, "method": reference.method}
    if reference.absent:
        facts["absent"] = reference.absent
    if reference.deduced:
        facts["deduced"] = True
    return facts


def _deduced(reference: Reference) -> str:
    return f" (the file claims no method; its types are those of {reference.method})" * (
        reference.deduced
    )


def _advice(reference: Reference) -> str:
    return (
        f"{reference.name[0].upper()}{reference.name[1:]} of this baseline is closer on the same "
        "images: rebuild the file from this baseline, or check its preprocessing and labels"
    )
