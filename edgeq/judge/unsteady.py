"""Signs that timing was unsteady, each with what was observed and what helps."""

from __future__ import annotations

from dataclasses import dataclass

from edgeq.measure.latency import LEAST_FOR_P90, Latency
from edgeq.run.settling import FALLEN_CLOCK, HOT_CELSIUS
from edgeq.words import plural, share

NOISY_SPREAD = 0.05
"""Median absolute deviation, as a share of the median, above which the machine was not idle: in an
undisturbed job it is 0.3 %."""

NOTABLE_DRIFT = 0.05
"""Relative change from the first third's median to the last third's that counts as drift. It must
also exceed the spread, which alone can move medians of thirds."""


@dataclass(frozen=True)
class Cause:
    """A sign that times are unsteady.

    Attributes:
        seen: What was observed, as a phrase.
        advice: What helps, as a clause.
    """

    seen: str
    advice: str


def causes(latency: Latency) -> tuple[Cause, ...]:
    """Return the signs that a benchmark was unsteady, most likely cause first."""
    signs = (
        _load(latency),
        *on_board(latency),
        _spread(latency),
        _drift(latency),
        _few_rounds(latency),
    )
    return tuple(sign for sign in signs if sign is not None)


def on_board(latency: Latency) -> tuple[Cause, ...]:
    """Return the signs that the clock of another machine was not steady."""
    board = None if latency.taking is None else latency.taking.board
    if board is None:
        return ()
    signs = []
    hottest, (before, after) = max(board.celsius), board.clock_mhz
    if hottest >= HOT_CELSIUS:
        signs.append(Cause(f"the board was {hottest:.0f} °C hot", "cool it"))
    if 0 < after < FALLEN_CLOCK * before:
        signs.append(
            Cause(
                f"its clock fell from {before:,.0f} to {after:,.0f} MHz",
                "cool it, or fix its clock",
            )
        )
    if not board.steady:
        signs.append(
            Cause(
                f"its times were not steady after {board.warmup_s:.0f} s of warming up",
                "fix its clock frequency (governor `performance`), and end what else runs there",
            )
        )
    return tuple(signs)


def said(signs: tuple[Cause, ...]) -> str:
    """Return signs and advice as a sentence with a trailing space; ``""`` if there are no signs."""
    if not signs:
        return ""
    advice = "; ".join(dict.fromkeys(sign.advice for sign in signs))
    seen = ", ".join(sign.seen for sign in signs)
    return f"The timing was unsteady ({seen}): {advice}. "


def _load(latency: Latency) -> Cause | None:
    taking = latency.taking
    if taking is None or taking.cores is None or max(taking.load_average) <= taking.cores:
        return None
    cores = plural(taking.cores, "core")
    return Cause(
        f"load average {max(taking.load_average):.1f} on {cores}",
        "the machine was busy, end what else runs",
    )


def _spread(latency: Latency) -> Cause | None:
    spread = max(latency.baseline.spread, latency.variant.spread)
    if spread <= NOISY_SPREAD:
        return None
    return Cause(
        f"spread {share(spread)} of the median", "the machine was busy, end what else runs"
    )


def _drift(latency: Latency) -> Cause | None:
    drift = max((latency.baseline.drift or 0.0, latency.variant.drift or 0.0), key=abs)
    spread = max(latency.baseline.spread, latency.variant.spread)
    if abs(drift) <= max(NOTABLE_DRIFT, spread):
        return None
    slower = "slower" if drift > 0 else "faster"
    return Cause(
        f"{share(abs(drift))} {slower} at the end than at the start",
        "fix the clock frequency, or raise `latency.warmup`",
    )


def _few_rounds(latency: Latency) -> Cause | None:
    rounds = latency.variant.rounds
    if rounds >= LEAST_FOR_P90:
        return None
    return Cause(f"only {plural(rounds, 'round')}", "raise `latency.rounds` or `latency.budget_s`")
