"""What would have caught a fault: a gate, a limit, or more images."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from edgeq.faults.challenge import judged
from edgeq.faults.fault import Fault, Faulty, faults, new_fault
from edgeq.faults.good import Good
from edgeq.faults.inject import join
from edgeq.faults.misses import visible, would_catch
from edgeq.faults.preprocessing import (
    BT601,
    BT709,
    compressed,
    limited_range,
    other_matrix,
    photographed,
)
from edgeq.judge.verdict import Verdict
from edgeq.pipeline.run import Run
from edgeq.record.structs import CaseRecord
from edgeq.results.judging import judge


def note(good: Good, name: str, faulty: Faulty) -> str:
    run = Run(join(good, name, faulty))
    records = [judge(case)[0] for case in run.cases if case.gate.marker == "agreement"]
    return would_catch(faults().get(name), good, run.variants[0], records)


def test_a_limit_between_good_and_faulty_is_proposed(good: Good) -> None:
    told = note(good, "range_0_1", faults().get("range_0_1").make(good))
    gate, _, rest = told.partition(" = ")
    assert gate in {"top1_agreement", "top5_overlap", "worst_cosine"}
    limit = float(rest.split(" ")[0])
    good_value = float(rest.split("good ")[1].split(",")[0])
    faulty_value = float(rest.split("faulty ")[1].split(")")[0])
    assert faulty_value < limit < good_value
    assert "edgeq accept" not in told


def test_accepted_figures_stop_what_is_worse_on_the_same_images(good: Good) -> None:
    told = note(good, "layer_zeroed", faults().get("layer_zeroed").make(good))
    assert "(`edgeq accept`): worst_cosine is exact" in told


def test_answers_that_are_the_same_are_said_to_be(good: Good) -> None:
    told = note(good, "float_island", Faulty(content=good.content))
    assert told == "its predictions are the good variant's, so no gate on predictions detects it"


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ((), "a limit of latency_ratio: the spec has none"),
        (("latency_ratio",), "a stricter limit of latency_ratio"),
    ],
)
def test_costs_have_gates_of_their_own(good: Good, declared: tuple[str, ...], told: str) -> None:
    records = [record(gate, Verdict.PASS) for gate in declared]
    slower = faults().get("slower_10")
    assert would_catch(slower, good, good.variant, records) == told


def test_an_open_gate_says_itself_what_would_settle_it(good: Good) -> None:
    records = [record("latency_ratio", Verdict.INCONCLUSIVE, "Set `latency.rounds` to about 300")]
    told = would_catch(faults().get("slower_20"), good, good.variant, records)
    assert told == "Set `latency.rounds` to about 300"


def record(gate: str, status: Verdict, step: str | None = None) -> CaseRecord:
    return CaseRecord(
        id=f"net/x/{gate}",
        model="net",
        variant="x",
        gate=gate,
        status=status,
        reason="",
        next_step=step,
    )


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
