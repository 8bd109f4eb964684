"""The result for each model, with the deciding numbers, in one short sentence each. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

from edgeq.config.gates import GATES
from edgeq.config.structs import CLASSIFICATION
from edgeq.judge.verdict import ShipDecision, Verdict
from edgeq.measure.tensors import Fit
from edgeq.record.ship_decision import answer, incomparable, leans, not_run, overall, reasons
from edgeq.record.structs import CaseRecord, ModelRecord, RunRecord, VariantRecord
from edgeq.report import words
from edgeq.words import about, change, every, names, plural, typeset
from edgeq.words.samples import of_arrays

MAX_NAMES = 3
"""Maximum number of variants that a clause names; more are only counted."""

Variants = Sequence[VariantRecord]


def findings(record: RunRecord) -> tuple[str, ...]:
    """Return a sentence per model and one on what would settle open cases, without full stops."""
    sentences = [about_model(record, model) for model in record.models]
    settling = what_would_settle(record)
    return (*sentences, settling) if settling else tuple(sentences)


def about_model(record: RunRecord, model: ModelRecord) -> str:
    """Return the result for one model: rejected variants first, cleared ones last.

    A variant on several targets is counted once, by the first target that decides its answer.
    """
    groups: dict[ShipDecision, list[VariantRecord]] = {}
    for (name, variant), decision in overall(record).items():
        if name == model.name:
            every = (each for each in model.variants if each.plain_name == variant)
            deciding = (each for each in every if answer(record, name, each) is decision)
            groups.setdefault(decision, []).extend(islice(deciding, 1))
    clauses = [
        _CLAUSES[decision](record, model, groups[decision])
        for decision in ShipDecision
        if groups.get(decision)
    ]
    how = "" if model.task in {"", CLASSIFICATION} else f", judged as {model.task}"
    result = "; ".join(clauses) or "no variant was declared"
    return f"{model.name}{how}: {of_arrays(result) if model.arrays else result}"


def _count(model: ModelRecord) -> int:
    return len({variant.plain_name for variant in model.variants})


def what_would_settle(record: RunRecord) -> str:
    """Return how many images would settle the open cases, empty if no number is known.

    Only evaluation images are mentioned; the cases themselves name the rounds that they need.
    """
    parts = []
    several = len(record.models) > 1
    for model in record.models:
        open_ = [
            case
            for variant in model.variants
            if answer(record, model.name, variant) is ShipDecision.UNPROVEN
            for case in record.verdicts(model.name, variant.name)
            if case.status is not Verdict.PASS
        ]
        settled = [case for case in open_ if _images_needed(case)]
        if settled:
            what = "it" if len(settled) == len(open_) else "what its predictions leave open"
            number = of_arrays(_needed(settled)) if model.arrays else _needed(settled)
            parts.append((number, what, model.name))
    if not parts:
        return ""
    if len(parts) == 1:
        number, what, name = parts[0]
        of = f" of {name}" if several and what != "it" else ""
        return f"About {number} would settle {what}{of}"
    return f"About {', about '.join(f'{number} would settle {name}' for number, _, name in parts)}"


def _rejected(record: RunRecord, model: ModelRecord, group: Variants) -> str:
    first = min(group, key=_rank)
    why = _objection(record, model, first)
    figures = _failing_doubt(record, model, first) or _figures(first)
    shown = f"{why}; {figures}" if figures else why
    whose = f"{first.name}: " if len(group) > 1 else ""
    return f"{_are(model, group)} rejected ({whose}{shown})"


def _failing_doubt(record: RunRecord, model: ModelRecord, variant: VariantRecord) -> str:
    """Return what is wrong with the baseline if a case fails because of it, else an empty text."""
    cases = record.verdicts(model.name, variant.name)
    failing = (case for case in cases if case.status is Verdict.FAIL)
    return next(filter(None, map(baseline_doubt, failing)), "")


def _not_judged(record: RunRecord, model: ModelRecord, group: Variants) -> str:
    why = dict.fromkeys(
        reason for variant in group for reason in reasons(record, model.name, variant)
    )
    first = next(iter(why))
    if len(group) == _count(model) and len(why) == 1:
        return f"not judged, {first}"
    return f"{_are(model, group)} not judged ({first})"


def _unproven(record: RunRecord, model: ModelRecord, group: Variants) -> str:
    why = _doubt(record, model, group)
    whole = len(group) == _count(model)
    sentence = f"nothing failed, but {why}" if whole else f"{_are(model, group)} unproven: {why}"
    shown = _leaning(record, model, group) or _lowest(group)
    return f"{sentence} ({shown})" if shown else sentence


def _cleared(_: RunRecord, model: ModelRecord, group: Variants) -> str:
    number = _images(group)
    on = f" on {plural(number, 'image')}" if number else ""
    shown = _lowest(group)
    return f"{_are(model, group)} cleared{on}" + (f" ({shown})" if shown else "")


_CLAUSES: dict[ShipDecision, Callable[[RunRecord, ModelRecord, Variants], str]] = {
    ShipDecision.REJECTED: _rejected,
    ShipDecision.NOT_JUDGED: _not_judged,
    ShipDecision.UNPROVEN: _unproven,
    ShipDecision.CLEARED: _cleared,
}


def _are(model: ModelRecord, group: Variants) -> str:
    """Return the subject of a clause about variants, with its verb."""
    if len(group) == 1:
        return f"{group[0].name} is"
    if len(group) == _count(model):
        return f"{every(len(group)).lower()} variants are"
    if len(group) > MAX_NAMES:
        return f"{len(group)} variants are"
    return f"{words.joined([variant.name for variant in group])} are"


def _objection(record: RunRecord, model: ModelRecord, variant: VariantRecord) -> str:
    """Return the reasons to reject a variant, in as few words as possible."""
    if variant.error is not None:
        return "it could not be made, run or compared"
    objections = {
        case.id: f"{case.gate} {case.status.value}"
        for case in record.verdicts(model.name, variant.name)
        if case.status is Verdict.FAIL
        or (case.status is Verdict.MISSING and not case.declared_missing)
    }
    for moved in record.changes:
        if moved.fails and (moved.model, moved.method) == (model.name, variant.name):
            objections.setdefault(moved.id, f"{moved.gate} {moved.against}")
    if objections:
        return names([*objections.values()])
    left = len(not_run(record, model.name, variant))
    return f"{plural(left, 'declared case')} not run"


def _doubt(record: RunRecord, model: ModelRecord, group: Variants) -> str:
    """Return what is open about variants that are not rejected."""
    cases = [case for variant in group for case in record.verdicts(model.name, variant.name)]
    absent = list(dict.fromkeys(case.gate for case in cases if case.status is Verdict.MISSING))
    left = sum(len(not_run(record, model.name, variant)) for variant in group)
    doubts = _open_questions(cases, _images(group))
    if absent:
        doubts.append(f"{names(absent)} {'was' if len(absent) == 1 else 'were'} not measured")
    if left:
        doubts.append(f"{plural(left, 'declared case')} {'was' if left == 1 else 'were'} not run")
    if any(incomparable(record, model.name, variant) for variant in group):
        doubts.append("figures can't be compared with what was accepted")
    return " and ".join(doubts)


def _open_questions(cases: Sequence[CaseRecord], images: int) -> list[str]:
    """Return what INCONCLUSIVE cases leave open; a doubtful baseline explains those of images."""
    guess = next(filter(None, map(baseline_doubt, cases)), "")
    open_ = [
        case for case in cases if case.status is Verdict.INCONCLUSIVE and not baseline_doubt(case)
    ]
    others = dict.fromkeys(case.gate for case in open_ if not _sees_images(case))
    rows = {gate: GATES.find(gate) for gate in others}
    timed = [gate for gate, row in rows.items() if row is not None and row.marker == "latency"]
    unsettled = [gate for gate in others if gate not in timed]
    questions = [guess] if guess else []
    if any(map(_sees_images, open_)) and not guess:
        who = plural(images, "image") if images else "the images"
        questions.append(f"{who} {'proves' if images == 1 else 'prove'} too little")
    if timed:
        questions.append(f"the timing does not settle {names(timed)}")
    if unsettled:
        questions.append(f"{names(unsettled)} {'is' if len(unsettled) == 1 else 'are'} not settled")
    return questions


def _leaning(record: RunRecord, model: ModelRecord, group: Variants) -> str:
    """Return which variants look worse than allowed, empty if none does."""
    verdicts = ((variant, record.verdicts(model.name, variant.name)) for variant in group)
    leaning = [
        (variant, cases)
        for variant, own in verdicts
        if (cases := [case for case in own if leans(case) is Verdict.FAIL])
    ]
    if not leaning:
        return ""
    by_images = [pair for pair in leaning if any(map(_sees_images, pair[1]))]
    variant, cases = min(by_images or leaning, key=lambda pair: _rank(pair[0]))
    case = next((case for case in cases if case.gate == "accuracy_drop"), None)
    figures = accuracy(variant) if case is not None else ""
    case = case or next((case for case in cases if _sees_images(case)), cases[0])
    if not figures:
        value = words.quantity(case.gate, case.unit, case.value, beside=case.limit)
        limit = words.limit(case.gate, case.unit, case.limit, beside=case.value)
        figures = f"{case.gate} {value}, limit: {limit}"
    others = len(leaning) - 1
    more = f"; {plural(others, 'other variant')} too" if others else ""
    return f"{variant.name} looks worse than allowed: {figures}{more}"


def _lowest(group: Variants) -> str:
    """Return the figures of the variant with the lowest accuracy or agreement."""
    lowest = min(group, key=_rank)
    figures = _figures(lowest)
    return f"lowest: {lowest.name}, {figures}" if figures and len(group) > 1 else figures


def _rank(variant: VariantRecord) -> float:
    if variant.accuracy is not None:
        return variant.accuracy.variant_top1.value
    if variant.agreement is not None:
        return variant.agreement.top1
    if variant.precision is not None:
        return variant.precision.variant_map
    if variant.boxes is not None and variant.boxes.recall is not None:
        return variant.boxes.recall.value
    worst = worst_output(variant)
    return 2.0 if worst is None else -(worst.error or 0.0)


def _figures(variant: VariantRecord) -> str:
    """Return the deciding numbers of a variant, empty if none was measured."""
    measures = (accuracy, agreement, precision, box_recall, error)
    return next(filter(None, (measure(variant) for measure in measures)), "")


def accuracy(variant: VariantRecord) -> str:
    """Return the baseline's and the variant's accuracy, empty if it was not measured."""
    if variant.accuracy is None:
        return ""
    before, after = variant.accuracy.baseline_top1, variant.accuracy.variant_top1
    moved = typeset(change("percent", before.value, after.value))
    return f"top-1 {moved}{_interval(after.interval)}"


def agreement(variant: VariantRecord) -> str:
    """Return the share of images with the baseline's class, empty if it was not measured."""
    if variant.agreement is None:
        return ""
    share, ends = variant.agreement.top1, variant.agreement.top1_interval
    return f"agreement {words.percent(share)}{_interval(ends)}"


