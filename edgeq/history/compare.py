"""Two records, case by case: new, gone, better, worse, within noise, incomparable, ... Pure.

Exact facts are compared with a tolerance. Agreement and accuracy are paired by image where both
sides name the images that flipped, and a difference counts where it is beyond chance; other
estimates differ where their intervals do not meet. Figures of predictions are inconclusive if the
variant is fed otherwise, compared with its baseline, than it was. Swapping the sides swaps better
and worse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgeq import words
from edgeq.change import Change, ChangeKind
from edgeq.history.images import moved
from edgeq.history.rules import comparison_of, fed_otherwise, unlike
from edgeq.history.side import Figure, Side
from edgeq.judge.verdict import Verdict
from edgeq.spec.gate import Comparison
from edgeq.spec.gates import GATES, written

ALPHA = 0.05
"""Images that changed sides count where chance alone moves as many less often than this."""


@dataclass(frozen=True)
class Finding:
    """What became of one figure, before it is tied to its case."""

    kind: ChangeKind
    reason: str
    images_worse: tuple[str, ...] = ()
    images_better: tuple[str, ...] = ()


def compare(before: Side, after: Side) -> tuple[Change, ...]:
    """Return what became of every case, in the order of ``after``, those that are gone last.

    Cases that were declared and not run on one side are left out: nothing is known about them.

    Args:
        before: The first side, for example what was accepted.
        after: The second side, for example a new run.
    """
    found = [
        _change(before.figures.get(case_id), figure)
        for case_id, figure in after.figures.items()
        if case_id in before.figures or case_id not in before.not_run
    ]
    found += [
        _gone(figure, fails=not after.partial)
        for case_id, figure in before.figures.items()
        if case_id not in after.figures and case_id not in after.not_run
    ]
    return tuple(found)


def _gone(figure: Figure, *, fails: bool) -> Change:
    return Change(
        id=figure.id,
        model=figure.model,
        method=figure.method,
        gate=figure.gate,
        kind=ChangeKind.GONE,
        reason=f"was {shown(figure)}, and there is no such case any more",
        unit=figure.unit,
        before=figure.value,
        fails=fails,
    )


def _change(before: Figure | None, after: Figure) -> Change:
    found = (
        Finding(ChangeKind.NEW, f"{shown(after)}, with nothing to compare it with")
        if before is None
        else compare_figures(before, after)
    )
    return Change(
        id=after.id,
        model=after.model,
        method=after.method,
        gate=after.gate,
        kind=found.kind,
        reason=found.reason,
        unit=after.unit,
        before=None if before is None else before.value,
        after=after.value,
        images_worse=found.images_worse,
        images_better=found.images_better,
        fails=found.kind in {ChangeKind.WORSE, ChangeKind.GONE},
    )


def compare_figures(before: Figure, after: Figure) -> Finding:
    """Return what became of one case that both sides have."""
    one, two = before.status is Verdict.MISSING, after.status is Verdict.MISSING
    if one or two:
        return _missing(before, after)
    rule = comparison_of(after.gate)
    if before.value is None or after.value is None or rule is None:
        return _by_status(before, after)
    sense = GATES.get(after.gate).sense
    fed = fed_otherwise(before, after, rule)
    if fed:
        return Finding(ChangeKind.INCONCLUSIVE, fed)
    differs = unlike(before, after, rule)
    if differs:
        return Finding(ChangeKind.INCOMPARABLE, differs)
    found = _compare_values(before, after, rule, "min" if sense == "min" else "max")
    counts = found.kind in {ChangeKind.WORSE, ChangeKind.BETTER}
    parts = moved_from(before, after), found.reason, background(before, after) if counts else ""
    return Finding(
        found.kind,
        "; ".join(part for part in parts if part),
        found.images_worse,
        found.images_better,
    )


def _missing(before: Figure, after: Figure) -> Finding:
    missing = [one for one in (before, after) if one.status is Verdict.MISSING]
    if len(missing) > 1:
        return Finding(ChangeKind.UNCHANGED, "MISSING, as before")
    why = missing[0].reason or "MISSING"
    if missing[0].declared_missing:
        return Finding(ChangeKind.INCOMPARABLE, f"by declaration {why}")
    if missing[0] is before:
        return Finding(ChangeKind.NEW, f"{shown(after)}, was MISSING")
    return Finding(ChangeKind.GONE, f"was {shown(before)}, and is MISSING now: {why}")


def _by_status(before: Figure, after: Figure) -> Finding:
    """Compare proofs, and cases that FAIL without a value, by their verdicts."""
    failed = before.status is Verdict.FAIL, after.status is Verdict.FAIL
    if failed[0] == failed[1]:
        return Finding(ChangeKind.UNCHANGED, f"{after.status.value}, as before")
    kind = ChangeKind.WORSE if failed[1] else ChangeKind.BETTER
    why = f": {after.reason}" if failed[1] and after.reason else ""
    return Finding(kind, f"{before.status.value}, then {after.status.value}{why}")


def _compare_values(
    before: Figure, after: Figure, rule: Comparison, sense: Literal["min", "max"]
) -> Finding:
    images = moved(before, after)
    if images is not None and (images.worse or images.better):
        shift = len(images.worse) - len(images.better)
        kind = _kind(shift) if images.p <= ALPHA else ChangeKind.NOISE
        return Finding(kind, images.sentence(), images.worse, images.better)
    if before.value == after.value or before.value is None or after.value is None:
        return Finding(ChangeKind.UNCHANGED, "")
    slack = rule.tolerance
    if rule.relative:
        slack *= min(abs(before.value), abs(after.value))
    first, second = _ends(before, rule), _ends(after, rule)
    if first is None or second is None:
        return Finding(
            ChangeKind.INCOMPARABLE, "too few samples for an interval, so nothing can be told"
        )
    grew, shrank = second[0] - first[1] > slack, first[0] - second[1] > slack
    kind = _kind((grew - shrank) * (1 if sense == "max" else -1))
    return Finding(kind, _allowance(after, rule, slack) if kind is ChangeKind.NOISE else "")


def _ends(figure: Figure, rule: Comparison) -> tuple[float, float] | None:
    """Return the ends of a figure's interval, its value twice where it is exact."""
    if rule.exact and figure.value is not None:
        return figure.value, figure.value
    return figure.interval


