"""Runs a model in the runtime of its source, before any conversion; in a child process only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeq.errors import ModelError
from edgeq.models.export_request import ExportRequest
from edgeq.models.serving import one_line

Floats = npt.NDArray[np.float32]
Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class OwnRuntime:
    """A source, ready to run.

    Attributes:
        name: The runtime with its version.
        infer: Returns the outputs for some samples, by their names in the signature of the exported
            file. It takes one array per input, by their names there and in the file's order, with a
            batch in front. Channels of outputs lie where the source has them.
        batched: Whether it takes several samples at once.
    """

    name: str
    infer: Callable[[Arrays], Mapping[str, Floats]]
    batched: bool = False


def own_runtime(request: ExportRequest) -> OwnRuntime:
    """Load the source of an export into its own runtime, unless this process has it loaded.

    Raises:
        ModelError: It can't be loaded.
    """
    if request.kind == "torch":
        return _torch(request)
    if request.kind == "onnx":
        return _onnx(request)
    return _saved_model(request) if request.kind == "saved_model" else _keras(request)


def _keras(request: ExportRequest) -> OwnRuntime:
    import tensorflow as tf

    from edgeq.models.keras_sources import build_model, called, inputs_of, named_outputs

    model, _ = build_model(request)
    batches = {shape[0] for shape in inputs_of(model, request).values()}

    def infer(inputs: Arrays) -> Mapping[str, Floats]:
        tensors = [tf.constant(value) for value in inputs.values()]
        outputs = named_outputs(called(model, tensors))
        return {name: np.asarray(output, np.float32) for name, output in outputs.items()}

    name = f"Keras {version('keras')}, TensorFlow {version('tensorflow')}"
    return OwnRuntime(name, infer, batched=batches == {None})


def _saved_model(request: ExportRequest) -> OwnRuntime:
    import tensorflow as tf

    from edgeq.models.saved_model_source import signature_of

    function = signature_of(request)
    specs = function.structured_input_signature[1]
    batches = {None if spec.shape.rank is None else spec.shape[0] for spec in specs.values()}

    def infer(inputs: Arrays) -> Mapping[str, Floats]:
        given = inputs if len(inputs) > 1 else dict(zip(specs, inputs.values(), strict=True))
        tensors = {name: tf.constant(given[name], spec.dtype) for name, spec in specs.items()}
        return {name: output.numpy() for name, output in function(**tensors).items()}

    return OwnRuntime(f"TensorFlow {version('tensorflow')}", infer, batched=batches == {None})


def _onnx(request: ExportRequest) -> OwnRuntime:
    import onnxruntime

    from edgeq.models.export_request import signature_name
    from edgeq.models.input_size import channels_first

    try:
        session = onnxruntime.InferenceSession(request.name, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common class
        raise ModelError(
            f"ONNX Runtime can't load it: {one_line(error)}",
            where=request.name,
            remedy="Export it again for the installed version of onnxruntime",
        ) from error
    entries = session.get_inputs()
    shape = [side if isinstance(side, int) else None for side in entries[0].shape]
    first = not request.arrays and channels_first(shape)
    batch = shape[0] or 1
    names = [output.name for output in session.get_outputs()]

    def infer(inputs: Arrays) -> Mapping[str, Floats]:
        given = {}
        for entry in entries:
            value = inputs[signature_name(entry.name)] if request.arrays else inputs["image"]
            turned = value.transpose(0, 3, 1, 2) if first else value
            typed = turned.astype(_onnx_type(entry.type))
            given[entry.name] = np.repeat(np.ascontiguousarray(typed), batch, axis=0)
        outputs = session.run(names, given)
        return {
            signature_name(name): np.asarray(output)[: len(output) // batch]
            for name, output in zip(names, outputs, strict=True)
        }

    return OwnRuntime(f"ONNX Runtime {version('onnxruntime')}", infer)


def _onnx_type(text: str) -> str:
    """Return NumPy's name of a type such as ``tensor(int64)``."""
    name = text.removeprefix("tensor(").removesuffix(")")
    return "float32" if name == "float" else name


def _torch(request: ExportRequest) -> OwnRuntime:
    import torch

    from edgeq.models.torch_source import module_of, output_name, run

    net, blank = module_of(request)

    def infer(inputs: Arrays) -> Mapping[str, Floats]:
        given = []
        for value, like in zip(inputs.values(), blank, strict=True):
            turned = value if request.arrays else value.transpose(0, 3, 1, 2)
            given.append(torch.from_numpy(np.ascontiguousarray(turned)).to(like.dtype))
        outputs = run(net, given, request)
        return {output_name(at): output.numpy() for at, output in enumerate(outputs)}

    return OwnRuntime(f"PyTorch {version('torch')}", infer)
