"""How far two models' outputs for the same image differ: one number per image, in chunks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeq.measure.predictions import Booleans, Predictions, softmax
from edgeq.measure.rows import AT_ONCE, by_rows, release

Doubles = npt.NDArray[np.float64]

WORST_COSINE = -1.0
WORST_DIVERGENCE = 1.0
BEST = 5
"""Number of best classes whose overlap is measured."""


@dataclass(frozen=True)
class Divergence:
    """Numbers per image, each of shape (n,).

    An image for which either model gives a value that is not finite gets the worst numbers: cosine
    -1, divergence 1, variation 1, overlap 0. Its confidences are 0, and its relative error is
    absent from the array.

    Attributes:
        cosine: Cosine of the centred logits, in [-1, 1].
        js_bits: Jensen-Shannon divergence of the probabilities in bits, in [0, 1].
        variation: Total variation distance of the probabilities, in [0, 1]: the greatest difference
            in the probability of any set of classes.
        relative_error: Norm of the difference of centred logits divided by the baseline's norm,
            for the images that have one, shape (m,) with m at most n.
        error: Like ``relative_error``, but with the same divisor for every image: the root mean
            square of the baseline's norms. So an image with nearly equal logits does not dominate
            the mean.
        overlap: Share of the baseline's ``BEST`` best classes among the variant's; None if there
            are no more classes.
        baseline_confidence: The baseline's greatest probability.
        variant_confidence: The variant's greatest probability.
        usable: Whether the values of both models are finite.
    """

    cosine: Doubles
    js_bits: Doubles
    variation: Doubles
    relative_error: Doubles
    error: Doubles
    overlap: Doubles | None
    baseline_confidence: Doubles
    variant_confidence: Doubles
    usable: Booleans


def divergence(baseline: Predictions, variant: Predictions) -> Divergence:
    """Compare two models' predictions image by image, in float64.

    Logits are centred for every image because SOFTMAX ignores a constant that is added to all
    logits; otherwise a large common shift would make every cosine 1. Probabilities are
    ``softmax(logits)`` in both models, so that the 1/256 steps of a quantized SOFTMAX play no part.
    If one of the models gives only probabilities, both are compared by logarithms of probabilities
    with the same floor.

    Args:
        baseline: Predictions of the baseline, (n, c).
        variant: Predictions of the variant, (n, c).
    """
    n, classes = baseline.scores.shape
    usable = baseline.finite & variant.finite
    cosine = np.full(n, WORST_COSINE)
    js_bits = np.full(n, WORST_DIVERGENCE)
    variation = np.full(n, WORST_DIVERGENCE)
    overlap = np.zeros(n)
    confidences = np.zeros((2, n))
    relative: list[Doubles] = []
    distances, sizes = [np.empty(0)], [np.empty(0)]
    floor = _floor(baseline, variant)
    for rows in _chunks(np.flatnonzero(usable)):
        first = _centred_logits(baseline, rows, floor)
        second = _centred_logits(variant, rows, floor)
        norms = np.linalg.norm(first, axis=1), np.linalg.norm(second, axis=1)
        cosine[rows] = _cosine(first, second, *norms)
        flat = norms[0] == 0
        distances.append(np.linalg.norm(second - first, axis=1))
        sizes.append(norms[0])
        relative.append(distances[-1][~flat] / norms[0][~flat])
        p, q = softmax(first), softmax(second)
        js_bits[rows] = jensen_shannon(p, q)
        variation[rows] = total_variation(p, q)
        confidences[:, rows] = p.max(axis=1), q.max(axis=1)
        if classes > BEST:
            overlap[rows] = top_overlap(first, second, BEST)
        release(baseline.logits)
        release(variant.logits)
    size = float(np.sqrt((np.concatenate(sizes) ** 2).mean())) if len(sizes) > 1 else 0.0
    return Divergence(
        cosine=cosine,
        js_bits=js_bits,
        variation=variation,
        relative_error=np.concatenate([np.empty(0), *relative]),
        error=np.concatenate(distances) / size if size else np.empty(0),
        overlap=overlap if classes > BEST else None,
        baseline_confidence=confidences[0],
        variant_confidence=confidences[1],
        usable=usable,
    )


def jensen_shannon(p: Doubles, q: Doubles) -> Doubles:
    """Return the Jensen-Shannon divergence of rows of probabilities in bits, in [0, 1].

    Lin, IEEE Transactions on Information Theory 37 (1991), 145-151.
    """
    middle = (p + q) / 2.0
    bits = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2.0
    clipped: Doubles = np.clip(bits, 0.0, 1.0)  # rounding can leave the range by 1e-16
    return clipped


def total_variation(p: Doubles, q: Doubles) -> Doubles:
    """Return the total variation distance of rows of probabilities, in [0, 1].

    Levin, Peres and Wilmer, Markov Chains and Mixing Times (2009), proposition 4.2: half the sum
    of the absolute differences.
    """
    distance: Doubles = np.clip(np.abs(p - q).sum(axis=-1) / 2.0, 0.0, 1.0)  # rounding: 1e-16
    return distance


def top_overlap(baseline: Doubles, variant: Doubles, k: int) -> Doubles:
    """Return the share of the baseline's k best classes that are among the variant's k best.

    Classes of the variant that tie for the last places each count with their chance of getting one:
    integer logits often tie there, and the order of the classes means nothing.

    Args:
        baseline: Shape (n, c).
        variant: Shape (n, c).
        k: Below c.
    """
    chosen = np.zeros(baseline.shape, np.bool_)
    best = np.argsort(-baseline, axis=1, kind="stable")[:, :k]
    np.put_along_axis(chosen, best, values=True, axis=1)
    threshold = -np.partition(-variant, k - 1, axis=1)[:, k - 1 : k]
    above, level = variant > threshold, variant == threshold
    places = k - above.sum(axis=1)
    chance = places / level.sum(axis=1)
    shares = (chosen & above).sum(axis=1) + chance * (chosen & level).sum(axis=1)
    share: Doubles = shares / k
    return share


def _floor(baseline: Predictions, variant: Predictions) -> float | None:
    """Return the highest floor of log-probabilities; None if both models have logits."""
    floors = [
        float(by_rows(_least, outputs.logits)[outputs.finite].min(initial=0.0))
        for outputs in (baseline, variant)
        if outputs.logits_source == "log_probabilities"
    ]
    return max(floors, default=None)


def _least(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    least: npt.NDArray[np.float32] = logits.min(axis=1)
    return least


def _centred_logits(
    answers: Predictions, rows: npt.NDArray[np.int64], floor: float | None
) -> Doubles:
    """Return logits minus their mean over the classes, (m, c), clipped at a common floor if any."""
    logits = answers.logits[rows].astype(np.float64)
    if floor is not None:
        if answers.logits_source != "log_probabilities":
            logits = np.log(np.maximum(softmax(logits), np.exp(floor)))
        logits = np.maximum(logits, floor)
    return _centred(logits)


def _centred(logits: Doubles) -> Doubles:
    centred: Doubles = logits - logits.mean(axis=1, keepdims=True)
    # A constant row must be exactly zero, or rounding alone would make its direction.
    centred[(logits == logits[:, :1]).all(axis=1)] = 0.0
    return centred


def _cosine(first: Doubles, second: Doubles, norm: Doubles, other: Doubles) -> Doubles:
    """Return the cosines of rows; 0 if one of the norms is 0."""
    product = norm * other
    dot = np.einsum("ij,ij->i", first, second)
    cosine = np.divide(dot, product, out=np.zeros_like(dot), where=product > 0)
    clipped: Doubles = np.clip(cosine, -1.0, 1.0)
    return clipped


def _relative_entropy(p: Doubles, q: Doubles) -> Doubles:
    # q is the mean of p and another: it is 0 for a p above 0 only if halving underflows.
    terms = p * np.log2(np.divide(p, q, out=np.ones_like(p), where=(p > 0) & (q > 0)))
    total: Doubles = terms.sum(axis=1)
    return total


def _chunks(rows: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
    for start in range(0, rows.size, AT_ONCE):
        yield rows[start : start + AT_ONCE]
