from __future__ import annotations

import pytest

from edgeq.config.methods import ENGINES, METHODS, MethodChoice, choose
from edgeq.errors import SpecError


def test_the_table_agrees_with_itself() -> None:
    for name, method in METHODS:
        assert method.name == name
        assert method.engines
        assert set(method.engines) <= set(ENGINES)
        assert method.weight_types
        assert method.io_types


def test_only_methods_with_quantized_activations_need_calibration() -> None:
    calibrated = {name for name, method in METHODS if method.needs_calibration}
    quantized = {name for name, method in METHODS if "float32" not in method.activation_types}
    static = {"int8", "int8_float_io", "int8_uint8_io", "int8_per_tensor", "int16x8"}
    assert calibrated == quantized == static


@pytest.mark.parametrize(
    ("text", "engine", "expected"),
    [
        ("int8", None, "litert"),
        ("int8", "tensorflow", "tensorflow"),
        ("int8@tensorflow", None, "tensorflow"),
        ("int8@litert", "tensorflow", "litert"),
        ("weight_only_int4", "tensorflow", "litert"),
    ],
)
def test_the_engine_is_the_own_one_the_specs_or_the_default(
    text: str, engine: str | None, expected: str
) -> None:
    found = choose(text, engine=engine)
    assert found == MethodChoice(text, text.partition("@")[0], expected)


def test_a_classifier_goes_to_the_methods_and_the_engine_that_can_have_it() -> None:
    found = choose("int8", engine="tensorflow", classifier="int4")
    assert found == MethodChoice("int8", "int8", "litert", "int4")
    without = choose("float16", classifier="int4")
    assert without == MethodChoice("float16", "float16", "litert", None)


@pytest.mark.parametrize(
    ("text", "engine", "said"),
    [
        ("int", None, "unknown method 'int'. Did you mean 'int8'?"),
        ("", None, "unknown method ''"),
        ("int8@tf", None, "unknown engine 'tf'. Valid: litert, tensorflow"),
        ("int8@", None, "unknown engine ''. Valid: litert, tensorflow"),
        ("int8", "tf", "unknown engine 'tf'"),
        ("dynamic_int2@tensorflow", None, "engine 'tensorflow' can't make the method"),
    ],
)
def test_what_can_not_be_made_is_refused(text: str, engine: str | None, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        choose(text, engine=engine, where="methods")
    assert str(caught.value).startswith(f"methods: {said}")
