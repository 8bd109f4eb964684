"""Hypotheses about activations' ranges, each with its experiment: one is set right by itself."""

from __future__ import annotations

from edgeq.errors import EdgeqError
from edgeq.pipeline.diagnosis.bench import Bench, Trial
from edgeq.pipeline.diagnosis.cause import Cause
from edgeq.pipeline.diagnosis.ranges import ENDS, TOO_WIDE, Range, explain, measure
from edgeq.tflite.edits import quantization_edits

MOST = 3
CLIPPED = 0.05
WIDE_INPUT = 1.5
"""An input's range is known before any calibration; a good one is as wide as what is fed."""
EVERY = 3
"""A repair is tried on one of so many of the photographs that are chosen."""
RECOVERED = 0.6
"""Most that a repair may leave of the logits' error. Biases are stored in units of the old scale,
so that it mends less than the whole."""
ROOM = 1.02


def activation_ranges(bench: Bench) -> Cause | None:
    """Ranges that are too narrow or too wide for what the baseline computes."""
    every = measure(bench)
    return one_range(bench, every) or explain(every)


def one_range(bench: Bench, every: tuple[Range, ...]) -> Cause | None:
    """Return the tensor whose range alone explains the failure, None where there is none.

    Args:
        bench: The failing variant.
        every: What its ranges hold.
    """
    suspects = suspicious(every)
    if not suspects:
        return None
    places = bench.chosen[::EVERY]
    before = bench.known(places)
    for one in suspects:
        scale, point = fitting(one)
        path = bench.run.variant(bench.subject).path
        try:
            edits = quantization_edits(path, one.tensor, scale, point)
            with bench.laid_out(edits=edits) as laid:
                after = laid.attempt(bench.preprocessing, places)
        except EdgeqError:
            # Some operators want the same range before and behind them: this can't be tried.
            continue
        if after.error <= RECOVERED * before.error and after.agreeing >= before.agreeing:
            return _cause(one, before, after, len(places))
    return None


def suspicious(every: tuple[Range, ...]) -> tuple[Range, ...]:
    """Return the ranges that are most too narrow or too wide, the worst first."""
    found = [
        one
        for one in every
        if one.clipped > CLIPPED or one.width > (WIDE_INPUT if one.place == "input" else TOO_WIDE)
    ]
    found.sort(key=lambda one: (one.clipped <= CLIPPED, -one.clipped, -one.width))
    return tuple(found[:MOST])


def fitting(one: Range) -> tuple[float, int]:
    """Return a scale and a zero point that hold what the baseline computes, and 0."""
    first, last = ENDS[one.dtype]
    if one.symmetric:
        return ROOM * max(abs(one.least), abs(one.greatest)) / last or 1.0, 0
    low, high = ROOM * min(one.least, 0.0), ROOM * max(one.greatest, 0.0)
    scale = (high - low) / (last - first) or 1.0
    return scale, min(last, max(first, round(first - low / scale)))


def _cause(one: Range, before: Trial, after: Trial, images: int) -> Cause:
    narrow = one.clipped > CLIPPED
    name = "saturated_activations" if narrow else "damaged_tensor"
    name = {"input": "input_range", "last": "output_quantization"}.get(one.place, name)
    what = {"input": "the input", "last": f"the last layer's output, {one.name},"}.get(
        one.place, f"tensor {one.name}"
    )
    return Cause(
        name,
        f"{what} holds {one.low:.3g} to {one.high:.3g}, where the baseline has {one.least:.3g} to "
        f"{one.greatest:.3g}; with this range alone set right the error of the logits is "
        f"{after.error:.2g} in place of {before.error:.2g} ({images} images)",
        {
            "tensor": one.name,
            "clipped": round(one.clipped, 4),
            "covered": round(one.covered, 4),
            "agreement": [round(before.agreeing, 4), round(after.agreeing, 4)],
            "logits_error": [round(before.error, 4), round(after.error, 4)],
            "images": images,
        },
    )
