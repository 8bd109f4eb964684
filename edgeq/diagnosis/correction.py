"""Looks for the preprocessing, or the order of classes, with which a model is right more often.

Ways to feed it are chosen on some of the labelled images and judged on others, so that what is
found is not an accident of the images that chose it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from edgeq.config.structs import Preprocessing
from edgeq.diagnosis.bench import Bench, Laid, Order
from edgeq.diagnosis.feeding import other_ways
from edgeq.diagnosis.labels import Classes, best_offset
from edgeq.measure.accuracy import renaming
from edgeq.pipeline.variant import VariantUnderTest

CHOOSING = 64
JUDGING = 400
"""Greatest numbers of images that choose a way to feed the model, and that judge it."""
MIN_GAIN = 0.1
"""Share of the images that must become right for a way to be better than the present one."""
MAX_CHANGES = 3
"""Maximum number of mistakes that are looked for at once."""


@dataclass(frozen=True)
class Correction:
    """Another way to feed a model or to count its classes, with which it is right more often.

    Attributes:
        changes: What is done otherwise, in short clauses.
        fed: The other preprocessing; None if it stays as it is.
        right: Number of images that are then right, among ``images``.
        images: Number of images, none of which chose the way.
    """

    changes: tuple[str, ...]
    fed: Preprocessing | None
    right: int
    images: int


@dataclass(frozen=True)
class _Choice:
    """A way to feed a model, and the share of the choosing images that are right with it."""

    preprocessing: Preprocessing
    changes: tuple[str, ...]
    right: float
    offset: int


def correction(variant: VariantUnderTest) -> Correction | None:
    """Return what makes a model right more often on its labelled images, None if nothing does.

    Raises:
        EdgeqError: It can't be run on its samples.
    """
    images = variant.samples
    labels, classes = images.labels(), variant.reading.classes
    with closing(Bench(variant)) as bench:
        ways = _fed_otherwise(bench, labels, classes), _reordered(variant, labels, classes)
    return most_right(ways)


def most_right(ways: Iterable[Correction | None]) -> Correction | None:
    """Return the first way with which most images are right; None if there is none.

    If the classes are in another order, another range of pixels often helps a little by chance.
    """
    tried = [way for way in ways if way is not None]
    return max(tried, key=lambda way: way.right / way.images, default=None)


def _fed_otherwise(bench: Bench, labels: Classes, classes: int) -> Correction | None:
    choosing, judging = _halves(len(labels))
    if not judging.size:
        return None
    laid, own = bench.laid(), bench.variant.preprocessing

    def tried(preprocessing: Preprocessing, changes: tuple[str, ...]) -> _Choice:
        given = _given(bench, laid, preprocessing, choosing)
        truth = labels[choosing]
        right, likeliest = float((given == truth).mean()), best_offset(given, truth, classes)
        offset, share = (0, right) if likeliest is None else likeliest
        return _Choice(preprocessing, changes, max(right, share), offset if share > right else 0)

    best = plain = tried(own, ())
    for _ in range(MAX_CHANGES):
        ways = other_ways(best.preprocessing, own)
        others = [tried(way.preprocessing, (*best.changes, way.said)) for way in ways]
        better = max(others, key=lambda choice: choice.right)
        if better.right < best.right + MIN_GAIN:
            break
        best = better
    if best is plain and not plain.offset:
        return None
    given = _given(bench, laid, best.preprocessing, judging)
    right = (given + best.offset) % classes == labels[judging]
    shifted = (f"with {best.offset:+d} added to its class",) if best.offset else ()
    return Correction(
        changes=(*best.changes, *shifted),
        fed=None if best.preprocessing == own else best.preprocessing,
        right=int(right.sum()),
        images=len(judging),
    )


def _reordered(variant: VariantUnderTest, labels: Classes, classes: int) -> Correction | None:
    named = renaming(variant.predictions.predicted, labels, classes, variant.samples.groups())
    if not named.sure:
        return None
    return Correction(
        changes=("with its classes in another order",),
        fed=None,
        right=named.renamed,
        images=named.images,
    )


def _halves(count: int) -> tuple[Order, Order]:
    """Return places that choose and others that judge, both spread evenly over the images."""
    places = np.arange(count)
    first = places[::2] if count < 2 * CHOOSING else np.linspace(0, count - 1, CHOOSING, dtype=int)
    others = np.setdiff1d(places, first)
    if len(others) > JUDGING:
        others = others[np.linspace(0, len(others) - 1, JUDGING, dtype=int)]
    return first, others


def _given(bench: Bench, laid: Laid, preprocessing: Preprocessing, places: Order) -> Classes:
    """Return the class that the model gives to each image, -1 if it prefers none."""
    given = []
    for start in range(0, len(places), CHOOSING):
        pixels = bench.pixels(preprocessing, places[start : start + CHOOSING])
        predictions = laid.answers(pixels, preprocessing)
        given.append(np.where(predictions.tied, -1, predictions.predicted))
    return np.concatenate(given)
