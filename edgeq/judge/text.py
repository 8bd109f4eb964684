"""Numbers as words: rates with three decimals, sizes in kB (1000 bytes), times in ms."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgeq.judge.decide import Sense
from edgeq.measure.clusters import Clusters

_MOST_DECIMALS = 9
_NAMES_SHOWN = 3
_MS_DECIMALS = ((1.0, 3), (10.0, 2), (100.0, 1))


def beside(value: float, limit: float, decimals: int) -> str:
    """Return a number with so many decimals, or as many more as tell it from its limit.

    A rate of 0.9299 must not read ``0.930`` in a sentence that wants at least 0.93.
    """
    places = decimals
    while places < _MOST_DECIMALS and not _same_side(round(value, places), value, limit):
        places += 1
    return _plus_zero(f"{value:,.{places}f}")


def rate(value: float) -> str:
    """Return a rate, for example ``"0.962"``."""
    return _plus_zero(f"{value:.3f}")


def limit_text(limit: float) -> str:
    """Return a limit as a person would write it, for example ``"0.93"``."""
    return f"{limit:,.10g}"


def between(interval: tuple[float, float] | None, limit: float, scale: float = 1.0) -> str:
    """Return an interval in brackets with a space before it, ``""`` where there is none."""
    if interval is None:
        return ""
    low, high = (beside(end * scale, limit * scale, 3) for end in interval)
    return f" ({low} to {high})"


def wanted(text: str, sense: Sense) -> str:
    """Return what the limit asks for, for example ``"at least 0.93 wanted"``."""
    return f"at {'least' if sense == 'min' else 'most'} {text} wanted"


def kilobytes(size: float, other: float | None = None) -> str:
    """Return a size in bytes as text, for example ``"8,423 kB"``.

    Args:
        size: In bytes.
        other: A size in the same sentence: when both would read the same and are not, bytes show.
    """
    same = other is not None and other != size and round(other / 1000) == round(size / 1000)
    return f"{size / 1000:,.{3 if same else 0}f} kB"


def milliseconds(seconds: float) -> str:
    """Return a time, for example ``"5.81 ms"``."""
    shown = seconds * 1000
    decimals = next((places for top, places in _MS_DECIMALS if shown < top), 0)
    return f"{shown:,.{decimals}f} ms"


def about(count: int) -> str:
    """Return a count rounded up to two digits, for example ``"1,300"`` for 1234."""
    unit = 10 ** max(0, len(str(count)) - 2)
    return f"{math.ceil(count / unit) * unit:,}"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun, for example ``"1 image"`` or ``"500 images"``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def sample(count: int, clusters: Clusters | None, *, bare: bool = False) -> str:
    """Return how many images there are, for example ``"500 crops of 100 photographs"``.

    Args:
        count: Number of images.
        clusters: Where images belong together.
        bare: Whether to leave the noun out where each stands alone.
    """
    if clusters is not None:
        return clusters.text
    return f"{count:,}" if bare else plural(count, "image")


def names(items: Sequence[str]) -> str:
    """Return the first few names, and how many more there are."""
    more = len(items) - _NAMES_SHOWN
    shown = ", ".join(items[:_NAMES_SHOWN])
    return f"{shown} and {more} more" if more > 0 else shown


def _same_side(shown: float, value: float, limit: float) -> bool:
    return (shown < limit, shown > limit) == (value < limit, value > limit)


def _plus_zero(text: str) -> str:
    """Drop the sign of a number that is shown as zero."""
    return text.lstrip("-") if not text.strip("-0.,") else text
