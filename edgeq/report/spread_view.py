"""How far a variant's answers lie from the baseline's, image by image, as histograms. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from edgeq.record import Facts
from edgeq.report import facts, words
from edgeq.report.axis import Axis, Tick
from edgeq.report.histogram import Histogram, bars

HEIGHT, BASE = 130, 84
_START, _END, _TOP = 14, 446, 66
_CLOSEST = 1e-6
LEAST = 2
"""A distribution has two ends."""

_COSINES = (0.999999, 0.9999, 0.999, 0.99, 0.9, 0.0)
_BITS = (1e-6, 1e-4, 1e-3, 1e-2, 0.1, 1.0)


@dataclass(frozen=True)
class SpreadView:
    """One number per image, as a picture.

    Attributes:
        title: What the number is.
        axis: What its axis is called.
        chart: The histogram.
        numbers: The same in numbers, as name and text.
    """

    title: str
    axis: str
    chart: Histogram
    numbers: tuple[tuple[str, str], ...]


def spreads(agreement: Facts) -> tuple[SpreadView, ...]:
    """Return the histograms of a variant, none where the record holds no distribution."""
    images = facts.number(agreement, "images")
    found = (_cosine(agreement, images), _divergence(agreement, images))
    return tuple(one for one in found if one is not None)


def _cosine(agreement: Facts, images: float | None) -> SpreadView | None:
    values = facts.numbers(agreement, "cosine", "percentiles")
    if len(values) < LEAST:
        return None
    worst = _of_worst(agreement, "cosine")
    axis = Axis(_CLOSEST, 2.0, _START, _END, log=True)
    return SpreadView(
        title="Cosine of logits, image by image",
        axis="closer to the baseline on the left; each step to the right is further",
        chart=Histogram(
            bars=bars([max(_CLOSEST, 1.0 - value) for value in values], axis, BASE, _TOP),
            below=(),
            base=BASE,
            height=HEIGHT,
            ticks=tuple(Tick(axis.at(1.0 - one), f"{one:g}") for one in _COSINES),
            marks=tuple(dict.fromkeys(axis.at(1.0 - one) for one in worst)),
            description=_said("cosine", values, images),
        ),
        numbers=_numbers(values[::-1], "at least"),
    )


def _divergence(agreement: Facts, images: float | None) -> SpreadView | None:
    values = facts.numbers(agreement, "js_bits", "percentiles")
    if len(values) < LEAST:
        return None
    worst = _of_worst(agreement, "js_bits")
    axis = Axis(_CLOSEST, 1.0, _START, _END, log=True)
    return SpreadView(
        title="Jensen-Shannon divergence, image by image",
        axis="bits from 0 (the same probabilities) to 1 (nothing in common)",
        chart=Histogram(
            bars=bars([max(_CLOSEST, value) for value in values], axis, BASE, _TOP),
            below=(),
            base=BASE,
            height=HEIGHT,
            ticks=tuple(Tick(axis.at(one), f"{one:g}") for one in _BITS),
            marks=tuple(dict.fromkeys(axis.at(one) for one in worst)),
            description=_said("divergence", values, images),
        ),
        numbers=_numbers(values, "at most"),
    )


def _of_worst(agreement: Facts, key: str) -> list[float]:
    rows = (facts.number(row, key) for row in facts.rows(agreement, "worst_images"))
    return [one for one in rows if one is not None]


def _said(name: str, values: tuple[float, ...], images: float | None) -> str:
    of = "" if images is None else f" of {words.count(round(images), 'image')}"
    return (
        f"Histogram of the {name}{of}: {min(values):.4g} to {max(values):.4g}, "
        f"median {values[len(values) // 2]:.4g}"
    )


def _numbers(values: tuple[float, ...], word: str) -> tuple[tuple[str, str], ...]:
    """Return percentiles in words, from the closest image to the furthest."""
    last = len(values) - 1
    shares = ((0.5, "Half of the images"), (0.9, "9 of 10"), (0.99, "99 of 100"))
    said = [(text, f"{word} {values[round(last * share)]:.4g}") for share, text in shares]
    return (*said, ("the furthest", f"{values[last]:.4g}"))
