"""Editing a ``.tflite`` file through the schema's objects.

Arrays of the objects are views of the file's bytes: numbers that are changed in place leave
everything else of the file as it was (``patched``). What changes the graph's shape is written
anew (``packed``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeq.faults.fault import NotApplicableError
from edgeq.tflite.model_file import read_content
from edgeq.tflite.packing import packed, unpacked
from edgeq.tflite.wiring import Wiring

Array = npt.NDArray[Any]
EDITABLE = ("float32", "float16", "int8", "uint8", "int16", "int32")


@dataclass(frozen=True)
class Layer:
    """A compute operator with stored weights; tensors by their index.

    Attributes:
        operator: Its index in the graph.
        name: Of the operator.
        input: The activation that it takes.
        weights: The stored weights, behind a DEQUANTIZE where there is one.
        bias: The stored bias, None where it has none.
        output: The activation that it gives.
    """

    operator: int
    name: str
    input: int
    weights: int
    bias: int | None
    output: int


class Graph:
    """The main graph of a model, to be edited.

    Args:
        content: A ``.tflite`` file.
        path: Where it comes from, for errors.

    Attributes:
        model: ``ModelT`` of the schema.
        main: Its first subgraph.

    Raises:
        ModelError: It is not a model, truncated or damaged.
    """

    def __init__(self, content: bytes, path: Path) -> None:
        from ai_edge_litert import schema_py_generated as schema

        # Layers are those of the file: faults change numbers, or what they were asked for before.
        self._wiring = Wiring(read_content(path, content))
        self._bytes = bytearray(content)
        self.schema: Any = schema
        self.model: Any = unpacked(self._bytes, path)
        self.main: Any = self.model.subgraphs[0]

    def patched(self) -> bytes:
        """Return the file with the numbers that were changed in place."""
        return bytes(self._bytes)

    def packed(self) -> bytes:
        """Return the model written anew."""
        return packed(self.model)

    def layers(self, *names: str) -> tuple[Layer, ...]:
        """Return the compute operators with stored weights, those of some names if any is given.

        Raises:
            NotApplicableError: There is none.
        """
        found = tuple(
            Layer(
                operator=one.operator,
                name=one.name,
                input=one.input,
                weights=one.weights.index,
                bias=None if one.bias is None else one.bias.index,
                output=one.output.index,
            )
            for one in self._wiring.layers
            if one.weights.dtype in EDITABLE and (not names or one.name in names)
        )
        if not found:
            kind = " or ".join(names) or "layer"
            raise NotApplicableError(f"the model has no {kind} with weights that can be edited")
        return found

    def middle(self, *names: str) -> Layer:
        """Return the layer with the most weights in the middle third of the layers."""
        layers = self.layers(*names)
        third = len(layers) // 3
        return max(
            layers[third : len(layers) - third] or layers,
            key=lambda one: self.values(one.weights).size,
        )

    def dtype(self, tensor: int) -> str:
        """Return the name of a tensor's type, in lower case."""
        number = self.main.tensors[tensor].type
        types: dict[str, object] = vars(self.schema.TensorType)
        return next(name.lower() for name, value in types.items() if value == number)

    def name(self, tensor: int) -> str:
        """Return the name of a tensor."""
        name = self.main.tensors[tensor].name
        return name.decode() if isinstance(name, bytes) else str(name)

    def values(self, tensor: int) -> Array:
        """Return the stored values of a tensor as a view of the file; writing changes it.

        Raises:
            NotApplicableError: It has none, or of a type that is not edited.
        """
        data, dtype = self._data(tensor), self.dtype(tensor)
        if data is None or dtype not in EDITABLE:
            raise NotApplicableError(f"tensor {tensor} of type {dtype} can't be edited")
        shape = self.main.tensors[tensor].shape
        return np.asarray(data).view(np.dtype(dtype)).reshape(tuple(int(n) for n in shape))

    def scales(self, tensor: int) -> tuple[Array, Array]:
        """Return the scales and zero points of a tensor as views of the file.

        Raises:
            NotApplicableError: The tensor is not quantized.
        """
        found = self.main.tensors[tensor].quantization
        if found is None or found.scale is None or not len(found.scale):
            raise NotApplicableError(f"tensor {tensor} has no scale: it is not quantized")
        return found.scale, found.zeroPoint

    def activations(self) -> tuple[int, ...]:
        """Return the quantized tensors between input and output that operators compute.

        Raises:
            NotApplicableError: Activations are float.
        """
        border = {int(one) for one in (*self.main.inputs, *self.main.outputs)}
        made = [int(t) for one in self.main.operators for t in one.outputs if int(t) not in border]
        found = tuple(t for t in made if self.dtype(t) in {"int8", "uint8", "int16"})
        if not found:
            raise NotApplicableError("the variant's activations are not quantized")
        return found

    def code(self, name: str, version: int = 1) -> int:
        """Return the index of an operator's code, added where it is not there."""
        number = getattr(self.schema.BuiltinOperator, name)
        for index, one in enumerate(self.model.operatorCodes):
            if number == max(one.builtinCode, one.deprecatedBuiltinCode) and one.version >= version:
                return index
        made = self.schema.OperatorCodeT()
        made.builtinCode, made.deprecatedBuiltinCode = number, min(number, 127)
        made.version = version
        self.model.operatorCodes.append(made)
        return len(self.model.operatorCodes) - 1

    def add_tensor(self, like: int, name: str, dtype: str, data: Array | None = None) -> int:
        """Add a tensor of another's shape, without quantization, and return its index."""
        made, source = self.schema.TensorT(), self.main.tensors[like]
        made.name, made.shape = name, list(source.shape if data is None else data.shape)
        made.type = getattr(self.schema.TensorType, dtype.upper())
        if data is not None:
            buffer = self.schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            made.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        self.main.tensors.append(made)
        return len(self.main.tensors) - 1

    def renumber(self, numbers: npt.NDArray[np.int64]) -> None:
        """Give tensors other numbers.

        Args:
            numbers: The new number of each tensor, a permutation.
        """
        tensors = list(self.main.tensors)
        for old, new in enumerate(numbers):
            self.main.tensors[int(new)] = tensors[old]

        def moved(indices: Sequence[int]) -> list[int]:
            return [int(numbers[one]) if one >= 0 else int(one) for one in indices]

        for one in self.main.operators:
            one.inputs, one.outputs = moved(one.inputs), moved(one.outputs)
        self.main.inputs, self.main.outputs = moved(self.main.inputs), moved(self.main.outputs)
        for signature in self.model.signatureDefs or ():
            for tensor in (*(signature.inputs or ()), *(signature.outputs or ())):
                tensor.tensorIndex = int(numbers[tensor.tensorIndex])

    def recode(self, order: npt.NDArray[np.int64]) -> None:
        """Bring the table of operators' codes into another order.

        Args:
            order: The old place of each entry.
        """
        codes = self.model.operatorCodes
        place = np.argsort(order)
        self.model.operatorCodes = [codes[int(one)] for one in order]
        for subgraph in self.model.subgraphs:
            for one in subgraph.operators:
                one.opcodeIndex = int(place[one.opcodeIndex])

    def operator(self, name: str, inputs: Sequence[int], outputs: Sequence[int]) -> Any:
        """Return a new operator without options; the caller puts it into the graph."""
        made = self.schema.OperatorT()
        made.opcodeIndex = self.code(name, 2 if name in {"DEQUANTIZE", "QUANTIZE"} else 1)
        made.inputs, made.outputs = list(inputs), list(outputs)
        return made

    def _data(self, tensor: int) -> Array | None:
        data = self.model.buffers[self.main.tensors[tensor].buffer].data
        return None if data is None or not len(data) else data
