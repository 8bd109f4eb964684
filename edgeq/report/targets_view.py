"""The matrix of variants by targets, and the facts about each target. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from edgeq.config.target_kinds import LOCAL
from edgeq.judge.verdict import ShipDecision, Verdict
from edgeq.record.ship_decision import answer, overall
from edgeq.record.structs import ModelRecord, RunRecord, TargetRecord, VariantRecord
from edgeq.report import words
from edgeq.report.words import Mark
from edgeq.words import names, plural

NOT_REJECTED = Mark("○", "o", "not rejected", "none")
"""Mark of a variant where a target can only reject, and does not."""

FILES_ONLY = "the file only"


@dataclass(frozen=True)
class MatrixCell:
    """The answer about a variant on one target.

    Attributes:
        target: Heading of the column.
        mark: The answer; None if the variant was not judged there at all.
        detail: What decides it, in a few words; empty if nothing is wrong.
    """

    target: str
    mark: Mark | None
    detail: str
    anchor: str


@dataclass(frozen=True)
class MatrixRow:
    """A variant on all targets, with the answer on all of them together."""

    model: str
    variant: str
    mark: Mark
    cells: tuple[MatrixCell, ...]


@dataclass(frozen=True)
class TargetView:
    """One target.

    Attributes:
        problem: Why it could not be used; empty if it could.
        facts: What its worker says of it, as names and texts.
        not_applicable: Which gates have no case there, in one sentence; empty if none.
    """

    name: str
    summary: str
    problem: str
    facts: tuple[tuple[str, str], ...]
    not_applicable: str


@dataclass(frozen=True)
class TargetsView:
    """The targets of a run."""

    columns: tuple[str, ...]
    rows: tuple[MatrixRow, ...]
    targets: tuple[TargetView, ...]


def targets_view(record: RunRecord) -> TargetsView | None:
    """Return the view of a run's targets, None if it judged on this machine alone."""
    known = {target.name: target for model in record.models for target in model.targets}
    if not known:
        return None
    columns = list(known) if LOCAL in known else [LOCAL, *known]
    decisions = overall(record)
    rows = [
        MatrixRow(
            model=model.name,
            variant=variant,
            mark=words.ANSWERS[decisions[model.name, variant]],
            cells=tuple(_cell(record, model, variant, target, known) for target in columns),
        )
        for model in record.models
        for variant in dict.fromkeys(each.plain_name for each in model.variants)
    ]
    headings = tuple(name if name in known else f"{name}, {FILES_ONLY}" for name in columns)
    return TargetsView(headings, tuple(rows), tuple(map(_target, known.values())))


def _cell(
    record: RunRecord, model: ModelRecord, name: str, target: str, known: dict[str, TargetRecord]
) -> MatrixCell:
    heading = target if target in known else f"{target}, {FILES_ONLY}"
    for place, variant in enumerate(model.variants):
        if (variant.plain_name, variant.target) == (name, target):
            anchor = f"m{record.models.index(model)}-v{place + 1}"
            mark = answer_mark(record, model, variant)
            return MatrixCell(heading, mark, _detail(record, model, variant), anchor)
    return MatrixCell(heading, None, "", "")


def answer_mark(record: RunRecord, model: ModelRecord, variant: VariantRecord) -> Mark:
    """Return the mark of the answer about a variant, in the words of what its target can say."""
    decision = answer(record, model.name, variant)
    if decision is not ShipDecision.REJECTED and not model.clears(variant):
        return NOT_REJECTED
    return words.ANSWERS[decision]


def _detail(record: RunRecord, model: ModelRecord, variant: VariantRecord) -> str:
    cases = record.verdicts(model.name, variant.name)
    if any(target.name == variant.target and target.error for target in model.targets):
        return "the target could not be used"
    for status in (Verdict.FAIL, Verdict.MISSING, Verdict.INCONCLUSIVE):
        gates = [case.gate for case in cases if case.status is status]
        if gates:
            return f"{names(gates)} {status.value}"
    return f"{plural(len(cases), 'case')} PASS" if cases else "no case"


def _target(target: TargetRecord) -> TargetView:
    machine, versions = target.machine, dict(target.versions)
    cores = None if machine.cores is None else plural(machine.cores, "core")
    python = versions.pop("python", None)
    clock = [
        f"governor {target.governor}" if target.governor else None,
        None if target.clock_mhz is None else f"{target.clock_mhz:.0f} MHz",
    ]
    degrees = None if target.celsius is None else f"{target.celsius:.0f} °C"
    lines = (
        ("kind", target.kind),
        ("measures", ", ".join(target.measures).replace("_", " ")),
        ("processor", _joined(machine.processor, cores, machine.architecture)),
        ("system", machine.system),
        ("runtime", ", ".join(f"{name} {number}" for name, number in versions.items())),
        ("Python", python),
        ("kernels", target.kernels),
        ("clock", _joined(*clock)),
        ("temperature", degrees),
        ("in doubt", "; ".join(target.warnings)),
    )
    left = ""
    if not target.clears:
        left = "It can reject a variant, and clears none: it measures no predictions."
    elif target.not_applicable:
        left = f"Not applicable there, so without a case: {', '.join(target.not_applicable)}."
    return TargetView(
        name=target.name,
        summary=target.summary,
        problem=target.error or "",
        facts=tuple((name, text) for name, text in lines if text),
        not_applicable=left,
    )


def _joined(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part)
