"""The images on which a variant leaves its baseline, in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from edgeq.record import Facts
from edgeq.report import facts, words

SHOWN = 20

_KINDS = {
    "right_to_wrong": "right to wrong",
    "wrong_to_right": "wrong to right",
    "wrong_to_wrong": "wrong to another wrong",
}


@dataclass(frozen=True)
class FlipLine:
    """One image whose answer changed."""

    image: str
    kind: str
    label: str
    baseline: str
    variant: str


@dataclass(frozen=True)
class FlipsView:
    """What changed.

    Attributes:
        summary: One sentence with the counts.
        spread: How far the logits lie apart, as name and text.
        lines: The first ``SHOWN`` of them, those from right to wrong first.
        more: How many are not shown.
    """

    summary: str
    spread: tuple[tuple[str, str], ...]
    lines: tuple[FlipLine, ...]
    more: int


def flips_view(agreement: Facts) -> FlipsView | None:
    """Return the flips of a variant, None where agreement was not measured.

    An image is shown by ``name`` where the record has it, else by its index; a class by
    ``baseline_name``, ``variant_name`` and ``label_name``, else by its index.
    """
    images = facts.number(agreement, "images")
    agreeing = facts.number(agreement, "agreeing")
    if images is None or agreeing is None:
        return None
    rows = facts.rows(agreement, "flips")
    order = sorted(rows, key=lambda row: list(_KINDS).index(_kind(row)) if _kind(row) else 0)
    return FlipsView(
        summary=_summary(agreement, round(agreeing), round(images)),
        spread=_spread(agreement),
        lines=tuple(_line(row) for row in order[:SHOWN]),
        more=max(0, len(rows) - SHOWN),
    )


def _kind(row: Facts) -> str:
    kind = facts.text(row, "kind") or ""
    return kind if kind in _KINDS else ""


def _summary(agreement: Facts, agreeing: int, images: int) -> str:
    said = f"{agreeing} of {words.count(images, 'image')} agree"
    counts = facts.table(agreement, "flip_counts")
    kinds = [f"{words.plain(facts.number(counts, key))} {_KINDS[key]}" for key in _KINDS if counts]
    ties = facts.number(agreement, "ties") or 0
    tied = f", {words.plain(ties)} with a tie (counted against)" if ties else ""
    return said + (f": {', '.join(kinds)}" if kinds and agreeing < images else "") + tied


def _spread(agreement: Facts) -> tuple[tuple[str, str], ...]:
    lines = []
    for key, name, tail in (
        ("cosine", "cosine of logits", "p5"),
        ("js_bits", "Jensen-Shannon divergence in bits", "p95"),
        ("relative_error", "relative error of logits", "p95"),
    ):
        if facts.number(agreement, key, "mean") is not None:
            shown = [f"{facts.number(agreement, key, one):.4f}" for one in ("mean", tail, "worst")]
            lines.append((name, f"mean {shown[0]}, {tail} {shown[1]}, worst {shown[2]}"))
    drift = facts.number(agreement, "confidence_drift")
    if drift is not None:
        lines.append(("confidence drift", words.points(drift)))
    classes = facts.number(agreement, "distinct_classes")
    before = facts.number(agreement, "baseline_distinct_classes")
    if classes is not None and before is not None:
        text = f"{words.plain(classes)} (baseline {words.plain(before)})"
        lines.append(("distinct classes", text))
    return tuple(lines)


def _line(row: Facts) -> FlipLine:
    index = facts.number(row, "image")
    kind = _KINDS.get(_kind(row), "not labelled")
    return FlipLine(
        image=facts.text(row, "name") or ("" if index is None else f"image {index:.0f}"),
        kind=f"{kind}, tied" if row.get("tied") is True else kind,
        label=_class(row, "label_name", "label"),
        baseline=_guess(row, "baseline"),
        variant=_guess(row, "variant"),
    )


def _guess(row: Facts, side: str) -> str:
    confidence = facts.number(row, f"{side}_confidence")
    sure = "" if confidence is None else f" ({words.percent(confidence)})"
    return _class(row, f"{side}_name", f"{side}_class") + sure


def _class(row: Facts, name: str, index: str) -> str:
    number = facts.number(row, index)
    return facts.text(row, name) or (words.NONE if number is None else f"class {number:.0f}")
