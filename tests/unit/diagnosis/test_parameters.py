from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from edgeq.diagnosis.bench import Bench
from edgeq.diagnosis.parameters import class_order

CLASSES = 40


def bench(rows: list[int]) -> Bench:
    """Return a bench of a classifier whose last layer has the baseline's rows in this order."""
    ours = np.random.default_rng(1).normal(size=(CLASSES, 16))
    weights: Any = SimpleNamespace(name="last", shape=ours.shape)
    layer = SimpleNamespace(weights=weights, channel_axis=0)
    stands_in = SimpleNamespace(
        pairs=(SimpleNamespace(baseline=layer, variant=layer),),
        variant=SimpleNamespace(detects=False, classifies=True),
        baseline_constants=SimpleNamespace(real=lambda _: ours),
        variant_constants=SimpleNamespace(real=lambda _: ours[rows]),
    )
    return cast("Bench", stands_in)


def test_two_classes_that_are_swapped_are_not_off_by_nothing() -> None:
    order = list(range(CLASSES))
    order[3], order[7] = 7, 3
    cause = class_order(bench(order))
    assert cause is not None
    assert (cause.name, cause.evidence["moved"]) == ("label_order", 2)


def test_classes_off_by_one_are_named_with_the_offset() -> None:
    cause = class_order(bench([*range(1, CLASSES), 0]))
    assert cause is not None
    assert (cause.name, cause.evidence["offset"]) == ("label_offset", -1)
