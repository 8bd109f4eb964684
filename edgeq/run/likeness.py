"""Which machines may stand in for another: those whose predictions are the same bit by bit."""

from __future__ import annotations

from collections.abc import Mapping


def differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> tuple[str, ...]:
    """Return what a machine has otherwise than another, as ``"processor: A, not B"``.

    Predictions are stored under the runtime and the processor that made them, so a machine with
    other ones can't run a portion of an evaluation that the other's record describes.

    Args:
        ours: What the predictions of a machine depend on.
        theirs: The same for the one that is to stand in for it.
    """
    return tuple(
        f"{key}: {theirs.get(key, 'none')}, not {ours.get(key, 'none')}"
        for key in sorted(ours.keys() | theirs.keys())
        if ours.get(key) != theirs.get(key)
    )
