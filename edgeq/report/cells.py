"""The cells of the table of variants. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from edgeq.record import ModelRecord, VariantRecord
from edgeq.report import facts, words

HEADINGS = {
    "size": "Size",
    "reduction": "Reduction",
    "agreement": "Top-1 agreement",
    "accuracy": "Top-1 accuracy",
    "latency": "Latency ratio",
    "memory": "Peak memory",
}


@dataclass(frozen=True)
class Cell:
    """One number of the table.

    Attributes:
        text: The number with its unit, or that it was not measured.
        detail: Its interval or what it rests on, empty without.
        absent: Whether it was not measured.
    """

    text: str
    detail: str = ""
    absent: bool = False


def cells(model: ModelRecord, variant: VariantRecord, *, is_baseline: bool) -> dict[str, Cell]:
    """Return a row of the table by the names in ``HEADINGS``."""
    size = variant.bytes or None
    whole = model.baseline.bytes or None
    reduction = None if size is None or whole is None else 1 - size / whole
    row = {
        "size": _cell(size and words.kilobytes(size), _gzip(variant)),
        "reduction": _cell(None if reduction is None else words.percent(reduction)),
        "agreement": _agreement(variant),
        "accuracy": _accuracy(model, variant, is_baseline=is_baseline),
        "latency": _latency(model, variant, is_baseline=is_baseline),
        "memory": _memory(variant),
    }
    if is_baseline:
        row |= {"reduction": Cell(words.NONE), "agreement": Cell(words.NONE)}
    return row


def _cell(text: str | None, detail: str = "") -> Cell:
    return Cell(words.ABSENT, absent=True) if text is None else Cell(text, detail)


def _gzip(variant: VariantRecord) -> str:
    compressed = facts.number(variant.size, "gzip_bytes")
    return "" if compressed is None else f"gzip {words.kilobytes(compressed)}"


def _agreement(variant: VariantRecord) -> Cell:
    share = facts.number(variant.agreement, "top1")
    if share is None:
        return _cell(None)
    ends = facts.interval(variant.agreement, "top1_interval")
    return Cell(
        words.percent(share),
        words.span(ends and (words.percent(ends[0]), words.percent(ends[1]))),
    )


def _accuracy(model: ModelRecord, variant: VariantRecord, *, is_baseline: bool) -> Cell:
    if is_baseline:
        every = (facts.number(one.accuracy, "baseline_top1", "value") for one in model.variants)
        found = next((share for share in every if share is not None), None)
        return _cell(None if found is None else words.percent(found))
    share = facts.number(variant.accuracy, "variant_top1", "value")
    drop = facts.number(variant.accuracy, "drop")
    change = "" if drop is None else words.points(-drop)
    return _cell(None if share is None else words.percent(share), change)


def _latency(model: ModelRecord, variant: VariantRecord, *, is_baseline: bool) -> Cell:
    if is_baseline:
        every = (facts.number(one.latency, "baseline", "median_s") for one in model.variants)
        found = next((seconds for seconds in every if seconds is not None), None)
        return _cell(
            None if found is None else "1", "" if found is None else words.milliseconds(found)
        )
    ratio = facts.number(variant.latency, "ratio")
    ends = facts.interval(variant.latency, "ratio_interval")
    median = facts.number(variant.latency, "variant", "median_s")
    details = [
        words.span(ends and (words.times(ends[0]), words.times(ends[1]))),
        "" if median is None else words.milliseconds(median),
    ]
    return _cell(None if ratio is None else words.times(ratio), ", ".join(filter(None, details)))


def _memory(variant: VariantRecord) -> Cell:
    peak = facts.number(variant.memory, "peak")
    before = facts.number(variant.memory, "before")
    detail = ""
    if peak is not None and before is not None:
        detail = f"adds {words.kilobytes(max(0.0, peak - before))}"
    return _cell(None if peak is None else words.kilobytes(peak), detail)
