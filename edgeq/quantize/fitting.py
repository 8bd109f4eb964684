"""Fitting a recipe to the model that it is used on, where its graph decides what is asked for."""

from __future__ import annotations

import math

import msgspec

from edgeq.models.float_model import FloatModel
from edgeq.quantize.recipes import LitertRecipe, Step, TensorflowRecipe
from edgeq.tflite.model_file import Tensor, read_model
from edgeq.tflite.wiring import Wiring


def fitted(
    recipe: LitertRecipe | TensorflowRecipe, model: FloatModel
) -> LitertRecipe | TensorflowRecipe:
    """Return a recipe as it is used on a model.

    Raises:
        ModelError: The model's file can't be read.
    """
    if not isinstance(recipe, LitertRecipe):
        return recipe
    return _with_small_weights(recipe, model)


def _with_small_weights(recipe: LitertRecipe, model: FloatModel) -> LitertRecipe:
    """Return a recipe that leaves no small weights in float if the model has no others.

    A network of a few kB would otherwise come out as it went in.
    """
    least = max(step.op_config.min_weight_elements for step in recipe.steps)
    if not least:
        return recipe
    stored = (one.weights.tensor for one in Wiring(read_model(model.path)).compute if one.weights)
    if any(_elements(tensor) >= least for tensor in stored):
        return recipe
    return msgspec.structs.replace(recipe, steps=tuple(map(_taking_all, recipe.steps)))


def _taking_all(step: Step) -> Step:
    settings = msgspec.structs.replace(step.op_config, min_weight_elements=0)
    return msgspec.structs.replace(step, op_config=settings)


def _elements(tensor: Tensor) -> int:
    return math.prod(tensor.shape)
