from __future__ import annotations

from pathlib import Path

import numpy as np

from edgeq.quantize.fitting import fitted
from edgeq.quantize.recipes import LITERT, MIN_WEIGHTS, TENSORFLOW, LitertRecipe
from tests.unit.quantize.network import float_model
from tests.unit.tiny_model import Op, Tensor, build


def dense(outputs: int) -> bytes:
    weights = np.ones((outputs, 3), np.float32)
    tensors = [Tensor("x", (1, 3)), Tensor("w", weights.shape, data=weights)]
    tensors.append(Tensor("y", (1, outputs)))
    return build(tensors, [Op("FULLY_CONNECTED", ("x", "w"), ("y",))], ["x"], ["y"])


def least_of(recipe: object) -> set[int]:
    assert isinstance(recipe, LitertRecipe)
    return {step.op_config.min_weight_elements for step in recipe.steps}


def test_small_weights_are_quantized_if_there_are_no_others(tmp_path: Path) -> None:
    small, large = float_model(tmp_path, dense(341)), LITERT["dynamic_range"]
    assert least_of(fitted(large, small)) == {0}
    assert least_of(fitted(large, float_model(tmp_path, dense(342)))) == {MIN_WEIGHTS}


def test_other_recipes_stay_as_they_are(tmp_path: Path) -> None:
    model = float_model(tmp_path, dense(8))
    for recipe in (LITERT["int8"], TENSORFLOW["dynamic_range"]):
        assert fitted(recipe, model) is recipe
