"""The view model: a whole record in the wording and order of the report. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgeq.config.target_kinds import LOCAL
from edgeq.io.structs import Json
from edgeq.judge.verdict import ShipDecision
from edgeq.record.ship_decision import answered
from edgeq.record.structs import ModelRecord, RunRecord, written
from edgeq.report import margins, pictures, scatter, sentences, words
from edgeq.report.changes import SHA_SHOWN, ChangesView, changes_view
from edgeq.report.model_sentences import findings
from edgeq.report.pictures import Pictures, PictureView, SheetView
from edgeq.report.targets_view import TargetsView, targets_view
from edgeq.report.variant_view import CaseView, VariantView, case_view, variant_view
from edgeq.report.words import Mark
from edgeq.words import duration, plural, utc

MAX_FOUND = 3
"""Maximum number of models of which the head says what was found about each."""
MAX_UNFOLDED = 3
"""Maximum number of variants that are shown unfolded; of more, a reader opens one at a time."""
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


@dataclass(frozen=True)
class ModelView:
    """One model with its variants.

    Attributes:
        about: Facts about the model, as names and texts.
        notes: What a reader must know before the numbers.
        chart: Chart of the trade-off; None if there is nothing to draw.
        arrays: Whether its samples are arrays, not photographs.
    """

    name: str
    about: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    baseline: VariantView
    variants: tuple[VariantView, ...]
    chart: scatter.Chart | None
    pictures_note: str
    arrays: bool

    @property
    def rows(self) -> tuple[VariantView, ...]:
        """The rows of the table: the baseline, then the variants."""
        return (self.baseline, *self.variants)

    @property
    def judged(self) -> tuple[VariantView, ...]:
        """The variants, whose figures decide which columns are shown; else the baseline."""
        return self.variants or (self.baseline,)

    @property
    def by_answer(self) -> tuple[VariantView, ...]:
        """The variants, the rejected ones first and the cleared ones last."""
        order = list(ShipDecision)
        return tuple(
            sorted(self.variants, key=lambda variant: order.index(variant.answer or order[-1]))
        )


@dataclass(frozen=True)
class FactsView:
    """A table of names and texts, with the contact sheets of the images it describes."""

    title: str
    lines: tuple[tuple[str, str], ...]
    sheets: tuple[SheetView, ...] = ()


@dataclass(frozen=True)
class ReportView:
    """One run.

    Attributes:
        title: Whether the run fails, and how many variants are cleared.
        verdict: Why the run passes or fails.
        findings: The result for each model, and what would settle open cases, one sentence each.
        margins: Each figure next to its limit, a panel for each gate.
        about: What was run, where, when and for how long, as names and texts.
        notes: What a reader must know before the numbers, one sentence each.
        orphans: Cases that belong to no variant of the record.
        changes: The changes since the accepted record; None if there are none.
        facts: Data, machine and tools.
        targets: The targets; None if that is this machine alone.
        needed: What the commands need, in one sentence; empty if they need nothing.
    """

    mark: Mark
    title: str
    findings: tuple[str, ...]
    verdict: str
    counts: tuple[tuple[Mark, int], ...]
    margins: tuple[margins.Panel, ...]
    about: tuple[tuple[str, str], ...]
    pictures: tuple[PictureView, ...]
    notes: tuple[str, ...]
    caution: bool
    models: tuple[ModelView, ...]
    orphans: tuple[CaseView, ...]
    changes: ChangesView | None
    facts: tuple[FactsView, ...]
    targets: TargetsView | None
    commands: tuple[str, ...]
    needed: str
    started: str
    duration: str
    edgeq: str
    spec_sha256: str

    @property
    def first_findings(self) -> tuple[str, ...]:
        """The findings, without models whose variants are all cleared if there are many models."""
        if len(self.models) <= MAX_FOUND:
            return self.findings
        cleared = [
            finding
            for finding, model in zip(self.findings, self.models, strict=False)
            if all(variant.answer is ShipDecision.CLEARED for variant in model.variants)
        ]
        return tuple(finding for finding in self.findings if finding not in cleared)

    @property
    def unfolds(self) -> bool:
        """Whether the variants that are not cleared are few enough to be shown unfolded."""
        open_ = [
            variant
            for model in self.models
            for variant in model.variants
            if variant.answer is not ShipDecision.CLEARED
        ]
        return len(open_) <= MAX_UNFOLDED


def view(record: RunRecord, shown: Pictures | None = None) -> ReportView:
    """Return the view of a record.

    ``shown`` has those of the record's pictures that exist, by sha256.
    """
    record = answered(record)
    shown = shown or {}
    summary = record.summary
    known = {
        (model.name, variant.name)
        for model in record.models
        for variant in (model.baseline, *model.variants)
    }
    numbers = (summary.passed, summary.failed, summary.inconclusive, summary.missing)
    return ReportView(
        mark=sentences.mark(record),
        title=sentences.title(record),
        findings=findings(record),
        verdict=sentences.below_title(record),
        counts=tuple(zip(words.VERDICTS.values(), numbers, strict=True)),
        margins=margins.panels(record),
        about=_about(record),
        pictures=pictures.embedded(record, shown),
        notes=sentences.notes(record),
        caution=sentences.caution(record),
        models=tuple(_model(record, model, shown) for model in record.models),
        orphans=tuple(case_view(c) for c in record.cases if (c.model, c.variant) not in known),
        changes=changes_view(record.changes, cases=record.cases),
        facts=(
            *_data(record.models, shown),
            FactsView("Machine", flat(written(record.machine))),
            FactsView("Tools", flat(written(record.toolchain))),
        ),
        targets=targets_view(record),
        commands=_commands(record),
        needed=_needed(record),
        started=utc(record.started),
        duration=duration(record.duration_s),
        edgeq=record.edgeq,
        spec_sha256=record.spec_sha256,
    )


def flat(table: Mapping[str, Json], prefix: str = "") -> tuple[tuple[str, str], ...]:
    """Return nested facts as names and texts, one line each."""
    pairs: list[tuple[str, str]] = []
    for key, value in table.items():
        name = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, dict):
            pairs += flat(value, f"{name}: ")
        elif isinstance(value, list | tuple):
            pairs.append((name, ", ".join(_fact(name, item) for item in value) or "none"))
        else:
            pairs.append((name.removesuffix(" bytes"), _fact(name, value)))
    return tuple(pairs)


def _fact(name: str, value: object) -> str:
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float) and name.endswith((" bytes", "memory limit")):
        return words.size(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _commands(record: RunRecord) -> tuple[str, ...]:
    """Return the commands that repeat the run: the checkout of its commit, and its own."""
    known = record.commit is not None and _COMMIT.fullmatch(record.commit)
    return (*([f"git checkout {record.commit}"] if known else []), *record.commands)


def _needed(record: RunRecord) -> str:
    if not record.data:
        return ""
    return f"Set EDGEQ_DATA first: the folder that it names must hold {words.joined(record.data)}."


def _about(record: RunRecord) -> tuple[tuple[str, str], ...]:
    names = [model.name for model in record.models]
    machine = record.machine
    where = (
        machine.processor,
        None if machine.cores is None else plural(machine.cores, "core"),
        machine.architecture,
        machine.system,
    )
    return (
        ("model" if len(names) == 1 else "models", ", ".join(names) or "none"),
        ("commit", record.commit[:SHA_SHOWN] if record.commit else "not recorded"),
        ("when", utc(record.started)),
        ("where", ", ".join(part for part in where if part) or "not recorded"),
        ("took", duration(record.duration_s)),
    )


def _model(record: RunRecord, model: ModelRecord, shown: Pictures) -> ModelView:
    places = pictures.anchors(model, shown)
    variants = tuple(variant_view(record, model, variant, places) for variant in model.variants)
    baseline = variant_view(record, model, model.baseline)
    return ModelView(
        name=model.name,
        about=(
            ("Source", model.source),
            ("Weights", _weights(model)),
            ("Licence", model.licence or "not recorded"),
        ),
        notes=model.notes,
        baseline=baseline,
        variants=variants,
        chart=scatter.chart(baseline, _on_the_first_target(model, variants)),
        pictures_note=pictures.note(model, shown),
        arrays=model.arrays,
    )


def _weights(model: ModelRecord) -> str:
    """Return whether the weights are trained; unknown for a model that no case needed."""
    if not model.baseline.sha256:
        return "not read in this run"
    return "trained" if model.trained else "random, not trained"


def _on_the_first_target(
    model: ModelRecord, variants: Sequence[VariantView]
) -> tuple[VariantView, ...]:
    """Return the variants on the first target that clears any, as a file has one size on all."""
    first = next((target.name for target in model.targets if target.clears), LOCAL)
    pairs = zip(model.variants, variants, strict=True)
    return tuple(shown for variant, shown in pairs if variant.target == first)


def _samples(model: ModelRecord) -> tuple[tuple[str, str], ...]:
    """Return the facts about the variants' own samples, as names and texts."""
    return tuple(
        (f"{variant.name}: {title}", text)
        for variant in model.variants
        if variant.feeding is not None and (own := variant.feeding.samples) is not None
        for title, text in (
            ("own samples", f"{plural(own.count, 'photograph')} of {own.source}"),
            ("sha256 of their contents", own.sha256),
        )
    )


def _data(models: Sequence[ModelRecord], shown: Pictures) -> list[FactsView]:
    """Return the data of each model; a contact sheet that several models have is shown once."""
    facts: list[FactsView] = []
    owners: dict[tuple[str, str], str] = {}
    for model in models:
        sheets = pictures.sheets(model, shown)
        gone = len(model.sheets) - len(sheets)
        shared = [s for s in sheets if (s.anchor, s.caption) in owners]
        lines = (
            *flat(written(model.images)),
            *flat(written(model.preprocessing), "preprocessing: "),
            *flat(written(model.labels), "labels: "),
            *_samples(model),
            *(
                ("contact sheet", f"{s.caption}: with the data of {owners[s.anchor, s.caption]}")
                for s in shared
            ),
            *([("contact sheets", f"{gone} no longer beside the record")] if gone else []),
        ) or (("images", words.ABSENT),)
        own = tuple(sheet for sheet in sheets if sheet not in shared)
        owners |= {(sheet.anchor, sheet.caption): model.name for sheet in own}
        facts.append(FactsView(f"Data of {model.name}", lines, own))
    return facts
