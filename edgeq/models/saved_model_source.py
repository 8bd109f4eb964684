"""Loads SavedModels with a fixed batch of 1; imported in the export child only."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from edgeq.errors import ModelError
from edgeq.models.export_request import ExportRequest
from edgeq.models.graph_code import require_arithmetic
from edgeq.models.input_size import fixed_shape, size_of
from edgeq.models.saved_model_file import SERVING


def fixed_batch(request: ExportRequest) -> tuple[Any, tuple[int, int]]:
    """Return a module whose function ``serve`` takes one input, and the image's size.

    Raises:
        ModelError: The signature is missing, or takes or returns anything but one tensor; or the
            graph reaches outside the process and the request does not allow that.
    """
    require_arithmetic(request)
    loaded = tf.saved_model.load(request.name)
    key = request.signature or SERVING
    signatures = dict(loaded.signatures)
    if key not in signatures:
        raise ModelError(
            f"has no signature {key!r}; it has: {', '.join(signatures) or 'none'}",
            where=request.name,
            remedy="Save it with model.export(FOLDER), which writes that signature",
        )
    function = signatures[key]
    inputs, outputs = function.structured_input_signature[1], function.structured_outputs
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelError(
            f"its signature {key!r} has {len(inputs)} inputs and {len(outputs)} outputs",
            where=request.name,
            remedy="Save a signature that takes one input and gives one tensor",
        )
    ((name, spec),) = inputs.items()
    (output,) = outputs
    rank = spec.shape.rank
    shape = fixed_shape(() if rank is None else spec.shape.as_list(), request)

    module = tf.Module()
    module.loaded = loaded  # keeps the variables alive

    def serve(image: Any) -> Any:
        return {output: function(**{name: image})[output]}

    image = tf.TensorSpec(shape, spec.dtype, name="image")
    module.serve = tf.function(serve, input_signature=[image])
    return module, size_of(shape, request)


def with_flex(converter: Any) -> Any:
    """Configure a converter the way Keras's export does, and return it.

    Models that need Flex operators are converted, so that the operators can be named and refused.
    """
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS,
        tf.lite.OpsSet.SELECT_TF_OPS,
    ]
    return converter


def write_litert(module: Any, path: str) -> None:
    """Convert a module's ``serve`` to a float ``.tflite`` file."""
    function = module.serve.get_concrete_function()
    converter = with_flex(tf.lite.TFLiteConverter.from_concrete_functions([function], module))
    with open(path, "wb") as file:  # noqa: PTH123 (a path as text, from the request)
        file.write(converter.convert())


def write_saved_model(module: Any, folder: str) -> None:
    """Save a module with its fixed batch."""
    concrete = module.serve.get_concrete_function()
    tf.saved_model.save(module, folder, signatures={SERVING: concrete})
