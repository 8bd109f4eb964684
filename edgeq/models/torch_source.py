"""Converts PyTorch modules by litert-torch; imported in the export child only."""

from __future__ import annotations

from typing import Any

import litert_torch
import torch

from edgeq.errors import ModelError
from edgeq.models.export_request import ExportRequest
from edgeq.models.function_source import function_of
from edgeq.models.layout import CHANNELS, RANK
from edgeq.models.serving import one_line


def write_litert(request: ExportRequest) -> tuple[int, int]:
    """Write a module as a float ``.tflite`` file, channels last; return its input's size.

    Outputs with a batch, channels and two sides have their channels last too.

    Raises:
        ModelError: The function gives no module, or the module can't be run or exported.
    """
    net, image = module_of(request)
    last = [at for at, output in enumerate(run(net, image, request)) if output.ndim == RANK]
    turned = litert_torch.to_channel_last_io(net, args=[0], outputs=last)
    try:
        converted = litert_torch.convert(turned.eval(), (image.permute(0, 2, 3, 1),))
    except Exception as error:  # torch.export and the converter raise classes of their own
        raise ModelError(
            f"litert-torch can't export it: {one_line(error)}",
            where=request.name,
            remedy="Replace what depends on the values of tensors (if, while, .item()) or is not "
            "a tensor by operators that torch.export takes; the log names the line",
        ) from error
    converted.export(request.output)
    height, width = image.shape[2:]
    return height, width


def output_name(place: int) -> str:
    """Return the name that litert-torch gives an output in the file's signature."""
    return f"output_{place}"


def module_of(request: ExportRequest) -> tuple[Any, Any]:
    """Return a module, ready to infer, and a blank image with the channels first.

    Raises:
        ModelError: The function is missing or gives no module.
    """
    torch.manual_seed(request.seed)
    net = function_of(request)()
    if not isinstance(net, torch.nn.Module):
        raise ModelError(
            f"gives a {type(net).__name__}, not a torch.nn.Module",
            where=request.name,
            remedy="Return the module with its weights",
        )
    height, width = request.input_size or (0, 0)
    return net.eval(), torch.zeros(1, CHANNELS, height, width)


def run(net: Any, image: Any, request: ExportRequest) -> tuple[Any, ...]:
    """Return a module's outputs for an image.

    Raises:
        ModelError: It fails, or gives anything but tensors.
    """
    try:
        with torch.no_grad():
            outputs = net(image)
    except Exception as error:  # a user's code may raise anything
        raise ModelError(
            f"does not run on an image {tuple(image.shape)}: {one_line(error)}",
            where=request.name,
            remedy="Correct input_size, or the module",
        ) from error
    every = tuple(outputs) if isinstance(outputs, list | tuple) else (outputs,)
    if not all(torch.is_tensor(output) for output in every):
        raise ModelError(
            f"gives a {type(outputs).__name__}, not a tensor or a tuple of tensors",
            where=request.name,
            remedy="Wrap it in a module whose forward() returns the tensors",
        )
    return every
