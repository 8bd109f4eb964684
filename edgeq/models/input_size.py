"""The height and width that a model is exported with."""

from __future__ import annotations

from collections.abc import Sequence

from edgeq.errors import ModelError
from edgeq.models.export_request import ExportRequest

RANK = 4
CHANNELS = 3


def fixed_size(shape: Sequence[int | None], request: ExportRequest) -> tuple[int, int]:
    """Return the height and width for an export.

    Args:
        shape: Of the model's input, None for open dimensions.
        request: Its ``input_size`` is what the spec asks for; ``open_size`` helps models that
            leave the size open.

    Raises:
        ModelError: The input is no RGB image, its size is open and nothing fixes it, or it is
            another than the one asked for.
    """
    if len(shape) != RANK or shape[-1] not in (CHANNELS, None):
        raise ModelError(
            f"its input {tuple(shape)} is no image of (batch, height, width, 3)",
            where=request.name,
            remedy="Export a model for RGB images with the channels last",
        )
    asked = request.input_size or request.open_size or (None, None)
    height, width = shape[1] or asked[0], shape[2] or asked[1]
    if height is None or width is None:
        raise ModelError(
            "leaves its input size open",
            where=request.name,
            remedy="Set input_size = [HEIGHT, WIDTH]",
        )
    if request.input_size not in (None, (height, width)):
        raise ModelError(
            f"takes images of {[height, width]}, not of {list(request.input_size or ())}",
            where=request.name,
            remedy="Remove input_size from the spec, or set it to the model's own",
        )
    return height, width
