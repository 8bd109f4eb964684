"""Converts PyTorch modules by litert-torch; imported in the export child only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import litert_torch
import torch

from edgeq.errors import ModelError
from edgeq.models.export_request import ExportRequest
from edgeq.models.function_source import function_of
from edgeq.models.input_size import NO_IMAGE
from edgeq.models.serving import one_line
from edgeq.tflite.image_input import GREY, RANK, RGB


def write_litert(request: ExportRequest) -> tuple[int, int]:
    """Write a module as a float ``.tflite`` file; return its image's size.

    An image has its channels last, and so have outputs with a batch, channels and two sides.
    Arrays stay as they are.

    Raises:
        ModelError: The function gives no module, or the module can't be run or exported.
    """
    net, blank = module_of(request)
    outputs = run(net, blank, request)
    size = NO_IMAGE
    if not request.arrays:
        (image,) = blank
        last = [at for at, output in enumerate(outputs) if output.ndim == RANK]
        net = litert_torch.to_channel_last_io(net, args=[0], outputs=last)
        size, blank = tuple(image.shape[2:]), (image.permute(0, 2, 3, 1),)
    try:
        converted = litert_torch.convert(net.eval(), blank)
    except Exception as error:  # torch.export and the converter raise classes of their own
        raise ModelError(
            f"litert-torch can't export it: {one_line(error)}",
            where=request.name,
            remedy="Replace what depends on the values of tensors (if, while, .item()) or is not "
            "a tensor by operators that torch.export takes; the log names the line",
        ) from error
    converted.export(request.output)
    return size


def output_name(place: int) -> str:
    """Return the name that litert-torch gives an output in the file's signature."""
    return f"output_{place}"


def module_of(request: ExportRequest) -> tuple[Any, tuple[Any, ...]]:
    """Return a module, ready to infer, and its arguments: a blank image with the channels first.

    The image is grey if the module's first convolution takes one channel. Of a module that takes
    arrays, the arguments are arrays of zeros.

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
    if request.arrays:
        blank = (
            torch.zeros(1, *each.shape, dtype=getattr(torch, each.dtype)) for each in request.inputs
        )
        return net.eval(), tuple(blank)
    first = next((each for each in net.modules() if isinstance(each, torch.nn.Conv2d)), None)
    channels = GREY if first is not None and first.in_channels == GREY else RGB
    return net.eval(), (torch.zeros(1, channels, *(request.input_size or NO_IMAGE)),)


def run(net: Any, given: Sequence[Any], request: ExportRequest) -> tuple[Any, ...]:
    """Return a module's outputs.

    Raises:
        ModelError: It fails, or gives anything but tensors.
    """
    try:
        with torch.no_grad():
            outputs = net(*given)
    except Exception as error:  # a user's code may raise anything
        what, key = ("arrays", "samples") if request.arrays else ("an image", "input_size")
        shapes = ", ".join(str(tuple(each.shape)) for each in given)
        raise ModelError(
            f"does not run on {what} {shapes}: {one_line(error)}",
            where=request.name,
            remedy=f"Correct {key}, or the module",
        ) from error
    every = tuple(outputs) if isinstance(outputs, list | tuple) else (outputs,)
    if not all(torch.is_tensor(output) for output in every):
        raise ModelError(
            f"gives a {type(outputs).__name__}, not a tensor or a tuple of tensors",
            where=request.name,
            remedy="Wrap it in a module whose forward() returns the tensors",
        )
    return every
