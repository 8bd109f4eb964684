"""Looking at samples more than once without crying wolf more often."""

from __future__ import annotations

LOOKS = 8
"""Planned looks: after 1, 2, 4, ... 128 times the first batch."""

MOST_ROUNDS = 16_384
"""Rounds beyond which no batch goes: what is still open there lies at the limit."""


def look_confidence(confidence: float, looks: int = LOOKS) -> float:
    """Return the confidence of the interval at each of several looks.

    Who looks again while undecided errs at every look, and the chances add up. Each look
    therefore gets an equal share of the error, ``1 - (1 - confidence) / looks``: by Bonferroni's
    inequality all of the intervals hold together with at least the given confidence, whatever
    made the looking end and however much the looks have in common. Dunn, Journal of the American
    Statistical Association 56 (1961), 52-64; for looks at growing samples it is the simplest of
    the error-spending plans of Lan and DeMets, Biometrika 70 (1983), 659-663.

    Args:
        confidence: Of all looks together, in (0, 1).
        looks: Looks that are planned, whether or not they are taken.
    """
    return 1.0 - (1.0 - confidence) / looks


def rounds_at(look: int, first: int) -> int:
    """Return the rounds in all that a look wants: twice as many as the look before.

    Doubling makes few looks of many rounds, and takes at most twice the rounds that were needed.

    Args:
        look: Number of the look, from 1.
        first: Rounds of the first batch.
    """
    return max(first, min(first << (look - 1), MOST_ROUNDS))
