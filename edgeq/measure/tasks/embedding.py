"""Measures of embeddings: their direction, their nearest neighbours, and verification."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.measure.clusters import effective, numbered
from edgeq.measure.figures import (
    GAFFKE,
    Doubles,
    Figure,
    OutputReading,
    TaskData,
    TaskFigures,
    UnlikeSample,
    doubt,
    worst,
)
from edgeq.measure.statistics import Interval

Integers = npt.NDArray[np.int64]

NEIGHBOURS = 5
"""Nearest samples that are compared if the spec names no number."""

FALSE_ACCEPT_RATE = 0.01
"""Share of pairs of different identities that are accepted if the spec names none."""

LOW = 0.1
"""Quantile of the cosines that counts as a low one."""

_MIN_GALLERY = 4
"""Minimum number of samples for each neighbour: with fewer, chance alone shares a quarter."""

_SAME = 0.9999
"""Mean cosine of a baseline's embeddings above which they hardly depend on the sample."""

MAX_COMPARED = 1000
"""Samples whose neighbours are compared; of more, some are taken, as pairs grow with the square."""

MAX_VERIFIED = 400
"""The same for verification, which weighs all pairs again in each resample."""

_PARTS = 30
"""Parts of the samples of which a jackknife leaves out one at a time."""

_AT_ONCE = 20
"""Resamples at once, which bounds memory."""


def measure(data: TaskData) -> TaskFigures:
    """Return the figures of embeddings.

    - ``low_cosine``: the 10th percentile of the cosine between the two models' embeddings of a
      sample.
    - ``neighbour_recall``: the mean share of a sample's nearest neighbours by cosine, among all
      other samples, that are the same in both models.
    - ``verification_drop``: with labels, the share of pairs of one identity that are accepted at
      a threshold at which each model accepts ``false_accept_rate`` of the pairs of different
      identities; the baseline's minus the variant's.

    Args:
        data: Both models' embeddings; a label is the index of an identity.
    """
    ours, theirs = (_directions(values) for values in data.whole())
    cosines = (ours * theirs).sum(axis=1)
    figures, absent = [_low_cosine(data, cosines)], dict[str, str]()
    count = data.options.neighbours or NEIGHBOURS
    near = np.arange(0, data.images, -(-data.images // MAX_COMPARED))
    similar, other = (side[near] @ side[near].T for side in (ours, theirs))
    apart = similar[~np.eye(near.size, dtype=np.bool_)]
    if near.size < _MIN_GALLERY * count + 1:
        absent["neighbour_recall"] = (
            f"the {count} nearest of {near.size - 1} other samples are hardly a choice"
        )
    else:
        figures.append(_neighbour_recall(_of(data, near), similar, other, count))
    if data.labels is not None:
        identities = np.array([int(label) for label in data.labels])
        some = some_identities(identities)
        similar, other = (side[some] @ side[some].T for side in (ours, theirs))
        drop = verification_drop(_of(data, some), similar, other, identities[some])
        if isinstance(drop, Figure):
            figures.append(drop)
        else:
            absent["verification_drop"] = drop
    return data.figures(
        *figures,
        reading=OutputReading(values="vector"),
        absent=absent,
        unlike=tuple(
            UnlikeSample(image=int(at), text=f"cosine {cosines[at]:.3f}")
            for at in worst(1.0 - cosines)
        ),
        **doubt(
            data.images > 1 and float(apart.mean()) > _SAME,
            "the baseline gives nearly the same embedding for every sample",
            "Check the baseline's weights and preprocessing",
        ),
    )


def shared_neighbours(similar: Doubles, other: Doubles, count: int) -> Doubles:
    """Return the share of each sample's nearest neighbours that two models agree on, ``(n,)``.

    A neighbour counts if the other model finds it at least as near as its own ``count``-th, so
    that ties count in favour.

    Args:
        similar: Similarity of each two samples in the first model, shape ``(n, n)``.
        other: The same in the second model.
        count: Number of neighbours.
    """
    n = len(similar)
    ours, theirs = (np.where(np.eye(n, dtype=np.bool_), -np.inf, s) for s in (similar, other))
    nearest = np.argpartition(-ours, count - 1, axis=1)[:, :count]
    bar = -np.partition(-theirs, count - 1, axis=1)[:, count - 1 : count]
    shares: Doubles = (np.take_along_axis(theirs, nearest, axis=1) >= bar).mean(axis=1)
    return shares


def some_identities(identities: Integers) -> Integers:
    """Return samples of whole identities, drawn at random, up to ``MAX_VERIFIED``.

    Args:
        identities: The identity of each sample, shape ``(n,)``.
    """
    if len(identities) <= MAX_VERIFIED:
        return np.arange(len(identities))
    names, counts = np.unique(identities, return_counts=True)
    order = np.random.default_rng(0).permutation(len(names))
    chosen = names[order[np.cumsum(counts[order]) <= max(MAX_VERIFIED, counts[order[:2]].sum())]]
    samples: Integers = np.flatnonzero(np.isin(identities, chosen))
    return samples


def _of(data: TaskData, samples: Integers) -> TaskData:
    """Return the data of some of the samples, for intervals."""
    return replace(data, groups=tuple(data.groups[at] for at in samples.tolist()))


def _neighbour_recall(data: TaskData, similar: Doubles, other: Doubles, count: int) -> Figure:
    """Return the mean share of the nearest neighbours that stay.

    A sample is also a neighbour of others, so that their shares are not independent. The interval
    therefore reaches at least as far as that of a jackknife, which leaves out one of ``_PARTS`` of
    the samples at a time: Kott, Journal of Official Statistics 17 (2001), 521-526.
    """
    from scipy.special import stdtrit

    shares = shared_neighbours(similar, other, count)
    figure = data.mean(
        "neighbour_recall", shares, f"share of the {count} nearest samples that stay the same"
    )
    of = numbered(data.groups)
    clusters = int(of.max()) + 1
    part = np.random.default_rng(0).permutation(clusters)[of] % min(_PARTS, clusters)
    parts = int(part.max()) + 1
    if figure.interval is None or parts < 2 or (1 - 2 / parts) * data.images <= count:
        return figure
    left = [np.flatnonzero(part != at) for at in range(parts)]
    means = np.array(
        [shared_neighbours(similar[np.ix_(k, k)], other[np.ix_(k, k)], count).mean() for k in left]
    )
    deviation = np.sqrt((parts - 1) / parts * ((means - means.mean()) ** 2).sum())
    half = float(stdtrit(parts - 1, 0.5 + data.confidence / 2) * deviation)
    low, high = figure.interval
    ends = min(low, max(figure.value - half, 0.0)), max(high, min(figure.value + half, 1.0))
    method = f"{GAFFKE}, or a jackknife of {parts} parts if it is wider"
    return msgspec.structs.replace(figure, interval=ends, method=method)


def verification_drop(
    data: TaskData, similar: Doubles, other: Doubles, identities: npt.NDArray[np.int64]
) -> Figure | str:
    """Return the drop of the true accept rate at a fixed false accept rate, or why there is none.

    Args:
        data: The data of the samples.
        similar: Similarity of each two samples in the baseline, shape ``(n, n)``.
        other: The same in the variant.
        identities: The identity of each sample, shape ``(n,)``.
    """
    first, second = np.triu_indices(len(identities), 1)
    alike = identities[first] == identities[second]
    if not alike.any() or alike.all():
        return "the labels have no two samples of one identity and no two of different ones"
    rate = data.options.false_accept_rate or FALSE_ACCEPT_RATE
    impostors = int((~alike).sum())
    if impostors * rate < 1:
        return f"{impostors:,} pairs of different identities can't show a rate of {rate:g}"
    pairs = first, second, alike
    return data.drop(
        "verification_drop",
        lambda weights: accept_rates(similar[first, second], pairs, weights, rate),
        lambda weights: accept_rates(other[first, second], pairs, weights, rate),
        f"pairs of one identity accepted (false accept rate {rate:g})",
    )


def accept_rates(
    scores: Doubles,
    pairs: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]],
    weights: Doubles,
    rate: float,
) -> Doubles:
    """Return the share of pairs of one identity above the threshold, for each row of weights.

    The threshold is the lowest score at which at most ``rate`` of the pairs of different
    identities lie above it. A pair weighs as much as the product of its samples' weights.

    Args:
        scores: Similarity of each pair, shape ``(p,)``.
        pairs: Index of each pair's samples, and whether they are of one identity, ``(p,)`` each.
        weights: Weight of each sample, shape ``(b, n)``.
        rate: The false accept rate, in (0, 1).
    """
    order = np.argsort(-scores, kind="stable")
    first, second, alike = (of[order] for of in pairs)
    scores, result = scores[order], np.zeros(len(weights))
    for start in range(0, len(weights), _AT_ONCE):
        part = weights[start : start + _AT_ONCE]
        of_pairs = part[:, first] * part[:, second]
        false = np.cumsum(of_pairs * ~alike, axis=1)
        true = np.cumsum(of_pairs * alike, axis=1)
        allowed = rate * false[:, -1:]
        last = (false <= allowed + 1e-9).sum(axis=1) - 1
        accepted = np.where(last >= 0, true[np.arange(len(part)), last], 0.0)
        result[start : start + _AT_ONCE] = accepted / np.maximum(true[:, -1], 1.0)
    return result


