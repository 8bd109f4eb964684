"""Faults in labels: classes in another order, in the variant or in the evaluation set."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeq.faults.fault import STORED, Faulty, NotApplicableError, fault
from edgeq.faults.good import Good
from edgeq.faults.heads import class_rows, classes_of, moved

SEED = 24
Order = npt.NDArray[np.intp]


def _reordered(good: Good, order: Order) -> bytes:
    """Return the variant with the classes of its last layers in another order."""
    graph = good.graph()
    for layer, rows in class_rows(good, graph):
        moved(graph, layer, rows, rows[order])
    return graph.patched()


@fault("classes_shifted", "labels", "high", "label_offset", shown_by=STORED)
def classes_shifted(good: Good) -> bytes:
    """The variant's classes are one too high."""
    return _reordered(good, np.roll(np.arange(classes_of(good)), 1))


@fault("classes_after_background", "labels", "high", "label_offset", shown_by=STORED)
def classes_after_background(good: Good) -> bytes:
    """The variant's classes are one too low, as if a background class had been dropped twice."""
    return _reordered(good, np.roll(np.arange(classes_of(good)), -1))


@fault("classes_permuted", "labels", "high", "label_order", shown_by=STORED)
def classes_permuted(good: Good) -> bytes:
    """The variant's classes are in another order."""
    return _reordered(good, np.random.default_rng(SEED).permutation(classes_of(good)))


@fault("classes_by_name", "labels", "high", "label_order", shown_by=STORED)
def classes_by_name(good: Good) -> bytes:
    """The variant's classes are in the order of their numbers as text: 0, 1, 10, 100, 101."""
    texts = [str(number) for number in range(classes_of(good))]
    order = np.argsort(np.array(texts), kind="stable")
    if (order == np.arange(len(order))).all():
        raise NotApplicableError("there are too few classes for another order")
    return _reordered(good, order)


@fault("evaluation_labels_shifted", "labels", "high", "label_offset")
def evaluation_labels_shifted(good: Good) -> Faulty:
    """The labels of the evaluation set are one too high."""
    return Faulty(labels=(good.evaluation_labels + 1) % classes_of(good))


@fault("evaluation_labels_permuted", "labels", "high", "label_order")
def evaluation_labels_permuted(good: Good) -> Faulty:
    """The labels of the evaluation set belong to other photographs."""
    labels = good.evaluation_labels
    other = np.random.default_rng(SEED).permutation(labels)
    if (other == labels).all():
        raise NotApplicableError("the labels are all alike")
    return Faulty(labels=other)
