"""Child process of the engine ``litert`` for calibration runs and quantization.

``models/serving.py`` describes the protocol. Files are finished here too: litert-quantizer only
makes int8 inputs and outputs, and sets a flag at int16 sums that makes the runtime reject some of
them.
"""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from edgeq.config.structs import Preprocessing
from edgeq.errors import ModelError
from edgeq.io import structs
from edgeq.io.arrays import map_array
from edgeq.quantize.statistics import Statistics, extent, ranges
from edgeq.samples.preprocess import to_inputs
from edgeq.tflite.model_file import ModelFile, read_content, read_model
from edgeq.tflite.packing import packed, unpacked
from edgeq.tflite.prepared import prepared
from edgeq.tflite.wiring import Wiring

# With several threads, the order of additions and hence the last bit of a range would depend on the
# machine's number of cores.
THREADS = 1
UINT8_OFFSET = 128
"""Difference between the zero points of uint8 and int8."""

_UNCALIBRATED = "tensor_name_to_qsv"
"""Part of litert-quantizer's message about an operator whose tensors have no extents."""
_NO_DATA = "Tensor data is null"
"""Part of the runtime's message about a tensor that no operator of the first graph fills."""

# First versions of the operators that support int16 with scales other than powers of two.
_GENERAL_SUMS = {"ADD": 3, "SUB": 5}


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
        ModelError: The first of several graphs leaves tensors empty.
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
    pixels = map_array(Path(request.pixels))
    model = read_content(path, content)
    activations = _activations(interpreter, model)
    rows = []
    for photo in pixels:
        inputs = to_inputs(photo, request.preprocessing, shapes)
        for entry, values in zip(entries, inputs, strict=True):
            interpreter.set_tensor(entry["index"], _stored(values, entry))
        interpreter.reset_all_variables()  # of recurrent layers: samples are independent
        interpreter.invoke()
        try:
            rows.append(
                [extent(interpreter.tensor(at)(), name=name) for name, at in activations.items()]
            )
        except ValueError as error:
            raise _explained(error, model, _NO_DATA) from error
    statistics = Statistics(tuple(activations), np.array(rows, np.float32), _borders(model))
    statistics.save(Path(request.output))
    return {"images": len(rows), "tensors": len(activations)}


def _stored(values: Any, entry: dict[str, Any]) -> Any:
    """Return real values as an input stores them, by its scale if it has one."""
    (scale, zero_point), dtype = entry["quantization"], entry["dtype"]
    if not scale:
        return values.astype(dtype, copy=False)
    ends = np.iinfo(dtype)
    steps = np.rint(values / np.float32(scale)) + zero_point
    return np.clip(steps, ends.min, ends.max).astype(dtype)


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
    try:
        result = maker.quantize(calibrated, enable_progress_report=False)
    except ValueError as error:
        raise _explained(error, read_model(Path(request.model)), _UNCALIBRATED) from error
    output = Path(request.output)
    content = bytes(result.quantized_model)
    content = finished(content, output, unsigned_io=request.unsigned_io)
    output.write_bytes(content)
    return {"bytes": len(content)}


def _explained(error: ValueError, model: ModelFile, text: str) -> ModelError:
    """Return an error that says whose it is, and of several graphs in other words."""
    if text not in str(error) or model.subgraphs == 1:
        return ModelError(f"litert-quantizer can't quantize this model: {error}")
    return ModelError(
        "litert-quantizer calibrates only the first of the file's graphs, not those inside IF and "
        "WHILE, nor those of other signatures",
        remedy="Unroll loops (in Keras: unroll=True), choose one of several signatures with "
        "`signature`, or take a method without calibration (dynamic_range, weight_only_int8, "
        "float16)",
    )


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


def finished(content: bytes, path: Path, *, unsigned_io: bool) -> bytes:
    """Return the finished content of a variant; the same bytes if nothing has to be done.

    Raises:
        ModelError: The content is not a model, or damaged.
    """
    sums = _has_int16_sums(read_content(path, content))
    if not sums and not unsigned_io:
        return content

    from ai_edge_litert import schema_py_generated as schema

    model = unpacked(bytearray(content), path)
    if sums:
        _let_sums_have_any_scale(model, schema)
    if unsigned_io:
        _make_borders_unsigned(model, schema)
    return packed(model)


