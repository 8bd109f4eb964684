"""The size of the input for an export."""

from __future__ import annotations

from collections.abc import Sequence

from edgeq.errors import ModelError
from edgeq.models.export_request import ExportRequest
from edgeq.models.layout import CHANNELS, NO_IMAGE, unlike_an_image


def fixed_shape(
    shape: Sequence[int | None], request: ExportRequest, table: str = "the spec"
) -> tuple[int, ...]:
    """Return the input's shape for an export, with a batch of 1.

    Args:
        shape: As for ``fixed_size``.
        request: The export.
        table: The model's table in the spec, for errors.

    Raises:
        ModelError: As for ``fixed_size``; of a model that takes arrays, only if a size is open.
    """
    if not request.arrays:
        return (1, *fixed_size(shape, request, table), CHANNELS)
    sides = [side for side in shape[1:] if side is not None]
    if not shape or len(sides) != len(shape) - 1:
        raise ModelError(
            f"leaves its input size open: {_shown(shape)}",
            where=request.name,
            remedy="Build it with an input of a fixed size",
        )
    return (1, *sides)


def size_of(shape: Sequence[int], request: ExportRequest) -> tuple[int, int]:
    """Return height and width of what ``fixed_shape`` returned; ``NO_IMAGE`` for arrays."""
    return NO_IMAGE if request.arrays else (shape[1], shape[2])


def fixed_size(
    shape: Sequence[int | None], request: ExportRequest, table: str = "the spec"
) -> tuple[int, int]:
    """Return the input height and width for an export, in pixels.

    Args:
        shape: Shape of the model's input, with None for open dimensions. A fixed batch is ignored
            because the export sets its own.
        request: The export. Its ``input_size`` is the size that the spec sets; ``open_size`` is
            the default for models that leave the size open.
        table: The model's table in the spec, for errors.

    Raises:
        ModelError: The input is not an RGB image, its size is open and nothing sets it, or it
            differs from the size that the spec sets.
    """
    unlike = unlike_an_image((None, *shape[1:]) if shape else ())
    if unlike is not None:
        what, remedy = unlike
        raise ModelError(
            f"its input {_shown(shape)} is not one RGB image (1, height, width, 3): it {what}",
            where=request.name,
            remedy=remedy,
        )
    requested = request.input_size or request.open_size or (None, None)
    height, width = shape[1] or requested[0], shape[2] or requested[1]
    if height is None or width is None:
        raise ModelError(
            f"leaves its input size open: {_shown(shape)}",
            where=request.name,
            remedy=f"Set input_size = [HEIGHT, WIDTH] in {table}",
        )
    if request.input_size not in (None, (height, width)):
        raise ModelError(
            f"takes images of {[height, width]}, not of {list(request.input_size or ())}",
            where=request.name,
            remedy=f"Remove input_size from {table}, or set it to the model's own",
        )
    return height, width


def _shown(shape: Sequence[int | None]) -> str:
    return f"({', '.join('open' if side is None else str(side) for side in shape)})"
