"""How an output fits the baseline's, for tests that need one with some figures of their own."""

from __future__ import annotations

from typing import Any

from edgeq.measure.tensors import Fit


def fit(output: int = 0, **keys: Any) -> Fit:
    known: dict[str, Any] = {
        "name": f"out{output}",
        "shape": (30, 6),
        "images": 40,
        "confidence": 0.95,
        "nonfinite_images": 0,
        "baseline_nonfinite_images": 0,
        "constant": False,
        "baseline_constant": False,
        "error": 0.1,
        "error_interval": (0.08, 0.12),
        "worst_cosine": 0.97,
        "worst_cosine_image": 7,
        "cosine": 0.99,
    }
    known |= keys
    lowest = known["worst_cosine"]
    known.setdefault("lowest_cosines", () if lowest is None else (lowest,))
    return Fit(output=output, **known)
