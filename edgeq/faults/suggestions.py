"""What would have caught a fault that no gate stopped."""

from __future__ import annotations

from collections.abc import Sequence

from edgeq import words
from edgeq.config.gates import GATES
from edgeq.errors import EdgeqError
from edgeq.faults.fault import Fault
from edgeq.faults.good import Good
from edgeq.judge.verdict import Verdict
from edgeq.measure.planning import images_needed
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.record.structs import CaseRecord

LABELS = frozenset({"label_offset", "label_order"})

LEAST_SHARE = 0.1
"""A value tells a fault from the good variant where it uses up this share of what was left."""


def would_catch(
    fault: Fault, good: Good, variant: VariantUnderTest, records: Sequence[CaseRecord]
) -> str:
    """Return the gate or the number of images that would have caught a fault.

    Args:
        fault: The fault.
        good: The good variant.
        variant: The faulty variant, in the run in which it was judged.
        records: Its cases.
    """
    open_ = [one for one in records if one.status is Verdict.INCONCLUSIVE]
    gate = _looking_at(fault.cause)
    if gate is not None:
        return _cost(gate, records, open_)
    if not good.variant.inputs.baseline.trained:
        return "no gate that is measured on random weights sees it"
    if fault.cause in LABELS and variant.name == good.variant.name:
        return _labels(variant)
    return _compared(good, variant)


def _compared(good: Good, variant: VariantUnderTest) -> str:
    """Return what would have told the faulty variant's predictions from the good one's."""
    try:
        values, before = _values(variant), _values(good.variant)
    except EdgeqError as error:
        return f"nothing compares its answers: {error.what}"
    if all(abs(values[gate] - before[gate]) < 1e-6 for gate in values):  # noqa: PLR2004
        return "its answers are the good variant's: no gate on answers sees it"
    gate = max(values, key=lambda name: (before[name] - values[name]) / (1.001 - before[name]))
    drop = before[gate] - values[gate]
    if drop < LEAST_SHARE * (1.001 - before[gate]):
        return "it is no worse than the good variant on these images"
    middle = (values[gate] + before[gate]) / 2
    # as numbers, not per cent: this is the line that a spec would hold
    limit, ours, theirs = (
        words.value("number", one) for one in (middle, before[gate], values[gate])
    )
    note = f"{gate} = {limit} (good {ours}, faulty {theirs})"
    images = _images(variant, good, values["top1_agreement"])
    return f"{note}{images}{_accepted(variant, good, before, values)}"


def _accepted(
    variant: VariantUnderTest, good: Good, before: dict[str, float], after: dict[str, float]
) -> str:
    """Say that accepted figures stop what is worse on the same images, where they do.

    Another preprocessing can't be compared with what was accepted.
    """
    gate = "worst_cosine"
    rule = GATES.get(gate).comparison
    same = variant.preprocessing == good.variant.preprocessing
    if (
        gate not in good.variant.limits
        or not same
        or rule is None
        or after[gate] >= before[gate] - rule.tolerance
    ):
        return ""
    return f", or figures of the good variant that were accepted (`edgeq accept`): {gate} is exact"


def _looking_at(cause: str) -> str | None:
    """Return the gate with a limit whose failure means a cause, None if none is as simple."""
    return next((name for name, gate in GATES if gate.cause == cause and not gate.is_proof), None)


def _cost(gate: str, records: Sequence[CaseRecord], open_: Sequence[CaseRecord]) -> str:
    for one in open_:
        if one.gate == gate and one.next_step:
            return one.next_step
    declared = any(one.gate == gate for one in records)
    return f"a closer limit of {gate}" if declared else f"a limit of {gate}: the spec has none"


def _labels(variant: VariantUnderTest) -> str:
    """Say how little the baseline is right: variant and baseline are wrong alike."""
    accuracy = variant.accuracy
    return (
        f"a look at the baseline's own accuracy: by these labels it is right on "
        f"{accuracy.baseline_top1.images:,} of {accuracy.images:,} images"
    )


def _values(variant: VariantUnderTest) -> dict[str, float]:
    """Return what agreement's gates look at, from 1 downwards."""
    agreement = variant.agreement
    values = {"top1_agreement": agreement.top1, "worst_cosine": agreement.lowest_cosines[-1]}
    overlap = agreement.top5_overlap
    return values if overlap is None else {**values, "top5_overlap": overlap}


def _images(variant: VariantUnderTest, good: Good, value: float) -> str:
    """Return how many images show that agreement is below its limit, where it is."""
    limit = good.variant.limits.get("top1_agreement")
    if limit is None or value >= limit:
        return ""
    needed = images_needed(value, limit, variant.spec.confidence)
    have = variant.agreement.images
    if needed is None or needed <= have:
        return ""
    return f", or about {needed:,} images ({have:,} so far)"
