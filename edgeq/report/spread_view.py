"""Histograms of how much a variant's predictions differ from the baseline's, per image. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgeq.record.measured import RecordedAgreement
from edgeq.report.axis import Axis, Histogram, Tick, bars
from edgeq.words import plural

HEIGHT, BASE = 130, 84
_START, _END, _TOP = 14, 446, 66
_CLOSEST = 1e-6
MIN_PERCENTILES = 2
"""Minimum number of percentiles in a distribution: its two ends."""


@dataclass(frozen=True)
class SpreadView:
    """One number per image, as a picture."""

    title: str
    axis: str
    chart: Histogram
    numbers: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Distance:
    """A measure in the record of how much one image's predictions differ from the baseline's.

    Attributes:
        field: Its name in an agreement, and in each of the worst images.
        ticks: Values that are marked on the axis.
        is_closeness: Whether 1 means no distance, as for a cosine; otherwise 0 does.
    """

    field: Literal["cosine", "js_bits"]
    name: str
    title: str
    axis: str
    most: float
    ticks: tuple[float, ...]
    is_closeness: bool = False

    def of(self, value: float) -> float:
        """Return the distance, 0 or more, that corresponds to a value."""
        return 1.0 - value if self.is_closeness else value


_DISTANCES = (
    _Distance(
        field="cosine",
        name="cosine",
        title="Cosine of logits, image by image",
        axis="closer to the baseline on the left; each step to the right is further",
        most=2.0,
        ticks=(0.999999, 0.9999, 0.999, 0.99, 0.9, 0.0),
        is_closeness=True,
    ),
    _Distance(
        field="js_bits",
        name="divergence",
        title="Jensen-Shannon divergence, image by image",
        axis="bits from 0 (the same probabilities) to 1 (nothing in common)",
        most=1.0,
        ticks=(1e-6, 1e-4, 1e-3, 1e-2, 0.1, 1.0),
    ),
)


def spreads(agreement: RecordedAgreement | None) -> tuple[SpreadView, ...]:
    """Return the histograms of a variant; empty if the record holds no distribution."""
    if agreement is None:
        return ()
    every = (_spread(agreement, distance) for distance in _DISTANCES)
    return tuple(view for view in every if view is not None)


def _spread(agreement: RecordedAgreement, distance: _Distance) -> SpreadView | None:
    values: tuple[float, ...] = getattr(agreement, distance.field).percentiles
    if len(values) < MIN_PERCENTILES:
        return None
    worst = [getattr(image, distance.field) for image in agreement.worst_images]
    axis = Axis(_CLOSEST, distance.most, _START, _END, log=True)
    from_closest = values[::-1] if distance.is_closeness else values
    return SpreadView(
        title=distance.title,
        axis=distance.axis,
        chart=Histogram(
            bars=bars([max(_CLOSEST, distance.of(value)) for value in values], axis, BASE, _TOP),
            below=(),
            base=BASE,
            height=HEIGHT,
            ticks=tuple(Tick(axis.at(distance.of(tick)), f"{tick:g}") for tick in distance.ticks),
            marks=tuple(dict.fromkeys(axis.at(distance.of(image)) for image in worst)),
            description=_said(distance.name, values, agreement.images),
        ),
        numbers=_numbers(from_closest, "at least" if distance.is_closeness else "at most"),
    )


def _said(name: str, values: tuple[float, ...], images: int) -> str:
    return (
        f"Histogram of the {name} of {plural(images, 'image')}: "
        f"{min(values):.4g} to {max(values):.4g}, median {values[len(values) // 2]:.4g}"
    )


def _numbers(values: tuple[float, ...], word: str) -> tuple[tuple[str, str], ...]:
    """Return percentiles in words, from the closest image to the furthest."""
    last = len(values) - 1
    shares = ((0.5, "Half of the images"), (0.9, "9 of 10"), (0.99, "99 of 100"))
    numbers = [(text, f"{word} {values[round(last * share)]:.4g}") for share, text in shares]
    return (*numbers, ("the furthest", f"{values[last]:.4g}"))
