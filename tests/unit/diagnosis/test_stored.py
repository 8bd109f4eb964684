from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from edgeq.diagnosis.bench import Bench
from edgeq.diagnosis.stored import class_order, first_layer_order

CLASSES = 40


def bench(rows: list[int], biases: list[int] | None = None) -> Bench:
    """Return a bench of a classifier whose last layer has the baseline's rows in this order.

    Args:
        rows: Of the weights.
        biases: Of the biases, as the rows if None.
    """
    ours = np.random.default_rng(1).normal(size=(CLASSES, 16))
    weights: Any = SimpleNamespace(name="last", shape=ours.shape)
    stored = {"last": ours, "bias": ours[:, 0]}
    given = {"last": ours[rows], "bias": ours[rows if biases is None else biases, 0]}
    layer = SimpleNamespace(weights=weights, bias=SimpleNamespace(name="bias"), channel_axis=0)
    stands_in = SimpleNamespace(
        pairs=(SimpleNamespace(baseline=layer, variant=layer),),
        variant=SimpleNamespace(detects=False, classifies=True),
        baseline_constants=SimpleNamespace(real=lambda tensor: stored[tensor.name]),
        variant_constants=SimpleNamespace(real=lambda tensor: given[tensor.name]),
    )
    return cast("Bench", stands_in)


def test_two_classes_that_are_swapped_are_not_off_by_nothing() -> None:
    order = list(range(CLASSES))
    order[3], order[7] = 7, 3
    cause = class_order(bench(order))
    assert cause is not None
    assert (cause.name, cause.evidence["moved"]) == ("label_order", 2)


def test_rows_that_are_swapped_without_their_biases_are_not_an_order() -> None:
    order = list(range(CLASSES))
    order[3], order[7] = 7, 3
    assert class_order(bench(order, list(range(CLASSES)))) is None


def test_classes_off_by_one_are_named_with_the_offset() -> None:
    cause = class_order(bench([*range(1, CLASSES), 0]))
    assert cause is not None
    assert (cause.name, cause.evidence["offset"]) == ("label_offset", -1)


def test_weights_whose_squares_are_infinite_are_not_swapped_colours() -> None:
    ours = np.random.default_rng(2).normal(size=(8, 3, 3, 3)).astype(np.float32)
    weights: Any = SimpleNamespace(name="first", shape=ours.shape)
    layer = SimpleNamespace(weights=weights, name="CONV_2D", operator=0)
    for theirs, named in ((ours[..., ::-1], "channel_order"), (np.float32(1e30) * ours, None)):
        stands_in = SimpleNamespace(
            pairs=(SimpleNamespace(baseline=layer, variant=layer),),
            baseline_constants=SimpleNamespace(real=lambda _: ours),
            variant_constants=SimpleNamespace(real=lambda _, theirs=theirs: theirs),
        )
        cause = first_layer_order(cast("Bench", stands_in))
        assert (cause.name if cause else None) == named
