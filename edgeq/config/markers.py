"""The pytest markers of gates, with descriptions.

Every pytest session registers them, and most projects have no gate, so this imports nothing.
"""

from __future__ import annotations

from typing import Literal

Marker = Literal["size", "agreement", "accuracy", "latency", "memory", "proof"]

COST_MARKERS: tuple[Marker, ...] = ("latency", "memory", "size")
"""Markers that a spec may leave out; answers rest on proofs and predictions, so those stay."""

MARKERS: dict[Marker, str] = {
    "size": "gates on the size of a variant",
    "agreement": "gates on what a variant says compared with its baseline",
    "accuracy": "gates on what a variant says compared with the labels",
    "latency": "gates on the time of an inference",
    "memory": "gates on memory and on what the kernels took over",
    "proof": "facts that hold for every variant, without a limit",
}

OWN_MEASURES = "own_measures"
"""What the mark of the test of all gates that a spec declares names instead of a gate."""