def _has_int16_sums(model: ModelFile) -> bool:
    return any(
        operator.name in _GENERAL_SUMS and model.tensors[operator.outputs[0]].dtype == "int16"
        for operator in model.operators
        if operator.outputs
    )


def _let_sums_have_any_scale(model: Any, schema: Any) -> None:
    """Clear the flag at int16 sums that says that their scales are powers of two.

    The flag is the schema's default. The runtime trusts it for scales close to powers of two (the
    ends 1 and 2 of a range, divided by 32767), and then rejects sums whose input has the greater
    scale. Without it, the same numbers are computed for any scales.
    """
    builtin = schema.BuiltinOperator
    least = {getattr(builtin, name): version for name, version in _GENERAL_SUMS.items()}
    for graph in model.subgraphs:
        for operator in graph.operators:
            code, options = model.operatorCodes[operator.opcodeIndex], operator.builtinOptions
            result = graph.tensors[operator.outputs[0]] if len(operator.outputs) else None
            if code.builtinCode not in least or options is None or result is None:
                continue
            if result.type == schema.TensorType.INT16 and options.potScaleInt16:
                options.potScaleInt16 = False
                code.version = max(code.version, least[code.builtinCode])


def _make_borders_unsigned(model: Any, schema: Any) -> None:
    """Convert int8 inputs and outputs to uint8 by a QUANTIZE at each.

    Between two tensors of the same scale it adds or subtracts 128, which loses nothing.
    TensorFlow's converter writes the same operators.
    """
    main = model.subgraphs[0]
    code = _quantize_code(model, schema)
    twins: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for border, moved in zip((main.inputs, main.outputs), twins, strict=True):
        for index in dict.fromkeys(int(operator_index) for operator_index in border):
            if main.tensors[index].type == schema.TensorType.INT8:
                moved[index] = _unsigned_twin(main, index, schema)
    entries, results = twins
    main.inputs = [entries.get(int(index), int(index)) for index in main.inputs]
    main.outputs = [results.get(int(index), int(index)) for index in main.outputs]
    main.operators = [
        *(_quantize(code, outer, inner, schema) for inner, outer in entries.items()),
        *main.operators,
        *(_quantize(code, inner, outer, schema) for inner, outer in results.items()),
    ]
    for signature in model.signatureDefs or ():
        if signature.subgraphIndex == 0:
            for border, moved in ((signature.inputs, entries), (signature.outputs, results)):
                for entry in border or ():
                    entry.tensorIndex = moved.get(entry.tensorIndex, entry.tensorIndex)


def _unsigned_twin(main: Any, index: int, schema: Any) -> int:
    """Add a uint8 twin of an int8 tensor, which takes over its name, and rename the int8 tensor."""
    inner = main.tensors[index]
    outer = copy.deepcopy(inner)
    outer.type, outer.buffer = schema.TensorType.UINT8, 0  # the schema's empty buffer
    outer.quantization.zeroPoint = [
        int(zero_point) + UINT8_OFFSET for zero_point in inner.quantization.zeroPoint
    ]
    name = inner.name.decode() if isinstance(inner.name, bytes) else str(inner.name)
    inner.name = f"{name}_int8"
    main.tensors.append(outer)
    return len(main.tensors) - 1


def _quantize(code: int, entry: int, result: int, schema: Any) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, [entry], [result]
    operator.builtinOptionsType = schema.BuiltinOptions.QuantizeOptions
    operator.builtinOptions = schema.QuantizeOptionsT()
    return operator


def _quantize_code(model: Any, schema: Any) -> int:
    """Return the index of QUANTIZE among the operator codes, after adding it if necessary."""
    quantize = schema.BuiltinOperator.QUANTIZE
    for place, code in enumerate(model.operatorCodes):
        if code.builtinCode == quantize:
            return place
    operator_code = schema.OperatorCodeT()
    operator_code.builtinCode = operator_code.deprecatedBuiltinCode = quantize
    operator_code.version = 1
    model.operatorCodes.append(operator_code)
    return len(model.operatorCodes) - 1
