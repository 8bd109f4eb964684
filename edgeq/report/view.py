"""The view model: a whole record in the words and the order of the report. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from edgeq.answer import Answer, answer
from edgeq.record import Facts, ModelRecord, RunRecord
from edgeq.report import facts, scatter, words
from edgeq.report.variant_view import CaseView, VariantView, case_view, variant_view
from edgeq.report.words import Mark


@dataclass(frozen=True)
class ModelView:
    """One model with its variants.

    Attributes:
        about: What it is, as name and text.
        notes: What a reader must know before the numbers.
        baseline: The cells of the baseline's row by column.
        chart: The scatter of size against agreement, None with nothing to draw.
    """

    name: str
    about: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    baseline: VariantView
    variants: tuple[VariantView, ...]
    chart: scatter.Chart | None

    @property
    def rows(self) -> tuple[VariantView, ...]:
        """The rows of the table: the baseline, then the variants."""
        return (self.baseline, *self.variants)


@dataclass(frozen=True)
class ReportView:
    """One run.

    Attributes:
        mark: Whether the run passes.
        headline: The answer in one sentence.
        because: Why it is so.
        counts: Verdicts with their numbers.
        notes: What a reader must know before the numbers, the same for no two models.
        orphans: Cases that belong to no variant of the record.
        facts: Tables of names and texts: data, environment.
    """

    mark: Mark
    headline: str
    because: str
    counts: tuple[tuple[Mark, int], ...]
    notes: tuple[str, ...]
    models: tuple[ModelView, ...]
    orphans: tuple[CaseView, ...]
    facts: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    commands: tuple[str, ...]
    started: str
    duration: str
    edgeq: str
    spec_sha256: str


def view(record: RunRecord) -> ReportView:
    """Return what the report shows of a record."""
    summary = record.summary
    known = {(model.name, one.name) for model in record.models for one in model.variants}
    return ReportView(
        mark=words.Mark("✓", "+", "PASS", "good")
        if summary.may_ship
        else words.Mark("✗", "x", "FAIL", "bad"),
        headline=_headline(record),
        because=_because(record),
        counts=tuple(
            (words.VERDICTS[verdict], number)
            for verdict, number in zip(
                words.VERDICTS,
                (summary.passed, summary.failed, summary.inconclusive, summary.missing),
                strict=True,
            )
        ),
        notes=_notes(record),
        models=tuple(_model(record, model) for model in record.models),
        orphans=tuple(case_view(c) for c in record.cases if (c.model, c.method) not in known),
        facts=(
            *((f"Data of {model.name}", _data(model)) for model in record.models),
            ("Machine", flat(record.machine)),
            ("Tools", flat(record.toolchain)),
        ),
        commands=record.commands,
        started=words.utc(record.started),
        duration=words.duration(record.duration_s),
        edgeq=record.edgeq,
        spec_sha256=record.spec_sha256,
    )


def flat(table: Facts, prefix: str = "") -> tuple[tuple[str, str], ...]:
    """Return nested facts as names and texts, one line each."""
    found: list[tuple[str, str]] = []
    for key, value in table.items():
        name = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, dict):
            found += flat(facts.table({"t": value}, "t"), f"{name}: ")
        elif isinstance(value, list | tuple):
            found.append((name, ", ".join(str(one) for one in value) or "none"))
        else:
            found.append((name, "not known" if value is None else str(value)))
    return tuple(found)


def _headline(record: RunRecord) -> str:
    answers = [answer(record, model.name, one) for model in record.models for one in model.variants]
    ships = sum(one in {Answer.SHIPS, Answer.WARNS} for one in answers)
    if not answers:
        return "There is no variant to ship"
    if ships == len(answers):
        said = "The variant" if ships == 1 else f"All {ships} variants"
        warns = sum(one is Answer.WARNS for one in answers)
        return f"{said} may ship" + (f", {warns} with warnings" if warns else "")
    if not ships:
        return "The variant may not ship" if len(answers) == 1 else "No variant may ship"
    return f"{ships} of {len(answers)} variants may ship"


def _because(record: RunRecord) -> str:
    summary = record.summary
    parts = []
    if record.errors:
        parts.append(f"{words.count(len(record.errors), 'input')} could not be used")
    if summary.failed:
        parts.append(f"{words.count(summary.failed, 'case')} FAIL")
    undeclared = sum(c.status.value == "MISSING" and not c.declared_missing for c in record.cases)
    if undeclared:
        parts.append(f"{words.count(undeclared, 'case')} MISSING without being declared")
    if summary.inconclusive:
        rule = "which warns" if record.inconclusive == "warn" else "which fails"
        parts.append(f"{words.count(summary.inconclusive, 'case')} INCONCLUSIVE, {rule}")
    if summary.missing - undeclared:
        parts.append(f"{words.count(summary.missing - undeclared, 'case')} MISSING as declared")
    if summary.not_run:
        parts.append(f"{words.count(len(summary.not_run), 'declared case')} not run")
    elif not summary.complete:
        parts.append("verdicts and declared cases do not match")
    if not record.cases:
        parts.append("nothing was judged")
    return "; ".join(parts) or f"all {words.count(summary.passed, 'case')} passed"


def _notes(record: RunRecord) -> tuple[str, ...]:
    notes = [f"Bad input: {error}" for error in record.errors]
    for model in record.models:
        notes += [f"{model.name}: {note}" for note in model.notes]
        gates = dict.fromkeys(
            c.gate for c in record.cases if c.model == model.name and c.declared_missing
        )
        if gates:
            why = "" if model.trained else " because its weights are random"
            notes.append(
                f"{model.name}: MISSING by declaration{why}: {', '.join(gates)}. The answers "
                "below say nothing about them."
            )
    if record.summary.not_run:
        shown = ", ".join(record.summary.not_run[:12])
        more = len(record.summary.not_run) - 12
        notes.append(f"Declared and not run: {shown}" + (f" and {more} more" if more > 0 else ""))
    return tuple(notes)


def _model(record: RunRecord, model: ModelRecord) -> ModelView:
    variants = tuple(variant_view(record, model, one) for one in model.variants)
    baseline = variant_view(record, model, model.baseline)
    return ModelView(
        name=model.name,
        about=(
            ("Source", model.source),
            ("Weights", "trained" if model.trained else "random, not trained"),
            ("Licence", model.licence or "not recorded"),
        ),
        notes=model.notes,
        baseline=baseline,
        variants=variants,
        chart=scatter.chart(baseline, variants),
    )


def _data(model: ModelRecord) -> tuple[tuple[str, str], ...]:
    return (
        *flat(model.images),
        *flat(model.preprocessing, "preprocessing: "),
        *flat(model.labels, "labels: "),
    ) or (("images", words.ABSENT),)