def _low_cosine(data: TaskData, cosines: Doubles) -> Figure:
    interval = quantile_interval(
        cosines, LOW, data.confidence, effective(data.images, data.clusters)
    )
    return Figure(
        name="low_cosine",
        value=float(np.quantile(cosines, LOW)),
        interval=interval,
        text=f"cosine that {round(100 * (1 - LOW))} % of samples reach",
        images=data.images,
        method="order statistics",
    )


def quantile_interval(
    values: Doubles, quantile: float, confidence: float, worth: float
) -> Interval:
    """Return the interval of a quantile of values in [-1, 1], from their order alone.

    Source: David and Nagaraja, Order Statistics (2003), section 7.1.

    Args:
        values: The values, shape ``(n,)``.
        quantile: The quantile, in (0, 1).
        confidence: Confidence level, in (0, 1).
        worth: Number of independent values that they count as.
    """
    from scipy.special import bdtr

    ordered, n = np.sort(values), max(int(worth), 1)
    tail = (1 - confidence) / 2
    below = bdtr(np.arange(n), n, quantile)  # P(at most k values lie below the quantile)
    low = int((below <= tail).sum())  # the quantile lies above the low-th value
    high = int((below < 1 - tail).sum()) + 1
    step = len(values) / n
    ends = (
        -1.0 if low == 0 else float(ordered[int((low - 1) * step)]),
        1.0 if high > n else float(ordered[min(int(high * step) - 1, len(values) - 1)]),
    )
    value = float(np.quantile(values, quantile))
    return min(ends[0], value), max(ends[1], value)


def _directions(values: Doubles) -> Doubles:
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    directions: Doubles = np.divide(values, norms, out=np.zeros_like(values), where=norms > 0)
    return np.nan_to_num(directions)
