"""Editor of ``.tflite`` files that works on the schema's objects.

Arrays of the objects are views of the file's bytes, so that numbers changed in place leave the rest
of the file unchanged (``patched``). Changes to the graph itself require rewriting (``packed``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgeq.faults.fault import Fault, NotApplicableError, Place, Severity, fault
from edgeq.tflite.model_file import read_content
from edgeq.tflite.packing import packed, unpacked
from edgeq.tflite.wiring import Layer as StoredLayer
from edgeq.tflite.wiring import Wiring

if TYPE_CHECKING:
    from edgeq.faults.good import Good

Array = npt.NDArray[Any]
ACTIVATIONS = frozenset({"int8", "uint8", "int16"})
EDITABLE = ("float32", "float16", "int8", "uint8", "int16", "int32")


@dataclass(frozen=True)
class Layer:
    """A compute operator with stored weights; tensors are given by index."""

    operator: int
    name: str
    input: int
    weights: int
    bias: int | None
    output: int


class Graph:
    """The main graph of a model, for editing.

    Attributes:
        model: ``ModelT`` of the schema.
        main: The model's first subgraph.

    Raises:
        ModelError: The content is not a model, truncated or damaged.
    """

    def __init__(self, content: bytes, path: Path) -> None:
        from ai_edge_litert import schema_py_generated as schema

        # Layers are read once from the file: faults query them before they change the graph.
        self._wiring = Wiring(read_content(path, content))
        self._bytes = bytearray(content)
        self.schema: Any = schema
        self.model: Any = unpacked(self._bytes, path)
        self.main: Any = self.model.subgraphs[0]

    def patched(self) -> bytes:
        """Return the file's content with the numbers that were changed in place."""
        return bytes(self._bytes)

    def packed(self) -> bytes:
        """Return the content of a rewritten file."""
        return packed(self.model)

    def layers(self, *names: str) -> tuple[Layer, ...]:
        """Return the compute operators with stored weights, only those with given names if any.

        Raises:
            NotApplicableError: There is none.
        """
        layers = _editable(self._wiring.layers)
        chosen = tuple(layer for layer in layers if not names or layer.name in names)
        if not chosen:
            kind = " or ".join(names) or "layer"
            raise NotApplicableError(f"the model has no {kind} with weights that can be edited")
        return chosen

    @property
    def last_layers(self) -> tuple[Layer, ...]:
        """The layers that no other layer follows on the way to an output, in file order."""
        return _editable(self._wiring.last_layers)

    def middle(self, *names: str) -> Layer:
        """Return the layer with the most weights in the middle third of the layers."""
        layers = self.layers(*names)
        third = len(layers) // 3
        return max(
            layers[third : len(layers) - third] or layers,
            key=lambda layer: self.values(layer.weights).size,
        )

    def dtype(self, tensor: int) -> str:
        """Return the name of a tensor's type in lower case."""
        number = self.main.tensors[tensor].type
        types: dict[str, object] = vars(self.schema.TensorType)
        return next(name.lower() for name, value in types.items() if value == number)

    def name(self, tensor: int) -> str:
        """Return the name of a tensor."""
        name = self.main.tensors[tensor].name
        return name.decode() if isinstance(name, bytes) else str(name)

    def values(self, tensor: int) -> Array:
        """Return the stored values of a tensor as a writable view of the file.

        Raises:
            NotApplicableError: The tensor stores nothing, or has a type that can't be edited.
        """
        data, dtype = self._data(tensor), self.dtype(tensor)
        if data is None or dtype not in EDITABLE:
            raise NotApplicableError(f"tensor {tensor} of type {dtype} can't be edited")
        shape = self.main.tensors[tensor].shape
        return np.asarray(data).view(np.dtype(dtype)).reshape(tuple(int(n) for n in shape))

    def scales(self, tensor: int) -> tuple[Array, Array]:
        """Return the scales and zero points of a tensor as writable views of the file.

        Raises:
            NotApplicableError: The tensor is not quantized.
        """
        quantization = self.main.tensors[tensor].quantization
        if quantization is None or quantization.scale is None or not len(quantization.scale):
            raise NotApplicableError(f"tensor {tensor} has no scale: it is not quantized")
        return quantization.scale, quantization.zeroPoint

    def activations(self) -> tuple[int, ...]:
        """Return the quantized tensors between input and output that operators compute.

        Raises:
            NotApplicableError: Activations are float.
        """
        borders = {int(index) for index in (*self.main.inputs, *self.main.outputs)}
        computed = [int(index) for operator in self.main.operators for index in operator.outputs]
        inner = [index for index in computed if index not in borders]
        quantized = tuple(at for at in inner if self.dtype(at) in ACTIVATIONS)
        if not quantized:
            raise NotApplicableError("the variant's activations are not quantized")
        return quantized

    def code(self, name: str, version: int = 1) -> int:
        """Return the index of an operator's code, after adding it if necessary."""
        number = getattr(self.schema.BuiltinOperator, name)
        for index, code in enumerate(self.model.operatorCodes):
            same = number == max(code.builtinCode, code.deprecatedBuiltinCode)
            if same and code.version >= version:
                return index
        code = self.schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode = number, min(number, 127)
        code.version = version
        self.model.operatorCodes.append(code)
        return len(self.model.operatorCodes) - 1

    def add_tensor(self, like: int, name: str, dtype: str, data: Array | None = None) -> int:
        """Add an unquantized tensor with the shape of its data, or else of another tensor.

        Returns:
            Index of the new tensor.
        """
        tensor, source = self.schema.TensorT(), self.main.tensors[like]
        tensor.name, tensor.shape = name, list(source.shape if data is None else data.shape)
        tensor.type = getattr(self.schema.TensorType, dtype.upper())
        if data is not None:
            buffer = self.schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        self.main.tensors.append(tensor)
        return len(self.main.tensors) - 1

    def renumber(self, numbers: npt.NDArray[np.int64]) -> None:
        """Renumber the tensors.

        Args:
            numbers: The new index of each tensor, a permutation.
        """
        tensors = list(self.main.tensors)
        for old, new in enumerate(numbers):
            self.main.tensors[int(new)] = tensors[old]

        def moved(indices: Sequence[int]) -> list[int]:
            return [int(numbers[index]) if index >= 0 else int(index) for index in indices]

        for operator in self.main.operators:
            operator.inputs, operator.outputs = moved(operator.inputs), moved(operator.outputs)
        self.main.inputs, self.main.outputs = moved(self.main.inputs), moved(self.main.outputs)
        for signature in self.model.signatureDefs or ():
            for tensor in (*(signature.inputs or ()), *(signature.outputs or ())):
                tensor.tensorIndex = int(numbers[tensor.tensorIndex])

    def recode(self, order: npt.NDArray[np.int64]) -> None:
        """Reorder the table of operator codes.

        Args:
            order: The old index of each entry.
        """
        codes = self.model.operatorCodes
        place = np.argsort(order)
        self.model.operatorCodes = [codes[int(index)] for index in order]
        for subgraph in self.model.subgraphs:
            for operator in subgraph.operators:
                operator.opcodeIndex = int(place[operator.opcodeIndex])

    def operator(
        self, name: str, inputs: Sequence[int], outputs: Sequence[int], options: str = ""
    ) -> Any:
        """Return a new operator, which the caller inserts into the graph.

        Its options, of the type that is named, are the schema's defaults.
        """
        operator = self.schema.OperatorT()
        if options:
            operator.builtinOptions = getattr(self.schema, f"{options}T")()
            operator.builtinOptionsType = getattr(self.schema.BuiltinOptions, options)
        operator.opcodeIndex = self.code(name, 2 if name in {"DEQUANTIZE", "QUANTIZE"} else 1)
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        return operator

    def _data(self, tensor: int) -> Array | None:
        data = self.model.buffers[self.main.tensors[tensor].buffer].data
        return None if data is None or not len(data) else data


