"""Which nodes may stand in for this machine: those whose predictions are the same bit by bit."""

from __future__ import annotations

from edgeq.cluster.work import NodeFacts


def differences(here: NodeFacts, node: NodeFacts) -> tuple[str, ...]:
    """Return what a node has otherwise than this machine, as ``"processor: A, not B"``.

    Predictions are stored under the runtime and the processor that made them, so a node with other
    ones can't run a portion of an evaluation that this machine's record describes.
    """
    ours, theirs = here.runtime | here.software, node.runtime | node.software
    return tuple(
        f"{key}: {theirs.get(key, 'none')}, not {ours.get(key, 'none')}"
        for key in sorted(ours.keys() | theirs.keys())
        if ours.get(key) != theirs.get(key)
    )
