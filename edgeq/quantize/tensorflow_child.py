"""The child process of the engine ``tensorflow``: the one place that runs its converter.

Started as ``python -m edgeq.quantize.tensorflow_child REQUEST RESPONSE``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.images.preprocess import to_input
from edgeq.models.serving import serve
from edgeq.quantize.recipes import TensorflowRecipe
from edgeq.spec.structs import Preprocessing


class Convert(msgspec.Struct, frozen=True, kw_only=True):
    """Make one variant.

    Attributes:
        saved_model: The float model's SavedModel folder, with a fixed batch of 1.
        recipe: How to make it.
        output: The file that the variant is written to.
        pixels: A ``.npy`` file, uint8, shape ``(n, h, w, 3)``, RGB, for calibrated recipes.
        preprocessing: How pixels become the model's input.
    """

    saved_model: str
    recipe: TensorflowRecipe
    output: str
    pixels: str | None = None
    preprocessing: Preprocessing | None = None


def convert(request: Convert) -> dict[str, object]:
    """Write the variant that TensorFlow's converter makes of a SavedModel."""
    import tensorflow as tf

    recipe = request.recipe
    converter = tf.lite.TFLiteConverter.from_saved_model(request.saved_model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if recipe.operators is not None:
        converter.target_spec.supported_ops = [tf.lite.OpsSet[recipe.operators]]
    if recipe.types:
        converter.target_spec.supported_types = [tf.dtypes.as_dtype(name) for name in recipe.types]
    converter.inference_input_type = tf.dtypes.as_dtype(recipe.io_type)
    converter.inference_output_type = tf.dtypes.as_dtype(recipe.io_type)
    if request.pixels is not None and request.preprocessing is not None:
        pixels = np.load(request.pixels, mmap_mode="r")
        preprocessing = request.preprocessing
        converter.representative_dataset = lambda: samples(pixels, preprocessing)
    content = bytes(converter.convert())
    Path(request.output).write_bytes(content)
    return {"bytes": len(content)}


def samples(
    pixels: npt.NDArray[np.uint8], preprocessing: Preprocessing
) -> Iterator[list[npt.NDArray[np.float32]]]:
    """Yield the inputs of one image at a time, each float32 ``(1, h, w, 3)``."""
    for photo in pixels:
        yield [to_input(photo[np.newaxis], preprocessing)]


def work(request: dict[str, Any]) -> dict[str, object]:
    """Do what a request asks for."""
    return convert(msgspec.convert(request, Convert))


if __name__ == "__main__":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "1"
    serve(work)
