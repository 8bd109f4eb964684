"""The view of the images that a variant assigns to another class than its baseline. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgeq.measure.agreement import FlipKind
from edgeq.record.measured import NamedFlip, NamedGuess, NamedWorstImage, RecordedAgreement
from edgeq.report import words
from edgeq.report.pictures import ordered
from edgeq.words import distance, plural, typeset

MAX_LISTED = 20
"""Maximum number of flips without a picture that are listed."""
MAX_CONFUSIONS = 10

_KINDS: dict[FlipKind, str] = {
    "right_to_wrong": "right to wrong",
    "wrong_to_right": "wrong to right",
    "wrong_to_wrong": "wrong to another wrong",
}
_TONES: dict[FlipKind | None, str] = {"right_to_wrong": "bad", "wrong_to_right": "good"}


@dataclass(frozen=True)
class GuessLine:
    """One of the best classes."""

    name: str
    sure: str


@dataclass(frozen=True)
class FlipLine:
    """One image whose predicted class changed.

    Attributes:
        image: Name of the image, or its index in the set.
        baseline, variant: The predicted classes with their confidence.
        baseline_best, variant_best: The three best classes of each.
        picture: Anchor of the image's picture; None if there is none.
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
    """One of the images whose logits differ most from the baseline's."""

    image: str
    cosine: str
    divergence: str
    baseline: str
    variant: str
    agrees: bool
    picture: str | None


@dataclass(frozen=True)
class ConfusionLine:
    """Two classes between which several images changed.

    Attributes:
        baseline, variant: The predicted class of each.
        lost, gained: Number of them that were right before, and that are right now.
    """

    baseline: str
    variant: str
    images: int
    lost: int
    gained: int


@dataclass(frozen=True)
class FlipsView:
    """The flips of a variant.

    Attributes:
        summary: The counts in one sentence.
        spread: How much the logits differ, as names and texts.
        confusions: The pairs of classes between which at least two images changed, the most
            frequent first, at most ``MAX_CONFUSIONS``.
        cards: The flips with a picture, the most harmful first.
        lines: The first ``MAX_LISTED`` flips without a picture.
        worst: The images with the lowest cosine, the worst first.
    """

    summary: str
    spread: tuple[tuple[str, str], ...]
    confusions: tuple[ConfusionLine, ...]
    cards: tuple[FlipLine, ...]
    lines: tuple[FlipLine, ...]
    more: int
    worst: tuple[WorstLine, ...]


def flips_view(
    agreement: RecordedAgreement | None, pictures: Mapping[int, str] | None = None
) -> FlipsView | None:
    """Return the flips of a variant, None if agreement was not measured.

    Images and classes are shown by their names if the record has them, and otherwise by their
    indices. ``pictures`` are anchors by the image's index.
    """
    if agreement is None:
        return None
    every = [_line(flip, pictures or {}) for flip in ordered(agreement.flips)]
    cards = tuple(line for line in every if line.picture)
    others = tuple(line for line in every if not line.picture)
    return FlipsView(
        summary=_summary(agreement),
        spread=_spread(agreement),
        confusions=_confusions(agreement.flips),
        cards=cards,
        lines=others[:MAX_LISTED],
        more=max(0, len(others) - MAX_LISTED),
        worst=tuple(_worst(worst_image, pictures or {}) for worst_image in agreement.worst_images),
    )


def _summary(agreement: RecordedAgreement) -> str:
    agree = f"{agreement.agreeing:,} of {plural(agreement.images, 'image')} agree"
    counts, kinds = agreement.flip_counts, ""
    if counts is not None and agreement.agreeing < agreement.images:
        each = (f"{words.count(getattr(counts, kind))} {text}" for kind, text in _KINDS.items())
        kinds = f": {', '.join(each)}"
    ties = f", {words.count(agreement.ties)} with a tie (counted against)" if agreement.ties else ""
    return f"{agree}{kinds}{ties}"


def _spread(agreement: RecordedAgreement) -> tuple[tuple[str, str], ...]:
    lines = []
    for name, spread, tail in (
        ("cosine of logits", agreement.cosine, "p5"),
        ("Jensen-Shannon divergence in bits", agreement.js_bits, "p95"),
        ("relative error of logits", agreement.relative_error, "p95"),
    ):
        if spread is not None:
            mean, end, worst = (
                words.number("number", value)
                for value in (spread.mean, getattr(spread, tail), spread.worst)
            )
            lines.append((name, f"mean {mean}, {tail} {end}, worst {worst}"))
    if agreement.confidence_drift is not None:
        drift = distance("points", agreement.confidence_drift)
        lines.append(("confidence drift", typeset(drift)))
    classes, before = agreement.distinct_classes, agreement.baseline_distinct_classes
    text = f"{words.count(classes)} (baseline {words.count(before)})"
    return (*lines, ("distinct classes", text))


def _line(flip: NamedFlip, pictures: Mapping[int, str]) -> FlipLine:
    kind = "not labelled" if flip.kind is None else _KINDS[flip.kind]
    baseline = _class(flip.baseline_name, flip.baseline_class)
    variant = _class(flip.variant_name, flip.variant_class)
    return FlipLine(
        image=_image(flip),
        kind=f"{kind}, tied" if flip.tied else kind,
        tone=_TONES.get(flip.kind, "none"),
        label=_class(flip.label_name, flip.label),
        baseline=f"{baseline} ({words.percent(flip.baseline_confidence)})",
        variant=f"{variant} ({words.percent(flip.variant_confidence)})",
        baseline_best=_best(flip.baseline_best),
        variant_best=_best(flip.variant_best),
        picture=pictures.get(flip.image),
    )


def _confusions(flips: Sequence[NamedFlip]) -> tuple[ConfusionLine, ...]:
    pairs: dict[tuple[int | None, int | None], list[NamedFlip]] = {}
    for flip in flips:
        pairs.setdefault((flip.baseline_class, flip.variant_class), []).append(flip)
    frequent = sorted((pair for pair in pairs.values() if len(pair) > 1), key=len, reverse=True)
    return tuple(
        ConfusionLine(
            baseline=_class(pair[0].baseline_name, pair[0].baseline_class),
            variant=_class(pair[0].variant_name, pair[0].variant_class),
            images=len(pair),
            lost=sum(flip.kind == "right_to_wrong" for flip in pair),
            gained=sum(flip.kind == "wrong_to_right" for flip in pair),
        )
        for pair in frequent[:MAX_CONFUSIONS]
    )


def _worst(worst: NamedWorstImage, pictures: Mapping[int, str]) -> WorstLine:
    return WorstLine(
        image=_image(worst),
        cosine=words.number("number", worst.cosine),
        divergence=words.number("number", worst.js_bits),
        baseline=_class(worst.baseline_name, worst.baseline_class),
        variant=_class(worst.variant_name, worst.variant_class),
        agrees=worst.agrees,
        picture=pictures.get(worst.image),
    )


def _image(row: NamedFlip | NamedWorstImage) -> str:
    return row.name or f"image {row.image}"


def _best(guesses: tuple[NamedGuess, ...] | None) -> tuple[GuessLine, ...]:
    return tuple(
        GuessLine(_class(guess.name, guess.class_index), words.percent(guess.probability))
        for guess in guesses or ()
    )


def _class(name: str | None, index: int | None) -> str:
    return name or (words.NONE if index is None else f"class {index}")
