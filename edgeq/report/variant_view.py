"""The view of one variant, or of the baseline. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edgeq.config.gates import written
from edgeq.judge.verdict import ShipDecision, Verdict
from edgeq.record.ship_decision import answer, leans, reasons, status_in_words
from edgeq.record.structs import CaseRecord, ModelRecord, RunRecord, VariantRecord
from edgeq.report import file_view, flips, words
from edgeq.report.cells import Cell, cells
from edgeq.report.control_view import control_line
from edgeq.report.figures_view import BoxesView, FiguresView, boxes_view, class_names, figures_view
from edgeq.report.outputs_view import (
    NetworkView,
    OutputsView,
    network_view,
    outputs_view,
    unmeasured,
)
from edgeq.report.spread_view import SpreadView, spreads
from edgeq.report.targets_view import answer_mark
from edgeq.report.times_view import TimesView, times_view
from edgeq.report.words import Mark
from edgeq.words import first_of, utc

READY_MADE = "ready-made"
"""Method and engine of a file that edgeq did not make."""


@dataclass(frozen=True)
class CaseView:
    """One case.

    Attributes:
        mark: Mark of the verdict, with the way that it leans if it is INCONCLUSIVE.
        cause: Probable cause of the failure; empty if none was identified.
        resolution: What the images or rounds can resolve; empty for exact verdicts.
        declared: Whether the spec allows this case to be MISSING.
    """

    id: str
    gate: str
    status: Verdict
    mark: Mark
    value: str
    interval: str
    limit: str
    reason: str
    cause: str
    next_step: str
    resolution: str
    declared: bool

    @property
    def blank(self) -> bool:
        """Whether the case has neither a value nor a limit, as proofs do."""
        return self.value == self.limit == words.NONE


@dataclass(frozen=True)
class VariantView:
    """One variant.

    Attributes:
        answer: The answer about the variant; None for the baseline.
        fed: How its input differs from its baseline's, in one sentence; empty if it does not.
        bytes: Size of the file in bytes; None if it could not be made.
        agreement: Share of images with the baseline's class; None if it was not measured.
        latency: The variant's median divided by the baseline's; None if it was not measured.
        why: Reason for the answer, in one sentence; empty for a cleared variant.
        cells: Cells of the table, by the names in ``HEADINGS``.
        flips: The flips; None if agreement was not measured.
        boxes: A detector's boxes; None if none were compared.
        figures: The figures of its task; None if none were measured.
        outputs: The outputs judged as tensors; None if there are none.
        stack: The file's bytes by part; None if the file was not read.
        operators: Number of operators by type, the most frequent first.
        kernels: What the kernels run; None if the variant was not loaded.
        network: The error along the network; None if it was not measured.
        control: The control that it was compared with; empty if no limit needs one.
    """

    anchor: str
    name: str
    method: str
    engine: str
    answer: ShipDecision | None
    fed: str
    has_own_samples: bool
    mark: Mark
    error: str | None
    sha256: str
    bytes: int | None
    agreement: float | None
    latency: float | None
    why: str
    cells: dict[str, Cell]
    cases: tuple[CaseView, ...]
    flips: flips.FlipsView | None
    spreads: tuple[SpreadView, ...]
    boxes: BoxesView | None
    figures: FiguresView | None
    outputs: OutputsView | None
    times: TimesView | None
    stack: file_view.StackView | None
    operators: tuple[file_view.Share, ...]
    kernels: file_view.KernelsView | None
    types: tuple[tuple[str, str], ...]
    network: NetworkView | None
    network_absent: str
    control: str

    @property
    def origin(self) -> str:
        """Method and engine of the variant, or the claim of a ready-made one."""
        return origin(self.method, self.engine)

    @property
    def gist(self) -> tuple[str, ...]:
        """The key figures, as far as measured; of the baseline what the variants' compare with."""
        if self.bytes is None:
            return ()
        latency, accuracy, agreement = (
            self.cells[name] for name in ("latency", "accuracy", "agreement")
        )
        correct = ("{}" if accuracy.names_measure else "{} top-1 accuracy", accuracy)
        if self.answer is None:
            shown: tuple[tuple[str, Cell], ...] = (
                ("{}", self.cells["size"]),
                correct,
                ("{}", replace(latency, text=", ".join(latency.details))),
            )
        else:
            change = self.cells["reduction"]
            size = "{} smaller", change
            if change.order is not None and change.order < 0.0:
                size = "{} larger", replace(change, text=words.percent(-change.order))
            shown = (
                size,
                correct,
                ("{}" if agreement.names_measure else "{} agreement", agreement),
                ("{} latency", latency),
            )
        return tuple(text.format(cell.text) for text, cell in shown if not cell.absent)

    @property
    def trouble(self) -> tuple[CaseView, ...]:
        """The cases that did not pass."""
        return tuple(case for case in self.cases if case.status is not Verdict.PASS)

    @property
    def next_step(self) -> str:
        """What to do first: the step that goes with a cause, else with the worst verdict.

        It is empty if no case has a step.
        """

        def place(case: CaseView) -> tuple[bool, bool, int]:
            return not case.cause, case.declared, _ORDER.index(case.status)

        steps = [case for case in self.trouble if case.next_step]
        return min(steps, key=place).next_step if steps else ""


