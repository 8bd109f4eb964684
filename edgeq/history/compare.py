"""Compares two records case by case: new, gone, better, worse, within noise, incomparable.

Exact facts are compared with a tolerance. Agreement and accuracy are paired by image, even if the
baseline's file has changed, and a difference counts if it is beyond chance; accuracy is compared
for the variant and for the baseline. Other estimates differ if their intervals do not overlap.
Figures of predictions that can't be compared are inconclusive: on other images, with other
preprocessing, or of a variant whose feeding relative to its baseline has changed. Costs on another
machine, or relative to another baseline, are incomparable, which changes no verdict. Swapping the
sides swaps better and worse. If a case compares several things, the worst counts.

A new run is compared with the accepted records, and with the previous run, which never fails it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec

from edgeq import words
from edgeq.config.gate import Comparison, Predictions
from edgeq.config.gates import GATES, written
from edgeq.errors import RecordError
from edgeq.history import accepted
from edgeq.history.images import ALPHA, Pairs, Shared, moved, pairs, shared
from edgeq.history.past import PastRun, of_past
from edgeq.history.rules import comparison_of, fed_otherwise, is_other_machine, unlike
from edgeq.history.snapshot import CaseFigure, Snapshot, of_accepted, of_record
from edgeq.judge.verdict import Verdict
from edgeq.record.change import Change, ChangeKind, Previous
from edgeq.record.structs import RunRecord

_WHOSE: dict[Predictions, str] = {"baseline_right": "the baseline", "right": "the variant"}
_QUIET = ("kernels", "threads", "machine")
SAME_SIZE_BYTES, SAME_SIZE_SHARE = 1000, 0.01
"""Files whose sizes differ by no more than either are of one size when runs are compared.

