"""The view of one variant, and of the baseline beside it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgeq.answer import Answer, answer
from edgeq.record import CaseRecord, Facts, ModelRecord, RunRecord, VariantRecord
from edgeq.report import facts, flips, words
from edgeq.report.cells import Cell, cells
from edgeq.report.words import Mark


@dataclass(frozen=True)
class CaseView:
    """One case.

    Attributes:
        cause: What probably made it fail, empty where nothing was found.
        resolution: What the images or rounds could resolve, empty for exact verdicts.
        declared: Whether the spec allows it to be MISSING.
    """

    id: str
    gate: str
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
        """Whether there is neither a value nor a limit, as for proofs."""
        return self.value == self.limit == words.NONE


@dataclass(frozen=True)
class Share:
    """One line of a breakdown: name, amount, share of the whole from 0 to 1."""

    name: str
    text: str
    share: float


@dataclass(frozen=True)
class VariantView:
    """One variant.

    Attributes:
        anchor: Unique in the page.
        answer: The answer; None for the baseline.
        bytes: Of the file, None where it could not be made.
        agreement: Share of images, None where not measured.
        cells: By the names in ``HEADINGS``.
        flips: None where agreement was not measured.
        operators, parts: Breakdowns, the greatest first.
        types, times: As names and texts.
    """

    anchor: str
    name: str
    method: str
    engine: str
    answer: Answer | None
    mark: Mark
    error: str | None
    sha256: str
    bytes: int | None
    agreement: float | None
    cells: dict[str, Cell]
    cases: tuple[CaseView, ...]
    flips: flips.FlipsView | None
    operators: tuple[Share, ...]
    parts: tuple[Share, ...]
    types: tuple[tuple[str, str], ...]
    times: tuple[tuple[str, str], ...]

    @property
    def origin(self) -> str:
        """Where it comes from: method and engine, or what a ready-made one claims."""
        if self.engine in {"", "ready-made"}:
            claims = self.method not in {"", "ready-made"}
            return f"ready-made, claims {self.method}" if claims else "ready-made"
        return f"{self.method} by {self.engine}"

    @property
    def trouble(self) -> tuple[CaseView, ...]:
        """The cases that did not pass."""
        return tuple(case for case in self.cases if case.mark.word != "PASS")


BASELINE = Mark("◆", "*", "baseline", "none")


def variant_view(record: RunRecord, model: ModelRecord, variant: VariantRecord) -> VariantView:
    """Return the view of a variant or of the baseline of a model."""
    is_baseline = variant is model.baseline
    said = None if is_baseline else answer(record, model.name, variant)
    return VariantView(
        anchor=f"m{record.models.index(model)}-v{_place(model, variant)}",
        name=variant.name,
        method=variant.method,
        engine=variant.engine,
        answer=said,
        mark=BASELINE if said is None else words.ANSWERS[said],
        error=variant.error,
        sha256=variant.sha256,
        bytes=variant.bytes or None,
        agreement=facts.number(variant.agreement, "top1"),
        cells=cells(model, variant, is_baseline=is_baseline),
        cases=tuple(case_view(case) for case in record.verdicts(model.name, variant.name)),
        flips=flips.flips_view(variant.agreement),
        operators=_shares(facts.table(variant.operators, "counts"), words.plain),
        parts=_shares(facts.table(variant.size, "parts"), words.kilobytes),
        types=_types(variant),
        times=_times(variant),
    )


def case_view(case: CaseRecord) -> CaseView:
    """Return the view of one case."""
    ends = case.interval
    return CaseView(
        id=case.id,
        gate=case.gate,
        mark=words.VERDICTS[case.status],
        value=words.quantity(case.gate, case.unit, case.value, beside=case.limit),
        interval=words.span(
            ends
            and (
                words.quantity(case.gate, case.unit, ends[0]),
                words.quantity(case.gate, case.unit, ends[1]),
            )
        ),
        limit=words.quantity(case.gate, case.unit, case.limit),
        reason=case.reason,
        cause=sentence(case.cause),
        next_step=case.next_step or "",
        resolution=sentence(facts.text(case.evidence, "resolution")),
        declared=case.declared_missing,
    )


def sentence(text: str | None) -> str:
    """Return a text with a capital letter, empty where there is none."""
    return "" if not text else text[0].upper() + text[1:]


def _place(model: ModelRecord, variant: VariantRecord) -> int:
    return 0 if variant is model.baseline else model.variants.index(variant) + 1


def _shares(parts: Facts, show: Callable[[float], str]) -> tuple[Share, ...]:
    """Return a breakdown, the greatest part first."""
    amounts = {name: facts.number(parts, name) or 0.0 for name in parts}
    whole = sum(amounts.values())
    order = sorted(amounts, key=lambda name: (-amounts[name], name))
    return tuple(Share(n, show(amounts[n]), amounts[n] / whole if whole else 0.0) for n in order)


def _types(variant: VariantRecord) -> tuple[tuple[str, str], ...]:
    found = variant.operators
    weights = _shares(facts.table(found, "weight_bytes_by_type"), words.kilobytes)
    compute = _shares(facts.table(found, "compute_activation_types"), words.plain)
    lines = {
        "inputs": ", ".join(facts.texts(found, "input_types")),
        "outputs": ", ".join(facts.texts(found, "output_types")),
        "weights": ", ".join(f"{one.name} {one.text}" for one in weights),
        "compute operators": ", ".join(f"{one.text} in {one.name}" for one in compute),
        "float islands": ", ".join(facts.texts(found, "float_islands")),
        "custom operators": ", ".join(facts.texts(found, "custom")),
        "delegate": _delegate(found),
    }
    return tuple((name, text) for name, text in lines.items() if text)


def _delegate(found: Facts) -> str:
    """Return what the delegate took over, empty where it was not seen."""
    taken, total = facts.number(found, "delegated"), facts.number(found, "total")
    partitions, kernels = facts.number(found, "partitions"), facts.text(found, "kernels")
    if taken is None or total is None or partitions is None:
        return ""
    pieces = words.count(round(partitions), "partition")
    return f"{taken:.0f} of {total:.0f} operators in {pieces} ({kernels or 'kernels not known'})"


def _times(variant: VariantRecord) -> tuple[tuple[str, str], ...]:
    found = variant.latency
    lines = []
    for name in ("init", "first", "median", "mean", "p90"):
        own = facts.number(found, "variant", f"{name}_s")
        other = facts.number(found, "baseline", f"{name}_s")
        if own is not None:
            text = f"{words.milliseconds(own)} (baseline {words.milliseconds(other)})"
            lines.append((name, text))
    return tuple(lines)