_ORDER = (Verdict.FAIL, Verdict.MISSING, Verdict.INCONCLUSIVE)
BASELINE = Mark("◆", "*", "baseline", "none")


def variant_view(
    record: RunRecord,
    model: ModelRecord,
    variant: VariantRecord,
    pictures: Mapping[int, str] | None = None,
) -> VariantView:
    """Return the view of a variant or of the baseline of a model.

    ``pictures`` are anchors by the image's index in the evaluation set.
    """
    cases = record.verdicts(model.name, variant.name)
    by_gate = {case.gate: case for case in cases}
    is_baseline = variant is model.baseline
    decision = None if is_baseline else answer(record, model.name, variant)
    return VariantView(
        anchor=f"m{record.models.index(model)}-v{_place(model, variant)}",
        name=variant.name,
        method=variant.method,
        engine=variant.engine,
        answer=decision,
        fed="" if variant.feeding is None else words.sentence(variant.feeding.sentence),
        has_own_samples=variant.feeding is not None and variant.feeding.samples is not None,
        mark=BASELINE if decision is None else answer_mark(record, model, variant),
        error=variant.error,
        sha256=variant.sha256,
        bytes=variant.bytes or None,
        agreement=None if variant.agreement is None else variant.agreement.top1,
        latency=None if variant.latency is None else variant.latency.ratio,
        why=_why(record, model, variant),
        cells=cells(model, variant, cases, is_baseline=is_baseline),
        cases=tuple(case_view(case) for case in cases),
        flips=flips.flips_view(variant.agreement, pictures),
        spreads=spreads(variant.agreement),
        boxes=boxes_view(variant, pictures or {}, class_names(variant)),
        figures=figures_view(model, variant, pictures or {}),
        outputs=outputs_view(variant.outputs, trained=model.trained),
        times=times_view(variant.latency, by_gate.get("latency_ratio")),
        stack=file_view.stack_view(model.baseline.size, variant.size),
        operators=file_view.operators(variant.operators),
        kernels=file_view.kernels_view(variant.operators),
        types=file_view.types(variant.operators) + file_view.noise(by_gate.get("kernels")),
        network=network_view(variant.network),
        network_absent=unmeasured(variant.network),
        control=control_line(variant.control),
    )


def origin(method: str, engine: str) -> str:
    """Return a variant's method and engine, or the claim of a ready-made one."""
    if engine in {"", READY_MADE}:
        claims = method not in {"", READY_MADE}
        return f"{READY_MADE}, claims {method}" if claims else READY_MADE
    return f"{method} by {engine}"


def case_view(case: CaseRecord) -> CaseView:
    """Return the view of one case."""
    return CaseView(
        id=case.id,
        gate=case.gate,
        status=case.status,
        mark=words.verdict_mark(case.status, leans(case)),
        value=words.quantity(case.gate, case.unit, case.value, beside=case.limit),
        interval=words.span(written(case.gate, case.unit), case.interval),
        limit=words.limit(case.gate, case.unit, case.limit, beside=case.value),
        reason=case.reason if case.as_of is None else f"{case.reason} (as of {utc(case.as_of)})",
        cause=words.sentence(case.cause),
        next_step=case.next_step or "",
        resolution=words.sentence(case.known.resolution),
        declared=case.declared_missing,
    )


def _place(model: ModelRecord, variant: VariantRecord) -> int:
    return 0 if variant is model.baseline else model.variants.index(variant) + 1


def _why(record: RunRecord, model: ModelRecord, variant: VariantRecord) -> str:
    """Return the first reason for the answer about a variant, and the number of the others.

    About a baseline there is no answer, but a case of its own may be wrong or open.
    """
    if variant is model.baseline:
        every = record.verdicts(model.name, variant.name)
        texts = [
            f"{case.gate}: {status_in_words(case)}; {case.reason}"
            for case in every
            if case.status is not Verdict.PASS
        ]
    else:
        texts = list(reasons(record, model.name, variant))
    return first_of(texts or ("",))
