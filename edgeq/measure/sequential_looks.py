"""Repeated looks at growing samples without more false alarms."""

from __future__ import annotations

LOOKS = 8
"""Planned looks: after 1, 2, 4, ... 128 times the first batch."""

MOST_ROUNDS = 16_384
"""Most rounds of any batch; a value still undecided there lies at the limit."""


def look_confidence(confidence: float, looks: int = LOOKS) -> float:
    """Return the confidence of the interval at each of several looks.

    Every further look may err, and the chances add up. Each look therefore gets an equal share of
    the error, ``1 - (1 - confidence) / looks``. By Bonferroni's inequality, all intervals hold
    together with at least the given confidence, whatever ends the looking and however dependent the
    looks are (Dunn, Journal of the American Statistical Association 56 (1961), 52-64). For looks at
    growing samples it is the simplest of the error-spending plans of Lan and DeMets, Biometrika 70
    (1983), 659-663.

    Args:
        confidence: Confidence level of all looks together, in (0, 1).
        looks: Number of planned looks, whether or not they are taken.
    """
    return 1.0 - (1.0 - confidence) / looks


def rounds_at(look: int, first: int) -> int:
    """Return the total number of rounds at a look: twice as many as at the look before.

    Doubling keeps the looks few, and takes at most twice as many rounds as needed.

    Args:
        look: Number of the look, from 1.
        first: Number of rounds in the first batch.
    """
    return max(first, min(first << (look - 1), MOST_ROUNDS))
