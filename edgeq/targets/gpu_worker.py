"""A worker whose models run on a GPU, in LiteRT's CompiledModel.

It is started as ``python gpu_worker.py PRECISION MODEL``, where MODEL is a tiny model in base64.
The worker compiles it before it greets, because LiteRT names the GPU only while it compiles. It
needs only Python 3.9, numpy, ai-edge-litert and ml_dtypes.
"""

from __future__ import annotations

import base64
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

if __name__ == "__main__":  # this package may lie beside packages for another Python
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from edgeq.run import worker

if __name__ == "__main__":
    del sys.path[0]

T = TypeVar("T")
SIGNATURE = 0
NO_GPU = 79
"""Exit code if LiteRT can't use a GPU."""

_ADAPTER = re.compile(r"Selected adapter: (.+?), arch=.*?adapterType=([^\n]+)")
_WEIGHT_ONLY = "Shape mismatch: {bhwc, {"
_ADVICE = (
    '. It takes no dense layer of weight-only int8: classifier = "dynamic" makes a variant of the '
    "same size and agreement that it takes"
)
_SLOW = ". LiteRT gives its shaders two minutes to compile, which was too little here"
_REASON = re.compile(r"^E\d{4} \S+ +\d+ [\w.]+:\d+\] (.+)|^ERROR: \[[^\]]*\] (\S.*)", re.MULTILINE)


class Interpreter:
    """A model on the GPU, with the methods of LiteRT's interpreter that a worker calls.

    ``precision`` is that of the GPU's shaders, ``"float16"`` or ``"float32"``.

    Raises:
        ValueError: LiteRT refuses the file on this GPU. The message is what it printed.
    """

    def __init__(self, content: bytes, precision: str) -> None:
        from ai_edge_litert import interpreter as litert
        from ai_edge_litert.compiled_model import CompiledModel
        from ai_edge_litert.hardware_accelerator import HardwareAccelerator
        from ai_edge_litert.options import GpuOptions, Options

        reference = litert.OpResolverType.BUILTIN_REF
        # It never runs; a compiled model tells neither tensors' numbers nor their scales.
        self._file = litert.Interpreter(
            model_content=content, experimental_op_resolver_type=reference
        )
        options = Options(
            hardware_accelerators=HardwareAccelerator.GPU,
            gpu_options=GpuOptions(enforce_f32=precision == "float32"),
        )
        create = partial(CompiledModel.from_buffer, content, options=options)
        compiled, self.printed = captured(create)
        if isinstance(compiled, Exception):
            refusal = reason(self.printed) or str(compiled)
            advice = _ADVICE if _WEIGHT_ONLY in refusal else ""
            raise ValueError(f"LiteRT's GPU accelerator: {refusal}{advice}")  # noqa: TRY004 - a refusal
        self._model = compiled
        self.accelerated: bool = compiled.is_fully_accelerated()

    def allocate_tensors(self) -> None:
        """Create the buffers of inputs and outputs, after open dimensions are pinned."""
        self._file.allocate_tensors()
        self._inputs = self._model.create_input_buffers(SIGNATURE)
        self._outputs = self._model.create_output_buffers(SIGNATURE)

    def resize_tensor_input(self, index: int, shape: list[int]) -> None:
        """Pin an input's open dimensions."""
        self._file.resize_tensor_input(index, shape)
        self._model.resize_input_tensor(self._place(self.get_input_details(), index), shape)

    def set_tensor(self, index: int, values: Any) -> None:
        """Set an input, given the tensor's index in the file."""
        self._inputs[self._place(self.get_input_details(), index)].write(values)

    def invoke(self) -> None:
        """Run the model once; reading an output waits for the GPU.

        Raises:
            RuntimeError: It does not run. The message is what LiteRT printed.
        """
        run = partial(self._model.run_by_index, SIGNATURE, self._inputs, self._outputs)
        result, printed = captured(run)
        if isinstance(result, Exception):
            refusal = reason(printed) or str(result)
            slow = _SLOW if "DEADLINE_EXCEEDED" in printed else ""
            raise RuntimeError(f"LiteRT's GPU accelerator: {refusal}{slow}")  # noqa: TRY004 - a refusal

    def reset_all_variables(self) -> None:
        """Do nothing: a CompiledModel takes no file that keeps a state."""

    def get_tensor(self, index: int) -> Any:
        """Return an output, given the tensor's index in the file."""
        details = self.get_output_details()
        place = self._place(details, index)
        shape = details[place]["shape"]
        return self._outputs[place].read(int(shape.prod()), details[place]["dtype"]).reshape(shape)

    def get_input_details(self) -> list[worker.Json]:
        """Return the details of the inputs."""
        details: list[worker.Json] = self._file.get_input_details()
        return details

    def get_output_details(self) -> list[worker.Json]:
        """Return the details of the outputs."""
        details: list[worker.Json] = self._file.get_output_details()
        return details

    def _get_ops_details(self) -> list[worker.Json]:
        """Return the name, inputs and outputs of every operator in the file."""
        operators: list[worker.Json] = self._file._get_ops_details()  # noqa: SLF001
        return operators

    @staticmethod
    def _place(details: list[worker.Json], index: int) -> int:
        return [detail["index"] for detail in details].index(index)


