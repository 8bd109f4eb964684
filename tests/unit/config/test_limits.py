from __future__ import annotations

from typing import Any

import pytest

from edgeq.config.limits import limits_for
from edgeq.config.presets import DEFAULT_LIMITS, UNCLAIMED_LIMITS
from edgeq.errors import SpecError
from tests.unit.config.writing import spec

GATE = "top1_agreement"
PRESET = DEFAULT_LIMITS["int8"][GATE]


def limit(gates: dict[str, Any], *, defaults: bool = True) -> float | None:
    """Return the limit for the variant ``int8@tensorflow``, of the method int8."""
    found = spec(methods=["int8@tensorflow"], gates=gates, default_gates=defaults)
    return limits_for(found, "int8@tensorflow", "int8").get(GATE)


@pytest.mark.parametrize(
    ("every", "method", "variant", "expected"),
    [
        (None, None, None, PRESET),
        (0.1, None, None, 0.1),
        (0.1, 0.2, None, 0.2),
        (0.1, 0.2, 0.3, 0.3),
        (None, 0.2, None, 0.2),
        (0.1, None, 0.3, 0.3),
        (False, None, None, None),
        (False, 0.2, None, 0.2),
        (0.1, False, None, None),
        (0.1, False, 0.3, 0.3),
        (0.1, 0.2, False, None),
        (None, None, False, None),
        (0.0, None, None, 0.0),
    ],
)
def test_the_narrower_scope_wins(
    every: float | None, method: float | None, variant: float | None, expected: float | None
) -> None:
    gates: dict[str, Any] = {} if every is None else {GATE: every}
    gates |= {} if method is None else {"int8": {GATE: method}}
    gates |= {} if variant is None else {"int8@tensorflow": {GATE: variant}}
    assert limit(gates) == expected


def test_presets_can_be_switched_off() -> None:
    assert limit({}, defaults=False) is None
    assert limit({GATE: 0.5}, defaults=False) == 0.5
    assert limits_for(spec(default_gates=False), "int8", "int8") == {}


def test_a_variant_called_like_its_method_has_one_scope() -> None:
    found = spec(gates={"int8": {GATE: 0.3}, GATE: 0.1})
    assert limits_for(found, "int8", "int8")[GATE] == 0.3
    assert limits_for(found, "float16", "float16")[GATE] == 0.1


def test_a_ready_made_variant_has_the_limits_of_what_it_claims() -> None:
    ready = {"model": "net", "file": "v.tflite"}
    variants = {"a": ready, "b": {**ready, "method": "int8"}}
    found = spec(variants=variants, gates={"a": {"max_bytes": 5}, "b": {GATE: False}})
    assert limits_for(found, "a", None) == {**UNCLAIMED_LIMITS, "max_bytes": 5.0}
    expected = {name: value for name, value in DEFAULT_LIMITS["int8"].items() if name != GATE}
    assert limits_for(found, "b", "int8") == expected


def test_asking_changes_no_preset() -> None:
    before = {name: dict(limits) for name, limits in DEFAULT_LIMITS.items()}
    found = spec(gates={GATE: 0.1, "worst_cosine": False})
    limits_for(found, "int8", "int8").clear()
    assert before == DEFAULT_LIMITS


def test_a_marker_that_is_not_asked_for_has_no_limits_and_proofs_stay() -> None:
    every = limits_for(spec(gates={"max_latency_ms": 5}), "int8", "int8")
    less = limits_for(spec(gates={"max_latency_ms": 5}, without=["latency"]), "int8", "int8")
    assert set(every) - set(less) == {"latency_ratio", "max_latency_ms"}
    assert set(less) < set(every)


@pytest.mark.parametrize("marker", ["proof", "agreement", "accuracy", "latencyy"])
def test_predictions_and_proofs_cant_be_left_out(marker: str) -> None:
    with pytest.raises(SpecError, match=f"unknown marker '{marker}'.*Valid: latency, memory, size"):
        spec(without=[marker])
