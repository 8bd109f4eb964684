"""Hypotheses about activations: what the file's ranges can hold of what the baseline computes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeq import words
from edgeq.images.preprocess import to_input
from edgeq.pipeline.diagnosis.bench import Bench, Reals
from edgeq.pipeline.diagnosis.cause import Cause
from edgeq.pipeline.diagnosis.layers import short
from edgeq.tflite.model_file import Tensor

IMAGES = 4
SAMPLE = 20_000
LOST = 0.7
CLIPPED = 0.01
"""Good variants clip less than 0.4 % of any layer's values; one calibration image clips 3.5 %."""
CUT_OFF = 0.1
TOO_WIDE = 6.0
WHOLE_INPUT = 0.9
MOST = 0.5
NAMED = 3
ENDS = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}


@dataclass(frozen=True)
class Range:
    """What a quantized tensor can hold, and what the baseline computes there.

    Attributes:
        name: For messages.
        place: ``"input"``, ``"last"`` or ``"inner"``.
        low, high: Ends of the file's range.
        least, greatest: Of the baseline's values on the photographs.
        clipped: Share of the baseline's values beyond the ends by more than a step.
        symmetric: Whether the type has no zero point, so that half of it may stay empty.
        tensor: Its index in the variant.
        dtype: Of the variant's tensor.
    """

    name: str
    place: str
    low: float
    high: float
    least: float
    greatest: float
    clipped: float
    symmetric: bool
    tensor: int = -1
    dtype: str = "int8"

    @property
    def covered(self) -> float:
        """Share of the baseline's span that the file's range holds."""
        span = self.greatest - self.least
        held = min(self.high, self.greatest) - max(self.low, self.least)
        return 1.0 if span <= 0 else max(0.0, held) / span

    @property
    def width(self) -> float:
        """Width of the file's range by what the baseline needs of it."""
        if self.symmetric:
            need = max(abs(self.least), abs(self.greatest))
            return max(abs(self.low), abs(self.high)) / need if need > 0 else 1.0
        # Zero is always inside a range.
        need = max(self.greatest, 0.0) - min(self.least, 0.0)
        return (self.high - self.low) / need if need > 0 else 1.0


def explain(every: tuple[Range, ...]) -> Cause | None:
    """Return what is wrong with the ranges of a variant, None where they fit."""
    cut = [one for one in every if one.clipped > CLIPPED and one.covered < LOST]
    wide = [one for one in every if one.width > TOO_WIDE and one.place == "inner"]
    inner = [one for one in every if one.place != "input"]
    given = next((one for one in every if one.place == "input"), None)
    if not cut:
        return _wide(wide) if wide else _dimmed(given, every)
    worst = max(cut, key=lambda one: one.clipped)
    if given in cut and len(cut) == 1:
        return Cause("input_range", f"the input {_holds(worst)}", _facts(cut, every))
    if len(cut) == 1 and worst.clipped > CUT_OFF:
        name = "output_quantization" if worst.place == "last" else "saturated_activations"
        what = "the last layer's output" if worst.place == "last" else f"tensor {worst.name}"
        return Cause(name, f"{what} {_holds(worst)}; all others fit", _facts(cut, every))
    of_inner = sum(one in cut for one in inner)
    middle = float(np.median([one.covered for one in inner])) if inner else 1.0
    if of_inner > MOST * len(inner) and given is not None and given.covered > WHOLE_INPUT:
        return Cause(
            "saturated_activations",
            f"the ranges of {of_inner} of {len(inner)} layers are cut to about "
            f"{words.share(middle)} of what the baseline computes, while the input's range is "
            "whole",
            _facts(cut, every),
        )
    said = f"; worst is {worst.name}, which {_holds(worst)}"
    if given is not None and given.covered < LOST:
        said = f", and the input's range holds {words.share(given.covered)} of what it is fed{said}"
    return Cause(
        "calibration",
        f"the activations' ranges do not fit these photographs: {len(cut)} of {len(every)} are too "
        f"narrow{said}. The calibration images differ from them",
        _facts(cut, every),
    )


def _dimmed(given: Range | None, every: tuple[Range, ...]) -> Cause | None:
    """Return that the input's range cuts off bright or dark pixels, None where it does not."""
    if given is None or given.clipped <= CLIPPED:
        return None
    return Cause(
        "calibration",
        f"the input {_holds(given)}: the calibration images are too few, or show less than these "
        "photographs",
        _facts([given], every),
    )


def _wide(wide: list[Range]) -> Cause:
    worst = max(wide, key=lambda one: one.width)
    return Cause(
        "damaged_tensor",
        f"the range of tensor {worst.name} is {worst.width:.3g} times as wide as what the baseline "
        "computes there, so that few steps are left: its scale is wrong",
        _facts(wide, tuple(wide)),
    )


def _holds(one: Range) -> str:
    return (
        f"holds {one.low:.3g} to {one.high:.3g}, where the baseline has {one.least:.3g} to "
        f"{one.greatest:.3g} ({words.share(one.clipped)} of the values are cut off)"
    )


def _facts(chosen: list[Range], every: tuple[Range, ...]) -> dict[str, object]:
    worst = sorted(chosen, key=lambda one: -one.clipped)[:NAMED]
    return {
        "tensor": worst[0].name,
        "tensors": [one.name for one in worst],
        "clipped": [round(one.clipped, 4) for one in worst],
        "covered": [round(one.covered, 4) for one in worst],
        "unfit": len(chosen),
        "measured": len(every),
    }


def measure(bench: Bench) -> tuple[Range, ...]:
    """Return the ranges of the quantized input and of what the layers compute."""
    chosen = bench.chosen[:IMAGES]
    found: list[Range] = []
    pixels = bench.pixels(bench.preprocessing, chosen)
    fed = to_input(pixels, bench.preprocessing)
    source = bench.variant_file.tensors[bench.variant_file.inputs[0]]
    ends = _ends(source)
    if ends is not None:
        found.append(_range(source, "input", ends, [fed]))
    outputs: list[list[Reals]] = [[] for _ in bench.pairs]
    for computed in bench.computed(baseline=True, chosen=chosen):
        for place, values in enumerate(computed):
            # A sample of the values, with both ends, is enough and stays small.
            flat = values.ravel()
            part = flat[:: max(1, flat.size // SAMPLE)]
            outputs[place].append(np.append(part, [flat.min(), flat.max()]))
    for place, (pair, kept) in enumerate(zip(bench.pairs, outputs, strict=True)):
        ends = _ends(pair.variant.output)
        if ends is not None:
            where = "last" if place == len(bench.pairs) - 1 else "inner"
            found.append(_range(pair.variant.output, where, ends, kept))
    return tuple(found)


def _ends(tensor: Tensor) -> tuple[float, float, float] | None:
    """Return both ends and the step of a quantized activation, None where it is none."""
    if tensor.dtype not in ENDS or tensor.scales.size != 1:
        return None
    scale, point = float(tensor.scales[0]), int(tensor.zero_points[0])
    low, high = ((end - point) * scale for end in ENDS[tensor.dtype])
    return low, high, scale


def _range(
    tensor: Tensor, place: str, ends: tuple[float, float, float], values: list[Reals]
) -> Range:
    low, high, step = ends
    beyond = np.mean([((one < low - step) | (one > high + step)).mean() for one in values])
    return Range(
        name=short(tensor.name),
        place=place,
        low=low,
        high=high,
        least=float(min(one.min() for one in values)),
        greatest=float(max(one.max() for one in values)),
        clipped=float(beyond),
        symmetric=tensor.dtype == "int16",
        tensor=tensor.index,
        dtype=tensor.dtype,
    )
