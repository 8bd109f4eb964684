"""The images on which a variant leaves its baseline, in words and pictures. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgeq.record.structs import Facts
from edgeq.report import facts, words
from edgeq.report.thumbnails import ordered
from edgeq.words import distance, plural, typeset

SHOWN = 20
"""Flips without a picture that are listed."""

_KINDS = {
    "right_to_wrong": "right to wrong",
    "wrong_to_right": "wrong to right",
    "wrong_to_wrong": "wrong to another wrong",
}
_TONES = {"right_to_wrong": "bad", "wrong_to_right": "good"}


@dataclass(frozen=True)
class GuessLine:
    """One of the best classes with its probability in words."""

    name: str
    sure: str


@dataclass(frozen=True)
class FlipLine:
    """One image whose answer changed.

    Attributes:
        image: Its name, or its place in the set.
        kind: What became of the answer.
        tone: Of the kind.
        label, baseline, variant: Classes; the answers with their confidence.
        baseline_best, variant_best: The three best classes of each.
        picture: The anchor of its picture, None where there is none.
    """

    image: str
    kind: str
    tone: str
    label: str
    baseline: str
    variant: str
    baseline_best: tuple[GuessLine, ...]
    variant_best: tuple[GuessLine, ...]
    picture: str | None


@dataclass(frozen=True)
class WorstLine:
    """One of the images whose answer lies furthest from the baseline's."""

    image: str
    cosine: str
    divergence: str
    baseline: str
    variant: str
    agrees: bool
    picture: str | None


@dataclass(frozen=True)
class FlipsView:
    """What changed.

    Attributes:
        summary: One sentence with the counts.
        spread: How far the logits lie apart, as name and text.
        cards: The flips with a picture, the most harmful first.
        lines: The first ``SHOWN`` of the others.
        more: How many are not shown.
        worst: The worst images, the worst first.
    """

    summary: str
    spread: tuple[tuple[str, str], ...]
    cards: tuple[FlipLine, ...]
    lines: tuple[FlipLine, ...]
    more: int
    worst: tuple[WorstLine, ...]


def flips_view(agreement: Facts, pictures: Mapping[int, str] | None = None) -> FlipsView | None:
    """Return the flips of a variant, None where agreement was not measured.

    An image is shown by ``name`` where the record has it, else by its index; a class by
    ``baseline_name``, ``variant_name`` and ``label_name``, else by its index.

    Args:
        agreement: As measured.
        pictures: Anchors of pictures by the image's place in the set.
    """
    images = facts.number(agreement, "images")
    agreeing = facts.number(agreement, "agreeing")
    if images is None or agreeing is None:
        return None
    every = [_line(row, pictures or {}) for row in ordered(agreement)]
    cards = tuple(line for line in every if line.picture)
    others = tuple(line for line in every if not line.picture)
    return FlipsView(
        summary=_summary(agreement, round(agreeing), round(images)),
        spread=_spread(agreement),
        cards=cards,
        lines=others[:SHOWN],
        more=max(0, len(others) - SHOWN),
        worst=tuple(_worst(row, pictures or {}) for row in facts.rows(agreement, "worst_images")),
    )


def _kind(row: Facts) -> str:
    kind = facts.text(row, "kind") or ""
    return kind if kind in _KINDS else ""


def _summary(agreement: Facts, agreeing: int, images: int) -> str:
    said = f"{agreeing:,} of {plural(images, 'image')} agree"
    counts = facts.table(agreement, "flip_counts")
    kinds = [f"{words.count(facts.number(counts, key))} {_KINDS[key]}" for key in _KINDS if counts]
    ties = facts.number(agreement, "ties") or 0
    tied = f", {words.count(ties)} with a tie (counted against)" if ties else ""
    return said + (f": {', '.join(kinds)}" if kinds and agreeing < images else "") + tied


def _count(table: Facts, key: str) -> str:
    return words.count(facts.number(table, key))


def _spread(agreement: Facts) -> tuple[tuple[str, str], ...]:
    lines = []
    for key, name, tail in (
        ("cosine", "cosine of logits", "p5"),
        ("js_bits", "Jensen-Shannon divergence in bits", "p95"),
        ("relative_error", "relative error of logits", "p95"),
    ):
        if facts.number(agreement, key, "mean") is not None:
            shown = [
                words.number("number", facts.number(agreement, key, one))
                for one in ("mean", tail, "worst")
            ]
            lines.append((name, f"mean {shown[0]}, {tail} {shown[1]}, worst {shown[2]}"))
    drift = facts.number(agreement, "confidence_drift")
    if drift is not None:
        lines.append(("confidence drift", typeset(distance("points", drift))))
    classes = facts.number(agreement, "distinct_classes")
    before = facts.number(agreement, "baseline_distinct_classes")
    if classes is not None and before is not None:
        text = f"{words.count(classes)} (baseline {words.count(before)})"
        lines.append(("distinct classes", text))
    return tuple(lines)


def _line(row: Facts, pictures: Mapping[int, str]) -> FlipLine:
    kind = _KINDS.get(_kind(row), "not labelled")
    return FlipLine(
        image=_image(row),
        kind=f"{kind}, tied" if row.get("tied") is True else kind,
        tone=_TONES.get(_kind(row), "none"),
        label=_class(row, "label_name", "label"),
        baseline=_guess(row, "baseline"),
        variant=_guess(row, "variant"),
        baseline_best=_best(row, "baseline_best"),
        variant_best=_best(row, "variant_best"),
        picture=_picture(row, pictures),
    )


def _worst(row: Facts, pictures: Mapping[int, str]) -> WorstLine:
    cosine, divergence = facts.number(row, "cosine"), facts.number(row, "js_bits")
    return WorstLine(
        image=_image(row),
        cosine=words.number("number", cosine),
        divergence=words.number("number", divergence),
        baseline=_class(row, "baseline_name", "baseline_class"),
        variant=_class(row, "variant_name", "variant_class"),
        agrees=row.get("agrees") is True,
        picture=_picture(row, pictures),
    )


def _image(row: Facts) -> str:
    index = facts.number(row, "image")
    return facts.text(row, "name") or ("" if index is None else f"image {index:.0f}")


def _picture(row: Facts, pictures: Mapping[int, str]) -> str | None:
    index = facts.number(row, "image")
    return None if index is None else pictures.get(round(index))


def _best(row: Facts, side: str) -> tuple[GuessLine, ...]:
    return tuple(
        GuessLine(
            _class(guess, "name", "class_index"), words.percent(facts.number(guess, "probability"))
        )
        for guess in facts.rows(row, side)
    )


def _guess(row: Facts, side: str) -> str:
    confidence = facts.number(row, f"{side}_confidence")
    sure = "" if confidence is None else f" ({words.percent(confidence)})"
    return _class(row, f"{side}_name", f"{side}_class") + sure


def _class(row: Facts, name: str, index: str) -> str:
    number = facts.number(row, index)
    return facts.text(row, name) or (words.NONE if number is None else f"class {number:.0f}")
