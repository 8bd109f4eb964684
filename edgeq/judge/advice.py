"""Advice on what to do next, as short sentences."""

from __future__ import annotations

import math

from edgeq import words
from edgeq.judge.open_value import OpenValue
from edgeq.judge.verdict import Verdict
from edgeq.measure.clusters import Clusters
from edgeq.words import about, plural

HALVING = 4
"""Factor by which the number of samples must grow to halve an interval."""

OTHER_METHOD: dict[str, str] = {
    "dynamic_range": "Try weight_only_int8: the same size, without quantized activations",
    "float16": "Check the preprocessing and the kernels: float16 seldom changes an answer",
    "int8": "Calibrate on more images like those of the evaluation, or try weight_only_int8",
    "int8_float_io": "Calibrate on more images like those of the evaluation, "
    "or try weight_only_int8",
    "int8_uint8_io": "Calibrate on more images like those of the evaluation, "
    "or try weight_only_int8",
    "int8_per_tensor": "Try int8, with a scale for each channel, if the target can run that",
    "weight_only_int8": "Try float16; check the preprocessing if that differs too",
    "int16x8": "Check the calibration images, or try weight_only_int8",
    "weight_only_int4": "Try weight_only_int8: 4 bits are too few for these weights",
    "dynamic_int2": "Try weight_only_int8: 2 bits are too few for these weights",
}
"""What to try if a method's variant differs too often from its baseline, by method."""

SMALLER_METHOD: dict[str, str] = {
    "float16": "Try weight_only_int8 or dynamic_range: a quarter of the baseline's weights",
}
"""What to try if a method's variant is too large, by method."""


def another_method(method: str | None) -> str:
    """Return what to try instead of a method whose variant differs too much from its baseline."""
    return OTHER_METHOD.get(
        method or "", "Look at the flipped images, and check the variant's preprocessing"
    )


def in_all(needed: int | None, have: int) -> int | None:
    """Return the total number of samples that would settle a value, always more than there are."""
    return None if needed is None else max(needed, have + 1)


def more_images(
    open_: OpenValue, needed: int | None, have: int, clusters: Clusters | None = None
) -> str:
    """Return how to settle an inconclusive rate, and what the verdict would then be.

    More crops of the same photographs do not help. ``needed`` is None if the plan gives no number.
    """
    if open_.is_unreachable:
        return f"{_unreachable(open_, 'images')}. Set a lower limit"
    if open_.is_known:
        return f"No set of images settles this: {_known(open_)}. Set the limit where it matters"
    noun = "image" if clusters is None else "different photograph"
    total = in_all(needed, have)
    if total is None:
        return (
            f"The {open_.noun} lies at the limit, and {plural(have, noun)} can't tell on which "
            f"side. About {about(HALVING * have)} in all would halve the interval"
        )
    return f"About {about(total)} {noun}s in all would settle it ({have:,} so far); {_then(open_)}"


def more_rounds(open_: OpenValue, needed: int | None, have: int) -> str:
    """Return how to settle an inconclusive time, and what the verdict would then be."""
    if open_.is_known:
        return f"No number of rounds settles this: {_known(open_)}. Set another limit"
    total = in_all(needed, have)
    if total is None:
        return (
            f"{_at_the_limit(open_, have)}. Set `latency.rounds` to about "
            f"{about(HALVING * have)} on an idle machine, which halves the interval"
        )
    return (
        f"Set `latency.rounds` to about {about(total)} on an idle machine ({have:,} so far), which "
        f"would settle it; {_then(open_)}"
    )


def more_seconds(open_: OpenValue, needed: int | None, have: int, used_s: float) -> str:
    """Return how to settle a time for which the budget was too short."""
    if open_.is_known:
        return more_rounds(open_, needed, have)
    total = in_all(needed, have)
    rounds = HALVING * have if total is None else total
    seconds = about(max(math.ceil(used_s * rounds / have), 1))
    budget = f"et `latency.budget_s` to about {seconds} on an idle machine"
    if total is None:
        return f"{_at_the_limit(open_, have)}. S{budget}, which halves the interval"
    return (
        f"S{budget}: about {about(rounds)} rounds would settle it ({have:,} so far); {_then(open_)}"
    )


def _then(open_: OpenValue) -> str:
    """Return the verdict to expect with more samples."""
    verdict = "FAILS" if open_.leans is Verdict.FAIL else "PASSES"
    return f"if the {open_.noun} stays, it {verdict}"


def _known(open_: OpenValue) -> str:
    """Return the statement that a value practically equals its limit."""
    within = words.distance(open_.kind, open_.fine)
    return f"the {open_.noun} is known to lie within {within} of the limit"


def _unreachable(open_: OpenValue, what: str) -> str:
    return f"No number of {what} proves a {open_.noun} of {words.limit(open_.kind, open_.limit)}"


def _at_the_limit(open_: OpenValue, have: int) -> str:
    return (
        f"The {open_.noun} lies at the limit, and {plural(have, 'round')} can't tell on which side"
    )
