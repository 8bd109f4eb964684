"""Runs a model in the runtime of its source, before any conversion; in a child process only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from edgeq.errors import ModelError
from edgeq.models.export_request import ExportRequest
from edgeq.models.serving import one_line

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class OwnRuntime:
    """A source, ready to run.

    Attributes:
        name: The runtime with its version.
        infer: Returns the outputs for one image of shape ``(1, h, w, 3)``, by their names in the
            signature of the exported file. Channels lie where the source has them.
    """

    name: str
    infer: Callable[[Floats], Mapping[str, Floats]]


def own_runtime(request: ExportRequest) -> OwnRuntime:
    """Load the source of an export into its own runtime.

    Raises:
        ModelError: It can't be loaded.
    """
    return _torch(request) if request.kind == "torch" else _onnx(request)


def _onnx(request: ExportRequest) -> OwnRuntime:
    import onnxruntime

    from edgeq.models.onnx_names import channels_first, output_name

    try:
        session = onnxruntime.InferenceSession(request.name, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common class
        raise ModelError(
            f"ONNX Runtime can't load it: {one_line(error)}",
            where=request.name,
            remedy="Export it again for the installed version of onnxruntime",
        ) from error
    (entry,) = session.get_inputs()
    first = channels_first([side if isinstance(side, int) else None for side in entry.shape])
    batch = entry.shape[0] if isinstance(entry.shape[0], int) else 1
    names = [output.name for output in session.get_outputs()]

    def infer(image: Floats) -> Mapping[str, Floats]:
        turned = np.ascontiguousarray(image.transpose(0, 3, 1, 2)) if first else image
        outputs = session.run(names, {entry.name: np.repeat(turned, batch, axis=0)})
        return {
            output_name(name): np.asarray(output)[: len(output) // batch]
            for name, output in zip(names, outputs, strict=True)
        }

    return OwnRuntime(f"ONNX Runtime {version('onnxruntime')}", infer)


def _torch(request: ExportRequest) -> OwnRuntime:
    import torch

    from edgeq.models.torch_source import module_of, output_name, run

    net, _ = module_of(request)

    def infer(image: Floats) -> Mapping[str, Floats]:
        turned = torch.from_numpy(np.ascontiguousarray(image.transpose(0, 3, 1, 2)))
        outputs = run(net, turned, request)
        return {output_name(at): output.numpy() for at, output in enumerate(outputs)}

    return OwnRuntime(f"PyTorch {version('torch')}", infer)
