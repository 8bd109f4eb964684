"""What to do next, as data and short sentences."""

from __future__ import annotations

import math

from edgeq.judge.text import about
from edgeq.measure.clusters import Clusters
from edgeq.measure.planning import MOST_IMAGES

OTHER_METHOD: dict[str, str] = {
    "dynamic_range": "Try weight_only_int8: the same size, without quantized activations",
    "float16": "Check the preprocessing and the kernels: float16 seldom changes an answer",
    "int8": "Calibrate on more images like those of the evaluation, or try weight_only_int8",
    "int8_float_io": "Calibrate on more images like those of the evaluation, "
    "or try weight_only_int8",
    "weight_only_int8": "Try float16; check the preprocessing if that differs too",
    "int16x8": "Check the calibration images, or try weight_only_int8",
    "weight_only_int4": "Try weight_only_int8: 4 bits are too few for these weights",
    "dynamic_int2": "Try weight_only_int8: 2 bits are too few for these weights",
}
"""By method: what to try when its variant says too often something else than the baseline."""

SMALLER_METHOD: dict[str, str] = {
    "float16": "Try weight_only_int8 or dynamic_range: a quarter of the baseline's weights",
}
"""By method: what is smaller."""


def another_method(method: str | None) -> str:
    """Return what to try in place of a method whose variant strays from its baseline."""
    return OTHER_METHOD.get(
        method or "", "Look at the flipped images, and check the variant's preprocessing"
    )


def more_images(needed: int | None, have: int, clusters: Clusters | None = None) -> str:
    """Return the step that settles an inconclusive rate.

    Args:
        needed: Images in all that would settle it, None where no set would.
        have: Images of this run, as many as they count as.
        clusters: Where images belong together: more crops of the same photographs do not help.
    """
    if needed is None:
        return (
            f"No set of up to {MOST_IMAGES:,} images settles this: the value lies at the limit. "
            "Set the limit where it matters"
        )
    what = "images" if clusters is None else "different photographs"
    return (
        f"Evaluate about {about(max(needed, have + 1))} {what} in all (now {have:,}): "
        "enough if the value stays"
    )


def more_rounds(needed: int | None, have: int) -> str:
    """Return the step that settles an inconclusive time."""
    if needed is None:
        return "No number of rounds settles this: the value lies at the limit. Set another limit"
    return (
        f"Set `latency.rounds` to about {about(max(needed, have + 1))} (now {have:,}) "
        "on an idle machine"
    )


def more_seconds(needed: int | None, have: int, used_s: float) -> str:
    """Return the step that settles a time for which the budget was too short.

    Args:
        needed: Rounds in all that would settle it, None where no number would.
        have: Rounds of this run.
        used_s: Seconds that these took.
    """
    if needed is None:
        return more_rounds(needed, have)
    rounds = max(needed, have + 1)
    return (
        f"Set `latency.budget_s` to about {about(max(math.ceil(used_s * rounds / have), 1))} "
        f"on an idle machine: about {about(rounds)} rounds decide (now {have:,})"
    )
