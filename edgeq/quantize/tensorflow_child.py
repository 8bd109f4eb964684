"""Child process of the engine ``tensorflow``, the only place that runs its converter.

``models/serving.py`` describes the protocol.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy.typing as npt

from edgeq.config.structs import Preprocessing
from edgeq.io import structs
from edgeq.io.arrays import map_array
from edgeq.models.serving import imported
from edgeq.quantize.recipes import INT8_ONLY, TensorflowRecipe
from edgeq.samples.preprocess import to_inputs


class Start(msgspec.Struct, frozen=True, tag="start", tag_field="task"):
    """Request to import TensorFlow."""


class Convert(msgspec.Struct, frozen=True, kw_only=True, tag="convert", tag_field="task"):
    """Request to make one variant.

    Attributes:
        start: The float model with a fixed batch of 1: a frozen graph, or a SavedModel folder.
        output: The file that the variant is written to.
        pixels: A ``.npy`` file, uint8, shape ``(n, h, w, 3)``, RGB, for calibrated recipes; or
            float32, ``(n, d)``, with the values of all inputs.
        preprocessing: How pixels become the model's input.
        shapes: Shapes of the model's inputs.
        types: Their types.
    """

    start: str
    recipe: TensorflowRecipe
    output: str
    pixels: str | None = None
    preprocessing: Preprocessing | None = None
    shapes: tuple[tuple[int, ...], ...] = ()
    types: tuple[str, ...] = ()


class Calibrate(msgspec.Struct, frozen=True, kw_only=True, tag="calibrate", tag_field="task"):
    """Request to find the ranges of all activations, of fields as in ``Convert``.

    The output is the file that the float model with its ranges is written to.
    """

    start: str
    pixels: str
    preprocessing: Preprocessing
    shapes: tuple[tuple[int, ...], ...]
    types: tuple[str, ...]
    output: str


class Quantize(msgspec.Struct, frozen=True, kw_only=True, tag="quantize", tag_field="task"):
    """Request to make an int8 variant of a calibrated model.

    Attributes:
        calibrated: The file that ``Calibrate`` wrote.
        io_type: Type of the model's input and output.
        output: The file that the variant is written to.
        per_channel: Whether each channel of weights has its own scale.
    """

    calibrated: str
    io_type: str
    output: str
    per_channel: bool = True


def convert(request: Convert) -> bytes:
    """Return the variant that TensorFlow's converter makes of the float model."""
    import tensorflow as tf

    recipe = request.recipe
    converter = _converter(request.start)
    if recipe.operators is not None:
        converter.target_spec.supported_ops = [tf.lite.OpsSet[recipe.operators]]
    if recipe.types:
        converter.target_spec.supported_types = [tf.dtypes.as_dtype(name) for name in recipe.types]
    converter.inference_input_type = tf.dtypes.as_dtype(recipe.io_type)
    converter.inference_output_type = tf.dtypes.as_dtype(recipe.io_type)
    converter._experimental_disable_per_channel = not recipe.per_channel  # noqa: SLF001 - no other
    if request.pixels is not None and request.preprocessing is not None:
        _calibrate_with(converter, request.pixels, request.preprocessing, request)
    return _converted(converter, request.start)


def calibrate(request: Calibrate) -> bytes:
    """Return the float model with the ranges that calibration on the photographs gives."""
    import tensorflow as tf

    converter = _converter(request.start)
    converter.target_spec.supported_ops = [tf.lite.OpsSet[INT8_ONLY]]
    _calibrate_with(converter, request.pixels, request.preprocessing, request)
    converter._experimental_calibrate_only = True  # noqa: SLF001 - as TensorFlow's debugger does
    return _converted(converter, request.start)


def quantize(request: Quantize) -> bytes:
    """Return the variant by the converter's own last step, which its debugger also uses."""
    import tensorflow as tf
    from tensorflow.lite.python.convert import mlir_quantize

    kind = tf.dtypes.as_dtype(request.io_type)
    calibrated = Path(request.calibrated).read_bytes()
    content: bytes = mlir_quantize(
        calibrated,
        disable_per_channel=not request.per_channel,
        input_data_type=kind,
        output_data_type=kind,
    )
    return bytes(content)


def _converter(start: str) -> Any:
    import tensorflow as tf

    if Path(start).is_dir():
        converter = tf.lite.TFLiteConverter.from_saved_model(start)
    else:
        from edgeq.models.frozen_graph import read_graph

        converter = read_graph(Path(start)).converter()
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter


def _calibrate_with(
    converter: Any, path: str, preprocessing: Preprocessing, inputs: Convert | Calibrate
) -> None:
    pixels = map_array(Path(path))
    converter.representative_dataset = lambda: samples(
        pixels, preprocessing, inputs.shapes, inputs.types
    )


def _converted(converter: Any, start: str) -> bytes:
    content = bytes(converter.convert())
    if Path(start).is_dir():
        return content
    from edgeq.models.frozen_graph import signed

    return signed(content)


def samples(
    pixels: npt.NDArray[Any],
    preprocessing: Preprocessing,
    shapes: Sequence[Sequence[int]],
    types: Sequence[str],
) -> Iterator[list[npt.NDArray[Any]]]:
    """Yield the inputs of one sample at a time in their types, each with a batch of 1."""
    for photo in pixels:
        inputs = to_inputs(photo, preprocessing, shapes)
        yield [value.astype(kind, copy=False) for value, kind in zip(inputs, types, strict=True)]


def work(request: dict[str, Any]) -> dict[str, object]:
    """Carry out a request."""
    task: Start | Convert | Calibrate | Quantize = structs.converted(
        request, Start | Convert | Calibrate | Quantize
    )
    tf = imported("tensorflow")
    match task:
        case Start():
            return {"converter": tf.lite.TFLiteConverter.__name__}  # TensorFlow imports it late
        case Convert():
            content = convert(task)
        case Calibrate():
            content = calibrate(task)
        case Quantize():
            content = quantize(task)
    Path(task.output).write_bytes(content)
    return {"bytes": len(content)}
