from __future__ import annotations

import pytest

from tests.unit.config.writing import refusal, spec


@pytest.mark.parametrize(
    "gates",
    [
        {"accuracy_drop": -0.05, "top1_agreement": 0.97},
        {"accuracy_drop": -0.05, "int8": {"top1_agreement": 1.0}},
        {"int8": {"accuracy_drop": -0.2}},  # beside the default agreement
    ],
)
def test_an_accuracy_that_rises_by_more_than_answers_may_change(gates: dict[str, object]) -> None:
    said = refusal(methods=["int8"], gates=gates)
    assert said.startswith("gates: accuracy_drop = -")
    assert "contradict each other for 'int8': accuracy must rise by" in said
    assert said.endswith("Loosen one of them")


@pytest.mark.parametrize(
    "gates",
    [
        {"accuracy_drop": -0.05, "top1_agreement": 0.95},
        {"accuracy_drop": 0.0, "top1_agreement": 1.0},
        {"accuracy_drop": -0.5, "top1_agreement": False},
        {"max_bytes": 1, "size_reduction": -3, "latency_ratio": 9, "max_latency_ms": 0},
    ],
)
def test_what_a_variant_can_keep_is_accepted(gates: dict[str, object]) -> None:
    assert spec(methods=["int8"], gates=gates).methods == ("int8",)
