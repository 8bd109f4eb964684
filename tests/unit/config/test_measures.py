"""A project's own measures in the spec: their gates, their limits, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest

from edgeq.config.gates import GATES, limits, shipped_test
from edgeq.config.limits import asked_for, limits_for
from edgeq.config.measures import declare_recorded, measure_limits, measure_of
from tests.unit.config.writing import net, refusal, spec

ERROR = {"function": "own:error", "max": 0.1, "max_drop": 0.02}


def measured(name: str = "own_error", **keys: Any) -> dict[str, Any]:
    return net(measures={name: {**ERROR, **keys}})


def test_a_measure_has_a_gate_for_its_value_and_one_for_its_drop() -> None:
    read = spec(**measured())
    value, drop = GATES.get("own_error"), GATES.get("own_error_drop")
    assert (value.sense, drop.sense, value.declared) == ("max", "max", True)
    assert measure_limits(read, "net") == {"own_error": 0.1, "own_error_drop": 0.02}
    assert (measure_of("own_error"), measure_of("own_error_drop")) == ("own_error", "own_error")
    assert "own_error" in asked_for(read, "int8", "int8")
    assert "own_error" not in limits()
    assert shipped_test("own_error", "net-int8") == "test_own_measures[net-int8-own_error]"


def test_higher_values_are_better_unless_there_is_a_greatest() -> None:
    spec(**net(measures={"own_recall": {"function": "own:recall", "min": 0.9}}))
    assert GATES.get("own_recall").sense == "min"
    spec(**net(measures={"own_recall": {"function": "own:recall", "max_drop": 0.9}}))
    assert GATES.get("own_recall").sense == "min"
    lower = {"function": "own:recall", "better": "lower", "max_drop": 0.9}
    spec(**net(measures={"own_recall": lower}))
    assert GATES.get("own_recall").sense == "max"


def test_limits_for_a_method_override_those_of_the_measure() -> None:
    read = spec(**measured(), gates={"int8": {"own_error": 0.2, "own_error_drop": False}})
    assert limits_for(read, "int8", "int8", model="net")["own_error"] == 0.2
    assert "own_error_drop" not in limits_for(read, "int8", "int8", model="net")
    assert limits_for(read, "float16", "float16", model="net")["own_error"] == 0.1


def test_a_measure_is_its_models_alone() -> None:
    both = measured()["models"] | {"other": {"source": "other.tflite"}}
    read = spec(models=both, gates={"own_error": 0.3})
    assert "own_error" in limits_for(read, "int8", "int8", model="net")
    assert "own_error" not in limits_for(read, "int8", "int8", model="other")


@pytest.mark.parametrize(
    ("name", "keys", "problem"),
    [
        ("Word", {}, "is not a name of lower-case letters"),
        ("accuracy_drop", {}, "gate 'accuracy_drop' exists already"),
        ("own_error", {"function": "error"}, "'error' names no function"),
        ("own_error", {"function": ":error"}, "':error' names no function"),
        ("own_error", {"min": 0.2}, "has both `min` and `max`"),
        ("own_error", {"better": "higher"}, "has the other limit"),
        ("own_error", {"range": [1.0, 1.0]}, "is empty"),
        ("own_error", {"max": 2.0, "range": [0.0, 1.0]}, "its limit is outside range = [0.0, 1.0]"),
        ("own_error", {"range": [0.0, math.inf]}, "has no end"),
        ("own_error", {"max": math.nan}, "max = nan limits nothing"),
        ("own_error", {"max_drop": math.inf}, "max_drop = inf limits nothing"),
        ("own_error", {"range": [0.0]}, "length 2"),
        ("own_error", {"maximum": 3}, "unknown key 'maximum'"),
    ],
)
def test_measures_that_make_no_sense_are_refused(
    name: str, keys: dict[str, Any], problem: str
) -> None:
    assert problem in refusal(**measured(name, **keys))


def test_a_measure_without_a_limit_judges_nothing_and_is_refused() -> None:
    measures = {"own_error": {"function": "own:error"}}
    assert "has no limit" in refusal(**net(measures=measures))


def test_one_name_is_better_on_one_side() -> None:
    two = {
        "a": {"source": "a.tflite", "measures": {"own_error": {"function": "x:y", "max": 1}}},
        "b": {"source": "b.tflite", "measures": {"own_error": {"function": "x:y", "min": 1}}},
    }
    assert "unlike in another model" in refusal(models=two)


def test_a_records_measures_are_known_without_its_spec() -> None:
    declare_recorded([("own_recorded", "lower")])
    assert GATES.get("own_recorded").sense == "max"
    declare_recorded([("own_recorded", "higher")])  # one that is known stays
    assert GATES.get("own_recorded").sense == "max"
