"""Child process of the engine ``litert`` for calibration runs and quantization.

``models/serving.py`` describes the protocol.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from edgeq.config.structs import Preprocessing
from edgeq.io import structs
from edgeq.quantize.finishing import finished
from edgeq.quantize.statistics import Statistics, extent, ranges
from edgeq.samples.preprocess import to_inputs
from edgeq.tflite.model_file import ModelFile, read_content
from edgeq.tflite.prepared import prepared
from edgeq.tflite.wiring import Wiring

# With several threads, the order of additions and hence the last bit of a range would depend on the
# machine's number of cores.
THREADS = 1


class Calibrate(msgspec.Struct, frozen=True, kw_only=True, tag="calibrate", tag_field="task"):
    """Request to find the extents of all activations.

    Attributes:
        model: The float ``.tflite`` file.
        pixels: A ``.npy`` file, uint8, shape ``(n, h, w, 3)``, RGB; or float32, ``(n, d)``, with
            the values of all inputs.
        preprocessing: How pixels become the model's input.
        output: The file that ``Statistics`` are written to.
    """

    model: str
    pixels: str
    preprocessing: Preprocessing
    output: str


class Quantize(msgspec.Struct, frozen=True, kw_only=True, tag="quantize", tag_field="task"):
    """Request to make one variant.

    Attributes:
        model: The float ``.tflite`` file.
        steps: litert-quantizer's recipe.
        statistics: File of ``Statistics``; None for methods that need none.
        percentile: See ``statistics.ranges``.
        output: The file that the variant is written to.
        unsigned_io: Whether int8 inputs and outputs become uint8.
    """

    model: str
    steps: list[dict[str, Any]]
    output: str
    unsigned_io: bool = False
    statistics: str | None = None
    percentile: float | None = None


def calibrate(request: Calibrate) -> dict[str, object]:
    """Run every photograph through the float model and write the extents of its activations.

    Only one image is in memory at a time.

    Raises:
        ValueError: The model computes NaN.
    """
    from ai_edge_litert.interpreter import Interpreter

    path = Path(request.model)
    content = _content(path)
    with warnings.catch_warnings():
        # The warning says that preserving all tensors is for debugging, but it is needed here.
        warnings.simplefilter("ignore", UserWarning)
        interpreter = Interpreter(
            model_content=content, num_threads=THREADS, experimental_preserve_all_tensors=True
        )
    interpreter.allocate_tensors()
    entries = interpreter.get_input_details()
    shapes = [entry["shape"].tolist() for entry in entries]
    pixels = np.load(request.pixels, mmap_mode="r")
    model = read_content(path, content)
    activations = _activations(interpreter, model)
    rows = []
    for photo in pixels:
        inputs = to_inputs(photo, request.preprocessing, shapes)
        for entry, values in zip(entries, inputs, strict=True):
            interpreter.set_tensor(entry["index"], values.astype(entry["dtype"], copy=False))
        interpreter.invoke()
        rows.append(
            [extent(interpreter.tensor(index)(), name=name) for name, index in activations.items()]
        )
    statistics = Statistics(tuple(activations), np.array(rows, np.float32), _borders(model))
    statistics.save(Path(request.output))
    return {"images": len(rows), "tensors": len(activations)}


def quantize(request: Quantize) -> dict[str, object]:
    """Write the variant that litert-quantizer makes of a float model."""
    from litert_quantizer import quantizer

    maker = quantizer.Quantizer(_content(Path(request.model)), request.steps)
    calibrated = None
    if request.statistics is not None and request.percentile is not None:
        statistics = Statistics.load(Path(request.statistics))
        limits = ranges(statistics, request.percentile)
        calibrated = {
            name: {"min": low.reshape(1), "max": high.reshape(1)}
            for name, (low, high) in zip(statistics.names, limits, strict=True)
        }
    result = maker.quantize(calibrated, enable_progress_report=False)
    output = Path(request.output)
    content = bytes(result.quantized_model)
    content = finished(content, output, unsigned_io=request.unsigned_io)
    output.write_bytes(content)
    return {"bytes": len(content)}


def _content(path: Path) -> bytes:
    """Return a model's content prepared for the library; unchanged if no change is needed."""
    content = prepared(path)
    return path.read_bytes() if content is None else content


def _activations(interpreter: Any, model: ModelFile) -> dict[str, int]:
    """Return the indices of the model's float inputs and computed float tensors, by name."""
    indices = (*model.inputs, *(i for operator in model.operators for i in operator.outputs))
    known = {detail["index"] for detail in interpreter.get_tensor_details()}
    return {
        model.tensors[index].name: index
        for index in dict.fromkeys(indices)
        if index in known and model.tensors[index].dtype == "float32"
    }


def _borders(model: ModelFile) -> tuple[str, ...]:
    """Return the names of a model's inputs, outputs and logits."""
    wiring = Wiring(model)
    logits = (wiring.logits(index) for index in model.outputs)
    indices = (*model.inputs, *model.outputs, *(logit for logit in logits if logit is not None))
    return tuple(model.tensors[index].name for index in dict.fromkeys(indices))


def work(request: dict[str, Any]) -> dict[str, object]:
    """Carry out a request."""
    task: Calibrate | Quantize = structs.converted(request, Calibrate | Quantize)
    return calibrate(task) if isinstance(task, Calibrate) else quantize(task)