Versions of a converter write other metadata, names and padding around the same weights: hundreds of
bytes. A layer in a wider type is more. Limits on the size are not affected.
"""
_DIFFERS = {ChangeKind.WORSE, ChangeKind.BETTER}
_NO_GATES: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Finding:
    """How one figure changed, before it is tied to its case."""

    kind: ChangeKind
    reason: str
    images_worse: tuple[str, ...] = ()
    images_better: tuple[str, ...] = ()


def compare(before: Snapshot, after: Snapshot) -> tuple[Change, ...]:
    """Compare every case, in the order of ``after``; cases that are gone come last.

    Cases that one side declared but did not run are left out, because nothing is known about them.
    """
    both = gates_of_both(before, (*after.figures, *after.not_run))
    comparisons = [
        change_of(before.figures.get(case_id), figure, both)
        for case_id, figure in after.figures.items()
        if case_id in before.figures or case_id not in before.not_run
    ]
    comparisons += [
        _gone(figure)
        for case_id, figure in before.figures.items()
        if case_id not in after.figures and case_id not in after.not_run
    ]
    return tuple(comparisons)


GatesOfBoth = dict[tuple[str, str], frozenset[str]]
"""The gates that both sides have, by model and variant."""


def gates_of_both(before: Snapshot, declared: Iterable[str]) -> GatesOfBoth:
    """Return the gates that both sides have, for each variant."""
    gates: dict[tuple[str, str], set[str]] = {}
    for case_id in declared:
        figure = before.figures.get(case_id)
        if figure is not None:
            gates.setdefault((figure.model, figure.method), set()).add(figure.gate)
    return {variant: frozenset(names) for variant, names in gates.items()}


def _gone(figure: CaseFigure) -> Change:
    return Change(
        id=figure.id,
        model=figure.model,
        method=figure.method,
        gate=figure.gate,
        kind=ChangeKind.GONE,
        reason=f"was {shown(figure)}; the case no longer exists",
        unit=figure.unit,
        before=figure.value,
        fails=True,
    )


def change_of(before: CaseFigure | None, after: CaseFigure, both: GatesOfBoth) -> Change:
    """Compare one case."""
    finding = (
        Finding(ChangeKind.NEW, f"{shown(after)}, with nothing to compare it with")
        if before is None
        else compare_figures(before, after, both.get((after.model, after.method), _NO_GATES))
    )
    return Change(
        id=after.id,
        model=after.model,
        method=after.method,
        gate=after.gate,
        kind=finding.kind,
        reason=finding.reason,
        unit=after.unit,
        before=None if before is None else before.value,
        after=after.value,
        images_worse=finding.images_worse,
        images_better=finding.images_better,
        fails=finding.kind in {ChangeKind.WORSE, ChangeKind.GONE},
    )


def compare_figures(
    before: CaseFigure, after: CaseFigure, gates: frozenset[str] = _NO_GATES
) -> Finding:
    """Compare the figures of a case that both sides have.

    If none of the gates that both sides have of the variant compares accuracy, agreement is
    compared.
    """
    if Verdict.MISSING in {before.status, after.status}:
        return _missing(before, after)
    rule = comparison_of(after.gate)
    values = (before.value is not None) + (after.value is not None)
    is_failure = Verdict.FAIL in {before.status, after.status}
    if rule is None or values == 0 or (values == 1 and is_failure):
        return _by_status(before, after)
    if values == 1:
        why = f"{shown(before)}, then {shown(after)}: only one of them has a value"
        return Finding(ChangeKind.INCONCLUSIVE, why)
    if rule.by_image == ("agrees",) and not any("right" in _by_image(gate) for gate in gates):
        rule = replace(rule, by_image=("baseline_right", "right", "agrees"))
    finding = _compare_alike(before, after, rule, by_image=any(map(_by_image, gates)))
    if finding.kind in _DIFFERS and is_other_machine(before, after):
        return Finding(ChangeKind.INCOMPARABLE, unlike(before, after, ("machine",)))
    return finding


def _by_image(gate: str) -> tuple[Predictions, ...]:
    rule = comparison_of(gate)
    return () if rule is None else rule.by_image


def _compare_alike(
    before: CaseFigure, after: CaseFigure, rule: Comparison, *, by_image: bool
) -> Finding:
    """Compare two values as far as they were measured under the same conditions."""
    if "images" not in rule.alike:
        differs = unlike(before, after, rule.alike)
        if differs:
            return Finding(ChangeKind.INCOMPARABLE, differs)
        return _with_values(before, after, _compare_values(before, after, rule))
    fed = fed_otherwise(before, after, rule)
    if fed:
        return Finding(ChangeKind.INCONCLUSIVE, fed)
    differs = unlike(before, after, ("preprocessing",))
    if differs:
        return _open(before, after, differs)
    if rule.by_image:
        return _compare_by_image(before, after, rule)
    common = shared(before, after)
    enough = by_image and common is not None and common.is_enough
    stands_in = enough and _answers(before, after, "agrees", common) is not None
    return _compare_distances(before, after, rule, stands_in=stands_in)


def _compare_by_image(before: CaseFigure, after: CaseFigure, rule: Comparison) -> Finding:
    """Compare predictions on the shared images, or the totals if predictions are not kept."""
    common, differs = shared(before, after), unlike(before, after, ("images",))
    if common is None or not common.first.size:
        return _open(before, after, differs or "neither side's images are known")
    answers = {name: _answers(before, after, name, common) for name in rule.by_image}
    known = {name: counts for name, counts in answers.items() if counts is not None}
    if _by_image(after.gate)[-1] in known:
        return _compare_answers(before, after, known, common)
    return _open(before, after, differs) if differs else _compare_totals(before, after, rule)


def _open(before: CaseFigure, after: CaseFigure, why: str) -> Finding:
    return Finding(ChangeKind.INCONCLUSIVE, f"{why}; {moved_from(before, after)}")


def _answers(
    before: CaseFigure, after: CaseFigure, name: Predictions, common: Shared | None
) -> Pairs | None:
    """Return predictions of both sides on the shared images, or None if either is unknown."""
    if common is None:
        return None
    if name == "baseline_right":
        return pairs((before.conditions.baseline_right, after.conditions.baseline_right), common)
    return pairs((getattr(before.variant, name), getattr(after.variant, name)), common)


def _compare_answers(
    before: CaseFigure, after: CaseFigure, answers: dict[Predictions, Pairs], common: Shared
) -> Finding:
    """Compare predictions image by image; the worst result counts."""
    kinds = [_kind_of(answer) for answer in answers.values()]
    kind = next(candidate for candidate in _WORST_FIRST if candidate in kinds)
    if kind is not ChangeKind.WORSE and not common.is_enough:
        kind = ChangeKind.INCONCLUSIVE
    named = moved(before, after) if common.is_whole else None
    sentences = (
        _sentence_of(before, after, name, counts, common) for name, counts in answers.items()
    )
    texts = [sentence for sentence in sentences if sentence]
    if named is not None and texts and (named.worse or named.better):
        *_, last = answers.values()
        if (len(named.worse), len(named.better)) == (last.lost, last.gained):
            texts[-1] += f": {words.names(named.worse)}" if named.worse else ""
        else:
            named = None
    few = "" if common.is_enough else ", too few to tell"
    basis = "" if common.is_whole else f"compared on {common.text}{few}"
    differs = kind in _DIFFERS
    parts = [
        basis,
        *(texts or [moved_from(before, after)]),
        unlike(before, after, ("baseline", "kernels")) if differs else "",
        background(before, after) if differs else "",
    ]
    return Finding(
        kind,
        "; ".join(part for part in parts if part),
        () if named is None else named.worse,
        () if named is None else named.better,
    )


_WORST_FIRST = (ChangeKind.WORSE, ChangeKind.BETTER, ChangeKind.NOISE, ChangeKind.UNCHANGED)


def _kind_of(counts: Pairs) -> ChangeKind:
    if not (counts.lost or counts.gained):
        return ChangeKind.UNCHANGED
    return _kind(counts.lost - counts.gained) if counts.p <= ALPHA else ChangeKind.NOISE


def _sentence_of(
    before: CaseFigure, after: CaseFigure, name: Predictions, paired: Pairs, common: Shared
) -> str:
    """Describe how one rate changed; empty if no image changed."""
    if not (paired.lost or paired.gained):
        return ""
    rates = paired.before / paired.images, paired.after / paired.images
    rate = words.change("percent", *rates)
    if name == "agrees":
        whole = moved_from(before, after) if common.is_whole else rate
        return f"{whole}; {paired.sentence()}"
    kind, counts = _kind_of(paired), f"{paired.lost:,} lost and {paired.gained:,} gained"
    of = f"{rate} of {words.plural(paired.images, 'image')}, {counts}"
    if kind is ChangeKind.NOISE:
        return f"{_WHOSE[name]}'s accuracy {of} (exact McNemar p {paired.p:.2g})"
    moved_by, (low, high) = abs(rates[0] - rates[1]), paired.drop
    less, least = ("less", low) if kind is ChangeKind.WORSE else ("more", -high)
    by, at_least = (words.distance("points", share) for share in (moved_by, least))
    return f"{_WHOSE[name]} is {by} {less} accurate ({of}; at least {at_least})"


def _compare_totals(before: CaseFigure, after: CaseFigure, rule: Comparison) -> Finding:
    """Compare figures on the same images if one of them is not kept image by image."""
    finding = _with_values(before, after, _compare_values(before, after, rule))
    other = unlike(before, after, ("baseline",))
    is_paired = "baseline_right" in _by_image(after.gate)
    if not is_paired or not other or finding.kind is ChangeKind.WORSE:
        return finding
    why = f"{other}, and accuracy was not kept image by image, so the totals can't be compared"
    return _open(before, after, why)


def _compare_distances(
    before: CaseFigure, after: CaseFigure, rule: Comparison, *, stands_in: bool
) -> Finding:
    """Compare distances of predictions from the baseline's.

    Distances on other images or from another baseline are different quantities. ``stands_in`` says
    whether predictions are compared image by image instead.
    """
    images = unlike(before, after, ("images",))
    differs = unlike(before, after, [name for name in rule.alike if name in {"baseline", "images"}])
    if differs and stands_in:
        return Finding(ChangeKind.INCOMPARABLE, f"{differs}; predictions are compared by image")
    if images or (differs and rule.exact):
        return _open(before, after, differs)
    quiet = unlike(before, after, [name for name in rule.alike if name in _QUIET])
    if quiet:
        return Finding(ChangeKind.INCOMPARABLE, quiet)
    finding = _with_values(before, after, _compare_values(before, after, rule))
    if differs and finding.kind is ChangeKind.WORSE:
        # Variants of another network may lie further from it and still predict as well.
        return _open(before, after, differs)
    return finding


def _with_values(before: CaseFigure, after: CaseFigure, finding: Finding) -> Finding:
    """Add the values to a finding's reason, and other differences if the finding counts."""
    extra = background(before, after) if finding.kind in _DIFFERS else ""
    parts = moved_from(before, after), finding.reason, extra
    return replace(finding, reason="; ".join(part for part in parts if part))


