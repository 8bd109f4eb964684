"""Checks that a ``.tflite`` file can serve as a baseline."""

from __future__ import annotations

from collections.abc import Container

from edgeq.errors import ModelError
from edgeq.models.input_size import NO_IMAGE, unlike_an_image
from edgeq.tflite import image_input
from edgeq.tflite.model_file import ModelFile, Tensor
from edgeq.tflite.runnable import require_runnable
from edgeq.tflite.wiring import Wiring

_QUANTIZED = frozenset({"float16", "int16", "int8", "uint8", "int4", "uint4", "int2"})
_INDICES = frozenset({"int32", "int64", "uint32", "uint64", "bool", "string"})
_PIXELS = frozenset({"float32", "uint8", "int8", "int16", "int32", "int64"})
_READY = "Add a quantized file as a ready-made variant: [variants.NAME]"
_WEIGHTS = (
    f"{_READY}. If no float file exists, set `allow_quantized_weights`: its activations are float, "
    "but what its weights have lost remains unseen"
)


def require_float(
    model: ModelFile,
    *,
    halves: Container[int] = (),
    quantized_weights: bool = False,
    arrays: bool = False,
    size: tuple[int, int] | None = None,
) -> tuple[int, int]:
    """Check that a model is float and takes one image; return the image size.

    Constants at ``halves`` count as float32; models with ``arrays`` may take any number of inputs
    of any shape and type. ``size`` is for files that leave height or width open.

    Returns:
        Height and width in pixels; ``NO_IMAGE`` for a model that takes arrays.

    Raises:
        ModelError: The model can't be run, is quantized, or takes anything but one image of
            fixed size.
    """
    require_runnable(model)
    tensors, wiring = model.tensors, Wiring(model)
    if len(model.inputs) != 1 and not arrays:
        raise ModelError(
            f"has {len(model.inputs)} inputs",
            where=model.path,
            remedy="Name arrays as `samples` of the model, or export one that takes one image",
        )
    if not model.outputs:
        raise ModelError("has no output", where=model.path, remedy="Export the model again")
    size = input_size(
        model, arrays=arrays, size=size
    )  # first: float weights would not turn another input into an image
    quantized = _quantized(model, halves)
    weights_alone = all(tensor.data_bytes for tensor in quantized)
    if quantized and not (weights_alone and quantized_weights):
        raise ModelError(
            f"is not a float model: tensor {quantized[0].name!r} is {quantized[0].dtype}",
            where=model.path,
            remedy=_WEIGHTS if weights_alone else _READY,
        )
    for index in model.outputs:
        if tensors[index].dtype in _INDICES:
            raise ModelError(
                f"its output {tensors[index].name!r} is {tensors[index].dtype}: indices, flags and "
                "texts have no distance that could be judged",
                where=model.path,
                remedy="Export the model with the scores that they are made from as its output",
            )
    pixels = () if arrays else model.inputs
    takes = [i for i in pixels if tensors[i].dtype not in _PIXELS or not wiring.reals(i)]
    for index in (*takes, *(at for at in model.outputs if tensors[at].dtype != "float32")):
        raise ModelError(
            f"takes or gives {tensors[index].dtype} ({tensors[index].name!r}), although it is "
            "not quantized",
            where=model.path,
            remedy="Export it with a float32 or uint8 input and float32 outputs",
        )
    return size


def input_size(
    model: ModelFile, *, arrays: bool, size: tuple[int, int] | None = None
) -> tuple[int, int]:
    """Return height and width of a model's image; ``NO_IMAGE`` if it takes arrays.

    Raises:
        ModelError: The input is not an image, or an array leaves its size open.
    """
    if not arrays:
        return image_size(model, size)
    for index in model.inputs:
        tensor = model.tensors[index]
        if any(side < 1 for side in tensor.shape_signature[1:]) or 0 in tensor.shape:
            raise ModelError(
                f"its input {tensor.name!r} leaves the size open: {list(tensor.shape_signature)}",
                where=model.path,
                remedy="Export the model with inputs of a fixed size",
            )
    if not model.inputs:
        raise ModelError("has no input", where=model.path, remedy="Export the model again")
    return NO_IMAGE


def image_size(model: ModelFile, size: tuple[int, int] | None = None) -> tuple[int, int]:
    """Return height and width of a model's first input, in pixels.

    Raises:
        ModelError: The input is not an image, or leaves the size open and nothing sets it.
    """
    entry = model.tensors[model.inputs[0]]
    shape = entry.shape_signature
    image = image_input.image_input(shape)
    if image is None:
        what, remedy = unlike_an_image(shape)
        raise ModelError(
            f"its input {entry.name!r} of shape {list(shape)} is not one image "
            f"(1, height, width, 3), grey or with the channels first: it {what}",
            where=model.path,
            remedy=remedy,
        )
    height, width = (
        own or given for own, given in zip((image.height, image.width), size or (0, 0), strict=True)
    )
    if not height or not width:
        raise ModelError(
            f"its input {entry.name!r} leaves the size open: {list(shape)}",
            where=model.path,
            remedy="Set input_size = [HEIGHT, WIDTH] in the spec",
        )
    return height, width


def has_quantized_weights(model: ModelFile, halves: Container[int] = ()) -> bool:
    """Return whether any weights are quantized, apart from the given float16 constants."""
    return bool(_quantized(model, halves))


def has_open_batch(model: ModelFile) -> bool:
    """Return whether the first input leaves the batch open."""
    return model.tensors[model.inputs[0]].shape_signature[0] < 1


def _quantized(model: ModelFile, halves: Container[int]) -> list[Tensor]:
    """Return the quantized tensors, apart from what inputs are until they are real numbers."""
    wiring = Wiring(model)
    entries = {index for entry in model.inputs for index in wiring.reals(entry)}
    dense = {
        index
        for operator in model.operators
        if operator.name == "DENSIFY" and operator.inputs[0] in halves
        for index in operator.outputs
    }
    return [
        tensor
        for tensor in model.tensors
        if tensor.index not in entries | dense
        and tensor.index not in halves
        and _is_quantized(tensor)
    ]


def _is_quantized(tensor: Tensor) -> bool:
    holds_weights = tensor.dtype in _QUANTIZED and tensor.data_bytes > 0
    return holds_weights or tensor.scales.size > 0
