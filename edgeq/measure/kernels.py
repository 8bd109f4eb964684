"""How far two kernels' results for one file differ, compared with the quantization error."""

from __future__ import annotations

import msgspec
import numpy as np

from edgeq.measure.divergence import Doubles, divergence
from edgeq.measure.predictions import Floats, Predictions
from edgeq.measure.tensors import Rows, relative_errors


class KernelNoise(msgspec.Struct, frozen=True, kw_only=True):
    """The noise floor of a file's outputs and its quantization error, on the same images.

    A relative error is the norm of a difference (of centred logits, if there are classes) divided
    by the norm of the reference, averaged over the images that have one; None if none has.

    Attributes:
        images: Number of images.
        noise: Relative error between the two kernels.
        worst_noise: The same for the worst image.
        own_error: Relative error between the baseline and the variant with its own kernels.
        other_error: The same with the other kernels.
        differing: Number of images that get another class from the other kernels.
        nonfinite: Number of images for which only the other kernels give values that are not
            finite.
    """

    images: int
    noise: float | None
    worst_noise: float | None
    own_error: float | None
    other_error: float | None
    differing: int
    nonfinite: int


def kernel_noise(baseline: Predictions, own: Predictions, other: Predictions) -> KernelNoise:
    """Compare two kernels' predictions for one file with each other and with the baseline.

    Args:
        baseline: Predictions of the baseline, shape (n, c).
        own: Predictions of the variant with the run's kernels, on at least the first m images.
        other: Predictions of the variant with other kernels, shape (m, c), m at most n.
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
    """Compare two kernels' results for one output with each other and with the baseline.

    Args:
        baseline: The baseline's output, shape ``(n, d)``.
        own: The variant's output with the run's kernels, shape ``(n, d)``.
        other: The variant's output with other kernels, shape ``(m, d)``, m at most n.
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