def _missing(before: CaseFigure, after: CaseFigure) -> Finding:
    missing = [side for side in (before, after) if side.status is Verdict.MISSING]
    if len(missing) > 1:
        return Finding(ChangeKind.UNCHANGED, "MISSING, as before")
    why = missing[0].reason or "MISSING"
    if missing[0] is before:
        if before.declared_missing:
            return Finding(ChangeKind.INCOMPARABLE, f"missing by declaration: {why}")
        return Finding(ChangeKind.NEW, f"{shown(after)}, was MISSING")
    if after.declared_missing:
        now = f"was {shown(before)}, now MISSING as declared: {why}"
        return Finding(ChangeKind.INCONCLUSIVE, now)
    return Finding(ChangeKind.GONE, f"was {shown(before)}, now MISSING: {why}")


def _by_status(before: CaseFigure, after: CaseFigure) -> Finding:
    """Compare proofs, and cases that FAIL without a value, by verdict."""
    failed = before.status is Verdict.FAIL, after.status is Verdict.FAIL
    if failed[0] == failed[1]:
        return Finding(ChangeKind.UNCHANGED, f"{after.status.value}, as before")
    kind = ChangeKind.WORSE if failed[1] else ChangeKind.BETTER
    why = f": {after.reason}" if failed[1] and after.reason else ""
    return Finding(kind, f"{before.status.value}, then {after.status.value}{why}")