def captured(work: Callable[[], T], *, prints: bool = True) -> tuple[T | Exception, str]:
    """Return a function's result or exception, and what native code printed, or would have."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as file:
        own = os.dup(2)
        os.dup2(file.fileno(), 2)
        result: T | Exception
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - returned to the caller
            result = error
        finally:
            os.dup2(own, 2)
            os.close(own)
        file.seek(0)
        text = file.read().decode("utf-8", "replace")
    if prints:
        sys.stderr.write(text)
    return result, text


def reason(printed: str) -> str:
    """Return the first line in which LiteRT says why it fails, ``""`` if there is none."""
    first = _REASON.search(printed)
    return (first[1] or first[2]).strip() if first else ""


class GpuModel(worker.Model):
    """A model that LiteRT compiled for the GPU."""

    precision = "float16"

    def __init__(self, source: worker.Json, request: worker.Json) -> None:
        start = time.perf_counter()
        path = source.get("model_path")
        content = Path(path).read_bytes() if path else bytes(source["model_content"])
        self.interpreter = Interpreter(content, self.precision)
        self._allocate(start, request["input_size"])


class GpuWorker(worker.Worker):
    """Answers requests like the regular worker, and names its GPU."""

    tiny = b""

    def op_hello(self, request: worker.Json, blobs: worker.Arrays) -> worker.Frame:
        """Report versions and the GPU, on which a tiny model is compiled first.

        The limit of memory is left to the client: drivers reserve far more than they use.
        """
        try:
            printed = Interpreter(self.tiny, GpuModel.precision).printed
        except ValueError as error:
            sys.stderr.write(f"\n{error}")
            sys.stderr.flush()
            os._exit(NO_GPU)
        header, arrays = super().op_hello({**request, "memory_limit": None}, blobs)
        with suppress(TypeError):  # another version of LiteRT may print other words
            name, adapter = _ADAPTER.search(printed).groups()  # type: ignore[union-attr]
            header["device"] = f"{name} ({adapter.strip()})"
        return header, arrays

    def op_load(self, request: worker.Json, blobs: worker.Arrays) -> worker.Frame:
        """Load a model and report whether all of it runs on the GPU."""
        header, arrays = super().op_load(request, blobs)
        accelerated = self.models[header["handle"]].interpreter.accelerated
        return {**header, "accelerated": accelerated}, arrays


if __name__ == "__main__":
    GpuModel.precision, GpuWorker.tiny = sys.argv[1], base64.b64decode(sys.argv[2])
    worker.Model = GpuModel  # type: ignore[misc] # looked up when the worker loads a model
    worker.Worker = GpuWorker  # type: ignore[misc] # looked up when the worker starts
    os._exit(worker.main())
