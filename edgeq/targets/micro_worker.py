"""A worker whose models run in TensorFlow Lite Micro's interpreter.

It is started as ``python -m edgeq.targets.micro_worker`` and uses the regular worker to talk to the
client.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from edgeq.run import worker
from edgeq.targets.gpu_worker import captured

TIMES_THE_FILE, MIN_ARENA = 16, 1 << 22
"""Arena size, as a multiple of the file's size and at least in bytes, that is never the limit."""

_ARENA = re.compile(r"Arena allocation total (\d+) bytes")
_NOISE = re.compile(r"tensorflow/lite/\S+\s*")


class Interpreter:
    """TFLM's interpreter with the methods of LiteRT's interpreter that a worker calls.

    The arena is larger than the file can need.

    Raises:
        ValueError: TFLM refuses the file. The message is what it printed.
    """

    def __init__(self, content: bytes) -> None:
        from tflite_micro.python.tflite_micro import runtime

        model = runtime.convert_bytearray_to_object(bytearray(content))
        self._graph = model.subgraphs[0]
        self._names = [_name(runtime.schema_fb, code) for code in model.operatorCodes]
        for graph in model.subgraphs:
            _require_one_scale(graph, self._names)
        arena = max(MIN_ARENA, TIMES_THE_FILE * len(content))
        create = partial(runtime.Interpreter.from_bytes, content, arena_size=arena)
        interpreter, printed = captured(create, prints=False)
        if isinstance(interpreter, Exception):
            refusal = _NOISE.sub("", " ".join(printed.split()))
            raise ValueError(f"{interpreter}: {refusal}")  # noqa: TRY004 - a refusal
        self._interpreter = interpreter
        _, printed = captured(self._interpreter.print_allocations, prints=False)
        self.arena_bytes = int(_ARENA.findall(printed)[0])

    def invoke(self) -> None:
        """Run the model once."""
        self._interpreter.invoke()

    def reset_all_variables(self) -> None:
        """Set every state to what it is when the file is read."""
        self._interpreter.reset()

    def allocate_tensors(self) -> None:
        """Do nothing: the arena is allocated when the file is read."""

    def set_tensor(self, index: int, values: Any) -> None:
        """Set an input, given the tensor's index in the file."""
        self._interpreter.set_input(values, list(self._graph.inputs).index(index))

    def get_tensor(self, index: int) -> Any:
        """Return an output, given the tensor's index in the file."""
        return self._interpreter.get_output(list(self._graph.outputs).index(index))

    def get_input_details(self) -> list[dict[str, Any]]:
        """Return the details of the inputs."""
        return self._details(self._graph.inputs, self._interpreter.get_input_details)

    def get_output_details(self) -> list[dict[str, Any]]:
        """Return the details of the outputs."""
        return self._details(self._graph.outputs, self._interpreter.get_output_details)

    def _get_ops_details(self) -> list[dict[str, Any]]:
        """Return the name, inputs and outputs of every operator."""
        import numpy as np

        return [
            {
                "op_name": self._names[operator.opcodeIndex],
                "inputs": np.asarray(operator.inputs, np.int32),
                "outputs": np.asarray(operator.outputs, np.int32),
            }
            for operator in self._graph.operators
        ]

    def _details(
        self, indices: Any, details_of: Callable[[int], dict[str, Any]]
    ) -> list[dict[str, Any]]:
        details = []
        for place, index in enumerate(indices):
            known = details_of(place)
            name = self._graph.tensors[index].name.decode("utf-8", "replace")
            shape = known["shape"]
            details.append({**known, "name": name, "index": int(index), "shape_signature": shape})
        return details


def _require_one_scale(graph: Any, names: list[str]) -> None:
    """Refuse a DEQUANTIZE whose input has several scales, of which TFLM would use the first.

    LiteRT's kernels use every channel's own, so that TFLM would give wrong outputs.

    Raises:
        ValueError: There is one.
    """
    for operator in graph.operators:
        if names[operator.opcodeIndex] != "DEQUANTIZE":
            continue
        tensor = graph.tensors[operator.inputs[0]]
        stored = tensor.quantization and tensor.quantization.scale
        scales = set() if stored is None else set(map(float, stored))
        if len(scales) > 1:
            raise ValueError(
                f"TFLM's DEQUANTIZE takes one scale for a tensor, and "
                f"{tensor.name.decode('utf-8', 'replace')!r} has {len(stored)}, one for each "
                f"channel. Use a method that computes in integers, such as int8"
            )


def _name(schema: Any, code: Any) -> str:
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    names = {value: name for name, value in vars(schema.BuiltinOperator).items()}
    return str(names.get(number, number))


class MicroModel(worker.Model):
    """A model that TFLM accepted."""

    def __init__(self, source: worker.Json, request: worker.Json) -> None:
        start = time.perf_counter()
        path = source.get("model_path")
        content = Path(path).read_bytes() if path else bytes(source["model_content"])
        self.interpreter = Interpreter(content)
        self._allocate(start, request["input_size"])


class MicroWorker(worker.Worker):
    """Answers requests like the regular worker, and reports its interpreter."""

    def op_hello(self, request: worker.Json, blobs: worker.Arrays) -> worker.Frame:
        """Report versions and facts about this machine."""
        header, arrays = super().op_hello(request, blobs)
        header["versions"]["tflite-micro"] = version("tflite-micro")
        return header, arrays

    def op_load(self, request: worker.Json, blobs: worker.Arrays) -> worker.Frame:
        """Load a model and report how much of the arena it needs."""
        header, arrays = super().op_load(request, blobs)
        arena = self.models[header["handle"]].interpreter.arena_bytes
        return {**header, "arena_bytes": arena}, arrays


if __name__ == "__main__":
    worker.Model = MicroModel  # type: ignore[misc] # looked up when the worker loads a model
    worker.Worker = MicroWorker  # type: ignore[misc] # looked up when the worker starts
    os._exit(worker.main())