def _compare_values(before: CaseFigure, after: CaseFigure, rule: Comparison) -> Finding:
    sense: Literal["min", "max"] = "min" if GATES.get(after.gate).sense == "min" else "max"
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
    if rule.of_file:
        # Beside one baseline a byte is always the same share of its size.
        size = after.value if after.unit == "bytes" else 1.0 - after.value
        slack = size * _same_size(after) / max(1, after.variant.bytes)
    first, second = _ends(before, rule), _ends(after, rule)
    if first is None or second is None:
        few = "too few samples for an interval, so no comparison is possible"
        return Finding(ChangeKind.INCOMPARABLE, few)
    grew, shrank = second[0] - first[1] > slack, first[0] - second[1] > slack
    kind = _kind((grew - shrank) * (1 if sense == "max" else -1))
    return Finding(kind, _allowance(after, rule, slack) if kind is ChangeKind.NOISE else "")


def _same_size(figure: CaseFigure) -> float:
    """Return by how many bytes a file may differ from another of the same size."""
    return min(SAME_SIZE_BYTES, SAME_SIZE_SHARE * figure.variant.bytes)


def _ends(figure: CaseFigure, rule: Comparison) -> tuple[float, float] | None:
    """Return the ends of a figure's interval, or its value twice if exact."""
    if rule.exact and figure.value is not None:
        return figure.value, figure.value
    return figure.interval


