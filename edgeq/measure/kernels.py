"""How far kernels part on one file, beside how far quantization parts from the baseline."""

from __future__ import annotations

import msgspec
import numpy as np

from edgeq.measure.divergence import Doubles, divergence
from edgeq.measure.predictions import Floats, Predictions
from edgeq.measure.tensors import Rows, relative_errors


class KernelNoise(msgspec.Struct, frozen=True, kw_only=True):
    """The noise floor of a file's logits, beside its quantization error, on the same images.

    A relative error is the norm of a difference of centred logits divided by the norm of the
    other side, averaged over the images that have one; None if none has.

    Attributes:
        images: Number of images.
        noise: Relative error between the two kernels.
        worst_noise: The same, of the worst image.
        own_error: Relative error between the baseline and the variant with its own kernels.
        other_error: The same with the other kernels.
        differing: Images that get another class from the other kernels.
        nonfinite: Images on which the other kernels give values that are not finite.
    """

    images: int
    noise: float | None
    worst_noise: float | None
    own_error: float | None
    other_error: float | None
    differing: int
    nonfinite: int


def kernel_noise(baseline: Predictions, own: Predictions, other: Predictions) -> KernelNoise:
    """Compare what two kernels make of one file, with the baseline as the measure.

    Args:
        baseline: Answers of the baseline, shape (n, c).
        own: Of the variant with the kernels of the run, on at least the first m of those images.
        other: Of the variant with other kernels, shape (m, c), m at most n.
    """
    count = len(other.scores)
    baseline, own = baseline.first(count), own.first(count)
    between = divergence(own, other).relative_error
    errors = [divergence(baseline, kernel).relative_error for kernel in (own, other)]
    own_error, other_error = (float(error.mean()) if error.size else None for error in errors)
    return KernelNoise(
        images=count,
        noise=float(between.mean()) if between.size else None,
        worst_noise=float(between.max()) if between.size else None,
        own_error=own_error,
        other_error=other_error,
        differing=int((own.predicted != other.predicted).sum()),
        nonfinite=int((own.finite & ~other.finite).sum()),
    )


def tensor_noise(baseline: Rows, own: Rows, other: Floats) -> KernelNoise:
    """Compare what two kernels make of one output, with the baseline as the measure.

    Args:
        baseline: The baseline's output, ``(n, d)``.
        own: The variant's with the kernels of the run, ``(n, d)``.
        other: The variant's with other kernels, ``(m, d)``, m at most n.
    """
    count = len(other)
    ours, theirs = baseline[:count, :], own[:count, :]
    between = relative_errors(theirs, other)
    known = between[~np.isnan(between)]
    errors = (_mean(relative_errors(ours, side)) for side in (theirs, other))
    own_error, other_error = errors
    finite = np.isfinite(theirs).all(axis=1) & ~np.isfinite(other).all(axis=1)
    return KernelNoise(
        images=count,
        noise=_mean(between),
        worst_noise=float(known.max()) if known.size else None,
        own_error=own_error,
        other_error=other_error,
        differing=0,
        nonfinite=int(finite.sum()),
    )


def _mean(errors: Doubles) -> float | None:
    known = errors[~np.isnan(errors)]
    return float(known.mean()) if known.size else None
