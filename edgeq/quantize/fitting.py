"""Adaptation of a recipe to a model's graph, and of a float model to what is made of it.

Changed float models are in the store like exported ones. Magnitude pruning sets the smallest
weights to zero in place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from edgeq.config.methods import FLOAT32, Units
from edgeq.config.structs import Classifier, Precision
from edgeq.errors import SpecError
from edgeq.models.float_model import FloatModel
from edgeq.quantize.recipes import LITERT, LitertRecipe, Step, TensorflowRecipe, head, mixed
from edgeq.registry import unknown
from edgeq.store.content import Store
from edgeq.tflite.entry import folded
from edgeq.tflite.flatbuffer import spans
from edgeq.tflite.model_file import Tensor, open_content, read_content, read_model, read_whole
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


FILE = "model.tflite"
_FORMAT = 1


def pruned_model(model: FloatModel, share: float, store: Store) -> FloatModel:
    """Return a float model with a share of its weights set to zero, smallest first.

    Raises:
        ModelError: The model's file can't be read.
        StoreError: The store can't be written.
    """
    content = lambda path: pruned(read_whole(path), path, share)  # noqa: E731
    return _edited(model, "pruned", {"share": share}, content, store)


def folded_model(model: FloatModel, store: Store) -> FloatModel:
    """Return a float model whose first convolution does its preprocessing; see ``tflite.entry``.

    Raises:
        ModelError: There is nothing to fold, or the model's file can't be read.
        StoreError: The store can't be written.
    """
    return _edited(model, "folded", {}, folded, store)


def _edited(
    model: FloatModel,
    kind: str,
    parameters: dict[str, object],
    content: Callable[[Path], bytes],
    store: Store,
) -> FloatModel:
    def make(folder: Path) -> None:
        (folder / FILE).write_bytes(content(model.path))

    facts = {"float_sha256": model.sha256, **parameters, "format": _FORMAT}
    entry = store.get_or_make(kind, facts, make)
    return replace(model, path=entry.folder / FILE, sha256=entry.files[FILE], original=None)


def pruned(content: bytes, path: Path, share: float) -> bytes:
    """Return a float model with the smallest weights of each layer set to zero.

    The size of the file does not change, because a zero takes as many bytes as any other number.

    Among equally small weights, the first are chosen.

    Raises:
        ModelError: The content is not a model, truncated or damaged.
    """
    model = read_content(path, content)
    placed = spans(open_content(path, content).root())
    edited = bytearray(content)
    stored = {
        layer.weights.tensor.buffer
        for layer in Wiring(model).compute
        if layer.weights is not None and layer.weights.tensor.dtype == "float32"
    }
    for buffer in stored:
        start, size = placed[buffer]
        weights = np.frombuffer(edited, np.float32, size // 4, start)
        smallest = np.argsort(np.abs(weights), kind="stable")[: int(share * weights.size)]
        weights[smallest] = 0.0
    return bytes(edited)
