from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.history.compare import background, moved_from, shown
from edgeq.judge.verdict import Verdict
from tests.unit.history.figures import case, figure, run, with_value


@pytest.mark.parametrize(
    ("gate", "one", "two", "said"),
    [
        ("size_reduction", 0.7, 0.7, "70.0 %"),
        ("size_reduction", 0.7, 0.69999, "70.000 -> 69.999 %"),
        ("worst_cosine", 0.99049, 0.98951, "0.9905 -> 0.9895"),
        ("worst_cosine", 1.0, -0.5, "1 -> -0.500"),
        ("max_bytes", 8_000_000.0, 9_000_000.0, "8 -> 9 MB"),
        ("max_bytes", 8_000_000.0, 8_000_001.0, "8 -> 8.000001 MB"),
        ("max_latency_ms", 5.0, 6.0, "5.00 -> 6.00 ms"),
        ("max_partitions", 1.0, 17.0, "1 -> 17"),
    ],
)
def test_two_values(gate: str, one: float, two: float, said: str) -> None:
    assert (
        moved_from(figure(with_value(gate, one), gate), figure(with_value(gate, two), gate)) == said
    )


@given(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6))
def test_values_that_differ_never_read_the_same(one: int, two: int) -> None:
    pair = [figure(with_value("worst_cosine", n / 10**6), "worst_cosine") for n in (one, two)]
    first, _, second = moved_from(*pair).partition(" -> ")
    assert (first == second or not second) is (one == two)


def test_one_value() -> None:
    assert shown(figure(run(), "top1_agreement")) == "97.0 %"
    assert shown(figure(run(), "made")) == "PASS"
    assert shown(figure(run(case("max_bytes", Verdict.MISSING)), "max_bytes")) == "MISSING"
    assert shown(figure(run(), "max_bytes")) == "8 MB"


def test_what_else_is_other() -> None:
    before = figure(run(), "size_reduction")
    assert background(before, before) == "the variant's file is the same"
    other = run(variant={"sha256": "12", "bytes": 9_000_000}, toolchain={"ai-edge-litert": "2.4.0"})
    assert background(before, figure(other, "size_reduction")) == (
        "8 -> 9 MB; runtime 2.3.0, then 2.4.0"
    )
    assert background(figure(run(), "max_bytes"), figure(other, "max_bytes")) == (
        "runtime 2.3.0, then 2.4.0"
    )
