"""Recipes: data that reads like the libraries' own."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from edgeq.quantize import recipes

LIBRARY = {
    "dynamic_range": "dynamic_legacy_wi8_afp32",
    "weight_only_int8": "weight_only_wi8_afp32",
    "weight_only_int4": "weight_only_wi4_afp32",
    "int8": "static_wi8_ai8",
    "int16x8": "static_wi8_ai16",
    "dynamic_int2": "dynamic_wi2c_afp32",
}


def as_library_reads(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    from litert_quantizer.recipe_manager import RecipeManager

    manager = RecipeManager()
    manager.load_quantization_recipe(steps)
    return list(manager.get_quantization_recipe())


@pytest.mark.parametrize(("method", "name"), LIBRARY.items())
def test_a_recipe_is_the_librarys_own(method: str, name: str) -> None:
    from litert_quantizer import recipe

    steps = as_library_reads(msgspec.to_builtins(recipes.LITERT[method].steps))
    library = as_library_reads(getattr(recipe, name)())
    if method.startswith("weight_only"):
        library[0]["op_config"]["min_weight_elements"] = 1024
    assert steps == library


def test_float_io_leaves_the_ends_alone() -> None:
    steps = recipes.LITERT["int8_float_io"].steps
    assert steps[:1] == recipes.LITERT["int8"].steps
    assert [(step.operation, step.algorithm_key) for step in steps[1:]] == [
        ("INPUT", "no_quantize"),
        ("OUTPUT", "no_quantize"),
    ]


@pytest.mark.parametrize(("bits", "symmetric"), [(8, False), (16, True)])
def test_only_16_bits_are_symmetric(bits: int, *, symmetric: bool) -> None:
    numbers = recipes.static(bits, percentile=90).steps[0].op_config.activation_tensor_config
    assert isinstance(numbers, recipes.Numbers)
    assert (numbers.num_bits, numbers.symmetric) == (bits, symmetric)


def test_recipes_of_the_converter_survive_json() -> None:
    for recipe in recipes.TENSORFLOW.values():
        text = msgspec.json.encode(recipe)
        assert msgspec.json.decode(text, type=recipes.TensorflowRecipe) == recipe
