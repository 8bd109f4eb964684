"""Loads SavedModels with a fixed batch of 1; imported in the export child only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import tensorflow as tf

from edgeq.errors import ModelError
from edgeq.models.export_request import ExportRequest
from edgeq.models.frozen_graph import with_flex
from edgeq.models.graph_code import require_arithmetic
from edgeq.models.input_size import ONE_INPUT, fixed_shape, size_of
from edgeq.models.protobuf import SERVING


def fixed_batch(request: ExportRequest) -> tuple[Any, tuple[int, int]]:
    """Return a module whose function ``serve`` takes one sample, and the image's size.

    Raises:
        ModelError: The signature is missing, or takes several inputs that are not arrays; or the
            graph reaches outside the process and the request does not allow that.
    """
    function = signature_of(request)
    inputs = function.structured_input_signature[1]
    if not inputs or (len(inputs) > 1 and not request.arrays):
        raise ModelError(
            f"its signature has {len(inputs)} inputs", where=request.name, remedy=ONE_INPUT
        )
    outputs = tuple(function.structured_outputs)
    shapes = []
    for spec in inputs.values():
        shape = () if spec.shape.rank is None else spec.shape.as_list()
        shapes.append(fixed_shape(shape, request))

    def serve(*tensors: Any) -> Any:
        given = function(**dict(zip(inputs, tensors, strict=True)))
        return {name: given[name] for name in outputs}

    names = ["image"] if len(inputs) == 1 else list(inputs)
    specs = [
        tf.TensorSpec(shape, spec.dtype, name=name)
        for name, spec, shape in zip(names, inputs.values(), shapes, strict=True)
    ]
    return serving(serve, specs, function.loaded), size_of(shapes[0], request)


def signature_of(request: ExportRequest) -> Any:
    """Return the function of a SavedModel's signature.

    The last one is kept, because the child that exported it also runs it.

    Raises:
        ModelError: The signature is missing, or the graph reaches outside the process and the
            request does not allow that.
    """
    return _load(request.name, request.signature or SERVING, allow_code=request.allow_code)


@lru_cache(maxsize=1)
def _load(folder: str, key: str, *, allow_code: bool) -> Any:
    require_arithmetic(folder, allow_code=allow_code)
    loaded = tf.saved_model.load(folder)
    signatures = dict(loaded.signatures)
    if key not in signatures:
        raise ModelError(
            f"has no signature {key!r}; it has: {', '.join(signatures) or 'none'}",
            where=folder,
            remedy="Save it with model.export(FOLDER), which writes that signature",
        )
    function = signatures[key]
    function.loaded = loaded  # keeps the variables alive
    return function


def serving(function: Callable[..., Any], specs: Sequence[Any], loaded: Any) -> Any:
    """Return a module whose function ``serve`` is a function for inputs of fixed shapes."""
    module = tf.Module()
    module.loaded = loaded
    module.serve = tf.function(function, input_signature=list(specs))
    return module


def write(module: Any, request: ExportRequest) -> None:
    """Write a module's ``serve`` as the float ``.tflite`` file or the folder of a request."""
    concrete = module.serve.get_concrete_function()
    if request.form == "saved_model":
        tf.saved_model.save(module, request.output, signatures={SERVING: concrete})
        return
    converter = with_flex(tf.lite.TFLiteConverter.from_concrete_functions([concrete], module))
    with open(request.output, "wb") as file:  # noqa: PTH123 (a path as text, from the request)
        file.write(converter.convert())