def _kind(worsening: int) -> ChangeKind:
    if not worsening:
        return ChangeKind.NOISE
    return ChangeKind.WORSE if worsening > 0 else ChangeKind.BETTER


def _allowance(figure: CaseFigure, rule: Comparison, slack: float) -> str:
    """Say why a difference does not count."""
    allowed = ""
    if rule.relative:
        allowed = f"up to {words.percentage(rule.tolerance)} is within noise"
    elif rule.of_file:
        allowed = f"up to {words.value('size', _same_size(figure))} is within noise"
    elif slack:
        most = words.distance(written(figure.gate, figure.unit), slack)
        allowed = f"up to {most} is within noise"
    if rule.exact:
        return allowed
    return f"the intervals overlap or are close{f', {allowed}' if allowed else ''}"


def shown(figure: CaseFigure) -> str:
    """Return a figure's value as text, or its verdict if it has none."""
    if figure.value is None:
        return figure.status.value
    return words.value(written(figure.gate, figure.unit), figure.value)


def moved_from(before: CaseFigure, after: CaseFigure) -> str:
    """Return the values of two figures as text, with enough digits to tell them apart."""
    first, other = before.value or 0.0, after.value or 0.0
    kind = written(after.gate, after.unit)
    return words.value(kind, first) if first == other else words.change(kind, first, other)


def background(before: CaseFigure, after: CaseFigure) -> str:
    """Describe other differences between two figures: size of the file, runtime."""
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


def hold(record: RunRecord, folder: Path, *, set_aside: frozenset[str] = frozenset()) -> RunRecord:
    """Add to a record what changed since the accepted records in a folder.

    A case worse than accepted keeps the run from passing, and so does an accepted case that the
    spec no longer declares, whichever part of the gate was run, or an inconclusive comparison if
    the spec makes INCONCLUSIVE fail. An accepted record that can't be read is added to the run's
    ``errors``. Models without an accepted record change nothing, nor does a folder that does not
    exist. What that comes to is decided with the answers.

    ``set_aside`` are the cases that the spec declares and options of the run leave out.
    """
    try:
        known = accepted.read_all(folder)
    except RecordError as error:
        errors = dict.fromkeys((*record.errors, str(error)))
        return msgspec.structs.replace(record, errors=tuple(errors))
    models = {entry.model for entry in known}
    comparison = compare(of_accepted(known), _without(of_record(record), set_aside))
    changes = tuple(change for change in comparison if change.model in models)
    return msgspec.structs.replace(record, changes=changes)


def follow(
    record: RunRecord, runs: Sequence[PastRun], *, set_aside: frozenset[str] = frozenset()
) -> RunRecord:
    """Add to a record what changed since the previous run, if there is one.

    ``set_aside`` is as for ``hold``.
    """
    before = previous(record, runs)
    if before is None:
        return record
    comparison = compare(of_past(before), _without(of_record(record), set_aside))
    changes = tuple(msgspec.structs.replace(change, fails=False) for change in comparison)
    return msgspec.structs.replace(
        record,
        previous=Previous(started=before.started, commit=before.commit, changes=changes),
    )


def _without(side: Snapshot, set_aside: frozenset[str]) -> Snapshot:
    """Return a side on which nothing is known about the cases that were set aside."""
    return replace(side, not_run=side.not_run | set_aside)


def previous(record: RunRecord, runs: Sequence[PastRun]) -> PastRun | None:
    """Return the latest run that has a model of the record, preferring whole runs.

    Args:
        record: The new run.
        runs: The runs before it, the oldest first. Their order is trusted, because the clock may
            have been set back in between.
    """
    models = {case.model for case in record.cases}
    known = [run for run in runs if models & set(run.models)]
    whole = [run for run in known if not run.partial] or known
    return whole[-1] if whole else None
