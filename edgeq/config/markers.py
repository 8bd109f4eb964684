"""The pytest markers of gates, with what their tests are about.

They are registered in every session of pytest, in which most projects have no gate: this imports
nothing.
"""

from __future__ import annotations

from typing import Literal

Marker = Literal["size", "agreement", "accuracy", "latency", "memory", "proof"]

COST_MARKERS: tuple[Marker, ...] = ("latency", "memory", "size")
"""What a spec may leave out: proofs and predictions are what an answer rests on."""

MARKERS: dict[Marker, str] = {
    "size": "gates on the size of a variant",
    "agreement": "gates on what a variant says compared with its baseline",
    "accuracy": "gates on what a variant says compared with the labels",
    "latency": "gates on the time of an inference",
    "memory": "gates on memory and on what the kernels took over",
    "proof": "facts that hold for every variant, without a limit",
}