def _editable(layers: Sequence[StoredLayer]) -> tuple[Layer, ...]:
    return tuple(
        Layer(
            operator=layer.operator,
            name=layer.name,
            input=layer.input,
            weights=layer.weights.index,
            bias=None if layer.bias is None else layer.bias.index,
            output=layer.output.index,
        )
        for layer in layers
        if layer.weights.dtype in EDITABLE
    )


def graph_fault(
    name: str,
    place: Place,
    severity: Severity,
    cause: str,
    *,
    shown_by: tuple[str, ...] | None = None,
) -> Callable[[Callable[[Graph], None]], Fault]:
    """Register a function that changes stored numbers of a good variant in place; see ``fault``."""

    def register(change: Callable[[Graph], None]) -> Fault:
        @wraps(change)
        def make(good: Good) -> bytes:
            graph = good.graph()
            change(graph)
            return graph.patched()

        return fault(name, place, severity, cause, shown_by=shown_by)(make)

    return register


Reals = npt.NDArray[np.float64]


def channel_axis(layer: Layer) -> int:
    """Return the axis of the output channels in a layer's weights."""
    return 3 if layer.name == "DEPTHWISE_CONV_2D" else 0


def by_channel(graph: Graph, layer: Layer) -> Array:
    """Return a layer's stored weights as a view with the output channels first."""
    return np.moveaxis(graph.values(layer.weights), channel_axis(layer), 0)


def is_integer(graph: Graph, tensor: int) -> bool:
    """Return whether a tensor is stored as integers."""
    return graph.dtype(tensor) in {"int8", "uint8", "int16", "int32"}


def is_scaled(graph: Graph, layer: Layer) -> bool:
    """Return whether a layer's weights have several channels with a scale each."""
    quantization = graph.main.tensors[layer.weights].quantization
    scale = None if quantization is None else quantization.scale
    return scale is not None and len(scale) == len(by_channel(graph, layer)) > 1


def steps(graph: Graph, layer: Layer) -> Reals:
    """Return the scales of a layer's weights in a shape that broadcasts over ``by_channel``.

    They are 1 for weights that are stored as floats.
    """
    shape = by_channel(graph, layer).shape
    if not is_integer(graph, layer.weights):
        return np.ones([1] * len(shape))
    scale = graph.scales(layer.weights)[0].astype(np.float64)
    return scale.reshape(-1, *(1 for _ in shape[1:]))


def real(graph: Graph, layer: Layer) -> Reals:
    """Return a layer's weights as real numbers, output channels first."""
    weights = by_channel(graph, layer).astype(np.float64)
    return np.asarray(weights * steps(graph, layer), np.float64)


def store(graph: Graph, layer: Layer, weights: Reals) -> None:
    """Store real weights, output channels first, in a layer's own steps or as its floats."""
    stored = by_channel(graph, layer)
    if is_integer(graph, layer.weights):
        weights = np.clip(np.rint(weights / steps(graph, layer)), -127, 127)
    stored[...] = weights.astype(stored.dtype)