def precision(variant: VariantRecord) -> str:
    """Return the baseline's and the variant's mAP50-95, empty if it was not measured."""
    if variant.precision is None:
        return ""
    before, after = variant.precision.baseline_map, variant.precision.variant_map
    moved = typeset(change("percent", before, after))
    return f"mAP {moved}{_interval(variant.precision.variant_interval)}"


def box_recall(variant: VariantRecord) -> str:
    """Return the share of the baseline's boxes that a detector finds, empty if not measured."""
    recall = None if variant.boxes is None else variant.boxes.recall
    if recall is None:
        return ""
    return f"box recall {words.percent(recall.value)}{_interval(recall.interval)}"


def worst_output(variant: VariantRecord) -> Fit | None:
    """Return the output with the greatest relative error, None if none was compared."""
    known = [output for output in variant.outputs if output.error is not None]
    return max(known, key=lambda output: output.error or 0.0, default=None)


def error(variant: VariantRecord) -> str:
    """Return the relative error of the worst output, empty if none was compared."""
    worst = worst_output(variant)
    if worst is None or worst.error is None:
        return ""
    ends = worst.error_interval
    shown = "" if ends is None else f", interval {words.span('number', ends)}"
    return f"relative error {words.number('number', worst.error)}{shown}"


def baseline_doubt(case: CaseRecord) -> str:
    """Return why agreement with a case's baseline proves nothing, empty if there is no doubt."""
    return "" if (doubt := case.known.doubt) is None else doubt.reason


def _interval(ends: tuple[float, float] | None) -> str:
    return "" if ends is None else f", interval {words.span('percent', ends)}"


def _images(group: Variants) -> int:
    """Return the number of images that the variants were judged on, 0 if none were."""
    measured = (
        table
        for variant in group
        for table in (variant.agreement, variant.accuracy, *variant.outputs)
        if table is not None
    )
    return max((table.images for table in measured), default=0)


def _sees_images(case: CaseRecord) -> bool:
    """Return whether more images would tell more: a proof is open for other reasons."""
    gate = GATES.find(case.gate)
    return gate is not None and gate.needs_images and gate.marker != "proof"


def _images_needed(case: CaseRecord) -> int:
    return case.known.images_needed or 0 if case.status is Verdict.INCONCLUSIVE else 0


def _needed(cases: Sequence[CaseRecord]) -> str:
    """Return the number and kind of images that would settle all given cases."""
    gates = (GATES.find(case.gate) for case in cases)
    labelled = any(gate is not None and gate.needs_labels for gate in gates)
    noun = "different photographs" if any(c.known.photographs for c in cases) else "images"
    number = about(max(map(_images_needed, cases)))
    return f"{number} {'labelled ' if labelled else ''}{noun}"
