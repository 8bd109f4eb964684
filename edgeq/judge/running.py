"""Proofs about how a variant runs: with other kernels, its input's range, repeated inputs."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from edgeq import words
from edgeq.config.structs import Kernels
from edgeq.judge.verdict import Judgement, Verdict, failed, passed
from edgeq.measure.beside_here import KernelNoise
from edgeq.measure.input_range import InputFit
from edgeq.measure.repeats import Repeats
from edgeq.words import plural, share

TIMES = 2.0
"""Multiple of the quantization error by which kernels may differ. Independent rounding in other
kernels differs by at most the square root of 2 times its own size. Measured on good variants of two
models and both engines: 0.31 to 0.78 times (benchmarks/kernels.md)."""

MIN_NOISE = 0.1
"""Relative error between kernels that is always allowed, however good the variant is."""

MIN_STEPS = 32
"""Minimum number of different values that the 256 levels of a pixel must become: 5 bits."""

MIN_FILLED = 0.52
"""Share of the input's range that pixels must be able to reach. Calibration on pixels never gives a
wider range than they span, and rounding scales up to a power of two less than doubles it."""

MAX_ROUNDING_STEPS = 0.5
"""Maximum number of steps by which rounding the zero point moves the ends of a range."""

SLACK = 1e-3
"""Share of a type's steps by which ends may be off in addition: 0.26 steps of int8."""

MAX_SPARE = 0.01
"""Share of a type's steps that may lie beyond the values of pixels. Means and deviations that
differ in the third digit leave half as much."""

MAX_APART = 5.0
"""Steps of 1/255 of the pixels' range by which a declared mean and deviation may move black or
white. Usual approximations (127 and 128 for 127.5, 1/256 for 1/255, one deviation for three, whole
numbers) move them by 2.01 at most; other conventions and a contrast of 90 % by 12.8 or more."""

MAX_FAR = 0.05
"""Share of the evaluation's values that may lie far outside the input's range."""


def kernels(
    noise: KernelNoise | None, own: Kernels, other: Kernels, *, of: str = "logits"
) -> Judgement:
    """Prove that another implementation of the operators gives the same results, up to rounding.

    ``noise`` is None if the variant's arithmetic is float.
    """
    if noise is None:
        return passed(
            "the arithmetic is float, in which kernels differ by less than float16 rounds"
        )
    evidence: dict[str, object] = {
        "kernels": own,
        "other_kernels": other,
        "compared": of,
        **msgspec.to_builtins(noise),
    }
    images = plural(noise.images, "image")
    problem = _parted(noise, own, other)
    if problem is not None:
        return failed(problem[0], problem[1], evidence)
    return passed(
        f"{own} and {other} kernels differ by {_shown(noise.noise)}, quantization by "
        f"{_shown(noise.own_error)} (relative error of {of}, {images})",
        evidence,
    )


def strain(noise: KernelNoise) -> tuple[int, float]:
    """Return how close an output is to failing ``kernels``, as a key to find the closest output.

    An output that can't be compared, for example because it is always 0, is the farthest.
    """
    most = max(MIN_NOISE, TIMES * _error(noise))
    return noise.nonfinite, -1.0 if noise.noise is None else noise.noise / most


def _parted(noise: KernelNoise, own: Kernels, other: Kernels) -> tuple[str, str] | None:
    images = plural(noise.images, "image")
    if noise.nonfinite:
        reason = (
            f"{other} kernels give NaN or infinity on {noise.nonfinite} of {images}, {own} "
            "kernels none"
        )
        return reason, _step(other)
    if noise.noise is None:
        return f"{own} kernels give nothing to compare on {images}", _step(own)
    if noise.noise <= max(MIN_NOISE, TIMES * _error(noise)):
        return None
    reason = (
        f"{own} and {other} kernels differ by {_shown(noise.noise)}, more than quantization does: "
        f"{_shown(noise.own_error)} from the baseline with {own}, "
        f"{_shown(noise.other_error)} with {other} ({images})"
    )
    return reason, _step(own if (noise.own_error or 0) > (noise.other_error or 0) else other)


def input_range(fit: InputFit | None) -> Judgement:
    """Prove that the variant's input can hold the values of the photographs.

    Args:
        fit: How the values fit; None if the variant does not quantize its input.
    """
    if fit is None:
        return passed("takes real values, which no input scale clips")
    evidence: dict[str, object] = msgspec.to_builtins(fit)
    fed = "samples" if fit.arrays else "photographs"
    span = f"{_ends(fit.range)}, the {fed} have {_ends(fit.fed)}"
    shown = f"{fit.dtype} input {fit.name!r}" if fit.name else f"{fit.dtype} input"
    whose = f"scale of the {shown}" if fit.name else "input's scale"
    reason = None
    # How wide the range of arrays' values may be, only the calibration samples show.
    if fit.steps < MIN_STEPS and not fit.arrays:
        reason = (
            f"the {fit.dtype} input holds {span}: 256 pixel levels become "
            f"{plural(fit.steps, 'step')}"
        )
    elif fit.far > MAX_FAR:
        reason = (
            f"{share(fit.clipped)} of the evaluation's values are clipped by the {whose}: it "
            f"holds {span}"
        )
    elif fit.filled < MIN_FILLED and not fit.arrays:
        reason = (
            f"the input was made for other values: pixels reach {share(fit.filled)} of the range "
            f"that it holds, {span}"
        )
    problem = (Verdict.FAIL, reason) if reason is not None else _off_by_steps(fit)
    if problem is not None:
        return Judgement(
            status=problem[0],
            reason=problem[1],
            next_step="Correct `scale` and `zero_point`, or calibrate on samples like these"
            if fit.arrays
            else "Correct `preprocessing`, or calibrate on photographs that are preprocessed like "
            "this",
            evidence=evidence,
        )
    if not fit.clipped:
        noted = "clips nothing"
    else:
        noted = f"clips {share(fit.clipped)} of the values by little, on "
        noted += (
            f"{fit.clipped_images:,} of {plural(fit.images, 'sample' if fit.arrays else 'image')}"
        )
    return passed(f"the {shown} holds {span}: {noted}", evidence)


