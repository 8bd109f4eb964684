"""Whether predictions show a fault, beside the good variant on the same images."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from edgeq.faults.challenge import judged
from edgeq.faults.fault import Fault, Faulty, faults, new_fault
from edgeq.faults.good import Good
from edgeq.faults.inject import join
from edgeq.faults.preprocessing import (
    BT601,
    BT709,
    compressed,
    limited_range,
    other_matrix,
    photographed,
)
from edgeq.faults.visibility import visible
from edgeq.pipeline.run import Run


def nothing(good: Good) -> bytes:
    """Nothing is wrong."""
    return good.content


STORED = new_fault(nothing, "nothing", "weights", "low", "none")


def seen(good: Good, fault: Fault, faulty: Faulty) -> bool | None:
    run = Run(join(good, fault.name, faulty), store=good.variant.run.store)
    return visible(fault, faulty, good, run.variants[0])


def test_predictions_show_classes_in_another_order(good: Good) -> None:
    fault = faults().get("classes_permuted")
    assert seen(good, fault, fault.make(good)) is True


def test_predictions_do_not_show_what_changes_none_of_them(good: Good) -> None:
    graph = good.graph()
    for tensor in graph.main.tensors:
        tensor.name = "other"
    assert seen(good, STORED, Faulty(content=graph.packed())) is False


def test_a_variant_that_does_not_run_is_seen(good: Good) -> None:
    assert seen(good, STORED, Faulty(content=good.content[:-2000])) is True


def test_other_labels_are_seen(good: Good) -> None:
    labels = np.zeros(12, np.int64)
    assert visible(STORED, Faulty(labels=labels), good, good.variant) is True


def test_what_is_not_a_matter_of_predictions_is_not_asked(good: Good) -> None:
    slower = faults().get("slower_10")
    assert visible(slower, Faulty(), good, good.variant) is None


def test_a_variant_whose_predictions_are_not_judged_is_not_asked(good: Good) -> None:
    apart = Good(good.variant, good.scratch, unjudged="there are no images")
    assert visible(STORED, Faulty(), apart, good.variant) is None


def test_a_variant_can_have_photographs_of_its_own(good: Good, tmp_path: Path) -> None:
    apart = Good(good.variant, tmp_path)
    faulty = photographed(apart, "black", np.zeros_like)
    found = judged(faulty, STORED, good)
    (case,) = (one for one in found.records if one.gate == "outputs")
    assert found.variant.spec.variants["nothing"].evaluation == str(
        tmp_path / "photographs" / "black"
    )
    assert msgspec.json.encode(case.evidence)
    assert visible(STORED, faulty, good, found.variant) is True


PIXELS = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.float64)


def test_another_matrix_leaves_grey_and_moves_colours() -> None:
    np.testing.assert_allclose(other_matrix(np.full((1, 1, 3), 100.0)), 100, atol=0.1)
    assert np.abs(other_matrix(PIXELS) - PIXELS).max() > 5
    np.testing.assert_allclose(BT601[0].sum(), 1, atol=1e-3)
    np.testing.assert_allclose(BT709[0].sum(), 1, atol=1e-3)


def test_a_limited_range_loses_contrast() -> None:
    assert limited_range(np.array([0.0, 255.0])).tolist() == pytest.approx([16, 235])


def test_a_jpeg_of_lower_quality_lies_farther_from_the_photograph() -> None:
    far, near = (np.abs(compressed(one)(PIXELS) - PIXELS).mean() for one in (10, 95))
    assert far > near > 0
