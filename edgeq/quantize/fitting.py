"""Adaptation of a recipe to a model, as far as the recipe depends on the model's graph."""

from __future__ import annotations

import math

import msgspec

from edgeq.config.methods import FLOAT32, Units
from edgeq.config.structs import Classifier, Precision
from edgeq.errors import SpecError
from edgeq.models.float_model import FloatModel
from edgeq.quantize.recipes import LITERT, LitertRecipe, Step, TensorflowRecipe, head, mixed
from edgeq.registry import unknown
from edgeq.tflite.model_file import Tensor, read_model
from edgeq.tflite.units import Unit, units_of
from edgeq.tflite.wiring import Wiring


def fitted(
    recipe: LitertRecipe | TensorflowRecipe,
    model: FloatModel,
    classifier: Classifier | None = None,
    *,
    units: Units = (),
    what: str = "",
) -> LitertRecipe | TensorflowRecipe:
    """Return a recipe adapted to a model.

    Raises:
        ModelError: The model's file can't be read, or its layers can't be grouped into units.
        SpecError: No dense layer produces an output of the model, or it has no such unit.
    """
    if not isinstance(recipe, LitertRecipe):
        return recipe
    small = _with_small_weights(recipe, model)
    if classifier is not None:
        small = _with_classifier(small, model, classifier, what)
    return _with_units(small, model, units, what) if units else small


def _with_units(recipe: LitertRecipe, model: FloatModel, units: Units, what: str) -> LitertRecipe:
    known = {unit.name: unit for unit in units_of(read_model(model.path))}
    for name, _ in units:
        if name not in known:
            raise unknown("unit", name, known, where=what)
    scopes: dict[Precision, list[str]] = {}
    for name, precision in units:
        scopes.setdefault(precision, []).extend(known[name].scopes)
    own = [
        (None if precision == FLOAT32 else precision_recipe(precision, model), names)
        for precision, names in scopes.items()
    ]
    return mixed(recipe, own)


def precision_recipe(precision: Precision, model: FloatModel) -> LitertRecipe:
    """Return the recipe for units of a model with a precision other than float32.

    Raises:
        ModelError: The model's file can't be read.
    """
    return _with_small_weights(LITERT[precision], model)


def unit_recipe(unit: Unit, recipe: LitertRecipe) -> LitertRecipe:
    """Return the recipe that quantizes one unit and leaves everything else in float32."""
    return mixed(LitertRecipe(steps=()), [(recipe, unit.scopes)])


def _with_classifier(
    recipe: LitertRecipe, model: FloatModel, classifier: Classifier, what: str
) -> LitertRecipe:
    heads = Wiring(read_model(model.path)).heads
    if not heads:
        raise SpecError(
            "no dense layer produces an output of the model, so there is no classifier to quantize "
            "differently",
            where=what,
            remedy="Remove `classifier`",
        )
    settings = recipe.steps[0].op_config
    steps = tuple(head(settings, layer.output.name, classifier) for layer in heads)
    return msgspec.structs.replace(recipe, steps=(*recipe.steps, *steps))


def _with_small_weights(recipe: LitertRecipe, model: FloatModel) -> LitertRecipe:
    """Return a recipe that also quantizes small weights if the model has no others.

    Otherwise a network of a few kB would not be quantized at all.
    """
    least = max(step.op_config.min_weight_elements for step in recipe.steps)
    if not least:
        return recipe
    stored = (
        layer.weights.tensor for layer in Wiring(read_model(model.path)).compute if layer.weights
    )
    if any(_elements(tensor) >= least for tensor in stored):
        return recipe
    return msgspec.structs.replace(recipe, steps=tuple(map(_taking_all, recipe.steps)))


def _taking_all(step: Step) -> Step:
    settings = msgspec.structs.replace(step.op_config, min_weight_elements=0)
    return msgspec.structs.replace(step, op_config=settings)


def _elements(tensor: Tensor) -> int:
    return math.prod(tensor.shape)