def fed_other_values(layers: int) -> Judgement:
    """Return the FAIL of a variant that has its baseline's layers and is fed other values."""
    return failed(
        f"holds the baseline's weights in {plural(layers, 'layer')}, so that its first "
        "layer needs the values that the baseline's gets, and gets others",
        "Correct the variant's `preprocessing`, or remove it: what a table leaves out "
        "has its default, not the baseline's value",
        {"layers": layers},
    )


def _off_by_steps(fit: InputFit) -> tuple[Verdict, str] | None:
    """Return what is wrong with an input's scale or zero point if it is off by few steps.

    Calibration on pixels gives a range that ends at the smallest and the largest pixel value, up to
    the rounding of the zero point, and never extends beyond the values of pixels. A wider range may
    come from images that were resized in floats, which overshoot, so it is INCONCLUSIVE. A range
    that is merely shifted has no such excuse.
    """
    levels = float(np.iinfo(fit.dtype).max) - float(np.iinfo(fit.dtype).min)
    slack = MAX_ROUNDING_STEPS + SLACK * levels
    sentence = f"the {fit.dtype} input holds {_ends(fit.range)}"
    if fit.calibrated is not None and max(map(abs, fit.calibrated)) > slack:
        low, high = fit.calibrated
        return Verdict.FAIL, (
            f"{sentence}: {_off(low)} at the lower and {_off(high)} at the upper end than the "
            "calibration images"
        )
    low, high = fit.spare
    if max(low, high) <= slack:
        return None
    span = f"{sentence}, a pixel becomes {_ends(fit.fed)}"
    if low + high <= slack:
        return Verdict.FAIL, (
            f"{span}: the zero point {fit.zero_point} is off by about {_steps(max(low, high))}"
        )
    power_of_two = math.frexp(fit.scale)[0] == 0.5  # what frexp gives for one
    if power_of_two or low + high <= MAX_SPARE * levels:
        return None
    return Verdict.INCONCLUSIVE, (
        f"{span}: {low + high:,.0f} of {levels + 1:,.0f} steps are for values that no pixel gives; "
        "was it calibrated on others?"
    )


def _off(steps: float) -> str:
    return f"{_steps(abs(steps))} {'more' if steps > 0 else 'less'}"


def _steps(number: float) -> str:
    return f"{number:.3g} steps" if round(number) != 1 else "1 step"


def unsteady(repeats: Repeats) -> tuple[str, str] | None:
    """Return what is wrong with outputs that change, and what to do; None if they don't."""
    if repeats.same:
        return None
    if repeats.after_others and repeats.at_once:
        reason = "a fresh worker gives other answers to the same photograph, with the same kernels"
        return reason, (
            "The file reads memory that it did not write, or the runtime is at fault: make it "
            "again, and report it to the runtime's makers"
        )
    apart = "" if repeats.largest is None else f", by up to {repeats.largest:.3g}"
    step = (
        "Run it with `run.threads = 1` and other `run.kernels`; an operator that draws random "
        "numbers or keeps a state can't be gated"
    )
    if repeats.at_once:
        return (
            f"the answer to a photograph depends on the one that was asked before{apart}",
            step,
        )
    return f"the same photograph gets another answer when it is asked again{apart}", step


def copy_of_baseline(images: int) -> tuple[str, str]:
    """Return the problem that quantized arithmetic changes no bit, and what to do."""
    reason = (
        f"the outputs are the baseline's on {plural(images, 'image')}, bit by bit: nothing "
        "quantized is at work"
    )
    return reason, "Check which file is evaluated: quantized arithmetic always rounds"


def _error(noise: KernelNoise) -> float:
    """Return the quantization error: that of the better kernels, as the others may be at fault."""
    return min(
        (error for error in (noise.own_error, noise.other_error) if error is not None), default=0
    )


def _step(blamed: Kernels) -> str:
    return (
        f"Look at the {blamed} kernels first: a bug there, or a file that only one of them "
        "understands; run the gate with `run.kernels` set to each, and update ai-edge-litert"
    )


def _shown(number: float | None) -> str:
    return "nothing" if number is None else words.value("number", number)


def _ends(pair: tuple[float, float]) -> str:
    return " to ".join(words.limit("number", float(f"{end:.4g}")) for end in pair)
