"""What would have caught a fault: a gate, a limit, or more images."""

from __future__ import annotations

import pytest

from edgeq.faults.fault import Faulty, faults
from edgeq.faults.good import Good
from edgeq.faults.inject import join
from edgeq.faults.suggestions import would_catch
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