def _kind(worsening: int) -> ChangeKind:
    if not worsening:
        return ChangeKind.NOISE
    return ChangeKind.WORSE if worsening > 0 else ChangeKind.BETTER


def _allowance(figure: Figure, rule: Comparison, slack: float) -> str:
    """Return why a difference does not count."""
    allowed = ""
    if rule.relative:
        allowed = f"up to {words.percentage(rule.tolerance)} is within noise"
    elif slack:
        allowed = (
            f"up to {words.distance(written(figure.gate, figure.unit), slack)} is within noise"
        )
    if rule.exact:
        return allowed
    return f"the intervals meet or are near{f', {allowed}' if allowed else ''}"


def shown(figure: Figure) -> str:
    """Return a figure's value, or its verdict if it has none."""
    if figure.value is None:
        return figure.status.value
    return words.value(written(figure.gate, figure.unit), figure.value)


def moved_from(before: Figure, after: Figure) -> str:
    """Return the values of two figures that have one, with the digits that tell them apart."""
    one, other = before.value or 0.0, after.value or 0.0
    kind = written(after.gate, after.unit)
    return words.value(kind, one) if one == other else words.change(kind, one, other)


def background(before: Figure, after: Figure) -> str:
    """Return what else differs between two figures: the file's bytes, the runtime."""
    parts = []
    sizes = before.variant.bytes, after.variant.bytes
    if after.gate == "size_reduction" and sizes[0] and sizes[1] and sizes[0] != sizes[1]:
        parts.append(words.change("size", sizes[0], sizes[1]))
    runtimes = before.conditions.runtime, after.conditions.runtime
    if runtimes[0] != runtimes[1]:
        parts.append(f"runtime {runtimes[0]}, then {runtimes[1]}")
    if before.variant.sha256 and before.variant.sha256 == after.variant.sha256:
        parts.append("the variant's file is the same")
    return "; ".join(parts)
